"""Rows of ``user_interactions`` on their way in: decoded, committed, and answered with a verdict each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from pydantic import BaseModel

from actors.collectors.arrivals import ACCEPTED, CONFLICT, DUPLICATE, REUSED
from events.catalog import DEAD_LETTERS, USER_INTERACTIONS, rows
from serve.batching import Batching, Committed
from serve.coming import Coming
from serve.hosts import Hosts
from serve.ingest import AHEAD_US, Decoded, Fault, Refused, decode_event, decode_together
from serve.partitions import PartitionedCollector
from serve.planning import Plans, planned

SHOWN = 100
EVENTS = 500
"""Requests of one event that are decoded together."""


class Flaw(BaseModel):
    """One thing that is wrong with a row."""

    field: str
    reason: str


class Verdict(BaseModel):
    """What there is to say of a row: why it was not accepted, or what of it could not be read."""

    index: int
    id: str | None
    field: str
    reason: str
    faults: list[Flaw]
    """All that is wrong with the row; ``field`` and ``reason`` are the first of them."""


class Receipt(BaseModel):
    """What became of a request's rows. ``rejected`` shows the first 100; all are in ``dead_letters``.

    ``warnings`` (the first 100, too) is of rows that were taken, but not quite as their sender meant them: money that
    cannot be read, for one.
    """

    success: bool
    accepted: int
    duplicate: int
    rejected: list[Verdict]
    rejected_total: int
    warnings: list[Verdict]
    warnings_total: int
    offset: int | None


Answer = dict[str, Any]
"""The fields of a ``Receipt``."""


class _Event(NamedTuple):
    """The one event of a request, and the source of it where it is plain."""

    text: bytes
    plain: str | None


class Interactions:
    """Commits what requests hold. Both ways raise ``Transient`` or ``Overloaded``: send it again."""

    def __init__(
        self, hosts: Hosts, cells: Sequence[str], ahead_us: int = AHEAD_US, plans: Callable[[], Plans] = tuple
    ) -> None:
        """``cells``: the collector's, by partition. ``plans``: the tracking plans that hold now."""
        self._plans = plans
        self._ahead_us = ahead_us
        self.coming = Coming()
        """Requests that will come to ``take``: their route receives and decodes them in its context."""
        self._rows = PartitionedCollector(hosts, cells, self.coming)
        self._events = Batching(self._take_events, lambda _: 1, EVENTS)
        self.counts = {"accepted": 0, "duplicate": 0, "rejected": 0, "warned": 0}
        """Rows by verdict; a row that was warned of was accepted, too."""

    async def take(self, decoded: Decoded, source: str | None = None) -> Answer:
        """Commit the rows of one request; ``source``: whose it is, for the rows that are refused."""
        decoded = planned(decoded, self._plans())
        return self.receipt(decoded, await self._commit(decoded, source))

    def receipt(self, decoded: Decoded, committed: Committed) -> Answer:
        """What became of the rows of one request."""
        verdicts = _verdicts(decoded, committed)
        duplicate = int((committed.verdict == DUPLICATE).sum())
        accepted = decoded.rows - duplicate - len(verdicts)
        return self._answer(accepted, duplicate, verdicts, _warnings(decoded, committed), committed.offset)

    @property
    def collector(self) -> PartitionedCollector:
        """What commits rows that are decoded already."""
        return self._rows

    async def take_event(self, text: bytes, plain: str | None = None) -> Answer:
        """Commit the one event of a request, given as ``one_event`` found it; ``plain`` as ``plain_source`` answers.

        While calls are under way, events wait and are then decoded together: a row among others costs a tenth of what
        it costs alone. Raises ``Rejected``, too.
        """
        return await self._events.push(_Event(text, plain))

    async def _take_events(self, events: list[_Event]) -> Sequence[Answer | Exception]:
        decoded = decode_together([event.text for event in events], now_us(), self._ahead_us)
        if decoded is None:
            alone = (self._take_alone(event) for event in events)
            return [_error_or(answer) for answer in await asyncio.gather(*alone, return_exceptions=True)]
        decoded = planned(decoded, self._plans())
        return list(self._apart(decoded, await self._commit(decoded)))

    async def _take_alone(self, event: _Event) -> Answer:
        return await self.take(decode_event(event.text, now_us(), event.plain, self._ahead_us), event.plain)

    async def _commit(self, decoded: Decoded, source: str | None = None) -> Committed:
        refused = dead_letters(decoded.refused, now_us(), source) if decoded.refused else None
        if not decoded.batch.num_rows and refused is None:
            return Committed(np.zeros(0, np.uint8), -1)
        return await self._rows.push(decoded.batch, refused)

    def _apart(self, decoded: Decoded, committed: Committed) -> Iterator[Answer]:
        """An answer a row, for each row was a request."""
        verdicts = {verdict.index: verdict for verdict in _verdicts(decoded, committed)}
        warnings: dict[int, list[Verdict]] = {}
        for warning in _warnings(decoded, committed):
            warnings.setdefault(warning.index, []).append(warning.model_copy(update={"index": 0}))
        duplicates = set(decoded.index[committed.verdict == DUPLICATE].tolist())
        offsets = dict(zip(decoded.index.tolist(), committed.offsets.tolist(), strict=True))
        for row in range(decoded.rows):
            if row in verdicts:
                yield self._answer(0, 0, [verdicts[row].model_copy(update={"index": 0})], [], -1)
            elif row in duplicates:
                yield self._answer(0, 1, [], [], -1)
            else:
                yield self._answer(1, 0, [], warnings.get(row, []), offsets[row])

    def _answer(
        self, accepted: int, duplicate: int, verdicts: list[Verdict], warnings: list[Verdict], offset: int
    ) -> Answer:
        rows = {"accepted": accepted, "duplicate": duplicate, "rejected": len(verdicts)}
        for outcome, n in (*rows.items(), ("warned", len({warning.index for warning in warnings}))):
            self.counts[outcome] += n
        return {
            "success": not verdicts,
            "accepted": accepted,
            "duplicate": duplicate,
            "rejected": [verdict.model_dump() for verdict in verdicts[:SHOWN]],
            "rejected_total": len(verdicts),
            "warnings": [warning.model_dump() for warning in warnings[:SHOWN]],
            "warnings_total": len(warnings),
            "offset": offset if accepted else None,
        }


