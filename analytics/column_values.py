"""The values of a table's column as an array: numbers, codes of categories, and times of a given form.

This module, ``columns``, ``times`` and ``anomaly.table`` are the ones of this package that know Arrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from analytics.kernels import F64, I64


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
