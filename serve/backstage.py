"""What a gateway replica works with: the hosts, the keys, the log to read, and its settings."""

from __future__ import annotations

import base64
import binascii
import time
from dataclasses import dataclass, field

from fastapi import Request

from events.errors import Rejected
from events.sqlite_log import SqliteLog
from serve.access import COOKIE, LOCAL, Access, Principal
from serve.coalescer import Coalescer
from serve.hosts import Hosts
from serve.interactions import Interactions
from serve.spec import GatewaySpec

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1", "testserver")


@dataclass(slots=True)
class Counters:
    """What this replica has answered, for ``/metrics``."""

    requests: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])


class Backstage:
    """Made once a replica, within its event loop."""

    def __init__(self, spec: GatewaySpec) -> None:
        self.spec = spec
        self.hosts = Hosts(spec.hosts)
        self.access = Access(self.hosts, spec.tenant)
        self.log = SqliteLog(spec.log, doorbell=False)
        self.interactions = Interactions(self.hosts, f"{spec.tenant}/user_interactions/0", spec.max_ahead_us)
        self.control = Coalescer(self.hosts, f"{spec.tenant}/control/0")
        self.counters = Counters()
        self.started = time.time()


def backstage(request: Request) -> Backstage:
    return request.app.state.backstage


async def principal(request: Request, scope: str, key: str | None = None) -> Principal:
    """Who asks, with ``scope``. Raises ``Denied`` or ``Forbidden``.

    On a loopback system a browser on the same machine may look and acknowledge without a key: the request must name a
    loopback host (no DNS rebinding) and must not come from another site (no cross-site request).
    """
    stage = backstage(request)
    key = key or bearer(request) or request.cookies.get(COOKIE)
    if not key and stage.spec.local_viewer and is_local(request.headers.get("host", "")) and not _foreign(request):
        LOCAL.require(scope)
        return LOCAL
    who = await stage.access.principal(key)
    who.require(scope)
    return who


def bearer(request: Request) -> str | None:
    """The key of an ``Authorization`` header: ``Bearer``, or the user name of basic auth, which needs no password.

    Raises ``Rejected`` for a malformed one.
    """
    header = request.headers.get("authorization", "")
    scheme, _, value = header.partition(" ")
    if not header:
        return None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0] or None
        except (binascii.Error, UnicodeDecodeError):
            raise Rejected("authorization", "is not valid basic authentication") from None
    if scheme.lower() != "bearer" or not value.strip():
        raise Rejected("authorization", "must be `Bearer <key>`, or basic with the key as user name")
    return value.strip()


def is_local(host: str) -> bool:
    """Whether a Host header names this machine's loopback."""
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    return name in LOOPBACK


def _foreign(request: Request) -> bool:
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "none")
    return site not in ("none", "same-origin") or (
        origin is not None and origin.split("://")[-1] != request.headers.get("host")
    )