def dead_letters(refused: list[Refused], received_us: int, source: str | None = None) -> pa.RecordBatch:
    """Refused rows as ``dead_letters`` rows."""
    columns = {
        "id": [r.id for r in refused],
        "source": source,
        "type": "row.rejected",
        "time": received_us,
        "received": received_us,
        "stream": USER_INTERACTIONS.name,
        "field": [r.field for r in refused],
        "reason": [r.reasons for r in refused],
        "payload": [r.payload for r in refused],
    }
    return rows(DEAD_LETTERS, columns, len(refused))


def now_us() -> int:
    return time.time_ns() // 1000


def _verdicts(decoded: Decoded, committed: Committed) -> list[Verdict]:
    """Of the rows that were refused and of those whose id already stands for something else, in the request's order."""
    found = [_verdict(r.index, r.id, r.faults) for r in decoded.refused]
    ids = decoded.batch.column("id")
    found += [
        _verdict(int(decoded.index[row]), ids[row].as_py(), (Fault("id", REUSED),))
        for row in (committed.verdict == CONFLICT).nonzero()[0].tolist()
    ]
    return sorted(found, key=lambda verdict: verdict.index)


def _verdict(index: int, id: str | None, faults: Sequence[Fault]) -> Verdict:
    flaws = [Flaw(field=fault.field, reason=fault.reason) for fault in faults]
    return Verdict(index=index, id=id, field=flaws[0].field, reason=flaws[0].reason, faults=flaws)


def _warnings(decoded: Decoded, committed: Committed) -> list[Verdict]:
    """Of the rows that were accepted: what is to be said of the others is why they were not."""
    if not decoded.warned:
        return []
    taken = set(decoded.index[committed.verdict == ACCEPTED].tolist())
    told = (warned for warned in decoded.warned if warned.index in taken)
    return [_verdict(w.index, w.id, (Fault(w.field, w.reason),)) for w in told]


def _error_or(answer: Answer | BaseException) -> Answer | Exception:
    if isinstance(answer, BaseException) and not isinstance(answer, Exception):
        raise answer  # the loop is stopping
    return answer
