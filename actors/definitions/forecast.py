"""A forecast: what one aggregate of one metric will be over its next steps, made anew again and again."""

from __future__ import annotations

from pydantic import Field, field_validator

from actors.definitions.schema import Aggregate, MetricName, Section

MOST_HORIZON = 200
MOST_STEPS = 4_000
MOST_KEYS = 50
ADDED_UP = ("count", "sum", "mean", "min", "max")
"""Aggregates that several windows have together."""


class Forecast(Section):
    """Forecast one aggregate of a metric, each key by itself."""

    metric: MetricName
    aggregate: Aggregate = "count"
    step_s: float | None = Field(default=None, gt=0, le=31 * 86_400)
    """One step of the forecast: a multiple of the metric's windows, which are added up. None: one window."""
    horizon: int = Field(default=24, ge=1, le=MOST_HORIZON)
    """How many steps ahead."""
    steps: int = Field(default=1_000, ge=24, le=MOST_STEPS)
    """How many of the newest steps it looks back on."""
    level: float = Field(default=80.0, ge=50, le=99)
    """How many percent of the outcomes the band is meant to hold."""
    keys: int = Field(default=10, ge=1, le=MOST_KEYS)
    """Of so many keys, those with the most rows first."""
    every_s: float | None = Field(default=None, ge=60, le=31 * 86_400)
    """How often it is made anew. None: once a step, and every five minutes at most."""

    @field_validator("step_s")
    @classmethod
    def _whole(cls, step_s: float | None) -> float | None:
        if step_s is not None and round(step_s * 1e6) != step_s * 1e6:
            raise ValueError("must be a whole number of microseconds")
        return step_s
