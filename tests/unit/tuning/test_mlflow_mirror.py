"""The mirror against a real MLflow store, where MLflow is installed (``pip install 'hindcast[mlflow]'``)."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from tuning.mlflow_mirror import EXPERIMENT, TRIAL, MlflowMirror
from tuning.recorder import Event

HERE = importlib.util.find_spec("mlflow") is not None
needs_mlflow = pytest.mark.skipif(not HERE, reason="mlflow is not installed: pip install 'hindcast[mlflow]'")
STORY = (
    Event("experiment.started", "churn", 1_700_000_000_000_000, {"problem": "binary", "rows": 500, "trials": None}),
    Event(
        "trial.finished",
        "churn",
        1_700_000_001_000_000,
        {"number": 0, "model": "linear", "params": {"strength": 0.1}, "gain": 0.8, "took_s": 0.4, "state": "finished"},
    ),
    Event("trial.failed", "churn", 1_700_000_002_000_000, {"number": 1, "model": "network", "reason": "out of memory"}),
    Event("model.registered", "churn", 1_700_000_003_000_000, {"score": 0.81, "threshold": 0.7, "model_id": "m-1"}),
    Event("experiment.finished", "churn", 1_700_000_004_000_000, {"elapsed_s": 4.0, "stopped": "budget"}),
)


@pytest.mark.skipif(HERE, reason="mlflow is installed")
def test_without_mlflow_it_says_how_to_get_it() -> None:
    with pytest.raises(ValueError, match=r"pip install 'hindcast\[mlflow\]'"):
        MlflowMirror("sqlite:///nowhere.db")


def runs(uri: str) -> list[Any]:
    from mlflow.tracking import MlflowClient  # pyright: ignore[reportMissingImports]

    client: Any = MlflowClient(tracking_uri=uri)
    return list(client.search_runs([client.get_experiment_by_name("hindcast").experiment_id]))


def the_run(uri: str, tag: str, value: str) -> Any:
    (found,) = [run for run in runs(uri) if run.data.tags.get(tag) == value]
    return found


@needs_mlflow
@pytest.mark.slow
def test_an_experiment_is_a_run_with_a_nested_run_for_each_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a local store keeps attached files in the working directory
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    (tmp_path / "result.json").write_text("{}")
    mirror = MlflowMirror(uri, artifacts=tmp_path)
    for event in STORY:
        mirror.record(event)
    parent = the_run(uri, EXPERIMENT, "churn")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["score"] == 0.81
    assert parent.data.tags["hindcast.model_id"] == "m-1"
    trial = the_run(uri, TRIAL, "churn/0")
    assert trial.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert trial.data.params == {"strength": "0.1"}
    assert trial.data.metrics["gain"] == 0.8
    failed = the_run(uri, TRIAL, "churn/1")
    assert failed.info.status == "FAILED"
    assert failed.data.tags["hindcast.reason"] == "out of memory"


@needs_mlflow
@pytest.mark.slow
def test_replayed_by_another_process_nothing_is_there_twice(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    for count in (2, len(STORY), len(STORY)):
        mirror = MlflowMirror(uri)
        for event in STORY[:count]:
            mirror.record(event)
    assert len(runs(uri)) == 3
