"""The threads that drive cells: what they show while there is no state, and that nobody waits for an answer in vain."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from actors.admission import Admission
from actors.cell import Cell, Limits
from actors.collectors.arrivals import Arrivals
from actors.collectors.push import control
from actors.edges.intake import Ack, PushWorker
from actors.fold import Batch, Outputs, Topic
from actors.views import Place, Ring
from actors.workers import StreamWorker, Worker
from events.catalog import CONTROL, rows
from events.errors import Corrupt, Transient
from events.log import Commit, EventLog, Lease
from events.memory_log import MemoryLog
from events.sqlite_log import SqliteLog
from tests.laws.test_cell import cell_of, send
from tests.laws.toys import Door, Toy


class Board(Toy):
    """Shows how many rows there were. ``permits``: entries that it may still fold; None: all."""

    reads = ("user_interactions",)
    topics: Sequence[Topic] = (Topic("board", "latest"),)

    def __init__(self, version: int = 1) -> None:
        super().__init__("board", version)
        self.permits: threading.Semaphore | None = None
        self.broken = False

    def initial(self) -> list[int]:
        return [0]

    def fold(self, state: list[int], batch: Batch) -> tuple[list[int], Outputs]:
        if self.permits:
            assert self.permits.acquire(timeout=30)
        if self.broken:
            raise Corrupt("a row was lost")
        state[0] += batch.rows
        return state, Outputs()

    def view(self, state: list[int], topic: str) -> Mapping[str, Any]:
        return {"rows": state[0]}

    def changes(self, state: list[int]) -> Mapping[str, Mapping[str, Any]]:
        return {"board": {"rows": state[0]}}


def until(question: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (answer := question()):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return answer


class World:
    """A door, and boards behind workers."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.door = cell_of(Door(), self.log)
        self.sent = 0
        self.workers: list[Worker] = []

    def send(self, n: int) -> None:
        for _ in range(n):
            send(self.door, f"e{self.sent}")
            self.sent += 1

    def board(self, fold: Board, limits: Limits | None = None) -> StreamWorker:
        cell: Cell[Any] = Cell(fold, self.log, tenant="t", now=lambda: 1_700_000_000_000_000, limits=limits)
        worker = StreamWorker(cell, self.log, "g", lambda: None)
        self.workers.append(worker)
        worker.start()
        return worker


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    for worker in world.workers:
        worker.stop()


def shown(worker: StreamWorker, place: Place | None = None) -> Any:
    """What a subscriber at ``place`` is sent."""
    frames = worker.frames({"board": place})
    return frames[0] if frames else None


# -- a raised version --------------------------------------------------------------------------------------------------


def old_board(world: World, n: int) -> None:
    """A board of version 1 that had shown n rows, one after the other, when it was stopped."""
    worker = world.board(Board())
    for shown_so_far in range(1, n + 1):
        world.send(1)
        until(lambda: (frame := shown(worker)) and frame.data == {"rows": shown_so_far})  # noqa: B023
    worker.stop()


