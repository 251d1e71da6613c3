"""`python -m benchmarks.rollups [MILLIONS]`: 90 days of metrics from roll-ups, and from the windows (least of five).

A log in a temporary directory gets windows of 10 s as an import tells them (metric after metric), and the last two days of
them as they come live. They are rolled up by the real cell and archived by the real job. Then a page's tiles are asked for.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

from actors.analyzers.rollups import RollupAnalyzer
from actors.cell import Cell
from benchmarks.kernels import report
from events.archive.job import Range as Cold
from events.archive.job import archive
from events.archive.log import ArchivedLog
from events.catalog import METRICS, OURS, PAST_METRICS, STREAMS, Stream, rows
from events.entry import encode
from events.log import Commit, Output
from events.sqlite_log import SqliteLog
from query.bounds import Limits
from query.engine import Engine
from query.rolled import WINDOWS, Range, ranged

WIDTH, DAY, HOUR = 10_000_000, 86_400_000_000, 3_600_000_000
BASE = 1_767_225_600_000_000
SEGMENT = 262_144
METRICS_ASKED = tuple(f"metric_{n}" for n in range(16))


def main() -> None:
    """Make the log, and time both ways."""
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    with tempfile.TemporaryDirectory() as folder:
        log = ArchivedLog(SqliteLog(Path(folder) / "log", doorbell=False), Path(folder) / "archive")
        _tell(log, int(millions * 1e6))
        cell = Cell(RollupAnalyzer(), log, tenant="t", now=lambda: BASE)
        cell.recover()
        began = perf_counter()
        while cell.advance():
            pass
        rolled = round(millions * 1e6 / (perf_counter() - began))
        report("rolling up", rolled, "windows/s")
        for stream in OURS:
            for producer in log.producers(stream):
                whole = log.head(stream, producer) // SEGMENT
                list(
                    archive(
                        log, log.root, [Cold(stream, producer, n * SEGMENT, (n + 1) * SEGMENT) for n in range(whole)]
                    )
                )
        asked = Range(METRICS_ASKED, BASE - 90 * DAY, BASE - 610_000_000, 36 * HOUR)
        engine = Engine(log, Limits(rows=1_000_000))
        took: dict[str, list[float]] = {"roll-ups": [], "windows": []}
        for name in ("windows", "roll-ups") * 5:
            began = perf_counter()
            with engine.open(tenant="t", commands=False, keep_bytes=64 << 20) as session:
                if name == "roll-ups":
                    ranged(session, asked)
                else:
                    session.run(WINDOWS, asked.parameters)
            took[name].append((perf_counter() - began) * 1000)
        least = {name: round(min(times), 1) for name, times in took.items()}
        report("90 days of sixteen metrics", least["roll-ups"], "ms", "from the windows", least["windows"])


def _tell(log: ArchivedLog, n: int) -> None:
    """Windows of sixteen metrics, the last two days of them live."""
    each = n // len(METRICS_ASKED)
    for metric in METRICS_ASKED:
        _commit(log, PAST_METRICS, metric, BASE - 2 * DAY - each * WIDTH + np.arange(each) * WIDTH)
    for hour in range(48):
        for metric in METRICS_ASKED:
            _commit(log, METRICS, metric, BASE - 2 * DAY + hour * HOUR + np.arange(360) * WIDTH)


def _commit(log: ArchivedLog, stream: Stream, metric: str, starts: np.ndarray) -> None:
    writer = f"t/{'retelling' if stream is PAST_METRICS else 'metrics'}/0"
    for first in range(0, len(starts), 20_000):
        start = starts[first : first + 20_000]
        value = (start // WIDTH % 977).astype(float)
        columns = {
            "type": "metric.sampled", "source": metric, "cause": "t/control/0:1", "metric": metric, "key": "",
            "start": start, "time": start + WIDTH, "width_us": WIDTH, "count": start // WIDTH % 7, "sum": value,
            "mean": value, "min": value, "max": value, "revision": 0,
        }  # fmt: skip
        lease = log.acquire(writer, [stream.name])
        payload = encode(STREAMS[stream.name], rows(stream, columns, len(start)))
        at = lease.commit + 1
        log.commit(lease, Commit(lease.commit, str(at).encode(), BASE + at, outputs=(Output(stream.name, payload),)))


if __name__ == "__main__":
    main()
