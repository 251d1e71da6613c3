"""Intervals from the backtest's own errors, at any level: conformal, per step, corrected for how few errors there are.

Split conformal prediction (Vovk et al. 2005) on rolling origins. Errors are divided by a scale that grows with the step, so
that those of all steps say something about each; the scale of an origin's errors comes from the other origins, so
that what is pooled also holds how uncertain the scale is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.typed import F64


def growth(errors: F64, horizon: int) -> F64:
    """float64[horizon] relative scale of the error at each step: a power of the step, between flat and linear.

    The power is fitted to the mean absolute errors, and drawn to 1/2, a random walk's, where there are few.
    """
    step = np.arange(1, horizon + 1, dtype=np.float64)
    made, steps = errors.shape
    size = np.abs(errors).mean(0) if made else np.empty(0)
    if made < 2 or steps < 4 or (size <= 0).any():
        return step**0.5
    x, z = np.log(step[:steps]), np.log(size)
    slope = float(((x - x.mean()) * (z - z.mean())).sum() / ((x - x.mean()) ** 2).sum())
    trust = made / (made + 2.0)
    power = float(np.clip(trust * slope + (1 - trust) * 0.5, 0.0, 1.0))
    return step**power


def half_widths(errors: F64, levels: Sequence[float], horizon: int, spread: float) -> dict[float, F64]:
    """float64[horizon] for each level in percent; ``spread`` is the scale of one step where there are no errors."""
    grown = growth(errors, horizon)
    scores, scale = _scores(errors, grown)
    if scale == 0.0 and spread > 0.0 and errors.shape[0] == 0:
        scale = spread
    return {level: scale * grown * _quantile(scores, level / 100) for level in levels}


def _scores(errors: F64, grown: F64) -> tuple[F64, float]:
    made, steps = errors.shape
    if made == 0:
        return np.empty(0), 0.0
    unit = np.abs(errors) / grown[:steps]
    scale = float(unit.mean())
    if scale == 0.0:
        return np.empty(0), 0.0
    if made == 1:
        return (unit / scale).ravel(), scale
    own = unit.mean(1)
    others = (own.sum() - own) / (made - 1)
    return (unit / np.maximum(others, 0.2 * scale)[:, None]).ravel(), scale


def _quantile(scores: F64, level: float) -> float:
    """The (n + 1)-corrected quantile; beyond the scores, or without any, from Student's t with 4 degrees of freedom."""
    from scipy.stats import t

    tail = float(t.ppf((1 + level) / 2, 4))
    mean_absolute = 1.0  # E|t| for 4 degrees of freedom
    n = scores.shape[0]
    rank = level * (n + 1)
    if n and rank <= n:
        low = max(int(np.floor(rank)), 1)
        ordered = np.sort(scores)
        high = min(low + 1, n)
        return float(ordered[low - 1] + (rank - low if rank > low else 0.0) * (ordered[high - 1] - ordered[low - 1]))
    return max(float(scores.max()) if n else 0.0, tail / mean_absolute)
