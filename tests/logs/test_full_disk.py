"""A full disk: the commit says so and leaves nothing; with room again the next one works, without a hand."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import subprocess
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from events.errors import Transient
from events.sqlite_log import SqliteLog
from hindcast.testing.log_words import CELL, FEED, STREAMS, Writer, ate, saved, tick, times

SOURCE = ("clock", CELL)
fork = multiprocessing.get_context("fork")


def fill(writer: Writer, out_of_room: str) -> None:
    """Commit until there is no room."""
    with pytest.raises(Transient, match=out_of_room) as full:
        for n in range(writer.number, 1_000):
            writer.commit(tick(1, n), ate=[ate(n, n + 1)], saves=saved(os.urandom(50_000)))
    assert full.value.retry_after_s > 0


def nothing_shows(log: SqliteLog, writer: Writer) -> None:
    """Of the refused commit; and what was acknowledged before is there."""
    assert writer.number > 3
    assert log.last_commit(CELL)[0] == writer.number
    assert times(log) == list(range(writer.number))


def goes_on(log: SqliteLog, writer: Writer) -> None:
    """The same writer, with the same lease."""
    n = writer.number
    writer.commit(tick(1, n), ate=[ate(n, n + 1)], saves=saved(b"small"))
    assert times(log) == list(range(n + 1))
    assert log.verify(CELL).problems == []
    assert Writer(log).lease.cursor == {FEED: n + 1}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True, check=False)
    if mount.returncode:
        pytest.skip("cannot mount a 2 MB tmpfs: run as root to try a disk that is really full")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_small_disk_fills_up_and_is_given_room(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 300_000)
    log = SqliteLog(small_disk / "log")
    writer = Writer(log)
    for _ in range(3):
        fill(writer, "disk full")
        nothing_shows(log, writer)
    ballast.unlink()
    goes_on(log, writer)
    log.close()


def test_a_new_cell_on_a_full_disk_is_refused_until_there_is_room(small_disk: Path) -> None:
    log = SqliteLog(small_disk / "log")
    ballast = small_disk / "ballast"
    with pytest.raises(OSError, match="No space"), ballast.open("wb") as file:
        while True:
            file.write(b"x" * 4096)
            file.flush()
    with pytest.raises(Transient, match="disk full"):
        log.acquire(CELL, STREAMS)
    assert log.producers("clock") == []
    ballast.unlink()
    Writer(log).commit(tick())
    assert times(log) == [0]
    log.close()


def within_a_quota(folder: Path, out: Connection) -> None:
    """Runs in a process whose files may not grow beyond 1 MB: writes fail in the middle, as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = SqliteLog(folder)
    writer = Writer(log)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    fill(writer, "disk full")
    nothing_shows(log, writer)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    goes_on(log, writer)
    log.close()
    out.send(writer.number)


def test_a_write_that_fails_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    here, there = fork.Pipe(duplex=False)
    process = fork.Process(target=within_a_quota, args=(tmp_path, there))
    process.start()
    there.close()
    process.join(300)
    assert process.exitcode == 0
    log = SqliteLog(tmp_path)
    assert log.last_commit(CELL)[0] == here.recv()
    log.close()
