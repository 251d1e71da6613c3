"""Arrow columns as numpy, the way that folds need them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa


def whole(column: pa.Array, null: int) -> np.ndarray:
    """Integers as numpy, ``null`` for null. Arrow takes longer to fill nothing than a small batch takes to fold."""
    return (column.fill_null(null) if column.null_count else column).to_numpy(zero_copy_only=False)


def times(batch: pa.RecordBatch, column: str) -> np.ndarray:
    """A column of times as int64[rows], microseconds UTC; a null is 0."""
    return whole(batch.column(column).view(pa.int64()), 0)


def labels(batch: pa.RecordBatch, column: str) -> tuple[np.ndarray, list[str]]:
    """(int64[rows] codes, names): a dictionary column, with "" for null."""
    array = batch.column(column)
    names = [*array.dictionary.to_pylist(), ""]
    return whole(array.indices, len(names) - 1).astype(np.int64), names


def floats(batch: pa.RecordBatch, column: str) -> np.ndarray:
    """A column of numbers as float64[rows]; a null is NaN."""
    array = batch.column(column)
    return (array if array.type == pa.float64() else array.cast(pa.float64())).to_numpy(zero_copy_only=False)


def text(column: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """A string column as (int32[rows + 1] offsets, uint8 text in UTF-8), with "" for null."""
    if column.null_count:
        column = column.fill_null("")
    _, offsets, data = column.buffers()
    places = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return places, np.frombuffer(data or b"\0", np.uint8)


def pairs(batch: pa.RecordBatch, first: str, second: str) -> tuple[np.ndarray, list[str]]:
    """Two dictionary columns as one: codes, and the names of the pairs that occur, joined by a tab."""
    a, a_names = labels(batch, first)
    b, b_names = labels(batch, second)
    codes = a * len(b_names) + b
    if len(a_names) * len(b_names) <= 2 * len(codes) + 256:
        found = np.flatnonzero(np.bincount(codes))
        places = np.zeros(len(a_names) * len(b_names), np.int64)
        places[found] = np.arange(len(found))
        codes = places[codes]
    else:
        found, codes = np.unique(codes, return_inverse=True)
    return codes, [f"{a_names[code // len(b_names)]}\t{b_names[code % len(b_names)]}" for code in found.tolist()]
