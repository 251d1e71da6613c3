"""How surprising is this value beside all that its key has shown? O(1) a row, 650 bytes a key.

Four surprises, each of which should be rare whatever the series looks like:

- a record: how far the value lies outside of the range of all earlier ones, in units of that range;
- a record of the short mean (about ``2 / _SHORT`` rows), which finds shifts that stay within the range;
- the rest: the short mean of what is left of the value after its usual one at this hour (of a working day or a weekend day),
  in units of what usually is left. Until the hours of the day foretell the value better than the long-run level does, the
  level takes their place; where the hour of the week (``hours.py``) foretells still better, it is taken off, too;
- a record of the rest. Its range begins at 0 after the warm-up, so what usually is left is added to it.

Each is divided by what it usually is for this key (mean and ``_USUAL`` standard deviations of its own past, as conformal
methods judge a strangeness by earlier strangeness: Laxhammar and Falkman 2014; Burnaev and Ishimtsev 2016), but at least by
a floor, so that the first small record of a calm series is none. Together they are the 4-norm: nearly the largest, a little
more if several agree. A surprise then hides those of the next 30 rows or so (``_HUSH``): an episode is worth one alarm.

What a value teaches is cut at three ranges beyond the range, so that an absurd one does not blind its key; the first 30
rows are taken as they are.

The hours kept here follow the values within the hour, too, which suits the score; those of the band (``hours.py``) must not,
lest what wanders seem to have a season.

numba's cache of ``kernel.py`` does not see a change of this file: touch that one too.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int64, types, uint8

from analytics.kernels import F64, U8, per_row, writes

BINS = 48
"""Hours of the day (UTC), of Monday to Friday and of the weekend."""
_HOUR_US = 3_600_000_000

_LONG, _SPREAD, _SIZE, _SHORT_MEAN = 0, 1, 2, 3
_HIGH, _LOW, _SHORT_HIGH, _SHORT_LOW = 4, 5, 6, 7
_LEFT, _LEFT_SPREAD, _MISS_PROFILE, _MISS_LEVEL = 8, 9, 10, 11
_LEFT_HIGH, _LEFT_LOW, _HUSHED, _MISS_WEEK, _PAST = 12, 13, 14, 15, 16
TRACE = _PAST + 8
"""Numbers a key, besides its profile; the last eight are mean and variance of each surprise."""

_SLOW, _SHORT = 0.002, 0.2
_SIGMA = 1.2533141373155003  # sqrt(pi / 2): standard deviation of normal noise from its mean absolute deviation
_CLIP = 3.0
_YOUNG = 30
_MEMORY_OF_HOUR = 60
_BETTER = 0.9
"""The profile is used when its errors are below this share of those of the level, the week of those of the profile."""
_USUAL = 4.0
_FLOOR = (0.1, 0.2, 0.2, 4.0)
_WEIGHT = (1.5, 1.0, 1.0, 0.5)
_HUSH = 0.9771599684342459  # 2 ** (-1 / 30): half is forgotten after 30 rows
_HUSH_WEIGHT = 3.0
_LARGEST = 1e9
_REACH = 3.0
"""A value teaches as if it lay at most so many ranges beyond the range."""
_HEARD = 10.0
"""The largest surprise that hides others: beyond, an absurd value would silence a thousand rows."""
_FULL_HOUR = 30
"""Rows after which an hour's usual value is known well enough to be guarded against absurd ones."""


@per_row(float64(float64, float64, float64, float64))
def _record(x: float, high: float, low: float, least: float) -> float:
    """How far ``x`` is outside of [low, high], in units of that range."""
    return max(x - high, low - x, 0.0) / (high - low + least)


@per_row(float64(float64, float64, float64, float64))
def _within(x: float, high: float, low: float, least: float) -> float:
    """``x``, or the farthest point that may be learned from."""
    reach = _REACH * (high - low + least)
    return min(max(x, low - reach), high + reach)


@per_row(float64(writes(float64), int64, float64, float64, boolean))
def _beside_own_past(trace: F64, which: int, x: float, rate: float, learn: bool) -> float:
    """The fourth power of ``x``, in units of what surprise ``which`` usually is at most."""
    at = _PAST + 2 * which
    mean, variance = trace[at], trace[at + 1]
    x = min(x, _LARGEST)
    usual = max(_FLOOR[which], mean + _USUAL * np.sqrt(variance))
    if learn:
        off = min(x, 4.0 * usual) - mean
        trace[at] = mean + rate * off
        trace[at + 1] = variance + rate * (off * off - variance)
    ratio = _WEIGHT[which] * x / usual
    return ratio * ratio * ratio * ratio


