"""The worker that reads a source: each row once, whatever fails; an error is said, waited out, and costs no state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors.cell import Cell, Limits
from actors.collectors.pull import PullCollector
from actors.pulling import PullWorker, pause_s
from actors.source import Read
from events.catalog import DEAD_LETTERS, USER_INTERACTIONS, rows
from events.errors import Overloaded, Transient
from events.log import EventLog
from events.memory_log import MemoryLog
from tests.laws.machine import Unlucky
from tests.laws.oracle import History

CELL = "t/orders/0"


def now() -> int:
    return time.time_ns() // 1000


def numbered(first: int, end: int) -> Any:
    columns = {"id": [str(n) for n in range(first, end)], "time": now(), "received": now(), "partition_key": "a"}
    return rows(USER_INTERACTIONS, columns, end - first)


class Numbers:
    """A source of so many numbered rows, three at a time; ``faults`` are raised by the reads to come, one each."""

    def __init__(self, total: int, *faults: Exception) -> None:
        self.total = total
        self.faults = list(faults)
        self.opened: list[bytes | None] = []
        self.closed = 0

    def open(self, position: bytes | None) -> Numbers.Reader:
        self.opened.append(position)
        return Numbers.Reader(self, int(position or 0))

    class Reader:
        def __init__(self, source: Numbers, place: int) -> None:
            self._source = source
            self._place = place

        def read(self) -> Read:
            if self._source.faults:
                raise self._source.faults.pop(0)
            end = min(self._source.total, self._place + 3)
            found = numbered(self._place, end)
            self._place = end
            done = end == self._source.total
            return Read(found, str(end).encode(), now() + 20_000 if done else None, behind=self._source.total - end)

        def close(self) -> None:
            self._source.closed += 1


class World:
    def __init__(self) -> None:
        self.log = MemoryLog()
        self.workers: list[PullWorker] = []

    def pull(self, source: Any, log: EventLog | None = None, **arguments: Any) -> PullWorker:
        fold = PullCollector("orders", USER_INTERACTIONS, refuses=True)
        over = log or self.log
        cell: Cell[Any] = Cell(fold, over, tenant="t", now=now, limits=Limits(snapshot_commits=4))
        worker = PullWorker(cell, over, lambda: source, now, name="orders", kind="numbers", **arguments)
        self.workers.append(worker)
        worker.start()
        return worker

    def ids(self) -> list[str]:
        return [id for (id,) in History(self.log).rows("user_interactions", CELL, "id")]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr("actors.pulling.FIRST_PAUSE_S", 0.02)
    world = World()
    yield world
    for worker in world.workers:
        worker.stop()


def until(question: Callable[[], Any], timeout_s: float = 120.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (answer := question()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return answer


def all_of(n: int) -> list[str]:
    return [str(number) for number in range(n)]


def source_of(worker: PullWorker) -> Any:
    return worker.health().source


def test_a_source_is_read_to_its_end_and_says_how_it_fares(world: World) -> None:
    worker = world.pull(Numbers(20))
    until(lambda: world.ids() == all_of(20))
    said = until(lambda: (s := source_of(worker)).behind == 0 and s)
    assert (said.name, said.kind, said.stream, said.state) == ("orders", "numbers", "user_interactions", "reading")
    assert (said.rows, said.errors, said.last_error) == (20, 0, "")
    assert 0 <= said.lag_s < 120
    assert 0 <= said.read_s_ago <= said.row_s_ago < 120


def test_a_restart_reads_on_behind_the_last_committed_row(world: World) -> None:
    first = Numbers(7)
    worker = world.pull(first)
    until(lambda: len(world.ids()) == 7)
    worker.stop()
    assert first.closed == 1
    second = Numbers(12)
    world.pull(second)
    until(lambda: world.ids() == all_of(12))
    assert second.opened == [b"7"]


@pytest.mark.parametrize("fault", ["refused", "lost"])
def test_a_commit_that_fails_is_read_again_and_one_that_landed_is_not(world: World, fault: str) -> None:
    source = Numbers(15)
    world.pull(source, Unlucky(world.log, ["calm", fault, "calm", fault]))
    until(lambda: world.ids() == all_of(15))
    assert len(source.opened) == 3, "after each failed commit another reader is opened, at the committed place"


def test_an_error_of_the_source_is_waited_out_without_reloading_the_cell(world: World) -> None:
    source = Numbers(9, ConnectionError("no route"), KeyError("bug"))
    worker = world.pull(source)
    states: set[str] = set()
    until(lambda: states.add(worker.state) or world.ids() == all_of(9))
    said = source_of(worker)
    assert states <= {"starting", "running"}, "the cell never lost its state"
    assert (said.errors, said.last_error, said.state) == (2, "KeyError: 'bug'", "reading")
    assert said.error_s_ago is not None
    assert (source.opened, source.closed) == ([None, None, None], 2)


def test_while_it_fails_it_says_so_and_its_watermark_stays(world: World) -> None:
    source = Numbers(6)
    worker = world.pull(source)
    until(lambda: len(world.ids()) == 6)
    source.faults = [OSError("disk gone")] * 1000
    health = until(lambda: (h := worker.health()).detail and h)
    assert (health.state, health.source.state) == ("running", "retrying")
    assert "disk gone" in health.detail
    before = world.log.last_commit(CELL)
    time.sleep(0.3)
    assert world.log.last_commit(CELL) == before, "what comes after the outage must not be late"


def test_an_open_that_fails_is_tried_again(world: World) -> None:
    source = Numbers(3)
    opened, source.open = source.open, lambda _: 1 / 0  # type: ignore[assignment,method-assign]
    worker = world.pull(source)
    until(lambda: source_of(worker).errors >= 2)
    assert "ZeroDivisionError" in source_of(worker).last_error
    source.open = opened  # type: ignore[method-assign]
    until(lambda: world.ids() == all_of(3))


def test_a_full_disk_holds_a_guarded_source_back(world: World) -> None:
    full = [True]

    def admission() -> None:
        if full[0]:
            raise Overloaded("disk nearly full", 0.01)

    worker = world.pull(Numbers(3), admission=admission)
    until(lambda: "disk nearly full" in source_of(worker).last_error)
    assert world.ids() == []
    full[0] = False
    until(lambda: world.ids() == all_of(3))


def test_rows_that_cannot_be_read_are_kept_as_dead_letters_and_the_place_moves_on(world: World) -> None:
    class Half(Numbers.Reader):
        def read(self) -> Read:
            refused = rows(DEAD_LETTERS, {"type": "row.rejected", "reason": "bad", "time": now()}, 1)
            return Read(numbered(0, 0), b"5", now() + 10_000_000, refused)

    source = Numbers(0)
    source.open = lambda position: Half(source, 0)  # type: ignore[method-assign]
    worker = world.pull(source)
    until(lambda: source_of(worker).refused == 1)
    assert History(world.log).rows("dead_letters", CELL, "reason") == [("bad",)]
    worker.stop()
    again = Numbers(6)
    world.pull(again)
    until(lambda: world.ids() == ["5"])
    assert again.opened == [b"5"], "a place without rows is committed, too"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Read(numbered(0, 1), b"x" * 70_000), "65,536"),
        (Read(numbered(0, 1), b""), "must have 1 to"),
        (Read(rows(DEAD_LETTERS, {}, 1)), "not of stream user_interactions"),
        (None, "NoneType"),
    ],
)
def test_an_answer_that_breaks_a_rule_is_an_error_of_its_source(world: World, answer: Any, said: str) -> None:
    class Wrong(Numbers.Reader):
        def read(self) -> Read:
            return answer

    source = Numbers(0)
    source.open = lambda position: Wrong(source, 0)  # type: ignore[method-assign]
    worker = world.pull(source)
    until(lambda: said in source_of(worker).last_error)
    assert worker.state == "running"
    assert world.ids() == []


def test_pauses_grow_to_a_minute_and_never_fall_below_what_was_asked_for() -> None:
    assert [pause_s(n, 0.0, 0.5) for n in (1, 2, 3, 7, 500)] == [1, 2, 4, 60, 60]
    assert (pause_s(1, 0.0, 0.0), pause_s(1, 0.0, 1.0)) == (0.75, 1.25)
    busy = Transient("busy", 300.0).retry_after_s
    assert (pause_s(1, busy, 0.0), pause_s(1, busy, 1.0)) == (300, 375), "never sooner than was asked for"
