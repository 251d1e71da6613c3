"""How each of the six models is made of a system's log: which rows, and which columns say what.

The three about people learn from a dataset of the label that has the model's name (docs/features.md), so that they are
asked by ``user_id``. The others learn from a table that SQL makes; its statement is in the settings (``models.<name>.sql``),
or the one here, which reads what the presets' platforms send.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from analytics.models.schema import WrongInput

if TYPE_CHECKING:
    from hindcast.client import Client

PEOPLE = ("churn_prediction", "user_retention", "conversion_prediction")
EVERY = {"conversion_prediction": "1d"}
"""Moments of the past that datasets are made of, where that is not once a week: who may convert is soon decided."""
WEEK = "7d"
MOST_ROWS = 60_000
REVENUE = """
SELECT time, amount / 100.0 AS amount, subject AS customer FROM user_interactions
WHERE type IN ('Payment Succeeded', 'Invoice Paid', 'Order Completed') AND amount IS NOT NULL AND currency = (
  SELECT currency FROM user_interactions WHERE type IN ('Payment Succeeded', 'Invoice Paid', 'Order Completed')
    AND amount IS NOT NULL GROUP BY currency ORDER BY count(*) DESC LIMIT 1)
ORDER BY time"""
CAMPAIGNS = """
WITH spent AS (
  SELECT date_trunc('day', time) AS day, properties->>'channel' AS channel,
    sum(coalesce(value, CAST(properties->>'value' AS DOUBLE))) AS spend
  FROM user_interactions WHERE type = 'Ad Spend Recorded' GROUP BY ALL),
seen AS (
  SELECT date_trunc('day', time) AS day, coalesce(properties->>'utm_source', properties->>'channel') AS channel,
    count(*) FILTER (type IN ('page.viewed', 'Trial Started')) AS reach,
    count(*) FILTER (type = 'Trial Started') AS engagement,
    count(*) FILTER (type = 'Trial Converted') AS conversions
  FROM user_interactions GROUP BY ALL)
SELECT spent.channel, dayofweek(spent.day) AS weekday, spend, greatest(reach, engagement, 0) AS reach,
  greatest(coalesce(engagement, 0), coalesce(conversions, 0)) AS engagement, coalesce(conversions, 0) AS conversions
FROM spent LEFT JOIN seen ON seen.day = spent.day AND seen.channel = spent.channel
WHERE spend > 0 ORDER BY spent.day"""
CONTENT = """
SELECT s.properties->>'campaign' AS variant, s.properties->>'method' AS method, dayofweek(s.time) AS weekday,
  hour(s.time) AS hour, max(e.subject IS NOT NULL) AS response
FROM user_interactions s
LEFT JOIN user_interactions e ON e.subject = s.subject AND e.type = 'Course Enrolled' AND e.time >= s.time
  AND e.time < s.time + INTERVAL 14 DAY
WHERE s.type = 'Signed Up' AND s.properties->>'campaign' IS NOT NULL
  AND s.time < (SELECT max(time) FROM user_interactions) - INTERVAL 14 DAY
GROUP BY s.subject, s.time, s.properties->>'campaign', s.properties->>'method'"""


@dataclass(frozen=True)
class Lesson:
    """What a model learns from. ``settings`` are of its trainer; ``about`` says what the table is."""

    table: Any
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    about: Mapping[str, Any] = field(default_factory=dict[str, Any])


def lesson(client: Client, name: str, settings: Mapping[str, Any]) -> Lesson:
    """The rows for the model ``name``. Raises ``WrongInput`` where the log has none, ``ApiError`` for what is no question.

    ``settings``: ``sql`` is the statement of the table, ``every``, ``horizon`` and ``since`` are of a dataset; the others go
    to the model's training.
    """
    own = {key: value for key, value in settings.items() if key not in ("sql", "every", "horizon", "since", "deploy")}
    if name in PEOPLE and "sql" not in settings:
        return _of_people(client, name, settings, own)
    sql = str(settings.get("sql") or STATEMENTS[name])
    answer = client.result(sql, limit=1_000_000)
    columns = [column["name"] for column in answer["columns"]]
    if not answer["rows"]:
        raise WrongInput("", f"the log has no rows for {name} yet")
    table = {column: [row[i] for row in answer["rows"]] for i, column in enumerate(columns)}
    return Lesson(table, {**DEFAULTS.get(name, {}), **own}, {"sql": sql, "as_of": answer["as_of"]})


def _of_people(client: Client, name: str, settings: Mapping[str, Any], own: Mapping[str, Any]) -> Lesson:
    asked = {key: settings[key] for key in ("horizon", "since") if key in settings}
    label = "churn_prediction" if name == "user_retention" and "label" not in settings else settings.get("label", name)
    data = client.dataset(label, every=settings.get("every", EVERY.get(name, WEEK)), sample=MOST_ROWS, **asked)
    days = _days(str(data.report["label"]["horizon"]))
    wanted = {"target": "label", "positive": 1, "time_col": "at", "ignore": ["key"], "horizon_days": days}
    rest = {key: value for key, value in own.items() if key != "label"}
    about = {"dataset": data.said, "as_of": data.as_of, "digest": data.digest, "warnings": data.warnings}
    return Lesson(data.table, {**wanted, **rest}, about)


def _days(horizon: str) -> float | None:
    from query.moments import length_s

    seconds = length_s(horizon)
    return None if seconds is None else seconds / 86_400


STATEMENTS: Mapping[str, str] = {
    "revenue_forecasting": REVENUE,
    "campaign_performance": CAMPAIGNS,
    "content_optimization": CONTENT,
}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "revenue_forecasting": {"customer": "customer"},
    "campaign_performance": {"campaign": None, "actionable": ["channel"]},
    "content_optimization": {"horizon_days": 14.0},
}
