"""The door of webhooks: who may come in, what comes in, and a record of who may not."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from actors.collectors.arrivals import CONFLICT, DUPLICATE, REUSED
from actors.edges.secrets import secret_at
from events.catalog import DEAD_LETTERS, rows
from events.collected import BUSINESS_EVENTS
from events.errors import Rejected, Transient
from serve.access import Denied
from serve.batching import CollectorBatching
from serve.hosts import Hosts
from serve.webhooks.part import Endpoint
from serve.webhooks.reading import read
from serve.webhooks.signatures import Signed, verified

MOST_SIGNATURES = 100_000
"""So many are remembered, so that none is taken twice."""
AUDIT_EVERY_S = 1.0
"""Of what is refused at one endpoint, one is recorded in so long, with how many there were: a flood fills no disk."""


class WebhookDoor:
    """Takes webhooks in at ``endpoints``. ``secrets``: the folder that ``file:NAME`` is in."""

    def __init__(self, hosts: Hosts, cell: str, endpoints: Mapping[str, Endpoint], secrets: Path) -> None:
        self.endpoints = endpoints
        self._secrets = secrets
        self._collector = CollectorBatching(hosts, cell)
        self._taken: OrderedDict[str, float] = OrderedDict()
        """Signatures that say their time, and until when each would be taken."""
        self._audited: dict[str, tuple[float, int]] = {}

    async def take(self, name: str, headers: Mapping[str, str], body: bytes) -> str:
        """What became of the event: ``accepted`` or ``duplicate``; it is committed.

        Raises ``Denied`` for a signature that is wrong, stale or was taken before, ``Rejected`` for what cannot be a row,
        ``Transient`` for later.
        """
        endpoint, now_s = self.endpoints[name], time.time()
        try:
            secret = secret_at(endpoint.secret, self._secrets, "secret")
        except Rejected as error:
            raise Transient(f"webhooks.{name}.{error}", 60.0) from None
        try:
            signed = verified(endpoint, secret, headers, body, now_s)
            self._refuse_taken(name, signed, now_s)
        except Denied as error:
            await self._audit(name, error, now_s)
            raise
        gathered = read(endpoint, name, signed, headers, body, int(now_s * 1_000_000))
        refused = gathered.refused()
        committed = await self._collector.push(gathered.batch(), refused)
        if refused is not None:
            row = refused.to_pylist()[0]
            raise Rejected(row["field"], row["reason"])
        if (committed.verdict == CONFLICT).any():
            raise Rejected("id", REUSED)
        if signed.at_s is not None:
            self._taken[f"{name} {signed.signature}"] = signed.at_s + endpoint.tolerance_s
        return "duplicate" if (committed.verdict == DUPLICATE).any() else "accepted"

    def _refuse_taken(self, name: str, signed: Signed, now_s: float) -> None:
        while self._taken and (len(self._taken) > MOST_SIGNATURES or next(iter(self._taken.values())) < now_s):
            self._taken.popitem(last=False)
        if f"{name} {signed.signature}" in self._taken:
            raise Denied("signature", "was taken before: the same request came a second time")

    async def _audit(self, name: str, error: Denied, now_s: float) -> None:
        last_s, more = self._audited.get(name, (0.0, 0))
        if now_s - last_s < AUDIT_EVERY_S:
            self._audited[name] = last_s, more + 1
            return
        self._audited[name] = now_s, 0
        besides = f" ({more:,} more were refused before it)" if more else ""
        at_us = int(now_s * 1_000_000)
        columns = {"type": "signature.refused", "source": name, "stream": BUSINESS_EVENTS.name, "field": error.field}
        columns |= {"reason": error.reason + besides, "time": at_us, "received": at_us}
        await self._collector.push(rows(BUSINESS_EVENTS, {}, 0), rows(DEAD_LETTERS, columns, 1))
