"""A recovery goes in steps: whatever it saved on the way, wherever it was cut off, the state comes out the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.cell import Cell, Limits
from actors.fold import Batch, Outputs
from events.errors import Conflict, Transient
from events.memory_log import MemoryLog
from tests.laws.folds import FOLDS, Case
from tests.laws.machine import BACKENDS, Pump, Runner, a_log
from tests.laws.oracle import History, replay_equals_live, saved_in
from tests.laws.test_cell import cell_of, ids, send
from tests.laws.toys import Brittle, Door

calmly = settings(
    deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
STEP = Limits(refold_rows=1, refold_commits=1, refolded_rows=1, refolded_commits=1)
"""One commit a step, and each is saved."""


class Newer:
    """A fold whose version was raised: no snapshot of the old one may be loaded."""

    def __init__(self, fold: Any) -> None:
        self._fold = fold
        self.version = fold.version + 1
        self.folded = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fold, name)

    def fold(self, state: Any, batch: Batch) -> tuple[Any, Outputs]:
        self.folded += batch.rows
        return self._fold.fold(state, batch)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", FOLDS, ids=lambda c: c.name)
def test_law_2_a_refold_that_is_cut_off_anywhere_goes_on_to_the_same_state(case: Case, backend: str) -> None:
    @settings(calmly, max_examples=12 if backend == "memory" else 2)
    @given(data=st.data())
    def law(data: st.DataObject) -> None:
        with a_log(backend) as log:
            old = Runner(case, log, data.draw(st.sampled_from((1, 3, 1000))))
            pump = Pump(log)
            for feed in data.draw(case.reads_or_nothing):
                pump.put(feed)
                old.advance()
            for told in data.draw(case.told_or_nothing):
                old.tell(told)
            before = {s: log.head(s, old.cell.name) for s in old.cell.fold.writes}
            cuts = data.draw(st.lists(st.integers(1, 4), max_size=5))
            for steps in cuts:  # processes that were killed after so many steps
                cell: Cell[Any] = Cell(Newer(case.make()), log, tenant="t", now=lambda: 1, limits=STEP)
                while steps and cell.recover_some():
                    steps -= 1
            cell = Cell(Newer(case.make()), log, tenant="t", now=lambda: 1, limits=STEP)
            cell.recover()
            assert cell.fold.dump(cell.state) == old.cell.fold.dump(old.cell.state)
            assert {s: log.head(s, cell.name) for s in cell.fold.writes} == before, "what was emitted stays as it is"
            assert cell.cursor == old.cell.cursor
            replay_equals_live(History(log), cell.name, case.make(), None)

    law()


def read_long_ago(log: MemoryLog, commits: int) -> None:
    """A reader of version 1 that took in so many commits of one row each, and was stopped in good order."""
    door, reader = cell_of(Door(), log), cell_of(Brittle("brittle"), log)
    for n in range(commits):
        send(door, f"e{n}")
        reader.advance()
    reader.save()


def newer(log: MemoryLog, limits: Limits) -> tuple[Cell[Any], Newer]:
    fold = Newer(Brittle("brittle"))
    return Cell(fold, log, tenant="t", now=lambda: 1, limits=limits), fold


def test_a_refold_is_cut_into_steps_and_says_how_far_it_is() -> None:
    log = MemoryLog()
    read_long_ago(log, 100)
    cell, fold = newer(log, Limits(refold_commits=10))
    assert cell.progress is None
    seen: list[int] = []
    while cell.recover_some():
        seen.append(fold.folded)
        assert cell.progress == (fold.folded, 100)
        assert str(cell.progress) == f"{fold.folded}%: {fold.folded} of 100 rows of its past are folded"
    assert seen == list(range(10, 101, 10))
    assert cell.progress is None
    assert cell.state == [100]


def test_a_refold_that_is_killed_loses_only_what_came_after_its_last_save() -> None:
    log = MemoryLog()
    read_long_ago(log, 100)
    limits = Limits(refold_commits=10, refolded_commits=30)
    killed, fold = newer(log, limits)
    for _ in range(7):
        assert killed.recover_some()
    assert fold.folded == 70
    cell, fold = newer(log, limits)
    cell.recover()
    assert fold.folded == 40, "it was saved at 60"
    assert cell.state == [100]


def test_a_refold_that_is_told_to_stop_saves_where_it_is() -> None:
    log = MemoryLog()
    read_long_ago(log, 100)
    stopped, _ = newer(log, Limits(refold_commits=10))
    for _ in range(3):
        stopped.recover_some()
    stopped.save()
    cell, fold = newer(log, Limits())
    cell.recover()
    assert (fold.folded, cell.state) == (70, [100])


def test_what_comes_in_while_it_refolds_is_read_once_after_it() -> None:
    log = MemoryLog()
    read_long_ago(log, 10)
    cell, _ = newer(log, Limits(refold_commits=3))
    door = cell_of(Door(), log)
    n = 10
    while cell.recover_some():
        send(door, f"e{n}")
        n += 1
    while cell.advance():
        pass
    assert cell.state == [n]
    numbers = [number for (number,) in History(log).rows("notifications", "t/brittle/0", "attempts")]
    assert numbers == list(range(1, n + 1)), "each row was answered once, in order"


def test_an_error_midway_goes_on_from_what_was_saved() -> None:
    log = MemoryLog()
    read_long_ago(log, 50)
    cell, fold = newer(log, Limits(refold_commits=10, refolded_commits=20))
    refused = log.commit
    for _ in range(3):
        cell.recover_some()

    def refuse(*_: Any) -> int:
        raise Transient("full disk")

    log.commit = refuse  # type: ignore[method-assign]
    with pytest.raises(Transient):
        while cell.recover_some():
            pass
    log.commit = refused  # type: ignore[method-assign]
    before = fold.folded
    cell.recover()
    assert fold.folded - before == 30
    assert cell.state == [50]


def test_who_goes_back_to_the_version_before_goes_on_from_its_snapshot() -> None:
    log = MemoryLog()
    read_long_ago(log, 50)
    cell, _ = newer(log, Limits(refold_commits=5, refolded_commits=5))
    cell.recover()
    cell.save()
    kept = [(r.snapshot.fold_version, saved_in(r.snapshot).stands_at) for r in log.snapshots("t/brittle/0")]
    assert [version for version, _ in kept].count(1) == 1, kept
    back = Cell(Counting(), log, tenant="t", now=lambda: 1)
    back.recover()
    assert (back.fold.folded, back.state) == (0, [50])  # type: ignore[attr-defined]


class Counting(Brittle):
    def __init__(self) -> None:
        super().__init__("brittle")
        self.folded = 0

    def fold(self, state: list[int], batch: Batch) -> tuple[list[int], Outputs]:
        self.folded += batch.rows
        return super().fold(state, batch)


def test_a_door_that_was_refolded_halfway_knows_whom_it_let_in() -> None:
    log = MemoryLog()
    door = cell_of(Door(), log)
    for n in range(20):
        send(door, f"e{n}")
    halfway: Cell[Any] = Cell(Door(version=2), log, tenant="t", now=lambda: 1, limits=STEP)
    for _ in range(12):
        halfway.recover_some()
    again: Cell[Any] = Cell(Door(version=2), log, tenant="t", now=lambda: 1, limits=STEP)
    again.recover()
    assert send(again, "e3", "e19", "e20") == ["duplicate", "duplicate", "accepted"]
    assert ids(log) == [f"e{n}" for n in range(21)]


def test_an_instance_that_was_replaced_while_it_refolded_saves_nothing() -> None:
    log = MemoryLog()
    read_long_ago(log, 20)
    old, _ = newer(log, STEP)
    old.recover_some()
    cell, _ = newer(log, STEP)
    cell.recover()
    number = log.last_commit("t/brittle/0")
    with pytest.raises(Exception, match="was replaced") as refused:
        while old.recover_some():
            pass
    assert not isinstance(refused.value, Conflict)
    assert log.last_commit("t/brittle/0") == number


def test_the_journal_comes_in_parts_and_none_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.memory_log.JOURNAL_COMMITS", 7)
    log = MemoryLog()
    read_long_ago(log, 20)
    assert len(log.journal("t/brittle/0", 0)) == 7
    cell, fold = newer(log, Limits())
    cell.recover()
    assert (fold.folded, cell.state) == (20, [20])
