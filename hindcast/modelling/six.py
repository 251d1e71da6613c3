"""One of the six models, trained from a system's log into its registry."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actors.models.registry import CHALLENGER
from analytics.models.arrays import arrays_of
from analytics.models.blob import to_bytes
from analytics.models.schema import WrongInput
from events.errors import Rejected
from events.nearest import did_you_mean
from hindcast.modelling.contest import Contest, scored, verdict
from hindcast.modelling.recipes import Lesson, lesson
from hindcast.modelling.recording import LogRecorder, new_experiment
from hindcast.modelling.registered import Registered
from hindcast.modelling.registering import Candidate, register
from serve.predicting.artifacts import Artifacts
from serve.predicting.judging import facts
from serve.predicting.monitoring import answers

if TYPE_CHECKING:
    from hindcast.client import Client

SAMPLE = 2_000
"""Rows of which the predictions are kept for drift to be told by."""


@dataclass(frozen=True, kw_only=True)
class NamedRun(Registered):
    """One training of one of the six; see ``hindcast.modelling.training.Run``."""

    trained: Any
    """``tuning.models.Trained``."""

    @property
    def model(self) -> Any:
        return self.trained.model

    @property
    def report(self) -> Any:
        """Of the AutoML run behind it; None where there is none."""
        return self.trained.report

    def card(self, path: str | Path | None = None) -> str:
        """The model card as an HTML page. Raises ``Rejected`` where no AutoML run is behind the model."""
        from tuning.card import html_card, write_card

        if self.report is None:
            raise Rejected("run", f"{self.name} is not made by AutoML; its evidence is in `run.model.evidence`")
        if path is not None:
            Path(path).mkdir(parents=True, exist_ok=True)
            write_card(self.report, Path(path))
        return html_card(self.report)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "name": self.name, "experiment_id": self.experiment_id, "registered": self.registered, "number": self.number,
            "model_id": self.model_id, "reason": self.reason, "scores": dict(self.model.evidence.scores),
            "contest": self.contest.told() if self.contest else None,
        }  # fmt: skip


def train_named(
    client: Client,
    name: str,
    settings: Mapping[str, Any] | None = None,
    *,
    budget_s: float | None = None,
    artifacts: Path | None = None,
) -> NamedRun:
    """Train one of the six by its name and register it where its score is enough; every step is in the log.

    Without ``budget_s`` the quick recipe is taken, which gives the same model each time. Raises ``Rejected`` for another
    name, ``WrongInput`` where the log has too little, ``ApiError``.
    """
    from tuning.models import TRAINERS

    if name not in TRAINERS:
        raise Rejected("name", f"there is no {name!r}{did_you_mean(name, TRAINERS)}; there are {', '.join(TRAINERS)}")
    recorder = LogRecorder(client, new_experiment(name), name)
    started = time.monotonic()
    recorder.say("experiment.started", {"name": name, "phase": "reading", "budget_s": budget_s})
    try:
        found = lesson(client, name, settings or {})
        recorder.say("experiment.moved", {"phase": "training"})
        given = dict(found.settings)
        if budget_s is not None and name not in ("revenue_forecasting", "content_optimization"):
            given["budget_s"] = budget_s
        trained = TRAINERS[name](found.table, **given)
        return _registered(client, name, recorder, trained, found, time.monotonic() - started, artifacts)
    except BaseException as error:
        said = {"reason": f"{type(error).__name__}: {error}"[:500], "elapsed_s": time.monotonic() - started}
        recorder.say("experiment.failed", said)
        raise


def _registered(
    client: Client,
    name: str,
    recorder: LogRecorder,
    trained: Any,
    found: Lesson,
    elapsed_s: float,
    artifacts: Path | None,
) -> NamedRun:
    model, experiment = trained.model, recorder.experiment
    kind = "model.registered" if trained.registered else "model.refused"
    said = {"score": trained.score, "threshold": trained.threshold, "reason": trained.reason}
    number = model_id = fought = None
    if trained.registered:
        columns = {n: v for n, v in arrays_of(found.table).items() if n in {one.name for one in model.inputs}}
        fought = _contest(client, name, trained, found, artifacts)
        about = {**found.about, "rows": model.evidence.trained_on}
        about |= {"contest": fought.told()} if fought else {}
        one = Candidate(
            name,
            experiment,
            to_bytes(model),
            model.label.metric,
            trained.score,
            trained.threshold,
            dict(model.evidence.scores),
            columns if len(columns) == len(model.inputs) else {},
            _predicted(model, columns),
            about,
            {"name": name, **{k: v for k, v in found.settings.items() if isinstance(v, str | int | float | list)}},
            trained.report.model_dump_json(by_alias=True).encode() if trained.report else b"",
        )
        version = register(client, one, artifacts)
        number, model_id = version["number"], version["model_id"]
        if fought is not None:
            client.promote_model(name, str(number), CHALLENGER, fought.reason)
    recorder.say(kind, {**said, "model_id": model_id})
    recorder.say("experiment.finished", {"elapsed_s": elapsed_s, "score": trained.score})
    return NamedRun(
        name=name,
        experiment_id=experiment,
        trained=trained,
        registered=trained.registered,
        number=number,
        model_id=model_id,
        reason=trained.reason,
        contest=fought,
    )


def _predicted(model: Any, columns: Mapping[str, Any]) -> Any:
    """What it says of a sample of its training rows, as the monitor counts it; None where it cannot be asked about them."""
    if not columns or len(columns) < len(model.inputs):
        return None
    n = len(next(iter(columns.values())))
    some = np.sort(np.random.default_rng(1).permutation(n)[:SAMPLE])
    try:
        said = model.answer({name: values[some] for name, values in columns.items()}, len(some), model.evidence.level)
    except WrongInput:
        return None
    return answers(facts(model), said, model.evidence.level).values


def _contest(client: Client, name: str, trained: Any, found: Lesson, artifacts: Path | None) -> Contest | None:
    """Against the champion. Where the rows have a time, on the newest of them, which the new one was judged by and not
    fitted to; else by the score that each has on its own holdout."""
    listed = [one for one in client.models() if one["name"] == name]
    if not listed or listed[0]["champion"] is None:
        return None
    number = listed[0]["champion"]
    mine = {"metric": trained.model.label.metric, "score": trained.score}
    newest = _newest(found, trained.model.evidence.rows)
    if newest is not None and artifacts is not None:
        version: Any = client.model(name)["versions"][number - 1]
        columns, truth = newest
        champion = Artifacts(artifacts).model(version["sha256"])
        came = 1.0 - truth if name == "user_retention" else truth
        try:
            return verdict(number, len(truth), mine, scored(champion, columns, came))
        except WrongInput as error:
            reason = f"the champion cannot answer the newest rows: {error}"
            return Contest(number, mine["metric"], len(truth), trained.score, None, True, reason)
    theirs = {"metric": listed[0]["metric"], "score": listed[0]["score"]}
    return verdict(number, trained.model.evidence.rows, mine, theirs)


def _newest(found: Lesson, rows: int) -> tuple[dict[str, Any], Any] | None:
    """The newest rows as columns, and their labels; None where no column orders them."""
    time, target = found.settings.get("time_col"), found.settings.get("target")
    if not time or not target or not rows:
        return None
    columns = arrays_of(found.table)
    some = np.argsort(columns[str(time)], kind="stable")[-rows:]
    newest = {name: values[some] for name, values in columns.items()}
    return newest, newest[str(target)].astype(np.float64)
