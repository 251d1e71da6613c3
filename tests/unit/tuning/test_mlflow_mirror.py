"""The mirror against a real MLflow store, where MLflow is installed (``pip install 'hindcast[mlflow]'``)."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from click.testing import CliRunner

from hindcast.cli import main
from tuning.mlflow_mirror import EXPERIMENT, TRIAL, MlflowMirror
from tuning.recorder import Event
from tuning.report import read_report

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


def test_without_mlflow_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.partition(".")[0] == "mlflow"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ValueError, match=r"pip install 'hindcast\[mlflow\]'"):
        MlflowMirror("sqlite:///nowhere.db")
    table = tmp_path / "t.csv"
    table.write_text("a,y\n" + "1,2\n" * 50)
    words = ["automl", str(table), "--target", "y", "--mlflow", "sqlite:///m.db", "--out", str(tmp_path / "out")]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 2
    assert "mlflow is not installed: pip install 'hindcast[mlflow]'" in refused.output


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A tracking server of this machine's own, over SQLite."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path / 'server.db'}", "--artifacts-destination", str(tmp_path)]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True)
    try:
        until = time.monotonic() + 300
        while not _answers(port):
            assert process.poll() is None and time.monotonic() < until, (tmp_path / "server.log").read_text()[-2000:]
            time.sleep(0.3)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", timeout=60).status_code == 200
    except httpx.HTTPError:
        return False


@needs_mlflow
@pytest.mark.slow
def test_the_command_mirrors_a_run_into_a_tracking_server(tmp_path: Path, server: str) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200))
    table, out = tmp_path / "t.csv", tmp_path / "out"
    lines = [f"{u},{v},{'yes' if w > 0 else 'no'}" for u, v, w in zip(a, b, a + b, strict=True)]
    table.write_text("a,b,y\n" + "\n".join(lines) + "\n")
    words = ["automl", str(table), "--target", "y", "--trials", "2", "--quiet", "--out", str(out), "--mlflow", server]
    made = CliRunner().invoke(main, words)
    assert made.exit_code == 0, made.output
    parent = the_run(server, EXPERIMENT, "t")
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["score"] == pytest.approx(read_report(out / "result.json").main().value)
    assert {run.data.tags.get("mlflow.parentRunId") for run in runs(server)} == {None, parent.info.run_id}
    client = MlflowMirror(server).client
    assert {f.path for f in client.list_artifacts(parent.info.run_id)} == {"result.json", "card.html", "card.md"}


@needs_mlflow
def test_a_server_that_does_not_answer_is_named_before_anything_is_fitted(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("a,y\n" + "1,2\n" * 50)
    nowhere = "http://127.0.0.1:9"
    words = ["automl", str(table), "--target", "y", "--out", str(tmp_path / "out"), "--mlflow", nowhere]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 2
    assert f"MLflow at {nowhere}" in refused.output
    assert "Traceback" not in refused.output


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
