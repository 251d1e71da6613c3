"""What the schemas of all kinds share: strictness, and the forms of names."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

Aggregate = Literal["count", "sum", "mean", "min", "max", "p50", "p95", "p99", "distinct"]
MetricName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]*$|^\{[a-z_]+\}$", max_length=120)]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=64)]
Span = Literal["15m", "1h", "6h", "24h", "7d", "30d", "90d"]
"""A time range as the page's top bar has them."""
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class Section(BaseModel):
    """A part of a configuration: immutable, and strict about its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
