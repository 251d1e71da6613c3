"""Dead letters: refused rows as they are kept, mended and recorded after all, each once.

A replayed event bears the id that it was sent with, or one made of the letter's place, so the collector knows a repeat.
After its commit the letter is marked by ``row.replayed`` on the same stream, and from then on it is replayed no more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import pyarrow as pa

from actors.collectors.arrivals import ACCEPTED, CONFLICT, REUSED
from events.catalog import DEAD_LETTERS, REPLAYED, USER_INTERACTIONS, rows
from events.errors import Rejected
from query.apart.deeds import statement
from query.apart.desk import Doer
from query.bounds import Stop
from serve.ingest import mending
from serve.ingest.verdicts import Fault

_SQL = """SELECT d.producer, d.row_offset, d.id, d.source, epoch_us(d.time) AS at, d.stream, d.field, d.reason, d.payload,
    r.cause IS NOT NULL AS replayed, count(*) OVER () AS total
  FROM dead_letters d LEFT JOIN (SELECT DISTINCT cause FROM dead_letters WHERE type = 'row.replayed') r
    ON r.cause = d.producer || ':' || d.row_offset
  WHERE d.type = 'row.rejected' AND {where} ORDER BY d.time DESC, d.producer, d.row_offset DESC LIMIT {limit}"""


class Letter(NamedTuple):
    producer: str
    offset: int
    id: str | None
    source: str | None
    at: int
    """When it was refused, us UTC."""
    stream: str
    field: str
    reason: str
    payload: bytes
    replayed: bool

    @property
    def place(self) -> str:
        """What the letter is called by."""
        return f"{self.producer}:{self.offset}"


class Wanted(NamedTuple):
    """Which letters: one by its place, or those with all that is given. ``reason``: a part of it."""

    place: str = ""
    stream: str = ""
    field: str = ""
    reason: str = ""
    since_us: int = 0
    replayed: bool = False
    """Those that were replayed, too."""


def letters(doer: Doer, wanted: Wanted, limit: int, stop: Stop | None = None) -> tuple[list[Letter], int]:
    """The newest ``limit`` letters, newest first, and how many there are."""
    said = {"place": wanted.place, "stream": wanted.stream, "field": wanted.field, "reason": wanted.reason}
    parameters: dict[str, Any] = {name: value for name, value in said.items() if value}
    conditions = {
        "place": "d.producer || ':' || d.row_offset = $place",
        "stream": "d.stream = $stream",
        "field": "d.field = $field",
        "reason": "contains(d.reason, $reason)",
    }
    where = [conditions[name] for name in parameters]
    if wanted.since_us:
        where.append(f"epoch_us(d.time) >= {int(wanted.since_us)}")
    if not wanted.replayed:
        where.append("r.cause IS NULL")
    sql = _SQL.format(where=" AND ".join(where) or "true", limit=limit)
    found = doer.do(partial(statement, sql=sql, parameters=parameters or None, rows=limit), stop)
    listed = found.table.to_pylist()
    total = listed[0]["total"] if listed else 0
    return [Letter(*(row[name] for name in _NAMES)) for row in listed], total


_NAMES = ("producer", "row_offset", "id", "source", "at", "stream", "field", "reason", "payload", "replayed")


class Mended(NamedTuple):
    """A letter as it would be recorded: its row, or why it cannot be."""

    letter: Letter
    event: Mapping[str, Any] | None
    row: pa.RecordBatch | None
    faults: Sequence[Fault] = ()


def mend(letter: Letter, changes: mending.Changes, source: str, now_us: int, ahead_us: int) -> Mended:
    """The letter with its changes, decoded as it would be on its way in."""
    if letter.replayed:
        return Mended(letter, None, None, (Fault("id", "was replayed already"),))
    if letter.stream != USER_INTERACTIONS.name:
        why = f"is for {letter.stream}, whose source has to bring it again; only {USER_INTERACTIONS.name} is replayed"
        return Mended(letter, None, None, (Fault("stream", why),))
    if letter.reason == f"id {REUSED}":
        why = "of another event: only the properties of this one are kept, so send it again under an id of its own"
        return Mended(letter, None, None, (Fault("id", why),))
    try:
        event = mending.mended(letter.payload, changes)
        found = mending.decoded(event, f"dead:{letter.place}", letter.at, now_us, letter.source or source, ahead_us)
    except Rejected as error:
        return Mended(letter, None, None, (Fault(error.field, error.reason),))
    if found.refused:
        return Mended(letter, event, None, found.refused[0].faults)
    return Mended(letter, event, found.batch)


async def replay(collector: Any, mended: Sequence[Mended], now_us: int) -> tuple[int, int, list[Mended]]:
    """Record those that can be: (accepted, known already, refused). ``collector``: as ``PartitionedCollector``.

    Raises ``Transient``: do it again, nothing is recorded twice.
    """
    good = [one for one in mended if one.row is not None]
    refused = [one for one in mended if one.row is None]
    if not good:
        return 0, 0, refused
    batch = pa.concat_batches([one.row for one in good if one.row is not None])
    verdicts = (await collector.push(batch, None)).verdict.tolist()
    done = [one.letter for one, verdict in zip(good, verdicts, strict=True) if verdict != CONFLICT]
    refused += [
        one._replace(row=None, faults=(Fault("id", REUSED),))
        for one, verdict in zip(good, verdicts, strict=True)
        if verdict == CONFLICT
    ]
    if done:
        columns = {"type": REPLAYED, "time": now_us, "received": now_us, "cause": [one.place for one in done],
                   "stream": [one.stream for one in done], "field": [one.field for one in done],
                   "id": [one.id for one in done]}  # fmt: skip
        await collector.push(batch.slice(0, 0), rows(DEAD_LETTERS, columns, len(done)))
    accepted = sum(verdict == ACCEPTED for verdict in verdicts)
    return accepted, len(done) - accepted, refused
