"""Forecasts of a table of series: each on its own grid, by the same procedure, with intervals and with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.forecast.ensemble import Combined, combine
from analytics.forecast.intervals import half_widths
from analytics.forecast.series import Series, Skipped, series_of
from analytics.typed import F64, I64

_DEFAULT_LEVELS = (80, 95)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the forecast of one series stands on."""

    key: object
    frequency: str
    seasons: tuple[int, ...]
    """In steps, shortest first; none found: empty."""
    weights: Mapping[str, float]
    """Of each model, adding up to one."""
    observed: int
    filled: int
    """Missing steps that were interpolated."""
    origins: int
    """Of the backtest."""
    error: float | None
    """Mean absolute error of this combination over the backtest; None: the history is too short for one."""
    naive_error: float | None
    """The seasonal naive's, from the same origins; never below ``error``."""
    errors: F64
    """[origins, steps] actual less forecast, oldest origin first."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Forecasts:
    """One row for each series and step, series in order of first appearance."""

    key: npt.NDArray[Any]
    step: I64
    """1 ... horizon."""
    time: I64
    forecast: F64
    lo: Mapping[float, F64]
    """By level in percent: the lower bound."""
    hi: Mapping[float, F64]
    series: tuple[Evidence, ...]
    skipped: tuple[Skipped, ...]
    """Series without a forecast, and why."""


def forecast(
    key: npt.ArrayLike,
    time: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    horizon: int,
    levels: Sequence[float] = _DEFAULT_LEVELS,
    period: int | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Forecasts:
    """The next ``horizon`` steps of every series, with prediction intervals at ``levels`` (percent).

    ``time`` is int64 microseconds or ordinals, ``value`` float64 with NaN for a missing one, ``period`` the length of the
    season in steps where the times do not tell. ``progress`` hears (series done, series in all). Every series is forecast
    from its own rows alone. Series that are never negative get no negative forecast or bound. ValueError as ``series_of``
    says, for a horizon below one, levels outside (0, 100), and if no series can be forecast.
    """
    wanted = tuple(sorted(set(levels)))
    if horizon < 1 or not wanted or wanted[0] <= 0 or wanted[-1] >= 100:
        raise ValueError(f"horizon {horizon} and levels {tuple(levels)}: at least one step, levels within (0, 100)")
    if period is not None and period < 1:
        raise ValueError(f"period is at least 1, not {period}")
    parts = list(series_of(key, time, value, period))
    skipped = [part for part in parts if isinstance(part, Skipped)]
    made = list[tuple[Series, Combined, F64, dict[float, F64], dict[float, F64]]]()
    for done, part in enumerate(parts):
        if isinstance(part, Series):
            one = _one(part, horizon, wanted, period)
            if isinstance(one, Skipped):
                skipped.append(one)
            else:
                made.append(one)
        if progress is not None:
            progress(done + 1, len(parts))
    if not made:
        raise ValueError(f"no series can be forecast; series {skipped[0].key!r}: {skipped[0].reason}")
    keys = np.empty(len(made), np.asarray(key).dtype)
    keys[:] = [series.key for series, *_ in made]
    return Forecasts(
        np.repeat(keys, horizon),
        np.tile(np.arange(1, horizon + 1), len(made)),
        np.concatenate([series.frequency.after(series.times, horizon) for series, *_ in made]),
        np.concatenate([point for _, _, point, _, _ in made]),
        {level: np.concatenate([lo[level] for *_, lo, _ in made]) for level in wanted},
        {level: np.concatenate([hi[level] for *_, hi in made]) for level in wanted},
        tuple(_evidence(series, combined) for series, combined, *_ in made),
        tuple(skipped),
    )


def _one(
    series: Series, horizon: int, levels: tuple[float, ...], period: int | None
) -> tuple[Series, Combined, F64, dict[float, F64], dict[float, F64]] | Skipped:
    y = series.value
    scale = _scale(y)
    combined = combine(
        y / scale, series.frequency.seasons(period), period is None and series.frequency.unit == "ordinal", horizon
    )
    floor = 0.0 if y.min() >= 0 else -np.inf
    point = np.maximum(combined.point, floor)
    wide = half_widths(combined.errors, levels, horizon, float(np.abs(np.diff(y / scale)).mean()))
    lo, hi, nested = dict[float, F64](), dict[float, F64](), np.zeros(horizon)
    with np.errstate(over="ignore"):
        for level in levels:
            nested = np.maximum(nested, wide[level])
            lo[level], hi[level] = np.maximum(point - nested, floor) * scale, (point + nested) * scale
        point = point * scale
    if not all(np.isfinite(x).all() for x in (point, *lo.values(), *hi.values())):
        return Skipped(series.key, "the forecast or its bounds exceed the largest float64: divide the values first")
    return series, combined, point, lo, hi


def _scale(y: F64) -> float:
    """A power of two near the size of the values, so that scaling costs no bit and models see numbers near one."""
    size = float(np.abs(y).max())
    return float(2.0 ** np.floor(np.log2(size))) if size > 0 else 1.0


def _evidence(series: Series, combined: Combined) -> Evidence:
    scale = _scale(series.value)
    return Evidence(
        series.key,
        str(series.frequency),
        combined.seasons,
        combined.weights,
        int((~series.filled).sum()),
        int(series.filled.sum()),
        combined.errors.shape[0],
        None if combined.error is None else combined.error * scale,
        None if combined.naive_error is None else combined.naive_error * scale,
        combined.errors * scale,
        (*series.notes, *combined.notes),
    )
