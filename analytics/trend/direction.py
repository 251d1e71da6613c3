"""Does it rise or fall, how fast, and how sure is that: Mann-Kendall and Theil-Sen for serially correlated data.

Mann (1945) and Kendall count the pairs that rise less those that fall; Theil (1950) and Sen (1968) take the median slope
of the pairs, and the test inverted gives its interval. With a season only pairs of the same phase are compared (Hirsch,
Slack, Smith 1982). Serial correlation makes the count vary more than independence says; its variance is multiplied,
as Hamed and Rao (1998) do, by what the correlation of the detrended values amounts to (see ``inflation``). Test and
interval use one variance: the direction is up or down where the interval leaves out zero (ties apart).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from analytics.kernels import F64, I64
from analytics.trend.serial import effective, inflation

Direction = Literal["up", "flat", "down"]
PAIRED = 1000
"""Values that are compared each with each; longer series are averaged in blocks first."""


@dataclass(frozen=True, slots=True)
class Slope:
    """Change of the value for each ``unit_us`` of time, with its interval at ``level``."""

    value: float
    lower: float
    upper: float
    level: float
    unit_us: int


@dataclass(frozen=True, slots=True)
class Test:
    """``p_value`` of no trend, two-sided. ``inflation``: how many times serial correlation multiplies the variance."""

    name: str
    statistic: float
    p_value: float
    tau: float
    """Kendall's: share of rising pairs less that of falling ones, ties counted as neither."""
    inflation: float


def blocks(time: F64, value: F64, width: int) -> tuple[F64, F64]:
    """Means of each ``width`` consecutive values and times; the oldest few that fill no block are left out."""
    keep = len(value) // width * width
    return (
        time[len(time) - keep :].reshape(-1, width).mean(axis=1),
        value[len(value) - keep :].reshape(-1, width).mean(axis=1),
    )


def direction(
    time: F64, value: F64, phase: I64 | None, alpha: float
) -> tuple[Direction, Test, tuple[float, float, float]]:
    """Direction, its test, and (slope, lower, upper) a unit of ``time``. At most ``PAIRED`` values, in order of time.

    ``phase``: which part of the season each value belongs to; None without a season.
    """
    from scipy.special import stdtr, stdtrit

    n = len(value)
    earlier, later = np.triu_indices(n, 1)
    if phase is not None:
        same = phase[earlier] == phase[later]
        earlier, later = earlier[same], later[same]
    rise = value[later] - value[earlier]
    slopes = rise / (time[later] - time[earlier])
    signs = np.sign(rise)
    score = float(signs.sum())
    slope = float(np.median(slopes))
    groups = np.zeros(n, np.int64) if phase is None else phase
    independent = sum(untrended_variance(value[groups == group]) for group in np.unique(groups))
    weights, residual = within(np.arange(n, dtype=np.float64), groups), within(value - slope * time, groups)
    times = inflation(residual, weights)
    deviation = float(np.sqrt(times * independent))
    freedom = effective(n, times)
    reach = float(stdtrit(freedom, 1 - alpha / 2)) * deviation + 1
    statistic = np.sign(score) * max(abs(score) - 1, 0.0) / deviation if deviation > 0 else 0.0
    p = float(2 * stdtr(freedom, -abs(statistic)))
    found: Direction = "flat" if p >= alpha else "up" if score > 0 else "down"
    lower, upper = bounds(slopes, reach)
    name = "Mann-Kendall" if phase is None else "seasonal Kendall"
    return found, Test(name, float(statistic), p, score / max(len(rise), 1), times), (slope, lower, upper)


def untrended_variance(value: F64) -> float:
    """Variance of Kendall's count over all orders of these values (Kendall 1975), ties included."""
    n, ties = float(len(value)), np.unique(value, return_counts=True)[1].astype(np.float64)
    return (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18


def within(value: F64, group: I64) -> F64:
    """``value`` less the mean of its group."""
    return value - (np.bincount(group, value) / np.maximum(np.bincount(group), 1))[group]


def bounds(slopes: F64, reach: float) -> tuple[float, float]:
    """Sen's interval: the slopes whose ranks lie ``reach`` pairs of the count around the middle."""
    pairs = len(slopes)
    low = int(np.floor((pairs - reach) / 2))
    low, high = max(low, 0), min(pairs - 1 - low, pairs - 1)
    ordered = np.partition(slopes, (low, high))
    return float(ordered[low]), float(ordered[high])