def test_while_a_new_version_refolds_what_the_old_one_showed_is_shown_as_stale(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.workers.PATIENCE_S", 0.0)
    old_board(world, 8)
    world.send(2)
    fold = Board(version=2)
    fold.permits = threading.Semaphore(4)
    worker = world.board(fold, Limits(refold_commits=1))
    until(lambda: worker.state == "rebuilding" and worker.health().progress == 0.5)
    assert worker.settled.is_set(), "the system may start"
    first = shown(worker)
    assert (first.op, first.data, first.epoch) == ("snap", {"rows": 8}, "g.1")
    assert first.stale == "rebuilding, 50%; shown as of 2023-11-14T22:13:20Z"
    health = worker.health()
    assert (health.state, health.stale, health.rows_behind) == ("rebuilding", first.stale, 2)
    assert health.detail == "50%: 4 of 8 rows of its past are folded"
    assert shown(worker, Place(first.epoch, first.seq, first.stale)) is None, "it has been told"
    fold.permits.release(100)
    until(lambda: worker.state == "running" and worker.behind() == 0)
    last = shown(worker, Place(first.epoch, first.seq, first.stale))
    assert (last.op, last.data, last.epoch, last.stale) == ("snap", {"rows": 10}, "g.2", "")


def test_what_the_old_version_showed_outlives_a_kill_of_the_refold(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.workers.PATIENCE_S", 0.0)
    old_board(world, 8)
    killed: Cell[Any] = Cell(
        Board(version=2), world.log, tenant="t", now=lambda: 1, limits=Limits(refold_commits=1, refolded_commits=2)
    )
    for _ in range(7):
        killed.recover_some()
    kept = [ref.snapshot.fold_version for ref in world.log.snapshots("t/board/0")]
    assert kept == [1, 2, 2]
    fold = Board(version=2)
    fold.permits = threading.Semaphore(1)
    worker = world.board(fold, Limits(refold_commits=1))
    until(lambda: worker.state == "rebuilding")
    frame = shown(worker)
    assert (frame.data, frame.epoch) == ({"rows": 8}, "g.1")
    fold.permits.release(100)
    until(lambda: worker.state == "running")


# -- a cell that is halted ---------------------------------------------------------------------------------------------


def test_a_halted_board_goes_on_showing_what_it_last_showed_and_says_why(world: World) -> None:
    old_board(world, 3)
    fold = Board()
    fold.broken = True
    worker = world.board(fold)
    world.send(1)
    until(lambda: worker.state == "halted")
    assert worker.settled.is_set()
    frame = shown(worker)
    assert (frame.op, frame.data) == ("snap", {"rows": 3})
    assert frame.stale.startswith("halted: t/board/0 crashes")
    assert frame.stale.endswith("a row was lost; shown as of 2023-11-14T22:13:20Z")
    health = worker.health()
    assert (health.state, health.stale, health.rows_behind) == ("halted", frame.stale, 1)


def test_who_has_seen_more_than_the_last_snapshot_is_only_told_that_it_is_stale(world: World) -> None:
    fold = Board()
    worker = world.board(fold)
    world.send(2)
    frame = until(lambda: (f := shown(worker)) and f.data == {"rows": 2} and f)
    fold.broken = True
    world.send(1)
    until(lambda: worker.state == "halted")
    after = shown(worker, Place(frame.epoch, frame.seq))
    assert (after.op, after.stale[:8]) == ("stale", "halted: ")
    assert shown(worker, Place(frame.epoch, frame.seq, after.stale)) is None


class Flaky(MemoryLog):
    """Refuses commits while it is full."""

    full = False

    def commit(self, lease: Lease, commit: Commit) -> int:
        if self.full and lease.cell == "t/board/0":
            raise Transient("disk full")
        return super().commit(lease, commit)


def test_a_board_whose_state_is_lost_for_a_while_answers_and_comes_back(world: World) -> None:
    """A failed commit costs the state until it is reloaded; asking meanwhile raised an error that froze the page."""
    world.log = Flaky()
    world.door = cell_of(Door(), world.log)
    worker = world.board(Board())
    world.send(2)
    frame = until(lambda: (f := shown(worker)) and f.data == {"rows": 2} and f)
    world.log.full = True
    world.send(1)
    until(lambda: worker.state == "waiting")
    for _ in range(50):
        worker.frames({"board": None, "another": None})
    told = until(lambda: (f := shown(worker, Place(frame.epoch, frame.seq))) and f.stale and f)
    assert "disk full" in told.stale
    world.log.full = False
    place = Place(told.epoch, told.seq, told.stale)
    last = until(lambda: (f := shown(worker, place)) and f.op != "stale" and f)
    assert (last.data, last.stale) == ({"rows": 3}, "")


class Away(MemoryLog):
    """On a server that is gone while it is ``away``: whatever is asked of it fails."""

    away = False

    def __getattribute__(self, name: str) -> Any:
        if name in (
            "acquire",
            "commit",
            "read",
            "head",
            "producers",
            "journal",
            "last_commit",
            "cursor",
            "snapshots",
            "wait",
        ) and object.__getattribute__(self, "away"):
            raise Transient("the server is gone")
        return object.__getattribute__(self, name)


def test_a_log_that_cannot_be_read_ends_no_worker_and_hides_no_health(world: World) -> None:
    """The look for what was last shown failed, too, and took the worker's thread with it."""
    world.log = Away()
    world.door = cell_of(Door(), world.log)
    worker = world.board(Board())
    world.send(2)
    frame = until(lambda: (f := shown(worker)) and f.data == {"rows": 2} and f)
    world.log.away = True
    until(lambda: worker.state == "waiting")
    for _ in range(3):
        health = worker.health()
        assert (health.state, health.detail) == ("waiting", "Transient: the server is gone")
        time.sleep(0.1)
    told = until(lambda: (f := shown(worker, Place(frame.epoch, frame.seq))) and f.stale and f)
    assert "the server is gone" in told.stale
    world.log.away = False
    world.send(1)
    place = Place(told.epoch, told.seq, told.stale)
    last = until(lambda: (f := shown(worker, place)) and f.op != "stale" and f)
    assert (last.data, last.stale) == ({"rows": 3}, "")


# -- a board that lags -------------------------------------------------------------------------------------------------


def test_a_board_that_lags_says_so_and_holds_nothing_back(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.workers.STALE_S", 0.0)
    monkeypatch.setattr("actors.workers.WAIT_S", 0.2)
    fold = Board()
    worker = world.board(fold)
    world.send(1)
    frame = until(lambda: (f := shown(worker)) and f.data == {"rows": 1} and not f.stale and f)
    fold.permits = threading.Semaphore(0)
    world.send(30)
    told = until(lambda: (f := shown(worker, Place(frame.epoch, frame.seq))) and f)
    assert (told.op, told.stale) == ("stale", "over 30 rows behind")
    Admission(SqliteLog(tmp_path), min_free_bytes=0)()
    world.send(1)
    fold.permits.release(100)
    place = Place(told.epoch, told.seq, told.stale)
    last = until(lambda: (f := shown(worker, place)) and f.op == "delta" and f.data == {"rows": 32} and f)
    assert until(lambda: shown(worker, Place(last.epoch, last.seq)) is None)


# -- rings -------------------------------------------------------------------------------------------------------------


def test_a_ring_is_read_while_it_is_written_and_no_change_is_lost() -> None:
    ring, last = Ring(Topic("t", "upsert"), 0), 30_000
    writer = threading.Thread(target=lambda: [ring.push(n, {f"{n % 977}": n}) for n in range(1, last + 1)])
    writer.start()
    at, seen = 0, dict[str, Any]()
    while at < last:
        found = ring.since(at)
        if found is None:
            at, seen = ring.reach, {}
            continue
        at, delta = found
        assert max(delta.values(), default=at) == at, "what it answers for is what it holds"
        seen |= delta
    writer.join()


# -- requests ----------------------------------------------------------------------------------------------------------


class Refusing(MemoryLog):
    """Its next commits raise."""

    error: Exception | None = None

    def commit(self, lease: Lease, commit: Commit) -> int:
        if self.error:
            raise self.error
        return super().commit(lease, commit)


def command(n: int) -> Arrivals:
    columns = {"id": f"c{n}", "source": "s", "type": "rule.deleted", "subject": "r", "time": 1, "received": 1}
    return Arrivals(rows(CONTROL, {**columns, "data": "{}"}, 1), None)


def door_on(log: EventLog, admission: Callable[[], None] = lambda: None) -> PushWorker:
    cell: Cell[Any] = Cell(control(), log, tenant="t", now=lambda: 1)
    return PushWorker(cell, log, lambda: 1, admission)


def answered(future: Future[Ack]) -> str:
    """``accepted``, or what was said instead; fails where nothing is."""
    error = future.exception(timeout=10)
    return str(error) if error else "accepted"


def test_a_request_that_comes_in_as_its_worker_ends_is_answered() -> None:
    """The end falls between the worker's first look at the request and its place in the queue."""
    worker: PushWorker
    ended = iter([True])

    def ends() -> None:
        if next(ended, False):
            worker.stop()

    worker = door_on(MemoryLog(), ends)
    worker.start()
    assert worker.settled.wait(10)
    assert "is stopped" in answered(worker.push(command(0)))
    assert "is stopped" in answered(worker.push(command(1)))


@pytest.mark.parametrize("attempt", range(5))
def test_requests_from_many_threads_are_all_answered_when_their_cell_halts(attempt: int) -> None:
    log = Refusing()
    worker = door_on(log)
    worker.start()
    futures: list[Future[Ack]] = []

    def sends(k: int) -> None:
        futures.extend(worker.push(command(k * 50 + n)) for n in range(50))

    senders = [threading.Thread(target=sends, args=(k,)) for k in range(4)]
    for sender in senders:
        sender.start()
    time.sleep(0.002 * attempt)
    log.error = Corrupt("a page of the file is damaged")
    for sender in senders:
        sender.join()
    said = {answered(future) for future in futures}
    assert all(text == "accepted" or "a page of the file is damaged" in text for text in said), said
    worker.stop()


def test_a_worker_that_cannot_save_its_snapshot_at_the_end_ends_all_the_same() -> None:
    log = Refusing()
    worker = door_on(log)
    worker.start()
    assert answered(worker.push(command(0))) == "accepted"
    log.error = Corrupt("a page of the file is damaged")
    worker.stop()
    assert worker.state == "stopped"
    assert "is stopped" in answered(worker.push(command(1)))


class Slow(MemoryLog):
    """Its commits wait for ``go``."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.begun = threading.Event()

    def commit(self, lease: Lease, commit: Commit) -> int:
        self.begun.set()
        assert self.go.wait(30)
        return super().commit(lease, commit)


def test_a_request_that_was_given_up_costs_the_others_nothing() -> None:
    log = Slow()
    worker = door_on(log)
    worker.start()
    first = worker.push(command(0))
    assert log.begun.wait(10)
    assert not first.cancel(), "it is being committed"
    later = [worker.push(command(n)) for n in range(1, 5)]
    assert later[1].cancel()
    log.go.set()
    assert [answered(f) for f in (first, later[0], *later[2:])] == ["accepted"] * 4
    assert worker.state == "running"
    worker.stop()


def test_a_door_that_rebuilds_refuses_at_once_and_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.workers.PATIENCE_S", 0.0)
    log = MemoryLog()
    first = door_on(log)
    first.start()
    for n in range(5):
        assert answered(first.push(command(n))) == "accepted"
    first.stop()
    worker = door_on(log)
    steps = threading.Semaphore(1)
    recover_some = worker.cell.recover_some

    def slowly() -> bool:
        steps.acquire()
        return recover_some()

    object.__setattr__(worker.cell.fold, "version", worker.cell.fold.version + 1)
    worker.cell._limits = Limits(refold_commits=1)
    worker.cell.recover_some = slowly  # type: ignore[method-assign]
    worker.start()
    until(lambda: worker.state == "rebuilding")
    assert "is rebuilding" in answered(worker.push(command(9)))
    assert worker.health().door
    steps.release(20)
    until(lambda: worker.state == "running")
    again = worker.push(command(3)).result(10)
    assert again.verdict == b"\x01", "a duplicate is known as such"
    worker.stop()


def test_the_disk_is_what_holds_new_work_back(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path)
    worker = door_on(log, Admission(log, min_free_bytes=1 << 62))
    assert "disk nearly full" in answered(worker.push(command(0)))


def test_a_log_without_a_bound_of_its_own_holds_nothing_back() -> None:
    log = MemoryLog()
    worker = door_on(log, Admission(log, min_free_bytes=1 << 62))
    worker.start()
    assert worker.push(command(0)).result(10).verdict == b"\x00"
    worker.stop()


def test_what_a_fold_has_to_say_to_its_operator_is_in_the_health_of_its_cell(world: World) -> None:
    class Saying(Board):
        def notes(self, state: list[int]) -> list[str]:
            return [f"{state[0]} rows are many"] if state[0] > 2 else []

    worker = world.board(Saying())
    until(lambda: worker.state == "running")
    assert worker.health().notes == ()
    world.send(5)
    until(lambda: worker.health().notes == ("5 rows are many",))
