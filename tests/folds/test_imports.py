"""The collector of imports: each row once, whenever and however often it is sent, and whatever falls between."""

from __future__ import annotations

from typing import Any

import pytest

from actors.cell import Cell, Limits
from actors.collectors.arrivals import Arrivals, Part
from actors.collectors.imports import ImportCollector
from actors.edges.intake import ImportWorker
from events.catalog import IMPORTS, USER_INTERACTIONS, rows
from events.entry import NO_WATERMARK
from events.errors import Rejected
from events.memory_log import MemoryLog

HOUR = 3_600_000_000
AT = 1_740_000_000_000_000


class System:
    """A cell of imports on a log, driven by its worker without a thread."""

    def __init__(self, remembered: int = 4096) -> None:
        self.log = MemoryLog()
        self.now = AT
        self.remembered = remembered
        self.begin()

    def begin(self) -> None:
        """A new instance takes the cell over, as after a kill."""
        fold = ImportCollector(self.remembered)
        self.cell: Any = Cell(fold, self.log, tenant="t", now=lambda: self.now, limits=Limits(snapshot_commits=3))
        self.worker = ImportWorker(self.cell, self.log, lambda: self.now, lambda: None)
        self.cell.recover()
        self.worker.loaded = True

    def send(self, name: str, first: int, end: int, finished: str | None = None, **more: Any) -> list[int]:
        n = end - first
        columns = {"id": [f"{more.get('ids', name)}-{i}" for i in range(first, end)], "source": "shop", "type": "seen"}
        columns |= {"subject": "ada", "partition_key": "ada", "properties": more.get("said", "{}")}
        columns |= {"time": [AT - (i + 1) * HOUR for i in range(first, end)]} if n else {}
        columns |= {"received": columns["time"]} if n else {}
        table = rows(USER_INTERACTIONS, columns if n else {}, n)
        answer = self.worker.push(Arrivals(table, None, Part(name, first, end, finished)))
        self.worker.step()
        return list(answer.result(0).verdict)

    def ids(self) -> list[str]:
        entries = self.log.read(USER_INTERACTIONS.name, "t/imports/0", 0, 1 << 30)
        return [id for entry in entries for id in entry.batch().column("id").to_pylist()]

    def finished(self) -> list[dict[str, Any]]:
        entries = self.log.read(IMPORTS.name, "t/imports/0", 0, 1 << 30)
        return [row for entry in entries for row in entry.batch().to_pylist()]


def test_a_part_that_comes_again_adds_nothing_however_much_later() -> None:
    system = System()
    assert system.send("file", 0, 10) == [0] * 10
    system.now += 1000 * HOUR
    for n in range(20):  # far more ids than are remembered
        system.send(f"other-{n}", 0, 1000)
    assert system.send("file", 0, 10) == [1] * 10
    system.begin()
    assert system.send("file", 0, 10) == [1] * 10
    assert sum(id.startswith("file-") for id in system.ids()) == 10


@pytest.mark.parametrize("commits", range(1, 8))
def test_after_a_kill_it_goes_on_with_the_next_row(commits: int) -> None:
    system = System()
    for n in range(commits):
        system.send("file", n * 10, n * 10 + 10)
    system.begin()
    with pytest.raises(Rejected, match=f"must be {commits * 10}"):
        system.send("file", commits * 10 + 10, commits * 10 + 20)
    with pytest.raises(Rejected, match=f"must be {commits * 10}"):
        system.send("file", commits * 10 - 5, commits * 10 + 5)
    assert system.send("file", commits * 10, commits * 10 + 10) == [0] * 10
    assert len(system.ids()) == len(set(system.ids())) == commits * 10 + 10


def test_its_end_is_told_once_with_what_it_covers() -> None:
    system = System()
    system.send("file", 0, 10)
    system.send("file", 10, 10, finished="orders.csv")
    system.begin()
    system.send("file", 10, 10, finished="orders.csv")
    (told,) = system.finished()
    assert (told["subject"], told["file"], told["row_count"], told["accepted"]) == ("file", "orders.csv", 10, 10)
    assert (told["earliest"].timestamp() * 1e6, told["latest"].timestamp() * 1e6) == (AT - 10 * HOUR, AT - HOUR)


def test_what_another_export_of_the_same_product_has_is_known() -> None:
    system = System()
    system.send("day", 0, 10, ids="o")
    assert system.send("week", 0, 20, ids="o") == [1] * 10 + [0] * 10
    system.begin()
    assert system.send("month", 0, 20, ids="o") == [1] * 20


def test_an_id_that_stands_for_something_else_is_refused() -> None:
    system = System()
    system.send("day", 0, 2, ids="o")
    assert system.send("week", 0, 2, ids="o", said='{"a":1}') == [2, 2]
    assert system.send("week", 2, 3, ids="o") == [0]


def test_no_watermark_follows_from_the_past_and_silence_says_nothing() -> None:
    system = System()
    system.send("file", 0, 10)
    system.worker.step()  # nothing comes
    entries = system.log.read(USER_INTERACTIONS.name, "t/imports/0", 0, 1 << 30)
    assert [entry.header.watermark for entry in entries] == [NO_WATERMARK]
