"""Combine the pool for one series: weights from rolling origins, and never worse there than the seasonal naive."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from analytics.forecast.models import SEASONAL_NAIVE, Model, pool
from analytics.forecast.season import confirmed, detect
from analytics.kernels import F64, I64

_ORIGINS = 4
_HOPELESS = 2.0
_EVIDENCE = 24
"""Errors of the backtest that weigh as much as the prior of equal weights."""


@dataclass(frozen=True, slots=True)
class Trials:
    """What every model of the pool forecast from every origin, oldest first."""

    models: tuple[str, ...]
    actual: F64
    """[origins, steps]"""
    forecast: F64
    """[models, origins, steps]"""
    ends: I64
    """[origins] the lengths of history that were forecast from."""
    independent: float
    """How many of the origins would not overlap."""


@dataclass(frozen=True, slots=True)
class Combined:
    """The forecast of one series, and what it stands on."""

    point: F64
    single: dict[str, F64]
    """What each model says alone."""
    seasons: tuple[int, ...]
    weights: dict[str, float]
    errors: F64
    """[origins, steps] actual less forecast, of this very combination; no rows where the history allows no backtest."""
    ends: I64
    """[origins] the lengths of history that were forecast from."""
    independent: float
    """How many origins ``errors`` are worth: those whose steps overlap count in part."""
    season: int
    """The shortest that the models looked for, stated or not; 1 for none."""
    error: float | None
    """Mean absolute error over ``errors``."""
    naive_error: float | None
    """The seasonal naive's, from the same origins."""
    notes: tuple[str, ...]


def combine(y: F64, candidates: tuple[int, ...], unknown: bool, horizon: int) -> Combined:
    """Forecast ``y``; ``candidates`` are the seasons to test, ``unknown`` lets it look for one of its own."""
    if np.ptp(y) == 0:
        ends = np.arange(1, y.shape[0])[-_ORIGINS:]
        zeros = np.zeros((ends.shape[0], 1))
        flat = np.full(horizon, y[-1])
        single, weights = {SEASONAL_NAIVE: flat}, {SEASONAL_NAIVE: 1.0}
        return Combined(flat, single, (), weights, zeros, ends, 1.0, 1, 0.0, 0.0, ("the history is constant",))
    seasons = detect(y, candidates, unknown)
    stated, season = confirmed(y, seasons), min(seasons, default=1)
    models = pool(y, seasons, stated)
    trials = rehearse(y, seasons, models, horizon)
    weights, notes = weigh(trials), list[str]()
    tried = ((m.name, _run(m, y, horizon, seasons)) for m in models if m.name in trials.models)
    single = {name: f for name, f in tried if f is not None}
    failed = [name for name in weights if name not in single]
    if failed:
        notes.append(f"failed on the whole history and left out: {', '.join(failed)}")
    weights = {name: w for name, w in weights.items() if name in single} or {SEASONAL_NAIVE: 1.0}
    total = sum(weights.values())
    weights = {name: w / total for name, w in weights.items()}
    point = np.sum([w * single[name] for name, w in weights.items()], axis=0)
    if trials.actual.shape[0] == 0:
        notes.append("history too short for a backtest: the seasonal naive alone")
        return Combined(
            point, single, stated, weights, trials.actual, trials.ends, 0.0, season, None, None, tuple(notes)
        )
    naive = trials.forecast[trials.models.index(SEASONAL_NAIVE)]
    mixed = np.zeros_like(trials.actual)
    for name, weight in weights.items():
        mixed = mixed + weight * trials.forecast[trials.models.index(name)]
    errors = trials.actual - mixed
    ours, theirs = float(np.abs(errors).mean()), float(np.abs(trials.actual - naive).mean())
    if weights.get(SEASONAL_NAIVE, 0.0) == 1.0:
        notes.append("no combination beat the seasonal naive in the backtest")
    return Combined(
        point, single, stated, weights, errors, trials.ends, trials.independent, season, ours, theirs, tuple(notes)
    )


def origins(n: int, horizon: int, season: int) -> tuple[I64, int]:
    """The lengths of history to forecast from, oldest first, and how many steps: fewer for a short series."""
    shortest = max(2 * season + 2, 6) if season > 1 else 6
    if n - 1 < shortest:
        shortest = max(3, n // 2)
    steps = min(horizon, max(1, (n - shortest + 1) // 2))
    if n - steps < shortest:
        return np.empty(0, np.int64), steps
    stride = max(1, min(steps, (n - steps - shortest) // max(1, _ORIGINS - 1)))
    ends = n - steps - stride * np.arange(_ORIGINS)
    return ends[ends >= shortest][::-1].astype(np.int64), steps


def rehearse(y: F64, seasons: tuple[int, ...], models: tuple[Model, ...], horizon: int) -> Trials:
    """Let every model forecast from rolling origins, each from scratch; a model that fails once is left out."""
    ends, steps = origins(y.shape[0], horizon, seasons[0] if seasons else 1)
    actual = np.array([y[e : e + steps] for e in ends]).reshape(ends.shape[0], steps)
    names, made = list[str](), list[F64]()
    for model in models:
        forecasts = [_run(model, y[:e], steps, seasons) for e in ends]
        good = [f for f in forecasts if f is not None]
        if len(good) == len(forecasts):
            names.append(model.name)
            made.append(np.array(good).reshape(ends.shape[0], steps))
    independent = 1 + (ends[-1] - ends[0]) / steps if ends.shape[0] else 0.0
    return Trials(tuple(names), actual, np.array(made).reshape(len(made), *actual.shape), ends, float(independent))


def weigh(trials: Trials) -> dict[str, float]:
    """The weight of each model, adding up to one; the mixture is never worse in the trials than the naive.

    Inverse squared errors, as in Bates and Granger (1969) without the correlations, drawn to equal weights where trials
    are few; a model with twice the least error gets nothing. If that loses against the naive, it goes towards the best
    single model of the trials (it may be the naive) just as far as it takes not to lose.
    """
    if trials.actual.shape[0] == 0:
        return {SEASONAL_NAIVE: 1.0}
    error = np.abs(trials.forecast - trials.actual).mean((1, 2))
    relative = (error.min() + 1e-12) / (error + 1e-12)
    naive = trials.models.index(SEASONAL_NAIVE)
    kept = relative >= 1 / _HOPELESS
    if kept.sum() > 1:
        kept[naive] = False
    few = 1 / (1 + trials.actual.size / _EVIDENCE)
    share = np.where(kept, relative**2, 0.0)
    share = few * kept / kept.sum() + (1 - few) * share / share.sum()
    best = np.eye(len(trials.models))[error.argmin()]
    for part in np.linspace(0, 1, 21):
        mixed = (1 - part) * share + part * best
        if np.abs(trials.actual - np.tensordot(mixed, trials.forecast, 1)).mean() <= error[naive]:
            break
    else:
        mixed = best
    return {name: float(w) for name, w in zip(trials.models, mixed, strict=True) if w > 0}


def _run(model: Model, y: F64, horizon: int, seasons: tuple[int, ...]) -> F64 | None:
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            made = model.run(y, horizon, seasons)
    except (RuntimeError, ValueError, ArithmeticError, np.linalg.LinAlgError):  # the history does not suit the model
        return None
    wild = 100 * (np.abs(y).max() + np.ptp(y))
    return made if np.isfinite(made).all() and np.abs(made).max() <= wild else None
