"""The two operations of a complete system: set it up from one mapping, and run the whole workflow once."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from events.errors import Rejected, Transient

if TYPE_CHECKING:
    from config.settings import Settings
    from hindcast.client import Client
    from hindcast.client.answers import Sample
    from hindcast.client.model_answers import ModelSummary

SAMPLES = 1_000
ANOMALIES = 100
PREDICTED = 20
"""Subjects that deployed models are asked about."""
ACTIVE = f"""SELECT subject FROM user_interactions WHERE subject IS NOT NULL
GROUP BY subject ORDER BY max(time) DESC LIMIT {PREDICTED}"""
NEWEST = f"""SELECT subject, time, version, value, label FROM predictions
WHERE model = '{{name}}' AND type = 'prediction.made' ORDER BY time DESC LIMIT {PREDICTED}"""
STEPS = 4
"""The longest way: collector, metrics, anomalies or alerts, dashboards."""


class Setup(TypedDict):
    """``partial`` where anything that was asked for is not there: ``problems`` says what, and why."""

    status: Literal["initialized", "partial"]
    dashboards: list[dict[str, Any]]
    data_sources: int
    alert_rules: int
    problems: list[str]


class Source(TypedDict):
    """One source: ``running`` or what its collector says instead; rows in the log; seconds since the newest one."""

    status: str
    rows: int
    freshness_s: float | None


class Analytics(TypedDict):
    """``metrics``: of each metric and key the newest window; ``anomalies``: the newest, last one first."""

    sources: dict[str, Source]
    metrics: list[Sample]
    anomalies: list[dict[str, Any]]
    dashboards: dict[str, dict[str, Any]]


class Workflow(TypedDict):
    """What the system knows at ``timestamp`` (UTC), everything that was accepted before the call included."""

    analytics_results: Analytics
    alerts: list[dict[str, Any]]
    ml_predictions: dict[str, Any]
    timestamp: datetime


def check_ml_config(ml_config: Mapping[str, Any]) -> None:
    """Raises ``Rejected`` for a setting that no training has."""
    from analytics.models.schema import WrongInput
    from tuning.config import Config  # here: most programs train nothing

    try:
        Config.of({"target": "any", **{name: value for name, value in ml_config.items() if name != "use_auto_ml"}})
    except WrongInput as error:
        raise Rejected("ml_config", error.reason) from None


def described(settings: Settings, client: Client) -> Setup:
    """Hold a running system against the ``settings`` that it was set up with."""
    problems = [f"{cell['cell']} is {cell['state']}: {cell['detail']}" for cell in _ailing(client)]
    rules = {rule["name"] for rule in client.rules()}
    problems += [f"alerts: {rule.name!r} is not in effect" for rule in settings.alerts if rule.name not in rules]
    return {
        "status": "partial" if problems else "initialized",
        "dashboards": [dashboard.model_dump(mode="json") for dashboard in settings.dashboards],
        "data_sources": len(collected(settings)),
        "alert_rules": len(settings.alerts),
        "problems": problems,
    }


def collected(settings: Settings) -> list[str]:
    """The streams that the configured sources fill."""
    return ["user_interactions", *{source.kind.into(source.section).name: None for source in settings.asked_sources()}]


def run(settings: Settings, client: Client, timeout_s: float) -> Workflow:
    """Wait until every cell has read what was accepted so far, then gather what they made of it.

    Raises ``Transient`` where they have not within ``timeout_s``.
    """
    _settle(client, timeout_s)
    now = datetime.now(UTC)
    cells = sorted(client.status()["cells"], key=lambda cell: cell["state"] != "running")
    running = {
        cell["cell"].split("/")[1]: cell["state"] for cell in cells
    }  # of several partitions one that does not run
    rows = {stream["name"]: stream["rows"] for stream in client.streams()}
    sources: dict[str, Source] = {
        name: {"status": running.get(name, "missing"), "rows": rows[name], "freshness_s": _freshness(client, name, now)}
        for name in collected(settings)
    }
    flagged = f"SELECT * FROM anomalies WHERE is_anomaly ORDER BY time DESC LIMIT {ANOMALIES}"
    return {
        "analytics_results": {
            "sources": sources,
            "metrics": list(_newest(client.metrics(limit=SAMPLES))),
            "anomalies": client.query(flagged),
            "dashboards": {topic["name"]: client.dashboard(topic["name"])["data"] for topic in client.dashboards()},
        },
        "alerts": client.alerts(),
        "ml_predictions": predictions(client),
        "timestamp": now,
    }


def predictions(client: Client) -> dict[str, Any]:
    """What each deployed model says of those who were active last (those of the log's features), or its newest answers."""
    subjects = [row["subject"] for row in client.query(ACTIVE)]
    return {one["name"]: _predicted(client, one, subjects) for one in client.models() if one["deployed"]}


def _predicted(client: Client, model: ModelSummary, subjects: list[str]) -> dict[str, Any]:
    from hindcast.client import ApiError

    name, said = model["name"], list[dict[str, Any]]()
    if subjects:
        try:
            found = client.predict_many(name, [{"user_id": subject} for subject in subjects])
            said = [{"user_id": s, **one} for s, one in zip(subjects, found, strict=True) if "error" not in one]
        except ApiError:
            said = []  # a model of something else than people
    newest = [] if said else client.query(NEWEST.format(name=name.replace("'", "''")))
    return {
        "variants": model["deployed"],
        "metric": model["metric"],
        "score": model["score"],
        "predictions": said,
        "newest": newest,
    }


def _ailing(client: Client) -> list[Any]:
    return [cell for cell in client.status()["cells"] if cell["state"] != "running"]


def _settle(client: Client, timeout_s: float) -> None:
    """Wait until what is in the log now has gone all the way, while more may be coming in.

    In each round every cell is seen once with nothing left to read; after as many rounds as the longest way has steps,
    everything that was there at first has passed.
    """
    deadline = time.monotonic() + timeout_s
    for _ in range(STEPS):
        late = {cell["cell"] for cell in client.status()["cells"]}
        while late := late & {cell["cell"] for cell in client.status()["cells"] if cell["rows_behind"]}:
            if time.monotonic() > deadline:
                raise Transient(f"{', '.join(sorted(late))}: still reading after {timeout_s:g} s", 1.0)
            time.sleep(0.02)


def _freshness(client: Client, stream: str, now: datetime) -> float | None:
    newest = client.rows(stream, last=1)["rows"]
    if not newest:
        return None
    return round((now - datetime.fromisoformat(newest[0]["received"])).total_seconds(), 3)


def _newest(samples: list[Sample]) -> Iterator[Sample]:
    """Of samples, newest window first, the first of each metric and key."""
    seen: set[tuple[str, str]] = set()
    for sample in samples:
        series = sample["metric"], sample["key"]
        if series not in seen:
            seen.add(series)
            yield sample
