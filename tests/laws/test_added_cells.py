"""A cell that is added while the system runs is there after a restart, where it was; one that cannot be made is named."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actors.parts import Parts, Within
from events.errors import Rejected
from events.log import LogSpec
from events.memory_log import MemorySpec
from hindcast.added_cells import AddedCells
from hindcast.placement import Reconciler
from tests.laws.fleet import LocalFleet, cells

CODE = """
from actors.topology import CellSpec
from tests.laws.fleet import Echo
def heard(settings, within):
    fold = Echo()
    fold.name = settings.get("name", "heard")
    return CellSpec("analyzers", fold, within.tenant)
def nothing(settings, within):
    return None
"""
HEARD = "t/heard/0"


@pytest.fixture
def spec(tmp_path: Path) -> LogSpec:
    return MemorySpec(str(tmp_path))


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AddedCells]:
    (tmp_path / "hearing.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield AddedCells(tmp_path, Within("t", tmp_path, 0))
    sys.modules.pop("hearing", None)


@pytest.fixture
def start(spec: LogSpec, added: AddedCells) -> Iterator[Callable[[Parts], Reconciler]]:
    """As the system starts: with the cells of the configuration, and those that were added."""
    started: list[tuple[LocalFleet, Reconciler]] = []

    def ended() -> None:
        for fleet, reconciler in started:
            reconciler.stop()
            fleet.close()
        started.clear()

    def start(parts: Parts) -> Reconciler:
        ended()
        fleet, late = LocalFleet(spec), list(added.made(parts))
        hosts = {cell.name: host for cell, host in late if host}
        all_cells = (*cells(), *(cell for cell, _ in late))
        reconciler = Reconciler(fleet, all_cells, "packed", cores=2, namespace="test", hosts=hosts)
        reconciler.start(30)
        started.append((fleet, reconciler))
        return reconciler

    yield start
    ended()


def test_it_is_there_after_a_restart_and_where_it_was(added: AddedCells, start: Callable[[Parts], Reconciler]) -> None:
    first = start(Parts({}))
    assert added.add(first, "hearing:heard", {}, "alone") == HEARD
    added.add(first, "hearing:heard", {"name": "other"})
    assert first.where.cells[HEARD] == "alone"
    second = start(Parts({}))
    assert (second.where.cells[HEARD], second.where.cells["t/other/0"]) == ("alone", "analyzers")
    added.remove(second, HEARD)
    third = start(Parts({}))
    assert HEARD not in third.cells and "t/other/0" in third.cells


def test_one_that_cannot_be_made_any_more_is_named_and_the_others_run(
    added: AddedCells, start: Callable[[Parts], Reconciler], tmp_path: Path
) -> None:
    first = start(Parts({}))
    added.add(first, "hearing:heard", {})
    added.add(first, "hearing:heard", {"name": "other"})
    (tmp_path / "hearing.py").write_text(CODE.replace('settings.get("name", "heard")', 'settings["name"]'))
    sys.modules.pop("hearing")
    parts = Parts({})
    second = start(parts)
    assert second.cells >= {"t/other/0"} and HEARD not in second.cells
    failed = parts.plug_ins[HEARD]
    assert (failed.package, failed.runs) == ("hearing", False)
    assert "cannot be made by hearing:heard: KeyError: 'name'; mend that, or remove the cell" in failed.error
    added.remove(second, HEARD)
    again = Parts({})
    start(again)
    assert again.plug_ins == {}


def test_what_cannot_be_added_is_refused_and_not_remembered(
    added: AddedCells, start: Callable[[Parts], Reconciler], tmp_path: Path
) -> None:
    placement = start(Parts({}))
    for made_by, field in (
        ("nowhere:heard", "made_by"), ("hearing:deaf", "made_by"), ("hearing", "made_by"), ("hearing:nothing", "made_by"),
    ):  # fmt: skip
        with pytest.raises(Rejected) as error:
            added.add(placement, made_by, {})
        assert error.value.field == field
    with pytest.raises(Rejected, match="plain JSON"):
        added.add(placement, "hearing:heard", {"name": object()})
    added.add(placement, "hearing:heard", {})
    with pytest.raises(Rejected, match="runs already"):
        added.add(placement, "hearing:heard", {})
    with pytest.raises(Rejected, match="there is no cell"):
        added.remove(placement, "t/nobody/0")
    assert [cell.name for cell, _ in added.made(Parts({}))] == [HEARD]


def test_a_list_that_cannot_be_read_is_refused_with_its_place(added: AddedCells, tmp_path: Path) -> None:
    (tmp_path / "cells.json").write_text("[{]")
    with pytest.raises(Rejected, match=r"cells\.json cannot be read .* mend it, or take it away"):
        list(added.made(Parts({})))
