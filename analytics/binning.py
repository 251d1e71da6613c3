"""Put numbers into bins that hold about equally many rows each; equal numbers always share a bin."""

from __future__ import annotations

import numpy as np

from analytics.kernels import F64, I32, I64


def equal_mass(values: F64, most: int) -> tuple[I32, I64, F64]:
    """The cell of each of float64[n] (-1 where not finite), the rows of each cell, and the mean of each.

    Cells ascend and none is empty: one for each distinct value where there are at most ``most``, else about ``most`` equal
    shares of the rows.
    """
    here = np.isfinite(values)
    distinct, inverse, count = np.unique(values[here], return_inverse=True, return_counts=True)
    if len(distinct) <= most:
        cell = np.arange(len(distinct))
    else:
        cell = dense((np.cumsum(count) - count / 2) * most // count.sum())
    width = int(cell[-1]) + 1 if len(cell) else 0
    rows = np.bincount(cell, count, width).astype(np.int64)
    code = np.full(len(values), -1, np.int32)
    code[here] = cell[inverse]
    return code, rows, np.bincount(cell, distinct * count, width) / rows


def dense(ascending: F64) -> I64:
    """0, 1, 2 ... for the distinct numbers of an ascending array."""
    return np.cumsum(np.diff(ascending, prepend=ascending[:1]) != 0)


def within_one(values: F64) -> F64:
    """``values`` times the power of two that brings the largest into [0.5, 1): exact, and their squares do not overflow."""
    _, exponent = np.frexp(np.max(np.abs(values), initial=0.0, where=np.isfinite(values)))
    return np.ldexp(values, -int(exponent))
