from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from events.log import EventLog
from events.memory_log import MemoryLog
from events.sqlite_log import SqliteLog


@pytest.fixture(params=["memory", "sqlite"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventLog]:
    """Every backend. A new one joins by being made here and passing the contract."""
    made: EventLog = MemoryLog() if request.param == "memory" else SqliteLog(tmp_path / "log")
    yield made
    made.close()
