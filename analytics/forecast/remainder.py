"""How much is still to come in the next few steps together: a total with its band, by what such forecasts got wrong before.

Three simple ways (the mean of the last seasons phase by phase, the last season, and that mean carried on by its growth) are
tried at every earlier step of the series itself; the one with the least mean error makes the forecast, and the errors that
it made, as shares of what it forecast, make the band (split conformal prediction, Vovk et al. 2005, with the rank of
Lei et al. 2018). Errors of neighbouring steps hang together, so a short history gives a band that is itself uncertain:
``origins`` says how many there were.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analytics.kernels import F64

SEASONS = 4
"""The seasons that a mean is of."""
LEAST = 8
"""Origins without which nothing is said."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """The total of the next ``steps``; ``level`` is the share of such totals that the band held, at least, in the past."""

    expected: float
    lower: float
    upper: float
    level: float
    steps: int
    origins: int
    way: str


def to_come(value: F64, steps: int, season: int = 1, level: float = 0.8) -> Remainder | None:
    """The total of the ``steps`` values after ``value`` (float64[n], oldest first, one a step, all finite).

    ``season``: steps after which the pattern repeats. None where the history is too short to know how wrong it may be.
    Where no value is negative, no bound is. Raises ``ValueError`` for values that are not finite, or steps below one.
    """
    y = np.asarray(value, np.float64)
    if steps < 1 or season < 1 or not 0 < level < 1:
        raise ValueError(f"steps and season are from 1, level is a fraction; got {steps}, {season}, {level}")
    if not np.isfinite(y).all():
        raise ValueError("every value must be finite")
    first = 2 * season if season > 1 else 4
    origins = range(first, len(y) - steps + 1)
    if len(origins) < LEAST:
        return None
    actual = np.array([y[at : at + steps].sum() for at in origins])
    made = {name: np.array([way(y[:at], steps, season) for at in origins]) for name, way in WAYS.items()}
    name = min(made, key=lambda one: float(np.abs(actual - made[one]).mean()))
    point = WAYS[name](y, steps, season)
    base = np.maximum(np.abs(made[name]), max(float(np.abs(y).mean()), 1e-12))
    errors = np.sort(np.abs(actual - made[name]) / base)
    rank = min(int(np.ceil((len(errors) + 1) * level)), len(errors))
    reach = float(errors[rank - 1]) * max(abs(point), float(np.abs(y).mean()))
    lower = point - reach
    if (y >= 0).all():
        point, lower = max(point, 0.0), max(lower, 0.0)
    held = min(level, len(errors) / (len(errors) + 1))
    return Remainder(point, lower, point + reach, held, steps, len(errors), name)


def _phases(y: F64, steps: int, season: int, seasons: int) -> float:
    """The next steps, each as the mean of its phase over the last ``seasons``."""
    seasons = max(1, min(seasons, len(y) // season))
    profile = y[len(y) - seasons * season :].reshape(seasons, season).mean(axis=0)
    rounds, rest = divmod(steps, season)
    return float(profile.sum() * rounds + profile[:rest].sum())


def _mean(y: F64, steps: int, season: int) -> float:
    return _phases(y, steps, season, SEASONS)


def _last(y: F64, steps: int, season: int) -> float:
    return _phases(y, steps, season, 1)


def _grown(y: F64, steps: int, season: int) -> float:
    """The mean, grown as the second half of its seasons is beside the first, up to the middle of what is to come."""
    half = max(1, min(SEASONS, len(y) // season) // 2) * season
    newer, older = float(y[-half:].sum()), float(y[-2 * half : -half].sum())
    ratio = min(max(newer / older, 0.5), 2.0) if newer > 0 and older > 0 else 1.0
    return _phases(y, steps, season, SEASONS) * float(ratio ** ((half + steps / 2) / half))


WAYS: dict[str, Callable[[F64, int, int], float]] = {"mean of seasons": _mean, "last season": _last, "growth": _grown}
