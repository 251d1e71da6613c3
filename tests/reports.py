"""Reports to draw cards from: one of each kind of problem, with numbers that a small made-up table gives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from tuning import evaluation
from tuning.report import (
    Artifact,
    Baseline,
    Candidate,
    ClassCount,
    Column,
    Conformal,
    Data,
    Hashes,
    Importance,
    LearningPoint,
    Note,
    Problem,
    Registration,
    Report,
    Run,
    Split,
    Trial,
)

WARNINGS = (
    Note(code="leak", column="closed_at", severity="serious", text="filled only where the target is yes: left out"),
    Note(code="few-rows", severity="warning", text="only 31 rows of class <yes> & few of “maybe”"),
)


def made(problem: Problem, **changed: Any) -> Report:
    rng = np.random.default_rng(0)
    n = 600
    if problem == "regression":
        truth: Any = rng.standard_normal(n) * 40 - 1000
        prediction, base, names, metric = truth + rng.standard_normal(n) * 9, np.full(n, truth.mean()), [], "rmse"
    else:
        k = 2 if problem == "binary" else 8
        truth, logits = rng.integers(0, k, n), rng.standard_normal((n, k))
        logits[np.arange(n), truth] += 1.5
        prediction = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        base, names = np.full((n, k), 1 / k), [f"class {c}" for c in "abcdefgh"[:k]]
        metric = "auc" if k == 2 else "log_loss"
    holdout = evaluation.evaluate(problem, truth, prediction, baseline=base, next_rows=900)
    classes = problem != "regression"
    groups = {"plan": evaluation.group_labels(rng.integers(0, 3, n)), "a|b<c>": evaluation.group_labels(rng.random(n))}
    parts: dict[str, Any] = {
        "title": f"made: {problem}",
        "problem": problem,
        "run": Run(id="made-1", started=datetime(2026, 3, 1, 12, tzinfo=UTC), elapsed_s=58.2, budget_s=60, cores=2),
        "data": Data(
            name="made",
            rows=6000,
            columns=4,
            target="outcome",
            classes=tuple(ClassCount(label=name, rows=700, holdout_rows=75) for name in names),
            positive=names[1] if len(names) == 2 else None,
            target_quantiles=() if classes else (-1100, -1030, -1000, -970, -900),
        ),
        "split": Split(kind="stratified", holdout_rows=n, train_rows=5400, folds=5, description="a random tenth"),
        "columns": (
            Column(name="plan", kind="category", distinct=3),
            Column(name="id", kind="identifier", used=False, reason="another value in nearly each row"),
        ),
        "metric": metric,
        "metrics": tuple(evaluation.METRICS[score.metric] for score in holdout),
        "holdout": holdout,
        "baseline": Baseline(
            name="prior",
            description="the training rows alone",
            scores=evaluation.evaluate(problem, truth, base),
            skill=holdout[-1].value,
        ),
        "leaderboard": (
            Candidate(rank=1, model="lightgbm", score=0.81, sd=0.01, weight=0.7, fit_s=1.2, trials=9),
            Candidate(rank=2, model="linear", score=0.8, sd=0.012, weight=0.3, fit_s=0.1, trials=4),
            Candidate(rank=3, model="dummy", score=0.5),
        ),
        "history": (
            Trial(number=0, model="dummy", state="finished", score=0.5, best=0.5, at_s=1, origin="baseline"),
            Trial(number=1, model="linear", state="finished", score=0.8, best=0.8, at_s=2, took_s=0.4),
            Trial(number=2, model="network", state="failed", at_s=5, took_s=3, reason="ran out of memory"),
        ),
        "importance": (
            Importance(feature="plan", mean=0.08, sd=0.004, repeats=5),
            Importance(feature="a|b<c>", mean=-0.001, sd=0.002, repeats=5),
        ),
        "slices": evaluation.slices(metric, truth, prediction, groups),
        "calibration": evaluation.calibration_table(truth, prediction) if classes else None,
        "roc": evaluation.roc(truth, prediction, names) if classes else (),
        "precision_recall": evaluation.precision_recall(truth, prediction, names) if problem == "binary" else (),
        "confusion": evaluation.confusion(truth, prediction) if classes else (),
        "residuals": None if classes else evaluation.residuals(truth, prediction),
        "learning": tuple(LearningPoint(rows=r, score=s, sd=0.01) for r, s in ((100, 0.7), (1000, 0.77), (5400, 0.8))),
        "conformal": Conformal(
            method="split",
            level=0.9,
            calibration_rows=600,
            coverage=0.91,
            coverage_low=0.88,
            coverage_high=0.93,
            size=1.2,
        ),
        "decisions": (Note(code="identifier", column="id", text="left out: an identifier"),),
        "warnings": WARNINGS,
        "limits": ("Not for rows from before 2020.",),
        "registration": Registration(registered=True, score=0.81, threshold=0.7, reason="0.81 is above 0.7"),
        "artifact": Artifact(file="model.skops", sha256="ab" * 32, bytes=1_234_567, row_ms=1.3, row_ms_p95=2.0),
        "hashes": Hashes(schema="cd" * 32, code="ef" * 32, data="01" * 32),
        "libraries": {"lightgbm": "4.7.0"},
    }
    return Report(**(parts | changed))
