"""Metrics that a backtest brings along: counted from the log as the metrics analyzer would have counted them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from actors.analyzers.metric_series import BOUND_S
from actors.analyzers.metrics import DEFINED, MetricsAnalyzer
from actors.backtest.taken import Committed, by_commit
from actors.fold import Batch
from events.catalog import CLOCK, CONTROL, IDLE_PRODUCERS, METRICS, rows
from events.entry import EntryHeader
from events.log import LogReader


def counted(log: LogReader, tenant: str, specs: Sequence[Mapping[str, Any]], span: Committed) -> Iterator[Batch]:
    """What the alert evaluator would have taken in, had these metrics been there: their samples, and the clock.

    Rows come in the order in which they were committed; those of one source in theirs.
    """
    fold = MetricsAnalyzer()
    state, _ = fold.fold(fold.initial(), _defined(specs, _bound_s(log, tenant)))
    streams = {spec["stream"] for spec in specs} | {IDLE_PRODUCERS.name, CLOCK.name}
    for batch in by_commit(log, tenant, sorted(streams), span):
        if batch.stream in fold.wants(state):
            state, outputs = fold.fold(state, batch)
            for stream, emission in outputs.items():
                for part in emission.batches if stream == METRICS.name else ():
                    yield _batch(METRICS.name, part.num_rows, part)
        if batch.stream == CLOCK.name:
            yield batch


def _batch(stream: str, n: int, table: Any) -> Batch:
    return Batch(EntryHeader(stream, "", "", 0, n, 0, 0, 0, METRICS.version), 0, table, True)


def _defined(specs: Sequence[Mapping[str, Any]], bound_s: float) -> Batch:
    data = [json.dumps({"spec": dict(spec), "bound_s": bound_s}) for spec in specs]
    columns = {"type": DEFINED, "subject": [spec["name"] for spec in specs], "data": data, "time": 0}
    return _batch(CONTROL.name, len(specs), rows(CONTROL, columns, len(specs)))


def _bound_s(log: LogReader, tenant: str) -> float:
    """How far out of order events may come, as the newest definition of a metric says it."""
    found = BOUND_S
    for batch in by_commit(log, tenant, (CONTROL.name,)):
        for row in batch.table.select(["type", "data"]).to_pylist():
            if row["type"] == DEFINED:
                found = float(json.loads(row["data"]).get("bound_s", found))
    return found
