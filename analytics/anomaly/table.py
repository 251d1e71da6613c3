"""A table in, the same rows with what was to be expected out: the anomaly kernel for files and notebooks.

The one module of this package that knows Arrow.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analytics.anomaly.kernel import AnomalySpec, AnomalyState, score
from analytics.typed import I64, Bools

STATUS = ("warming", "ready")
"""By the kernel's status code."""

TIMES = ("time", "timestamp", "datetime", "date", "ds", "ts")
VALUES = ("value", "y")
KEYS = ("key", "unique_id", "series", "series_id", "metric")
_ZONE = re.compile(r"(Z|:\S*[+-]\d\d(:?\d\d)?)$")
_UNITS = (("s", 1_000_000, 1e11), ("ms", 1_000, 1e14), ("us", 1, 1e17))


class Columns(NamedTuple):
    """The columns of a table that ``detect`` reads."""

    time: str
    value: str
    key: str | None


def columns(table: pa.Table, time: str | None = None, value: str | None = None, key: str | None = None) -> Columns:
    """Those that are named, and a guess at the others.

    Time: a usual name (``TIMES``, any case), else the first of a time type. Value: a usual name, else the first numeric
    column that is left. Key: a usual name, else none. Raises ``ValueError`` for a name that is not there, or with nothing
    to guess.
    """
    for what, name in (("time", time), ("value", value), ("key", key)):
        if name is not None and name not in table.column_names:
            raise ValueError(f"there is no column {name!r} for the {what}; there are {_listed(table.column_names)}")
    free = [n for n in table.column_names if n not in (time, value, key)]
    if key is None:
        key = _usual(free, KEYS)
        free = [n for n in free if n != key]
    if time is None:
        time = _usual(free, TIMES) or next((n for n in free if pa.types.is_temporal(table.schema.field(n).type)), None)
        if time is None:
            raise ValueError(f"which column is the time? There are {_listed(table.column_names)}: name it")
        free = [n for n in free if n != time]
    if value is None:
        value = _usual(free, VALUES) or next((n for n in free if _numeric(table.schema.field(n).type)), None)
        if value is None:
            raise ValueError(f"which column is the value? There are {_listed(table.column_names)}: name a numeric one")
    return Columns(time, value, key)


def detect(
    table: pa.Table,
    *,
    time: str | None = None,
    value: str | None = None,
    key: str | None = None,
    false_alarms_per_week: float = 1.0,
) -> pa.Table:
    """One row for each row of ``table``, in its order: what its key's earlier rows let expect of it.

    Columns of the result: ``key`` (where there is one), ``time``, ``value``, ``anomaly_score`` in [0, 1], ``expected``,
    ``lower``, ``upper``, ``is_anomaly``, ``direction`` (-1, 0, 1), ``status`` ("warming" or "ready"). ``columns`` says which
    columns of ``table`` are read. Times are Arrow times, ISO 8601 text (UTC where no zone is given), or whole numbers since
    1970 in s, ms, us or ns, whichever puts them in this age. Values are numbers, or text that reads as numbers.

    The rows of a key are taken in the order of their times, equal times in the order of the table; of rows with one time
    the first is learned from and the others are only scored. A row without a time or a finite value scores 0, its other
    numbers are null, and nothing is learned from it. No result is NaN. How often a key is sampled, which
    ``false_alarms_per_week`` needs, is the median gap of the table. Raises ``ValueError``, naming column and row, for what
    cannot be read as a time or a number.
    """
    names = columns(table, time, value, key)
    times, dated = _times(table[names.time], names.time)
    values = _values(table[names.value], names.value)
    if names.key is None:
        keys = np.zeros(len(times), np.int32)
    else:
        keys = np.asarray(_codes(table[names.key]).fill_null(-1), np.int32) + 1
    order = np.lexsort((times, keys))
    order = order[dated[order]]
    spec = AnomalySpec(false_alarms_per_week, _gap(keys[order], times[order]), max_keys=int(keys.max(initial=0)) + 1)
    found = score(AnomalyState(spec), keys[order], times[order], values[order])

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


def _call(function: str, *arguments: Any) -> Any:
    return pc.call_function(function, list(arguments))


def _listed(names: list[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _usual(names: list[str], usual: tuple[str, ...]) -> str | None:
    lower = {n.lower(): n for n in reversed(names)}
    return next((lower[u] for u in usual if u in lower), None)


def _numeric(type_: pa.DataType) -> bool:
    return pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)


def _textual(type_: pa.DataType) -> bool:
    return pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)


def _codes(column: pa.ChunkedArray) -> pa.Array:
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    encoded = plain.combine_chunks().dictionary_encode()
    return encoded.indices


def _values(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """float64, NaN for null."""
    if _textual(column.type):
        column = _parsed(column, name, pa.float64(), "a number")
    elif not _numeric(column.type) and not pa.types.is_null(column.type):
        raise ValueError(f"column {name!r} is {column.type}: values are numbers")
    return np.asarray(column.cast(pa.float64(), safe=False).fill_null(float("nan")), np.float64)


def _times(column: pa.ChunkedArray, name: str) -> tuple[I64, Bools]:
    """(int64 us, there is a time)."""
    if _textual(column.type):
        column = _parsed(column, name, pa.timestamp("us", "UTC"), "a time (ISO 8601)")
    elif _numeric(column.type):
        column = column.cast(pa.float64(), safe=False)
        largest = _call("max", _call("abs", column)).as_py() or 0.0
        scale = next((per for _, per, top in _UNITS if largest < top), 1e-3)
        column = _call("multiply", column, float(scale))
    elif pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", getattr(column.type, "tz", None)), safe=False)
    elif not pa.types.is_null(column.type):
        raise ValueError(
            f"column {name!r} is {column.type}: times are timestamps, dates, ISO 8601 text or numbers since 1970"
        )
    dated = np.asarray(column.is_valid(), np.bool_)
    return np.asarray(column.cast(pa.int64(), safe=False).fill_null(0), np.int64), dated


def _parsed(column: pa.ChunkedArray, name: str, type_: pa.DataType, what: str) -> pa.ChunkedArray:
    try:
        return _read(column, type_)
    except pa.ArrowInvalid:
        pass
    for row, cell in enumerate(column):
        try:
            _read(pa.chunked_array([pa.array([cell.as_py()], pa.string())]), type_)
        except pa.ArrowInvalid:
            raise ValueError(f"column {name!r}, row {row + 1}: {cell.as_py()!r} is not {what}") from None
    raise ValueError(f"column {name!r}: times with and without a zone are mixed")


def _read(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    trimmed = _call("utf8_trim_whitespace", column)
    empty = _call("equal", trimmed, "")
    text = _call("if_else", empty, pa.scalar(None, trimmed.type), trimmed)
    if pa.types.is_timestamp(type_):
        zoned = any(_ZONE.search(cell) for cell in text.slice(0, 1).to_pylist() if cell)
        return text.cast(type_ if zoned else pa.timestamp("us"))
    return text.cast(type_)


def _gap(keys: np.ndarray, times: I64) -> int:
    """The median time between neighbours of one key, us; 10 s where there are none."""
    gaps = np.diff(times)[(np.diff(keys) == 0) & (np.diff(times) > 0)]
    return int(np.median(gaps)) if len(gaps) else 10_000_000
