"""A metric: event-time windows over one stream."""

from __future__ import annotations

import re
from typing import Self

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from actors.alerts.checking import Measure
from actors.definitions.schema import MetricName, Section
from actors.gauges import UNITS
from events.catalog import BACKSTAGE, LATE_ROWS, METRICS, STREAMS, SYSTEM_METRICS
from events.nearest import did_you_mean

DAY_S = 86_400
OF_METRICS = (METRICS.name, LATE_ROWS.name)
"""Streams that the metrics analyzer writes."""

_COLUMN = re.compile(r"\{([a-z_]+)\}")


class Metric(Section):
    """Event-time windows over one stream, per key.

    ``name`` may be ``{column}``: each value of that column is then a metric of its own (the gauges of `system_metrics`).
    """

    name: MetricName
    stream: str
    types: tuple[str, ...] | None = None
    """Only rows of these event types; None: all."""
    key: str | None = None
    """One series for each value of this column; None: one series in all."""
    value: str | None = None
    """The numeric column that sum, mean, min, max and the quantiles are of; None: only rows are counted."""
    distinct: str | None = None
    """The column whose distinct values are counted."""
    width_s: float = Field(default=10.0, gt=0, le=366 * DAY_S, allow_inf_nan=False)
    lateness_s: float = Field(default=30.0, ge=0, le=366 * DAY_S, allow_inf_nan=False)
    """How long a closed window still takes late rows, by publishing a revision."""
    unit: str | None = Field(default=None, min_length=1, max_length=20)
    """What ``value`` is measured in, for messages (``ms``). Amounts by currency are known to be money."""
    sketches: bool = True
    """Whether quantiles (of ``value``) and distinct counts are kept."""

    @field_validator("width_s")
    @classmethod
    def _is_wide_enough(cls, width_s: float) -> float:
        if width_s < 0.001:
            raise ValueError(f"a window is at least 0.001 s wide, not {width_s:g}")
        return width_s

    @model_validator(mode="after")
    def _names_real_columns(self) -> Self:
        if self.stream not in STREAMS or self.stream in BACKSTAGE:
            known = ", ".join(name for name in STREAMS if name not in BACKSTAGE)
            hint = did_you_mean(self.stream, STREAMS)
            raise ValueError(f"there is no stream {self.stream!r}{hint}; streams are {known}, and those of plug-ins")
        if self.stream in OF_METRICS:
            raise ValueError(f"stream: {self.stream} is made of the metrics, and they cannot be made of it")
        schema = STREAMS[self.stream].schema
        named = {"name": self.named_by, "key": self.key, "distinct": self.distinct, "value": self.value}
        for field, column in named.items():
            if column is None:
                continue
            if column not in schema.names:
                raise ValueError(f"{field}: {self.stream} has no column {column!r}; it has {', '.join(schema.names)}")
            if pa.types.is_list(schema.field(column).type):
                raise ValueError(f"{field}: column {column!r} holds lists")
            numeric = pa.types.is_integer(schema.field(column).type) or pa.types.is_floating(schema.field(column).type)
            if numeric != (field == "value"):
                raise ValueError(f"{field}: column {column!r} {'is a number' if numeric else 'holds no numbers'}")
        return self

    @property
    def named_by(self) -> str | None:
        """The column that names the metric, where it is not named outright."""
        match = _COLUMN.fullmatch(self.name)
        return match.group(1) if match else None

    @property
    def measure(self) -> Measure:
        """What a rule about this metric needs to know of it."""
        names: tuple[str, ...] | None = (self.name,)
        if self.named_by is not None:  # the gauges are ours and known; what products send is not
            gauges = (self.stream, self.named_by) == (SYSTEM_METRICS.name, "type")
            names = tuple(g for g in UNITS if self.types is None or g in self.types) if gauges else None
        return Measure(
            self.name, names, self.key, self.value is not None, self.distinct is not None, self.sketches, self.width_s
        )
