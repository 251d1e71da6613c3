"""What the cells of a column of text stand for. Text as written is the truth; these are readings of a whole column of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

MISSING = (
    "", "NA", "N/A", "n/a", "NaN", "nan", "-NaN", "-nan", "null", "NULL", "None", "#N/A", "#N/A N/A", "#NA", "<NA>",
    "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN",
)  # fmt: skip
"""Cells that stand for no value where numbers, truth values or times are asked for. Among names they are names: ``NA`` is a
region, and whether it is must not hang on the other rows."""
_CODE = r"^[+-]?0[0-9]+$"
_TRUTH = (("true", "True", "TRUE"), ("false", "False", "FALSE"))
_TIMES = (
    pa.date32(), pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("ns"), pa.timestamp("s", "UTC"),
    pa.timestamp("us", "UTC"), pa.timestamp("ns", "UTC"),
)  # fmt: skip


def typed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as numbers, truth values or times, where all cells that have a value are such; else as it is.

    Whole numbers with a leading zero (``007``, a zip code) are codes, and stay text.
    """
    return _first(column, _typed)


def timed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text as dates or times, where all cells that have a value are such in ISO 8601; else as it is."""
    return _first(column, _times)


def _first(column: pa.ChunkedArray, read: Callable[[pa.ChunkedArray], pa.ChunkedArray | None]) -> pa.ChunkedArray:
    """What ``read`` makes of text as it stands, which is soonest done, or of its cells that have a value; else the text."""
    if not pa.types.is_string(column.type):
        return column
    found = read(column)
    if found is None or (pa.types.is_floating(found.type) and _call("any", _call("is_nan", found)).as_py()):
        found = read(valued(column))
    return column if found is None else found


def _typed(cells: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if cells.null_count == len(cells):
        return pa.chunked_array([pa.nulls(len(cells))])
    found = _numbers(cells)
    if found is not None:
        return None if is_coded(cells) else found
    found = _truth(cells)
    return _times(cells) if found is None else found


def _times(cells: pa.ChunkedArray) -> pa.ChunkedArray | None:
    if cells.null_count == len(cells):
        return None
    return next((found for kind in _TIMES if (found := _cast(cells, kind)) is not None), None)


def asked(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column that is asked for as numbers or times: null where a cell stands for no value, numbers where all are."""
    if not pa.types.is_string(column.type):
        return column
    cells = valued(column)
    found = _numbers(cells)
    return cells if found is None else found


def valued(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text without blanks at its ends, null where it stands for no value."""
    cells = _call("utf8_trim_whitespace", column)
    marks = _call("is_in", cells, options=pc.SetLookupOptions(value_set=pa.array(MISSING, pa.string())))
    return _call("if_else", marks, pa.scalar(None, pa.string()), cells)


def is_coded(cells: pa.ChunkedArray) -> bool:
    """Whether a cell is a whole number with a leading zero."""
    codes = _call("match_substring_regex", cells, options=pc.MatchSubstringOptions(_CODE))
    return bool(_call("any", codes).as_py())


def numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Float64 where a cell is a number, codes among them; null where it is not."""
    cells = valued(column)
    found = _numbers(cells)
    if found is None:
        read = [_number(cell) for cell in cells.to_pylist()]
        return pa.chunked_array([pa.array(read, pa.float64())])
    return found.cast(pa.float64(), safe=False)


def _number(cell: str | None) -> float | None:
    try:
        return None if cell is None else float(cell)
    except ValueError:
        return None


def _numbers(cells: pa.ChunkedArray) -> pa.ChunkedArray | None:
    """int64 where all are whole numbers that fit, else float64."""
    found = _cast(cells, pa.float64())  # first: as whole numbers Arrow reads 0x1F, too
    whole = None if found is None else _cast(cells, pa.int64())
    return found if whole is None else whole


def _truth(cells: pa.ChunkedArray) -> pa.ChunkedArray | None:
    true, false = (
        _call("is_in", cells, options=pc.SetLookupOptions(value_set=pa.array(texts, pa.string()))) for texts in _TRUTH
    )
    known = _call("or", _call("or", true, false), _call("is_null", cells))
    if not _call("all", known).as_py():
        return None
    return _call("if_else", _call("is_valid", cells), true, pa.scalar(None, pa.bool_()))


def _cast(cells: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    try:
        return cells.cast(kind)
    except pa.ArrowInvalid:
        return None


def _call(function: str, *arguments: Any, options: Any = None) -> Any:
    return pc.call_function(function, list(arguments), options)
