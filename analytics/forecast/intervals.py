"""Intervals from the backtest's own errors, at any level: conformal, per step, corrected for how few errors there are.

Split conformal prediction (Vovk et al. 2005) on rolling origins. Errors are divided by a scale that grows with the step, so
that those of all steps say something about each; the scale of an origin's errors comes from the other origins, so that
what is pooled also holds how uncertain the scale is. Errors of one origin hang together, so they count as few; the
fewer, the more the quantile leans on Student's t with few degrees of freedom, the shape of errors over a whole
competition of series.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.typed import F64

_FREEDOM = 4.0
"""Of the prior's Student t; the mean absolute value at 4 degrees of freedom is 1, the unit of the scores."""
_PRIOR = 4.0
"""How many independent origins the prior weighs."""
_POWER = 0.7
"""Of the step, by which errors grow where there are too few to tell: between a random walk and a wrong trend."""


def growth(errors: F64, horizon: int) -> F64:
    """float64[horizon] relative scale of the error at each step: a power of the step, between flat and linear.

    The power is fitted to the mean absolute errors, and drawn to ``_POWER`` where there are few.
    """
    step = np.arange(1, horizon + 1, dtype=np.float64)
    made, steps = errors.shape
    size = np.abs(errors).mean(0) if made else np.empty(0)
    if made < 2 or steps < 4 or (size <= 0).any():
        return step**_POWER
    x, z = np.log(step[:steps]), np.log(size)
    slope = float(((x - x.mean()) * (z - z.mean())).sum() / ((x - x.mean()) ** 2).sum())
    trust = made / (made + 2.0)
    return step ** float(np.clip(trust * slope + (1 - trust) * _POWER, 0.0, 1.0))


def half_widths(
    errors: F64, independent: float, levels: Sequence[float], history: F64, horizon: int
) -> dict[float, F64]:
    """float64[horizon] for each level in percent; without ``errors`` from how far ``history`` steps.

    ``errors`` are [origins, steps], of origins that are worth ``independent`` ones without overlap.
    """
    grown = growth(errors, horizon)
    if errors.shape[0]:
        scores, scale = _scores(errors, grown)
    else:
        scores, scale = np.empty(0), float(np.abs(np.diff(history)).mean())
    wider = 1 + max(independent, 1.0) ** -1.5  # the weights were chosen on these very errors
    return {level: wider * scale * grown * _quantile(scores, independent, level / 100) for level in levels}


def _scores(errors: F64, grown: F64) -> tuple[F64, float]:
    made, steps = errors.shape
    unit = np.abs(errors) / grown[:steps]
    scale = float(unit.mean())
    if scale == 0.0:
        return np.empty(0), 0.0
    if made == 1:
        return (unit / scale).ravel(), scale
    own = unit.mean(1)
    others = (own.sum() - own) / (made - 1)
    return (unit / np.maximum(others, 0.2 * scale)[:, None]).ravel(), scale


def _quantile(scores: F64, independent: float, level: float) -> float:
    """Between the scores' own quantile, corrected for their number, and the prior's."""
    from scipy.stats import t

    prior = float(t.ppf((1 + level) / 2, _FREEDOM))
    if not scores.shape[0]:
        return prior
    own = float(np.quantile(scores, min(1.0, level * (1 + 1 / scores.shape[0]))))
    return (independent * own + _PRIOR * prior) / (independent + _PRIOR)
