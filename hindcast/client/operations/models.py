"""Models: which there are, how they were found, which of them answer, and their predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from hindcast.client import frames
from hindcast.client.call import Call, Command, operation
from hindcast.client.model_answers import Comparison, Experiment, KeptArtifact, Model, ModelSummary, ModelVersion
from hindcast.client.operations.answered import json_of, part, path_of, then
from hindcast.client.sending import Event, encoded

DEPLOY_S = 120.0
PREDICT_S = 120.0
REGISTER_S = 180.0
MONITOR_S = 180.0


class Modelling:
    """What concerns models and their predictions."""

    @operation(
        Command(
            "models list",
            ("name", "versions", "champion", "metric", "score", "rows", "error_rate", "drifted", "accuracy"),
        )
    )
    def models(self, *, as_of: str | datetime | None = None) -> Call[list[ModelSummary]]:
        """List the models: how good each one's champion is, and how it fares. ``as_of``: as it was then."""
        return Call("GET", "/v1/models", part("models"), params=then(as_of))

    @operation(Command("models show"))
    def model(self, name: str, *, as_of: str | datetime | None = None) -> Call[Model]:
        """Show a model: versions, aliases, what is deployed, how it fares. ``as_of``: what was in production then."""
        return Call("GET", path_of("/v1/models", name), json_of, params=then(as_of))

    @operation(Command("models compare"))
    def compare_models(self, name: str, versions: str = "") -> Call[Comparison]:
        """Compare versions of a model: numbers or aliases with commas; without ``versions``, champion and newest."""
        params: Mapping[str, str | int | float] = {"versions": versions} if versions else {}
        return Call("GET", path_of("/v1/models", name, "compare"), json_of, params=params)

    @operation(Command("models promote"))
    def promote_model(self, name: str, version: str, alias: str = "champion", reason: str = "") -> Call[Model]:
        """Give a ``version`` (a number or an alias) an ``alias``. A deployment that asks for the alias follows at once."""
        said = {"version": version, "alias": alias, "reason": reason}
        path = path_of("/v1/models", name, "promote")
        return Call("POST", path, json_of, content=encoded(said), timeout_s=DEPLOY_S)

    @operation(Command("models approve"))
    def approve_model(self, name: str, version: str) -> Call[Model]:
        """Approve a ``version``: where the configuration requires it, only then it may be deployed."""
        path = path_of("/v1/models", name, "approve")
        return Call("POST", path, json_of, content=encoded({"version": version}), timeout_s=DEPLOY_S)

    @operation(Command("models rollback"))
    def roll_back_model(self, name: str, reason: str = "") -> Call[Model]:
        """Go back to the deployment before the present one; its version is the champion again."""
        path = path_of("/v1/models", name, "rollback")
        return Call("POST", path, json_of, content=encoded({"reason": reason}), repeatable=False, timeout_s=DEPLOY_S)

    @operation(Command("models deploy"))
    def deploy_model_version(self, name: str, version: str = "champion", config: Event | None = None) -> Call[Model]:
        """Serve a ``version`` of a model. It answers once it is watched; until then those answer that did.

        ``config``: mode (live, canary, shadow) and share, or variants with weights; sample, autoscaling, roll_back, watch.
        """
        path = path_of("/v1/models", name, "deployment")
        body = encoded({**(config or {}), "version": version})
        return Call("PUT", path, json_of, content=body, timeout_s=DEPLOY_S)

    @operation(Command("models undeploy"))
    def undeploy_model(self, name: str) -> Call[Model]:
        """Serve the model no more. What it predicted stays in the log."""
        return Call("DELETE", path_of("/v1/models", name, "deployment"), json_of, timeout_s=DEPLOY_S)

    @operation()
    def keep_artifact(self, data: bytes, kind: Literal["skops", "arrow", "json"] = "skops") -> Call[KeptArtifact]:
        """Keep a file of a model under its hash: the model, a sample of its training rows, or its report."""
        content_type = "application/octet-stream"
        params: Mapping[str, str | int | float] = {"kind": kind}
        return Call(
            "PUT", "/v1/artifacts", json_of, content=data, content_type=content_type, params=params, timeout_s=PREDICT_S
        )

    @operation()
    def register_model(self, name: str, version: Event) -> Call[ModelVersion]:
        """Register a kept artifact (``sha256``) as the next version of ``name``; see docs/models.md for the fields.

        Raises ``ApiError`` for a score that is not above the threshold, and for a file that is no model of ours.
        """
        path = path_of("/v1/models", name, "versions")
        return Call("POST", path, json_of, content=encoded(dict(version)), timeout_s=REGISTER_S)

    @operation()
    def record_experiment(self, events: Sequence[Event]) -> Call[dict[str, int]]:
        """Record facts of training runs: ``type``, ``experiment``, ``time`` (µs UTC) and ``data`` of each."""
        body = encoded({"events": [dict(one) for one in events]})
        return Call("POST", "/v1/experiments/events", json_of, content=body, repeatable=False)

    @operation(
        Command(
            "models experiments",
            ("id", "model", "state", "phase", "tried", "best", "score", "registered", "reason"),
        )
    )
    def experiments(self, model: str = "", *, as_of: str | datetime | None = None) -> Call[list[Experiment]]:
        """List training runs, the newest first: how far each is, and what became of it."""
        params = {**({"model": model} if model else {}), **then(as_of)}
        return Call("GET", "/v1/experiments", part("experiments"), params=params)

    @operation(Command("models experiment"))
    def experiment(self, id: str) -> Call[Experiment]:
        """Show one training run with its trials, the best first."""
        return Call("GET", path_of("/v1/experiments", id), json_of)

    @operation(Command("models predict"))
    def predict(self, model: str, row: Event, level: float = 0.9, explain: bool = False) -> Call[dict[str, Any]]:
        """Ask a ``model`` about one ``row``: its features, or {user_id: …} for those of the log at this moment."""
        params: dict[str, str | int | float] = {"level": level, **({"explain": "true"} if explain else {})}
        path = path_of("/v1/predict", model)
        return Call("POST", path, json_of, content=encoded(dict(row)), params=params, timeout_s=PREDICT_S)

    @operation()
    def predict_many(self, model: str, rows: Sequence[Event], *, level: float = 0.9) -> Call[list[dict[str, Any]]]:
        """Ask a model about many rows; one that it cannot answer has ``error`` with field and reason in its place."""
        path, body = path_of("/v1/predict", model), encoded({"rows": [dict(row) for row in rows]})
        return Call("POST", path, part("predictions"), content=body, params={"level": level}, timeout_s=PREDICT_S)

    @operation()
    def predict_table(
        self,
        model: str,
        table: Any,
        *,
        level: float = 0.9,
        key: str = "",
        form: Literal["arrow", "pandas", "polars"] = "arrow",
    ) -> Call[Any]:
        """Ask a model about the rows of an Arrow table; ``key``: the column that says whom a row is about."""
        import pyarrow as pa

        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        params: dict[str, str | int | float] = {"level": level, **({"key": key} if key else {})}
        return Call(
            "POST", path_of("/v1/predict", model), frames.reader(form), content=sink.getvalue().to_pybytes(),
            content_type=frames.ARROW, headers={"accept": frames.ARROW}, params=params, timeout_s=PREDICT_S,
        )  # fmt: skip

    @operation()
    def record_outcomes(self, model: str, outcomes: Sequence[Event]) -> Call[dict[str, int]]:
        """Say what came of predictions: ``outcome``, and ``prediction`` (its id) or ``key`` (whom it was about)."""
        body = encoded({"outcomes": [dict(one) for one in outcomes]})
        return Call("POST", path_of("/v1/models", model, "outcomes"), json_of, content=body, repeatable=False)

    @operation()
    def monitor_model_performance(
        self, model: str, new_data: Sequence[Event], *, version: str = "champion", target: str = ""
    ) -> Call[dict[str, Any]]:
        """Say how a model fares on ``new_data``: ``performance_metrics``, ``drift_detection``, ``accuracy_metrics``.

        A row may have the outcome in the column ``target`` (its own name unless said otherwise); where none has,
        ``status`` is ``labels_pending``. Degradation raises an alert.
        """
        path, params = path_of("/v1/models", model, "monitor"), {"version": version}
        body = encoded({"rows": [dict(row) for row in new_data], "target": target})
        return Call("POST", path, json_of, content=body, params=params, timeout_s=MONITOR_S)
