"""What is the next value of this key expected to be? The best of five guesses.

A plain level, and a level of what is left after what is usual at this hour (``hours.py``, by steps or by a wave, or by the
better of them and the hour of the week) or at this phase of a period (``period.py``). An exponentially weighted level and
mean absolute deviation follow each, every innovation clipped at three standard deviations (Huber 1964; Gelper, Fried,
Croux 2010), so that a spike does not teach the spike.

The plain guess is in use until the errors of another, over the same rows and clipped, are below ``_BETTER`` of its own.
That one stays in use until they exceed ``_AS_GOOD`` of them, or still another's are below ``_AS_GOOD`` of its own.

numba's cache of ``kernel.py`` does not see a change of this file: touch that one too.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, int8, int64, types, void

from analytics.anomaly.band import begin, shifts
from analytics.anomaly.period import LONGEST, PERIOD, forget, learn_phase, look
from analytics.kernels import F64, I8, I64, per_row, writes

CHOSEN = 11
"""Of the counts of a key: the guess in use."""
PLAIN, BY_STEPS, BY_WAVE, BY_PERIOD, BY_WEEK = 0, 1, 2, 3, 4
LEVEL, _DEVIATION, _MISS, _PLAIN_MISS, _ROWS = 0, 1, 2, 3, 4
GUESSES = (5, 5)
"""Guesses a key, and numbers a guess: level, deviation, mean miss, the plain guess's over the same rows, how many."""
_SIGMA = 1.2533141373155003  # sqrt(pi / 2): standard deviation of normal noise from its mean absolute deviation
_CLIP = 3.0
_YOUNG = 30
_SLOW, _MISS_CLIP = 0.002, 20.0
_BETTER, _AS_GOOD = 0.75, 0.9
_TRIAL = LONGEST
"""Rows that a guess is judged by before it is chosen or dropped."""
_PHASE_RATE, _PHASE_CLIP, _HOUR_CLIP = 0.25, 5.0, 10.0
"""A spike moves its phase, or its hour, by about one standard deviation at most."""


@per_row(float64(writes(float64, 2), int64))
def deviation(guesses: F64, which: int) -> float:
    """The standard deviation of a guess's errors; the plain one's until it has guessed some rows."""
    own = which if guesses[which, _ROWS] >= _YOUNG else PLAIN
    # A constant series has no scale of its own; a thousandth of its level is one.
    return max(_SIGMA * guesses[own, _DEVIATION], 1e-3 * abs(guesses[PLAIN, LEVEL]), 1e-12)


@per_row(types.UniTuple(float64, 2)(writes(float64, 2), float64))
def of_hour(guesses: F64, usual: float) -> tuple[float, float]:
    """What is expected of this hour, ``usual`` and its level, and how far from it one value may teach; NaN if unknown."""
    if guesses[BY_STEPS, _ROWS] < _YOUNG:
        return np.nan, np.nan
    # Where the hours foretell exactly, their own deviation would let them learn nothing else.
    most = max(_HOUR_CLIP * deviation(guesses, BY_STEPS), 0.25 * deviation(guesses, PLAIN))
    return usual + guesses[BY_STEPS, LEVEL], most


@per_row(float64(writes(float64, 2), float64, float64, float64))
def of_week(guesses: F64, steps: float, wave: float, more: float) -> float:
    """What is usual at this hour of the week: ``more`` than the hours say, by steps or by the wave. NaN if unknown."""
    return (wave if guesses[BY_WAVE, _MISS] < guesses[BY_STEPS, _MISS] else steps) + more


@per_row(void(writes(float64, 2), int64, float64, float64, float64))
def follow(guesses: F64, which: int, value: float, alpha: float, most: float) -> None:
    """Plain means at first; the deviation is from the mean before the row, and the first row has none."""
    rows = guesses[which, _ROWS]
    guesses[which, _ROWS] = rows + 1.0
    if rows < 1.0:
        guesses[which, LEVEL] = value
        return
    moved = min(max(value - guesses[which, LEVEL], -most), most)
    guesses[which, LEVEL] += max(alpha, 1.0 / (rows + 1.0)) * moved
    guesses[which, _DEVIATION] += max(alpha, 1.0 / rows) * (abs(moved) - guesses[which, _DEVIATION])


