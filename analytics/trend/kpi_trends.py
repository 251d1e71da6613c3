"""The two questions asked of trends: of one series, and of the executive's figures over a period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from analytics.kernels import F64, I64, Bools
from analytics.kpis import Period, growth_rate
from analytics.trend.analyzer import Trend, analyze
from analytics.trend.direction import Direction


@dataclass(frozen=True, slots=True)
class History:
    """A figure's past, a row for each bucket: sums (``denominator`` None), or a rate's numerator and denominator."""

    time_us: I64
    value: F64 | I64
    denominator: F64 | I64 | None = None


@dataclass(frozen=True, slots=True)
class KpiTrend:
    """``growth_rate`` over the previous period, of totals, or of rates over all cases; ``trend`` over the whole history."""

    growth_rate: float | None
    trend: Direction | None
    current: float | None
    previous: float | None
    detail: Trend


@dataclass(frozen=True, slots=True)
class TrendAnalyzer:
    """Asks series where they go. ``alpha``: the chance to call a flat one up or down."""

    alpha: float = 0.05

    def analyze(self, time_us: I64, value: F64, period: int | None = None) -> Trend:
        """One series; see ``analytics.trend.analyze``."""
        return analyze(time_us, value, alpha=self.alpha, period=period)

    def analyze_trends(self, kpis: Mapping[str, History], period: Period) -> dict[str, KpiTrend]:
        """Each figure's growth, of ``period`` against the one before, and its direction over all rows up to its end."""
        return {name: self.of(history, period) for name, history in kpis.items()}

    def of(self, history: History, period: Period) -> KpiTrend:
        known: Bools = history.time_us < period.end_us
        value = np.asarray(history.value, np.float64)
        if history.denominator is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                value = value / np.asarray(history.denominator, np.float64)
        detail = self.analyze(history.time_us[known], value[known])
        current, previous = level(history, period), level(history, period.previous)
        rate = None if current is None or previous is None else growth_rate(current, previous)
        return KpiTrend(rate, detail.direction, current, previous, detail)


def level(history: History, period: Period) -> float | None:
    """The period's total, or its rate over all cases; None without rows, without cases, or where a value is missing."""
    inside: Bools = (history.time_us >= period.start_us) & (history.time_us < period.end_us)
    if not inside.any():
        return None
    total = exact(history.value[inside])
    cases = 1.0 if history.denominator is None else exact(history.denominator[inside])
    return total / cases if cases > 0 and np.isfinite(total) and np.isfinite(cases) else None


def exact(values: F64 | I64) -> float:
    """The sum, rounded once; of whole numbers without wrapping."""
    if values.dtype.kind == "i":
        return float(sum(values.tolist()))
    with np.errstate(over="ignore", invalid="ignore"):
        return float(values.sum())
