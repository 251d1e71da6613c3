"""The worker that folds the pasts of definitions from the log; see ``actors.backfill``."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import pyarrow as pa

from actors.analyzers.anomaly_watch import AnomalyPast
from actors.analyzers.feature_past import FeaturePast
from actors.analyzers.held import told_why
from actors.analyzers.metric_past import MetricPast
from actors.analyzers.metric_series import Columns
from actors.backfill import Backfill, Job, State
from actors.cell import AnyCell
from actors.fold import Batch
from actors.packing import pack
from actors.slices import Ahead, journal_above, within
from actors.workers import Worker
from events.errors import Corrupt
from events.log import JournalRow, LogReader, Source

logger = logging.getLogger(__name__)
STEP_ROWS = 100_000
"""Rows that a step folds, or a little more."""
PART_ROWS = 20_000
"""A part has about so many rows; a commit of the fold that takes it over has no more."""
TELL_S = 1.0
"""How often progress is told."""
WAIT_S = 1.0


class Past(Protocol):
    """How the past of one kind of definition is folded."""

    @property
    def beside(self) -> tuple[str, ...]:
        """Streams whose rows matter, besides the one that the definition is about."""
        ...

    def take(self, batch: Batch, columns: Columns) -> Iterator[pa.RecordBatch]:
        """Rows that the fold which asked will tell as its own."""
        ...

    def dump(self) -> bytes:
        """The state after the last row, as that fold takes it."""
        ...


PASTS_OF: Mapping[str, Callable[[Mapping[str, Any]], Past]] = {
    "metric": MetricPast,
    "anomaly": AnomalyPast,
    "feature": FeaturePast,
}
"""By kind of definition."""


@dataclass
class Work:
    """One job under way."""

    job: Job
    past: Past
    places: dict[Source, int] = field(default_factory=dict[Source, int])
    """The next offset to fold."""
    commit: int = 0
    """The commit of whoever asked that took the rows which were folded last."""
    found: list[pa.RecordBatch] = field(default_factory=list[pa.RecordBatch])
    """Rows that were not told yet."""
    told: int = 0
    """The number of rows told."""
    error: str = ""
    """Why it cannot go on."""

    @property
    def left(self) -> bool:
        """Whether rows are left, and can be folded."""
        if self.error:
            return False
        stream, cut = self.job.stream, self.job.cut
        return any(self.places.get((stream, producer), 0) < end for producer, end in cut.items())

    @property
    def folded(self) -> int:
        return sum(end for (stream, _), end in self.places.items() if stream == self.job.stream)

    @property
    def share(self) -> float:
        return min(1.0, self.folded / max(self.job.rows, 1))

    def wants(self, row: JournalRow) -> bool:
        """Whether some of these rows are still to be folded."""
        source = (row.stream, row.producer)
        if row.stream != self.job.stream:
            return row.stream in self.past.beside and self.places.get(source, 0) < row.end and self.left
        return self.places.get(source, 0) < min(row.end, self.job.cut.get(row.producer, 0))

    def take(self, batch: Batch, columns: Columns) -> None:
        """Fold of ``batch`` what was not folded yet and lies below the cut."""
        source = (batch.stream, batch.producer)
        begin, end = self.places.get(source, 0), batch.header.end
        if batch.stream == self.job.stream:
            end = self.job.cut.get(batch.producer, 0)
        part = within(batch, begin, end)
        if part is None:
            return
        try:
            self.found.extend(self.past.take(part, columns if part is batch else Columns(part.table)))
        except MemoryError:
            raise
        except Exception as error:
            logger.exception("%s: its past cannot be folded", self.job.key)
            self.error = told_why(self.job.kind, self.job.name, self._culprit(part), error)
            return
        self.places[source] = part.header.end if part.last else part.first + part.rows

    def passed(self, row: JournalRow) -> None:
        """All that there is of these rows was folded: of those that the archive has let go, nothing."""
        source = (row.stream, row.producer)
        end = min(row.end, self.job.cut.get(row.producer, 0)) if row.stream == self.job.stream else row.end
        self.places[source] = max(self.places.get(source, 0), end)

    def _culprit(self, part: Batch) -> str:
        """Where the row is that cannot be folded, in words. Looked for with a past that has nothing before these rows: where
        only both together cannot be folded, the whole part is named."""
        low, high = 0, part.rows + 1
        while low < high - 1:
            n = (low + high) // 2
            low, high = (low, n) if self._breaks(part.table.slice(0, n), part) else (n, high)
        of = f"{part.stream} of {part.producer}"
        if high > part.rows:
            return f"{of} at offsets {part.first} to {part.first + max(part.rows - 1, 0)}"
        return f"{of} at offset {part.first + high - 1}"

    def _breaks(self, table: pa.RecordBatch, part: Batch) -> bool:
        past = PASTS_OF[self.job.kind](self.job.said)
        try:
            list(past.take(Batch(part.header, part.first, table, False), Columns(table)))
        except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
            return True
        return False

    def parts(self, least: int) -> Iterator[dict[str, Any]]:
        """Rows of ``pasts`` for what was found, where that is so many rows."""
        if self.found and sum(part.num_rows for part in self.found) >= least:
            table = pa.Table.from_batches(self.found).unify_dictionaries().combine_chunks()
            for part in table.to_batches(max_chunksize=PART_ROWS):
                first, self.told = self.told, self.told + part.num_rows
                yield self.row("past.part", {"first": first}, pack(part))
            self.found.clear()

    def row(self, type_: str, data: Mapping[str, Any], payload: bytes | None = None) -> dict[str, Any]:
        job = self.job
        said = {"kind": job.kind, "name": job.name, "version": job.version, **data}
        return {
            "type": type_,
            "subject": f"{job.kind}/{job.name}",
            "partition_key": job.cell,
            "time": time.time_ns() // 1000,
            "data": json.dumps(said, sort_keys=True),
            "payload": payload,
        }


class BackfillWorker(Worker):
    """Folds what is wanted, a bounded part at a time, in the order in which whoever asked has read it: its journal says
    that. Definitions about one stream share what is read."""

    def __init__(self, cell: AnyCell, log: LogReader) -> None:
        super().__init__(cell, log)
        self._fold = cast(Backfill, cell.fold)
        self._work: dict[str, Work] = {}
        self._said_at = 0.0
        self._ahead = Ahead(log)
        self._failed: tuple[str, ...] = ()
        """What became of pasts that cannot be folded."""

    def failed(self, reason: str) -> None:
        self._work = {}  # what was told, and what was not, is not certain any more

    @property
    def notes(self) -> tuple[str, ...]:
        return (
            tuple(
                f"{work.job.kind} {work.job.name!r}: {work.share:.0%} of its past is folded"
                for work in list(self._work.values())
                if not work.job.done
            )
            + self._failed
        )

    def step(self) -> None:
        with self.lock:
            consumed = self.cell.advance()
        self._follow(self.cell.state)
        if all(work.job.done for work in self._work.values()):
            if not consumed and not self.stopping.is_set():
                self.log.wait(self.cell.waiting_for(), WAIT_S)
            return
        said = [row for group in self._folded() for row in group]
        if time.monotonic() - self._said_at > TELL_S:
            self._said_at = time.monotonic()
            said += [
                work.row("past.folding", {"share": round(work.share, 4)})
                for work in self._work.values()
                if not work.job.done
            ]
        if said:
            with self.lock:
                self.cell.record(lambda state: self._fold.told(state, said))
            self._follow(self.cell.state)

    def _follow(self, jobs: State) -> None:
        """Begin what is new or has changed, go on to a later cut, and drop what nobody wants."""
        self._failed = tuple(job.error for _, job in sorted(jobs.items()) if job.error)
        for key in [key for key in self._work if key not in jobs]:
            del self._work[key]
        for key, job in jobs.items():
            work = self._work.get(key)
            if work is None and job.done:
                continue
            if work is None or work.job.version != job.version:
                self._work[key] = Work(job, PASTS_OF[job.kind](job.said))
            elif work.job != job:
                work.job = job

    def _folded(self) -> Iterator[list[dict[str, Any]]]:
        """Fold a part of the one that is furthest behind, and of those about the same stream as far as they get there."""
        under_way = [work for work in self._work.values() if work.left]
        if under_way:
            behind = min(under_way, key=lambda work: (work.job.stream, work.job.cell, work.commit))
            whose = (behind.job.cell, behind.job.stream)
            together = [work for work in under_way if (work.job.cell, work.job.stream) == whose]
            self._read(behind, together)
            for work in together:
                yield list(work.parts(PART_ROWS))
        else:
            self._ahead = Ahead(self.log)  # lets go of what it read ahead
        for work in list(self._work.values()):
            if work.error and not work.job.done:
                yield [work.row("past.failed", {"error": work.error})]
            elif not work.left and not work.job.done:
                yield [*work.parts(1), work.row("past.folded", {"cut": work.job.cut}, work.past.dump())]

    def _read(self, behind: Work, together: Sequence[Work]) -> None:
        """Fold what the journal names from where ``behind`` is, for all that are there or get there."""
        cell, rows = behind.job.cell, 0
        streams = {behind.job.stream}.union(*(work.past.beside for work in together))
        for row in journal_above(self.log, cell, max(behind.commit - 1, 0)):
            taking = [work for work in together if work.wants(row)] if row.stream in streams else []
            if taking:
                for batch in self._ahead.journaled(row):
                    columns = Columns(batch.table)
                    for work in taking:
                        work.take(batch, columns)
                for work in taking:
                    work.passed(row)
                rows += row.end - row.start
            for work in (behind, *taking):
                work.commit = row.commit
            if rows >= STEP_ROWS or not behind.left:
                return
        raise Corrupt(f"the journal of {cell} ends before {behind.job.cut}, which it has read")
