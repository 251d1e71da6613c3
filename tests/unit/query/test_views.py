"""Views over long streams: a question about little of one takes little memory."""

from __future__ import annotations

import duckdb

from query.views import LATEST, register


def test_one_metric_of_a_long_past_is_read_in_little_memory() -> None:
    db = duckdb.connect(config={"memory_limit": "150MB", "temp_directory": ""})
    columns = """1 AS revision, i AS row_offset, 'main/metrics/0' AS source, 'control:7' AS cause, 'm' || i % 200 AS metric,
        'k' || i % 3 AS key, to_timestamp(i) AS start, 60 AS width_us, repeat('x', 200) AS properties"""
    db.execute(f"CREATE TEMP VIEW metrics AS SELECT {columns} FROM range(1_000) t(i)")
    db.execute(f"CREATE TEMP VIEW past_metrics AS SELECT {columns} FROM range(2_000_000) t(i)")
    register(db, [LATEST])
    assert db.execute(f"SELECT count(*) FROM {LATEST} WHERE metric = 'm7'").fetchall() == [(10_000,)]
