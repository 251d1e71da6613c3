"""One system on one table, in a process of its own: ``contestant.py SYSTEM FOLDER BUDGET OUT``.

Runs in our environment (``ours``, ``lightgbm``, ``hist_gb``) or in the rivals' (``flaml``, ``autogluon_*``), so it imports
nothing of the project at the top. Writes ``OUT/answers.csv`` (a column a class, or ``value``) and ``OUT/times.json``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROUNDS = 30
Answer = tuple[Callable[[Any], pd.DataFrame], Path | None, dict[str, Any]]
"""Predicts a frame; where the model is stored; what else is to be noted."""


def ours(folder: Path, budget: float, out: Path, table: dict[str, Any], **_: Any) -> Answer:
    from tuning.data.tables import as_columns
    from tuning.predictions import load_model

    command = [str(Path(sys.executable).with_name("hindcast")), "automl", str(folder / "train.csv")]
    command += ["--target", table["target"], "--problem", table["problem"], "--budget", f"{budget}s"]
    began = time.perf_counter()
    subprocess.run([*command, "--seed", str(table["seed"]), "--out", str(out / "model"), "--quiet"], check=True)
    fit_s = time.perf_counter() - began
    model = load_model(out / "model")
    report = json.loads((out / "model" / "result.json").read_text())
    score = next(s for s in report["holdout"] if s["metric"] == report["metric"])
    noted = {"fit_s": fit_s, "holdout": score["value"], "next_low": score["next_low"], "next_high": score["next_high"]}

    def predict(frame: pd.DataFrame) -> pd.DataFrame:
        found = model.predict(as_columns(frame))
        return pd.DataFrame({"value": found}) if found.ndim == 1 else pd.DataFrame(found, columns=list(model.classes))

    return predict, out / "model" / "model.skops", noted


def flaml(train: pd.DataFrame, y: pd.Series, budget: float, out: Path, table: dict[str, Any], **_: Any) -> Answer:
    import pickle

    from flaml import AutoML

    model = AutoML()
    task = "regression" if table["problem"] == "regression" else "classification"
    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "rmse"}[table["problem"]]
    model.fit(
        train,
        y,
        task=task,
        metric=metric,
        time_budget=budget,
        n_jobs=2,
        seed=table["seed"],
        verbose=0,
        early_stop=False,
    )
    stored = out / "model.pkl"
    stored.write_bytes(pickle.dumps(model))
    if task == "regression":
        return lambda frame: pd.DataFrame({"value": model.predict(frame)}), stored, {"best": model.best_estimator}
    names = [str(c) for c in model.classes_]
    return (
        lambda frame: pd.DataFrame(model.predict_proba(frame), columns=names),
        stored,
        {"best": model.best_estimator},
    )


def autogluon(
    train: pd.DataFrame, y: pd.Series, budget: float, out: Path, table: dict[str, Any], preset: str, **_: Any
) -> Answer:
    from autogluon.tabular import TabularPredictor

    metric = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "root_mean_squared_error"}[table["problem"]]
    predictor = TabularPredictor(
        label=table["target"], problem_type=table["problem"], eval_metric=metric, path=str(out / "model"), verbosity=0
    )
    predictor.fit(train.assign(**{table["target"]: y}), presets=preset, time_limit=budget, num_cpus=2, num_gpus=0)
    noted = {"best": predictor.model_best}
    if table["problem"] == "regression":
        return lambda frame: pd.DataFrame({"value": predictor.predict(frame)}), out / "model", noted
    return lambda frame: predictor.predict_proba(frame).rename(columns=str), out / "model", noted


def default(train: pd.DataFrame, y: pd.Series, out: Path, table: dict[str, Any], library: str, **_: Any) -> Answer:
    """A library's own defaults, with native categories. Stores nothing."""
    regression = table["problem"] == "regression"
    names = [str(c) for c in train]
    levels = {c: pd.Index(train[c].dropna().unique()) for c in names if not pd.api.types.is_numeric_dtype(train[c])}

    def typed(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(
            **{c: pd.Categorical(frame[c], categories=of) for c, of in levels.items() if len(of) <= 250}
        )[[c for c in names if c not in levels or len(levels[c]) <= 250]]

    if library == "lightgbm":
        import lightgbm

        kind = lightgbm.LGBMRegressor if regression else lightgbm.LGBMClassifier
        model: Any = kind(n_jobs=2, verbose=-1, random_state=table["seed"])
    else:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        model = kind(categorical_features="from_dtype", random_state=table["seed"])
    model.fit(typed(train), y)
    if regression:
        return lambda frame: pd.DataFrame({"value": model.predict(typed(frame))}), None, {}
    labels = [str(c) for c in model.classes_]
    return lambda frame: pd.DataFrame(model.predict_proba(typed(frame)), columns=labels), None, {}


SYSTEMS: dict[str, tuple[Callable[..., Answer], dict[str, str]]] = {
    "ours": (ours, {}),
    "flaml": (flaml, {}),
    "autogluon_medium": (autogluon, {"preset": "medium_quality"}),
    "autogluon_best": (autogluon, {"preset": "best_quality"}),
    "lightgbm": (default, {"library": "lightgbm"}),
    "hist_gb": (default, {"library": "hist_gb"}),
}


def main() -> None:
    system, folder, budget, out = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]), Path(sys.argv[4])
    table = json.loads((folder / "table.json").read_text())
    train, test = pd.read_csv(folder / "train.csv"), pd.read_csv(folder / "test.csv")
    y = train.pop(table["target"])
    if table["problem"] != "regression":
        y = y.astype(str)
    run, options = SYSTEMS[system]
    began = time.perf_counter()
    predict, stored, noted = run(folder=folder, train=train, y=y, budget=budget, out=out, table=table, **options)
    fit_s = time.perf_counter() - began
    predict(test).to_csv(out / "answers.csv", index=False)
    times: list[float] = []
    for i in range(ROUNDS):
        row = test.iloc[i % len(test) : i % len(test) + 1]
        began = time.perf_counter()
        predict(row)
        times.append((time.perf_counter() - began) * 1e3)
    warm = times[ROUNDS // 3 :]
    (out / "times.json").write_text(
        json.dumps(
            {
                "fit_s": noted.get("fit_s", fit_s),
                "row_ms": float(np.median(warm)),
                "bytes": _size(stored),
                "noted": noted,
            }
        )
    )


def _size(stored: Path | None) -> int | None:
    if stored is None:
        return None
    return sum(f.stat().st_size for f in stored.rglob("*") if f.is_file()) if stored.is_dir() else stored.stat().st_size


if __name__ == "__main__":
    main()
