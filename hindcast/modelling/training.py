"""Training into a running system: every trial in its log, and a version in its registry where the score is enough."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actors.models.registry import CHALLENGER
from hindcast.modelling.contest import Contest, contest
from hindcast.modelling.recording import LogRecorder, new_experiment
from hindcast.modelling.registered import Registered
from hindcast.modelling.registering import Candidate, register
from tuning.config import Config, Progress
from tuning.data.tables import as_columns
from tuning.pipeline import Result, fit_table
from tuning.run.registration import registration_score

if TYPE_CHECKING:
    from hindcast.client import Client

Watch = Callable[[Progress], None]


@dataclass(frozen=True)
class Wanted:
    """What is to be trained. ``budget_s`` is for everything; with ``trials`` the run is repeatable instead."""

    name: str
    target: str
    budget_s: float = 60.0
    trials: int | None = None
    time_col: str | None = None
    min_score: float = 0.7
    group_col: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What the table is: which events, as of which moment."""
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """More of ``tuning.config.Config``."""


@dataclass(frozen=True, kw_only=True)
class Run(Registered):
    """One training run."""

    result: Result

    @property
    def model(self) -> Any:
        """The model, live."""
        return self.result.model

    @property
    def report(self) -> Any:
        return self.result.report

    def card(self, path: str | Path | None = None) -> str:
        """The model card as an HTML page; also written to ``path``, a folder."""
        from tuning.card import html_card, write_card

        if path is not None:
            folder = Path(path)
            self.result.write(folder)
            write_card(self.report, folder)
        return html_card(self.report)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name, "experiment_id": self.experiment_id, "registered": self.registered, "number": self.number,
            "model_id": self.model_id, "reason": self.reason,
            "contest": self.contest.told() if self.contest else None,
            "scores": {s.metric: s.value for s in self.report.holdout},
        }  # fmt: skip


def train_table(
    client: Client, wanted: Wanted, data: Any, *, artifacts: Path | None = None, watch: Watch | None = None
) -> Run:
    """Find a model for a table, record the run, and register the model where its score is above ``min_score``.

    ``data``: a file, an Arrow table, a frame, columns or rows. Raises ``WrongInput`` naming the column, and ``ApiError``.
    """
    experiment = new_experiment(wanted.name)
    recorder = LogRecorder(client, experiment, wanted.name, {"of": dict(wanted.data)})
    config = Config.of(
        {
            "target": wanted.target,
            "time_col": wanted.time_col,
            "group_col": wanted.group_col,
            "budget_s": wanted.budget_s,
            "trials": wanted.trials,
            "min_score_threshold": wanted.min_score,
            "name": f"{wanted.name}_training",
            **wanted.config,
        },
        recorder=recorder,
    )
    columns = as_columns(data, as_written=[config.group_col] if config.group_col else [])
    versions: list[Mapping[str, Any]] = []
    contests: list[Contest | None] = []

    def keep(result: Result) -> None:
        verdict = result.report.registration
        if verdict is not None and verdict.registered:
            contests.append(contest(client, wanted.name, result, columns, artifacts))
            one = candidate(wanted, experiment, result, columns, contests[0])
            versions.append(register(client, one, artifacts))

    try:
        result = fit_table(columns, config, watch, keep)
    except BaseException as error:
        recorder.say("experiment.failed", {"reason": f"{type(error).__name__}: {error}"[:500]})
        raise
    verdict = result.report.registration
    assert verdict is not None
    made = versions[0] if versions else {}
    number, model_id = made.get("number"), made.get("model_id")
    fought = contests[0] if contests else None
    if number is not None and fought is not None:
        client.promote_model(wanted.name, str(number), CHALLENGER, fought.reason)
    return Run(
        name=wanted.name,
        experiment_id=experiment,
        result=result,
        registered=bool(versions),
        number=number,
        model_id=model_id,
        reason=verdict.reason,
        contest=fought,
    )


def candidate(
    wanted: Wanted, experiment: str, result: Result, columns: Mapping[str, Any], fought: Contest | None = None
) -> Candidate:
    """What is registered of a run: its model, what it was shown, and how good it is on rows that it had not seen."""
    report, model = result.report, result.model
    metric, score = registration_score(result.outcome, report.holdout)
    used = {c.name: np.asarray(c.read(np.asarray(columns[c.name]))) for c in model.schema.used}
    recipe = {"target": wanted.target, "trials": wanted.trials, "budget_s": wanted.budget_s, "seed": report.run.seed}
    about = {"rows": report.data.rows, "columns": report.data.columns, "sha256": report.hashes.data, **wanted.data}
    about |= {"contest": fought.told()} if fought else {}
    return Candidate(
        wanted.name,
        experiment,
        result.blob,
        metric,
        score if score is not None else float("nan"),
        wanted.min_score,
        {s.metric: s.value for s in report.holdout},
        used,
        _compared(result),
        about,
        recipe,
        report.model_dump_json(by_alias=True).encode(),
        float(np.mean(result.outcome.prepared.y)) if model.problem == "regression" else None,
        report.hashes.code,
    )


def _compared(result: Result) -> Any:
    """The holdout's predictions as the monitor counts them: a value, or the probability of the second of two classes."""
    holdout, model = result.outcome.holdout, result.model
    if model.problem == "regression" or not len(holdout):
        return holdout
    return holdout[:, 1] if model.problem == "binary" else holdout.max(axis=1)
