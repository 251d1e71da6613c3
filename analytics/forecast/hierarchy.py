"""Totals that add up: forecasts of parts and of their sums, made to agree.

Bottom-up takes the parts alone. WLS and MinT (Wickramasuriya, Athanasopoulos, Hyndman 2019) use all forecasts,
each as far as its backtest errors let it be trusted; MinT also their correlations, shrunk (Schaefer and Strimmer 2005).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from analytics.forecast.engine import Forecasts
from analytics.kernels import F64

Method = Literal["mint", "wls", "bottom-up"]


def reconcile(
    forecasts: Forecasts, totals: Mapping[Hashable, Sequence[Hashable]], method: Method = "mint"
) -> Forecasts:
    """``forecasts`` so that at each step every total equals the sum of its parts, to rounding.

    ``totals`` names for each total the keys it sums; a part may itself be a total. All keys must have a forecast, for the
    same times. Bounds move with their forecast and narrow by what reconciling gains in variance. Where all forecasts are
    at least zero, so are the parts afterwards. ValueError names what is missing or runs in a circle.
    """
    keys = [evidence.key for evidence in forecasts.series]
    horizon = forecasts.step.shape[0] // len(keys)
    index: dict[object, int] = {key: i for i, key in enumerate(keys)}
    times = forecasts.time.reshape(len(keys), horizon)
    for key in {*totals, *(part for parts in totals.values() for part in parts)}:
        if key not in index:
            raise ValueError(f"{key!r} is in the hierarchy and has no forecast")
        if not np.array_equal(times[index[key]], times[0]):
            raise ValueError(f"{key!r} is forecast for other times than {keys[0]!r}; bring all series to one end first")
    bottom = [key for key in keys if key not in totals]
    sums = np.array([_row(key, totals, bottom, ()) for key in keys])
    base = forecasts.forecast.reshape(len(keys), horizon)
    if method == "bottom-up":
        weights = np.zeros((len(bottom), len(keys)))
        weights[np.arange(len(bottom)), [index[key] for key in bottom]] = 1.0
        covariance = _covariance(forecasts, True)
    else:
        covariance = _covariance(forecasts, method == "wls")
        inverse = np.linalg.inv(covariance)
        weights = np.linalg.solve(sums.T @ inverse @ sums, sums.T @ inverse)
    parts = weights @ base
    if forecasts.forecast.min() >= 0:
        parts = np.maximum(parts, 0.0)
    coherent = sums @ parts
    mapping = sums @ weights
    gain = np.sqrt(np.clip(np.diag(mapping @ covariance @ mapping.T) / np.diag(covariance), 0.0, 1.0))
    floor = 0.0 if forecasts.forecast.min() >= 0 else -np.inf
    moved = coherent.ravel()
    shrink = np.repeat(gain, horizon)
    return replace(
        forecasts,
        forecast=moved,
        lo={k: np.maximum(moved - shrink * (forecasts.forecast - lo), floor) for k, lo in forecasts.lo.items()},
        hi={k: moved + shrink * (hi - forecasts.forecast) for k, hi in forecasts.hi.items()},
    )


def _row(
    key: object, totals: Mapping[Hashable, Sequence[Hashable]], bottom: Sequence[object], above: tuple[object, ...]
) -> F64:
    """float64[bottom]: how often each bottom series is in ``key``."""
    if key in above:
        raise ValueError(f"{key!r} is a part of itself: {' > '.join(map(str, (*above, key)))}")
    if key not in totals:
        return np.array([1.0 if b == key else 0.0 for b in bottom])
    return np.sum([_row(part, totals, bottom, (*above, key)) for part in totals[key]], axis=0)


def _covariance(forecasts: Forecasts, diagonal: bool) -> F64:
    """[series, series] of the backtest errors, of the origins and steps that all series have, newest first."""
    errors = [evidence.errors for evidence in forecasts.series]
    made, steps = min(e.shape[0] for e in errors), min(e.shape[1] for e in errors)
    if made * steps < 2:
        return np.diag(np.maximum(np.abs(forecasts.forecast.reshape(len(errors), -1)).mean(1), 1e-9))
    rows = np.array([e[e.shape[0] - made :, :steps].ravel() for e in errors])
    variance = (rows**2).mean(1)
    variance = np.maximum(variance, 1e-9 * max(float(variance.max()), 1e-300))
    if diagonal or len(errors) == 1:
        return np.diag(variance)
    standard = rows / np.sqrt(variance)[:, None]
    correlation = standard @ standard.T / rows.shape[1]
    products = (standard[:, None, :] * standard[None, :, :] - correlation[:, :, None]) ** 2
    spread = products.sum(2) / (rows.shape[1] * (rows.shape[1] - 1))
    off = ~np.eye(len(errors), dtype=bool)
    squares = float((correlation[off] ** 2).sum())
    shrinkage = min(1.0, float(spread[off].sum()) / squares) if squares > 0 else 1.0
    shrunk = np.where(off, (1 - shrinkage) * correlation, 1.0) + np.diag(np.full(len(errors), 1e-6))
    return shrunk * np.sqrt(np.outer(variance, variance))
