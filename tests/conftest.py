"""What all tests share: one running system a session, and where the real data sets are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running import Running, start


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A whole system on the demo configuration, in a process of its own; one Ray cluster for the session."""
    system = start(tmp_path_factory.mktemp("system"), "demo")
    yield system
    system.stop()


@pytest.fixture(scope="session")
def data_sets() -> Path:
    """The real data sets; skips where they are not."""
    folder = Path(os.environ.get("HINDCAST_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}: set HINDCAST_DATA to the folder that has them")
    return folder
