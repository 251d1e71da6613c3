"""How far on each side of what is expected does the tail begin? And has the level shifted?

How far the band reaches is learned for each side: the point that a fiftieth of the rows exceed (stochastic approximation,
Robbins and Monro 1951) and the mean excess over it, continued as an exponential tail (peaks over threshold: Siffer et al.
2017, with shape 0) to the probability that is asked for. A key begins with the tails of Laplace's distribution, in
standard deviations of the guess in use (``guesses.py``), and again whenever that is another one.

After ``shift`` values in a row out of the band on one side the level has shifted: it moves to their mean.

numba's cache of ``kernel.py`` does not see a change of this file: touch that one too.
"""

from __future__ import annotations

import math

from numba import boolean, float64, int64, types, void

from analytics.kernels import F64, I64, per_row, writes

RUN = 1
"""Of the counts of a key: values in a row out of the band, negative below it."""
_RUN_SUM, _POINT, _EXCESS = 0, (1, 3), (2, 4)
TAILS = 5
"""Numbers a key."""
_BEYOND = 0.02
"""The share of the rows beyond the learned point of each side."""
_POINT_AT_FIRST, _EXCESS_AT_FIRST = 2.57, 0.8
_POINT_STEP, _EXCESS_RATE, _EXCESS_CLIP = 0.05, 0.03, 6.0
_LEAST_EXCESS = 0.2
_LN_2 = 0.6931471805599453


@per_row(float64(float64))
def logarithm(x: float) -> float:
    """The natural logarithm by its series, the same to the bit on every machine: thresholds steer what is learned."""
    mantissa, exponent = math.frexp(x)
    if mantissa < 0.7071067811865476:
        mantissa, exponent = 2.0 * mantissa, exponent - 1
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square, total = ratio * ratio, 0.0
    for k in range(23, 0, -2):
        total = total * square + 1.0 / k
    return 2.0 * ratio * total + exponent * _LN_2


@per_row(types.UniTuple(float64, 2)(writes(float64), float64))
def reach(tails: F64, tail: float) -> tuple[float, float]:
    """How many standard deviations the band reaches below and above; each side is left once in 2 / tail."""
    threshold = logarithm(2.0 * _BEYOND / tail)
    return tails[_POINT[0]] + threshold * tails[_EXCESS[0]], tails[_POINT[1]] + threshold * tails[_EXCESS[1]]


@per_row(void(writes(int64), writes(float64)))
def begin(counts: I64, tails: F64) -> None:
    """With a guess of whose errors nothing is known but their standard deviation."""
    counts[RUN] = 0
    for s in range(2):
        tails[_POINT[s]], tails[_EXCESS[s]] = _POINT_AT_FIRST, _EXCESS_AT_FIRST


@per_row(types.Tuple((boolean, float64))(writes(int64), writes(float64), float64, float64, float64, int64, boolean))
def shifts(
    counts: I64, tails: F64, value: float, level: float, sigma: float, shift: int, outside: bool
) -> tuple[bool, float]:
    """Learn the tails from ``value``, which was ``outside`` of the band around ``level`` or not.

    Is the level shifting, so that it is not to follow the value, and where is it now?
    """
    off = value - level
    side = 1 if off > 0 else (-1 if off < 0 else 0)
    run = 0
    if outside:
        same = counts[RUN] * side > 0
        run = counts[RUN] + side if same else side
        tails[_RUN_SUM] = tails[_RUN_SUM] + value if same else value
    counts[RUN] = run
    if abs(run) >= shift:
        counts[RUN] = 0
        return True, tails[_RUN_SUM] / abs(run)
    if abs(run) > 1:
        return True, level  # widening the band now would hide the shift half way
    for s in range(2):
        point, excess = tails[_POINT[s]], tails[_EXCESS[s]]
        beyond = (off if s else -off) / sigma - point
        if beyond > 0.0:
            learned = excess + _EXCESS_RATE * (min(beyond, _EXCESS_CLIP * excess) - excess)
            tails[_EXCESS[s]] = max(_LEAST_EXCESS, learned)
            tails[_POINT[s]] = point + _POINT_STEP * (1.0 - _BEYOND)
        else:
            tails[_POINT[s]] = max(1.0, point - _POINT_STEP * _BEYOND)
    return False, level
