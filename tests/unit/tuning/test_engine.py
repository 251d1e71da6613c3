"""Whole runs on small tables: what is promised about honesty, repetition, ends and resumption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression

from analytics.models.blob import Untrusted, from_bytes, to_bytes
from hindcast.cli import main
from tuning.candidates import STACKED, Between
from tuning.config import Config
from tuning.pipeline import fit_table, run_automated_ml, train_custom_model, train_model
from tuning.report import read_report

QUICK = ("linear", "lightgbm")


def table(rows: int = 240, seed: int = 0, signal: float = 2.0, kind: str = "binary") -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=rows), rng.normal(size=rows)
    colour = rng.choice(["red", "green", "blue"], rows)
    z = signal * (a + (colour == "red")) + rng.normal(size=rows)
    y: Any = np.where(z > 0, "yes", "no")
    if kind == "multiclass":
        y = np.array(["low", "mid", "top"])[np.digitize(z, [-1, 1])]
    if kind == "regression":
        y = 10.0 + z
    gaps = np.where(rng.random(rows) < 0.1, np.nan, b)
    return {"a": a, "b": gaps, "colour": colour.astype(object), "y": y if kind == "regression" else y.astype(object)}


def write_csv(path: Path, data: dict[str, Any]) -> Path:
    lines = [
        ",".join(data),
        *(",".join("" if v != v else str(v) for v in row) for row in zip(*data.values(), strict=True)),
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.slow
def test_the_history_of_an_error_is_told_in_its_own_unit_as_the_leaderboard_is(tmp_path: Path) -> None:
    file, out = write_csv(tmp_path / "t.csv", table(200, kind="regression")), tmp_path / "out"
    words = ["automl", str(file), "--target", "y", "--trials", "2", "--metric", "rmse", "--quiet", "--out", str(out)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    report = read_report(out / "result.json")
    told = {trial.score for trial in report.history if trial.score is not None}
    assert told and min(told) > 0
    assert {row.score for row in report.leaderboard} <= told
    assert (out / "card.html").exists() and (out / "card.md").exists()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["binary", "multiclass", "regression"])
def test_a_planted_signal_is_found_and_the_model_comes_back_from_its_bytes(kind: str) -> None:
    data = table(400, kind=kind)
    found = run_automated_ml(kind, data, {"target": "y", "trials": 3, "kinds": QUICK})
    scores = {s.metric: s for s in found["evaluations"]}
    if kind == "regression":
        assert (scores["r2"].value or 0) > 0.6
    else:
        assert (scores["auc"].value or 0) > 0.85
    importance = found["feature_importance"]
    assert importance["a"] > importance["b"]
    report = found["report"]
    curve = report.learning
    assert [point.rows for point in curve] == sorted({point.rows for point in curve})
    assert len(curve) >= 3 and curve[-1].rows == report.split.train_rows * 4 // 5
    better = max if report.definition(report.metric).greater_is_better else min
    assert better(curve[0].score, curve[-1].score) == curve[-1].score
    assert "alone, judged on 3 splits" in report.learning_note
    assert {c.model for c in found["all_models"]} >= {"dummy", "linear", "lightgbm"}
    model = found["best_model"]
    new = {name: values[:30] for name, values in table(400, seed=5, kind=kind).items() if name != "y"}
    again = from_bytes(to_bytes(model))
    assert np.array_equal(again.predict(new), model.predict(new))
    if kind == "regression":
        low, high = model.interval(new, 0.9)
        assert ((low < model.predict(new)) & (model.predict(new) < high)).all()
    else:
        assert np.allclose(model.predict(new).sum(axis=1), 1.0)
        assert model.class_sets(new, 0.9).any(axis=1).all()


@pytest.mark.slow
def test_noise_is_refused_with_its_reason_and_signal_registered() -> None:
    config = {"target": "y", "trials": 2, "kinds": QUICK}
    noise = train_model("churn", table(signal=0.0), config)
    assert (noise["registered"], noise["model_id"]) == (False, None)
    assert "not above 0.7" in noise["reason"]
    sound = train_model("churn", table(signal=3.0), config)
    assert sound["registered"]
    assert sound["model_id"]
    assert sound["evaluation"]["score"] > 0.7
    strict = train_model("churn", table(signal=3.0), {**config, "min_score_threshold": sound["evaluation"]["score"]})
    assert not strict["registered"]


@pytest.mark.slow
def test_a_planted_leak_is_taken_out_and_said_and_the_score_stays_honest() -> None:
    data = table(400, signal=0.5)
    data["cancelled_on"] = np.where(data["y"] == "yes", "2024-05-01", None)
    result = fit_table(data, Config("y", trials=2, kinds=QUICK))
    assert any(n.code == "leak" and n.column == "cancelled_on" for n in result.report.warnings)
    assert (result.report.main().value or 1) < 0.9
    kept = fit_table(data, Config("y", trials=2, kinds=QUICK, keep=("cancelled_on",)))
    assert (kept.report.main().value or 0) > 0.98


@pytest.mark.slow
def test_trials_are_repeatable_to_the_bit_whatever_the_number_of_workers() -> None:
    data = table()
    runs = [fit_table(data, Config("y", trials=18, kinds=("linear",), seed=3, workers=w)) for w in (1, 2)]
    first, second = (r.report for r in runs)
    assert [(t.params, t.score) for t in first.history] == [(t.params, t.score) for t in second.history]
    assert any(t.origin == "search" for t in first.history)
    assert np.array_equal(runs[0].model.predict(data), runs[1].model.predict(data))


@pytest.mark.slow
def test_a_straggler_is_killed_and_the_run_says_that_it_has_no_model() -> None:

    class Sleeper(ClassifierMixin, BaseEstimator):
        """Never comes back. (A class of this function's: it travels to the worker by value.)"""

        def fit(self, x: Any, y: Any) -> Any:
            time.sleep(600)
            return self

    began = time.monotonic()
    fitting = Config("y", budget_s=12.0, custom=Sleeper(), started=began)
    with pytest.raises(ValueError, match="longer than it may"):
        fit_table(table(), fitting)
    assert time.monotonic() - began < 60


@pytest.mark.slow
def test_an_own_estimator_is_searched_over_its_own_space() -> None:
    space = {"C": Between(0.001, 10.0, log=True)}
    found = train_custom_model(LogisticRegression(), space, table(), {"target": "y", "trials": 5})
    history = found["evaluation"]["report"].history
    assert len({t.params.get("C") for t in history if t.model == "custom"}) == 5
    assert found["registered"]


@pytest.mark.slow
def test_an_own_class_that_cannot_be_stored_is_refused_by_name() -> None:
    class Own(LogisticRegression):
        """Its code would be needed to read the model back."""

    with pytest.raises((ValueError, Untrusted), match="Own"):
        train_custom_model(Own(), {}, table(), {"target": "y", "trials": 1})


@pytest.mark.slow
def test_later_rows_judge_earlier_ones_and_groups_stay_together() -> None:
    data = table(400)
    data["at"] = np.arange(400.0)
    ordered = fit_table(data, Config("y", time_col="at", trials=2, kinds=QUICK)).report
    assert ordered.split.kind == "time"
    data["who"] = np.repeat(np.arange(40), 10).astype(str).astype(object)
    together = fit_table(data, Config("y", group_col="who", trials=2, kinds=QUICK)).report
    assert together.split.kind == "grouped"
    assert not any(c.used for c in together.columns if c.name == "who")


@pytest.mark.slow
def test_a_budget_is_kept() -> None:
    began = time.monotonic()
    result = fit_table(table(2000), Config("y", budget_s=25.0, started=began))
    assert time.monotonic() - began < 25.0 * 2  # a tenth more where nobody else uses the processor
    assert result.report.run.stopped == "budget"


@pytest.mark.slow
def test_a_budget_too_short_for_any_other_process_gives_a_linear_model_and_waits_for_none() -> None:
    report = fit_table(table(400), Config("y", budget_s=0.2)).report
    assert (report.main().value or 0) > 0.7
    said = [note.text for note in report.warnings if note.code == "budget"]
    assert said == [
        "A budget of 0.2 s is too short to search: at most two models are fitted.",
        "No model was finished in time: only linear is fitted.",
    ]


@pytest.mark.slow
def test_a_learning_curve_that_does_not_fit_into_the_budget_is_left_out_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tuning.run.learning_curve._BUDGET", 1e-6)
    report = fit_table(table(), Config("y", budget_s=10.0, kinds=QUICK)).report
    assert not report.learning
    assert "which the budget does not hold" in report.learning_note


def automl(path: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "hindcast", "automl", str(path), "--target", "y", "--out", str(out), "--json", *more]


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", table())
    wanted = ("--trials", "8", "--seed", "1")
    subprocess.run(automl(path, tmp_path / "whole", *wanted), check=True, capture_output=True)
    killed = subprocess.Popen(automl(path, tmp_path / "cut", *wanted), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    fits = tmp_path / "cut" / "run" / "fits"
    while len(list(fits.glob("*.npz"))) < 12:
        assert killed.poll() is None, "the run was over before it was killed"
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    known = {p.name: p.stat().st_mtime_ns for p in fits.glob("*.npz") if "part" not in p.name}
    time.sleep(1.0)
    again = subprocess.run(automl(path, tmp_path / "cut", *wanted), check=True, capture_output=True)
    assert len(known) >= 12
    whole, cut = (read_report(tmp_path / name / "result.json") for name in ("whole", "cut"))
    assert [(t.model, t.params, t.score) for t in whole.history] == [(t.model, t.params, t.score) for t in cut.history]
    assert whole.holdout == cut.holdout
    assert cut.run.resumed >= 1
    assert json.loads(again.stdout)["run"]["resumed"] == cut.run.resumed
    assert not (tmp_path / "cut" / "run").exists()
    kinds = [json.loads(line)["type"] for line in (tmp_path / "cut" / "events.ndjson").read_text().splitlines()]
    assert "experiment.resumed" in kinds
    assert kinds[-1] == "experiment.finished"


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_so_far(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", table())
    running = subprocess.Popen(
        automl(path, tmp_path / "out", "--budget", "300s"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a suite in the background ignores it
    )
    tried = tmp_path / "out" / "run" / "tried.ndjson"
    while not (tried.exists() and len(tried.read_text().splitlines()) > 3):
        assert running.poll() is None
        time.sleep(0.1)
    os.kill(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=600)
    assert running.returncode == 0, errors
    report = read_report(tmp_path / "out" / "result.json")
    assert report.run.stopped == "interrupted"
    assert report.main().value is not None


@pytest.mark.slow
def test_predictions_come_in_the_rows_order_and_say_what_does_not_fit(tmp_path: Path) -> None:
    runner = CliRunner()
    data = table(300, kind="regression")
    path = write_csv(tmp_path / "t.csv", data)
    made = runner.invoke(
        main, ["automl", str(path), "--target", "y", "--trials", "2", "--out", str(tmp_path / "m"), "--quiet"]
    )
    assert made.exit_code == 0, made.output
    asked = ["predict", str(tmp_path / "m"), str(path), "--interval", "90", "--explain", "--out"]
    assert runner.invoke(main, [*asked, str(tmp_path / "p.csv")]).exit_code == 0
    head, *lines = (tmp_path / "p.csv").read_text().splitlines()
    names = head.replace('"', "").split(",")
    assert names[:3] == ["prediction", "lo-90", "hi-90"]
    assert {"why_a", "why_b", "why_colour"} == set(names[3:])
    rows = np.array([[float(v) for v in line.split(",")] for line in lines])
    assert np.corrcoef(rows[:, 0], data["y"])[0, 1] > 0.8
    assert ((rows[:, 1] <= data["y"]) & (data["y"] <= rows[:, 2])).mean() > 0.8
    wrong = write_csv(tmp_path / "w.csv", {"a": ["x", "y"], "b": [1, 2], "colour": ["red", "violet"]})
    refused = runner.invoke(main, ["predict", str(tmp_path / "m"), str(wrong), "--out", str(tmp_path / "q.csv")])
    assert refused.exit_code == 2
    assert "column 'a': row 1: 'x' is not a number" in refused.output
    (tmp_path / "m" / "model.skops").write_bytes(b"other")
    forged = runner.invoke(main, [*asked, str(tmp_path / "q.csv")])
    assert forged.exit_code == 2
    assert "SHA-256" in forged.output


@pytest.mark.parametrize(
    ("data", "more", "said"),
    [
        (table(), ["--target", "nope"], "column 'nope': the target is not in the table"),
        (table(), ["--target", "y", "--time-col", "when"], "column 'when': the time column is not in the table"),
        (table(), ["--target", "y", "--metric", "rmse"], "does not fit a binary problem"),
        (table(), ["--target", "y", "--problem", "regression"], "column 'y': a regression needs numbers"),
        (table(10), ["--target", "y"], "column 'y': 10 rows have a value"),
        ({**table(), "y": ["yes"] * 240}, ["--target", "y"], "column 'y': has only one value"),
        ({"k": [1] * 60, "y": ["a", "b"] * 30}, ["--target", "y"], "no column is left to learn from"),
        ({**table(), "y": [""] * 240}, ["--target", "y"], "column 'y': 0 rows have a value"),
    ],
)
def test_what_cannot_be_learnt_ends_with_one_line_that_names_it(
    tmp_path: Path, data: dict[str, Any], more: list[str], said: str
) -> None:
    path = write_csv(tmp_path / "t.csv", data)
    result = CliRunner().invoke(main, ["automl", str(path), *more, "--trials", "1", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a table with gaps, infinite numbers, an empty and a constant column, and rows without a target."""
    folder = tmp_path_factory.mktemp("fitted")
    data: dict[str, Any] = {**table(240), "none": [""] * 240, "one": [1] * 240}
    data["a"] = [np.inf if i % 9 == 0 else v for i, v in enumerate(data["a"])]
    data["y"] = ["" if i % 8 == 0 else v for i, v in enumerate(data["y"])]
    path = write_csv(folder / "t.csv", data)
    words = ["automl", str(path), "--target", "y", "--trials", "2", "--quiet", "--out", str(folder / "m")]
    made = CliRunner().invoke(main, words)
    assert made.exit_code == 0, made.output
    return folder / "m"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"a": None}, "column 'a': is missing"),
        ({"b": ["x", "y"]}, "column 'b': row 1: 'x' is not a number"),
        ({"a": [], "b": [], "colour": []}, "the table has no rows"),
        ({"more": [1, 2], "y": ["?", "?"]}, ""),
        ({"colour": ["violet", ""]}, ""),
        ({"colour": [5, 6]}, ""),
        ({"a": ["inf", ""], "b": ["-inf", "nan"]}, ""),
        ({"none": [3, 4], "one": ["x", "y"]}, ""),
    ],
    ids=["missing", "of another type", "no rows", "extra", "unseen", "numbers for words", "endless", "unused"],
)
def test_odd_rows_are_predicted_or_refused_by_name(
    fitted: Path, tmp_path: Path, changed: dict[str, Any], said: str
) -> None:
    rows = {"a": [0.5, -0.5], "b": [1.0, 2.0], "colour": ["red", "blue"], **changed}
    path = write_csv(tmp_path / "new.csv", {name: values for name, values in rows.items() if values is not None})
    done = CliRunner().invoke(main, ["predict", str(fitted), str(path), "--out", str(tmp_path / "p.csv")])
    assert (done.exit_code, said in done.output) == (2 if said else 0, True), done.output
    if not said:
        head, *lines = (tmp_path / "p.csv").read_text().splitlines()
        found = np.array([[float(v) for v in line.split(",")[1:]] for line in lines])
        assert "probability_yes" in head
        assert found.sum(axis=1) == pytest.approx([1.0, 1.0])


@pytest.mark.slow
@pytest.mark.cluster
def test_the_same_search_runs_on_ray() -> None:
    began = time.monotonic()
    config = Config("y", budget_s=90.0, search="ray", workers=2, started=began, kinds=QUICK)
    report = fit_table(table(400), config).report
    assert time.monotonic() - began < 90.0 * 2
    finished = [t for t in report.history if t.state == "finished" and t.model != "dummy"]
    assert len(finished) >= 4
    assert {t.model for t in finished} - {STACKED} == set(QUICK)
    assert (report.main().value or 0) > 0.8
