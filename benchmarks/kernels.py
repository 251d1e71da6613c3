"""The streaming kernels on one core: 2 M events, 10 k keys (zipf 1.2), 10 s windows, 64 k rows a batch.

Prints JSON lines ``{name, value, unit, against, ratio}``; the yardsticks run in the same process: a plain Python loop
over dictionaries (on 200 k of the events) and DuckDB's GROUP BY with one thread. ``python -m benchmarks.kernels``
"""

from __future__ import annotations

import json
from collections.abc import Callable
from time import process_time

import duckdb
import numpy as np
import pyarrow as pa

from analytics.anomaly import AnomalySpec, AnomalyState, score
from analytics.dedup import DedupState, admit
from analytics.windows import WindowSpec, WindowState, advance

N, SAMPLE, BATCH, KEYS = 2_000_000, 200_000, 1 << 16, 10_000
WIDTH = 10_000_000


def report(name: str, value: float, unit: str, against: str = "", yardstick: float = 0.0) -> None:
    ratio = round(value / yardstick, 2) if yardstick else None
    print(json.dumps({"name": name, "value": round(value, 3), "unit": unit, "against": against, "ratio": ratio}))


def best(run: Callable[[], object], times: int = 3) -> float:
    """CPU seconds of the fastest of some runs: the machine may be busy with other things."""
    took: list[float] = []
    for _ in range(times):
        begin = process_time()
        run()
        took.append(process_time() - begin)
    return min(took)


def plain(time: list[int], key: list[int], value: list[float]) -> dict[tuple[int, int], list[float]]:
    windows: dict[tuple[int, int], list[float]] = {}
    watermark = 0
    for t, k, v in zip(time, key, value, strict=True):
        watermark = max(watermark, t)
        cell = windows.get((t // WIDTH, k))
        if cell is None:
            windows[t // WIDTH, k] = [1, v, v, v]
        else:
            cell[0] += 1
            cell[1] += v
            cell[2] = min(cell[2], v)
            cell[3] = max(cell[3], v)
    return windows


def duckdb_rate(events: pa.Table, sketches: bool) -> float:
    """M rows/s of DuckDB with one thread, for the same aggregates over (time, key, value, hash)."""
    db = duckdb.connect(config={"threads": 1})
    db.register("events", events)
    aggregates = "count(*), sum(value), min(value), max(value)"
    if sketches:
        aggregates += ", approx_quantile(value, [.5, .95, .99]), approx_count_distinct(hash)"
    sql = f"select time // {WIDTH}, key, {aggregates} from events group by all"
    return len(events) / best(lambda: db.sql(sql).to_arrow_table(), 2) / 1e6


def main() -> None:
    rng = np.random.default_rng(0)
    key = ((rng.zipf(1.2, N) - 1) % KEYS).astype(np.int32)
    time = np.sort(rng.integers(0, 200_000_000, N)) + 1_780_000_000_000_000
    value, hashes = rng.lognormal(3, 1, N), rng.integers(1, 2**64, N, dtype=np.uint64)
    columns = (time, time + 1000, key, value, hashes)

    def windows(sketches: bool, anomaly: bool) -> None:
        state, scores = WindowState(WindowSpec(WIDTH, sketches=sketches)), AnomalyState(AnomalySpec())
        for i in range(0, N, BATCH):
            samples = advance(state, *(c[i : i + BATCH] for c in columns))
            if anomaly and samples.rows:
                score(scores, samples.key, samples.start, samples.mean)

    loop = SAMPLE / best(lambda: plain(time[:SAMPLE].tolist(), key[:SAMPLE].tolist(), value[:SAMPLE].tolist())) / 1e6
    table = pa.table({"time": time, "key": key, "value": value, "hash": hashes})
    duck = {sketches: duckdb_rate(table, sketches) for sketches in (False, True)}
    for sketches, name in ((False, "windows"), (True, "windows, both sketches")):
        rate = N / best(lambda s=sketches: windows(s, False)) / 1e6
        report(name, rate, "M rows/s", "a plain Python loop (no sketches)", loop)
        report(name, rate, "M rows/s", "DuckDB GROUP BY, 1 thread, the same aggregates", duck[sketches])
        report(f"{name}, anomaly", N / best(lambda s=sketches: windows(s, True)) / 1e6, "M rows/s")
    report("anomaly alone", N / best(lambda: score(AnomalyState(AnomalySpec()), key, time, value)) / 1e6, "M rows/s")
    report("dedup, all new", N / best(lambda: admit(DedupState(), hashes, hashes, time)) / 1e6, "M rows/s")
    one = tuple(c[-1:] for c in columns)
    for sketches in (False, True):
        state = WindowState(WindowSpec(WIDTH, sketches=sketches))
        took = best(lambda s=state: [advance(s, *one) for _ in range(1000)])
        report(f"one row a call{', both sketches' if sketches else ''}", took * 1000, "us")


if __name__ == "__main__":
    main()
