"""The operations of the specification: ``run_automated_ml``, ``train_model``, ``train_custom_model``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from analytics.models.blob import to_bytes
from analytics.models.table import Problem, TableModel
from tuning.candidates import Space
from tuning.config import Config, Progress
from tuning.data.tables import as_columns
from tuning.recorder import Event
from tuning.report import Candidate, Registration, Report, Score
from tuning.run.engine import run
from tuning.run.notebook import watcher
from tuning.run.outcome import Outcome
from tuning.run.report_builder import report_of

Watch = Callable[[Progress], None]
MODEL_FILE, RESULT_FILE = "model.skops", "result.json"


@dataclass(frozen=True)
class Result:
    """A run's model (live, and as ``blob``) and its report; ``outcome`` is what these were made of."""

    model: TableModel
    blob: bytes
    report: Report
    outcome: Outcome

    def write(self, folder: Path) -> None:
        """Write ``model.skops`` and then ``result.json``, which names the model's hash."""
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{MODEL_FILE}.part"
        part.write_bytes(self.blob)
        part.replace(folder / MODEL_FILE)
        self.report.write(folder / RESULT_FILE)


def fit_table(
    data: Any, config: Config, watch: Watch | None = None, keep: Callable[[Result], None] = lambda _: None
) -> Result:
    """Run AutoML on a table: a file, an Arrow table, a pandas frame, columns or rows.

    Raises ``WrongInput``, which names the column.

    ``watch`` is told how far the run is; without one, a notebook shows a table that renews itself. ``keep`` stores the
    result before the experiment's end is recorded: who reads that event finds the files.
    """
    columns = as_columns(data, as_written=[config.group_col] if config.group_col else [])
    outcome = run(columns, config, watch or watcher())
    blob = to_bytes(outcome.model)
    report = report_of(outcome, config, columns, blob)
    verdict = report.registration
    assert verdict is not None
    kind = "model.registered" if verdict.registered else "model.refused"
    assert report.artifact is not None
    say(config, kind, verdict.model_dump() | {"sha256": report.artifact.sha256})
    result = Result(outcome.model, blob, report, outcome)
    keep(result)
    ended = {"elapsed_s": time.monotonic() - config.started, "score": report.main().value}
    if outcome.stopped == "interrupted":
        say(config, "experiment.interrupted", ended)
    else:
        say(config, "experiment.finished", {**ended, "stopped": outcome.stopped})
    return result


def say(config: Config, kind: str, data: Mapping[str, Any]) -> None:
    config.recorder.record(Event(kind, config.name, time.time_ns() // 1000, data))


class Automated(TypedDict):
    """``all_models`` is the leaderboard, ``evaluations`` the holdout scores, ``feature_importance`` by permutation."""

    best_model: TableModel
    all_models: tuple[Candidate, ...]
    evaluations: tuple[Score, ...]
    feature_importance: dict[str, float]
    report: Report


def run_automated_ml(
    problem_type: Problem | str, data: Any, config: Mapping[str, Any], watch: Watch | None = None
) -> Automated:
    """Preprocess, select features, train several models, optimise, evaluate, select the best, in this order.

    All that is fitted is fitted inside splits, and the evaluation is of a holdout that nothing was tuned on.
    ``config`` needs ``target``; see ``Config``.
    """
    result = fit_table(data, Config.of({"problem": problem_type, **config}), watch)
    return {
        "best_model": result.model,
        "all_models": result.report.leaderboard,
        "evaluations": result.report.holdout,
        "feature_importance": {i.feature: i.mean for i in result.report.importance},
        "report": result.report,
    }


class Trained(TypedDict):
    """``evaluation['score']`` was held against the threshold; ``reason`` says how that ended."""

    model: TableModel
    evaluation: dict[str, Any]
    experiment_id: str
    registered: bool
    model_id: str | None
    reason: str


_OWN = frozenset({"use_auto_ml", "estimator", "space"})
SIMPLE_TRIALS = 2
"""Candidates that ``train_model`` tries where no search is wanted."""


def train_model(model_type: str, training_data: Any, config: Mapping[str, Any], watch: Watch | None = None) -> Trained:
    """Train, evaluate on a holdout, register if and only if the score is above ``min_score_threshold`` (default 0.7).

    ``use_auto_ml`` (default False) searches within ``budget_s``; else the first two of the portfolio are fitted, or
    ``estimator`` over ``space``, if given. The score is the area under the ROC curve, balanced accuracy for more than two
    classes, skill over the mean for a regression.
    """
    wanted = {name: value for name, value in config.items() if name not in _OWN}
    wanted["name"] = f"{model_type}_training"
    if config.get("estimator") is not None:
        return train_custom_model(config["estimator"], config.get("space", {}), training_data, wanted, watch)
    if not config.get("use_auto_ml", False) and "budget_s" not in wanted:
        wanted.setdefault("trials", SIMPLE_TRIALS)
    return _trained(fit_table(training_data, Config.of(wanted), watch))


def train_custom_model(
    estimator: Any, space: Space, training_data: Any, config: Mapping[str, Any], watch: Watch | None = None
) -> Trained:
    """``train_model`` with the caller's scikit-learn estimator, its own parameters first, then searched over ``space``.

    It is shown scaled numbers and one column a level, and must be of scikit-learn or LightGBM to be stored.
    """
    wanted = dict(config)
    if "budget_s" not in wanted:
        wanted.setdefault("trials", 10 if space else 1)
    return _trained(fit_table(training_data, Config.of(wanted, custom=estimator, space=space), watch))


def _trained(result: Result) -> Trained:
    report = result.report
    verdict: Registration | None = report.registration
    assert verdict is not None
    return {
        "model": result.model,
        "evaluation": {"score": verdict.score, "scores": {s.metric: s.value for s in report.holdout}, "report": report},
        "experiment_id": report.run.id,
        "registered": verdict.registered,
        "model_id": verdict.model_id,
        "reason": verdict.reason,
    }
