"""A server that is gone, full, read-only, slow or set otherwise: nothing acknowledged is lost, and it goes on by itself."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import pytest

from events.errors import Conflict, Corrupt, Fenced, Transient
from events.redis_log import RedisLog
from events.redis_server import Server
from events.redis_spec import RedisSpec
from hindcast.testing.log_words import CELL, STREAMS, Writer, ate, saved, tick, times
from tests.running import free_port
from tests.servers import RedisServer

pytestmark = pytest.mark.slow

SOURCE = ("clock", CELL)


@pytest.fixture
def log(own: RedisServer) -> Iterator[RedisLog]:
    made = RedisSpec(own.url).open()
    yield made
    made.close()


def refused(log: RedisLog, writer: Writer, match: str) -> Transient:
    with pytest.raises(Transient, match=match) as told:
        writer.commit(tick(1, 66), saves=saved(b"x"))
    assert told.value.retry_after_s <= 2
    return told.value


def test_a_server_that_is_gone_is_told_and_waited_for(own: RedisServer, log: RedisLog) -> None:
    writer = Writer(log)
    writer.commit(tick(3), ate=[ate(0, 3)])
    own.kill()
    refused(log, writer, "cannot be reached")
    with pytest.raises(Transient):
        log.read(*SOURCE, 0, 1)
    own.start()
    writer.commit(tick(1, 3), ate=[ate(3, 4)])
    assert times(log) == [0, 1, 2, 3]
    assert log.verify(CELL).sound


def test_a_log_may_be_opened_before_its_server_is_there() -> None:
    spec = RedisSpec("unix:///nowhere/s")
    log = spec.open()
    with pytest.raises(Transient, match="cannot be reached"):
        log.acquire(CELL, STREAMS)
    with pytest.raises(Transient, match="cannot be reached"):
        spec.exists()
    log.close()


def test_kill_after_kill_nothing_acknowledged_is_lost(own: RedisServer, log: RedisLog) -> None:
    """The server dies at any moment of a commit; the writer repeats what was not answered, as it does after a lost reply."""
    chance = random.Random(4)
    stop = threading.Event()
    kills = 0

    def kill() -> None:
        nonlocal kills
        while not stop.is_set():
            sleep(0.05 + chance.random() * 0.15)
            own.kill()
            own.start()
            kills += 1

    killer = threading.Thread(target=kill)
    writer = Writer(log)
    killer.start()
    until = monotonic() + 6
    n = 0
    while monotonic() < until or kills < 5 or n < 21:
        commit = writer.next(
            tick(2, 2 * n), ate=[ate(n, n + 1)], saves=saved(os.urandom(5_000)) if n % 5 == 0 else None
        )
        while True:
            try:
                writer.number = log.commit(writer.lease, commit)
                break
            except Transient:
                sleep(0.01)
        n += 1
    stop.set()
    killer.join()
    assert n > 20
    assert times(log) == list(range(2 * n))
    assert [row.start for row in log.journal(CELL, 0)] == list(range(n))
    assert log.verify(CELL).problems == []


def test_a_full_memory_is_told_and_nothing_is_half_done(own: RedisServer, log: RedisLog) -> None:
    writer = Writer(log)
    writer.commit(tick(3))
    with own.client() as client:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + (4 << 20))
        room = log.room()
        assert room.of == "memory"
        assert room.free_bytes is not None and room.free_bytes <= 4 << 20
        number = writer.number
        pieces: dict[str, bytes | None] = {}
        with pytest.raises(Transient, match="memory is full"):
            for n in range(100):
                writer.commit(tick(1, 3), saves=saved(b"", **pieces, **{f"p{n}": os.urandom(300_000)}))
                pieces[f"p{n}"] = None
        assert log.last_commit(CELL)[0] == writer.number > number
        client.config_set("maxmemory", 1 << 20)
        refused(log, writer, "memory is full")
        with pytest.raises(Transient, match="memory is full"):
            log.acquire("demo/another/0", STREAMS)
        assert list(log.cells()) == [CELL]
        assert log.verify(CELL).problems == []
        client.config_set("maxmemory", 0)
    writer.commit(tick(1, 3))
    assert log.verify(CELL).problems == []


def test_a_replica_takes_nothing_until_it_is_the_primary(own: RedisServer, log: RedisLog) -> None:
    writer = Writer(log)
    writer.commit(tick(3))
    with own.client() as client:
        client.execute_command("REPLICAOF", "127.0.0.1", "1")
        refused(log, writer, "read-only")
        reader = RedisSpec(own.url).open(woken=False)
        assert times(reader) == [0, 1, 2]
        reader.close()
        client.execute_command("REPLICAOF", "NO", "ONE")
    writer.commit(tick(1, 3))
    assert times(log) == [0, 1, 2, 3]


def test_a_silent_server_keeps_nobody_waiting_long(own: RedisServer, log: RedisLog) -> None:
    writer = Writer(log)
    sent = writer.commit(tick(3))
    assert own.process is not None
    os.kill(own.process.pid, signal.SIGSTOP)
    try:
        began = monotonic()
        refused(log, writer, "not answered")
        assert monotonic() - began < 60
        began = monotonic()
        with pytest.raises(Transient):
            log.head(*SOURCE)
        assert monotonic() - began < 4  # far less than it waits for an answer
    finally:
        os.kill(own.process.pid, signal.SIGCONT)
    sleep(0.6)
    # What was sent into the silence may have been done, once it goes on: that is for the nonce to tell.
    heir = Writer(log)
    assert log.commit(heir.lease, sent) == 1
    heir.commit(tick(1, 67))
    assert times(log) in ([0, 1, 2, 67], [0, 1, 2, 66, 67])
    assert log.verify(CELL).problems == []


# -- durability by setting -------------------------------------------------------------------------------------------


def test_a_commit_waits_for_the_disk_where_it_is_told_to(own: RedisServer) -> None:
    with own.client() as client:
        client.config_set("appendfsync", "everysec")
        if "valkey_version" not in client.info("server"):
            pytest.skip("Redis 7.0 has no WAITAOF")
    log = RedisSpec(own.url, wait_disk=True).open()
    writer = Writer(log)
    for n in range(3):
        writer.commit(tick(1, n))
    with own.client() as client:
        assert client.info("commandstats")["cmdstat_waitaof"]["calls"] >= 4  # the acquisition, too
    log.close()


def test_a_commit_that_no_replica_confirms_is_not_acknowledged() -> None:
    primary, replica = RedisServer(port=free_port(), repl_diskless_sync_delay="0"), RedisServer()
    log = RedisSpec(primary.url, wait_replicas=1).open()
    try:
        with pytest.raises(Transient, match="0 of 1 replicas"):
            log.acquire(CELL, STREAMS)
        with replica.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", primary.port)
            while client.info("replication").get("master_link_status") != "up":
                sleep(0.05)
        writer = Writer(log)
        sent = writer.commit(tick(2))
        replica.kill()
        unsure = writer.next(tick(1, 2))
        for _ in range(2):  # it stands in the log, and is no more certain for being sent again
            with pytest.raises(Transient, match="0 of 1 replicas"):
                log.commit(writer.lease, unsure)
        replica.start()
        with replica.client() as client:
            client.execute_command("REPLICAOF", "127.0.0.1", primary.port)
            while client.info("replication").get("master_link_status") != "up":
                sleep(0.05)
        assert log.commit(writer.lease, unsure) == 2
        assert log.commit(writer.lease, sent) == 1
        assert times(log) == [0, 1, 2]
    finally:
        log.close()
        primary.close()
        replica.close()


# -- what a server that was not set to `always` may lose ---------------------------------------------------------------


def torn(own: RedisServer) -> None:
    """The newest commits are gone, as after a power cut with `appendfsync everysec`."""
    own.kill()
    (file,) = own.folder.glob("appendonlydir/*.incr.aof")
    os.truncate(file, file.stat().st_size - 5)
    own.start()


def test_a_lost_commit_is_noticed_and_made_again(own: RedisServer, log: RedisLog) -> None:
    writer = Writer(log)
    for n in range(5):
        writer.commit(tick(2, 2 * n), ate=[ate(n, n + 1)])
    assert len(times(log)) == 10
    torn(own)
    with pytest.raises(Transient, match="lost its newest entries"):
        log.wait({SOURCE: 10}, 60)
    with pytest.raises(Conflict):
        writer.commit(tick(2, 10))
    writer.number = log.last_commit(CELL)[0]
    assert writer.number == 4
    writer.commit(tick(2, 90), ate=[ate(4, 5)])
    assert times(log) == [*range(8), 90, 91]  # and no reader calls the other entry at offset 8 a fault of the disk
    assert log.verify(CELL).problems == []


def test_a_server_that_lost_everything_is_no_empty_log(own: RedisServer, log: RedisLog) -> None:
    writer = Writer(log)
    writer.commit(tick(2))
    with own.client() as client:
        client.flushall()
    with pytest.raises(Fenced):
        writer.commit(tick(1, 2))


def written(own: RedisServer) -> None:
    log = RedisSpec(own.url).open()
    writer = Writer(log)
    for n in range(6):
        writer.commit(tick(4, n * 4), ate=[ate(n, n + 1)], saves=saved(b"s"))
    log.trim(*SOURCE, 5)
    log.close()


def test_a_log_of_a_newer_version_is_refused(own: RedisServer) -> None:
    written(own)
    with own.client() as client:
        client.hset("hindcast:system", "format", "2")
    with pytest.raises(Corrupt, match="has format 2, not 1"):
        RedisSpec(own.url).open()


def test_what_a_server_should_be_set_to_is_said(own: RedisServer) -> None:
    server = Server(RedisSpec(own.url))
    assert server.judge() == []
    with own.client() as client:
        client.config_set("appendfsync", "everysec")
        assert "lose the last second" in server.judge()[0]
        client.config_set("appendonly", "no")
        assert "keeps nothing on disk" in server.judge()[0]
    server.close()


def test_the_place_is_told_without_its_secret(tmp_path: Path) -> None:
    spec = RedisSpec("rediss://shop:hunter2@example.test:6380/0?ssl_ca_certs=x", "shop")
    assert str(spec) == "rediss://example.test:6380/0 (shop)"
    assert "hunter2" not in repr(spec)
