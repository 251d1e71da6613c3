"""A metric of very many keys stays within its bound, says what it counts together, and hinders no other metric."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from actors.analyzers import metric_series
from actors.analyzers.metrics import MetricsAnalyzer, MetricSpec
from actors.fold import Batch
from events.catalog import STREAMS, rows
from events.entry import EntryHeader
from tests.told import metrics_defined

SECOND = 1_000_000
KEYS, BATCH = 200_000, 20_000
CELL = "t/user_interactions/0"
BY_SUBJECT = MetricSpec("by_subject", "user_interactions", key="subject", width_us=3600 * SECOND, sketches=False)
EVENTS = MetricSpec("events", "user_interactions", width_us=10 * SECOND, sketches=False)


def batch(stream: str, first: int, table: pa.RecordBatch, watermark: int = 0) -> Batch:
    header = EntryHeader(stream, f"t/{stream}/0", "t", first, table.num_rows, 1, 1, 1, 1, watermark=watermark)
    return Batch(header, first, table, True)


def folded(fold: MetricsAnalyzer, keys: int) -> tuple[Any, dict[str, dict[str, int]]]:
    """``keys`` subjects with one event each, then those of the second half once more, ten seconds of events a batch; then
    windows close. Answers the state, and the counts of each metric by key."""
    state = fold.initial()
    state, _ = fold.fold(state, batch("control", 0, rows(STREAMS["control"], metrics_defined([BY_SUBJECT, EVENTS]), 2)))
    subjects = [*range(keys), *range(keys // 2, keys)]
    counts: dict[str, dict[str, int]] = {"by_subject": {}, "events": {}}
    for step, at in enumerate(range(0, len(subjects), BATCH)):
        part = subjects[at : at + BATCH]
        time = np.full(len(part), (1_000 + 10 * step) * SECOND)
        said = {"subject": [f"u{n}" for n in part], "time": time, "received": time, "type": "seen"}
        state, outputs = fold.fold(
            state, batch("user_interactions", at, rows(STREAMS["user_interactions"], said, len(part)))
        )
        taken(counts, outputs)
    end = rows(STREAMS["user_interactions"], {}, 0)
    state, outputs = fold.fold(state, batch("user_interactions", len(subjects), end, 10_000 * SECOND))
    taken(counts, outputs)
    return state, counts


def taken(counts: dict[str, dict[str, int]], outputs: Any) -> None:
    for emission in [e for stream, e in outputs.items() if stream == "metrics"]:
        for table in emission.batches:
            said = (table.column(name).to_pylist() for name in ("type", "metric", "key", "count"))
            for type_, metric, key, count in zip(*said, strict=True):
                if type_ == "metric.sampled":
                    mine = counts[metric]
                    mine[key] = mine.get(key, 0) + count


def test_two_hundred_thousand_keys_are_each_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    fold = MetricsAnalyzer()
    state, counts = folded(fold, KEYS)
    assert len(counts["by_subject"]) == KEYS
    assert (counts["by_subject"]["u0"], counts["by_subject"][f"u{KEYS - 1}"]) == (1, 2)
    assert counts["events"] == {"": KEYS + KEYS // 2}
    assert fold.notes(state) == []
    assert len(fold.dump(state)) < 60 * KEYS, "its windows are closed: a key costs little more than its name"


def test_beyond_the_bound_keys_are_counted_together_which_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    most = 50_000
    monkeypatch.setattr(metric_series, "MAX_KEYS", most)
    fold = MetricsAnalyzer()
    state, counts = folded(fold, KEYS)
    mine = counts["by_subject"]
    assert len(mine) == most, "no more series than the bound"
    assert sum(mine.values()) == KEYS + KEYS // 2, "and not one row is lost"
    assert mine["(other)"] == sum(mine.values()) - (most - 1)
    assert counts["events"] == {"": KEYS + KEYS // 2}, "the others count as ever"
    (said,) = fold.notes(state)
    assert "metric 'by_subject' has 49,999 keys" in said and "'(other)'" in said and "`key`" in said
    again = fold.load(fold.dump(state))
    assert fold.dump(again) == fold.dump(state) and fold.notes(again) == [said]
    state, small = folded(fold, 1_000)
    assert fold.notes(state) == [] and "(other)" not in small["by_subject"]
