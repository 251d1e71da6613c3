"""Intervals at any level: how large errors are, how they grow with the step, and how sure that is.

Two witnesses tell the size of the errors. The backtest's own errors are few where the history is short, and those of one
origin hang together; how far the history moves in as many steps, season and drift aside, is seen all over it, but says
less of how well it is forecast. Each gives a scale and a power of the step; both are joined by how uncertain each is. Where
no value is negative, errors at another level count in proportion to it. The scale that comes out is uncertain itself, so
the quantiles are those of normal errors of an uncertain scale, drawn to the quantiles of the backtest's errors (conformal
scores, Vovk et al. 2005) the more, the more origins there are that do not overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from analytics.kernels import F64, I64

_OF_ERRORS, _OF_MOVES = 1.0, 0.4
"""Variances of the logarithm of a scale: told by the errors of one independent origin, and by the history's moves."""
_POWER_OF_ERRORS, _POWER_OF_MOVES, _POWER_OF_ANY = 0.48**2, 0.15**2, 0.5**2
"""Variances of the power by which errors grow: told by one origin, by the moves, and by nothing (a random walk's 1/2)."""
_NO_POWER = 0.1**2
"""Squared, a power as likely to be none: noise alone tells one, and never one below zero."""
_WORSE = 0.25
"""By how much, as a logarithm, errors are larger than those of the best forecast of such moves."""
_CHOSEN = 0.05
"""By how much errors that also chose the weights are too small, for one origin; with more of them less, to the power 3/2."""
_YOUNG = 8.0
"""Variance of the logarithm of the scale, for one value of history: what a past so short cannot have shown."""
_PRIOR = 2.0
"""How many independent origins the normal errors of an uncertain scale weigh beside the backtest's scores."""
_DRIFT = 16.0
"""How much the drift, which n values told and which changes, adds to the variance of a random walk, for n steps ahead."""
_FARTHEST = 3.0
"""How many times as large at most a level may make errors."""
_RECENT = 4
"""Values that make a level, or a season of them if that is longer."""
_NOTHING = 1e-12
"""Of histories near one in size: errors and moves below this are none."""


@dataclass(frozen=True, slots=True)
class _Scale:
    """Mean absolute errors at each step, as ``exp(log)`` times ``growth``."""

    growth: F64
    log: float
    log_of_moves: float
    weight_of_errors: float
    """As an inverse variance."""


def half_widths(
    errors: F64,
    ends: I64,
    independent: float,
    levels: Sequence[float],
    history: F64,
    season: int,
    horizon: int,
) -> dict[float, F64]:
    """float64[horizon] for each level in percent: how far the bounds are from the forecast at each step.

    ``errors`` are [origins, steps], from the first ``ends`` values of ``history`` each, worth ``independent`` origins
    without overlap; no rows where there is no backtest. ``season`` is in steps, 1 for none.
    """
    moves = _moves(history, season, horizon, drift=errors.size > 0)
    if moves.max() <= _NOTHING:
        return {level: np.full(horizon, float(np.abs(errors).max(initial=0.0))) for level in levels}
    sizes = np.abs(errors) * _in_proportion(history, ends, season)[:, None]
    moves = moves * _in_proportion(history, np.array([history.shape[0]]), season, overall=True)
    scale = _joined(sizes, moves, independent, history.shape[0], horizon)
    scores = _scores(sizes, scale)
    variance = 1 / (1 / _OF_MOVES + scale.weight_of_errors)
    variance += _YOUNG / history.shape[0]
    normal = {level: _quantile(level / 100, round(variance, 3)) for level in levels}
    unit = np.exp(scale.log) * scale.growth
    lower = np.exp(-variance / 2)  # the mean of errors of an uncertain scale is above that of its middle
    return {level: unit * _drawn(scores, independent, level / 100, float(normal[level] * lower)) for level in levels}


