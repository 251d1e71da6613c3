"""Who idles is said at the edge: only where others wait, not too early, and once a while as long as it lasts."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from actors.cell import Cell
from actors.collectors.arrivals import Arrivals
from actors.collectors.push import user_interactions
from actors.edges.sources.idleness import IDLE_US, IdleProducers, idle_producers
from actors.topology import Surroundings
from events.catalog import USER_INTERACTIONS, rows
from events.memory_log import MemoryLog, MemorySpec
from tests.laws.oracle import History

SECOND = 1_000_000
BEGIN = 1_760_000_000 * SECOND


class World:
    """Collectors of one stream, and the watch; seconds are counted from the beginning."""

    def __init__(self, collectors: int) -> None:
        self.log, self.now, self.sent = MemoryLog(), 0.0, 0
        self.cells = [self._cell("t", p) for p in range(collectors)]
        self.watch = IdleProducers(self.log, "t", 5 * SECOND, lambda: BEGIN + int(self.now * SECOND))

    def _cell(self, tenant: str, partition: int) -> Cell[Any]:
        cell: Cell[Any] = Cell(
            user_interactions(),
            self.log,
            tenant=tenant,
            partition=partition,
            now=lambda: BEGIN + int(self.now * SECOND),
        )
        cell.recover()
        return cell

    def sends(self, partition: int) -> None:
        at = BEGIN + int(self.now * SECOND)
        table = rows(USER_INTERACTIONS, {"id": f"e{self.sent}", "type": "x", "time": at, "received": at}, 1)
        self.sent += 1
        fold: Any = self.cells[partition].fold
        self.cells[partition].record(lambda state: fold.admit(state, Arrivals(table, None)))

    def look(self) -> list[tuple[str, int, float]]:
        """(producer, offset, until) that a look finds."""
        found: pa.RecordBatch = self.watch.poll(BEGIN + int(self.now * SECOND))
        said = found.select(["stream", "producer", "at_offset", "until"]).to_pylist()
        assert all(row["stream"] == "user_interactions" for row in said)
        return [(r["producer"], r["at_offset"], r["until"].timestamp() - BEGIN / SECOND) for r in said]

    def looks(self, seconds: float) -> list[tuple[str, int, float]]:
        """All looks of the next ``seconds``, two seconds apart."""
        found: list[tuple[str, int, float]] = []
        until = self.now + seconds
        while self.now < until:
            self.now += 2
            found += self.look()
        return found


def test_one_producer_is_never_spoken_of() -> None:
    world = World(1)
    world.sends(0)
    assert world.looks(1000) == []


def test_nobody_waits_for_one_that_never_wrote_once_another_did() -> None:
    world = World(2)
    assert world.looks(100) == [], "where nobody has written nobody waits"
    world.sends(0)
    found = world.looks(20)
    assert ("t/user_interactions/1", 0, world.now - 5) in found
    assert {name for name, _, _ in found} == {"t/user_interactions/1"}
    assert len(found) == 9


def test_one_that_stopped_is_waited_for_for_a_while_and_then_spoken_of_every_ten_seconds() -> None:
    world = World(2)
    world.sends(0)
    world.sends(1)
    world.look()
    bound = IDLE_US / SECOND
    for _ in range(30):
        assert world.looks(2) == []
        world.sends(0)
    assert world.looks(bound - 62) == []
    found = world.looks(30)
    assert [name for name, _, _ in found] == ["t/user_interactions/1"] * 3
    assert {offset for _, offset, _ in found} == {1}
    world.sends(1)
    assert [name for name, _, _ in world.looks(20)] == []


def test_a_watch_that_starts_anew_knows_when_a_producer_last_wrote() -> None:
    """Else every restart would hold windows up for one that is gone for good."""
    world = World(2)
    world.sends(0)
    world.sends(1)
    world.now = 10_000
    world.sends(0)
    world.watch = IdleProducers(world.log, "t", 5 * SECOND, lambda: BEGIN + int(world.now * SECOND))
    assert world.look() == [], "at first it only looks: they may be starting, too"
    assert [name for name, _, _ in world.looks(2)] == ["t/user_interactions/1"]


def test_another_tenants_producers_are_none_of_ours() -> None:
    world = World(1)
    world.cells.append(world._cell("tt", 0))
    world.sends(0)
    world.sends(1)
    assert world.looks(500) == []


def test_its_cell_records_who_idles_and_nothing_else() -> None:
    world = World(2)
    spec = idle_producers("t", 5 * SECOND)
    cell: Cell[Any] = Cell(spec.fold, world.log, tenant="t", now=lambda: BEGIN + int(world.now * SECOND))
    cell.recover()

    def nothing() -> None: ...

    around = Surroundings(world.log, "g", lambda: BEGIN + int(world.now * SECOND), nothing, nothing, MemorySpec("idle"))
    worker: Any = spec.drive.worker(cell, around)

    def looks_at(second: float) -> list[tuple[Any, ...]]:
        """What is recorded once it has looked, and rested for a moment."""
        world.now = second
        worker.step()
        worker._wake_at = 0
        return History(world.log).rows("idle_producers", cell.name, "producer", "at_offset")

    world.sends(0)
    world.sends(1)
    assert looks_at(1) == []
    assert (cell.seq, spec.beside) == (0, "t/clock/0"), "nothing to say, nothing is written"
    world.now = 60
    world.sends(0)
    told = looks_at(1 + IDLE_US / SECOND)
    assert told == [("t/user_interactions/1", 1)]
    assert looks_at(3 + IDLE_US / SECOND) == told
    assert len(looks_at(12 + IDLE_US / SECOND)) == 2
    assert cell.seq == 2, "its watermark does not follow the clock"
