"""Collecting: the newest rows of every stream, each source by itself, merged into one table with a status for each."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypedDict

import pyarrow as pa

from events.errors import Rejected
from events.nearest import did_you_mean
from hindcast.engine.merging import DataMerger

if TYPE_CHECKING:
    from hindcast.client import Client

logger = logging.getLogger(__name__)
GROUPS: Mapping[str, tuple[str, ...]] = {
    "user_behavior": ("user_interactions", "website_analytics"),
    "system_metrics": ("system_metrics", "system_logs", "api_metrics"),
    "business_metrics": ("business_events", "email_campaigns"),
    "external_data": ("external_apis", "social_media"),
}
"""The engine's four groups of streams."""
ROWS = 10_000
"""Newest rows of each stream that are collected, unless told otherwise."""
SHARED = ("time", "received", "type", "subject", "source", "id", "value")
"""The columns that the merged table has; what else a stream has is read by SQL."""


class SourceStatus(TypedDict):
    """How one stream fared. ``status``: ``ok | empty | failed | missing``; ``error`` says why it failed."""

    status: str
    rows: int
    freshness_s: float | None
    """Age of its newest row in seconds; None: it has none."""
    error: str


class Collected(NamedTuple):
    """``rows``: one table, ordered by time; ``sources``: a status for each stream that was asked."""

    rows: pa.Table
    sources: dict[str, SourceStatus]


def streams_of(groups: Iterable[str]) -> list[str]:
    """The streams of several groups. Raises ``Rejected`` listing the groups where one is unknown."""
    found: list[str] = []
    for group in groups:
        if group not in GROUPS:
            raise Rejected(
                "data_type",
                f"is none that there is: {group!r}{did_you_mean(group, GROUPS)}; there are {', '.join(GROUPS)}",
            )
        found += GROUPS[group]
    return found


def collect(client: Client, streams: Iterable[str], rows: int = ROWS) -> Collected:
    """The newest ``rows`` of each of ``streams``. One that fails is named in its status, and the others are there."""
    there = {stream["name"]: stream["rows"] for stream in client.streams()}
    tables: dict[str, pa.Table] = {}
    sources: dict[str, SourceStatus] = {}
    for stream in streams:
        if stream not in there:
            sources[stream] = {
                "status": "missing",
                "rows": 0,
                "freshness_s": None,
                "error": "this system has no such stream",
            }
            continue
        try:
            table = _newest(client, stream, rows)
        except Exception as error:  # noqa: BLE001 - whatever it is: the others are collected all the same
            logger.error("Error collecting %s: %s", stream, error)
            sources[stream] = {"status": "failed", "rows": 0, "freshness_s": None, "error": str(error)}
            continue
        newest: Any = table.column("time")[-1].as_py() if len(table) else None
        age_s = max(0.0, (datetime.now(UTC) - newest).total_seconds()) if newest is not None else None
        sources[stream] = {
            "status": "ok" if len(table) else "empty",
            "rows": len(table),
            "freshness_s": age_s,
            "error": "",
        }
        tables[stream] = table
    return Collected(DataMerger().merge_by_timestamp(tables), sources)


def _newest(client: Client, stream: str, rows: int) -> pa.Table:
    known = {row["column_name"] for row in client.query(f"SELECT column_name FROM (DESCRIBE {stream})")}
    wanted = ", ".join(
        f"{name}::VARCHAR AS {name}" if name in ("type", "source", "subject", "id") else name
        for name in SHARED
        if name in known
    )
    newest = f"SELECT {wanted} FROM {stream} ORDER BY time DESC, received DESC LIMIT {int(rows)}"
    return client.sql(f"SELECT * FROM ({newest}) ORDER BY time, received", limit=int(rows))
