from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from events.log import EventLog, LogSpec
from events.memory_log import MemorySpec
from events.sqlite_log import SqliteSpec


@pytest.fixture(params=["memory", "sqlite"])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> LogSpec:
    """Every backend. A new one joins by being named here and passing the contract."""
    return MemorySpec(str(tmp_path)) if request.param == "memory" else SqliteSpec(tmp_path / "log")


@pytest.fixture
def log(spec: LogSpec) -> Iterator[EventLog]:
    made = spec.open()
    yield made
    made.close()
