"""Cores: what the process may use decides how much is started, not what the machine has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from actors import cores
from actors.cores import granted_cores, usable_cores
from actors.placement import arranged
from actors.topology import Placement
from config.settings import Settings
from hindcast import topology

NO_LIMIT = float("inf")


def grouped(mount: Path, **files: str) -> Path:
    """A tree of control groups; ``__`` stands for a step down, the last part is the file."""
    for name, text in files.items():
        *folders, file = name.split("__")
        folder = mount.joinpath(*folders)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.replace("_", ".", 1)).write_text(text + "\n")
    return mount


def test_a_containers_limit_holds(tmp_path: Path) -> None:
    assert granted_cores("0::/\n", grouped(tmp_path, cpu_max="250000 100000")) == 2.5


def test_no_limit_is_no_limit(tmp_path: Path) -> None:
    assert granted_cores("0::/\n", grouped(tmp_path, cpu_max="max 100000")) == NO_LIMIT
    assert granted_cores("", tmp_path) == NO_LIMIT
    assert granted_cores("0::/not/mounted/here\n", tmp_path) == NO_LIMIT


def test_the_tightest_group_on_the_way_up_holds(tmp_path: Path) -> None:
    """As of a service in a slice that has a limit of its own."""
    mount = grouped(tmp_path, slice__cpu_max="300000 100000", slice__service__cpu_max="max 100000")
    assert granted_cores("0::/slice/service\n", mount) == 3.0
    grouped(tmp_path, slice__service__cpu_max="50000 100000")
    assert granted_cores("0::/slice/service\n", mount) == 0.5


@pytest.mark.parametrize("folder", ["cpu,cpuacct", "cpu"])
def test_limits_of_version_1_hold_too(tmp_path: Path, folder: str) -> None:
    group = tmp_path / folder
    group.mkdir()
    (group / "cpu.cfs_quota_us").write_text("150000\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    assert granted_cores("5:memory:/x\n4:cpu,cpuacct:/docker/0123\n0::/\n", tmp_path) == 1.5
    (group / "cpu.cfs_quota_us").write_text("-1\n")
    assert granted_cores("4:cpu,cpuacct:/docker/0123\n", tmp_path) == NO_LIMIT


@pytest.mark.parametrize(("limit", "wanted"), [("20000 100000", 1), ("100000 100000", 1), ("max 100000", None)])
def test_part_of_a_core_counts_for_nothing_but_there_is_always_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, wanted: int | None
) -> None:
    membership = tmp_path / "membership"
    membership.write_text("0::/\n")
    monkeypatch.setattr(cores, "MEMBERSHIP", membership)
    monkeypatch.setattr(cores, "MOUNT", grouped(tmp_path, cpu_max=limit))
    assert usable_cores() == (wanted or len(os.sched_getaffinity(0)))


def test_a_process_that_is_kept_to_one_core_counts_one() -> None:
    """Of a machine with more; on one with a single core this shows nothing."""
    core = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{core}}}); from actors.cores import usable_cores; print(usable_cores())"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "1"


@pytest.mark.parametrize(
    ("n", "placement", "spread"),
    [(1, "auto", False), (3, "auto", False), (4, "auto", True), (64, "packed", False), (1, "spread", True)],
)
def test_usable_cores_choose_the_placement(tmp_path: Path, n: int, placement: Placement, spread: bool) -> None:
    cells = topology.cells(Settings.load("base"), tmp_path)
    where = arranged(cells, placement, cores=n)
    assert (len(set(where.values())) == sum(not cell.beside for cell in cells)) == spread
    assert where.keys() == {cell.name for cell in cells}


def test_gateways_follow_the_cores_as_far_as_the_collector_keeps_up() -> None:
    assert [topology.gateways(n) for n in (1, 2, 3, 4, 8, 12, 16, 32, 96)] == [1, 1, 1, 2, 2, 3, 4, 8, 8]
