"""One series made fit for mathematics: finite, in order of time, one value a time, scaled so that nothing overflows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.kernels import F64, I64, Bools, column

ANSWERABLE = 8
"""Fewer distinct times than this answer no question about a trend."""


@dataclass(frozen=True, slots=True)
class Series:
    """``value * 2**exponent`` at ``time_us``, strictly increasing; ``value`` lies within [-1, 1]."""

    time_us: I64
    value: F64
    exponent: int
    rows: int
    missing: int
    """Rows left out because their value was NaN or infinite."""
    duplicates: int
    """Rows that shared their time with another: one value, their mean, stands for them."""
    unordered: bool

    def __len__(self) -> int:
        return len(self.value)

    @property
    def step_us(self) -> int:
        """The typical time between two values; 0 with fewer than two."""
        return int(np.median(np.diff(self.time_us))) if len(self) > 1 else 0

    def original(self, value: float) -> float | None:
        """``value`` in the unit of the data; None where that is beyond a float."""
        with np.errstate(over="ignore"):
            scaled = float(np.ldexp(value, self.exponent))
        return scaled if np.isfinite(scaled) else None


def prepare(time_us: I64, value: F64) -> Series:
    """Order by time, leave out what is not finite, and average what shares a time.

    Raises ``ValueError`` where the two are not of one length and one dimension.
    """
    time_us, value = column(time_us, np.int64), column(value, np.float64)
    if time_us.ndim != 1 or time_us.shape != value.shape:
        raise ValueError(f"time and value must be two columns of one length, got {time_us.shape} and {value.shape}")
    finite: Bools = np.isfinite(value)
    rows, missing = len(value), int(len(value) - finite.sum())
    time_us, value = time_us[finite], value[finite]
    unordered = bool((np.diff(time_us) < 0).any())
    if unordered:
        order = np.lexsort((value, time_us))
        time_us, value = time_us[order], value[order]
    exponent = int(np.frexp(np.abs(value).max(initial=0.0))[1])
    value = np.ldexp(value, -exponent)
    fresh = np.flatnonzero(np.concatenate([[True], np.diff(time_us) > 0])) if len(value) else np.zeros(0, np.int64)
    duplicates = len(value) - len(fresh)
    if duplicates:
        value = np.add.reduceat(value, fresh) / np.diff(np.append(fresh, len(value)))
        time_us = time_us[fresh]
    return Series(time_us, value, exponent, rows, missing, duplicates, unordered)


def places(time_us: I64) -> I64 | None:
    """Each time's place on an even grid of the typical step (0, 1, 3 where one is missing); None for uneven times.

    Steps are rounded one at a time, so that months, of 28 to 31 days, do not drift off the grid.
    """
    if len(time_us) < 2:
        return None
    steps = np.diff(time_us) / max(float(np.median(np.diff(time_us))), 1.0)
    whole = np.maximum(np.rint(steps), 1.0)
    if np.mean(np.abs(steps - whole) > 0.2 * whole) > 0.1:
        return None
    return np.concatenate([[0], np.cumsum(whole)]).astype(np.int64)
