"""What a cell does when things go wrong, one story each. The simulator finds such stories; these name them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from actors.cell import Cell, Limits
from actors.fold import Batch, Outputs
from events.catalog import CLOCK, OUTBOX, USER_INTERACTIONS, rows
from events.errors import Conflict, Corrupt, Fenced, Transient
from events.log import Commit, Lease
from events.memory_log import MemoryLog
from tests.laws.oracle import History
from tests.laws.toys import Brittle, Door, Toy

BIG = Limits(snapshot_commits=1_000_000)


def cell_of(fold: Toy, log: MemoryLog, limits: Limits = BIG) -> Cell[Any]:
    cell: Cell[Any] = Cell(fold, log, tenant="t", now=lambda: 1, limits=limits)
    cell.recover()
    return cell


def request(*ids: str, value: float | Sequence[float] = 1.0) -> Any:
    columns = {"id": list(ids), "time": 1, "received": 1, "value": value, "partition_key": "a"}
    return rows(USER_INTERACTIONS, columns, len(ids))


def send(door: Cell[Any], *ids: str, value: float | Sequence[float] = 1.0) -> list[str]:
    return send_to(door, request(*ids, value=value))


def send_to(door: Cell[Any], batch: Any) -> list[str]:
    fold: Any = door.fold
    return door.record(lambda state: fold.admit(state, batch))


def ids(log: MemoryLog) -> list[str]:
    return [i for (i,) in History(log).rows("user_interactions", "t/door/0", "id")]


class BadNetwork(MemoryLog):
    """The next commit is answered by ``fault``, which gets the real commit to do with as it likes."""

    fault: Callable[[Callable[[], int]], int] | None = None

    def commit(self, lease: Lease, commit: Commit) -> int:
        fault, self.fault = self.fault, None
        land: Callable[[], int] = lambda: super(BadNetwork, self).commit(lease, commit)  # noqa: E731
        return fault(land) if fault else land()


def test_an_instance_that_was_replaced_never_takes_the_cell_back() -> None:
    log = BadNetwork()
    old = cell_of(Door(), log)
    new = cell_of(Door(), log)

    def refuse(_: Callable[[], int]) -> int:
        raise Transient("full disk")

    log.fault = refuse
    with pytest.raises(Transient):
        send(old, "a")
    old.recover()  # as its host does
    with pytest.raises(Fenced):
        send(old, "a")
    assert send(new, "b") == ["accepted"]
    assert ids(log) == ["b"]


def test_a_commit_that_lands_after_the_reload_is_not_taken_for_the_next_one() -> None:
    log = BadNetwork()
    door = cell_of(Door(), log)
    late: list[Callable[[], int]] = []

    def delay(land: Callable[[], int]) -> int:
        late.append(land)
        raise Transient("no answer in time")

    log.fault = delay
    with pytest.raises(Transient):
        send(door, "a")
    door.recover()
    late[0]()
    with pytest.raises(Conflict):
        send(door, "b")
    door.recover()
    assert send(door, "b", "a") == ["accepted", "duplicate"]
    assert ids(log) == ["a", "b"]


class Loose(Door):
    """Emits to a stream that it does not declare."""

    def admit(self, state: Any, request: Any) -> Any:
        state, outputs, verdict = super().admit(state, request)
        outputs.emit(OUTBOX.name, rows(OUTBOX, {"body": "surprise"}, 1))
        return state, outputs, verdict


def test_a_step_that_fails_leaves_no_state_behind() -> None:
    log = MemoryLog()
    door = cell_of(Loose(), log)
    with pytest.raises(Corrupt, match="does not declare"):
        send(door, "a")
    with pytest.raises(Corrupt, match="recover it first"):
        _ = door.state
    door.recover()
    assert door.state[0] == []


class Echo(Door):
    """Records what it is sent, and also emits while it reads: ticks become rows of its own."""

    reads = ("clock",)

    def fold(self, state: list[Any], batch: Batch) -> tuple[list[Any], Outputs]:
        outputs = Outputs()
        ticks = request(*(f"tick {batch.first + i}" for i in range(batch.rows)))
        self._see(state, ticks)
        outputs.emit(USER_INTERACTIONS.name, ticks, state[1])
        return state, outputs


def test_what_a_recorded_fold_emitted_while_reading_is_not_absorbed_again() -> None:
    log = MemoryLog()
    clock = cell_of(Door("ticker", "clock"), log)
    echo = cell_of(Echo(), log)
    send_to(clock, rows(CLOCK, {"id": "1", "time": 1, "received": 1}, 1))
    send(echo, "a")
    echo.advance()
    send(echo, "b")
    assert echo.state[0] == ["a", "tick 0", "b"]
    echo.recover()
    assert echo.state[0] == ["a", "tick 0", "b"]


def test_a_cell_says_that_its_input_was_trimmed_rather_than_skip_it() -> None:
    log = MemoryLog()
    door = cell_of(Door(), log)
    brittle = cell_of(Brittle("brittle"), log)
    send(door, "a")
    send(door, "b")
    log.trim("user_interactions", "t/door/0", 1)
    with pytest.raises(Corrupt, match="trimmed or lost"):
        brittle.advance()


def test_a_collector_says_that_its_own_past_was_trimmed_rather_than_forget_it() -> None:
    log = MemoryLog()
    door = cell_of(Door(), log)
    send(door, "a")
    send(door, "b")
    log.trim("user_interactions", "t/door/0", 1)
    with pytest.raises(Corrupt, match="trimmed or lost"):
        cell_of(Door(), log)


def test_a_damaged_snapshot_is_passed_over() -> None:
    log = MemoryLog()
    door = cell_of(Door(), log)
    send(door, "a")
    door.save()
    send(door, "b")
    door.save()
    stored = log._cells["t/door/0"]
    newest = stored.snapshots[-1]
    torn = replace(newest.snapshot, data=newest.snapshot.data[:9])
    stored.snapshots[-1] = newest._replace(snapshot=torn)
    assert cell_of(Door(), log).state == door.state


def test_another_version_refolds_from_the_journal_and_goes_on() -> None:
    log = MemoryLog()
    door = cell_of(Door(), log)
    send(door, "a")
    door.save()
    newer = cell_of(Door(version=2), log)
    assert send(newer, "a", "b") == ["duplicate", "accepted"]
    assert ids(log) == ["a", "b"]


def test_an_answer_leaves_only_after_the_commit() -> None:
    log = BadNetwork()
    door = cell_of(Door(), log)

    def refuse(_: Callable[[], int]) -> int:
        raise Transient("full disk")

    log.fault = refuse
    with pytest.raises(Transient):
        send(door, "a")
    assert ids(log) == []
    door.recover()
    assert send(door, "a") == ["accepted"]
