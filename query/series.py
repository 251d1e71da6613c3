"""Which metrics, and which of their keys, have samples."""

from __future__ import annotations

from collections.abc import Mapping

from events.catalog import METRICS
from query.history import History

NEWEST = 20_000
"""Samples looked at: a bound on the time it takes, whatever the age of the log."""


def seen_series(history: History, newest: int = NEWEST) -> Mapping[str, frozenset[str]]:
    """The keys of each metric among the ``newest`` samples; "" is the key of a metric without keys."""
    table = history.last(METRICS.name, newest).rows.select(["metric", "key"]).group_by(["metric", "key"]).aggregate([])
    found: dict[str, set[str]] = {}
    for row in table.to_pylist():
        if (
            row["metric"] is not None and row["key"] is not None
        ):  # else it says that windows are closed, not what was in them
            found.setdefault(row["metric"], set()).add(row["key"])
    return {metric: frozenset(keys) for metric, keys in found.items()}
