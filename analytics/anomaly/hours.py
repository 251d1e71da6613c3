"""What is usual at this hour? A profile of the day, of Monday to Friday and of the weekend, in 0.4 kB a key.

And how much more than that is usual at this hour of the week: for each block of two hours the mean of what hours had left
beside the day's profile, halved when it is seen first, so that one odd Monday is no rule. That takes 0.8 kB a key.

An hour joins the profile when it is over, by the mean of its values. So no value is held against itself or those just
before it, and a series that only wanders gets no profile that runs after it.

numba's cache of ``kernel.py`` does not see a change of this file: touch that one too.
"""

from __future__ import annotations

import numpy as np
from numba import float64, int64, types, uint8, void

from analytics.kernels import F64, I64, U8, per_row, writes

BINS = 48
"""Hours of the day (UTC), of Monday to Friday and of the weekend."""
_HOUR, _HOUR_ROWS, _KNOWN, _BLOCK_HOURS = 3, 4, 5, 12
"""Of the counts of a key: the hour that is not over, its values so far, the bins known, and hours of the block so far."""
USUAL = BINS + 1
"""Numbers a key; the last is the mean of the hour that is not over."""
BLOCKS = 84
"""Blocks of two hours, from Monday on."""
WEEK = BLOCKS + 1
"""Numbers a key; the last is the mean of the block that is not over."""
_HOUR_US = 3_600_000_000
_MEMORY = 10
"""Hours that a bin remembers, about: two weeks of working days."""
_WEEKS = 6
"""Weeks that a block remembers, about."""
_A_DAY = 8
"""Bins to be known before any is used: with fewer rows a day, the last one at an hour is just one of the last rows."""


@per_row(int64(int64))
def _bin(hour: int) -> int:
    return hour % 24 + (24 if (hour // 24 + 3) % 7 >= 5 else 0)


@per_row(int64(int64))
def _block(hour: int) -> int:
    return (hour + 72) % 168 // 2


@per_row(float64(writes(float64), writes(uint8), int64))
def _known(hours: F64, visits: U8, hour: int) -> float:
    """Until the weekend has shown its own hour, the working day's stands in, and the other way round; else NaN."""
    at = _bin(hour)
    if not visits[at]:
        at = (at + 24) % BINS
    return hours[at] if visits[at] else np.nan


@per_row(types.UniTuple(float64, 3)(writes(int64), writes(float64), writes(uint8), writes(float64), int64))
def at_hour(counts: I64, hours: F64, visits: U8, week: F64, time: int) -> tuple[float, float, float]:
    """At this hour, NaN if unknown: its mean, for a day of steps, and the line between the middles of hours, for a wave.

    And what the hour of the week adds to either; 0 if unknown.
    """
    if counts[_KNOWN] < _A_DAY:
        return np.nan, np.nan, 0.0
    hour = time // _HOUR_US
    through = (time - hour * _HOUR_US) / _HOUR_US
    own = _known(hours, visits, hour)
    other = _known(hours, visits, hour - 1 if through < 0.5 else hour + 1)
    wave = own if np.isnan(other) else own + abs(through - 0.5) * (other - own)
    return own, wave, week[_block(hour)]


@per_row(void(writes(int64), writes(float64), writes(uint8), writes(float64), writes(uint8), int64))
def _close(counts: I64, hours: F64, visits: U8, week: F64, weeks: U8, next_hour: int) -> None:
    """The hour that is over joins its bin, and the block that is over its own."""
    hour, mean = counts[_HOUR], hours[BINS]
    at = _bin(hour)
    if visits[at]:
        counts[_BLOCK_HOURS] += 1
        week[BLOCKS] += (mean - hours[at] - week[BLOCKS]) / counts[_BLOCK_HOURS]
    else:
        counts[_KNOWN] += 1
    visits[at] = min(visits[at] + 1, _MEMORY)
    hours[at] += (mean - hours[at]) / visits[at]
    if counts[_BLOCK_HOURS] and next_hour // 2 != hour // 2:
        block = _block(hour)
        weeks[block] = min(weeks[block] + 1, _WEEKS)
        week[block] += (week[BLOCKS] - week[block]) / (weeks[block] + 1)
        counts[_BLOCK_HOURS], week[BLOCKS] = 0, 0.0


@per_row(
    void(
        writes(int64),
        writes(float64),
        writes(uint8),
        writes(float64),
        writes(uint8),
        int64,
        float64,
        float64,
        float64,
    )
)
def learn_hour(
    counts: I64, hours: F64, visits: U8, week: F64, weeks: U8, time: int, value: float, expected: float, most: float
) -> None:
    """``value`` joins its hour, as if it lay within ``most`` of ``expected`` for each row of the hour so far."""
    hour = time // _HOUR_US
    if hour != counts[_HOUR]:
        if counts[_HOUR_ROWS]:
            _close(counts, hours, visits, week, weeks, hour)
        counts[_HOUR], counts[_HOUR_ROWS], hours[BINS] = hour, 0, 0.0
    counts[_HOUR_ROWS] += 1
    if not np.isnan(expected):
        most *= counts[_HOUR_ROWS]
        value = min(max(value, expected - most), expected + most)
    hours[BINS] += (value - hours[BINS]) / counts[_HOUR_ROWS]
