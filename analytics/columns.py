"""The columns of a table as arrays: which is the time, which the value, and what the cells of values mean.

Beside ``times`` and ``anomaly.table`` the one module of this package that knows Arrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analytics.typed import F64, I64

TIMES = ("time", "timestamp", "datetime", "date", "ds", "ts")
YEARS = ("year",)
"""Names of a time that is a plain number, where nothing else is a time."""
VALUES = ("value", "y")
KEYS = ("key", "unique_id", "series", "series_id", "metric")


class Columns(NamedTuple):
    """The columns of a table that hold a series, or one for each key."""

    time: str
    value: str
    key: str | None


def columns(
    table: pa.Table,
    time: str | None = None,
    value: str | None = None,
    key: str | None = None,
    rows_alone: bool = False,
) -> Columns:
    """Those that are named, and a guess at the others.

    Time: as ``guess_time`` says. Value: a usual name, else the first numeric
    column that is left, or the only one of any kind; where ``rows_alone`` matter, not their values, the time's. Key: a usual
    name, else none. Raises ``ValueError`` for a name that is
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
            raise ValueError(f"which column is the time? There are {listed(table.column_names)}: name it (--time)")
        free = [n for n in free if n != time]
    if value is None and rows_alone:
        value = time
    if value is None:
        value = _usual(free, VALUES) or next((n for n in free if numeric(table.schema.field(n).type)), None)
        value = free[0] if value is None and len(free) == 1 else value
        if value is None:
            raise ValueError(
                f"which column is the value? There are {listed(table.column_names)}: name a numeric one (--value)"
            )
    return Columns(time, value, key)


def guess_time(table: pa.Table, free: list[str]) -> str | None:
    """A usual name (``TIMES``), else the first of a time type, else the first that reads as times; None without one."""
    from analytics.times import reads_as_times  # it reads cells by this module

    found = _usual(free, TIMES) or next((n for n in free if pa.types.is_temporal(table.schema.field(n).type)), None)
    return found or next((n for n in free if reads_as_times(table[n])), None) or _usual(free, YEARS)


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
        column = parsed(trimmed(column), name, lambda part: part.cast(pa.float64()), _no_number)
    elif not numeric(column.type) and not pa.types.is_null(column.type):
        raise ValueError(f"column {name!r} is {column.type}: values are numbers")
    return np.asarray(column.cast(pa.float64(), safe=False).fill_null(float("nan")), np.float64)


def _no_number(cell: str) -> str:
    return f"{cell!r} is not a number; write it like 1234.5, or leave the cell empty"


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


def trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without blanks at its ends; null where nothing is left."""
    text = _call("utf8_trim_whitespace", column)
    return _call("if_else", _call("equal", text, ""), pa.scalar(None, text.type), text)


def parsed(text: pa.ChunkedArray, name: str, read: Callable[[Any], Any], why: Callable[[str], str]) -> Any:
    """``read`` of a column of text. Raises ``ValueError`` with the first row of which it makes nothing, and why."""
    try:
        return read(text)
    except pa.ArrowInvalid:
        pass
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            read(text.slice(0, middle))
            low = middle
        except pa.ArrowInvalid:
            high = middle
    raise ValueError(f"column {name!r}, row {low + 1}: {why(text[low].as_py())}")
