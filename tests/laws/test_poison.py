"""Rows that crash a fold: set aside by name at the third crash, in the commit that skips them; a bad deploy halts."""

from __future__ import annotations

from typing import Any

import pytest

from actors.cell import Cell
from actors.fold import Batch, Outputs
from actors.quarantine import Halted, Poison
from events.catalog import QUARANTINE
from events.memory_log import MemoryLog
from tests.laws.oracle import History
from tests.laws.test_cell import cell_of, send
from tests.laws.toys import POISON, Brittle, Door, Toy

ROWS = 1000


def fed(log: MemoryLog, poison: list[int], n: int = ROWS, fold: Toy | None = None) -> Cell[Any]:
    """A brittle cell before one entry of ``n`` rows, of which those at the given places are poisonous."""
    send(cell_of(Door(), log), *map(str, range(n)), value=[POISON if i in poison else 1.0 for i in range(n)])
    return cell_of(fold or Brittle("brittle"), log)


def drive(cell: Cell[Any]) -> int:
    """As a host does: reload and try again. Answers the crashes until the cell has read everything."""
    crashes = 0
    while True:
        try:
            if cell.advance() == 0:
                return crashes
        except Poison:
            crashes += 1
            cell.recover()


def quarantined(log: MemoryLog) -> list[Any]:
    return [offset for (offset,) in History(log).rows(QUARANTINE.name, "t/brittle/0", "offset")]


@pytest.mark.parametrize(
    "poison",
    [[500], [0], [ROWS - 1], [0, ROWS - 1], [3, 4, 5], [1, 250, 251, 700, 999]],
    ids=["one", "first", "last", "both ends", "neighbours", "several"],
)
def test_poisonous_rows_are_set_aside_and_all_others_are_folded_once(poison: list[int]) -> None:
    log = MemoryLog()
    cell = fed(log, poison)
    assert drive(cell) == 2  # the third crash isolates
    assert quarantined(log) == poison
    causes = [c for (c,) in History(log).rows("notifications", "t/brittle/0", "cause")]
    assert causes == [f"t/door/0 {i}" for i in range(ROWS) if i not in poison]
    assert cell.state == [ROWS - len(poison)]
    (row,) = log.journal("t/brittle/0", 0)
    assert (row.start, row.end, list(row.skipped)) == (0, ROWS, poison)


def test_the_quarantine_says_what_and_why() -> None:
    log = MemoryLog()
    drive(fed(log, [7], 20))
    (row,) = History(log).rows(QUARANTINE.name, "t/brittle/0", "type", "fold", "stream", "producer", "offset", "error")
    assert row == ("row.quarantined", "brittle", "user_interactions", "t/door/0", 7, "ValueError: thirteen")


def test_a_batch_of_nothing_but_poison_within_what_is_tolerated() -> None:
    log = MemoryLog()
    cell = fed(log, list(range(5)), 5)
    drive(cell)
    assert quarantined(log) == [0, 1, 2, 3, 4]
    assert cell.state == [0]
    assert cell.cursor == {("user_interactions", "t/door/0"): 5}


def test_a_restart_folds_around_the_poison_without_a_crash() -> None:
    log = MemoryLog()
    old = fed(log, [0, 500, ROWS - 1])
    drive(old)
    again = cell_of(Brittle("brittle"), log)
    assert again.state == old.state
    assert drive(again) == 0


def test_over_one_in_a_hundred_halts_the_cell_and_consumes_nothing() -> None:
    log = MemoryLog()
    cell = fed(log, list(range(0, ROWS, 50)))  # 20 of 1,000
    with pytest.raises(Halted):
        drive(cell)
    assert log.journal("t/brittle/0", 0) == []
    assert quarantined(log) == []
    mended = cell_of(Mended("brittle"), log)
    drive(mended)
    assert mended.state == [ROWS]


def test_one_in_a_hundred_does_not_halt() -> None:
    log = MemoryLog()
    cell = fed(log, list(range(0, ROWS, 100)))
    drive(cell)
    assert cell.state == [ROWS - 10]


def test_a_crash_at_the_watermark_halts_for_no_row_is_to_blame() -> None:
    log = MemoryLog()
    cell = fed(log, [], 20, CrashesAtTheEnd("brittle"))
    with pytest.raises(Halted, match="at the end of user_interactions"):
        drive(cell)
    assert log.journal("t/brittle/0", 0) == []


def test_other_sources_go_on_while_one_is_stuck() -> None:
    """After a crash each source takes its turn, one slice at a time; the crash stands alone."""
    log = MemoryLog()
    cell = fed(log, [1], 3)
    other: Cell[Any] = Cell(Door(), log, tenant="t", partition=1, now=lambda: 1)
    other.recover()
    send(other, "x")
    drive(cell)
    assert cell.cursor == {("user_interactions", "t/door/0"): 3, ("user_interactions", "t/door/1"): 1}
    assert quarantined(log) == [1]


class Mended(Brittle):
    """The deploy that can read a 13."""

    def fold(self, state: list[int], batch: Batch) -> tuple[list[int], Outputs]:
        state[0] += batch.rows
        return state, Outputs()


class CrashesAtTheEnd(Brittle):
    """Each row is well; closing a window is not."""

    def fold(self, state: list[int], batch: Batch) -> tuple[list[int], Outputs]:
        if batch.last:
            raise ZeroDivisionError
        return super().fold(state, batch)
