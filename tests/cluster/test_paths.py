"""A whole system starts, stops and starts again wherever its data directory lies."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.words import BATCH, event
from tests.running import start

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

OF_A_HOME = "/home/ubuntu/projects/hindcast/data"
"""35 characters: HAProxy's sockets did not fit below it."""


@pytest.fixture(params=[pytest.param("like a home", marks=pytest.mark.long), "deep, with spaces"])
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """The folder whose ``data`` becomes the data directory."""
    root = Path(tempfile.mkdtemp(prefix="hc-"))
    if request.param == "like a home":
        found = root / ("h" * (len(OF_A_HOME) - len(f"{root}//data")))
        assert len(str(found / "data")) == len(OF_A_HOME)
    else:
        found = root.joinpath(*["Käthe's own files"] * 9)
        assert len(os.fsencode(found)) > 170
    found.mkdir(parents=True)
    yield found
    shutil.rmtree(root)


def test_a_system_starts_from_there(folder: Path) -> None:
    system = start(folder, "base")
    assert system.post("/v1/events", json=[event(), event()], headers=BATCH).json()["accepted"] == 2
    system.until(lambda: system.sql("SELECT count(*) FROM user_interactions"), [[2]])
    assert not [path for path in system.data.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)]
    system.kill()
    system = start(folder, "base")
    assert system.sql("SELECT count(*) FROM user_interactions") == [[2]]
    assert system.stop() == 0
