"""A worker's pace: at once after a quiet moment, in larger steps when events keep coming, without pause when behind."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import Any

import pytest

from actors.cell import Cell, Limits
from actors.workers import BULK_ROWS, PACE_S, StreamWorker
from events.catalog import USER_INTERACTIONS, rows
from events.memory_log import MemoryLog
from tests.laws.toys import Brittle, Door


class Paced:
    """A reader of a door's rows behind a worker, and when it stepped."""

    def __init__(self, read_bytes: int = Limits().read_bytes) -> None:
        self.log = MemoryLog()
        self.door: Cell[Any] = Cell(Door(), self.log, tenant="t", now=lambda: 1)
        self.door.recover()
        cell: Cell[Any] = Cell(
            Brittle("brittle"), self.log, tenant="t", now=lambda: 1, limits=Limits(read_bytes=read_bytes)
        )
        self.steps: list[tuple[float, int]] = []
        advance = cell.advance

        def noted() -> int:
            begun, consumed = time.monotonic(), advance()
            if consumed:
                self.steps.append((begun, consumed))
            return consumed

        cell.advance = noted
        self.worker = StreamWorker(cell, self.log, "g", lambda: None)
        self.sent = 0

    def send(self, n: int) -> None:
        columns = {
            "id": [f"e{k}" for k in range(self.sent, self.sent + n)],
            "time": 1, "received": 1, "value": 1.0, "partition_key": "a",
        }  # fmt: skip
        fold: Any = self.door.fold
        batch = rows(USER_INTERACTIONS, columns, n)
        self.door.record(lambda state: fold.admit(state, batch))
        self.sent += n

    def until_read(self) -> None:
        deadline = time.monotonic() + 20
        while sum(n for _, n in self.steps) < self.sent:
            assert time.monotonic() < deadline
            time.sleep(0.002)


@pytest.fixture
def paced() -> Any:
    made: list[Paced] = []

    def make(**changes: Any) -> Paced:
        made.append(Paced(**changes))
        return made[-1]

    yield make
    for one in made:
        one.worker.stop()


def test_steps_of_a_busy_cell_lie_apart_and_take_all_that_came(paced: Any) -> None:
    one: Paced = paced()
    one.worker.start()
    for _ in range(60):
        one.send(1)
        time.sleep(0.005)
    one.until_read()
    begun = [at for at, _ in one.steps]
    assert min(b - a for a, b in pairwise(begun)) >= PACE_S * 0.99
    assert max(consumed for _, consumed in one.steps) > 1


def test_the_first_event_after_a_quiet_moment_does_not_wait(paced: Any) -> None:
    one: Paced = paced()
    one.worker.start()
    waits: list[float] = []
    for _ in range(5):
        time.sleep(2 * PACE_S)
        sent = time.monotonic()
        one.send(1)
        one.until_read()
        waits.append(one.steps[-1][0] - sent)
    assert min(waits) < PACE_S / 2


def test_a_cell_that_is_far_behind_does_not_pause(paced: Any) -> None:
    one: Paced = paced(read_bytes=1)
    for _ in range(6):
        one.send(BULK_ROWS)
    gaps: list[float] = []
    wait = one.worker.stopping.wait
    one.worker.stopping.wait = lambda timeout=None: (gaps.append(timeout or 0.0), wait(timeout))[1]
    one.worker.start()
    one.until_read()
    assert len(one.steps) == 6
    assert gaps == []
