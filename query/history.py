"""The streams of a log as tables (``events.tables``), for one tenant, up to one cut: archive and log as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pyarrow as pa

from events.archive.log import ArchivedLog
from events.archive.segments import Segment
from events.catalog import CONTROL, STREAMS, Stream
from events.entry import Entry
from events.errors import Rejected
from events.log import LogReader, Source
from events.reading import READ_BYTES, entries_within
from events.tables import named_in_sql, rows_within, schema_of
from query.as_of import Moment
from query.partitions import Part

BLOCK_ROWS = 1_024
"""Places in the first block that is read backwards; each further one has twice as many, up to ``CHUNK_ROWS``."""
CHUNK_ROWS = 65_536
"""Small entries are handed on together, up to so many rows."""


Cut = Mapping[str, Mapping[str, int]]
"""A moment of the log: of each stream, the next offset of each producer."""


class Withheld(Rejected):
    """The rows are there, but not for whoever asks."""


class StreamInfo(NamedTuple):
    """One stream as its reader sees it: how many rows it has at most, and where each of its producers stands."""

    name: str
    about: str
    rows: int
    """Places in the stream: its rows, and its entries that carry only a watermark."""
    heads: Mapping[str, int]


class Page(NamedTuple):
    """Rows of a stream in the order of each producer's log, and where to go on: the next offset by producer."""

    rows: pa.Table
    next: dict[str, int]


class Archived(NamedTuple):
    """Rows of a segment of the archive: those with offsets in ``[first, end)``."""

    segment: Segment
    first: int
    end: int

    @property
    def whole(self) -> bool:
        return (self.first, self.end) == (self.segment.first, self.segment.end)


def stream_of(name: str) -> Stream:
    """Raises ``Rejected`` with the names that there are."""
    try:
        return STREAMS[name]
    except KeyError:
        raise Rejected("stream", f"there is no stream {name!r}; there are {', '.join(sorted(STREAMS))}") from None


