"""When is a surprise an alarm? A threshold for each key that keeps the asked number of false alarms a week.

An alarm is an episode. It begins with a row whose surprise exceeds the key's threshold, goes on with every row that does so
or is out of the band, and ends after ``EPISODE_ROWS`` rows that do neither.

The threshold begins at the same surprise for all keys. Each alarm raises it by a quarter, and time lowers it as slowly as
keeps the two in balance at the asked rate: adaptive conformal inference (Gibbs and Candes 2021), on the logarithm of the
threshold, with the time between rows as the unit. So the alarms of T weeks are at most what was asked for in T weeks, plus
one for each quarter by which the key's largest surprise exceeds the first threshold: whatever the series looks like.

Surprises are records, and records are common in a short history. Until half an alarm was due, a row begins one only if it
is also out of the band (raised like the threshold), and the threshold is higher, by the fourth root of what is missing.

numba's cache of ``kernel.py`` does not see a change of this file: touch that one too.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int64, void

from analytics.kernels import F64, I64, Bools, per_row, writes

EPISODE_ROWS = 30
"""Rows without anything unusual that end an episode."""
OPEN = 2
"""Of the counts of a key: rows until the episode ends, 0 outside of one."""
DUE, RAISED = 0, 1
ALARM = 2
"""Numbers a key: false alarms asked for so far, and the threshold in units of the first one."""
LARGEST_SHARE = 0.01
"""A row is due at most so much of an alarm, however rare the rows."""
_FIRST = 0.2
_RAISE, _FALL = 1.25, 0.22314355131420976  # and its logarithm
_LOWEST = 0.25
_ENOUGH = 0.5


def episodes(is_anomaly: Bools) -> I64:
    """int64[k]: the rows at which the alarms of one key begin; ``is_anomaly``: its rows in the order of their times."""
    rows = np.flatnonzero(is_anomaly)
    return rows[np.diff(rows, prepend=-EPISODE_ROWS - 1) > EPISODE_ROWS]


@per_row(boolean(int64, writes(float64), float64, float64, boolean))
def alarms(still_open: int, alarm: F64, surprise: float, out: float, outside: bool) -> bool:
    """Does a row belong to an episode? ``out``: its distance in units of the band's reach; ``outside``: of the band."""
    raised, due = alarm[RAISED], alarm[DUE]
    threshold = _FIRST * raised
    if due < _ENOUGH:
        # Two square roots: they are rounded alike everywhere, powers are not.
        threshold *= np.sqrt(np.sqrt(_ENOUGH / max(due, 1e-18)))
    surprising = surprise > threshold
    if still_open > 0:
        return surprising or outside
    return surprising and (due >= _ENOUGH or out > max(raised, 1.0))


@per_row(void(writes(int64), writes(float64), boolean, float64))
def settle(counts: I64, alarm: F64, alarming: bool, share: float) -> None:
    """Learn that a row was an alarm or not; ``share``: of a false alarm that was due with it."""
    if alarming:
        if counts[OPEN] == 0:
            alarm[RAISED] *= _RAISE
        counts[OPEN] = EPISODE_ROWS
    elif counts[OPEN] > 0:
        counts[OPEN] -= 1
    alarm[RAISED] = max(_LOWEST, alarm[RAISED] * (1.0 - _FALL * share))
