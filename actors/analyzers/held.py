"""What joins a fold that is under way: definitions whose past is folded elsewhere, and the rows that wait for it.

A definition that comes while rows of its stream were read already *joins*: its past, below a cut, is folded by the cell
``backfill`` (see ``actors.backfill``), and the rows from the cut on are held. Once the state at the cut is there, the held
rows are folded into it, so that it is what it would be had the definition been there from the first row on. A hold has a
limit: what comes beyond it makes a new cut, further on, and the backfill goes on to that one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from actors.fold import Batch
from actors.packing import pack, unpack
from events.catalog import PAST_REQUESTS, STREAMS, rows
from events.entry import NO_WATERMARK

MOST_HELD = 100_000
"""Rows of one stream that wait, at most."""


class Joining(msgspec.Struct):
    """A definition whose past is being folded."""

    said: dict[str, Any]
    """What its event said."""
    cut: dict[str, int]
    """By producer of its stream: the past lies below this offset."""
    taken: int = 0
    """Rows of the past that were taken over already."""
    failed: str = ""
    """Why its past cannot be folded: it counts nothing then, until it is defined anew."""


class Heard(msgspec.Struct):
    """What the clock and ``idle_producers`` said of a stream between two entries. Taking it in twice changes nothing."""

    ticked: int = NO_WATERMARK
    """By the clock: no row is under way that is older, less the bound."""
    idle: dict[str, tuple[int, int]] = {}
    """By producer that idles: from which offset on, and until when."""

    def __bool__(self) -> bool:
        return bool(self.idle) or self.ticked != NO_WATERMARK


class Segment(msgspec.Struct):
    """Rows of one producer that follow each other, then the watermark after them, and what was heard after that."""

    producer: str
    """Empty where nothing came before what was heard."""
    first: int
    end: int
    """The next offset to read of it."""
    tables: list[pa.RecordBatch]
    rows: int
    watermark: int = NO_WATERMARK
    heard: Heard = msgspec.field(default_factory=Heard)

    @property
    def open(self) -> bool:
        """Whether rows that follow can be added to this segment."""
        return self.watermark == NO_WATERMARK and not self.heard and self.end == self.first + self.rows


class HeldRows(NamedTuple):
    """Rows of one producer that were held, with the watermark after them and what was heard after that."""

    producer: str
    first: int
    end: int
    table: pa.RecordBatch
    watermark: int
    heard: Heard


class SavedSegment(msgspec.Struct):
    producer: str
    first: int
    end: int
    rows: int
    watermark: int
    heard: Heard
    table: bytes


class SavedHold(msgspec.Struct):
    columns: tuple[str, ...]
    segments: list[SavedSegment]


class Hold:
    """The rows of one stream that wait, in the order in which they came; ``columns`` of them only."""

    def __init__(self, stream: str, columns: Sequence[str]) -> None:
        self.stream = stream
        self.columns = tuple(columns)
        self.rows = 0
        self._segments: list[Segment] = []

    def add(self, batch: Batch, watermark: int) -> None:
        """Keep the rows of a batch. ``watermark``: the one that holds after them, if the rows do not tell it themselves."""
        end = batch.header.end if batch.last else batch.first + batch.rows
        last = self._segments[-1] if self._segments else None
        if last is None or not last.open or (last.producer, last.end) != (batch.producer, batch.first):
            last = Segment(batch.producer, batch.first, batch.first, [], 0)
            self._segments.append(last)
        if batch.rows:
            last.tables.append(batch.table.select(list(self.columns)))
            last.rows += batch.rows
            self.rows += batch.rows
        last.end = end
        last.watermark = watermark

    def hear(self, ticked: int = NO_WATERMARK, idle: Mapping[str, tuple[int, int]] | None = None) -> None:
        """Note what the clock or ``idle_producers`` said, at this place among the rows."""
        if ticked == NO_WATERMARK and not idle:
            return
        if not self._segments:
            self._segments.append(Segment("", 0, 0, [], 0))
        heard = self._segments[-1].heard
        heard.ticked = max(heard.ticked, ticked)
        heard.idle |= idle or {}

    def clear(self) -> None:
        self._segments, self.rows = [], 0

    def above(self, cut: Mapping[str, int]) -> Iterator[HeldRows]:
        """The rows at offset ``cut`` or beyond it, in order. What was heard just before them comes first, once more."""
        below = [place for place, s in enumerate(self._segments) if s.first < cut.get(s.producer, 0)]
        for segment in self._segments[max(below, default=0) :]:
            skip = min(max(cut.get(segment.producer, 0) - segment.first, 0), segment.rows)
            table = self._table(segment).slice(skip)
            yield HeldRows(segment.producer, segment.first + skip, segment.end, table, segment.watermark, segment.heard)

    def _table(self, segment: Segment) -> pa.RecordBatch:
        if len(segment.tables) != 1:
            segment.tables = [self._joined(segment.tables)]
        return segment.tables[0]

    def _joined(self, tables: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
        schema = pa.schema([STREAMS[self.stream].schema.field(name) for name in self.columns])
        if not tables:
            return pa.record_batch([pa.array([], field.type) for field in schema], schema=schema)
        table = pa.Table.from_batches(tables, schema=schema).unify_dictionaries().combine_chunks()
        return table.to_batches()[0]

    def dump(self) -> SavedHold:
        saved = [
            SavedSegment(s.producer, s.first, s.end, s.rows, s.watermark, s.heard, self._packed(s))
            for s in self._segments
        ]
        return SavedHold(self.columns, saved)

    def _packed(self, segment: Segment) -> bytes:
        """The same bytes however the rows came: labels as plain text, for dictionaries tell how entries were cut."""
        table = self._table(segment)
        plain = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in table.columns]
        batch = pa.record_batch([pa.concat_arrays([column]) for column in plain], names=list(self.columns))
        return pack(batch)

    @classmethod
    def load(cls, stream: str, saved: SavedHold) -> Hold:
        hold = cls(stream, saved.columns)
        for s in saved.segments:
            table = hold._labelled(unpack(s.table))
            hold._segments.append(Segment(s.producer, s.first, s.end, [table], s.rows, s.watermark, s.heard))
            hold.rows += s.rows
        return hold

    def _labelled(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        schema = pa.schema([STREAMS[self.stream].schema.field(name) for name in self.columns])
        columns = [
            c.dictionary_encode().cast(f.type) if pa.types.is_dictionary(f.type) else c
            for c, f in zip(batch.columns, schema, strict=True)
        ]
        return pa.record_batch(columns, schema=schema)


class PastRequest(NamedTuple):
    """A row of ``past_requests`` that is still to be written."""

    type: str
    kind: str
    name: str
    version: int
    joining: Joining
    stream: str


def wanted(kind: str, name: str, version: int, joining: Joining, stream: str) -> PastRequest:
    """Asks for a definition's past below the cut of ``joining``."""
    return PastRequest("past.wanted", kind, name, version, joining, stream)