class History:
    """What ``tenant`` has in ``log``, up to the moment this was made.

    ``commands``: whether the commands may be read, and what became of them (all that the cell ``control`` wrote). Where
    not, asking for ``control`` raises ``Withheld``; other streams lack the rows that come from there. ``cut``: an earlier
    moment to stop at, for the streams that it names. ``moment``: the same, of all streams.
    """

    def __init__(
        self,
        log: LogReader,
        tenant: str,
        *,
        commands: bool = True,
        cut: Cut | None = None,
        moment: Moment | None = None,
    ) -> None:
        self._moment = moment
        self._cut = cut or {}
        self._log = log
        self._tenant = tenant
        self._commands = commands
        self._heads: dict[str, dict[str, int]] = {}

    def heads(self, stream: str) -> Mapping[str, int]:
        """The cut of one stream: each producer's next offset, fixed when the stream is first asked for."""
        heads = self._heads.get(stream)
        if heads is None:
            prefix = f"{self._tenant}/"
            if stream == CONTROL.name and not self._commands:
                raise Withheld(
                    "stream", "`control` holds keys and commands: reading it takes a key with the scope admin"
                )
            producers = [p for p in self._log.producers(stream_of(stream).name) if p.startswith(prefix)]
            if not self._commands:
                producers = [p for p in producers if not p.startswith(f"{prefix}{CONTROL.name}/")]
            log, moment = self._log, self._moment
            heads = {p: moment.head(log, stream, p) if moment else log.head(stream, p) for p in producers}
            if (then := self._cut.get(stream)) is not None:
                heads = {p: min(head, then[p]) for p, head in heads.items() if p in then}
            self._heads[stream] = heads
        return heads

    def streams(self) -> list[StreamInfo]:
        """Every stream of the catalog, also those that have no rows yet."""
        return [
            StreamInfo(s.name, s.about, sum(self.heads(s.name).values()), self.heads(s.name)) for s in STREAMS.values()
        ]

    def parts(self, stream: str, part: Part | None = None) -> Iterator[Archived | pa.RecordBatch]:
        """The rows of ``stream`` up to its cut, or of one ``part`` of it, each once, producer after producer in the order of
        their offsets.

        What is archived is only named; the rest comes in bounded batches, with the names that SQL has for the columns. The
        archive may grow and the log be trimmed meanwhile.
        """
        heads = self.heads(stream)
        for producer, start, end in [(p, 0, head) for p, head in heads.items()] if part is None else part:
            yield from self._parts((stream, producer), start, end)

    def _parts(self, source: Source, at: int, end: int) -> Iterator[Archived | pa.RecordBatch]:
        if isinstance(self._log, ArchivedLog):
            self._log.segments.refresh()
            shelf = self._log.segments.of(*source)
            at = max(at, shelf.first)
            for segment in shelf.segments:
                if segment.first <= at < min(segment.end, end):
                    yield Archived(segment, at, min(segment.end, end))
                    at = segment.end
        log = self._log.log if isinstance(self._log, ArchivedLog) else self._log
        blocks = self._log.blocks.of(source) if isinstance(self._log, ArchivedLog) and at < end else {}
        while at < end:
            block = blocks.pop(at, None)
            table = block.read(log) if block and block.end <= end else None
            if block and table is not None:
                yield from table.to_batches()
                at = block.end
                continue
            upto = min((first for first in blocks if at < first < end), default=end)
            for entries in _chunks(entries_within(self._log, source, at, upto)):
                yield named_in_sql(rows_within(entries, at, upto), source[0])
            at = upto

    def archived(self, stream: str) -> list[Segment]:
        """The files of the archive that have rows of ``stream`` below its cut."""
        if not isinstance(self._log, ArchivedLog):
            return []
        self._log.segments.refresh()
        heads = self.heads(stream)
        return [s for p, head in heads.items() for s in self._log.segments.of(stream, p).segments if s.first < head]

    def batches(self, stream: str) -> Iterator[pa.RecordBatch]:
        """The rows of ``stream`` up to its cut, archived ones, too, producer after producer, in bounded batches."""
        for producer, head in self.heads(stream).items():
            yield from self._rows(stream, producer, 0, head)

    def after(self, stream: str, producer: str, offset: int, limit: int) -> Page:
        """At most ``limit`` rows of one producer from ``offset`` on."""
        heads = self.heads(stream)
        if producer not in heads:
            known = ", ".join(heads) or "none yet"
            raise Rejected("producer", f"{stream} has no producer {producer!r}; it has {known}")
        found: list[pa.RecordBatch] = []
        n, at = 0, max(offset, 0)
        for batch in self._rows(stream, producer, at, heads[producer]):
            part = batch.slice(0, limit - n)
            found.append(part)
            n += part.num_rows
            if n >= limit:
                break
        end = _offset(found[-1], -1) + 1 if n >= limit else max(at, heads[producer])
        return Page(_table(stream, found), {producer: end})

    def last(self, stream: str, limit: int) -> Page:
        """The newest ``limit`` rows by commit time of all producers together, oldest first."""
        heads = self.heads(stream)
        found: list[tuple[int, str, int, pa.RecordBatch]] = []
        for producer, head in heads.items():
            found += (
                (committed, producer, _offset(b, 0), b) for committed, b in self._newest(stream, producer, head, limit)
            )
        found.sort(key=lambda f: f[:3])
        table = _table(stream, [batch for *_, batch in found])
        return Page(table.slice(max(0, table.num_rows - limit)), dict(heads))

    def backwards(self, stream: str, producer: str) -> Iterator[tuple[pa.Table, int]]:
        """All rows of one producer in bounded blocks, the newest block first; with the time (us UTC) of its first commit.

        Within a block rows are in the order of the log. Whoever has seen enough stops asking.
        """
        end, span = self.heads(stream)[producer], BLOCK_ROWS
        while end > 0:
            start = max(0, end - span)
            entries = list(entries_within(self._log, (stream, producer), start, end))
            if not entries:  # the log was trimmed up to here
                return
            found = [(e.header.committed, rows) for e in entries if (rows := _rows_of(e, start, end)) is not None]
            if found:
                yield _table(stream, [rows for _, rows in found]), found[0][0]
            end, span = start, min(span * 2, CHUNK_ROWS)

    def _newest(self, stream: str, producer: str, head: int, limit: int) -> list[tuple[int, pa.RecordBatch]]:
        """At least ``limit`` rows from the end; watermarks take offsets too, so look ever further back."""
        span = limit
        while True:
            start = max(0, head - span)
            entries = entries_within(self._log, (stream, producer), start, head)
            found = [(e.header.committed, b) for e in entries if (b := _rows_of(e, start, head)) is not None]
            if start == 0 or sum(b.num_rows for _, b in found) >= limit:
                return found
            span *= 8

    def _rows(self, stream: str, producer: str, start: int, end: int) -> Iterator[pa.RecordBatch]:
        entries = entries_within(self._log, (stream, producer), start, end)
        return (batch for entry in entries if (batch := _rows_of(entry, start, end)) is not None)


def _rows_of(entry: Entry, start: int, end: int) -> pa.RecordBatch | None:
    """The entry's rows within ``[start, end)`` as the table has them; None where it has none."""
    head = entry.header
    return None if head.rows == 0 or head.end <= start else rows_within([entry], start, end)


def _offset(batch: pa.RecordBatch, row: int) -> int:
    return batch.column(batch.num_columns - 2)[row].as_py()  # the added columns come last


def _chunks(entries: Iterator[Entry]) -> Iterator[list[Entry]]:
    """Entries in lists of bounded size: a scan costs per batch, and so do the added columns."""
    held: list[Entry] = []
    rows = size = 0
    for entry in entries:
        if entry.header.rows:
            held.append(entry)
            rows += entry.header.rows
            size += entry.header.size
        if rows >= CHUNK_ROWS or size >= READ_BYTES:
            yield held
            held, rows, size = [], 0, 0
    if held:
        yield held


def _table(stream: str, batches: list[pa.RecordBatch]) -> pa.Table:
    return pa.Table.from_batches(batches, schema=schema_of(stream)).unify_dictionaries()
