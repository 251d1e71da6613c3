"""A version on past traffic: what it would have said of the rows that were asked about, before it sees a live request."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.monitoring.accuracy import AccuracyMonitor
from serve.predicting.artifacts import Artifacts
from serve.predicting.monitoring import answers

if TYPE_CHECKING:
    from hindcast.client import Client

MONTH_D = 30.4375
MOST_ROWS = 100_000
PAST = """
SELECT p.id, p.version, p.value, p.label, p.features, p.time, o.value AS came, o.label AS came_as
FROM predictions p
LEFT JOIN (SELECT * FROM predictions WHERE type = 'outcome.recorded') o ON o.cause = p.id
WHERE p.type = 'prediction.made' AND NOT p.shadow AND p.features IS NOT NULL AND p.model = '{name}'
  AND p.time >= TIMESTAMPTZ '{since}'
ORDER BY p.time DESC LIMIT {most}"""


def backtest(client: Client, name: str, number: int, months: float, artifacts: Path | None) -> dict[str, Any]:
    """Ask version ``number`` about the rows that were answered in the last ``months``, as their events have them.

    ``rows``, ``refused`` (rows that it cannot answer, by reason), ``changed`` (share whose class differs, or the mean
    difference of values), ``accuracy`` of it and ``accuracy_then`` of what was answered, on the same rows, as far as
    outcomes are known. Nothing is written, and nobody is answered. Raises ``Rejected`` where there is no such past.
    """
    from analytics.models.arrays import arrays_of
    from analytics.models.schema import WrongInput
    from events.errors import Rejected
    from serve.predicting.cases import answered

    version: Any = client.model(name)["versions"][number - 1]
    since = (datetime.now(UTC) - timedelta(days=months * MONTH_D)).isoformat()
    rows = client.query(PAST.format(name=name, since=since, most=MOST_ROWS), limit=MOST_ROWS)
    if not rows:
        raise Rejected("months", f"no prediction of {name} with its features is recorded since {since[:10]}")
    if artifacts is None:
        raise Rejected("system", "a backtest reads the stored model: run it where the data directory is")
    model = Artifacts(artifacts).model(version["sha256"])
    shown = arrays_of([json.loads(row["features"]) for row in rows])
    try:
        said, good, wrong = answered(model, shown, len(rows), model.evidence.level)
    except WrongInput as error:
        raise Rejected(
            error.column or "features", f"of the past do not suit version {number}: {error.reason}"
        ) from None
    now = answers(version, said, model.evidence.level)
    kept = [rows[i] for i in good]
    then = np.array([np.nan if r["value"] is None else r["value"] for r in kept], np.float64)
    monitor = AccuracyMonitor()
    came = np.array([_came(r, version) for r in kept], np.float64)
    names = tuple(r["came_as"] for r in kept) if version["task"] == "multiclass" else ()
    before = type(now)(now.task, then, tuple(r["label"] or "" for r in kept), usual=version.get("usual"))
    reasons: dict[str, int] = {}
    for one in wrong:
        reasons[f"{one.field}: {one.reason}"] = reasons.get(f"{one.field}: {one.reason}", 0) + 1
    return {
        "model": name,
        "version": number,
        "since": since,
        "rows": len(rows),
        "refused": reasons,
        "changed": _changed(now.task, now.values, then),
        "accuracy": monitor.monitor(version["model_id"], now, came, names),
        "accuracy_then": monitor.monitor("answered then", before, came, names),
    }


def _came(row: dict[str, Any], version: Any) -> float:
    classes = version.get("classes") or []
    if row["came"] is not None:
        return float(row["came"])
    if row["came_as"] is not None and len(classes) == 2:
        return float(row["came_as"] == classes[1])
    return float("nan")


def _changed(task: str, now: Any, then: Any) -> float:
    if task == "binary":
        return float(np.mean((now >= 0.5) != (then >= 0.5)))
    return float(np.nanmean(np.abs(now - then)))
