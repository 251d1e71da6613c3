"""What a shared dashboard may be told: the figures of its widgets, and no others, with the filter that nobody can lift.

Who has a link sends no SQL. He names a widget of the dashboard and a time range; the statement is made here, of the widget's
definition. A widget to which a filter cannot be applied is not shown at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from actors.definitions.dashboard import Dashboard
from actors.definitions.widget import Widget
from events.errors import Rejected

WITHHELD = "This link shows only the rows of {field}, and these figures are not kept by it."


class Over(BaseModel):
    """``back``: how many seconds before the range what it is compared with begins; 0: nothing. ``bucket``: seconds."""

    start: float = Field(ge=0, le=4e9, alias="from")
    to: float = Field(ge=0, le=4e9)
    back: float = Field(default=0, ge=0, le=4e9)
    bucket: float = Field(default=60, ge=1, le=4e9)
    zone: str = Field(default="UTC", max_length=60)
    interval: Literal["hour", "day", "week", "month"] | None = None
    compare: bool = False
    shape: Literal["series", "week"] = "series"
    filters: dict[str, str] = Field(default_factory=dict[str, str], max_length=20)

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\0", "") + "'"


def withheld(widget: Widget, conditions: Mapping[str, str], metrics: Mapping[str, Mapping[str, Any]]) -> str:
    """Why a widget cannot be shown with these conditions; empty where it can. ``metrics``: specs, by name."""
    if widget.type == "text" or not conditions:
        return ""
    if widget.question is not None or widget.query is not None:
        return ""
    if widget.metric is not None:
        key = metrics.get(widget.metric, {}).get("key")
        wrong = [field for field in conditions if field != key]
        return WITHHELD.format(field=wrong[0]) if wrong else ""
    return WITHHELD.format(field=next(iter(conditions)))


def shown(
    dashboard: Dashboard, conditions: Mapping[str, str], metrics: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """The dashboard as a link shows it: a widget that cannot be filtered says so in its place."""
    spec = dashboard.model_dump(mode="json", exclude_none=True)
    for told, widget in zip(spec["widgets"], dashboard.widgets, strict=True):
        reason = withheld(widget, conditions, metrics)
        if reason:
            told.clear()
            title = {} if widget.title is None else {"title": widget.title}
            told.update({"id": widget.id, "type": "text", "options": {"text": reason}, **title})
    fixed = [one for one in spec.get("filters", []) if one["field"] not in conditions]
    return {**spec, "filters": fixed}


def question_over(widget: Widget, over: Over, conditions: Mapping[str, str]) -> dict[str, Any]:
    """The widget's question over a range, about the rows that meet the conditions."""
    asked = dict(widget.question or {})
    if asked.get("ask") == "cohort":
        if conditions:
            raise Rejected("filters", "a cohort is of users, and cannot be filtered by a property of rows")
        return {**asked, "zone": over.zone, "until": str(over.to)}
    where = [*asked.get("where", ()), *({"name": name, "value": value} for name, value in conditions.items())]
    spanned = {**asked, "where": where, "since": str(over.start), "until": str(over.to), "zone": over.zone}
    if asked.get("ask") == "trends":
        spanned |= {"compare": "prior"} if over.compare else {}
    if over.interval is not None and asked.get("ask") in ("trends", "users"):
        spanned.setdefault("interval", over.interval)
    return spanned


def query_over(sql: str, over: Over, conditions: Mapping[str, str]) -> str:
    """A kept statement over a range: ``$since`` and ``$until`` stand for it, and conditions are on columns of its answer."""
    statement = spanned(sql, over)
    if not conditions:
        return statement
    said = " AND ".join(
        f'CAST("{name.replace(chr(34), chr(34) * 2)}" AS VARCHAR) = {quoted(value)}'
        for name, value in conditions.items()
    )
    return f"SELECT * FROM (\n{statement.rstrip().rstrip(';')}\n) WHERE {said}"


def spanned(sql: str, over: Over) -> str:
    """``sql`` with the moments that ``$since`` and ``$until`` stand for."""
    return sql.replace("$since", f"to_timestamp({over.start})").replace("$until", f"to_timestamp({over.to})")


def metric_over(metric: str, over: Over, conditions: Mapping[str, str]) -> str:
    """The statement for a metric: its series by bucket, or by the hour of the week, as ``ask/metrics.ts`` reads them."""
    keys = "".join(f" AND key = {quoted(value)}" for value in conditions.values())
    of = f"metric = {quoted(metric)}{keys}"
    if over.shape == "week":
        return f"""SELECT (hour // 24 + 3) % 7 AS day, hour % 24 AS hour, sum(n)::DOUBLE AS n, sum(total) AS total
          FROM (SELECT floor(epoch(start) / 3600)::BIGINT AS hour, count AS n, sum AS total FROM metrics_latest
          WHERE {of} AND epoch(start) >= {over.start} AND epoch(start) < {over.to}) GROUP BY ALL"""
    begin = over.start - over.back
    length = over.to - over.start
    return f"""
      SELECT metric, coalesce(key, '') AS key, epoch(start) >= {over.start} AS is_now,
        floor((epoch(start) - if(epoch(start) >= {over.start}, {over.start}, {begin})) / {over.bucket})::INT AS place,
        sum(count) AS n, sum(sum) AS total, min(min) AS least, max(max) AS most, max(distinct_count) AS people
      FROM metrics_latest WHERE {of} AND epoch(start) >= {begin} AND epoch(start) < {over.to}
        AND (epoch(start) >= {over.start} OR epoch(start) < {begin + length})
      GROUP BY ALL ORDER BY metric, key, is_now, place"""


def widget_of(dashboard: Dashboard, id: str) -> Widget:
    """Raises ``Rejected`` where the dashboard has none of that id."""
    found = next((widget for widget in dashboard.widgets if widget.id == id), None)
    if found is None:
        raise Rejected("widget", f"there is no widget {id!r} on this dashboard")
    return found


def joined(held: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Conditions that the link fixes, and those that its reader chose besides. Raises ``Rejected`` where they clash."""
    for field, value in chosen.items():
        if held.get(field, value) != value:
            raise Rejected("filters", f"{field!r} is fixed by this link")
    return {**chosen, **held}
