"""What a gateway replica works with: the hosts, the keys, the log to read, and its settings."""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request
from starlette.requests import HTTPConnection

from actors.definitions.inventory import Key
from events.catalog import PREDICTIONS, USER_INTERACTIONS
from events.log import LogReader, LogUpkeep
from query.apart.pool import Pool
from query.optimizing.optimizer import AnalyticsOptimizer
from serve.access import Access, Denied, NoKey, Principal
from serve.batching import CollectorBatching
from serve.hosts import Hosts
from serve.interactions import Interactions
from serve.otlp.door import OtlpDoor
from serve.predicting.calls import ServeReplicas
from serve.predicting.door import Predictor
from serve.querying import Queries
from serve.spec import GatewaySpec
from serve.webhooks.door import WebhookDoor


@dataclass(slots=True)
class Counters:
    """What this replica has answered, for ``/metrics``."""

    requests: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])


class Gateway:
    """Everything that the routes of one replica share. It is made once, within the replica's event loop."""

    def __init__(self, spec: GatewaySpec) -> None:
        self.spec = spec
        self.hosts = Hosts(spec.hosts)
        self.access = Access(self.hosts, spec.tenant)
        log = spec.log.open(woken=False)
        self.log: LogReader = log
        self.upkeep: LogUpkeep = log
        doors = spec.hosts.partitions(spec.tenant, USER_INTERACTIONS.name)
        self.interactions = Interactions(self.hosts, doors, spec.max_ahead_us, self._plans)
        self.control = CollectorBatching(self.hosts, f"{spec.tenant}/control/0")
        self.queries = Queries(spec.queries)
        self.apart = Pool(spec.log, spec.tenant, self.queries.limits)
        cache_bytes = spec.queries.cache_mb << 20
        self.optimizer = AnalyticsOptimizer(log, spec.tenant, self.queries.limits, cache_bytes, self.apart)
        self.webhooks = WebhookDoor(self.hosts, spec.tenant, dict(spec.webhooks), spec.secrets)
        self.otlp = OtlpDoor(self.hosts, spec.tenant) if spec.otlp else None
        self._collectors: dict[str, CollectorBatching] = {}
        answered = self.collector(PREDICTIONS.name)
        self.predictor = Predictor(self.hosts, spec.tenant, answered, ServeReplicas()) if spec.models else None
        self.counters = Counters()
        self.started = time.time()

    def _plans(self) -> list[Mapping[str, Any]]:
        """The tracking plans that hold, as far as this replica has heard."""
        among = self.access.inventory
        return [among.specs[Key("plan", name)] for name in sorted(among.names("plan"))]

    def collector(self, stream: str) -> CollectorBatching:
        """What commits rows of ``stream``, whose only collector has its name."""
        if stream not in self._collectors:
            self._collectors[stream] = CollectorBatching(self.hosts, f"{self.spec.tenant}/{stream}/0")
        return self._collectors[stream]

    @property
    def cookie(self) -> str:
        """The name of the page's cookie: a browser keeps one set for all ports of a host, so each log has its own."""
        return f"hindcast_{self.spec.generation}"

    def key_of(self, connection: HTTPConnection) -> str | None:
        """The key that a request or a socket brings: in its header, else the page's cookie. Raises ``Denied``.

        A cookie is sent by the browser, whoever wrote the page that asks; so it counts only where the page is ours.
        """
        key = bearer(connection)
        if key:
            return key
        cookie = connection.cookies.get(self.cookie)
        if cookie and foreign(connection):
            raise NoKey("origin", "this request comes from a page of another site: the cookie does not count for it")
        return cookie


def gateway_of(request: Request) -> Gateway:
    return request.app.state.gateway


async def principal(request: Request, scope: str, key: str | None = None) -> Principal:
    """Who sent the request. Raises ``Denied`` if the key is not known, and ``Forbidden`` if it lacks ``scope``."""
    gateway = gateway_of(request)
    who = await gateway.access.principal(key or gateway.key_of(request))
    who.require(scope)
    return who


def bearer(connection: HTTPConnection) -> str | None:
    """The key of an ``Authorization`` header: ``Bearer``, or the user name of basic auth, which needs no password.

    Raises ``Denied`` for a malformed one.
    """
    header = connection.headers.get("authorization", "")
    scheme, _, value = header.partition(" ")
    if not header:
        return None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0] or None
        except (binascii.Error, UnicodeDecodeError):
            raise Denied("authorization", "is not valid basic authentication") from None
    if scheme.lower() != "bearer" or not value.strip():
        raise Denied("authorization", "must be `Bearer <key>`, or basic with the key as user name")
    return value.strip()


def foreign(connection: HTTPConnection) -> bool:
    """Whether a browser says that the page of another origin asks.

    ``Sec-Fetch-Site`` is the browser's own word, and no proxy changes it; browsers send it over https and to loopback. Else
    ``Origin`` must name the host that was asked: a proxy must hand ``Host`` on.
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("none", "same-origin")
    origin = connection.headers.get("origin")
    return origin is not None and origin.split("://")[-1] != connection.headers.get("host")
