"""Columns of a table as JSON text, a column at a time: the same text that ``orjson`` writes of the same values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from files.rows import plain_value
from serve.ingest.arrow import as_text, is_text
from serve.ingest.columns import data_of, offsets_of
from serve.ingest.verdicts import Fault

_compute: Any = pc
_QUOTE, _BACKSLASH, _SPACE, _BRACE = 0x22, 0x5C, 0x20, 0x7B


def object_texts(names: Sequence[str], columns: Sequence[pa.Array], n: int, faults: dict[int, Fault]) -> pa.Array:
    """``n`` JSON objects of the columns' values, as strings; a null is left out. ``faults`` as in ``cell_texts``."""
    pieces: list[Any] = []
    for name, column in zip(names, columns, strict=True):
        if column.null_count < n:
            key = "," + orjson.dumps(name).decode() + ":"
            values = cell_texts(column, name, faults)
            pieces += (
                [_joined(key, values)] if values.null_count else [key, values]
            )  # of a null, not even its name stays
    if not pieces:
        return pa.array(["{}"] * n, pa.string())
    # null_handling="skip" would leave out the comma, and a row of nulls alone altogether (Arrow 25): the first comma of
    # each row becomes its brace instead.
    inner = _compute.binary_join_element_wise(*pieces, "}", "", null_handling="replace", null_replacement="")
    offsets, data = offsets_of(inner), data_of(inner).copy()
    empty = np.diff(offsets) == 1
    data[offsets[:-1][~empty]] = _BRACE
    texts = pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(data))
    return _compute.if_else(pa.array(empty), "{}", texts) if empty.any() else texts


def cell_texts(column: pa.Array, name: str, faults: dict[int, Fault]) -> pa.Array:
    """The JSON text of each value of a column; null where it has none, which a NaN stands for, too.

    ``faults`` learns of the rows with an infinite number: JSON has none.
    """
    type_ = column.type
    if pa.types.is_null(type_):
        return pa.nulls(len(column), pa.string())
    if pa.types.is_dictionary(type_):
        if not is_text(type_.value_type):
            return cell_texts(column.dictionary_decode(), name, faults)
        quoted = pa.DictionaryArray.from_arrays(column.indices, _quoted(as_text(column.dictionary, name)))
        return as_text(quoted, name)
    if is_text(type_):
        return _quoted(as_text(column, name))
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_) or pa.types.is_decimal(type_):
        return column.cast(pa.string())
    if pa.types.is_floating(type_):
        return _numbers(column, name, faults)
    if pa.types.is_date32(type_):
        return _joined('"', column.cast(pa.string()), '"')
    if pa.types.is_struct(type_):
        texts = object_texts([field.name for field in type_.fields], column.flatten(), len(column), faults)
        return _masked(texts, column)
    return pa.array(
        [
            None if value is None else orjson.dumps(plain_value(value), option=orjson.OPT_NON_STR_KEYS).decode()
            for value in column.to_pylist()
        ],
        pa.string(),
    )


def _numbers(column: pa.Array, name: str, faults: dict[int, Fault]) -> pa.Array:
    numbers = column.cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
    for row in np.flatnonzero(np.isinf(numbers)).tolist():
        faults[row] = Fault(name, "is infinite, and JSON has no such number; send null")
    if not len(numbers):
        return pa.array([], pa.string())
    texts = orjson.dumps(np.ascontiguousarray(numbers), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    found = pa.array(texts, pa.binary()).cast(pa.string())
    there = np.isfinite(numbers)
    return found if there.all() else _compute.if_else(pa.array(there), found, None)


def _quoted(column: pa.Array) -> pa.Array:
    text = data_of(column)
    offsets = offsets_of(column)
    text = text[: offsets[-1]]
    odd = np.flatnonzero((text < _SPACE) | (text == _QUOTE) | (text == _BACKSLASH))
    quoted = _joined('"', column, '"')
    if not odd.size:
        return quoted
    rows = np.unique(np.searchsorted(offsets, odd, side="right") - 1)
    rows = rows[(rows >= 0) & (rows < len(column))]
    mask = np.zeros(len(column), np.bool_)
    mask[rows] = True
    mask &= column.is_valid().to_numpy(zero_copy_only=False)
    escaped = [orjson.dumps(value).decode() for value in column.filter(pa.array(mask)).to_pylist()]
    return _compute.replace_with_mask(quoted, pa.array(mask), pa.array(escaped, pa.string()))


def _masked(texts: pa.Array, like: pa.Array) -> pa.Array:
    return _compute.if_else(like.is_valid(), texts, None) if like.null_count else texts


def _joined(*parts: Any) -> pa.Array:
    return _compute.binary_join_element_wise(*parts, "", null_handling="emit_null")
