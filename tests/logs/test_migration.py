"""A log that moves keeps every entry, commit, time, epoch and saved state; one that cannot move stays where it was."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from events.entry import Entry
from events.errors import Corrupt, Rejected, Transient
from events.log import EventLog, JournalRow, Output, Snapshot, SnapshotRef
from events.redis_spec import RedisSpec
from hindcast.cli import main
from hindcast.datadir import DataDir
from hindcast.log_place import Place, log_in, recorded
from hindcast.migration import Migrated, migrate
from hindcast.testing.log_words import CELL, STREAMS, Writer, ate, commands, punctuation, saved, tick
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

OTHER = "straße 50%/rules/3"
SOURCE = ("clock", CELL)
MINUTE = 60_000_000


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    made = RedisServer()
    yield made
    made.close()


def filled(data: Path, seed: int = 3) -> None:
    """Cells with several leases, trimmed entries, skipped rows, pieces, commits that only consume, times that step back."""
    chance = random.Random(seed)
    log = log_in_or_new(data)
    read = 0
    for lease in range(3):
        writer = Writer(log)
        for n in range(60):
            outputs = chance.choice(
                [[tick(chance.randint(1, 40))], [tick(2), punctuation(n)], [Output("control", commands(3))], []]
            )
            eaten = chance.randint(0 if outputs else 1, 5)
            piece = {f"p{lease}": os.urandom(2_000)} if n % 20 == 0 else {f"p{lease}": None}
            state = saved(os.urandom(500), **piece) if n % 10 == 0 else None
            if n % 20 == 5:
                state = Snapshot(1, "x86_64", os.urandom(500), (), True)
            journal = [ate(read, read + eaten, read)] if eaten else []
            writer.commit(*outputs, ate=journal, saves=state, at=(60 * lease + n + chance.randint(0, 9)) * MINUTE)
            read += eaten
    log.trim(*SOURCE, log.head(*SOURCE) // 3)
    Writer(log, OTHER).commit(tick(3))
    log.acquire("demo/waits/0", STREAMS)
    log.close()


def log_in_or_new(data: Path) -> EventLog:
    from hindcast.log_place import log_of

    return log_of(data).open(woken=False)


def whole(log: EventLog) -> dict[str, Any]:
    """All that can be asked of a log."""
    found: dict[str, Any] = {}
    for cell in log.cells():
        entries: list[Entry] = [e for stream in STREAMS for e in log.read(stream, cell, 0, 1 << 40)]
        journal: list[JournalRow] = list(log.journal(cell, 0))
        (last, _), arch = log.last_commit(cell), "x86_64"
        past = [(log.commit_at(cell, n * MINUTE), log.snapshot_at(cell, n, 1, arch)) for n in range(190)]
        assert last < 9 or len({ref.commit for _, ref in past if ref}) > 2
        snapshots: list[SnapshotRef] = list(log.snapshots(cell))
        found[cell] = (entries, journal, snapshots, past, log.last_commit(cell), log.cursor(cell), log.verify(cell))
    return found


def read(data: Path) -> dict[str, Any]:
    log = log_in(data).open(woken=False)
    try:
        return whole(log)
    finally:
        log.close()


def brought(data: Path, to: Place) -> Migrated:
    return migrate(data, to, lambda _: None)


def test_there_and_back_and_nothing_is_different(server: RedisServer, tmp_path: Path) -> None:
    data = tmp_path / "data"
    filled(data)
    before = read(data)
    shutil.copytree(data / "log", tmp_path / "kept")
    done = brought(data, Place(server.url, "there"))
    assert (done.cells, done.rows) == (3, sum(v[-1].rows for v in before.values()))
    assert read(data) == before
    shutil.move(data / "log", tmp_path / "old")
    brought(data, Place("valkey"))
    assert read(data) == before
    brought(data, Place())
    assert read(data) == before
    assert recorded(data) == Place()
    for path in sorted((tmp_path / "kept" / "cells").glob("*.db")):  # not even what only SQL can see
        old, new = sqlite3.connect(path), sqlite3.connect(data / "log" / "cells" / path.name)
        for table in ("cell", "entry", "commits", "snapshot", "trimmed", "piece", "has_piece", "lasting"):
            assert (
                old.execute(f"SELECT * FROM {table}").fetchall() == new.execute(f"SELECT * FROM {table}").fetchall()
            ), table
        old.close()
        new.close()


def test_what_moved_goes_on_where_it_was(server: RedisServer, tmp_path: Path) -> None:
    filled(tmp_path)
    log = log_in(tmp_path).open()
    lease = log.acquire(CELL, STREAMS)
    log.close()
    brought(tmp_path, Place(server.url, "goes-on"))
    log = log_in(tmp_path).open()
    writer = Writer(log)
    assert (writer.lease.epoch, writer.lease.commit) == (lease.epoch + 1, lease.commit)
    assert (writer.lease.heads, writer.lease.cursor) == (lease.heads, lease.cursor)
    writer.commit(tick(5), saves=saved(b"", p2=None))
    log.trim(*SOURCE, log.head(*SOURCE) - 6)
    assert log.verify(CELL).problems == []
    assert log.size() > 0
    log.close()


@pytest.mark.parametrize("after", [0, 1, 7, 30])
def test_one_that_is_cut_off_goes_on(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    from events.redis_transfer import RedisTarget

    filled(tmp_path)
    before = read(tmp_path)
    to = Place(server.url, f"cut-{after}")
    monkeypatch.setattr("events.redis_transfer._BATCH", 10)
    added, real = 0, RedisTarget._add

    def fails(self: RedisTarget, key: str, batch: Any) -> None:
        nonlocal added
        added += 1
        if added > after:
            raise Transient("pulled the plug")
        real(self, key, batch)

    monkeypatch.setattr(RedisTarget, "_add", fails)
    with pytest.raises(Transient, match="plug"):
        brought(tmp_path, to)
    assert recorded(tmp_path) == Place()
    assert read(tmp_path) == before
    with pytest.raises(Rejected, match="half of a migration"):
        RedisSpec(server.url, to.name).open()
    stranger = tmp_path / "stranger"
    filled(stranger)
    with pytest.raises(Rejected, match="has a log already"):
        brought(stranger, to)
    monkeypatch.setattr(RedisTarget, "_add", real)
    brought(tmp_path, to)
    assert read(tmp_path) == before


def test_a_copy_that_differs_is_no_log(server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from events.redis_transfer import RedisTarget

    filled(tmp_path)
    real = RedisTarget._add

    def forgets(self: RedisTarget, key: str, batch: Any) -> None:
        real(self, key, batch[:-1] if key.endswith("commits") else batch)

    monkeypatch.setattr(RedisTarget, "_add", forgets)
    with pytest.raises(Corrupt, match="the copy is not what was copied"):
        brought(tmp_path, Place(server.url, "differs"))
    assert recorded(tmp_path) == Place()


def test_a_saved_state_that_differs_is_noticed(
    server: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from events.redis_transfer import RedisTarget

    filled(tmp_path)
    real = RedisTarget._blob

    def flips(self: RedisTarget, keys: Any, prefix: str, name: str, data: bytes) -> Any:
        return real(self, keys, prefix, name, data[:-1] + b"?" if data else data)

    monkeypatch.setattr(RedisTarget, "_blob", flips)
    with pytest.raises(Corrupt, match="saved states"):
        brought(tmp_path, Place(server.url, "states"))
    assert recorded(tmp_path) == Place()


def test_a_damaged_log_is_not_moved(server: RedisServer, tmp_path: Path) -> None:
    filled(tmp_path)
    path = tmp_path / "log" / "cells" / "demo+clock+0.db"
    db = sqlite3.connect(path)
    db.execute("DELETE FROM entry WHERE place = (SELECT max(place) FROM entry)")
    db.commit()
    db.close()
    with pytest.raises(Corrupt, match="is damaged where it is"):
        brought(tmp_path, Place(server.url, "damaged"))
    assert recorded(tmp_path) == Place()


def test_a_running_system_is_left_alone(server: RedisServer, tmp_path: Path) -> None:
    filled(tmp_path)
    running = DataDir(tmp_path)
    running.claim()
    with pytest.raises(Rejected, match="hindcast down"):
        brought(tmp_path, Place(server.url, "running"))
    running.release()


def test_an_old_log_in_the_way_is_named(server: RedisServer, tmp_path: Path) -> None:
    filled(tmp_path)
    brought(tmp_path, Place(server.url, "way"))
    with pytest.raises(Rejected, match="move it away first"):
        brought(tmp_path, Place())
    with pytest.raises(Rejected, match="already"):
        brought(tmp_path, Place(server.url, "way"))


def test_the_command_says_what_it_did(server: RedisServer, tmp_path: Path) -> None:
    filled(tmp_path)
    run = CliRunner().invoke(main, ["migrate", "--from", f"sqlite:{tmp_path}", "--to", server.url, "--name", "command"])
    assert run.exit_code == 0, run.output
    assert "3 cells" in run.output and "every entry was compared" in run.output
    for source in ("redis://x", "sqlite", f"valkey:{tmp_path}", f"sqlite:{tmp_path}/nowhere"):
        run = CliRunner().invoke(main, ["migrate", "--from", source, "--to", "valkey"])
        assert run.exit_code == 2, run.output
        assert "from:" in run.output
