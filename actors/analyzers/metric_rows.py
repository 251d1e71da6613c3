"""What the metrics analyzer says: rows of ``metrics`` (samples, closings) and of ``late_rows``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from actors.analyzers.metric_series import SEPARATOR, MetricSpec
from actors.columns import times
from analytics import windows
from analytics.closings import Spans
from analytics.keys import Keys
from events.catalog import LATE_ROWS, METRICS, rows

PAST = "past"
"""The subject of rows about windows from before their metric was defined."""


class Late(NamedTuple):
    """Rows of a batch that came too late for a window of one spec."""

    rows: np.ndarray
    metrics: list[str]
    """Of each row."""
    marks: np.ndarray
    """The watermark at every row of the batch."""


def in_order(found: list[tuple[np.ndarray, pa.RecordBatch]]) -> pa.RecordBatch:
    """One batch in the order of the rows that closed the windows; of one row, in the order of the specs."""
    if len(found) == 1:
        return found[0][1]
    order = np.argsort(np.concatenate([at for at, _ in found]), kind="stable")
    return pa.concat_batches([samples for _, samples in found]).take(pa.array(order))


def sampled(
    spec: MetricSpec, keys: Keys, samples: windows.Samples, cause: str | None, past: bool = False
) -> pa.RecordBatch:
    """``metric.sampled`` rows; ``source`` names the definition, which differs from the metric where a column names that;
    ``cause`` is its event. ``past``: the windows are from before that."""
    ids = pa.array(samples.key, pa.int32())
    if spec.named_by is None:
        metric = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), samples.rows), [spec.name])
        key = _label(_text(keys), ids)
    else:
        split = [name.partition(SEPARATOR) for name in keys.names]
        metric = _label(pa.array([m for m, _, _ in split], pa.string()), ids)
        key = _label(pa.array([k for _, _, k in split], pa.string()), ids)
    columns = {
        "type": "metric.sampled",
        "source": spec.name,
        "cause": cause,
        "subject": PAST if past else None,
        "time": samples.start + spec.width_us,
        "metric": metric,
        "key": key,
        "start": samples.start,
        "width_us": spec.width_us,
        "count": samples.count,
        "sum": _known(samples.sum, samples.values),
        "mean": _known(samples.mean, samples.values),
        "min": _known(samples.min, samples.values),
        "max": _known(samples.max, samples.values),
        "p50": pa.array(samples.p50, from_pandas=True),
        "p95": pa.array(samples.p95, from_pandas=True),
        "p99": pa.array(samples.p99, from_pandas=True),
        "distinct": pa.array(samples.distinct, mask=samples.distinct < 0) if spec.distinct else None,
        "revision": samples.revision,
    }
    return rows(METRICS, columns, samples.rows)


def _text(keys: Keys) -> pa.Array:
    """The names by id, as a string column."""
    offsets, names = keys.text()
    return pa.StringArray.from_buffers(len(keys), pa.py_buffer(offsets), pa.py_buffer(names))


def _known(column: np.ndarray, values: np.ndarray) -> pa.Array:
    return pa.array(column, mask=values == 0)


def _label(names: pa.Array, ids: pa.Array) -> pa.Array:
    """Only the names that occur: the entry carries them, not every name the cell has ever seen."""
    return names.take(ids).dictionary_encode()


def closings(specs: Sequence[MetricSpec], closed: Spans, past: bool = False) -> tuple[np.ndarray, pa.RecordBatch]:
    """(rows of the batch, ``window.closed`` rows): of each of ``specs``, which have one width, every window that ended in
    (start, time] is closed. The figures are those of a key without rows; ``key`` is null where there may be many, else "".
    They have no revision: it is not a sample."""
    spans, n = len(closed.row), len(specs)
    ids = pa.array(np.tile(np.arange(n, dtype=np.int32), spans))
    metric = pa.DictionaryArray.from_arrays(ids, [spec.name for spec in specs])

    def each(value: Callable[[MetricSpec], Any], type_: pa.DataType) -> pa.Array:
        return pa.array([value(spec) for spec in specs], type_).take(ids)

    columns = {
        "type": "window.closed",
        "source": metric,
        "subject": PAST if past else None,
        "time": np.repeat(closed.end, n),
        "metric": metric,
        "key": each(lambda spec: None if spec.key else "", pa.string()).dictionary_encode(),
        "start": np.repeat(closed.start, n),
        "width_us": specs[0].width_us,
        "count": 0,
        "sum": each(lambda spec: 0.0 if spec.value else None, pa.float64()),
        "distinct": each(lambda spec: 0 if spec.distinct and spec.window.sketches else None, pa.int64()),
    }
    return np.repeat(closed.row, n), rows(METRICS, columns, spans * n)


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
