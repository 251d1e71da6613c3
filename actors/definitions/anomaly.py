"""An anomaly watch: one aggregate of one metric beside what its own past leads to expect."""

from __future__ import annotations

from pydantic import Field

from actors.definitions.schema import Aggregate, MetricName, Section


class Anomaly(Section):
    """Watch one aggregate of a metric for values that its own past does not lead to expect."""

    metric: MetricName
    aggregate: Aggregate = "count"
    false_alarms_per_week: float = Field(default=3.0, gt=0)
    """How many windows of a well-behaved week may be called anomalies."""
