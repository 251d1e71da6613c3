"""Intake by push: the worker that commits requests. What is read from sources comes by ``actors.pulling``."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, cast

import pyarrow as pa

from actors.cell import AnyCell
from actors.collectors.arrivals import Arrivals
from actors.topology import Surroundings
from actors.workers import CLOSED, Worker
from events.catalog import USER_INTERACTIONS
from events.errors import Elsewhere, Overloaded, Rejected, Transient
from events.log import LogReader

if TYPE_CHECKING:
    from actors.collectors.imports import ImportCollector, Progress
    from actors.collectors.push import PushCollector


class Ack(NamedTuple):
    """What became of one push: a verdict a row, and the offset of the first accepted one."""

    verdict: bytes
    offset: int
    place: Progress | None = None
    """Of an import: how far it is."""


class Pushed(NamedTuple):
    arrivals: Arrivals
    answer: Future[Ack]


class PushWorker(Worker):
    """Drives a push collector: all requests that wait are committed together, then each is answered."""

    door = True

    def __init__(
        self,
        cell: AnyCell,
        log: LogReader,
        now: Callable[[], int],
        admission: Callable[[], None],
        max_rows: int = 50_000,
    ) -> None:
        super().__init__(cell, log)
        self._collector = cast("PushCollector", cell.fold)
        self._now = now
        self._admission = admission
        self._max_rows = max_rows
        self._requests: queue.SimpleQueue[Pushed | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        """Held while a request comes in and while the last ones are turned away: none slips in between."""
        self._idle_s = self._collector.idle_us / 1e6

    def push(self, arrivals: Arrivals) -> Future[Ack]:
        """Hand in one request; the future resolves after the durable commit, or with ``Transient``/``Overloaded``."""
        answer: Future[Ack] = Future()
        try:
            self._admission()
        except Overloaded as full:
            answer.set_exception(full)
            return answer
        with self._door:
            if self.state in CLOSED:
                answer.set_exception(self._refusal(self.detail))
            else:
                self._requests.put(Pushed(arrivals, answer))
        return answer

    def wake(self) -> None:
        self._requests.put(None)

    def step(self) -> None:
        pushes = [push for push in self._waiting() if push.answer.set_running_or_notify_cancel()]
        if not pushes:
            self._rest()
            return
        try:
            with self.lock:
                acks = self._commit(pushes)
        except BaseException as error:
            for push in pushes:
                push.answer.set_exception(Transient(f"not committed, send it again: {error}"))
            raise
        for push, ack in zip(pushes, acks, strict=True):
            push.answer.set_result(ack) if isinstance(ack, Ack) else push.answer.set_exception(ack)

    def _rest(self) -> None:
        """Nothing came for a while."""
        with self.lock:
            self.cell.record(lambda state: self._collector.idle(state, self._now()))

    def _waiting(self) -> list[Pushed]:
        try:
            pushes = [self._requests.get(timeout=self._idle_s)]
        except queue.Empty:
            return []
        n = 0
        while n < self._max_rows:
            try:
                more = self._requests.get_nowait()
            except queue.Empty:
                break
            pushes.append(more)
            n += more.arrivals.rows.num_rows if more else 0
        return [push for push in pushes if push]

    def _commit(self, pushes: list[Pushed]) -> Sequence[Ack | Rejected]:
        offset = self.cell.head(self._collector.stream.name)
        together = pa.concat_batches([p.arrivals.rows for p in pushes]) if len(pushes) > 1 else pushes[0].arrivals.rows
        refused = [p.arrivals.refused for p in pushes if p.arrivals.refused is not None]
        dead = pa.concat_batches(refused) if refused else None
        verdict = self.cell.record(lambda state: self._collector.admit(state, Arrivals(together, dead)))
        acks: list[Ack] = []
        at = 0
        for push in pushes:
            mine = verdict[at : at + push.arrivals.rows.num_rows]
            acks.append(Ack(mine.tobytes(), offset))
            offset += int((mine == 0).sum())
            at += len(mine)
        return acks

    def failed(self, reason: str) -> None:
        with self._door:
            while True:
                try:
                    push = self._requests.get_nowait()
                except queue.Empty:
                    return
                if push and push.answer.set_running_or_notify_cancel():
                    push.answer.set_exception(self._refusal(reason))

    def _refusal(self, reason: str) -> Transient:
        """Of a request that was not taken up: whoever asks may look for the cell elsewhere where it has ended here."""
        if self.state in ("stopped", "fenced"):
            return Elsewhere(f"{self.cell.name} is {self.state} here, and nothing was committed: {reason}", 0.1)
        return Transient(f"{self.cell.name} is {self.state}, nothing was committed, send it again: {reason}")


@dataclass(frozen=True, slots=True)
class Push:
    """Drive the cell by requests; ``guarded``: subject to back-pressure."""

    guarded: bool = True

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        return PushWorker(cell, host.log, host.now, host.admission if self.guarded else lambda: None)


class ImportWorker(PushWorker):
    """Drives the collector of imports: each part of a file is a commit of its own, for its place stands in its entry."""

    def _rest(self) -> None:
        """What is of the past says nothing of now."""

    def _commit(self, pushes: list[Pushed]) -> Sequence[Ack | Rejected]:
        return [self._taken(push.arrivals) for push in pushes]

    def _taken(self, arrivals: Arrivals) -> Ack | Rejected:
        collector = cast("ImportCollector", self.cell.fold)
        part = arrivals.part
        if part is None:
            return Rejected("import", "is not named; say which rows of which import these are")
        known = collector.progress(self.cell.state, part.name)
        if part.first > known.rows or (part.end > known.rows and part.first < known.rows):
            return Rejected(
                "first", f"must be {known.rows}: so many rows of this import are judged; go on with the next"
            )
        offset = self.cell.head(USER_INTERACTIONS.name)
        verdict = self.cell.record(lambda state: collector.admit(state, arrivals, part, self._now()))
        return Ack(verdict.tobytes(), offset, collector.progress(self.cell.state, part.name))


@dataclass(frozen=True, slots=True)
class Importing:
    """Drive the collector of imports by requests; subject to back-pressure."""

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        return ImportWorker(cell, host.log, host.now, host.admission)
