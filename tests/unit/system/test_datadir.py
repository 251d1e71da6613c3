"""Who runs on a data directory: one at a time, and a system that was killed does not count."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from events.errors import Rejected
from hindcast.datadir import DataDir, Running


def announced(data: DataDir) -> DataDir:
    """As a running system leaves it; this process stands for it, as another may once its pid was given anew."""
    data.announce(Running("http://127.0.0.1:8000", os.getpid(), "", "hindcast", "packed", time.time(), "0"))
    return data


def test_what_a_killed_system_said_of_itself_is_gone_once_another_starts(tmp_path: Path) -> None:
    killed = announced(DataDir(tmp_path))
    assert killed.running() is not None
    starting = DataDir(tmp_path)
    starting.claim()
    assert starting.running() is None
    starting.release()


def test_a_second_system_is_told_who_the_first_is(tmp_path: Path) -> None:
    first = DataDir(tmp_path)
    first.claim()
    announced(first)
    with pytest.raises(Rejected, match=f"process {os.getpid()} at http://127.0.0.1:8000 runs on"):
        DataDir(tmp_path).claim()
    assert first.running() is not None
    first.release()
    DataDir(tmp_path).claim()


def test_secrets_are_for_the_owner_only(tmp_path: Path) -> None:
    data = DataDir(tmp_path / "new")
    data.claim()
    assert data.admin_key == DataDir(data.path).admin_key
    assert (data.path / "admin.key").stat().st_mode & 0o077 == 0
    assert data.path.stat().st_mode & 0o077 == 0
    data.release()
