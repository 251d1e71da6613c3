"""Experiments also in MLflow: a run for each experiment, a nested run for each trial. Needs ``hindcast[mlflow]``.

A mirror is never what a run relies on: wrap it in ``Mirrored``, or replay a file of events into it afterwards
(``for event in read_events(path): mirror.record(event)``). Events that are there already change nothing, so a replay is
harmless and a resumed experiment goes on in the run it began.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from tuning.recorder import Event, plain

EXPERIMENT, TRIAL = "hindcast.experiment", "hindcast.trial"
"""Tags by which runs are found again."""
_IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "5"}
"""A server that does not answer must not eat the budget: MLflow itself would ask seven times, for two minutes each."""
_TRIALS = ("trial.finished", "trial.failed")
_ENDS = {"experiment.finished": "FINISHED", "experiment.interrupted": "KILLED"}


class MlflowMirror:
    """Records to a tracking server, or to a local store such as ``sqlite:///mlflow.db``.

    ``artifacts`` is the folder whose ``result.json`` and cards are attached when the experiment ends. Raises
    ``ValueError`` where MLflow is not installed or the store cannot be opened.
    """

    def __init__(self, tracking_uri: str, name: str = "hindcast", artifacts: Path | None = None) -> None:
        for setting, value in _IMPATIENT.items():
            os.environ.setdefault(setting, value)
        try:
            from mlflow.exceptions import MlflowException  # pyright: ignore[reportMissingImports]
            from mlflow.tracking import MlflowClient  # pyright: ignore[reportMissingImports]
        except ModuleNotFoundError as error:
            raise ValueError(
                f"{str(error.name).partition('.')[0]} is not installed: pip install 'hindcast[mlflow]'"
            ) from None
        for talker in ("mlflow", "alembic"):
            logging.getLogger(talker).setLevel(logging.WARNING)
        try:
            self.client: Any = MlflowClient(tracking_uri=tracking_uri)
            found = self.client.get_experiment_by_name(name)
            self._experiment: str = found.experiment_id if found else self.client.create_experiment(name)
        except MlflowException as error:
            raise ValueError(f"MLflow at {tracking_uri}: {str(error).splitlines()[0][:300]}") from None
        self._artifacts = artifacts
        self._runs: dict[str, str] = {}

    def record(self, event: Event) -> None:
        parent = self._run({EXPERIMENT: event.experiment}, event.experiment, event)
        data = cast(dict[str, Any], plain(event.data))
        if event.type in _TRIALS:
            self._trial(event, parent, data)
            return
        self._log(parent, data, event)
        if event.type in _ENDS:
            self._attach(parent)
            self.client.set_terminated(parent, _ENDS[event.type], _ms(event))

    def _trial(self, event: Event, parent: str, data: dict[str, Any]) -> None:
        key = f"{event.experiment}/{data.get('number')}"
        name = f"{data.get('number')} {data.get('model', '')}".strip()
        run = self._run({TRIAL: key, "mlflow.parentRunId": parent}, name, event)
        params = data.pop("params", None)
        for param, value in (cast(dict[str, Any], params) if isinstance(params, Mapping) else {}).items():
            self.client.log_param(run, param, value)
        self._log(run, data, event)
        failed = event.type == "trial.failed" or data.get("state") == "failed"
        self.client.set_terminated(run, "FAILED" if failed else "FINISHED", _ms(event))

    def _run(self, tags: dict[str, str], name: str, event: Event) -> str:
        """The run with the first tag; a new one where there is none."""
        tag, key = next(iter(tags.items()))
        if key not in self._runs:
            quoted = key.replace("'", "''")
            found = self.client.search_runs([self._experiment], f"tags.`{tag}` = '{quoted}'", max_results=1)
            run = found[0] if found else self.client.create_run(self._experiment, _ms(event), tags, name)
            self._runs[key] = run.info.run_id
        return self._runs[key]

    def _log(self, run: str, data: dict[str, Any], event: Event) -> None:
        """Numbers as metrics, once for an event's time; all else as tags."""
        known: Mapping[str, float] = self.client.get_run(run).data.metrics
        for name, value in data.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                if known.get(name) != float(value):
                    self.client.log_metric(run, name, float(value), _ms(event))
            elif value is not None and value != "":
                self.client.set_tag(run, f"hindcast.{name}", str(value)[:5000])

    def _attach(self, run: str) -> None:
        if self._artifacts is None:
            return
        for name in ("result.json", "card.html", "card.md"):
            if (self._artifacts / name).exists():
                self.client.log_artifact(run, str(self._artifacts / name))


def _ms(event: Event) -> int:
    return event.time // 1000
