"""The columns of a table as arrays: which is the time, which the value, and what their cells mean.

Beside ``anomaly.table`` the one module of this package that knows Arrow.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analytics.typed import F64, I64, Bools

TIMES = ("time", "timestamp", "datetime", "date", "ds", "ts")
VALUES = ("value", "y")
KEYS = ("key", "unique_id", "series", "series_id", "metric")
_ZONE = re.compile(r"(Z|:\S*[+-]\d\d(:?\d\d)?)$")
_UNITS = (("s", 1_000_000, 1e11), ("ms", 1_000, 1e14), ("us", 1, 1e17))
_SINCE = 1e8
"""Whole numbers below this, 1973 in seconds, are places in an order (1, 2, 3; years), not times."""


class Columns(NamedTuple):
    """The columns of a table that hold a series, or one for each key."""

    time: str
    value: str
    key: str | None


class Times(NamedTuple):
    """int64 microseconds since 1970 (UTC where no zone is given), where there is a time, and what was read."""

    us: I64
    known: Bools
    per_unit: float
    """Microseconds for each unit of a numeric column; 1 for times."""
    ordinal: bool
    """Places in an order rather than times; read as seconds."""


def columns(table: pa.Table, time: str | None = None, value: str | None = None, key: str | None = None) -> Columns:
    """Those that are named, and a guess at the others.

    Time: a usual name (``TIMES``, any case), else the first of a time type. Value: a usual name, else the first numeric
    column that is left, or the only one of any kind. Key: a usual name, else none. Raises ``ValueError`` for a name that is
    not there, or with nothing to guess.
    """
    for what, name in (("time", time), ("value", value), ("key", key)):
        if name is not None and name not in table.column_names:
            raise ValueError(f"there is no column {name!r} for the {what}; there are {listed(table.column_names)}")
    free = [n for n in table.column_names if n not in (time, value, key)]
    if key is None:
        key = _usual(free, KEYS)
        free = [n for n in free if n != key]
    if time is None:
        time = guess_time(table, free)
        if time is None:
            raise ValueError(f"which column is the time? There are {listed(table.column_names)}: name it")
        free = [n for n in free if n != time]
    if value is None:
        value = _usual(free, VALUES) or next((n for n in free if numeric(table.schema.field(n).type)), None)
        value = free[0] if value is None and len(free) == 1 else value
        if value is None:
            raise ValueError(f"which column is the value? There are {listed(table.column_names)}: name a numeric one")
    return Columns(time, value, key)


def guess_time(table: pa.Table, free: list[str]) -> str | None:
    return _usual(free, TIMES) or next((n for n in free if pa.types.is_temporal(table.schema.field(n).type)), None)


def _usual(names: list[str], usual: tuple[str, ...]) -> str | None:
    lower = {n.lower(): n for n in reversed(names)}
    return next((lower[u] for u in usual if u in lower), None)


def listed(names: list[str]) -> str:
    return ", ".join(map(repr, names)) or "none"


def numeric(type_: pa.DataType) -> bool:
    return pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)


def textual(type_: pa.DataType) -> bool:
    return pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)


def mostly_numbers(column: pa.ChunkedArray) -> bool:
    """Whether more than half of the first thousand cells of a column of text read as numbers."""
    cells = [cell for cell in column.slice(0, 1000).to_pylist() if cell is not None]
    return 2 * sum(map(_reads_as_number, cells)) > len(cells)


def _reads_as_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def codes(column: pa.ChunkedArray) -> I64:
    """int64, by first appearance; -1 for null."""
    plain = column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
    return np.asarray(plain.combine_chunks().dictionary_encode().indices.fill_null(-1), np.int64)


def values(column: pa.ChunkedArray, name: str) -> F64:
    """float64, NaN for null. Raises ``ValueError``, naming column and row, for what is no number."""
    if textual(column.type):
        column = _parsed(column, name, pa.float64(), "a number")
    elif not numeric(column.type) and not pa.types.is_null(column.type):
        raise ValueError(f"column {name!r} is {column.type}: values are numbers")
    return np.asarray(column.cast(pa.float64(), safe=False).fill_null(float("nan")), np.float64)


def times(column: pa.ChunkedArray, name: str) -> Times:
    """Times, ISO 8601 text, or numbers since 1970 in s, ms, us or ns, whichever puts them in this age.

    Raises ``ValueError``, naming column and row, for what is no time.
    """
    per_unit, ordinal = 1.0, False
    if textual(column.type):
        column = _parsed(column, name, pa.timestamp("us", "UTC"), "a time (ISO 8601)")
    elif numeric(column.type):
        column = column.cast(pa.float64(), safe=False)
        largest = _call("max", _call("abs", column)).as_py() or 0.0
        if not np.isfinite(largest) or largest >= 1e20:
            raise ValueError(f"column {name!r} reaches {largest:g}: times are numbers since 1970 in s, ms, us or ns")
        per_unit = float(next((per for _, per, top in _UNITS if largest < top), 1e-3))
        ordinal = largest < _SINCE
        column = _call("round", _call("multiply", column, per_unit))
    elif pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", getattr(column.type, "tz", None)), safe=False)
    elif not pa.types.is_null(column.type):
        raise ValueError(
            f"column {name!r} is {column.type}: times are timestamps, dates, ISO 8601 text or numbers since 1970"
        )
    known = np.asarray(column.is_valid(), np.bool_)
    return Times(np.asarray(column.cast(pa.int64(), safe=False).fill_null(0), np.int64), known, per_unit, ordinal)


def times_of(texts: Sequence[str | None], form: str) -> npt.NDArray[np.datetime64]:
    """Microseconds; NaT for no value and for what is not of the form (``strptime``'s)."""
    try:
        column = pa.array(texts, pa.string())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON allows
        column = pa.array([None if t is None else t.encode("utf-8", "replace").decode() for t in texts], pa.string())
    read: Any = pc.call_function("strptime", [column], pc.StrptimeOptions(form, "us", error_is_null=True))
    return np.asarray(read.to_numpy(zero_copy_only=False), "datetime64[us]")


def _call(function: str, *arguments: Any) -> Any:
    return pc.call_function(function, list(arguments))


def _parsed(column: pa.ChunkedArray, name: str, type_: pa.DataType, what: str) -> pa.ChunkedArray:
    try:
        return _read(column, type_)
    except pa.ArrowInvalid:
        pass
    low, high = 0, len(column)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            _read(column.slice(0, middle), type_)
            low = middle
        except pa.ArrowInvalid:
            high = middle
    cell = column[low]
    try:
        _read(pa.chunked_array([pa.array([cell.as_py()], pa.string())]), type_)
    except pa.ArrowInvalid:
        raise ValueError(f"column {name!r}, row {low + 1}: {cell.as_py()!r} is not {what}") from None
    raise ValueError(
        f"column {name!r}, row {low + 1}: times with and without a zone are mixed ({cell.as_py()!r}); give all one"
    )


def _read(column: pa.ChunkedArray, type_: pa.DataType) -> pa.ChunkedArray:
    trimmed = _call("utf8_trim_whitespace", column)
    empty = _call("equal", trimmed, "")
    text = _call("if_else", empty, pa.scalar(None, trimmed.type), trimmed)
    if pa.types.is_timestamp(type_):
        zoned = any(_ZONE.search(cell) for cell in text.drop_null().slice(0, 1).to_pylist() if cell)
        return text.cast(type_ if zoned else pa.timestamp("us"))
    return text.cast(type_)
