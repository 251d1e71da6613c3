"""What the log may forget: nothing that a cell, or a snapshot of it, still needs."""

from __future__ import annotations

from actors.cell import Cell, Limits
from actors.edges.trimming import needed
from actors.fold import Batch, Outputs
from events.catalog import ALERTS, USER_INTERACTIONS
from events.memory_log import MemoryLog
from tests.archive.stories import BEGIN, PRODUCER, SOURCE, events, put
from tests.laws.toys import Toy


class Counts(Toy):
    """State: how many events there were."""

    reads = (USER_INTERACTIONS.name,)

    def initial(self) -> list[int]:
        return [0]

    def fold(self, state: list[int], batch: Batch) -> tuple[list[int], Outputs]:
        return [state[0] + batch.rows], Outputs()


def reader(log: MemoryLog, at: int = BEGIN, snapshot_rows: int = 1 << 30) -> Cell[object]:
    cell: Cell[object] = Cell(
        Counts("counts"), log, tenant="demo", now=lambda: at, limits=Limits(snapshot_rows=snapshot_rows)
    )
    cell.recover()
    return cell


def test_what_a_cell_has_not_read_is_needed() -> None:
    log = MemoryLog()
    put(log, PRODUCER, events(10))
    cell = reader(log)
    while cell.advance():
        pass
    put(log, PRODUCER, events(5, 10))
    assert needed(log, 0)[SOURCE] == 10


def test_what_came_after_the_newest_snapshot_is_needed() -> None:
    log = MemoryLog()
    put(log, PRODUCER, events(10))
    cell = reader(log, snapshot_rows=10)
    while cell.advance():
        pass
    put(log, PRODUCER, events(5, 10))
    while cell.advance():
        pass
    assert log.cursor("demo/counts/0")[SOURCE] == 15
    assert needed(log, 0)[SOURCE] == 10, "from there it goes on after a start"


def test_a_cell_that_has_not_run_for_long_is_not_waited_for() -> None:
    log = MemoryLog()
    put(log, PRODUCER, events(10))
    cell = reader(log, at=BEGIN)
    while cell.advance():
        pass
    assert SOURCE in needed(log, BEGIN)
    assert SOURCE not in needed(log, BEGIN + 1)


def test_what_nobody_reads_is_not_kept() -> None:
    log = MemoryLog()
    put(log, PRODUCER, events(10))
    assert (ALERTS.name, PRODUCER) not in needed(log, 0)
    assert SOURCE not in needed(log, 0)
