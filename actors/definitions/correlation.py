"""A correlation watch: which of several series of metrics move together, and which of two goes first."""

from __future__ import annotations

import re
from typing import Self

from pydantic import Field, model_validator

from actors.definitions.schema import Section, Title

SERIES = re.compile(
    r"^(?P<metric>[A-Za-z_][A-Za-z0-9_.]*)\.(?P<aggregate>count|sum|mean|min|max|p50|p95|p99|distinct)(\[(?P<key>[^\]]*)\])?$"
)


class Correlation(Section):
    """Watch which of ``series`` move together, over their newest windows, also where one follows the other."""

    name: Title
    series: tuple[str, ...] = Field(min_length=2, max_length=30)
    """Each ``metric.aggregate``, or ``metric.aggregate[key]`` for one key; without a key the one of no name."""
    windows: int = Field(default=120, ge=32, le=2_000)
    max_lag: int = Field(default=5, ge=0, le=100)
    """By how many windows one may follow another."""
    fdr: float = Field(default=0.01, gt=0, le=0.2)
    """The share of false pairs that is allowed among those that are found (false discovery rate)."""

    @model_validator(mode="after")
    def _can_be_compared(self) -> Self:
        for series in self.series:
            if not SERIES.match(series):
                raise ValueError(
                    f"series: {series!r} is no series; write metric.aggregate, such as events.count or revenue.sum[EUR]"
                )
        if len(set(self.series)) < len(self.series):
            raise ValueError("series: one of them is there twice")
        if self.max_lag * 4 > self.windows:
            raise ValueError(f"max_lag: {self.max_lag} is more than a quarter of {self.windows} windows")
        return self


def parted(series: str) -> tuple[str, str, str]:
    """(metric, aggregate, key) of ``metric.aggregate[key]``; the key is empty where none is said."""
    found = SERIES.match(series)
    if found is None:
        raise ValueError(f"{series!r} is no series")
    return found["metric"], found["aggregate"], found["key"] or ""
