"""A table in, the same rows with what was to be expected out: the anomaly kernel for files and notebooks.

Beside ``columns`` and ``times`` the one module of this package that knows Arrow.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from analytics.anomaly.kernel import AnomalySpec, AnomalyState, Scores, score
from analytics.column_values import codes
from analytics.column_values import values as values_of
from analytics.columns import columns
from analytics.kernels import F64, I32, I64
from analytics.times import times as times_of

STATUS = ("warming", "ready")
"""By the kernel's status code."""
Progress = Callable[[int, int], object]
_PIECE = 1 << 18
"""Rows between two words about progress; what is found does not depend on it."""


def detect(
    table: pa.Table,
    *,
    time: str | None = None,
    value: str | None = None,
    key: str | None = None,
    false_alarms_per_week: float = 1.0,
    progress: Progress = lambda done, total: None,
) -> pa.Table:
    """One row for each row of ``table``, in its order: what its key's earlier rows let expect of it.

    Columns of the result: ``key`` (where there is one), ``time``, ``value``, ``anomaly_score`` in [0, 1], ``expected``,
    ``lower``, ``upper``, ``is_anomaly``, ``direction`` (-1, 0, 1), ``status`` ("warming" or "ready"). ``columns`` says which
    columns of ``table`` are read. Times are Arrow times, ISO 8601 text (UTC where no zone is given), or whole numbers since
    1970 in s, ms, us or ns, whichever puts them in this age. Values are numbers, or text that reads as numbers.

    The rows of a key are taken in the order of their times, equal times in the order of the table; of rows with one time
    the first is learned from and the others are only scored. A row without a time or a finite value scores 0, its other
    numbers are null, and nothing is learned from it. No result is NaN. Raises ``ValueError``, naming column and row,
    for what cannot be read as a time or a number.

    ``progress`` hears, now and then, how many rows are judged and how many there are.
    """
    names = columns(table, time, value, key)
    times, dated, *_ = times_of(table[names.time], names.time)
    values = values_of(table[names.value], names.value)
    if names.key is None:
        keys = np.zeros(len(times), np.int32)
    else:
        keys = codes(table[names.key]).astype(np.int32) + 1
    order = np.lexsort((times, keys))
    order = order[dated[order]]
    spec = AnomalySpec(false_alarms_per_week, max_keys=int(keys.max(initial=0)) + 1)
    found = _scored(AnomalyState(spec), keys[order], times[order], values[order], progress)

    def placed(column: np.ndarray, empty: object) -> np.ndarray:
        whole = np.full(len(times), empty, column.dtype)
        whole[order] = column
        return whole

    numbers = {
        name: pa.array(placed(column, np.nan), from_pandas=True)
        for name, column in (("expected", found.expected), ("lower", found.lower), ("upper", found.upper))
    }
    return pa.table(
        ({"key": table[names.key]} if names.key is not None else {})
        | {"time": table[names.time]}
        | {"value": pa.array(np.where(np.isfinite(values), values, np.nan), from_pandas=True)}
        | {"anomaly_score": placed(found.score, 0.0)}
        | numbers
        | {
            "is_anomaly": placed(found.is_anomaly, False),
            "direction": placed(found.direction, 0),
            "status": pa.array(np.array(STATUS, dtype=object)[placed(found.status, 0)], pa.string()),
        }
    )


def _scored(state: AnomalyState, keys: I32, times: I64, values: F64, progress: Progress) -> Scores:
    pieces: list[Scores] = []
    for begin in range(0, max(len(keys), 1), _PIECE):
        piece = slice(begin, begin + _PIECE)
        pieces.append(score(state, keys[piece], times[piece], values[piece]))
        progress(min(begin + _PIECE, len(keys)), len(keys))
    return Scores(*map(np.concatenate, zip(*pieces, strict=True)))
