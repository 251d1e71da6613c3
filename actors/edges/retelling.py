"""The worker that counts windows of the past anew, once an import has brought rows of them; see ``actors.retelling``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa

from actors.analyzers.metric_rows import Sampled, told
from actors.analyzers.metric_series import BOUND_S, Columns, MetricSpec, Series
from actors.cell import AnyCell
from actors.columns import times
from actors.retelling import Place, Retelling, State
from actors.slices import gapless
from actors.workers import Worker
from analytics import windows
from events.catalog import PAST_METRICS, USER_INTERACTIONS
from events.entry import Entry
from events.log import LogReader, Source

HOUR_US = 3_600_000_000
MOST_ROWS = 100_000
"""So many rows are counted at once, or those of an hour where these are more."""
PIECE_ROWS = 20_000
READ_BYTES = 4 << 20
CLOSED_US = 60_000_000
"""How long after a window cannot change any more it is told: the analyzer is done with it by then."""
WAIT_S = 1.0
STREAM = USER_INTERACTIONS.name
_ENVELOPE = ("type", "time", "received")


class Job(NamedTuple):
    """Windows of one metric that are to be told: those that begin in ``[start, end)``, for the import ``of``."""

    name: str
    spec: MetricSpec
    cause: str
    of: str
    start: int
    end: int


def jobs(state: State, now_us: int) -> list[Job]:
    """What is to be told, and can be: of the import that comes first, for all metrics."""
    for of, span in sorted(state.imports.items(), key=lambda one: (one[1].earliest, one[0])):
        found: list[Job] = []
        for name, metric in sorted(state.metrics.items()):
            spec = MetricSpec.of(metric.said["spec"], metric.said.get("bound_s", BOUND_S))
            width = spec.width_us
            closed = (now_us - spec.lateness_us - spec.bound_us - CLOSED_US) // width * width
            start = metric.told.get(of, span.earliest // width * width)
            end = min(span.latest // width * width + width, closed)
            if start < end:
                found.append(Job(name, spec, metric.cause, of, start, end))
        if found:
            return found
    return []


class Piece(NamedTuple):
    """Entries of one producer that follow one another, ``[first, end)``, and the span of their rows' times."""

    source: Source
    first: int
    end: int
    earliest: int
    latest: int


