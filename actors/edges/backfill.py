"""The worker that folds the pasts of definitions from the log; see ``actors.backfill``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import pyarrow as pa

from actors.analyzers.anomaly_watch import AnomalyPast
from actors.analyzers.held import packed
from actors.analyzers.metric_past import MetricPast
from actors.analyzers.metric_series import Columns
from actors.backfill import Backfill, Job, State
from actors.cell import AnyCell
from actors.fold import Batch
from actors.slices import gapless, slices_of
from actors.workers import Worker
from events.errors import Corrupt
from events.log import LogReader

READ_BYTES = 4 << 20
PART_ROWS = 20_000
"""A part has about so many rows; a commit of the fold that takes it over has no more."""
TELL_S = 1.0
"""How often progress is told."""
WAIT_S = 1.0


class Past(Protocol):
    """How the past of one kind of definition is folded."""

    def take(self, batch: Batch, columns: Columns) -> Iterator[pa.RecordBatch]:
        """Rows that the fold which asked will tell as its own."""
        ...

    def dump(self) -> bytes:
        """The state after the last row, as that fold takes it."""
        ...


PASTS_OF: Mapping[str, Callable[[Mapping[str, Any]], Past]] = {"metric": MetricPast, "anomaly": AnomalyPast}
"""By kind of definition."""


@dataclass
class Work:
    """One job under way."""

    job: Job
    past: Past
    places: dict[str, int] = field(default_factory=dict[str, int])
    """By producer: the next offset to fold."""
    found: dict[str, list[pa.RecordBatch]] = field(default_factory=dict[str, list[pa.RecordBatch]])
    """By producer: rows that were not told yet."""
    told: dict[str, int] = field(default_factory=dict[str, int])
    """By producer: the number of rows told."""

    def place(self, producer: str) -> int:
        return self.places.get(producer, 0)

    @property
    def left(self) -> list[str]:
        """The producers with rows left."""
        return [producer for producer, cut in sorted(self.job.cut.items()) if self.place(producer) < cut]

    @property
    def share(self) -> float:
        return min(1.0, sum(self.places.values()) / max(self.job.rows, 1))

    def take(self, batch: Batch, columns: Columns) -> None:
        self.found.setdefault(batch.producer, []).extend(self.past.take(batch, columns))
        self.places[batch.producer] = batch.header.end if batch.last else batch.first + batch.rows

    def parts(self, least: int) -> Iterator[dict[str, Any]]:
        """Rows of ``pasts`` for what was found, where that is so many rows."""
        for producer, found in self.found.items():
            rows_ = sum(part.num_rows for part in found)
            if found and rows_ >= least:
                table = pa.Table.from_batches(found).unify_dictionaries().combine_chunks()
                for part in table.to_batches(max_chunksize=PART_ROWS):
                    first = self.told.get(producer, 0)
                    self.told[producer] = first + part.num_rows
                    yield self.row("past.part", {"producer": producer, "first": first}, packed(part))
                found.clear()

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
    """Folds what is wanted, a bounded part at a time. Definitions that stand at the same place of a stream share a read."""

    def __init__(self, cell: AnyCell, log: LogReader) -> None:
        super().__init__(cell, log)
        self._fold = cast(Backfill, cell.fold)
        self._work: dict[str, Work] = {}
        self._said_at = 0.0

    def failed(self, reason: str) -> None:
        self._work = {}  # what was told, and what was not, is not certain any more

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"{work.job.kind} {work.job.name!r}: {work.share:.0%} of its past is folded"
            for work in list(self._work.values())
            if not work.job.done
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

    def _follow(self, jobs: State) -> None:
        """Begin what is new or has changed, go on to a later cut, and drop what nobody wants."""
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
        """Fold a part of the one that is furthest behind, and of those that stand where it does."""
        under_way = [work for work in self._work.values() if work.left]
        if under_way:
            behind = min(under_way, key=lambda work: (work.job.stream, sum(work.places.values())))
            stream, producer = behind.job.stream, behind.left[0]
            at = behind.place(producer)
            alike = [work for work in under_way if work.job.stream == stream and work.job.cut.get(producer, 0) > at]
            together = [work for work in alike if work.place(producer) == at]
            ends = [work.job.cut[producer] for work in together]
            ends += [work.place(producer) for work in alike if work.place(producer) > at]
            self._read(stream, producer, at, min(ends), together)
            for work in together:
                yield list(work.parts(PART_ROWS))
        for work in list(self._work.values()):
            if not work.left and not work.job.done:
                yield [*work.parts(1), work.row("past.folded", {"cut": work.job.cut}, work.past.dump())]

    def _read(self, stream: str, producer: str, at: int, end: int, together: Sequence[Work]) -> None:
        source = (stream, producer)
        entries = gapless(self.log.read(*source, at, READ_BYTES), source, at)
        if not entries:
            raise Corrupt(f"{stream} of {producer} ends before offset {at}, which was read")
        for entry in entries:
            if entry.header.first >= end:
                break
            for batch in slices_of(entry, at, end):
                columns = Columns(batch.table)
                for work in together:
                    work.take(batch, columns)
