"""Window metrics and anomaly scores from the log, by the folds themselves, on one core: what a backtest costs.

2 M events of 10 k users (zipf 1.2) in entries of 5,000 rows of a SQLite log: read, decode, windows of 10 s for each
user, an anomaly score for each window. Beside it what one would write by hand from stored events: a plain Python loop
over lines of JSON (200 k of them; windows, lateness and an EWMA score), and DuckDB over zstd Parquet (windows only).
Prints JSON lines ``{name, value, unit, against, ratio}``; ``python -m benchmarks.replay``
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import process_time
from typing import Any

import duckdb
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from actors.analyzers.anomaly import AnomalyAnalyzer
from actors.analyzers.metrics import MetricsAnalyzer
from actors.fold import Batch
from actors.slices import slices_of
from benchmarks.kernels import WIDTH, best, report
from events.catalog import CONTROL, METRICS, USER_INTERACTIONS, rows
from events.entry import EntryHeader, encode
from events.log import Commit, Output
from events.sqlite_log import SqliteLog

N, ROWS, KEYS, SAMPLE = 2_000_000, 5_000, 10_000, 200_000
CELL = "demo/user_interactions/0"
BOUND = 5_000_000


class Events:
    """The events as columns."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.key = ((rng.zipf(1.2, N) - 1) % KEYS).astype(np.int32)
        self.time = np.sort(rng.integers(0, 200_000_000, N)) + 1_780_000_000_000_000
        self.value = rng.lognormal(3, 1, N).round(2)
        self.session = rng.integers(1, 2**62, N // 10)[rng.integers(0, N // 10, N)]

    def batches(self) -> Iterator[pa.RecordBatch]:
        names = np.array([f"user-{k}" for k in range(KEYS)], object)
        when = USER_INTERACTIONS.schema.field("time").type
        for at in range(0, N, ROWS):
            part = slice(at, at + ROWS)
            users = names[self.key[part]].tolist()
            columns = {
                "id": [f"{n:032x}" for n in range(at, at + ROWS)],
                "source": "web",
                "type": "page.viewed",
                "subject": users,
                "time": pa.array(self.time[part]).cast(when),
                "received": pa.array(self.time[part] + 1000).cast(when),
                "partition_key": users,
                "anonymous_id": [f"{n:016x}" for n in self.session[part]],
                "value": self.value[part],
            }
            yield rows(USER_INTERACTIONS, columns, ROWS)

    def written(self, folder: Path) -> SqliteLog:
        log, number = SqliteLog(folder), 0
        lease = log.acquire(CELL, [USER_INTERACTIONS.name])
        for at, batch in enumerate(self.batches(), 1):
            output = Output(
                USER_INTERACTIONS.name, encode(USER_INTERACTIONS, batch), int(self.time[at * ROWS - 1]) - BOUND
            )
            number = log.commit(lease, Commit(number, number.to_bytes(8, "big"), number, outputs=(output,)))
        return log


def told(type_: str, name: str, **said: Any) -> Batch:
    """A row of ``control`` that defines something."""
    columns = {"type": type_, "subject": name, "data": json.dumps(said), "time": 0, "received": 0}
    header = EntryHeader(CONTROL.name, "demo/control/0", "demo", 0, 1, 1, 1, 1, 1)
    return Batch(header, 0, rows(CONTROL, columns, 1), True)


def replay(log: SqliteLog, sketches: bool) -> tuple[float, int]:
    """CPU seconds, and windows scored."""
    metric = {
        "name": "spent", "stream": USER_INTERACTIONS.name, "key": "subject", "value": "value",
        "distinct": "anonymous_id" if sketches else None, "sketches": sketches,
    }  # fmt: skip
    metrics, anomaly = MetricsAnalyzer(), AnomalyAnalyzer()
    windows, _ = metrics.fold(metrics.initial(), told("metric.defined", "spent", spec=metric, bound_s=BOUND / 1e6))
    watch = told("anomaly.defined", "spent.mean", spec={"metric": "spent", "aggregate": "mean"})
    scores, _ = anomaly.fold(anomaly.initial(), watch)
    after = scored = 0
    begin = process_time()
    while entries := log.read(USER_INTERACTIONS.name, CELL, after, 4 << 20):
        for entry in entries:
            for batch in slices_of(entry, after, entry.header.end):
                windows, sampled = metrics.fold(windows, batch)
                for _, emission in sampled.items():  # noqa: PERF102 - no mapping
                    for samples in emission.batches:
                        header = EntryHeader(
                            METRICS.name, CELL, "demo", 0, samples.num_rows, 1, 1, 1, 1, emission.watermark
                        )
                        scores, _ = anomaly.fold(scores, Batch(header, 0, samples, True))
                        scored += samples.num_rows
            after = entry.header.end
    return process_time() - begin, scored


class Series:
    """A user's running mean and variance, forgetting."""

    __slots__ = ("mean", "var")

    def __init__(self, mean: float) -> None:
        self.mean, self.var = mean, 0.0


def by_hand(lines: list[bytes]) -> int:
    """Windows closed by the watermark, late rows dropped, a z-score of each window's mean; the windows scored."""
    windows: dict[int, dict[str, list[float]]] = {}
    series: dict[str, Series] = {}
    watermark = scored = 0
    for line in lines:
        event = orjson.loads(line)
        time, user, value = event["time"], event["subject"], event["value"]
        start = time - time % WIDTH
        if start + WIDTH <= watermark:
            continue
        cells = windows.setdefault(start, {})
        cell = cells.get(user)
        if cell is None:
            cells[user] = [1, value, value, value]
        else:
            cell[0] += 1
            cell[1] += value
            cell[2] = min(cell[2], value)
            cell[3] = max(cell[3], value)
        if time - BOUND > watermark:
            watermark = time - BOUND
            for closed in [s for s in windows if s + WIDTH <= watermark]:
                for name, (count, total, _, _) in windows.pop(closed).items():
                    mean = total / count
                    known = series.get(name)
                    if known is None:
                        series[name] = Series(mean)
                    else:
                        off = mean - known.mean
                        scored += off * off > 9 * known.var
                        known.mean += 0.03 * off
                        known.var += 0.03 * (off * off - known.var)
    return scored


def yardsticks(events: Events, folder: Path) -> tuple[float, dict[bool, float]]:
    """M events/s by hand, and of DuckDB without and with sketches."""
    lines = [
        orjson.dumps({"id": f"{n:032x}", "type": "page.viewed", "subject": f"user-{key}", "time": time, "value": value})
        for n, (key, time, value) in enumerate(
            zip(*(c[:SAMPLE].tolist() for c in (events.key, events.time, events.value)), strict=True)
        )
    ]
    hand = SAMPLE / best(lambda: by_hand(lines)) / 1e6
    file = folder / "events.parquet"
    pq.write_table(pa.Table.from_batches(list(events.batches())), file, compression="zstd")
    db = duckdb.connect(config={"threads": 1})
    simple = "count(*), sum(value), min(value), max(value)"
    sketchy = f"{simple}, approx_quantile(value, [.5, .95, .99]), approx_count_distinct(anonymous_id)"
    window = f"select epoch_us(time) // {WIDTH}, subject"
    duck = {
        sketches: N / best(lambda w=what: db.sql(f"{window}, {w} from '{file}' group by all").to_arrow_table(), 2) / 1e6
        for sketches, what in ((False, simple), (True, sketchy))
    }
    return hand, duck


def main() -> None:
    events = Events()
    with tempfile.TemporaryDirectory() as folder:
        hand, duck = yardsticks(events, Path(folder))
        log = events.written(Path(folder) / "log")
        replay(log, True)
        for sketches, name in ((False, "no sketches, aim 5"), (True, "both sketches, aim 2")):
            rate = N / min(replay(log, sketches)[0] for _ in range(3)) / 1e6
            what = f"windows and anomaly from the log, {name}"
            report(what, rate, "M events/s", f"a plain Python loop over lines of JSON: {hand:.2f}", hand)
            against = f"DuckDB over zstd Parquet, windows only, 1 thread: {duck[sketches]:.2f}"
            report(what, rate, "M events/s", against, duck[sketches])
        log.close()


if __name__ == "__main__":
    main()
