"""A day of events: how fast it is archived, how much it takes, and how long questions about it take.

3.5 M events: 13 segments are archived, 92,000 lie in the log in entries of two rows. Beside archiving: deltalake that writes
the same batches. Beside questions: DuckDB by hand over the same Parquet files. And 24,000 events in 8,000 entries, with
blocks and without. Prints JSON lines ``{name, value, unit, against, ratio}``; ``python -m benchmarks.archive``
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import duckdb
import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

from benchmarks.kernels import report
from events.archive.job import Range, archive
from events.archive.log import ArchivedLog
from events.archive.segments import told
from events.catalog import SEGMENTS, USER_INTERACTIONS, rows
from events.entry import encode
from events.log import Commit, Lease, Output
from events.memory_log import MemoryLog
from query.engine import Engine

PRODUCER = "main/user_interactions/0"
SOURCE = (USER_INTERACTIONS.name, PRODUCER)
SEGMENT, SEGMENTS_OF_A_DAY, REST = 262_144, 13, 92_128
BEGIN = 1_790_000_000_000_000
GAP_US = 24_685
"""Between two events of a day of 3.5 M."""
KINDS = np.array(["Page Viewed", "Signed Up", "Order Completed", "Trial Started", "Video Played"], object)


class Writer:
    """A producer of events, a lease long."""

    def __init__(self, log: ArchivedLog) -> None:
        self._log = log
        self._lease: Lease = log.acquire(PRODUCER, [USER_INTERACTIONS.name])
        self._number = 0
        self._rng = np.random.default_rng(0)

    def write(self, n: int) -> pa.RecordBatch:
        """Commit ``n`` events in one entry."""
        at = self._log.head(*SOURCE)
        numbers = np.arange(at, at + n)
        users = [f"user-{k}" for k in self._rng.zipf(1.3, n) % 10_000]
        batch = rows(
            USER_INTERACTIONS,
            {
                "id": [f"{k:016x}" for k in self._rng.integers(0, 2**62, n)],
                "source": "shop",
                "type": KINDS[self._rng.integers(0, len(KINDS), n)].tolist(),
                "subject": users,
                "partition_key": users,
                "time": pa.array(BEGIN + numbers * GAP_US).cast(pa.timestamp("us", "UTC")),
                "received": pa.array(BEGIN + numbers * GAP_US + 1000).cast(pa.timestamp("us", "UTC")),
                "amount": self._rng.integers(100, 100_000, n),
                "properties": [f'{{"plan":"pro","path":"/a/{k % 100}"}}' for k in numbers.tolist()],
            },
            n,
        )
        output = Output(USER_INTERACTIONS.name, encode(USER_INTERACTIONS, batch), int(BEGIN + numbers[-1] * GAP_US))
        self._number = self._log.commit(
            self._lease, Commit(self._number, f"{self._number}".encode(), 1, outputs=(output,))
        )
        return batch


def best_ms(ask: Callable[[], object], times: int = 5) -> float:
    took: list[float] = []
    for _ in range(times):
        began = perf_counter()
        ask()
        took.append((perf_counter() - began) * 1000)
    return round(min(took), 2)


def asked(log: ArchivedLog, sql: str) -> float:
    engine = Engine(log)
    return best_ms(lambda: engine.run(sql, tenant="main"))


def small_requests(folder: Path) -> None:
    """24,000 events in 8,000 entries."""
    log = ArchivedLog(MemoryLog(), folder)
    writer = Writer(log)
    for _ in range(8_000):
        writer.write(3)
    minute = f"time >= make_timestamptz({BEGIN + 24_000 * GAP_US - 60_000_000})"
    for name, where in (("count(*)", ""), ("the last minute", f" WHERE {minute}")):
        sql = f"SELECT count(*) FROM user_interactions{where}"
        before = asked(log, sql)
        log.blocks.seal(log, SOURCE, 0, 24_000)
        report(f"24,000 events in 8,000 entries, {name}", asked(log, sql), "ms", "no blocks", before)
        for path in folder.rglob("*.arrow"):
            path.unlink()


def a_day(folder: Path) -> None:
    log = ArchivedLog(MemoryLog(), folder / "archive")
    writer = Writer(log)
    batches = [writer.write(8_192) for _ in range(SEGMENT // 8_192 * SEGMENTS_OF_A_DAY)]
    ranges = [Range(*SOURCE, n * SEGMENT, (n + 1) * SEGMENT) for n in range(SEGMENTS_OF_A_DAY)]
    began = perf_counter()
    segments = list(archive(log.log, log.root, ranges))
    took = perf_counter() - began
    each = SEGMENT // 8_192
    began = perf_counter()
    for n in range(SEGMENTS_OF_A_DAY):
        part = pa.Table.from_batches(batches[n * each : (n + 1) * each])
        write_deltalake(
            folder / "by_hand", part.cast(pa.schema([f.with_type(plain(f.type)) for f in part.schema])), mode="append"
        )
    alone = perf_counter() - began
    n = SEGMENT * SEGMENTS_OF_A_DAY
    report("archiving", round(n / took), "events/s", "deltalake alone", round(n / alone))
    by_hand = sum(path.stat().st_size for path in (folder / "by_hand").rglob("*.parquet"))
    report(
        "bytes an event, archived",
        round(sum(s.bytes for s in segments) / n, 1),
        "B",
        "deltalake alone",
        round(by_hand / n, 1),
    )
    lease = log.acquire("main/archiver/0", [SEGMENTS.name])
    log.commit(lease, Commit(0, b"", 1, outputs=(Output(SEGMENTS.name, encode(SEGMENTS, told(segments, 1))),)))
    for _ in range(REST // 2):
        writer.write(2)
    log.trim(*SOURCE, n)
    log.blocks.seal(log, SOURCE, n, n + REST)
    end = BEGIN + (n + REST) * GAP_US
    files = [str(log.root / segment.file) for segment in segments]
    questions = {
        "count(*)": "SELECT count(*) FROM {t}",
        "the last minute": f"SELECT count(*) FROM {{t}} WHERE time >= make_timestamptz({end - 60_000_000})",
        "an hour of the archive": f"SELECT count(*), sum(amount) FROM {{t}} "
        f"WHERE time BETWEEN make_timestamptz({BEGIN}) AND make_timestamptz({BEGIN + 3_600_000_000})",
        "by type": "SELECT type, count(*), sum(amount) FROM {t} GROUP BY ALL ORDER BY ALL",
        "distinct users": "SELECT count(DISTINCT subject) FROM {t}",
    }
    for name, sql in questions.items():
        hand = best_ms(lambda sql=sql: duckdb.sql(sql.format(t=f"read_parquet({files!r})")).fetchall())
        report(
            f"a day, {name}, beside DuckDB over the files", asked(log, sql.format(t="user_interactions")), "ms", hand
        )


def plain(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        small_requests(Path(place) / "small")
    with tempfile.TemporaryDirectory() as place:
        a_day(Path(place))