@per_row(void(writes(float64, 2), int64, float64, float64, float64))
def _judge(guesses: F64, which: int, miss: float, plain: float, most: float) -> None:
    rate = max(_SLOW, 1.0 / guesses[which, _ROWS])
    guesses[which, _MISS] += rate * (min(miss, most) - guesses[which, _MISS])
    guesses[which, _PLAIN_MISS] += rate * (min(plain, most) - guesses[which, _PLAIN_MISS])


@per_row(boolean(writes(float64, 2), int64, float64))
def _beats_plain(guesses: F64, which: int, share: float) -> bool:
    return guesses[which, _ROWS] > _TRIAL and guesses[which, _MISS] < share * guesses[which, _PLAIN_MISS]


@per_row(int64(writes(float64, 2), int64))
def _choice(guesses: F64, chosen: int) -> int:
    """The guess to use for the next row, where ``chosen`` was used for this one."""
    if chosen != PLAIN and not _beats_plain(guesses, chosen, _AS_GOOD):
        chosen = PLAIN
    best, share = chosen, _AS_GOOD
    for which in range(1, GUESSES[0]):
        if which == best or not _beats_plain(guesses, which, _BETTER):
            continue
        own = guesses[which, _MISS] * guesses[best, _PLAIN_MISS]
        if which == BY_WEEK:  # with its many means it has to be clearly better than the day alone
            share = _AS_GOOD
        if best == PLAIN or own < share * guesses[best, _MISS] * guesses[which, _PLAIN_MISS]:
            best, share = which, 1.0
    return best


@per_row(void(writes(int64), writes(float64, 2), writes(float64), float64, float64, int64, boolean))
def _learn_period(counts: I64, guesses: F64, phases: F64, off: float, rest: float, rows: int, shifting: bool) -> None:
    """``off`` the plain level; ``rest`` is left after the phase, NaN in the first cycle."""
    seen = guesses[BY_PERIOD, _ROWS]
    if np.isnan(rest):
        rate, most = 1.0, _PHASE_CLIP * deviation(guesses, PLAIN)
    else:
        off, most = rest - guesses[BY_PERIOD, LEVEL], _PHASE_CLIP * deviation(guesses, BY_PERIOD)
        rate = 0.0 if shifting or seen < 1.0 else max(_PHASE_RATE, 1.0 / (2.0 + seen // counts[PERIOD]))
    learn_phase(counts, phases, rows, min(max(off, -most), most), rate)


@per_row(
    void(
        writes(int64),
        writes(float64),
        writes(float64, 2),
        writes(int8),
        writes(float64),
        writes(float64),
        float64,
        int64,
        int64,
        float64,
        int64,
        boolean,
    )
)
def learn(
    counts: I64,
    tails: F64,
    guesses: F64,
    ring: I8,
    phases: F64,
    usual: F64,
    value: float,
    rows: int,
    use: int,
    alpha: float,
    shift: int,
    outside: bool,
) -> None:
    """Learn from ``value``, ``rows`` after the newest, which was ``outside`` of the band around guess ``use`` or not.

    ``usual``: what each guess expects beside its level, NaN where it has none.
    """
    plain, off = deviation(guesses, PLAIN), value - guesses[PLAIN, LEVEL]
    sigma, level, rest = deviation(guesses, use), guesses[use, LEVEL], value - usual[use]
    shifting, now = shifts(counts, tails, rest, level, sigma, shift, outside and use == counts[CHOSEN])
    if counts[PERIOD]:
        _learn_period(counts, guesses, phases, off, value - usual[BY_PERIOD], rows, shifting and use == BY_PERIOD)
    elif look(counts, ring, phases, rows, off / plain):
        guesses[BY_PERIOD, :] = 0.0
    for which in range(GUESSES[0] - 1, -1, -1):  # the plain one last: the others are held against it as it was
        if np.isnan(usual[which]):
            continue
        rest = value - usual[which]
        if which != PLAIN and guesses[which, _ROWS] >= 1.0:
            _judge(guesses, which, abs(rest - guesses[which, LEVEL]), abs(off), _MISS_CLIP * plain)
        if not (which == use and shifting):
            follow(guesses, which, rest, alpha, _CLIP * deviation(guesses, which))
    if shifting:
        guesses[use, LEVEL] = now
    chosen = _choice(guesses, counts[CHOSEN])
    if chosen != counts[CHOSEN]:
        counts[CHOSEN] = chosen
        begin(counts, tails)
    if counts[PERIOD] and guesses[BY_PERIOD, _ROWS] > _TRIAL and not _beats_plain(guesses, BY_PERIOD, _AS_GOOD):
        forget(counts)
