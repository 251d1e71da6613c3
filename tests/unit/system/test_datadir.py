"""Who runs on a data directory: one at a time, and a system that was killed does not count."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from events.errors import Rejected
from hindcast.client.address import place_of
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


def test_a_question_that_comes_while_the_system_starts_waits_for_its_answer(tmp_path: Path) -> None:
    """As after `/ready` said yes, when the system has not yet written down that it runs."""
    starting = DataDir(tmp_path)
    starting.claim()
    (tmp_path / "admin.key").write_text("hc_first")
    asked = threading.Thread(target=lambda: told.append(place_of(tmp_path)))
    told: list[tuple[str, str]] = []
    asked.start()
    asked.join(0.3)
    assert not told
    announced(starting)
    asked.join(60)
    assert told == [("http://127.0.0.1:8000", "hc_first")]
    starting.release()


def test_a_question_where_nothing_starts_is_answered_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    assert DataDir(tmp_path / "nowhere").started() is None
    died = DataDir(tmp_path)
    died.claim()
    died.release()  # as the kernel does for a killed process
    with pytest.raises(Rejected, match="no system runs on"):
        place_of(tmp_path)
    assert time.monotonic() - began < 30  # and not the time that a start may take


def test_questions_do_not_keep_a_system_from_starting(tmp_path: Path) -> None:
    done = threading.Event()
    asking = [threading.Thread(target=ask_until, args=(DataDir(tmp_path), done)) for _ in range(3)]
    for thread in asking:
        thread.start()
    for _ in range(30):
        data = DataDir(tmp_path)
        data.claim()
        data.release()
    done.set()
    for thread in asking:
        thread.join()


def ask_until(data: DataDir, done: threading.Event) -> None:
    while not done.is_set():
        data.claimed()
        time.sleep(0.001)


def test_the_number_of_partitions_is_fixed_when_the_directory_is_made(tmp_path: Path) -> None:
    data = DataDir(tmp_path)
    data.keep_partitions(4, log_exists=False)
    DataDir(tmp_path).keep_partitions(4, log_exists=True)
    with pytest.raises(Rejected, match=r"is 1, but .* was made with 4.*; set log\.partitions to 4, or choose another"):
        DataDir(tmp_path).keep_partitions(1, log_exists=True)


def test_a_log_of_a_release_without_partitions_has_one(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="was made with 1"):
        DataDir(tmp_path).keep_partitions(2, log_exists=True)
    DataDir(tmp_path).keep_partitions(1, log_exists=True)
