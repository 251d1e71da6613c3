"""Ten million events: how fast they are archived, how much they take, and how long questions about them take.

They lie in the archive, in files of 262,144; the newest 92,000 lie in the log in entries of two rows. Beside archiving:
deltalake that writes the same batches. Beside questions: DuckDB by hand over the same Parquet files, without the newest
rows. And 24,000 events in 8,000 entries, with blocks and without. Prints JSON lines ``{name, value, unit, against, ratio}``;
``python -m benchmarks.archive [EVENTS]``
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import duckdb
import numpy as np
import pyarrow as pa
from deltalake import WriterProperties, write_deltalake

from benchmarks.kernels import report
from events.archive.job import Range, archive
from events.archive.log import ArchivedLog
from events.archive.segments import Segment, told
from events.catalog import SEGMENTS, USER_INTERACTIONS, rows
from events.entry import encode
from events.log import Commit, Lease, Output
from events.memory_log import MemoryLog
from query.engine import Engine

PRODUCER = "main/user_interactions/0"
SOURCE = (USER_INTERACTIONS.name, PRODUCER)
SEGMENT, REST = 262_144, 92_128
BEGIN = 1_790_000_000_000_000
GAP_US = 24_685
"""Between two events of a day of 3.5 M."""
QUESTIONS = {
    "count(*)": "SELECT count(*) FROM {t}",
    "the last minute": "SELECT count(*) FROM {t} WHERE time >= make_timestamptz({end} - 60_000_000)",
    "the last hour": "SELECT type, count(*) FROM {t} WHERE time >= make_timestamptz({end} - 3_600_000_000) GROUP BY ALL",
    "an hour long ago": "SELECT count(*), sum(amount) FROM {t} "
    "WHERE time BETWEEN make_timestamptz({begin}) AND make_timestamptz({begin} + 3_600_000_000)",
    "active users by day": "SELECT time::DATE AS day, count(DISTINCT subject) FROM {t} GROUP BY ALL ORDER BY ALL",
    "revenue by day and plan": "SELECT time::DATE AS day, properties->>'plan' AS plan, sum(amount) FROM {t} "
    "WHERE type = 'Order Completed' GROUP BY ALL ORDER BY ALL",
    "a funnel of three steps": """
        WITH first AS (SELECT subject, min(time) AS at FROM {t} WHERE type = 'Page Viewed' GROUP BY ALL),
        second AS (SELECT e.subject, min(e.time) AS at FROM {t} e JOIN first f ON e.subject = f.subject AND e.time > f.at
          WHERE e.type = 'Trial Started' GROUP BY ALL),
        third AS (SELECT e.subject FROM {t} e JOIN second s ON e.subject = s.subject AND e.time > s.at
          WHERE e.type = 'Order Completed' GROUP BY ALL)
        SELECT (SELECT count(*) FROM first), (SELECT count(*) FROM second), (SELECT count(*) FROM third)""",
    "the ten most seen paths": "SELECT properties->>'path' AS path, count(*) AS n FROM {t} GROUP BY ALL "
    "ORDER BY n DESC, path LIMIT 10",
}
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


def asked(log: ArchivedLog, sql: str, times: int = 5) -> float:
    engine = Engine(log)
    return best_ms(lambda: engine.run(sql, tenant="main"), times)


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


def many(folder: Path, n_segments: int) -> None:
    """``n_segments`` archived, which the log has forgotten, and the newest rows in small entries."""
    log = ArchivedLog(MemoryLog(), folder / "archive")
    writer = Writer(log)
    lease = log.acquire("main/archiver/0", [SEGMENTS.name])
    segments, took, alone = list[Segment](), 0.0, 0.0
    for n in range(n_segments):
        first, end = n * SEGMENT, (n + 1) * SEGMENT
        batches = [writer.write(8_192) for _ in range(SEGMENT // 8_192)]
        began = perf_counter()
        segments += archive(log.log, log.root, [Range(*SOURCE, first, end)])
        took += perf_counter() - began
        output = Output(SEGMENTS.name, encode(SEGMENTS, told(segments[-1:], 1)))
        log.commit(lease, Commit(n, f"{n}".encode(), 1, outputs=(output,)))
        log.trim(*SOURCE, end)
        part = pa.Table.from_batches(batches)
        began = perf_counter()
        write_deltalake(
            folder / "by_hand",
            part.cast(pa.schema([f.with_type(plain(f.type)) for f in part.schema])),
            mode="append",
            writer_properties=WriterProperties(compression="ZSTD"),
        )
        alone += perf_counter() - began
    rows = SEGMENT * n_segments
    report("archiving", round(rows / took), "events/s", "deltalake alone, zstd", round(rows / alone))
    by_hand = sum(path.stat().st_size for path in (folder / "by_hand").rglob("*.parquet"))
    archived_bytes, hand_bytes = sum(s.bytes for s in segments) / rows, by_hand / rows
    report("bytes an event, archived", round(archived_bytes, 1), "B", "deltalake alone, zstd", round(hand_bytes, 1))
    for _ in range(REST // 2):
        writer.write(2)
    log.blocks.seal(log, SOURCE, rows, rows + REST)
    end = BEGIN + (rows + REST) * GAP_US
    files = [str(log.root / segment.file) for segment in segments]
    for name, sql in QUESTIONS.items():
        said = sql.format(t="{t}", end=end, begin=BEGIN)
        hand = best_ms(lambda said=said: duckdb.sql(said.format(t=f"read_parquet({files!r})")).fetchall(), 3)
        ours = asked(log, said.format(t="user_interactions"), 3)
        report(f"{(rows + REST) / 1e6:.1f} M events, {name}", ours, "ms", "DuckDB over the files", hand)


def plain(type_: pa.DataType) -> pa.DataType:
    return type_.value_type if pa.types.is_dictionary(type_) else type_


if __name__ == "__main__":
    asked_for = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as place:
        small_requests(Path(place) / "small")
    with tempfile.TemporaryDirectory() as place:
        many(Path(place), max(1, asked_for // SEGMENT))
