"""The index optimizer says which archived files a query passes over, and the scan opens just the others."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from query.optimizing.indexes import Index
from query.optimizing.optimizer import AnalyticsOptimizer
from query.scan import StreamTable
from tests.archive.stories import BEGIN, SECOND, archived, fill, opened


def at(second: int) -> str:
    return datetime.fromtimestamp((BEGIN + second * SECOND) / 1e6, UTC).isoformat()


def test_files_outside_of_the_span_are_not_opened_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened(tmp_path)
    fill(log, 1_100)
    segments = archived(log, 0, 1_024, 128)
    last = segments[-1]
    assert last.earliest is not None
    since = (last.earliest - BEGIN) // SECOND
    opened_files: list[str] = []
    real = StreamTable._concerned  # pyright: ignore[reportPrivateUsage]

    def noted(self: Any, parts: Any, wanted: Any) -> Any:
        found = real(self, parts, wanted)
        opened_files.extend(segment.file for segment in found)
        return found

    monkeypatch.setattr(StreamTable, "_concerned", noted)
    optimizer = AnalyticsOptimizer(log, "demo")
    sql = f"SELECT count(*) FROM user_interactions WHERE time >= TIMESTAMPTZ '{at(since)}'"
    found = optimizer.optimize_analytics_performance(sql, now=0.0)
    index = found.indexes["user_interactions"]
    assert index == Index(8, 7, sum(s.rows for s in segments[:-1]), sum(s.bytes for s in segments[:-1]), 1)
    assert set(opened_files) == {last.file}
    everything = optimizer.optimize_analytics_performance("SELECT count(*) FROM user_interactions", now=0.0)
    assert everything.indexes["user_interactions"].skipped == 0
    assert found.result.rows()[0][0] == sum(s.rows for s in segments) + hot(log) - index.rows_skipped


def hot(log: Any) -> int:
    """Rows beyond the archive."""
    whole = AnalyticsOptimizer(log, "demo").sql("SELECT count(*) FROM user_interactions WHERE row_offset >= 1024")
    return whole.result.rows()[0][0]


def test_a_question_says_it_too_and_what_is_not_archived_has_no_index(tmp_path: Path) -> None:
    log = opened(tmp_path)
    fill(log, 300)
    question = {"ask": "trends", "stream": "user_interactions", "since": at(0), "until": at(100)}
    now = BEGIN / 1e6 + 400
    optimizer = AnalyticsOptimizer(log, "demo")
    assert optimizer.optimize_analytics_performance(question, now=now).indexes == {}
    archived(log, 0, 256, 64)
    index = (
        AnalyticsOptimizer(log, "demo").optimize_analytics_performance(question, now=now).indexes["user_interactions"]
    )
    assert (index.files, index.skipped > 0) == (4, True)
