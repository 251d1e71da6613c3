"""Anomaly watches over the past, with other settings: which windows would have been called anomalies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute

from actors.analyzers.anomaly_watch import AnomalyPast, AnomalySpec
from actors.backtest.alerting import Found
from actors.backtest.taken import ALL, Committed, blocks, joined, taken
from actors.columns import times
from events.catalog import ANOMALIES, METRICS
from events.log import LogReader

pc: Any = compute  # its functions are made at import, where no type checker sees them
CELL = "anomaly"


def scored(
    log: LogReader, tenant: str, watches: Sequence[AnomalySpec], span: Committed = ALL
) -> Iterator[tuple[AnomalySpec, pa.RecordBatch]]:
    """What each watch says of each sample that the live analyzer took in: rows of ``anomalies``, in order.

    Of ``span`` its end counts: a watch learns from the beginning on.
    """
    pasts = [(spec, AnomalyPast.of(spec)) for spec in watches]
    for block in blocks(taken(log, f"{tenant}/{CELL}/0", (METRICS.name,), Committed(until=span.until))):
        for spec, past in pasts:
            for rows in past.take(block.rows, None) if block.rows else ():
                yield spec, rows


def flagged(log: LogReader, tenant: str, watches: Sequence[AnomalySpec], span: Committed = ALL) -> Found:
    """The windows that would have been called anomalies; rows of ``anomalies``, those of one watch in order."""
    found = Found(ANOMALIES.schema.empty_table())
    kept: list[pa.RecordBatch] = []
    for _, rows in scored(log, tenant, watches, span):
        found.samples += rows.num_rows
        starts, ends = times(rows, "start"), times(rows, "time")
        found.first = min(found.first or int(starts.min()), int(starts.min()))
        found.last = max(found.last, int(ends.max()))
        if pc.any(rows.column("is_anomaly")).as_py():
            kept.append(rows.filter(rows.column("is_anomaly")))
    if kept:
        found.turns = pa.Table.from_batches([joined(kept)])
    return found


def episodes(table: pa.Table) -> list[dict[str, Any]]:
    """Windows in a row as one episode each: watch, metric, key, where it starts and ends (us UTC), and its first value.

    An episode ends with its last window.
    """
    found: list[dict[str, Any]] = []
    last: dict[tuple[str, str, str], dict[str, Any]] = {}
    columns = ["metric", "aggregate", "key", "value", "score"]
    at = [table.column(name).cast(pa.int64()).to_numpy() for name in ("start", "time")] if table.num_rows else [[], []]
    order = np.argsort(at[0], kind="stable") if table.num_rows else []
    rows = table.select(columns).to_pylist()
    for place in order:
        row, start, end = rows[place], int(at[0][place]), int(at[1][place])
        key = (row["metric"], row["aggregate"], row["key"] or "")
        episode = last.get(key)
        if episode is not None and episode["end"] == start:
            episode["end"] = end
            continue
        episode = {"rule": f"{key[0]}.{key[1]}", "metric": key[0], "key": key[2], "start": start, "end": end}
        episode |= {"value": row["value"], "score": row["score"]}
        last[key] = episode
        found.append(episode)
    return found
