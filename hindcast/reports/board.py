"""A dashboard as a report: what each widget shows, as figures, lines and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.plots import Axis, Line, chart
from events.errors import Rejected
from hindcast.reports.page import Section, Sheet, Table, Tile
from hindcast.reports.writing import NOTHING, Writing
from query.business.periods import Period, period_of
from query.moments import at_us, seconds_of

if TYPE_CHECKING:
    from hindcast.client import Client

TOPICS = {
    "business_metrics": "business_metrics",
    "revenue_tracking": "revenue_tracking",
    "campaign_performance": "campaign_performance",
    "user_activity": "user_activity",
    "measure": "user_activity",
    "top_events": "top_events",
    "late_rows": "late_rows",
    "alert_system": "alerts",
}
"""The topics of the views that come with the system."""
FIGURES = {
    "count": "sum(count)",
    "sum": "sum(sum)",
    "mean": "sum(sum) / nullif(sum(count), 0)",
    "min": "min(min)",
    "max": "max(max)",
    "distinct": 'max("distinct")',
}
ROWS, LINES, POINTS = 50, 6, 60


def board(
    client: Client, name: str, spec: Mapping[str, Any], write: Writing, period: str, as_of: datetime | str | None
) -> Sheet:
    """Widgets of a metric are over ``period``; those of a topic as it is, or was at ``as_of``."""
    now = _now(as_of)
    over = period_of(period, now, str(write.zone), "period")
    then = as_of.isoformat() if isinstance(as_of, datetime) else as_of
    reading = _Reading(client, write, over, then)
    tiles: list[Tile] = []
    sections: list[Section] = []
    for widget in spec.get("widgets", ()):
        found = reading.widget(widget)
        if isinstance(found, Tile):
            tiles.append(found)
        elif found is not None:
            sections.append(found)
    lead = f"{write.time(at_us(over.since_us))} to {write.time(at_us(over.until_us))}, {write.zone}"
    first = [Section("", tiles=tiles)] if tiles else []
    foot = f"As of {write.time(now)}. Figures of metrics are over the period, of live views as they were then."
    return Sheet(str(spec.get("name") or name), lead, [*first, *sections], [foot], str(write.locale).replace("_", "-"))


def _now(as_of: datetime | str | None) -> float:
    """Seconds UTC that the period is counted from; of a token, which says none, now."""
    now = datetime.now(UTC).timestamp()
    if isinstance(as_of, datetime):
        return as_of.timestamp()
    try:
        return seconds_of(as_of, now, "as_of") if as_of else now
    except Rejected:
        return now


class _Reading:
    def __init__(self, client: Client, write: Writing, period: Period, then: str | None) -> None:
        self._client, self._write, self._period, self._then = client, write, period, then
        self._known: dict[str, Mapping[str, Any]] = {}

    def widget(self, widget: Mapping[str, Any]) -> Section | Tile | None:
        """None for what has no figures of its own."""
        title = str(widget.get("title") or widget["id"])
        options = widget.get("options") or {}
        if widget["type"] == "text":
            return Section(title, texts=str(options.get("text", "")).split("\n\n"))
        if widget.get("metric"):
            return self._metric(title, widget["type"], widget["metric"], options)
        topic = widget.get("topic") or TOPICS.get(widget["type"])
        if topic is None:
            return None
        data = self._topic(topic)
        if widget["type"] in ("number", "measure"):
            way = options.get("value") or f"{options.get('measure')}.v"
            before = options.get("before") or (f"{options['measure']}.prev" if options.get("measure") else "")
            return self._tile(title, data, way, before, options)
        return Section(title, table=self._table(data, options))

    def _topic(self, topic: str) -> Mapping[str, Any]:
        if topic not in self._known:
            self._known[topic] = self._client.dashboard(topic, as_of=self._then)["data"]
        return self._known[topic]

    def _tile(self, title: str, data: Any, way: str, before: str, options: Mapping[str, Any]) -> Tile:
        value, earlier = field_at(data, way), field_at(data, before) if before else None
        below = f"vs {self._text(earlier, options)} before" if isinstance(earlier, (int, float)) else ""
        return Tile(title, self._text(value, options), below)

    def _text(self, value: Any, options: Mapping[str, Any]) -> str:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return NOTHING if value is None else str(value)[:200]
        form, unit = options.get("format"), options.get("unit") or ""
        if form == "money":
            return self._write.money(value, unit or "USD")
        if form == "percent":
            return self._write.percent(value)
        return f"{self._write.number(value)} {unit}".strip()

    def _table(self, data: Any, options: Mapping[str, Any]) -> Table:
        rows = list(rows_of(field_at(data, options["rows"]) if options.get("rows") else data))[
            : options.get("limit") or ROWS
        ]
        named = [(c["field"], c.get("title") or c["field"], c) for c in options.get("columns") or ()]
        if not named:
            keys = dict.fromkeys(
                key for row in rows for key, value in row.items() if not isinstance(value, (dict, list))
            )
            named = [(key, key.replace("_", " "), {}) for key in keys]
        return Table(
            [title for _, title, _ in named],
            [[self._text(field_at(row, way), about) for way, _, about in named] for row in rows],
        )

    def _metric(self, title: str, kind: str, metric: str, options: Mapping[str, Any]) -> Section | Tile:
        figure = FIGURES[options.get("aggregate") or "count"]
        money = options.get("unit") == "money"
        since, until = (at_us(us).isoformat() for us in (self._period.since_us, self._period.until_us))
        bounds = f"start >= '{since}' AND start < '{until}'"
        where = f"metric = '{metric.replace(chr(39), chr(39) * 2)}' AND {bounds}"
        sql = f"SELECT coalesce(key, '') AS key, {figure} AS v FROM metrics_latest WHERE {where} GROUP BY 1 ORDER BY 2 DESC"
        series = self._client.query(sql, limit=1_000, as_of=self._then)

        def written(row: Mapping[str, Any]) -> str:
            return self._write.money(row["v"], row["key"] or "USD") if money else self._text(row["v"], options)

        if kind == "metric":
            if money or len(series) == 1:
                return Tile(title, written(series[0]) if series else NOTHING, ", ".join(map(written, series[1:4])))
            total = self._client.query(f"SELECT {figure} AS v FROM metrics_latest WHERE {where}", as_of=self._then)
            return Tile(title, self._text(total[0]["v"] if total else None, options))
        table = Table(["Series", title], [[row["key"] or "all", written(row)] for row in series[:ROWS]])
        return Section(title, picture=self._line(title, where, figure, series) if kind == "line" else "", table=table)

    def _line(self, title: str, where: str, figure: str, series: Sequence[Mapping[str, Any]]) -> str:
        width = max(60, (self._period.until_us - self._period.since_us) // 1_000_000 // POINTS)
        rows = self._client.query(
            f"""SELECT coalesce(key, '') AS key, epoch(start)::BIGINT // {width} * {width} AS t, {figure} AS v
              FROM metrics_latest WHERE {where} GROUP BY 1, 2 ORDER BY 2""",
            as_of=self._then,
        )
        marks = [
            Line(
                np.array([r["t"] * 1e6 for r in own]), np.array([float(r["v"] or 0) for r in own]), one["key"] or title
            )
            for one in series[:LINES]
            if (own := [r for r in rows if r["key"] == one["key"]])
        ]
        if not marks:
            return ""
        return chart(
            marks, title=title, description=f"{title} over the period", x=Axis(kind="time"), width=860, height=220
        )


def field_at(data: Any, way: str) -> Any:
    """A field by its way, with dots; of a list of values the last. None where there is none."""
    here = data
    for part in way.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here[-1] if isinstance(here, list) and here and not isinstance(here[-1], (dict, list)) else here


def rows_of(data: Any) -> Iterable[Mapping[str, Any]]:
    """A list of objects, an object by key, or columns of one length, as rows."""
    if isinstance(data, Mapping) and set(data) == {"rows"}:
        data = data["rows"]
    if isinstance(data, list):
        yield from (row if isinstance(row, Mapping) else {"value": row} for row in data)
    elif isinstance(data, Mapping) and data and all(isinstance(column, list) for column in data.values()):
        yield from (dict(zip(data, row, strict=False)) for row in zip(*data.values(), strict=False))
    elif isinstance(data, Mapping):
        for key, row in data.items():
            yield {"key": key, **(_flat(row) if isinstance(row, Mapping) else {"value": row})}


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Objects within an object, by their ways: two levels deep, without lists."""
    found: dict[str, Any] = {}
    for key, value in row.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{key} ") if before.count(" ") < 2 else {}
        elif not isinstance(value, list):
            found[before + key] = value
    return found
