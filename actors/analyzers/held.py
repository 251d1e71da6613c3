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
    taken: dict[str, int] = {}
    """By producer: rows of the past that were taken over already."""


class Segment(msgspec.Struct):
    """Rows of one producer that follow each other, and the watermark after them."""

    first: int
    tables: list[pa.RecordBatch]
    rows: int
    watermark: int = NO_WATERMARK

    @property
    def end(self) -> int:
        return self.first + self.rows


class HeldRows(NamedTuple):
    """A part of what was held."""

    producer: str
    first: int
    table: pa.RecordBatch
    watermark: int


class SavedSegment(msgspec.Struct):
    first: int
    rows: int
    watermark: int
    table: bytes


class SavedHold(msgspec.Struct):
    columns: tuple[str, ...]
    segments: dict[str, list[SavedSegment]]


class Hold:
    """The rows of one stream that wait, by producer; ``columns`` of them only."""

    def __init__(self, stream: str, columns: Sequence[str]) -> None:
        self.stream = stream
        self.columns = tuple(columns)
        self.rows = 0
        self._segments: dict[str, list[Segment]] = {}

    def add(self, batch: Batch, watermark: int) -> None:
        """``watermark``: the one after the rows, where they do not say it themselves."""
        segments = self._segments.setdefault(batch.producer, [])
        if batch.rows:
            part = batch.table.select(list(self.columns))
            open_ = segments and segments[-1].watermark == NO_WATERMARK and segments[-1].end == batch.first
            if open_:
                segments[-1].tables.append(part)
                segments[-1].rows += batch.rows
            else:
                segments.append(Segment(batch.first, [part], batch.rows))
            self.rows += batch.rows
        if watermark == NO_WATERMARK:
            return
        follows = segments and segments[-1].watermark == NO_WATERMARK and segments[-1].end == batch.first
        if not batch.rows and not follows:
            segments.append(Segment(batch.first, [], 0))
        segments[-1].watermark = watermark

    def clear(self) -> None:
        self._segments, self.rows = {}, 0

    def above(self, cut: Mapping[str, int]) -> Iterator[HeldRows]:
        """What lies at ``cut`` or beyond it, each producer's rows in their order."""
        for producer, segments in sorted(self._segments.items()):
            least = cut.get(producer, 0)
            for segment in segments:
                skip = min(max(least - segment.first, 0), segment.rows)
                if segment.first >= least or skip < segment.rows:
                    yield HeldRows(producer, segment.first + skip, self._table(segment).slice(skip), segment.watermark)

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
        found: dict[str, list[SavedSegment]] = {}
        for producer, segments in sorted(self._segments.items()):
            if segments:
                found[producer] = [SavedSegment(s.first, s.rows, s.watermark, self._packed(s)) for s in segments]
        return SavedHold(self.columns, found)

    def _packed(self, segment: Segment) -> bytes:
        """The same bytes however the rows came: labels as plain text, for dictionaries tell how entries were cut."""
        table = self._table(segment)
        plain = [c.dictionary_decode() if pa.types.is_dictionary(c.type) else c for c in table.columns]
        batch = pa.record_batch([pa.concat_arrays([column]) for column in plain], names=list(self.columns))
        return packed(batch)

    @classmethod
    def load(cls, stream: str, saved: SavedHold) -> Hold:
        hold = cls(stream, saved.columns)
        for producer, segments in saved.segments.items():
            hold._segments[producer] = [
                Segment(s.first, [hold._labelled(unpacked(s.table))], s.rows, s.watermark) for s in segments
            ]
            hold.rows += sum(s.rows for s in segments)
        return hold

    def _labelled(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        schema = pa.schema([STREAMS[self.stream].schema.field(name) for name in self.columns])
        columns = [
            c.dictionary_encode().cast(f.type) if pa.types.is_dictionary(f.type) else c
            for c, f in zip(batch.columns, schema, strict=True)
        ]
        return pa.record_batch(columns, schema=schema)


def packed(batch: pa.RecordBatch) -> bytes:
    """A batch as bytes (an Arrow IPC stream)."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def unpacked(data: bytes) -> pa.RecordBatch:
    """What ``packed`` made bytes of."""
    return pa.ipc.open_stream(data).read_next_batch()


class PastRequest(NamedTuple):
    """A row of ``past_requests`` to come."""

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
                },
                sort_keys=True,
            )
            for one in asked
        ],
    }
    return rows(PAST_REQUESTS, columns, len(asked))


def new_rows(joining: Joining, data: Mapping[str, Any], part: pa.RecordBatch) -> pa.RecordBatch:
    """The rows of a part of the past that were not taken over before: a backfill that had to begin anew tells all again."""
    producer, known = data["producer"], joining.taken.get(data["producer"], 0)
    if data["first"] > known:
        return part.slice(0, 0)
    new = part.slice(max(0, known - data["first"]))
    joining.taken[producer] = known + new.num_rows
    return new


def split(batch: Batch, rows_: int) -> tuple[Batch, Batch]:
    """The first so many rows, and the others."""
    first = Batch(batch.header, batch.first, batch.table.slice(0, rows_), False)
    return first, Batch(batch.header, batch.first + rows_, batch.table.slice(rows_), batch.last)
