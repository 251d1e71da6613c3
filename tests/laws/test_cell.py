"""What a cell does when things go wrong, one story each. The simulator finds such stories; these name them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from actors.cell import Cell, Limits
from events.catalog import USER_INTERACTIONS, rows
from events.errors import Conflict, Fenced, Transient
from events.log import Commit, Lease
from events.memory_log import MemoryLog
from tests.laws.oracle import History
from tests.laws.toys import Door, Toy

BIG = Limits(snapshot_commits=1_000_000)


def cell_of(fold: Toy, log: MemoryLog, limits: Limits = BIG) -> Cell[Any]:
    cell: Cell[Any] = Cell(fold, log, tenant="t", now=lambda: 1, limits=limits)
    cell.recover()
    return cell


def request(*ids: str, value: float | Sequence[float] = 1.0) -> Any:
    columns = {"id": list(ids), "time": 1, "received": 1, "value": value, "partition_key": "a"}
    return rows(USER_INTERACTIONS, columns, len(ids))


def send(door: Cell[Any], *ids: str, value: float | Sequence[float] = 1.0) -> list[str]:
    fold: Any = door.fold
    return door.record(lambda state: fold.admit(state, request(*ids, value=value)))


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