def taken(kind: str, name: str, version: int, joining: Joining, stream: str) -> PastRequest:
    """Says that a definition's past was taken over."""
    return PastRequest("past.taken", kind, name, version, joining, stream)


def dropped(kind: str, name: str, version: int, joining: Joining, stream: str) -> PastRequest:
    """Says that nobody needs a definition's past any more."""
    return PastRequest("past.dropped", kind, name, version, joining, stream)


def told_why(kind: str, name: str, where: str, error: Exception) -> str:
    """Why the past of a definition cannot be folded, and what to do; ``where``: the rows that are to blame."""
    return (
        f"the past of the {kind} {name!r} cannot be folded: {where}: {type(error).__name__}: {str(error)[:300]}. It has no "
        "figures until it is defined anew: so that it leaves these rows out, or as it is once the cause is mended"
    )


def failed(kind: str, name: str, version: int, joining: Joining, stream: str) -> PastRequest:
    """Says that a definition's past cannot be folded on, for the reason in ``joining``."""
    return PastRequest("past.failed", kind, name, version, joining, stream)


def requests(asked: Sequence[PastRequest], at: int) -> pa.RecordBatch:
    """Rows of ``past_requests``; ``at`` us UTC."""
    columns = {
        "type": [one.type for one in asked],
        "subject": [f"{one.kind}/{one.name}" for one in asked],
        "time": at,
        "partition_key": [one.name for one in asked],
        "data": [
            json.dumps(
                {
                    "kind": one.kind,
                    "name": one.name,
                    "version": one.version,
                    "said": one.joining.said,
                    "stream": one.stream,
                    "cut": one.joining.cut,
                    **({"error": one.joining.failed} if one.joining.failed else {}),
                },
                sort_keys=True,
            )
            for one in asked
        ],
    }
    return rows(PAST_REQUESTS, columns, len(asked))


def pasts_told(batch: Batch, kind: str) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """(type, data, payload) of what the backfill says of definitions of that kind, but for how far it is."""
    for row in batch.table.select(["type", "data", "payload"]).to_pylist():
        if row["type"] in ("past.part", "past.folded", "past.failed"):
            data = json.loads(row["data"])
            if data["kind"] == kind:
                yield row["type"], data, row["payload"]


def new_rows(joining: Joining, data: Mapping[str, Any], part: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of a part of the past that are new. A backfill that had to begin anew tells all of them again."""
    known = joining.taken
    if data["first"] > known:
        return part.slice(0, 0)
    new = part.slice(max(0, known - data["first"]))
    joining.taken = known + new.num_rows
    return new


def split(batch: Batch, rows_: int) -> tuple[Batch, Batch]:
    """The first so many rows, and the others."""
    first = Batch(batch.header, batch.first, batch.table.slice(0, rows_), False)
    return first, Batch(batch.header, batch.first + rows_, batch.table.slice(rows_), batch.last)
