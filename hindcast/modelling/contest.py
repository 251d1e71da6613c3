"""A trained model against the champion, on the newest rows: only who is better there may take over.

Both are judged on rows that the new one was not fitted to. The champion may have been fitted to some of them, so it is
never judged too hard; and a tie goes to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analytics.models.schema import WrongInput
from analytics.monitoring.accuracy import AccuracyMonitor, Answers
from serve.predicting.artifacts import Artifacts, predictor
from serve.predicting.judging import facts
from serve.predicting.monitoring import answers
from tuning.pipeline import Result

if TYPE_CHECKING:
    from analytics.predictive.model import PredictiveModel
    from hindcast.client import Client


@dataclass(frozen=True)
class Contest:
    """``score`` of the new model and of the ``champion`` (its number) on ``rows`` of the newest; more is better."""

    champion: int
    metric: str
    rows: int
    score: float | None
    champion_score: float | None
    better: bool
    reason: str

    def told(self) -> dict[str, Any]:
        return asdict(self)


def contest(
    client: Client, name: str, result: Result, columns: Mapping[str, Any], artifacts: Path | None
) -> Contest | None:
    """None where there is no champion yet, or its file is not on this machine."""
    try:
        (summary,) = [one for one in client.models() if one["name"] == name]
    except ValueError:
        return None
    if artifacts is None or summary["champion"] is None:
        return None
    number = summary["champion"]
    version = client.model(name)["versions"][number - 1]
    champion = Artifacts(artifacts).model(version["sha256"])  # pyright: ignore[reportTypedDictNotRequiredAccess]
    prepared = result.outcome.prepared
    at = prepared.target.rows[prepared.split.holdout]
    truth = prepared.y[prepared.split.holdout]
    newest = {column: np.asarray(values)[at] for column, values in columns.items()}
    mine = scored(predictor(result.outcome.judged), newest, truth)
    try:
        theirs = scored(champion, newest, truth)
    except WrongInput as error:
        reason = f"the champion cannot answer the newest rows: {error}"
        return Contest(number, mine["metric"], len(at), mine["score"], None, mine["score"] is not None, reason)
    return verdict(number, len(at), mine, theirs)


def verdict(champion: int, rows: int, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> Contest:
    """Who is better by two accuracies on the same rows."""
    score, before = mine["score"], theirs["score"]
    if score is None or before is None or mine["metric"] != theirs["metric"]:
        reason = "they cannot be compared on the newest rows: " + str(mine.get("reason") or theirs.get("reason") or "")
        return Contest(champion, mine["metric"], rows, score, before, False, reason)
    better = score > before
    word = "beats" if better else "does not beat"
    reason = f"{word} the champion (version {champion}) on the newest {rows} rows: {score:.4f} against {before:.4f}"
    return Contest(champion, mine["metric"], rows, score, before, better, reason)


def scored(model: PredictiveModel, columns: Mapping[str, Any], truth: Any) -> dict[str, Any]:
    """What ``AccuracyMonitor`` says of a model on rows whose outcome is known, as class numbers or values."""
    rows = len(truth)
    about = facts(model)
    said: Answers = answers(about, model.answer(dict(columns), rows, model.evidence.level), model.evidence.level)
    if said.task == "multiclass":
        names = tuple(about["classes"][int(k)] for k in truth)
        return AccuracyMonitor().monitor(model.name, said, np.full(rows, np.nan), names)
    return AccuracyMonitor().monitor(model.name, said, np.asarray(truth, np.float64))
