"""Where is the next value of this key expected? A level, and how far on each side the tail begins.

An exponentially weighted level and mean absolute deviation follow the values, each innovation clipped at three standard
deviations (Huber 1964; Gelper, Fried, Croux 2010), so that a spike does not teach the spike. After ``shift`` values in a
row out of the band on one side the level has shifted: it moves to their mean.

How far the band reaches is learned for each side: the point that a fiftieth of the rows exceed (stochastic approximation,
Robbins and Monro 1951) and the mean excess over it, continued as an exponential tail (peaks over threshold: Siffer et al.
2017, with shape 0) to the probability that is asked for. A key begins with the tails of Laplace's distribution.

numba's cache of ``kernel.py`` does not see a change of this file: touch that one too.
"""

from __future__ import annotations

import math

from numba import boolean, float64, int64, types, void

from analytics.typed import F64, I64, kernel, writes

RUN = 1
"""Of the counts of a key: values in a row out of the band, negative below it."""
LEVEL, DEVIATION, _RUN_SUM, _POINT, _EXCESS = 0, 1, 2, (3, 5), (4, 6)
BAND = 7
"""Numbers a key."""
SIGMA = 1.2533141373155003  # sqrt(pi / 2): standard deviation of normal noise from its mean absolute deviation
_CLIP = 3.0
_BEYOND = 0.02
"""The share of the rows beyond the learned point of each side."""
_POINT_AT_FIRST, _EXCESS_AT_FIRST = 2.57, 0.8
_POINT_STEP, _EXCESS_RATE, _EXCESS_CLIP = 0.05, 0.03, 6.0
_LEAST_EXCESS = 0.2
_LN_2 = 0.6931471805599453


@kernel(float64(float64))
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


@kernel(types.UniTuple(float64, 3)(writes(float64), float64))
def reach(levels: F64, tail: float) -> tuple[float, float, float]:
    """Standard deviation, and how many of them the band reaches below and above; each side is left once in 2 / tail."""
    # A constant series has no scale of its own; a thousandth of its level is one.
    sigma = max(SIGMA * levels[DEVIATION], 1e-3 * abs(levels[LEVEL]), 1e-12)
    threshold = logarithm(2.0 * _BEYOND / tail)
    below = levels[_POINT[0]] + threshold * levels[_EXCESS[0]]
    above = levels[_POINT[1]] + threshold * levels[_EXCESS[1]]
    return sigma, below, above


@kernel(void(writes(float64), int64, float64, float64))
def warm_up(levels: F64, seen: int, value: float, alpha: float) -> None:
    """Plain means at first; the deviation is from the mean before the row, and the first row has none."""
    off = value - levels[LEVEL]
    levels[LEVEL] += max(alpha, 1.0 / (seen + 1.0)) * off
    if seen > 0:
        levels[DEVIATION] += max(alpha, 1.0 / seen) * (abs(off) - levels[DEVIATION])
        return
    for s in range(2):
        levels[_POINT[s]], levels[_EXCESS[s]] = _POINT_AT_FIRST, _EXCESS_AT_FIRST


@kernel(void(writes(int64), writes(float64), float64, float64, float64, int64, boolean))
def follow(counts: I64, levels: F64, value: float, sigma: float, weight: float, shift: int, outside: bool) -> None:
    """Learn from ``value``, which was ``outside`` of the band or not."""
    off = value - levels[LEVEL]
    side = 1 if off > 0 else (-1 if off < 0 else 0)
    run = 0
    if outside:
        same = counts[RUN] * side > 0
        run = counts[RUN] + side if same else side
        levels[_RUN_SUM] = levels[_RUN_SUM] + value if same else value
    counts[RUN] = run
    if abs(run) >= shift:
        levels[LEVEL] = levels[_RUN_SUM] / abs(run)
        counts[RUN] = 0
        return
    if abs(run) > 1:
        return  # a shift in the making: widening the band now would hide it half way
    for s in range(2):
        point, excess = levels[_POINT[s]], levels[_EXCESS[s]]
        beyond = (off if s else -off) / sigma - point
        if beyond > 0.0:
            learned = excess + _EXCESS_RATE * (min(beyond, _EXCESS_CLIP * excess) - excess)
            levels[_EXCESS[s]] = max(_LEAST_EXCESS, learned)
            levels[_POINT[s]] = point + _POINT_STEP * (1.0 - _BEYOND)
        else:
            levels[_POINT[s]] = max(1.0, point - _POINT_STEP * _BEYOND)
    clipped = min(abs(off), _CLIP * sigma)
    levels[LEVEL] += weight * side * clipped
    levels[DEVIATION] += weight * (clipped - levels[DEVIATION])
