"""Segments: which ranges of which streams are in the archive, as the stream ``segments`` of the log tells.

The log is the archive's directory: a segment counts once it is recorded there, and the log's chain of hashes covers what is
recorded of its file. Whoever reads needs no library for Delta tables.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from events.catalog import SEGMENTS, rows
from events.entry import decode_together
from events.errors import Corrupt
from events.log import LogReader, Source

WRITTEN, DROPPED = "segment.written", "segment.dropped"
ARCHIVER = "archiver"
"""The fold whose cells record segments."""
_READ_BYTES = 4 << 20


class Segment(msgspec.Struct, frozen=True):
    """The rows of one producer's stream with offsets in ``[first, end)``, as one Parquet file. Times are in us UTC."""

    stream: str
    producer: str
    first: int
    end: int
    rows: int
    file: str
    """Below the archive's folder."""
    bytes: int
    checksum: str
    """xxh3-128 of the file, hexadecimal."""
    entries_checksum: str
    """xxh3-128 of the file with the headers of the range's entries."""
    earliest: int | None
    """Of the rows' event times; None where there are no rows, or one of them has no time."""
    latest: int | None
    earliest_received: int | None
    latest_received: int | None
    chain: str
    """The log's chain hash after the last entry that begins in the range, hexadecimal."""

    @property
    def entries_file(self) -> str:
        """The file with the headers of the entries that have a place in the range; Delta tables pass over such folders."""
        folder, _, name = self.file.rpartition("/")
        return f"{folder}/_entries/{name}"


_COLUMNS = {
    "stream": "stream",
    "producer": "producer",
    "first": "first_offset",
    "end": "end_offset",
    "rows": "row_count",
    "file": "file",
    "bytes": "bytes",
    "checksum": "checksum",
    "entries_checksum": "entries_checksum",
    "earliest": "earliest",
    "latest": "latest",
    "earliest_received": "earliest_received",
    "latest_received": "latest_received",
    "chain": "chain",
}


def told(segments: Sequence[Segment], at: int, kind: str = WRITTEN) -> pa.RecordBatch:
    """Rows of the stream ``segments`` that record ``segments``, at ``at`` (microseconds UTC).

    A ``DROPPED`` one is not kept any more; its ``end`` is where the first whole entry after it begins.
    """
    columns: dict[str, Any] = {
        column: [getattr(segment, name) for segment in segments] for name, column in _COLUMNS.items()
    }
    envelope = {"type": kind, "time": at, "received": at, "subject": [segment.stream for segment in segments]}
    return rows(SEGMENTS, {**columns, **envelope}, len(segments))


def heard(table: pa.Table | pa.RecordBatch) -> list[Segment]:
    """The segments that rows of the stream ``segments`` record as written."""
    return [segment for kind, segment in recorded(table) if kind == WRITTEN]


def recorded(table: pa.Table | pa.RecordBatch) -> Iterator[tuple[str, Segment]]:
    """What rows of the stream ``segments`` say, in order: (``WRITTEN | DROPPED``, segment)."""
    numbers = {f.name: pa.int64() for f in table.schema if pa.types.is_timestamp(f.type)}
    columns = [table[column].cast(numbers.get(column, table[column].type)).to_pylist() for column in _COLUMNS.values()]
    kinds = table["type"].to_pylist()
    for kind, *values in zip(kinds, *columns, strict=True):
        yield kind, Segment(*values)


class Shelf:
    """The segments of one producer's stream, in order and without a gap."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self.dropped: list[Segment] = []
        """Those that are not kept any more, as they were recorded; their files may still be there."""
        self.first = 0
        """The offset below which nothing is kept any more: the beginning of an entry."""
        self.end = 0
        """The offset up to which everything was archived."""

    def add(self, segment: Segment) -> None:
        """Raises ``Corrupt`` where the segment does not begin where the last one ended."""
        if segment.first != self.end:
            raise Corrupt(
                f"{segment.stream} of {segment.producer}: a segment begins at offset {segment.first}, and the one before it "
                f"ends at {self.end}; restore the log from a backup"
            )
        self.segments.append(segment)
        self.end = segment.end

    def drop(self, segment: Segment) -> None:
        """Let go of the segment, and of those before it; whoever reads just now keeps the list that he has."""
        self.segments = [kept for kept in self.segments if kept.first > segment.first]
        self.dropped.append(segment)
        self.first = max(self.first, segment.end)

    def covering(self, offset: int) -> Segment | None:
        """The segment that has ``offset``."""
        place = bisect_right(self.segments, offset, key=lambda segment: segment.end)
        found = self.segments[place] if place < len(self.segments) else None
        return found if found and found.first <= offset else None


class Segments:
    """All segments that a log records, of every tenant. Safe for several threads; ``refresh`` reads only what is new."""

    def __init__(self, log: LogReader, root: Path) -> None:
        self.root = root
        self._log = log
        self._mutex = threading.Lock()
        self._read: dict[str, int] = {}
        self._shelves: dict[Source, Shelf] = {}

    def refresh(self) -> None:
        """Take in what was recorded since the last time."""
        for producer in self._log.producers(SEGMENTS.name):
            if self._log.head(SEGMENTS.name, producer) > self._read.get(producer, 0):
                with self._mutex:
                    self._take_in(producer)

    def _take_in(self, producer: str) -> None:
        while entries := self._log.read(SEGMENTS.name, producer, self._read.get(producer, 0), _READ_BYTES):
            fresh = [entry for entry in entries if entry.header.first >= self._read.get(producer, 0)]
            if any(entry.header.rows for entry in fresh):
                self._add(recorded(decode_together(fresh)))
            self._read[producer] = entries[-1].header.end

    def _add(self, said: Iterable[tuple[str, Segment]]) -> None:
        for kind, segment in said:
            shelf = self._shelves.setdefault((segment.stream, segment.producer), Shelf())
            shelf.drop(segment) if kind == DROPPED else shelf.add(segment)

    def of(self, stream: str, producer: str) -> Shelf:
        """What is archived of one producer's stream, as far as was last refreshed."""
        return self._shelves.get((stream, producer)) or Shelf()

    def shelves(self) -> list[tuple[Source, Shelf]]:
        """What is archived, by stream and producer."""
        return list(self._shelves.items())
