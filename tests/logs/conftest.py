from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from events.archive.log import ArchivedSpec
from events.log import EventLog, LogSpec
from events.memory_log import MemorySpec
from events.sqlite_log import SqliteSpec


@pytest.fixture(params=["memory", "sqlite", "archived"])
def spec(request: pytest.FixtureRequest, tmp_path: Path) -> LogSpec:
    """Every backend. A new one joins by being named here and passing the contract."""
    if request.param == "memory":
        return MemorySpec(str(tmp_path))
    kept = SqliteSpec(tmp_path / "log")
    return ArchivedSpec(kept, tmp_path / "archive") if request.param == "archived" else kept


@pytest.fixture
def log(spec: LogSpec) -> Iterator[EventLog]:
    made = spec.open()
    yield made
    made.close()
