"""What Redis stores of a cell: states in parts, and what ``verify`` finds where something of it is missing."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest
import redis

from events.errors import Corrupt, Fenced
from events.log import Snapshot, SnapshotRef
from events.redis_log import RedisLog
from events.redis_spec import RedisSpec
from hindcast.testing.log_words import CELL, Writer, saved, tick
from tests.logs.test_redis_server import written
from tests.servers import RedisServer

pytestmark = pytest.mark.slow


@pytest.fixture
def log(own: RedisServer) -> Iterator[RedisLog]:
    made = RedisSpec(own.url).open()
    yield made
    made.close()


def test_a_large_state_is_stored_in_parts_and_leaves_nothing_behind(
    own: RedisServer, log: RedisLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.redis_writer.CHUNK_BYTES", 1 << 20)
    big, piece = os.urandom((5 << 20) + 7), os.urandom((2 << 20) + 1)
    writer = Writer(log)
    writer.commit(tick(1), saves=saved(big, p=piece))
    assert [ref.snapshot.data for ref in log.snapshots(CELL)] == [big]
    assert log.piece(CELL, "p") == piece
    stale = writer.next(tick(1), saves=saved(big))
    heir = Writer(log)
    with pytest.raises(Fenced):
        log.commit(writer.lease, stale)
    for n in range(3):
        heir.commit(tick(1), saves=saved(b"%d" % n))
    with own.client() as client:
        (key,) = client.keys("*:blobs")
        assert client.hlen(key) == 2
    with pytest.raises(Corrupt, match="no snapshot has a piece p"):
        log.piece(CELL, "p")
    assert log.verify(CELL).problems == []


def test_a_state_for_looks_back_takes_up_memory_and_a_large_one_is_not_kept(log: RedisLog) -> None:
    writer = Writer(log)
    small, large = (Snapshot(1, "x86_64", os.urandom(n), (), True) for n in (5_000, (1 << 20) + 1))
    writer.commit(tick(1), saves=small, at=1)
    for n in range(3):
        writer.commit(tick(1), saves=saved(b"%d" % n))
    assert log.snapshot_at(CELL, 9, 1, "x86_64") == SnapshotRef(1, small)
    assert 5_000 < log.size() < 10_000  # once: recovery needs it no more
    writer.commit(tick(1), saves=large, at=3_600_000_000)
    assert log.snapshots(CELL)[-1].snapshot.data == large.data
    assert log.snapshot_at(CELL, 9, 1, "x86_64") == SnapshotRef(1, small)


def test_a_state_that_was_stored_for_a_commit_that_failed_is_taken_away(own: RedisServer, log: RedisLog) -> None:
    writer = Writer(log)
    writer.commit(tick(1))
    with own.client() as client, contextlib.suppress(redis.RedisError):
        client.hset(log._server.keys.of(CELL).blobs, "1.2.0", b"left by an instance that was killed")
        Writer(log)
        assert client.hlen(log._server.keys.of(CELL).blobs) == 0


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (("XTRIM", "{}:in:clock", "MINID", "=", "17"), "offsets 4 to 16 are missing"),
        (("DEL", "{}:in:clock"), "entries end at offset 4, the cell says 24"),
        (("DEL", "{}:commits"), "commits end at 0, the cell says 6"),
        (("HSET", "{}:cell", "cursor", b"\xc1"), "a cell's position"),
        (("HDEL", "{}:cell", "saved"), "fields of it are missing"),
        (("DEL", "{}:blobs"), "snapshot 5 has 0 of the 1 bytes of its state"),
    ],
)
def test_verify_names_every_kind_of_damage(own: RedisServer, damage: tuple[str | bytes, ...], found: str) -> None:
    written(own)
    base = f"hindcast:{{{CELL}}}"
    with own.client() as client:
        client.execute_command(
            *(word.format(base) if isinstance(word, str) and "}:" in word else word for word in damage)
        )
    damaged = RedisSpec(own.url).open()
    try:
        said = " | ".join(damaged.verify(CELL).problems)
    except Corrupt as error:
        said = str(error)
    assert found in said
    damaged.close()
