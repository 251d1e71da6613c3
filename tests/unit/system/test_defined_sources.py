"""Cells that follow the definitions of sources, before a placement that only remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from actors.parts import Within
from actors.topology import CellSpec
from config.parts import parts
from events.memory_log import MemorySpec
from hindcast.defined_sources import DefinedSources
from hindcast.placement import Reconciler


class Placement:
    """``told`` is what was asked of it, in order."""

    def __init__(self) -> None:
        self.cells: dict[str, CellSpec] = {"t/system_logs.other/0": cast("CellSpec", None)}
        self.told: list[tuple[str, str]] = []

    def add(self, cell: CellSpec) -> None:
        self.cells[cell.name] = cell
        self.told.append(("add", cell.name))

    def remove(self, cell: str) -> None:
        del self.cells[cell]
        self.told.append(("remove", cell))


def entry(version: int, **spec: Any) -> dict[str, Any]:
    return {"version": version, "spec": {"name": "x", "kind": "logs", "path": "/a.log", **spec}}


@pytest.fixture
def placement() -> Placement:
    return Placement()


@pytest.fixture
def defined(placement: Placement, tmp_path: Path) -> DefinedSources:
    log, within = MemorySpec("defined").open(woken=False), Within("t", tmp_path, 0)
    return DefinedSources(log, cast("Reconciler", placement), parts().source_kinds, within, dict)


TEA = "t/system_logs.tea/0"


def test_a_source_begins_is_begun_anew_and_ends(defined: DefinedSources, placement: Placement) -> None:
    defined.bring({"source/tea": entry(1), "metric/tea": entry(1)})
    defined.bring({"source/tea": entry(1)})
    assert placement.told == [("add", TEA)]
    defined.bring({"source/tea": entry(2, path="/b.log")})
    assert placement.told[1:] == [("remove", TEA), ("add", TEA)]
    defined.bring({"source/tea": entry(3, enabled=False)})
    defined.bring({})
    assert placement.told[3:] == [("remove", TEA)]


def test_one_that_cannot_be_leaves_the_others_alone(defined: DefinedSources, placement: Placement) -> None:
    wrong = {
        "source/gone": entry(1, kind="was-a-plug-in"),
        "source/old": entry(2, nonsense=1),
        "source/other": entry(3),
        "source/tea": entry(4),
    }
    defined.bring(wrong)
    assert placement.told == [("add", TEA)]
    defined.bring({})
    assert placement.told == [("add", TEA), ("remove", TEA)], "a cell of the configuration's is never ended"


class Behind:
    """A log whose ``control`` has one row that the directory has yet to read."""

    def __init__(self) -> None:
        self.read = 0
        self.waited = 0

    def producers(self, stream: str) -> list[str]:
        return [f"t/{stream}/0", f"other/{stream}/0"]

    def head(self, stream: str, producer: str) -> int:
        return 1

    def cursor(self, cell: str) -> dict[tuple[str, str], int]:
        assert cell == "t/directory/0"
        return {("control", "t/control/0"): self.read}

    def wait(self, after: Any, timeout_s: float) -> bool:
        self.waited += 1
        return False


def test_a_directory_that_shows_a_definition_late_is_asked_again(
    placement: Placement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hindcast.defined_sources.AGAIN_S", 0.0)
    log, shown = Behind(), dict[str, Any]()
    within = Within("t", tmp_path, 0)
    defined = DefinedSources(cast(Any, log), cast("Reconciler", placement), parts().source_kinds, within, lambda: shown)
    for _ in range(3):
        defined.step()
    assert log.waited == 0, "it has not read the row yet"
    log.read = 1
    defined.step()  # it has read it, and shows it a moment later
    shown["source/tea"] = entry(1)
    defined.step()
    assert placement.told == [("add", TEA)]
    defined.step()
    assert log.waited == 1
