"""The SQLite log under SIGKILL, torn writes, altered files and many processes."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import sqlite3
import stat
from multiprocessing.connection import Connection
from pathlib import Path
from time import sleep

import pytest

from events.errors import Corrupt, Fenced, Rejected
from events.sqlite_log import SqliteLog
from hindcast.testing.log_words import CELL, Writer, ate, punctuation, saved, tick, ticks, times

pytestmark = pytest.mark.slow

SOURCE = ("clock", CELL)
ROWS = 3
fork = multiprocessing.get_context("fork")  # quick: the children have everything imported


def cell_file(folder: Path) -> Path:
    (path,) = (folder / "cells").glob("*.db")
    return path


def write_until_killed(folder: Path, acks: Connection) -> None:
    """Each commit consumes three rows of the feed and writes three of its own; acknowledged ones are told."""
    writer = Writer(SqliteLog(folder))
    while True:
        n = writer.number * ROWS
        snapshot = saved(os.urandom(20_000)) if writer.number % 7 == 0 else None
        writer.commit(tick(ROWS, n), ate=[ate(n, n + ROWS)], saves=snapshot)
        acks.send(writer.number)


def test_sigkill_loses_nothing_that_was_acknowledged_and_leaves_no_halves(tmp_path: Path) -> None:
    chance = random.Random(11)
    acknowledged = 0
    for _ in range(25):
        here, there = fork.Pipe(duplex=False)
        process = fork.Process(target=write_until_killed, args=(tmp_path, there), daemon=True)
        process.start()
        there.close()
        here.poll(10)
        sleep(chance.random() * 0.02)
        process.kill()
        process.join()
        try:
            while True:
                acknowledged = here.recv()
        except EOFError:
            here.close()
        log = SqliteLog(tmp_path)
        number, _ = log.last_commit(CELL)
        assert acknowledged <= number <= acknowledged + 1
        assert log.head(*SOURCE) == number * ROWS
        assert [(r.commit, r.start) for r in log.journal(CELL, 0)] == [(n + 1, n * ROWS) for n in range(number)]
        assert times(log) == list(range(number * ROWS))
        log.close()
    assert acknowledged > 25
    log = SqliteLog(tmp_path)
    assert log.verify(CELL).sound
    log.close()


def test_a_wal_torn_anywhere_holds_a_whole_number_of_commits(tmp_path: Path) -> None:
    """A power cut may leave any part of what was not synced: cut the WAL at random lengths and open it."""
    log = SqliteLog(tmp_path / "whole")
    writer = Writer(log)
    for n in range(20):
        writer.commit(tick(50, n * 50), ate=[ate(n, n + 1)], saves=saved(b"s" * 5_000))
    path = cell_file(tmp_path / "whole")
    wal = path.with_name(path.name + "-wal").read_bytes()
    chance = random.Random(5)
    seen: set[int] = set()
    for case in range(25):
        torn = tmp_path / str(case) / "cells" / path.name
        torn.parent.mkdir(parents=True)
        shutil.copy(path, torn)
        torn.with_name(torn.name + "-wal").write_bytes(wal[: chance.randrange(len(wal))])
        copy = SqliteLog(tmp_path / str(case))
        if CELL in copy.cells() and "clock" in copy.acquire(CELL, ["clock"]).heads:
            verdict = copy.verify(CELL)
            assert verdict.problems == []
            assert times(copy) == list(range(verdict.commits * 50))
            seen.add(verdict.commits)
        copy.close()
    log.close()
    assert len(seen) > 5


def read_all(folder: Path, entries: int) -> None:
    log = SqliteLog(folder)
    after = 0
    expected = 0
    while after < entries * ROWS:
        log.wait({SOURCE: after}, 120)
        for entry in log.read(*SOURCE, after, 10_000):
            values = entry.batch().column("time").cast("int64").to_pylist()
            assert values == [expected, expected + 1, expected + 2]
            expected += ROWS
            after = entry.header.end
    log.close()


def test_eight_processes_read_in_order_what_one_writes(tmp_path: Path) -> None:
    SqliteLog(tmp_path).close()
    readers = [fork.Process(target=read_all, args=(tmp_path, 200)) for _ in range(8)]
    for reader in readers:
        reader.start()
    log = SqliteLog(tmp_path)
    writer = Writer(log)
    for n in range(200):
        writer.commit(tick(ROWS, n * ROWS))
    for reader in readers:
        reader.join(300)
    assert [reader.exitcode for reader in readers] == [0] * 8
    log.close()


def test_readers_do_not_keep_the_wal_from_shrinking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.sqlite_writer.CHECKPOINT_BYTES", 1 << 20)
    log, other = SqliteLog(tmp_path), SqliteLog(tmp_path)
    writer = Writer(log)
    for n in range(300):
        writer.commit(tick(1, n), saves=saved(b"s" * 60_000))
        assert len(other.read(*SOURCE, n, 1)) == 1
    wal = Path(f"{cell_file(tmp_path)}-wal")
    assert wal.stat().st_size < 4 << 20
    assert times(other) == list(range(300))
    log.close()
    other.close()


def test_two_processes_take_a_cell_from_each_other(tmp_path: Path) -> None:
    first, second = SqliteLog(tmp_path), SqliteLog(tmp_path)
    old = Writer(first)
    old.commit(tick(1, 0))
    new = Writer(second)
    with pytest.raises(Fenced):
        old.commit(tick(1, 66))
    new.commit(tick(1, 1))
    Writer(first).commit(tick(1, 2))
    with pytest.raises(Fenced):
        new.commit(tick(1, 66))
    assert times(first) == times(second) == [0, 1, 2]
    first.close()
    second.close()


def test_only_the_owner_may_look(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path / "log")
    Writer(log).commit(tick())
    log.wait({SOURCE: 1}, 0)
    for path in [tmp_path / "log", *(tmp_path / "log").rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path
    log.close()


# -- what verify finds -----------------------------------------------------------------------------------------------


def written(folder: Path) -> Path:
    log = SqliteLog(folder)
    writer = Writer(log)
    for n in range(6):
        writer.commit(tick(4, n * 4), punctuation(n), ate=[ate(n, n + 1)], saves=saved(b"s"))
    log.trim(*SOURCE, 6)
    log.close()
    return cell_file(folder)


def test_verify_counts_what_is_there(tmp_path: Path) -> None:
    written(tmp_path)
    log = SqliteLog(tmp_path)
    verdict = log.verify(CELL)
    assert verdict.sound
    counts = (verdict.commits, verdict.entries, verdict.rows, verdict.journal_rows, verdict.snapshots)
    assert counts == (6, 10, 20, 6, 2)
    with pytest.raises(Rejected):
        log.verify("demo/nobody/0")
    log.close()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        ("DELETE FROM entry WHERE place = 14", "offsets 10 to 14 are missing"),
        ("DELETE FROM entry WHERE place = 30", "entries end at offset 29, the cell says 30"),
        ("UPDATE entry SET payload = (SELECT payload FROM entry WHERE place = 9) WHERE place = 14", "chain hash"),
        ("UPDATE entry SET payload = zeroblob(length(payload)) WHERE place = 19", "at offset 15"),
        ("UPDATE entry SET header = x'c1' WHERE place = 14", "entry header"),
        ("DELETE FROM commits WHERE number = 3", "commits 3 to 3 are missing"),
        ("DELETE FROM commits WHERE number = 6", "commits end at 5, the cell says 6"),
        ("UPDATE commits SET at = 0 WHERE number = 4", "is older"),
        ("UPDATE commits SET journal = x'c1' WHERE number = 4", "journal of commit 4"),
        (
            "UPDATE commits SET journal = (SELECT journal FROM commits WHERE number = 2) WHERE number = 4",
            "from 1, not from 3",
        ),
        ("UPDATE cell SET cursor = x'c1'", "a cell's position"),
    ],
)
def test_verify_names_every_kind_of_damage(tmp_path: Path, damage: str, found: str) -> None:
    db = sqlite3.connect(written(tmp_path))
    db.execute(damage)
    db.commit()
    db.close()
    log = SqliteLog(tmp_path)
    assert found in " | ".join(log.verify(CELL).problems)
    log.close()


def test_a_file_of_noise_is_corrupt(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(random.Random(1).randbytes(20_000))
    log = SqliteLog(tmp_path)
    with pytest.raises(Corrupt):
        log.read(*SOURCE, 0, 1)
    with pytest.raises(Corrupt):
        log.acquire(CELL, ["clock"])
    log.close()


# -- what a reader notices by itself ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM entry WHERE place = 14",
        "UPDATE entry SET place = 13 WHERE place = 14",
        "UPDATE entry SET header = x'c1' WHERE place = 14",
        "UPDATE entry SET payload = (SELECT payload FROM entry WHERE place = 9) WHERE place = 19",
        "UPDATE entry SET header = (SELECT header FROM entry WHERE place = 9) WHERE place = 14",
    ],
)
def test_a_reader_stops_at_damage(tmp_path: Path, damage: str) -> None:
    db = sqlite3.connect(written(tmp_path))
    db.execute(damage)
    db.commit()
    db.close()
    log = SqliteLog(tmp_path)
    with pytest.raises(Corrupt):
        log.read(*SOURCE, 6, 1 << 20)
    log.close()


def test_a_reader_that_goes_on_checks_the_chain_from_read_to_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    log = SqliteLog(tmp_path)
    after = log.read(*SOURCE, 6, 1)[-1].header.end
    after = log.read(*SOURCE, after, 1)[-1].header.end
    db = sqlite3.connect(path)
    db.execute("UPDATE entry SET payload = ? WHERE place > ?", (ticks(4, 900).data, after))
    db.commit()
    db.close()
    with pytest.raises(Corrupt, match="chain hash"):
        log.read(*SOURCE, after, 1)
    log.close()


def test_a_file_copied_under_another_name_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    shutil.copy(path, path.with_name("demo+clock+7.db"))
    log = SqliteLog(tmp_path)
    with pytest.raises(Corrupt, match="belongs to"):
        log.read("clock", "demo/clock/7", 0, 1)
    log.close()
