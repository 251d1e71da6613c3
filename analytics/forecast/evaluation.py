"""How good the forecasts would have been: the whole procedure again from rolling origins, beside the seasonal naive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.forecast.engine import DEFAULT_LEVELS, checked, one
from analytics.forecast.models import SEASONAL_NAIVE
from analytics.forecast.series import Series, Skipped, series_of
from analytics.forecast.trading import regressor
from analytics.kernels import F64

OURS = "ensemble"


@dataclass(frozen=True, slots=True)
class Score:
    """Of one model, the mean over series of the mean over origins and steps."""

    model: str
    mase: float
    """Mean absolute error over that of the one-season-ago forecast within the history (Hyndman and Koehler 2006)."""
    smape: float
    """In percent, 0 to 200, as in the M competitions."""
    coverage: dict[float, float]
    """By level in percent: the share of values within the bounds; empty for single models, which have none."""
    series: int


@dataclass(frozen=True, slots=True)
class Backtest:
    """Scores of the ensemble, the seasonal naive and each single model, on the series where all of them stand."""

    scores: tuple[Score, ...]
    origins: int
    """At most, for each series."""
    skipped: tuple[Skipped, ...]
    """Series without a backtest, and why."""


def backtest(
    key: npt.ArrayLike,
    time: npt.ArrayLike,
    value: npt.ArrayLike,
    *,
    horizon: int,
    levels: Sequence[float] = DEFAULT_LEVELS,
    period: int | None = None,
    origins: int = 3,
    progress: Callable[[int, int], None] | None = None,
) -> Backtest:
    """Forecast every series from its last ``origins`` times, a horizon apart, each from nothing but the rows before.

    Seasons, weights and intervals are found anew at each origin, so the scores are what a user would have seen.
    Columns and errors as for ``forecast``.
    """
    wanted = checked(horizon, levels, period)
    parts = list(series_of(key, time, value, period))
    skipped = [part for part in parts if isinstance(part, Skipped)]
    sums: dict[str, list[tuple[float, float, dict[float, float]]]] = {}
    for done, part in enumerate(parts):
        if isinstance(part, Series):
            rows = _rolled(part, horizon, wanted, period, origins)
            if not rows:
                skipped.append(
                    Skipped(part.key, f"{part.value.shape[0]} values are too few for a horizon of {horizon}")
                )
            for name in rows:
                sums.setdefault(name, []).append(rows[name])
        if progress is not None:
            progress(done + 1, len(parts))
    if not sums:
        raise ValueError(f"no series has a backtest; series {skipped[0].key!r}: {skipped[0].reason}")
    order = [OURS, SEASONAL_NAIVE, *(name for name in sums if name not in (OURS, SEASONAL_NAIVE))]
    scores = tuple(
        Score(
            name,
            float(np.mean([mase for mase, _, _ in sums[name]])),
            float(np.mean([smape for _, smape, _ in sums[name]])),
            {level: float(np.mean([c[level] for _, _, c in sums[name]])) for level in wanted} if name == OURS else {},
            len(sums[name]),
        )
        for name in order
    )
    return Backtest(scores, origins, tuple(skipped))


def _rolled(
    series: Series, horizon: int, levels: tuple[float, ...], period: int | None, origins: int
) -> dict[str, tuple[float, float, dict[float, float]]]:
    """Per model (MASE, sMAPE, coverage); empty where not even one origin has enough history."""
    made: dict[str, list[tuple[float, float]]] = {}
    covered: dict[float, list[float]] = {level: [] for level in levels}
    days = regressor(series.frequency, series.times, series.value.shape[0], 0)
    for back in range(origins, 0, -1):
        end = series.value.shape[0] - back * horizon
        if end < max(4, horizon // 2):
            continue
        history, actual = series.value[:end], series.value[end : end + horizon]
        outcome = one(
            history, series.frequency, horizon, levels, period, None if days is None else days[: end + horizon]
        )
        if outcome is None:
            continue
        season = outcome.combined.seasons[0] if outcome.combined.seasons else 1
        unit = float(np.abs(history[season:] - history[:-season]).mean())
        for name, point in ((OURS, outcome.point), *outcome.single.items()):
            error = np.abs(actual - point)
            made.setdefault(name, []).append((_ratio(float(error.mean()), unit), smape(actual, point)))
        for level in levels:
            inside = (actual >= outcome.lo[level]) & (actual <= outcome.hi[level])
            covered[level].append(float(inside.mean()))
    whole = {name: scores for name, scores in made.items() if len(scores) == len(made[OURS])}
    return {
        name: (
            float(np.mean([m for m, _ in scores])),
            float(np.mean([s for _, s in scores])),
            {level: float(np.mean(covered[level])) for level in levels},
        )
        for name, scores in whole.items()
    }


def smape(actual: F64, point: F64) -> float:
    """Symmetric mean absolute percentage error in percent, 0 where both are 0 (Makridakis and Hibon 2000)."""
    size = np.abs(actual) + np.abs(point)
    return float((200 * np.abs(actual - point) / np.where(size > 0, size, 1.0)).mean())


def _ratio(error: float, unit: float) -> float:
    """Zero for no error, and the error itself on a history that never moved."""
    return error / unit if unit > 0 else error