@dataclass
class Index:
    """Where in the log rows of which time are: enough to read only what is needed, in 40 bytes for 20,000 rows."""

    log: LogReader
    tenant: str
    pieces: list[Piece] = field(default_factory=list[Piece])
    hours: dict[int, int] = field(default_factory=dict[int, int])
    """Rows by hour since 1970."""
    heads: dict[Source, int] = field(default_factory=dict[Source, int])

    def follow(self) -> None:
        """Take in what was committed since."""
        for producer in self.log.producers(STREAM):
            if producer.startswith(f"{self.tenant}/"):
                self._follow((STREAM, producer))

    def _follow(self, source: Source) -> None:
        first, rows, low, high = self.heads.get(source, 0), 0, None, None
        at, head = first, self.log.head(*source)
        while at < head:
            for entry in gapless(self.log, source, at, READ_BYTES):
                at = entry.header.end
                if entry.header.rows:
                    time = times(entry.batch(), "time")
                    low = int(time.min()) if low is None else min(low, int(time.min()))
                    high = int(time.max()) if high is None else max(high, int(time.max()))
                    rows += len(time)
                    hours, counts = np.unique(time // HOUR_US, return_counts=True)
                    for hour, count in zip(hours.tolist(), counts.tolist(), strict=True):
                        self.hours[hour] = self.hours.get(hour, 0) + count
                if low is not None and high is not None and (rows >= PIECE_ROWS or at >= head):
                    self.pieces.append(Piece(source, first, at, low, high))
                    first, rows, low, high = at, 0, None, None
        self.heads[source] = at

    def spans(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """``[start, end)`` in parts of whole hours that hold about as many rows as are counted at once."""
        begin, rows = start, 0
        for hour in sorted(hour for hour in self.hours if start // HOUR_US <= hour <= (end - 1) // HOUR_US):
            if rows and rows + self.hours[hour] > MOST_ROWS:
                yield begin, hour * HOUR_US
                begin, rows = hour * HOUR_US, 0
            rows += self.hours[hour]
        yield begin, end

    def rows(self, start: int, end: int, columns: list[str]) -> pa.RecordBatch:
        """The rows with a time in ``[start, end)``, by time; of equal times, in the order of the log."""
        found: list[pa.Table] = []
        for piece in self.pieces:
            if piece.earliest < end and piece.latest >= start:
                for entry in self._entries(piece):
                    table = entry.batch()
                    at = times(table, "time")
                    within = (at >= start) & (at < end)
                    if within.any():
                        part = pa.Table.from_batches([table]).select(columns)
                        found.append(part if within.all() else part.filter(pa.array(within)))
        if not found:
            schema = pa.schema([USER_INTERACTIONS.schema.field(name) for name in columns])
            return pa.RecordBatch.from_arrays([pa.nulls(0, f.type) for f in schema], schema=schema)
        whole = pa.concat_tables(found).unify_dictionaries().combine_chunks().to_batches()[0]
        return whole.take(pa.array(np.argsort(times(whole, "time"), kind="stable")))

    def _entries(self, piece: Piece) -> Iterator[Entry]:
        at = piece.first
        while at < piece.end:
            for entry in gapless(self.log, piece.source, at, READ_BYTES):
                at = entry.header.end
                if entry.header.first >= piece.end:
                    return
                if entry.header.rows:
                    yield entry


def counted(spec: MetricSpec, columns: Columns, cause: str) -> pa.RecordBatch | None:
    """Every window of these rows, as rows of ``past_metrics``; None where no row is about the metric."""
    series = Series.new(spec)
    rows, keys = columns.of_types(spec.types), columns.keys(spec, series.keys)
    if not len(rows):
        return None
    time, value, distinct = columns.time("time"), columns.value(spec.value), columns.distinct(spec.distinct)
    marks = np.full(columns.rows, windows.NO_WATERMARK, np.int64)  # nothing is late
    windows.take(series.windows, marks, rows, time, keys, value, distinct)
    samples = windows.advance_watermark(series.windows, int(time[-1]) + spec.width_us + 1)
    table = told([Sampled(spec, series.keys, samples, cause, 0)], past=True)
    return pa.RecordBatch.from_arrays(table.columns, schema=PAST_METRICS.schema)


class RetellingWorker(Worker):
    """Tells what is to be told, some hundred thousand rows at a time; a metric's windows of one part are one commit."""

    def __init__(self, cell: AnyCell, log: LogReader, now: Callable[[], int]) -> None:
        super().__init__(cell, log)
        self._fold = cast(Retelling, cell.fold)
        self._now = now
        self._index: Index | None = None
        self._left: list[str] = []

    def recovered(self) -> None:
        self._index = None

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._left)

    def step(self) -> None:
        with self.lock:
            consumed = self.cell.advance()
        found = jobs(self.cell.state, self._now())
        if found:
            self.tell_next(found)
        else:
            self._index, self._left = None, []  # made anew for the next import
            if not consumed and not self.stopping.is_set():
                self.log.wait(self.cell.waiting_for(), WAIT_S)

    def tell_next(self, found: list[Job]) -> None:
        """Tell the next part of it."""
        index = self._index = self._index or Index(self.log, self.cell.tenant)
        index.follow()
        part = _next(found, index)
        start, end = min(job.start for job in part), max(job.end for job in part)
        self._left = [f"windows that an import touched are counted anew: {_iso(start)} of up to {_iso(found[0].end)}"]
        read = {producer: head for (_, producer), head in sorted(index.heads.items())}
        wanted = {*_ENVELOPE, *(column for job in part for column in job.spec.columns)}
        rows = index.rows(start, end, [name for name in USER_INTERACTIONS.schema.names if name in wanted])
        time = times(rows, "time")
        cut: dict[tuple[int, int], Columns] = {}
        for job in part:
            if (job.start, job.end) not in cut:
                low, high = np.searchsorted(time, [job.start, job.end])
                cut[job.start, job.end] = Columns(rows.slice(low, high - low))
            table = counted(job.spec, cut[job.start, job.end], job.cause)
            place = Place(job.name, job.cause, job.of, job.end, read)
            with self.lock:
                self.cell.record(partial(self._fold.tell, place=place, found=table))
            if self.stopping.is_set():
                return


def _next(found: list[Job], index: Index) -> list[Job]:
    """Of these windows as many as hold about so many rows as are counted at once; at least one."""
    start, end = min(job.start for job in found), max(job.end for job in found)
    for _, to in index.spans(start, end):
        cut = [job if to >= end else job._replace(end=min(job.end, _grid(to, job.spec.width_us))) for job in found]
        part = [job for job in cut if job.start < job.end]
        if part:
            return part
    return found


def _grid(at: int, width: int) -> int:
    return at // width * width


def _iso(us: int) -> str:
    return str(np.datetime64(us, "us"))[:16]
