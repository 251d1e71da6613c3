"""How long a backtest of 100 threshold rules about sixteen metrics takes: `python -m benchmarks.backtest [WINDOWS]`.

The log has the samples and the closings of so many ten-second windows (10 million events at 40 a second make 25,000), 50
windows an entry, as the archive has them, and a tick of the clock a window. Processor time is told beside the wall's, for
a machine has other things to do. One process; the rules turn now and then, as rules do.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from actors.alerts.state import Rule
from actors.backtest import alerting
from events.catalog import STREAMS, rows
from events.entry import encode
from events.log import Commit, Lease, Output
from events.sqlite_log import SqliteLog

METRICS, RULES, PER_ENTRY = 16, 100, 50
WIDTH_US, BASE_US = 10_000_000, 1_760_000_000_000_000


class Writer:
    """Commits rows of one stream after another."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self._held: dict[str, tuple[Lease, int]] = {}

    def says(self, stream: str, n: int, at: int, **columns: Any) -> None:
        cell = f"t/{stream}/0"
        lease, commit = self._held.get(cell) or (self._log.acquire(cell, [stream]), 0)
        output = Output(stream, encode(STREAMS[stream], rows(STREAMS[stream], columns, n)), at)
        commit = self._log.commit(lease, Commit(commit, str(commit).encode(), at, outputs=(output,)))
        self._held[cell] = lease, commit


def made(log: SqliteLog, windows: int) -> list[str]:
    """Write the windows; the names of the metrics."""
    rng, writer, names = np.random.default_rng(1), Writer(log), [f"m{i}" for i in range(METRICS)]
    kinds = (["metric.sampled"] * METRICS + ["window.closed"] * METRICS) * PER_ENTRY
    sampled = np.tile(np.r_[np.ones(METRICS), np.zeros(METRICS)], PER_ENTRY) > 0
    n = 2 * METRICS * PER_ENTRY
    for first in range(0, windows, PER_ENTRY):
        ends = BASE_US + (np.arange(first, first + PER_ENTRY) + 1) * WIDTH_US
        end, count = np.repeat(ends, 2 * METRICS), np.where(sampled, rng.poisson(100, n), 0)
        columns = {"type": kinds, "source": names * 2 * PER_ENTRY, "metric": names * 2 * PER_ENTRY, "key": [""] * n}
        columns |= {
            "start": end - WIDTH_US,
            "time": end,
            "width_us": WIDTH_US,
            "count": count,
            "cause": "t/control/0:0",
        }
        columns |= {"revision": pa.array([0 if each else None for each in sampled], pa.int32())}
        writer.says("metrics", n, int(ends[-1]), **columns)
        writer.says("clock", PER_ENTRY, int(ends[-1]), type="clock.ticked", time=ends)
    return names


def main() -> None:
    """Write, backtest, print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("windows", type=int, nargs="?", default=25_000)
    windows = asked.parse_args().windows // PER_ENTRY * PER_ENTRY
    with tempfile.TemporaryDirectory() as folder:
        log = SqliteLog(Path(folder) / "log", doorbell=False)
        names = made(log, windows)
        rng = np.random.default_rng(2)
        rules = [
            Rule(
                f"r{i}",
                f"m{i % METRICS}.count > threshold",
                100.0 + int(rng.integers(25, 50)),
                (),
                "high",
                i % 2 * 20.0,
            )
            for i in range(RULES)
        ]
        wall, cpu = time.perf_counter(), time.process_time()
        found = alerting.evaluated(log, "t", alerting.grouped(rules, set(names)), set(names))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        log.close()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    about = f"backtest of {windows * METRICS:,} samples, {RULES} threshold rules, {METRICS} metrics"
    told = {"name": about, "value": round(cpu, 2), "unit": "s of a core", "against": None, "ratio": None}
    print(json.dumps({**told, "wall_s": round(wall, 2), "turns": found.turns.num_rows, "most_mb": most}))


if __name__ == "__main__":
    main()
