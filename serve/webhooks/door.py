"""The door of webhooks: who may come in, what comes in, and a record of who may not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import orjson

from actors.collectors.arrivals import CONFLICT, DUPLICATE, REUSED
from actors.edges.secrets import secret_at
from events.catalog import DEAD_LETTERS, Stream, rows
from events.collected import BUSINESS_EVENTS, EMAIL_CAMPAIGNS
from events.errors import Rejected, Transient
from serve.access import Denied
from serve.batching import CollectorBatching
from serve.hosts import Hosts
from serve.sources.fetching import Fetcher, FetchSpec
from serve.sources.gathered import Gathered
from serve.webhooks.mail import read_mail
from serve.webhooks.part import Endpoint
from serve.webhooks.reading import read
from serve.webhooks.signatures import verified
from serve.webhooks.signed import Signed
from serve.webhooks.sns import Certificates, Fetch, Notice, notice

logger = logging.getLogger(__name__)
MOST_SIGNATURES = 100_000
"""So many are remembered, so that none is taken twice."""
AUDIT_EVERY_S = 1.0
"""Of what is refused at one endpoint, one is recorded in so long, with how many there were: a flood fills no disk."""
MOST_EVENTS = 10_000
"""So many one request may bring."""


class WebhookDoor:
    """Takes webhooks in at ``endpoints``. ``secrets``: the folder that ``file:NAME`` is in; ``fetch``: what asks Amazon."""

    def __init__(
        self, hosts: Hosts, tenant: str, endpoints: Mapping[str, Endpoint], secrets: Path, fetch: Fetch | None = None
    ) -> None:
        self.endpoints = endpoints
        self._secrets = secrets
        self._collectors = {
            stream.name: CollectorBatching(hosts, f"{tenant}/{stream.name}/0")
            for stream in (BUSINESS_EVENTS, EMAIL_CAMPAIGNS)
        }
        self._amazon = Certificates(fetch or Fetcher(FetchSpec((), secrets, most_bytes=1 << 20)).body)
        self._taken: OrderedDict[str, float] = OrderedDict()
        """Signatures that say their time, and until when each would be taken."""
        self._audited: dict[str, tuple[float, int]] = {}

    async def take(self, name: str, headers: Mapping[str, str], body: bytes) -> str:
        """What became of the events: ``accepted``, ``duplicate`` (all of them), or ``confirmed`` for a subscription.

        They are committed. Where only some of several are refused, these are kept as dead letters.

        Raises ``Denied`` for a signature that is wrong, stale or was taken before, ``Rejected`` for what cannot be a row,
        ``Transient`` for later.
        """
        endpoint, now_s = self.endpoints[name], time.time()
        secret = self._secret(name, endpoint)
        message: Notice | None = None
        try:
            if endpoint.scheme == "ses":
                message = notice(body)
                signed = await asyncio.to_thread(self._amazon.verify, endpoint, message, now_s)
            else:
                signed = verified(endpoint, secret, headers, body, now_s)
            self._refuse_taken(name, signed, now_s)
        except Denied as error:
            await self._audit(name, endpoint, error, now_s)
            raise
        if message is not None and (message.type != "Notification" or message.connected):
            return await self._confirm(name, message)
        gathered = _gathered(endpoint, name, signed, headers, body, message, int(now_s * 1_000_000))
        batch, refused = gathered.batch(), gathered.refused()
        committed = await self._collectors[_stream(endpoint).name].push(batch, refused)
        if refused is not None and not batch.num_rows:
            row = refused.to_pylist()[0]
            raise Rejected(row["field"], row["reason"])
        if batch.num_rows and (committed.verdict == CONFLICT).all():
            raise Rejected("id", REUSED)
        if signed.at_s is not None:
            self._taken[f"{name} {signed.signature}"] = signed.at_s + endpoint.tolerance_s
        return "duplicate" if batch.num_rows and (committed.verdict == DUPLICATE).all() else "accepted"

    def _secret(self, name: str, endpoint: Endpoint) -> str:
        if endpoint.secret is None:
            return ""
        try:
            return secret_at(endpoint.secret, self._secrets, "secret")
        except Rejected as error:
            raise Transient(f"webhooks.{name}.{error}", 60.0) from None

    async def _confirm(self, name: str, message: Notice) -> str:
        """Subscribe, as Amazon asks whether we want it. What it asks when a subscription ends is only noted."""
        if message.type == "SubscriptionConfirmation":
            await asyncio.to_thread(self._amazon.confirm, message)
        logger.info("webhooks.%s: %s of %s", name, message.type, message.said["TopicArn"])
        return "confirmed"

    def _refuse_taken(self, name: str, signed: Signed, now_s: float) -> None:
        while self._taken and (len(self._taken) > MOST_SIGNATURES or next(iter(self._taken.values())) < now_s):
            self._taken.popitem(last=False)
        if f"{name} {signed.signature}" in self._taken:
            raise Denied("signature", "was taken before: the same request came a second time")

    async def _audit(self, name: str, endpoint: Endpoint, error: Denied, now_s: float) -> None:
        last_s, more = self._audited.get(name, (0.0, 0))
        if now_s - last_s < AUDIT_EVERY_S:
            self._audited[name] = last_s, more + 1
            return
        self._audited[name] = now_s, 0
        besides = f" ({more:,} more were refused before it)" if more else ""
        at_us, stream = int(now_s * 1_000_000), _stream(endpoint)
        columns = {"type": "signature.refused", "source": name, "stream": stream.name, "field": error.field}
        columns |= {"reason": error.reason + besides, "time": at_us, "received": at_us}
        await self._collectors[stream.name].push(rows(stream, {}, 0), rows(DEAD_LETTERS, columns, 1))


def _stream(endpoint: Endpoint) -> Stream:
    return EMAIL_CAMPAIGNS if endpoint.tells_of_mail else BUSINESS_EVENTS


def _gathered(
    endpoint: Endpoint,
    name: str,
    signed: Signed,
    headers: Mapping[str, str],
    body: bytes,
    message: Notice | None,
    received_us: int,
) -> Gathered:
    if not endpoint.tells_of_mail:
        return read(endpoint, name, signed, headers, body, received_us)
    if message is not None:
        said = message.message
    else:
        try:
            said = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise Rejected("body", f"is not JSON: {error}") from None
    items: list[object] = said if isinstance(said, list) else [said]
    if len(items) > MOST_EVENTS:
        raise Rejected("body", f"has {len(items):,} events; one request may have {MOST_EVENTS:,}")
    return read_mail(endpoint.scheme, items, signed.id or "", endpoint.source or name, received_us)
