"""Definitions as ``control`` tells them to folds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from actors.analyzers.metric_series import MetricSpec

SECOND = 1_000_000


def said_of(spec: MetricSpec) -> dict[str, Any]:
    """What the event of a metric says."""
    said = {
        "name": spec.name, "stream": spec.stream, "types": spec.types, "key": spec.key, "value": spec.value,
        "distinct": spec.distinct, "width_s": spec.width_us / SECOND, "lateness_s": spec.lateness_us / SECOND,
        "sketches": spec.sketches,
    }  # fmt: skip
    return {"spec": said, "bound_s": spec.bound_us / SECOND, "owner": "api", "by": "ada"}


def metrics_defined(specs: Iterable[MetricSpec], at: int = 0) -> dict[str, Any]:
    """Columns of the rows of ``control`` that define metrics, in this order."""
    told = [(spec.name, json.dumps(said_of(spec))) for spec in specs]
    return {
        "type": "metric.defined",
        "subject": [name for name, _ in told],
        "data": [data for _, data in told],
        "time": at,
        "received": at,
    }
