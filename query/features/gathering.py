"""The events of subjects out of the log, up to a moment of it: read once, by the code that the live state is made with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute

from analytics.features.kernel import Happened
from analytics.features.plan import Events
from analytics.features.reading import JSON_COLUMNS, Reader
from analytics.kernels import I64
from events.archive.log import ArchivedLog
from events.errors import Rejected
from events.log import LogReader
from events.reading import entries_within
from events.tables import columns_of
from query.as_of import Moment
from query.history import History
from query.scan import StreamTable

pc: Any = compute  # its functions are made at import, where no type checker sees them
MOST_EVENTS = 50_000_000
PLACES = 1 << 48
"""Offsets of one producer are below this."""


class Subjects:
    """Names of subjects, numbered as they are first seen."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, name: str) -> int:
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = len(self.names)
            self.names.append(name)
        return found

    def find(self, name: str) -> int | None:
        return self._numbers.get(name)


class Gathered(NamedTuple):
    """Events by kind, the subjects that they are of, and the span of all rows that were read (us UTC)."""

    happened: dict[Events, Happened]
    subjects: Subjects
    span: tuple[int, int] | None


class _Kept:
    """What was found of one kind, batch by batch."""

    def __init__(self) -> None:
        self.columns: list[tuple[I64, I64, I64, I64]] = []
        self.values: list[Any] = []

    def happened(self, events: Events) -> Happened:
        if not self.columns:
            empty = np.zeros(0, np.int64)
            return Happened(empty, empty, empty, empty, self._joined(events))
        subject, time, known, place = (np.concatenate(part) for part in zip(*self.columns, strict=True))
        return Happened(subject, time, known, place, self._joined(events))

    def _joined(self, events: Events) -> Any:
        match events.taken:
            case "nothing":
                return None
            case "value":
                return [value for part in self.values for value in part]
            case "number":
                return np.concatenate(self.values) if self.values else np.zeros(0)
            case _:
                return np.concatenate(self.values) if self.values else np.zeros(0, np.int64)


def gather(
    log: LogReader,
    tenant: str,
    moment: Moment,
    kinds: Sequence[Events],
    *,
    subject: str | None = None,
    look: Callable[[], None] = lambda: None,
) -> Gathered:
    """The events of ``kinds`` up to ``moment``; ``subject``: of this one alone. ``look`` is called on the way.

    ``known`` of an event is when it was received, or, of rows that a cell made, when they were committed.
    """
    subjects, kept = Subjects(), {events: _Kept() for events in kinds}
    span: tuple[int, int] | None = None
    rows = 0
    for stream, key in dict.fromkeys((events.stream, events.key) for events in kinds):
        ours = [events for events in kinds if (events.stream, events.key) == (stream, key)]
        history = History(log, tenant, commands=False, moment=moment)
        ranks = {producer: rank for rank, producer in enumerate(sorted(history.heads(stream)))}
        commits = _Commits(log, stream)
        for batch in _batches(log, history, stream, _columns(stream, ours), ours, key, subject):
            look()
            rows += batch.num_rows
            if rows > MOST_EVENTS:
                raise Rejected("features", f"are of more than {MOST_EVENTS:,} rows; ask about fewer types of events")
            span = _widened(span, _take(batch, key, ours, kept, subjects, ranks, commits, subject))
    return Gathered({events: one.happened(events) for events, one in kept.items()}, subjects, span)


def _take(
    batch: pa.RecordBatch,
    key: str,
    kinds: Sequence[Events],
    kept: dict[Events, _Kept],
    subjects: Subjects,
    ranks: dict[str, int],
    commits: _Commits,
    subject: str | None,
) -> tuple[int, int] | None:
    reader = Reader(batch)
    numbers, times = _numbered(reader, key, subjects, subject), reader.times("time")
    there = numbers >= 0
    known, place = commits.known(batch), _places(batch, ranks)
    for events in kinds:
        hits = reader.hits(events)
        keep = there[hits.rows]
        at = hits.rows[keep]
        if not len(at):
            continue
        kept[events].columns.append((numbers[at], times[at], known[at], place[at]))
        if isinstance(hits.values, list):
            kept[events].values.append([v for v, ok in zip(hits.values, keep.tolist(), strict=True) if ok])
        elif hits.values is not None:
            kept[events].values.append(hits.values[keep])
    return (int(times[there].min()), int(times[there].max())) if there.any() else None


