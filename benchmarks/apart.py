"""What it costs that a query has a process of its own, and what an answer costs that was given before.

A million events in the archive and 24,000 in the log; the same statements in this process, in another one (warm), and again
from the cache. Prints JSON lines, as all benchmarks; least of twenty.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

from benchmarks.archive import SEGMENT, SOURCE, Writer, best_ms
from benchmarks.kernels import report
from events.archive.job import Range, archive
from events.archive.log import ArchivedLog, ArchivedSpec
from events.archive.segments import told
from events.catalog import SEGMENTS
from events.entry import encode
from events.log import Commit, Output
from events.sqlite_log import SqliteSpec
from query.apart.deeds import statement
from query.apart.desk import Here
from query.apart.pool import Nursery, Pool
from query.optimizing.optimizer import AnalyticsOptimizer

STATEMENTS = {
    "one row": "SELECT 1",
    "count(*)": "SELECT count(*) FROM user_interactions",
    "users": "SELECT count(DISTINCT subject) FROM user_interactions",
    "100,000 rows": "SELECT id, type, time FROM user_interactions LIMIT 100000",
}
SEGMENTS_WRITTEN = 4


def main() -> None:
    """Make the log and ask."""
    with tempfile.TemporaryDirectory() as folder:
        spec = ArchivedSpec(SqliteSpec(Path(folder) / "log"), Path(folder) / "archive")
        log = spec.open(woken=False)
        _fill(log)
        nursery = Nursery()
        began = perf_counter()
        pool = Pool(spec, "main", nursery=nursery)
        pool.do(partial(statement, sql="SELECT 1"))
        report("the first query, with its processes", round((perf_counter() - began) * 1000), "ms")
        here = Here(log, "main")
        cached = AnalyticsOptimizer(log, "main", doer=pool)
        for name, sql in STATEMENTS.items():
            deed = partial(statement, sql=sql, rows=200_000)
            alone = best_ms(lambda deed=deed: here.do(deed), 20)
            apart = best_ms(lambda deed=deed: pool.do(deed), 20)
            report(f"{name}, in a process of its own", apart, "ms", "in this process", alone)
            again = best_ms(lambda sql=sql: cached.sql(sql, rows=200_000), 20)
            report(f"{name}, again", again, "ms", "in a process of its own", apart)
        pool.close()
        nursery.end()
        log.close()


def _fill(log: ArchivedLog) -> None:
    writer = Writer(log)
    for _ in range(SEGMENTS_WRITTEN * SEGMENT // 8_192):
        writer.write(8_192)
    ranges = [Range(*SOURCE, n * SEGMENT, (n + 1) * SEGMENT) for n in range(SEGMENTS_WRITTEN)]
    segments = list(archive(log.log, log.root, ranges))
    lease = log.acquire("main/archiver/0", [SEGMENTS.name])
    log.commit(lease, Commit(0, b"1", 1, outputs=(Output(SEGMENTS.name, encode(SEGMENTS, told(segments, 1))),)))
    for _ in range(3):
        writer.write(8_000)


if __name__ == "__main__":
    main()
