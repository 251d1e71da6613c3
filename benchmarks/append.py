"""Durable appends of 1,000-row entries: ``SqliteLog.commit`` beside bare sqlite3 that writes the same bytes.

Both write WAL with ``synchronous=FULL``, one transaction an entry, entry by entry in turns, on the same disk.
Prints JSON lines ``{name, value, unit, against, ratio}``; ``python -m benchmarks.append [directory]``.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from events.catalog import USER_INTERACTIONS, rows
from events.entry import Payload, encode, encode_header
from events.log import Commit, Output
from events.sqlite_log import SqliteLog
from events.sqlite_writer import CHECKPOINT_BYTES

ROWS = 1_000
TURN = 40
TURNS = 12
CELL = "demo/user_interactions/0"


def batches(n: int) -> list[pa.RecordBatch]:
    """What a course platform's collector commits: 1,000 events with ids, subjects, few types, some with properties."""
    rng = np.random.default_rng(7)
    types = ["lesson.started", "lesson.completed", "page", "quiz.answered", "order.placed"]
    made: list[pa.RecordBatch] = []
    for i in range(n):
        user = rng.zipf(1.2, ROWS) % 10_000
        time = 1_780_000_000_000_000 + i * 1_000_000 + np.sort(rng.integers(0, 1_000_000, ROWS))
        columns = {
            "id": [f"{a:016x}{b:016x}" for a, b in rng.integers(0, 2**62, (ROWS, 2))],
            "source": "web",
            "type": [types[k] for k in rng.integers(0, len(types), ROWS)],
            "subject": [f"user-{u}" for u in user],
            "time": pa.array(time).cast(USER_INTERACTIONS.schema.field("time").type),
            "received": pa.array(time + rng.integers(0, 50_000, ROWS)).cast(
                USER_INTERACTIONS.schema.field("time").type
            ),
            "partition_key": [f"user-{u}" for u in user],
            "value": rng.normal(60, 12, ROWS).round(2),
            "properties": [f'{{"course":"c{c}","position":{p}}}' for c, p in rng.integers(0, 200, (ROWS, 2))],
        }
        made.append(rows(USER_INTERACTIONS, columns, ROWS))
    return made


def bare(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_BYTES // 4096}")  # as often as ours, not four times as often
    db.execute("CREATE TABLE entry(place INTEGER PRIMARY KEY, header BLOB, payload BLOB)")
    return db


def mean_seconds(steps: Mapping[str, Callable[[int], object]], numbers: Sequence[int]) -> dict[str, float]:
    """Of each step, over ``numbers``; the steps take turns, so that whatever else the machine does hits all alike."""
    taken = dict.fromkeys(steps, 0.0)
    for n in numbers:
        for name, step in steps.items():
            start = perf_counter()
            step(n)
            taken[name] += perf_counter() - start
    return {name: seconds / len(numbers) for name, seconds in taken.items()}


def report(name: str, value: float, unit: str, against: float, ratio: float) -> None:
    print(
        json.dumps(
            {
                "name": name,
                "value": round(value, 3),
                "unit": unit,
                "against": round(against, 3),
                "ratio": round(ratio, 3),
            }
        )
    )


def main(directory: Path) -> None:
    made = batches(TURN)
    payloads: list[Payload] = [encode(USER_INTERACTIONS, batch) for batch in made]
    log = SqliteLog(directory / "log")
    lease = log.acquire(CELL, [USER_INTERACTIONS.name])
    db = bare(directory / "bare.db")
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
        db.execute("BEGIN IMMEDIATE")
        db.execute("INSERT INTO entry VALUES (?, ?, ?)", (place, head, payloads[k].data))
        db.execute("COMMIT")

    steps: dict[str, Callable[[int], object]] = {
        "bare": write,
        "commit": lambda k: commit(payloads[k]),
        "encode + commit": lambda k: commit(encode(USER_INTERACTIONS, made[k])),
    }
    mean_seconds(steps, range(TURN))  # warms files and statements up
    turns = [mean_seconds(steps, range(TURN)) for _ in range(TURNS)]
    taken = {name: [turn[name] for turn in turns] for name in steps}
    log.close()
    db.close()

    mine = {name: ROWS / median(values) for name, values in taken.items()}
    for name in ("commit", "encode + commit"):
        ratio = median(b / a for a, b in zip(taken[name], taken["bare"], strict=True))
        report(f"append 1,000-row entries, SQLite, {name}", mine[name], "events/s", mine["bare"], ratio)

    stored = sum(f.stat().st_size for f in (directory / "log" / "cells").glob("*.db")) / (number * ROWS)
    parquet = directory / "same.parquet"
    pq.write_table(pa.Table.from_batches(made), parquet, compression="zstd")
    plain = parquet.stat().st_size / (TURN * ROWS)
    report("bytes on disk an event, lz4 entries beside zstd Parquet", stored, "bytes", plain, stored / plain)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as made_here:
        main(Path(made_here))
