"""``MLModelManager``: training, registry, deployment and monitoring of models, as one face over a running system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from actors.models.deployment import Deployment
from events.errors import Rejected
from events.nearest import did_you_mean
from hindcast.workflow import check_ml_config
from tuning.pipeline import Automated, run_automated_ml

if TYPE_CHECKING:
    from hindcast.client import Client
    from hindcast.modelling.training import Run

SIMPLE_TRIALS = 2
KEY, AT, LABEL = "key", "at", "label"
"""The columns of a dataset that are no features."""


class Trained(TypedDict):
    """``evaluation['score']`` was held against the threshold; ``reason`` says how that ended."""

    model: Any
    evaluation: dict[str, Any]
    experiment_id: str
    registered: bool
    model_id: str | None
    reason: str


@dataclass(frozen=True)
class ModelDeployment:
    """A version that is to be served. ``deploy`` returns once it is watched and requests go to it."""

    client: Client
    name: str
    number: int
    config: Mapping[str, Any]

    def deploy(self) -> dict[str, Any]:
        """Raises ``ApiError`` where the registry refuses it."""
        return dict(self.client.deploy_model_version(self.name, str(self.number), dict(self.config)))


class MLModelManager:
    """``client``: of the system; ``artifacts``: the folder of stored models, where it is on this machine."""

    def __init__(self, client: Client, artifacts: Path | None = None, search: str = "auto") -> None:
        self._client = client
        self._artifacts = artifacts
        self._search = search
        self.config: dict[str, Any] = {}

    @property
    def address(self) -> str:
        return self._client.address.rstrip("/")

    def initialize(self, ml_config: Mapping[str, Any]) -> None:
        """Settings that each training takes unless it says otherwise: those of ``tuning.config.Config``.

        Raises ``Rejected`` for one that there is not.
        """
        check_ml_config(ml_config)
        self.config = dict(ml_config)

    # -- training --------------------------------------------------------------------------------------------------

    def train(self, name: str, data: Any, target: str, budget: str | float = "60s", **config: Any) -> Run:
        """Search a model for a table, on Ray Tune where a cluster is connected; every trial stands in the log."""
        from hindcast.modelling.training import Wanted, train_table

        known = {"time_col", "group_col", "trials", "min_score", "data"}
        given = {**self.config, **config}
        given.pop("use_auto_ml", None)
        mine = {key: given.pop(key) for key in known & given.keys()}
        if "min_score_threshold" in given:
            mine["min_score"] = given.pop("min_score_threshold")
        if "search" not in given and mine.get("trials") is None:
            given["search"] = self._search
        budget_s = given.pop("budget_s", seconds_of(budget))
        return train_table(
            self._client, Wanted(name, target, budget_s, config=given, **mine), data, artifacts=self._artifacts
        )

    def train_model(self, model_type: str, training_data: Any, config: Mapping[str, Any]) -> Trained:
        """Train, evaluate on a holdout, register if and only if the score is above ``min_score_threshold`` (0.7).

        ``config`` needs ``target``. ``use_auto_ml`` (default False) searches within ``budget_s``; else the first two
        candidates are fitted. The experiment and the verdict are in the log.
        """
        wanted = {**self.config, **config}
        if "target" not in wanted:
            raise Rejected("config.target", "must name the column to predict")
        target = str(wanted.pop("target"))
        if not wanted.pop("use_auto_ml", False) and "budget_s" not in wanted:
            wanted.setdefault("trials", SIMPLE_TRIALS)
        run = self.train(model_type, training_data, target, **wanted)
        verdict = run.report.registration
        scores = {s.metric: s.value for s in run.report.holdout}
        return {
            "model": run.model,
            "evaluation": {"score": verdict.score, "scores": scores, "report": run.report},
            "experiment_id": run.experiment_id,
            "registered": run.registered,
            "model_id": run.model_id,
            "reason": run.reason,
        }

    @staticmethod
    def run_automated_ml(problem_type: str, data: Any, config: Mapping[str, Any]) -> Automated:
        """The pipeline alone, without a record: see ``tuning.pipeline.run_automated_ml``."""
        return run_automated_ml(problem_type, data, config)

    def tune(self, data: Any, target: str = "", budget: str | float = "60s", name: str = "", **config: Any) -> Run:
        """``train``, for a table or for a dataset that says itself what it is about."""
        from hindcast.datasets import Dataset

        if isinstance(data, Dataset):
            label = data.report["label"]
            config = {"time_col": AT, "min_score": 0.7 if data.task == "classification" else 0.0, **config}
            config.setdefault("data", {"dataset": data.said, "as_of": data.as_of, "digest": data.digest})
            return self.train(name or str(label["name"]), data.table.drop_columns([KEY]), LABEL, budget, **config)
        if not target:
            raise Rejected("target", "name the column to predict")
        return self.train(name or target, data, target, budget, **config)

    # -- serving ---------------------------------------------------------------------------------------------------

    def deploy_model(self, model_id: str, deployment_config: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Serve a version. It is watched before any request goes to it.

        ``model_id``: of a version, the version itself, or ``name:number`` or ``name:alias``. Raises ``Rejected``.
        """
        name, number = self.find(model_id)
        config = dict(deployment_config or {})
        Deployment.model_validate({key: value for key, value in config.items() if key != "reason"})
        return ModelDeployment(self._client, name, number, config).deploy()

    def deploy(self, run: Run | str, mode: str = "live", **config: Any) -> dict[str, Any]:
        """``deploy_model`` for a run, or an id. Raises ``Rejected`` for a run whose model was refused."""
        if isinstance(run, str):
            return self.deploy_model(run, {"mode": mode, **config})
        if run.number is None:
            raise Rejected("run", f"its model is not registered: {run.reason}")
        return ModelDeployment(self._client, run.name, run.number, {"mode": mode, **config}).deploy()

    def backtest(self, run: Run | str, months: float = 1.0) -> dict[str, Any]:
        """See ``hindcast.modelling.backtest``."""
        from hindcast.modelling.backtest import backtest

        name, number = self.find(run if isinstance(run, str) else f"{run.name}:{run.number}")
        return backtest(self._client, name, number, months, self._artifacts)

    def find(self, model_id: str) -> tuple[str, int]:
        """The model and the number of a version. Raises ``Rejected`` with those that there are."""
        name, _, version = model_id.partition(":")
        known: list[str] = []
        for summary in self._client.models():
            if version and summary["name"] != name:
                known.append(f"{summary['name']}:champion")
                continue
            model = self._client.model(summary["name"])
            if model_id == summary["name"] or version in model["aliases"]:
                return summary["name"], model["aliases"][version or "champion"]
            for one in reversed(model["versions"]):
                names = (one["version"], one["model_id"], f"{summary['name']}:{one['number']}")  # pyright: ignore
                if model_id in names:
                    return summary["name"], one["number"]  # pyright: ignore
                known.append(names[1])
        listed = ", ".join(known[:12]) or "none yet"
        raise Rejected("model_id", f"there is no {model_id!r}{did_you_mean(model_id, known)}; there are {listed}")

    def run_predictions(self, data: Mapping[str, Any] | Sequence[Mapping[str, Any]] | Any) -> dict[str, Any]:
        """What every deployed model says of ``data``: rows by model, or the same rows for all.

        A model that cannot answer has ``error`` in place of ``predictions``; the others answer.
        """
        from hindcast.client import ApiError

        found: dict[str, Any] = {}
        for summary in self._client.models():
            if not summary["deployed"]:
                continue
            rows = data.get(summary["name"]) if isinstance(data, Mapping) and _by_model(data) else data
            if rows is None:
                continue
            asked = [rows] if isinstance(rows, Mapping) else list(rows)
            try:
                found[summary["name"]] = {"predictions": self._client.predict_many(summary["name"], asked)}
            except ApiError as error:
                found[summary["name"]] = {"error": str(error)}
        return found

    def monitor_model_performance(self, model_id: str, new_data: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """``performance_metrics``, ``drift_detection``, ``accuracy_metrics`` of a model on ``new_data``; an alert where it
        has become worse."""
        name, number = self.find(model_id)
        return self._client.monitor_model_performance(name, list(new_data), version=str(number))


def _by_model(data: Mapping[str, Any]) -> bool:
    """Whether the values are rows of one model each, and not the features of one row."""
    return bool(data) and all(isinstance(value, Mapping | list | tuple) for value in data.values())


def seconds_of(budget: str | float) -> float:
    """``90``, ``"90s"``, ``"3m"`` or ``"1h"`` as seconds. Raises ``Rejected``."""
    if isinstance(budget, int | float):
        return float(budget)
    unit = {"s": 1.0, "m": 60.0, "h": 3600.0}.get(budget[-1:])
    try:
        return float(budget[:-1] if unit else budget) * (unit or 1.0)
    except ValueError:
        raise Rejected("budget", f"{budget!r} is no time: write 90s, 3m or 1h") from None
