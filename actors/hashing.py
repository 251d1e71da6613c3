"""What makes two rows the same event: 64-bit hashes of a row's identity (source, id) and of its content.

The hash mixes eight bytes at a time with the multiply-xorshift step of MurmurHash3's finaliser (Appleby, 2011). It runs
over the Arrow buffers of stored columns, so a collector that recovers from its own rows computes what it computed live.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numba
import numpy as np
import pyarrow as pa

from actors.columns import whole

_NULL = np.uint64(0x9E3779B97F4A7C15)


@numba.njit(cache=True)
def _step(h: np.uint64, word: np.uint64) -> np.uint64:
    h = (h ^ word) * np.uint64(0xFF51AFD7ED558CCD)
    h ^= h >> np.uint64(32)
    h *= np.uint64(0xC4CEB9FE1A85EC53)
    return h ^ (h >> np.uint64(29))


@numba.njit(cache=True)
def _mix_words(acc: Any, words: Any) -> None:
    for i in range(acc.shape[0]):
        acc[i] = _step(acc[i], words[i])


@numba.njit(cache=True)
def _mix_bytes(acc: Any, offsets: Any, data: Any) -> None:
    for i in range(acc.shape[0]):
        h = acc[i]
        word = np.uint64(0)
        shift = np.uint64(0)
        for j in range(offsets[i], offsets[i + 1]):
            word |= np.uint64(data[j]) << shift
            shift += np.uint64(8)
            if shift == np.uint64(64):
                h = _step(h, word)
                word = np.uint64(0)
                shift = np.uint64(0)
        acc[i] = _step(_step(h, word), np.uint64(offsets[i + 1] - offsets[i]))


def hashes(batch: pa.RecordBatch, columns: Sequence[str]) -> np.ndarray:
    """uint64[rows]: one hash over the named columns of each row; null differs from every value."""
    acc = np.zeros(batch.num_rows, np.uint64)
    for name in columns:
        _mix(acc, batch.column(name))
    return acc


def _mix(acc: np.ndarray, column: Any) -> None:
    if column.null_count == len(column):
        _mix_words(acc, np.full(len(column), _NULL))
        return
    if pa.types.is_dictionary(column.type):
        values = np.zeros(len(column.dictionary) + 1, np.uint64)
        values[-1] = _NULL
        _mix_strings(values[:-1], column.dictionary)
        _mix_words(acc, values[whole(column.indices, len(values) - 1)])
        return
    if pa.types.is_string(column.type):
        before = acc.copy() if column.null_count else acc
        _mix_strings(acc, column)
    else:
        before = acc.copy() if column.null_count else acc
        _mix_words(acc, whole(column, 0).view(np.uint64))
    if column.null_count:
        null = column.is_null().to_numpy(zero_copy_only=False)
        nulls = before[null]
        _mix_words(nulls, np.full(len(nulls), _NULL))
        acc[null] = nulls


def _mix_strings(acc: np.ndarray, strings: Any) -> None:
    _, offsets, data = strings.buffers()
    first = strings.offset
    places = np.frombuffer(offsets, np.int32)[first : first + len(strings) + 1]
    _mix_bytes(acc, places, np.frombuffer(data or b"\0", np.uint8))
