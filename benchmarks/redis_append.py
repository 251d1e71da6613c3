"""Appends of 1,000-row entries on Valkey: ``RedisLog.commit`` beside a bare client that writes the same bytes with XADD.

Both to one server, entry by entry in turns, each with ``appendfsync always`` and ``everysec``; then how fast
``hindcast migrate`` brings a log of such entries there. Prints JSON lines ``{name, value, unit, against, ratio}``;
``python -m benchmarks.redis_append [directory]``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import redis

from benchmarks.append import CELL, ROWS, TURN, batches, mean_seconds, report
from events.catalog import USER_INTERACTIONS
from events.entry import Payload, encode, encode_header
from events.log import Commit, Output
from events.redis_spec import RedisSpec
from events.sqlite_log import SqliteLog
from hindcast.log_place import Place
from hindcast.migration import migrate
from hindcast.valkey import ValkeyServer

TURNS = 12
MIGRATED = 2_000
"""Entries of 1,000 rows."""


def appends(url: str, payloads: list[Payload], fsync: str) -> None:
    client = redis.Redis.from_url(url)
    client.config_set("appendfsync", fsync)
    log = RedisSpec(url, fsync).open(woken=False)
    lease = log.acquire(CELL, [USER_INTERACTIONS.name])
    number = 0

    def commit(payload: Payload) -> None:
        nonlocal number
        out = Output(USER_INTERACTIONS.name, payload, number)
        number = log.commit(lease, Commit(number, number.to_bytes(8, "big"), number, outputs=(out,)))

    commit(payloads[0])
    head = encode_header(log.read(USER_INTERACTIONS.name, CELL, 0, 1)[0].header)
    place = 0

    def write(k: int) -> None:
        nonlocal place
        place += ROWS
        client.xadd(f"bare-{fsync}", {"h": head, "p": payloads[k].data}, id=f"{place}-0")

    steps: dict[str, Callable[[int], object]] = {"bare": write, "commit": lambda k: commit(payloads[k])}
    mean_seconds(steps, range(TURN))  # warms connections and scripts up
    turns = [mean_seconds(steps, range(TURN)) for _ in range(TURNS)]
    mine, bare = ([turn[name] for turn in turns] for name in ("commit", "bare"))
    ratio = median(b / a for a, b in zip(mine, bare, strict=True))
    report(f"append 1,000-row entries, Valkey, {fsync}", ROWS / median(mine), "events/s", ROWS / median(bare), ratio)
    log.close()
    client.close()


def moving(data: Path, url: str, payloads: list[Payload]) -> None:
    log = SqliteLog(data / "log", doorbell=False)
    lease = log.acquire(CELL, [USER_INTERACTIONS.name])
    for number in range(MIGRATED):
        out = Output(USER_INTERACTIONS.name, payloads[number % TURN], number)
        log.commit(lease, Commit(number, number.to_bytes(8, "big"), number, outputs=(out,)))
    log.close()
    done = migrate(data, Place(url, "moved"), lambda _: None)
    aim = 1e6
    report(
        "migrate from SQLite to Valkey, compared",
        done.rows / done.seconds,
        "events/s",
        aim,
        done.rows / done.seconds / aim,
    )


def main(directory: Path) -> None:
    payloads = [encode(USER_INTERACTIONS, batch) for batch in batches(TURN)]
    server = ValkeyServer(directory / "valkey", directory / "v")
    server.start()
    try:
        for fsync in ("always", "everysec"):
            appends(server.url, payloads, fsync)
        moving(directory / "data", server.url, payloads)
    finally:
        server.stop()


if __name__ == "__main__":
    os.environ.setdefault("ARROW_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as made_here:
        main(Path(made_here))