def _numbered(reader: Reader, key: str, subjects: Subjects, only: str | None) -> I64:
    """int64[rows]: the subjects' numbers; -1 where a row is nobody's, or not of the one that is asked about."""
    names, codes = reader.subjects(key)
    used = np.zeros(len(names) + 1, bool)
    used[codes] = True
    numbers = [
        subjects.number(name) if ok and (only is None or name == only) else -1
        for name, ok in zip(names, used[:-1].tolist(), strict=True)
    ]
    return np.array([*numbers, -1], np.int64)[codes]


def _places(batch: pa.RecordBatch, ranks: dict[str, int]) -> I64:
    column = batch.column(_producer(batch.schema.names))
    names = column.dictionary.to_pylist()
    rank = np.array([ranks.get(name, 0) for name in names] or [0], np.int64)
    offsets = batch.column("row_offset").cast(pa.int64()).to_numpy(zero_copy_only=False)
    return rank[column.indices.to_numpy(zero_copy_only=False)] * PLACES + offsets


def _producer(names: Sequence[str]) -> str:
    return "row_producer" if "row_producer" in names else "producer"


def _columns(stream: str, kinds: Sequence[Events]) -> list[str]:
    """The columns of the stream that are read."""
    there = columns_of(stream).names
    wanted = {"type", "time", "received", "row_offset", _producer(there)}
    for events in kinds:
        for name in (events.key, events.of, *(c.name for c in events.where)):
            if name in there:
                wanted.add(name)
            elif name:
                column = name.partition(".")[0]
                json = [c for c in JSON_COLUMNS if c in there]
                wanted.update([column] if column in json else json[:1])
    return [name for name in there if name in wanted]


def _batches(
    log: LogReader,
    history: History,
    stream: str,
    columns: Sequence[str],
    kinds: Sequence[Events],
    key: str,
    subject: str | None,
) -> Iterator[pa.RecordBatch]:
    wanted: Any = None
    if all(events.types for events in kinds):
        wanted = pc.field("type").isin(sorted({type_ for events in kinds for type_ in events.types}))
    if subject is not None and key in columns_of(stream).names:
        mine = pc.field(key) == subject
        wanted = mine if wanted is None else wanted & mine
    failures: list[Exception] = []
    root = log.root if isinstance(log, ArchivedLog) else Path()
    table = StreamTable(columns_of(stream), root, lambda: history.parts(stream), failures.append)
    yield from (batch for batch in table.scanner(list(columns), wanted).batches() if batch.num_rows)


class _Commits:
    """When rows that were not received, but made by a cell, became known: at their commit."""

    def __init__(self, log: LogReader, stream: str) -> None:
        self._log, self._stream = log, stream
        self._of: dict[str, tuple[I64, I64]] = {}

    def known(self, batch: pa.RecordBatch) -> I64:
        received = batch.column("received").cast(pa.int64())
        if not received.null_count:
            return received.to_numpy(zero_copy_only=False)
        known = received.fill_null(0).to_numpy(zero_copy_only=False).copy()
        missing = received.is_null().to_numpy(zero_copy_only=False)
        offsets = batch.column("row_offset").cast(pa.int64()).to_numpy(zero_copy_only=False)
        column = batch.column(_producer(batch.schema.names))
        codes, names = column.indices.to_numpy(zero_copy_only=False), column.dictionary.to_pylist()
        for code, name in enumerate(names):
            rows = np.flatnonzero(missing & (codes == code))
            if len(rows):
                first, committed = self._entries(name)
                known[rows] = committed[np.searchsorted(first, offsets[rows], "right") - 1]
        return known

    def _entries(self, producer: str) -> tuple[I64, I64]:
        if producer not in self._of:
            head = self._log.head(self._stream, producer)
            found = [
                (e.header.first, e.header.committed)
                for e in entries_within(self._log, (self._stream, producer), 0, head)
            ]
            first, committed = zip(*found, strict=True)
            self._of[producer] = np.array(first, np.int64), np.array(committed, np.int64)
        return self._of[producer]


def _widened(span: tuple[int, int] | None, more: tuple[int, int] | None) -> tuple[int, int] | None:
    if span is None or more is None:
        return span or more
    return min(span[0], more[0]), max(span[1], more[1])
