"""Sums that do not depend on their order: numbers as whole multiples of 2^-20 (about a millionth), in two lanes of int64.

A number is ``high * 2^20 + low / 2^20`` with ``0 <= low < 2^40``, rounded to the nearest such multiple. Lanes add up
exactly for up to 2^21 numbers of at most 2^62, in any order and by parts, which floating-point sums do not.
"""

from __future__ import annotations

import numpy as np

from analytics.kernels import F64, I64

STEP = 2.0**20


def lanes(values: F64 | None) -> tuple[I64, I64]:
    """(high, low), int64[n] each, of float64[n] with absolute values below 2^62."""
    if values is None:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    high = np.floor(values / STEP)
    low = np.rint((values - high * STEP) * STEP)
    return high.astype(np.int64), low.astype(np.int64)


def number(high: I64, low: I64) -> F64:
    """float64[n] of sums of lanes, each the nearest number but for the last bit."""
    carried = low >> 40
    return (high + carried).astype(np.float64) * STEP + (low - (carried << 40)).astype(np.float64) / STEP
