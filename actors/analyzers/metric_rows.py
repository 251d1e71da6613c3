"""What the metrics analyzer says: rows of ``metrics`` (samples, closings) and of ``late_rows``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from actors.analyzers.metric_series import SEPARATOR, MetricSpec
from actors.columns import times
from analytics import windows
from analytics.closings import Spans
from analytics.keys import Keys
from events.catalog import LATE_ROWS, METRICS, rows

CLOSED = "window.closed"
PAST = "past"
"""The subject of rows about windows from before their metric was defined."""


class Late(NamedTuple):
    """Rows of a batch that came too late for a window of one spec."""

    rows: np.ndarray
    metrics: list[str]
    """Of each row."""
    marks: np.ndarray
    """The watermark at every row of the batch."""


class Sampled(NamedTuple):
    """Windows of one spec that closed, or were changed by late rows."""

    spec: MetricSpec
    keys: Keys
    samples: windows.Samples
    cause: str | None
    """The event of the definition."""
    at: int | None = None
    """The row of the batch at which they come, where that is not what ``samples`` say."""


class Closers:
    """Metrics of one width, whose windows close together."""

    def __init__(self, specs: Sequence[MetricSpec]) -> None:
        self.specs = specs
        self.width_us = specs[0].width_us

    def __len__(self) -> int:
        return len(self.specs)

    @cached_property
    def names(self) -> pa.Array:
        return pa.array([spec.name for spec in self.specs], pa.string())

    @cached_property
    def keys(self) -> pa.Array:
        """Null where there may be many, else ""."""
        return pa.array([None if spec.key else "" for spec in self.specs], pa.string())

    @cached_property
    def sums(self) -> np.ndarray:
        """float64[n]: what a key without rows adds up to; NaN for nothing."""
        return np.array([0.0 if spec.value else np.nan for spec in self.specs])

    @cached_property
    def distinct(self) -> np.ndarray:
        """int64[n]: how many different values a key without rows has; -1 where they are not counted."""
        return np.array([0 if spec.distinct and spec.window.sketches else -1 for spec in self.specs], np.int64)


class Closed(NamedTuple):
    """Every window of these metrics that ended in (start, end] of a span is closed."""

    of: Closers
    spans: Spans
    at: int | None = None
    """As in ``Sampled``."""


Told = Sequence[Sampled | Closed]


def told(found: Told, past: bool = False) -> pa.RecordBatch:
    """Rows of ``metrics``, in the order of the rows that closed the windows; of one row, in the order of ``found``.

    ``metric.sampled``: one a key of a window. ``source`` names the definition, which differs from the metric where a column
    names that; ``cause`` is its event. ``window.closed``: its figures are those of a key without rows; ``key`` is null
    where there may be many, else "". It has no revision: it is not a sample. ``past``: the windows are from before their
    metric was defined.
    """
    parts = [_closed(one) if isinstance(one, Closed) else _sampled(one) for one in found]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in _NUMBERS}
    at, kind = whole.pop("at"), np.repeat([int(isinstance(one, Closed)) for one in found], [_length(p) for p in parts])
    order = np.argsort(at, kind="stable") if len(at) and (at[1:] < at[:-1]).any() else None
    if order is not None:
        whole, kind = {name: column[order] for name, column in whole.items()}, kind[order]

    def text(name: str) -> pa.Array:
        column = pa.concat_arrays([part[name] for part in parts])
        return (column if order is None else column.take(pa.array(order))).dictionary_encode()

    columns: dict[str, Any] = {name: pa.array(column, from_pandas=True) for name, column in whole.items()}
    for name in ("distinct", "revision"):
        columns[name] = pa.array(whole[name], mask=whole[name] < 0)
    columns |= {name: text(name) for name in ("source", "metric", "key", "cause")}
    columns["type"] = pa.DictionaryArray.from_arrays(pa.array(kind, pa.int32()), ["metric.sampled", CLOSED])
    columns["subject"] = PAST if past else None
    return rows(METRICS, columns, len(at))


def _length(part: dict[str, Any]) -> int:
    return len(part["at"])


def _sampled(one: Sampled) -> dict[str, Any]:
    spec, samples, n = one.spec, one.samples, one.samples.rows
    ids = pa.array(samples.key, pa.int32())
    definition = pa.repeat(spec.name, n)
    if spec.named_by is None:
        metric, key = definition, _text(one.keys).take(ids)
    else:
        names = [name.partition(SEPARATOR) for name in _text(one.keys).take(ids).to_pylist()]
        metric, key = pa.array([m for m, _, _ in names], pa.string()), pa.array([k for _, _, k in names], pa.string())
    none = samples.values == 0
    return {
        "at": samples.row if one.at is None else np.full(n, one.at),
        "source": definition,
        "cause": pa.nulls(n, pa.string()) if one.cause is None else pa.repeat(one.cause, n),
        "time": samples.start + spec.width_us,
        "metric": metric,
        "key": key,
        "start": samples.start,
        "width_us": np.full(n, spec.width_us),
        "count": samples.count,
        "sum": np.where(none, np.nan, samples.sum),
        "mean": samples.mean,
        "min": samples.min,
        "max": samples.max,
        "p50": samples.p50,
        "p95": samples.p95,
        "p99": samples.p99,
        "distinct": samples.distinct if spec.distinct else np.full(n, -1),
        "revision": samples.revision,
    }


def _closed(one: Closed) -> dict[str, Any]:
    spans, of = one.spans, one.of
    each, times_ = len(of), len(spans.row)
    n = each * times_
    nothing = np.full(n, np.nan)

    def again(column: pa.Array) -> pa.Array:
        return column if times_ == 1 else pa.concat_arrays([column] * times_)

    return {
        "at": np.repeat(spans.row, each) if one.at is None else np.full(n, one.at),
        "source": again(of.names),
        "cause": pa.nulls(n, pa.string()),
        "time": np.repeat(spans.end, each),
        "metric": again(of.names),
        "key": again(of.keys),
        "start": np.repeat(spans.start, each),
        "width_us": np.full(n, of.width_us),
        "count": np.zeros(n, np.int64),
        "sum": np.tile(of.sums, times_),
        "mean": nothing,
        "min": nothing,
        "max": nothing,
        "p50": nothing,
        "p95": nothing,
        "p99": nothing,
        "distinct": np.tile(of.distinct, times_),
        "revision": np.full(n, -1, np.int32),
    }


_NUMBERS = (
    "at", "time", "start", "width_us", "count", "sum", "mean", "min", "max", "p50", "p95", "p99", "distinct", "revision",
)  # fmt: skip


def _text(keys: Keys) -> pa.Array:
    """The names by id, as a string column."""
    offsets, names = keys.text()
    return pa.StringArray.from_buffers(len(keys), pa.py_buffer(offsets), pa.py_buffer(names))


def late_rows(stream: str, producer: str, first: int, table: pa.RecordBatch, late: Sequence[Late]) -> pa.RecordBatch:
    """``row.late``: each row of ``table``, which begins at offset ``first``, once, with the metrics that could not take it
    any more."""
    found: dict[int, tuple[list[str], int]] = {}
    for one in late:
        for row, metric in zip(one.rows.tolist(), one.metrics, strict=True):
            found.setdefault(row, ([], int(one.marks[row])))[0].append(metric)
    places = sorted(found)
    chosen = table.take(pa.array(places))
    columns = {name: chosen.column(name) for name in ("id", "source", "subject", "time", "received", "partition_key")}
    columns |= {
        "type": "row.late",
        "cause": [f"{producer}:{first + place}" for place in places],
        "stream": stream,
        "event": chosen.column("type"),
        "metrics": [found[place][0] for place in places],
        "behind_us": np.array([found[place][1] for place in places]) - times(chosen, "time"),
    }
    return rows(LATE_ROWS, columns, len(places))
