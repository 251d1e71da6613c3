"""Forecasts of a table of series: each on its own grid, by the same procedure, with intervals and with its evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.forecast.calendar import DAY, Frequency
from analytics.forecast.ensemble import Combined, combine
from analytics.forecast.intervals import half_widths
from analytics.forecast.series import Series, Skipped, series_of
from analytics.forecast.trading import effect, regressor
from analytics.kernels import F64, I64, Bools

DEFAULT_LEVELS = (80, 95)


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
    levels: Sequence[float] = DEFAULT_LEVELS,
    period: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Forecasts:
    """The next ``horizon`` steps of every series, with prediction intervals at ``levels`` (percent).

    ``time`` is int64 microseconds or ordinals, ``value`` float64 with NaN for a missing one, ``period`` the length of the
    season in steps where the times do not tell. ``progress`` hears (series done, series in all). Every series is forecast
    from its own rows alone. Series that are never negative get no negative forecast or bound. ValueError as ``series_of``
    says, for a horizon below one, levels outside (0, 100), and if no series can be forecast.
    """
    wanted = checked(horizon, levels, period)
    parts = list(series_of(key, time, value, period))
    skipped = [part for part in parts if isinstance(part, Skipped)]
    made = list[tuple[Series, I64, Outcome]]()
    for done, part in enumerate(parts):
        if isinstance(part, Series):
            days = regressor(part.frequency, part.times, part.value.shape[0], horizon)
            time, steps = _ahead(part, horizon)
            outcome = one(part.value, part.frequency, max(1, int(steps.sum())), wanted, period, days)
            if outcome is None:
                skipped.append(
                    Skipped(part.key, "its forecast or a bound exceeds the largest float64: divide the values")
                )
            else:
                made.append((part, time, outcome if steps.all() else _spread(outcome, steps)))
        if progress is not None:
            progress(done + 1, len(parts))
    if not made:
        raise ValueError(f"no series can be forecast; series {skipped[0].key!r}: {skipped[0].reason}")
    keys = np.empty(len(made), np.asarray(key).dtype)
    keys[:] = [series.key for series, _, _ in made]
    return Forecasts(
        np.repeat(keys, horizon),
        np.tile(np.arange(1, horizon + 1), len(made)),
        np.concatenate([time for _, time, _ in made]),
        np.concatenate([outcome.point for _, _, outcome in made]),
        {level: np.concatenate([outcome.lo[level] for _, _, outcome in made]) for level in wanted},
        {level: np.concatenate([outcome.hi[level] for _, _, outcome in made]) for level in wanted},
        tuple(_evidence(series, outcome.combined) for series, _, outcome in made),
        tuple(skipped),
    )


def _ahead(series: Series, horizon: int) -> tuple[I64, Bools]:
    """The times to forecast, and which of them are steps of the series; on the others, closed days, it is zero."""
    if series.idle_until is None:
        return series.frequency.after(series.times, horizon), np.ones(horizon, np.bool_)
    time = series.idle_until + DAY * np.arange(1, horizon + 1, dtype=np.int64)
    return time, series.frequency.opens(time)


def _spread(outcome: Outcome, steps: Bools) -> Outcome:
    """The outcome at ``steps``, zero between them."""

    def placed(values: F64) -> F64:
        whole = np.zeros(steps.shape[0])
        whole[steps] = values[: int(steps.sum())]
        return whole

    lo, hi = ({level: placed(side[level]) for level in side} for side in (outcome.lo, outcome.hi))
    single = {name: placed(values) for name, values in outcome.single.items()}
    return replace(outcome, point=placed(outcome.point), lo=lo, hi=hi, single=single)


def checked(horizon: int, levels: Sequence[float], period: int | None) -> tuple[float, ...]:
    """The levels, ascending; ValueError for a horizon, level or period that cannot be."""
    wanted = tuple(sorted(set(levels)))
    if horizon < 1 or not wanted or wanted[0] <= 0 or wanted[-1] >= 100:
        raise ValueError(f"horizon {horizon} and levels {tuple(levels)}: at least one step, levels within (0, 100)")
    if period is not None and period < 1:
        raise ValueError(f"period is at least 1, not {period}")
    return wanted


@dataclass(frozen=True, slots=True)
class Outcome:
    """The forecast of one regular history, float64[horizon] each, in the history's units."""

    point: F64
    lo: dict[float, F64]
    hi: dict[float, F64]
    single: dict[str, F64]
    combined: Combined
    """In units of the history's own scale."""


def one(
    history: F64,
    frequency: Frequency,
    horizon: int,
    levels: tuple[float, ...],
    period: int | None,
    trading: F64 | None = None,
) -> Outcome | None:
    """Forecast ``history``, a value a step without holes; None if a number leaves the range of float64.

    ``trading`` is the regressor of trading days of the history's steps and those ahead.
    """
    scale = _scale(history)
    y = history / scale
    factor = None if trading is None else effect(y, trading)
    if factor is not None:
        y = y / factor[: y.shape[0]]
    combined = combine(y, frequency.seasons(period), period is None and frequency.unit == "ordinal", horizon)
    ahead = np.full(horizon, scale) if factor is None else scale * factor[y.shape[0] :]
    floor = 0.0 if y.min() >= 0 else -np.inf
    point = np.maximum(combined.point, floor)
    wide = half_widths(combined.errors, combined.ends, combined.independent, levels, y, combined.season, horizon)
    lo, hi, nested = dict[float, F64](), dict[float, F64](), np.zeros(horizon)
    with np.errstate(over="ignore"):
        for level in levels:
            nested = np.maximum(nested, wide[level])
            lo[level], hi[level] = np.maximum(point - nested, floor) * ahead, (point + nested) * ahead
        point = point * ahead
        single = {name: np.maximum(f, floor) * ahead for name, f in combined.single.items()}
    if factor is not None:
        combined = replace(combined, notes=(*combined.notes, "adjusted for the trading days of each month"))
    finite = all(np.isfinite(x).all() for x in (point, *lo.values(), *hi.values()))
    return Outcome(point, lo, hi, single, combined) if finite else None


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
