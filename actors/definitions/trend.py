"""A trend watch: whether one aggregate of one metric rises or falls over its recent windows."""

from __future__ import annotations

from pydantic import Field

from actors.definitions.schema import Aggregate, MetricName, Section

MOST_WINDOWS = 1_000


class Trend(Section):
    """Watch where one aggregate of a metric is going, each key by itself."""

    metric: MetricName
    aggregate: Aggregate = "count"
    windows: int = Field(default=120, ge=16, le=MOST_WINDOWS)
    """Over how many of the newest windows."""
    alpha: float = Field(default=0.01, gt=0, le=0.2)
    """How likely a series that goes nowhere may be said to rise or fall, once in so many windows. With several keys: the
    share of false ones among those that are said to."""