@per_row(
    types.UniTuple(float64, 2)(
        writes(float64), writes(float64), writes(uint8), int64, boolean, int64, float64, float64, boolean
    )
)
def surprise(
    trace: F64, profile: F64, seasoned: U8, seen: int, ready: bool, time: int, value: float, week: float, learn: bool
) -> tuple[float, float]:
    """The surprise of ``value``, which follows ``seen`` others; 0 if not ``ready``. If ``learn``, it joins the past.

    ``week`` is what its hour of the week usually adds. Besides, what it teaches: itself, or the farthest point that may be
    learned from.
    """
    if seen == 0:
        if learn:
            trace[_LONG] = trace[_SHORT_MEAN] = value
            trace[_HIGH] = trace[_LOW] = trace[_SHORT_HIGH] = trace[_SHORT_LOW] = value
            trace[_SIZE] = abs(value)
        return 0.0, value
    long, high, low = trace[_LONG], trace[_HIGH], trace[_LOW]
    short_high, short_low = trace[_SHORT_HIGH], trace[_SHORT_LOW]
    left_high, left_low = trace[_LEFT_HIGH], trace[_LEFT_LOW]
    young = seen < _YOUNG
    # A constant series has no scale of its own; a thousandth of its size is one.
    least = 1e-3 * trace[_SIZE] + 1e-12
    slow, fast = max(_SLOW, 1.0 / (seen + 1.0)), max(_SHORT, 1.0 / (seen + 1.0))
    taught = value if young else _within(value, high, low, least)
    short = trace[_SHORT_MEAN] + fast * (value - trace[_SHORT_MEAN])

    hour = time // _HOUR_US
    at = hour % 24 + (24 if (hour // 24 + 3) % 7 >= 5 else 0)
    times = seasoned[at]
    off = value - long
    off_profile = value - profile[at] if times else off
    off_week = off_profile - week
    rest = off
    if times > 0 and trace[_MISS_PROFILE] < _BETTER * trace[_MISS_LEVEL]:
        rest = off_week if trace[_MISS_WEEK] < _BETTER * trace[_MISS_PROFILE] else off_profile
    rest_sigma = _SIGMA * trace[_LEFT_SPREAD] + least
    clipped_rest = 0.0 if young else min(max(rest, -6.0 * rest_sigma), 6.0 * rest_sigma)
    left = trace[_LEFT] + _SHORT * (clipped_rest - trace[_LEFT])

    total = _beside_own_past(trace, 0, _record(value, high, low, least), slow, learn)
    total += _beside_own_past(trace, 1, _record(short, short_high, short_low, least), slow, learn)
    total += _beside_own_past(trace, 2, _record(left, left_high, left_low, rest_sigma), slow, learn)
    total += _beside_own_past(trace, 3, abs(left) / rest_sigma, slow, learn)
    found = np.sqrt(np.sqrt(total)) if ready else 0.0
    hushed = trace[_HUSHED] * _HUSH
    if learn:
        sigma = _SIGMA * trace[_SPREAD] + least
        trace[_MISS_PROFILE] += slow * (min(abs(off_profile), 5.0 * sigma) - trace[_MISS_PROFILE])
        trace[_MISS_WEEK] += slow * (min(abs(off_week), 5.0 * sigma) - trace[_MISS_WEEK])
        trace[_MISS_LEVEL] += slow * (min(abs(off), 5.0 * sigma) - trace[_MISS_LEVEL])
        shown = abs(rest) if young else min(abs(rest), _CLIP * rest_sigma)
        trace[_LEFT_SPREAD] += slow * (shown - trace[_LEFT_SPREAD])
        to_profile = (taught if times >= _FULL_HOUR else value) - profile[at]
        profile[at] += to_profile / min(times + 1, _MEMORY_OF_HOUR)
        seasoned[at] = min(times + 1, _MEMORY_OF_HOUR)
        moved = off if young else min(max(off, -_CLIP * sigma), _CLIP * sigma)
        trace[_SPREAD] += slow * (abs(moved) - trace[_SPREAD])
        trace[_LONG] = long + slow * moved
        trace[_SIZE] += slow * (abs(taught) - trace[_SIZE])
        trace[_HIGH], trace[_LOW] = max(taught, high), min(taught, low)
        short = trace[_SHORT_MEAN] + fast * (taught - trace[_SHORT_MEAN])
        trace[_SHORT_MEAN], trace[_LEFT] = short, left
        heard = short if young else _within(short, short_high, short_low, least)
        trace[_SHORT_HIGH], trace[_SHORT_LOW] = max(heard, short_high), min(heard, short_low)
        trace[_LEFT_HIGH], trace[_LEFT_LOW] = max(left, left_high), min(left, left_low)
        trace[_HUSHED] = max(hushed, min(found, _HEARD))
    return found / (1.0 + _HUSH_WEIGHT * hushed), taught
