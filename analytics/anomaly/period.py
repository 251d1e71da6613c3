"""Does this key repeat itself? A period of 2 to 64 rows, learned from the rows, in 0.8 kB a key.

A key without a period keeps what its recent values were off their level, in standard deviations, and looks at them when
there are 48, 96 and 192; then it begins anew. A period is the lag whose autocorrelation stands out from those half a
period before and after: noise has none that does, and what wanders is more alike the nearer it is.

A key with one keeps the mean of each phase, and looks no further until the period foretells no better than the level.

Rows are counted on the grid of their times, whose step is a gap that came twice in a row; missing rows do not shift the
phase. Where times have no grid, rows are counted as they come.

numba's cache of ``kernel.py`` does not see a change of this file: touch that one too.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int8, int64, void

from analytics.kernels import F64, I8, I64, kernel, per_row, writes

RING, LONGEST = 192, 64
"""Values looked at, and rows of the longest period: three of it have to be seen."""
PERIOD, _PHASE, _FILLED, _GAP, _STEP = 6, 7, 8, 9, 10
"""Of the counts of a key: rows of the period, 0 for none; the phase of the newest row."""
_LOOKS = (48, 96, 192)
_STANDS_OUT = 5.0
"""Of the difference of autocorrelations, in units of one over the root of the pairs."""
_UNIT = 40.0
"""Of a standard deviation, of which three at most are kept."""


@kernel(int64(writes(int8), int64))
def repeats(ring: I8, n: int) -> int:
    """The period of the first ``n`` values, 0 for none. The sums are whole numbers, exact in any order."""
    longest = min(LONGEST, n // 3)
    lags = 2 * longest + 1
    total = 0
    for i in range(n):
        total += ring[i]
    off, products = np.empty(n), np.zeros(lags)
    for i in range(n):
        off[i] = n * ring[i] - total
    for i in range(n):
        for lag in range(min(lags, n - i)):
            products[lag] += off[i] * off[i + lag]
    for lag in range(1, lags):
        products[lag] *= n / (products[0] * (n - lag))  # now the autocorrelation; NaN for a flat line
    found, most = 0, _STANDS_OUT
    for period in range(2, longest + 1):
        own = products[period]
        if products[period - 1] > own or products[period + 1] > own:
            continue
        beside = max(products[period // 2], products[period + period // 2])
        stands_out = (min(own, products[2 * period]) - beside) * np.sqrt(n - period)
        if stands_out > most:
            found, most = period, stands_out
    return found


@per_row(int64(writes(int64), int64))
def rows_on(counts: I64, gap: int) -> int:
    """Rows from the newest to one ``gap`` us later: 1, if the times have no grid or the row is not on it."""
    step = counts[_STEP]
    return gap // step if step > 0 and gap % step == 0 else 1


@per_row(void(writes(int64), int64))
def learn_step(counts: I64, gap: int) -> None:
    if gap == counts[_GAP] and not (counts[_STEP] > 0 and gap % counts[_STEP] == 0):
        counts[_STEP] = gap
    counts[_GAP] = gap


@per_row(float64(writes(int64), writes(float64), int64))
def at_phase(counts: I64, phases: F64, rows: int) -> float:
    """What is usual ``rows`` after the newest, relative to the level; NaN if unknown."""
    if not counts[PERIOD]:
        return np.nan
    at: int = (counts[_PHASE] + rows) % counts[PERIOD]
    return phases[at]


@per_row(boolean(writes(int64), writes(int8), writes(float64), int64, float64))
def look(counts: I64, ring: I8, phases: F64, rows: int, off: float) -> bool:
    """Keep a value ``off`` standard deviations from the level, in the place of missing ones, too. Is there a period now?"""
    if rows > LONGEST:
        counts[_FILLED], rows = 0, 1
    for _ in range(rows):
        ring[counts[_FILLED]] = np.floor(_UNIT * min(max(off, -3.0), 3.0) + 0.5)
        counts[_FILLED] += 1
        filled = counts[_FILLED]
        if filled not in _LOOKS:
            continue
        found = repeats(ring, filled)
        if found:
            counts[PERIOD], counts[_PHASE] = found, 0
            phases[:] = np.nan
            return True
        if filled == RING:
            counts[_FILLED] = 0
    return False


@per_row(void(writes(int64)))
def forget(counts: I64) -> None:
    counts[PERIOD] = counts[_FILLED] = 0


@per_row(void(writes(int64), writes(float64), int64, float64, float64))
def learn_phase(counts: I64, phases: F64, rows: int, off: float, rate: float) -> None:
    """Go on by ``rows``; there the value is ``off`` what was expected, or the level, if nothing was known."""
    at = (counts[_PHASE] + rows) % counts[PERIOD]
    counts[_PHASE] = at
    phases[at] = off if np.isnan(phases[at]) else phases[at] + rate * off
