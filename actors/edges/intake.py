"""Intake: the workers that bring the world in, by push (requests) and by poll (sources)."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

import pyarrow as pa

from actors.cell import AnyCell
from actors.collectors.arrivals import Arrivals
from actors.collectors.pull import PullCollector
from actors.workers import CLOSED, Worker
from events.errors import Overloaded, Transient
from events.log import LogReader

if TYPE_CHECKING:
    from actors.collectors.push import PushCollector


class Ack(NamedTuple):
    """What became of one push: a verdict a row, and the offset of the first accepted one."""

    verdict: bytes
    offset: int


class Push(NamedTuple):
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
        self._requests: queue.SimpleQueue[Push | None] = queue.SimpleQueue()
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
                answer.set_exception(Transient(f"{self.cell.name} is {self.state}: {self.detail}"))
            else:
                self._requests.put(Push(arrivals, answer))
        return answer

    def wake(self) -> None:
        self._requests.put(None)

    def step(self) -> None:
        pushes = [push for push in self._waiting() if push.answer.set_running_or_notify_cancel()]
        if not pushes:
            with self.lock:
                self.cell.record(lambda state: self._collector.idle(state, self._now()))
            return
        try:
            with self.lock:
                acks = self._commit(pushes)
        except BaseException as error:
            for push in pushes:
                push.answer.set_exception(Transient(f"not committed, send it again: {error}"))
            raise
        for push, ack in zip(pushes, acks, strict=True):
            push.answer.set_result(ack)

    def _waiting(self) -> list[Push]:
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

    def _commit(self, pushes: list[Push]) -> list[Ack]:
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
                    push.answer.set_exception(Transient(f"not committed, send it again: {reason}"))


class Poll(Protocol):
    def poll(self, now_us: int) -> pa.RecordBatch: ...


class PollWorker(Worker):
    """Polls a source at a fixed rate and records what it answers."""

    def __init__(self, cell: AnyCell, log: LogReader, source: Poll, every_s: float, now: Callable[[], int]) -> None:
        super().__init__(cell, log)
        self._collector = cast(PullCollector, cell.fold)
        self._source = source
        self._every_s = every_s
        self._now = now

    def step(self) -> None:
        now_us = self._now()
        batch = self._source.poll(now_us)
        with self.lock:
            if batch.num_rows:
                self.cell.record(lambda state: self._collector.admit(state, batch))
            else:
                self.cell.record(lambda state: self._collector.idle(state, now_us))
        self.stopping.wait(self._every_s - time.time() % self._every_s)
