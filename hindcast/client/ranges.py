"""The answer to a range of metrics."""

from __future__ import annotations

from typing import Any, TypedDict


class MetricRange(TypedDict):
    """``since``, ``until``, ``bucket``: seconds. ``rows``: one for each bucket of a series that has windows, as ``columns``
    says; ``place`` counts buckets, ``now`` is false for those of the span before."""

    since: float
    until: float
    bucket: float
    before: float | None
    columns: list[str]
    rows: list[list[Any]]
    rollups: str
    reread: int
    as_of: str
