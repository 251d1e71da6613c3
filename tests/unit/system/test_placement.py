"""Where cells should run, where they do, and the steps from one to the other."""

from __future__ import annotations

import pytest

from actors.placement import Steps, arranged, arrangement, host_named, located, own_host, steps
from actors.topology import CellSpec, HostMap
from events.errors import Rejected, Transient
from tests.laws.toys import Door

CELL = CellSpec("dashboards", Door("board"), "t")


def test_nothing_is_done_where_everything_is_as_wanted() -> None:
    assert steps({"a": "h1", "b": "h2"}, {"h1": ["a"], "h2": ["b"]}) == Steps({}, {})


def test_what_is_missing_is_started_and_what_is_unwanted_is_stopped() -> None:
    assert steps({"a": "h1"}, {"h1": ["b"], "h2": []}) == Steps({"h1": ["b"]}, {"h1": ["a"]})


def test_a_cell_that_moves_is_stopped_here_and_started_there() -> None:
    assert steps({"a": "h2", "b": "h1"}, {"h1": ["a", "b"], "h2": []}) == Steps({"h1": ["a"]}, {"h2": ["a"]})


def test_a_cell_stays_until_the_host_that_it_goes_to_answers() -> None:
    wanted, running = {"a": "h2"}, {"h1": ["a"]}
    assert steps(wanted, running) == Steps({}, {})
    assert located(wanted, running) == {"a": "h1"}


def test_a_cell_is_started_elsewhere_though_the_host_that_it_leaves_is_silent() -> None:
    wanted, running = {"a": "h2"}, {"h2": list[str]()}
    assert steps(wanted, running) == Steps({}, {"h2": ["a"]})
    assert located(wanted, running) == {"a": "h2"}


def test_a_host_that_comes_back_with_old_cells_is_told_to_stop_them() -> None:
    assert steps({"a": "h2"}, {"h1": ["a"], "h2": ["a"]}) == Steps({"h1": ["a"]}, {})


def test_a_host_that_started_again_gets_its_cells_of_now() -> None:
    assert steps({"a": "h1", "b": "h2"}, {"h1": [], "h2": ["b"]}) == Steps({}, {"h1": ["a"]})


@pytest.mark.parametrize("name", ["own", "dashboards", "a-host.of/mine:2", "7"])
def test_a_host_may_be_called_so(name: str) -> None:
    assert host_named(name, CELL.kind, CELL.name) == (own_host(CELL.kind, CELL.name) if name == "own" else name)


@pytest.mark.parametrize("name", ["", " ", "-x", "a b", "é", "x" * 101, "a\nb"])
def test_a_name_that_is_none_is_refused_with_what_would_do(name: str) -> None:
    with pytest.raises(Rejected, match="must be `own`, or letters"):
        host_named(name, CELL.kind, CELL.name)


def test_what_an_arrangement_is_called() -> None:
    cells = [CELL, CellSpec("analyzers", Door("a"), "t"), CellSpec("analyzers", Door("p"), "t", part="mine")]
    packed, spread = (arranged(cells, placement, cores=2) for placement in ("packed", "spread"))
    assert packed["t/p/0"] == "parts:mine", "a plug-in has a process of its own"
    assert [arrangement(cells, where) for where in (packed, spread)] == ["packed", "spread"]
    assert arrangement(cells, {**packed, "t/a/0": "dashboards"}) == "mixed"


def test_a_map_says_where_and_how() -> None:
    moved = HostMap("n", {"t/a/0": "dashboards", "t/b/0": "dashboards"}, shown_by={"b": "t/b/0"})
    assert moved.host_showing("b") == "dashboards"
    with pytest.raises(Transient, match="shown nowhere"):
        moved.host_showing("a")
    assert moved.hosts == ["dashboards"]
    with pytest.raises(Transient, match="runs nowhere"):
        moved.host_of("t/c/0")