def _moves(history: F64, season: int, horizon: int, drift: bool) -> F64:
    """float64[steps] mean absolute change over 1, 2, ... steps, up to a third of the history, less season and ``drift``.

    Changes that overlap, and means that were taken off, hide a part of them; that is made up for. Where the history is too
    short for a backtest the forecast does not drift.
    """
    n, found = history.shape[0], list[float]()
    for step in range(1, max(1, min(horizon, n // 3)) + 1):
        change = history[step:] - history[:-step]
        count = change.shape[0]
        if not drift:
            found.append(float(np.abs(change).mean()))
            continue
        phases = season if count >= 2 * season else 1
        phase = np.arange(count) % phases
        rest = change - (np.bincount(phase, change) / np.bincount(phase))[phase]
        free = max(count - phases, 1) / count * max(1 - step / n, 0.3)
        found.append(float(np.abs(rest).mean() / np.sqrt(free)))
    return np.array(found)


def _in_proportion(history: F64, ends: I64, season: int, overall: bool = False) -> F64:
    """float64 like ``ends``: the level now over that there, or over all the history's; ones where values are negative."""
    wide = max(season, _RECENT)
    now = float(np.abs(history[-wide:]).mean())
    if history.min() < 0 or now == 0:
        return np.ones(ends.shape[0])
    then = np.array([history[0 if overall else max(0, end - wide) : end].mean() for end in ends.tolist()])
    return np.clip(now / np.maximum(then, _NOTHING), 1 / _FARTHEST, _FARTHEST)


def _joined(sizes: F64, moves: F64, independent: float, n: int, horizon: int) -> _Scale:
    of_moves, of_errors = _power(moves), _power(sizes.mean(0)) if sizes.size else None
    told = [(0.5, 1 / _POWER_OF_ANY)]
    if of_moves is not None:
        told.append((of_moves, 1 / _POWER_OF_MOVES))
    if of_errors is not None:
        told.append((of_errors, independent / _POWER_OF_ERRORS))
    power = float(np.clip(sum(p * weight for p, weight in told) / sum(weight for _, weight in told), 0.0, 1.0))
    power *= power**2 / (power**2 + _NO_POWER)
    step = np.arange(1, horizon + 1, dtype=np.float64)
    growth = step**power * np.sqrt(1 + _DRIFT * power * step / n)
    at = np.arange(1, moves.shape[0] + 1)
    # Changes of white noise hold it twice, those of a random walk are what a forecast of it misses.
    best = np.log(2) * (power - 0.5)
    log_of_moves = float((np.log(np.maximum(moves, _NOTHING)) - power * np.log(at)).mean() + best + _WORSE)
    if not sizes.size:
        return _Scale(growth, log_of_moves, log_of_moves, 0.0)
    weight = independent / _OF_ERRORS
    log_of_errors = float(np.log(max((sizes / growth[: sizes.shape[1]]).mean(), _NOTHING)))
    log_of_errors += float(np.log1p(_CHOSEN * max(independent, 1.0) ** -1.5))
    log = (log_of_moves / _OF_MOVES + log_of_errors * weight) / (1 / _OF_MOVES + weight)
    return _Scale(growth, log, log_of_moves, weight)


def _power(sizes: F64) -> float | None:
    """Of the step, by which ``sizes`` grow; None for fewer than three steps."""
    if sizes.shape[0] < 3 or (sizes <= _NOTHING).any():
        return None
    x, z = np.log(np.arange(1, sizes.shape[0] + 1)), np.log(sizes)
    return float(((x - x.mean()) * (z - z.mean())).sum() / ((x - x.mean()) ** 2).sum())


def _scores(sizes: F64, scale: _Scale) -> F64:
    """Each error over the scale that the moves and the other origins' errors tell: they hold what is not known of it."""
    made = sizes.shape[0]
    if made < 2:
        return np.empty(0)
    unit = sizes / scale.growth[: sizes.shape[1]]
    own = unit.mean(1)
    others = np.log(np.maximum((own.sum() - own) / (made - 1), _NOTHING))
    weight = scale.weight_of_errors * (made - 1) / made
    log = (scale.log_of_moves / _OF_MOVES + others * weight) / (1 / _OF_MOVES + weight)
    return (unit / np.exp(log)[:, None]).ravel()


def _drawn(scores: F64, independent: float, level: float, normal: float) -> float:
    """Between the scores' own quantile, corrected for their number, and that of normal errors of an uncertain scale."""
    if not scores.shape[0]:
        return normal
    own = float(np.quantile(scores, min(1.0, level * (1 + 1 / scores.shape[0]))))
    return (independent * own + _PRIOR * normal) / (independent + _PRIOR)


@lru_cache(maxsize=4096)
def _quantile(level: float, variance: float) -> float:
    """Of absolute errors that are normal, their scale log-normal of this variance about a mean absolute error of one."""
    from scipy.special import erf

    at, weight = np.polynomial.hermite_e.hermegauss(31)
    weight = weight / weight.sum()
    shrunk = np.exp(-np.sqrt(variance) * at) / np.sqrt(np.pi)

    def short(q: float) -> float:
        return float((weight * erf(q * shrunk)).sum()) - level

    low, high = 0.0, 1e6
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if short(middle) < 0 else (low, middle)
    return high
