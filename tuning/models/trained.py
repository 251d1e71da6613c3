"""What every training answers: the model, whether it may be registered, and the report of its run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from importlib import import_module
from typing import Any, Generic, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from analytics.models.conformal import Intervals
from analytics.predictive.model import LEVEL, Evidence, PredictiveModel
from tuning.data.splits import grouped
from tuning.pipeline import Result
from tuning.report import Report

F64 = npt.NDArray[np.float64]
M = TypeVar("M", bound=PredictiveModel)
P = ParamSpec("P")
T = TypeVar("T")
QUICK_TRIALS = 2
"""Candidates of the fixed recipe: the first two of the portfolio, joined and calibrated."""


@dataclass(frozen=True)
class Trained(Generic[M]):
    """``score`` is the model's metric on rows it has not seen, more is better; it is registered if and only if the score is
    above ``threshold``. ``report`` is of the AutoML run behind it, where there is one. ``columns`` are the features as
    training saw them and ``predictions`` what was said of rows that it had not seen: what drift is held against."""

    model: M
    score: float | None
    threshold: float
    report: Report | None = None
    columns: dict[str, npt.NDArray[Any]] = field(default_factory=dict[str, Any])
    predictions: F64 | None = None

    @property
    def registered(self) -> bool:
        return self.score is not None and bool(np.isfinite(self.score)) and self.score > self.threshold

    @property
    def reason(self) -> str:
        metric = self.model.label.metric
        if self.score is None or not np.isfinite(self.score):
            return f"refused: {metric} could not be computed on rows that training had not seen"
        word = "registered" if self.registered else "refused"
        above = "is above" if self.registered else "is not above"
        return f"{word}: {metric} {self.score:.4f} {above} {self.threshold:g}"


def effort(budget_s: float | None) -> dict[str, float | int]:
    """Of the AutoML run: a search within ``budget_s`` seconds, or without one the quick recipe, which is repeatable."""
    return {"trials": QUICK_TRIALS} if budget_s is None else {"budget_s": budget_s}


def evidence_of(result: Result, *, level: float = LEVEL, coverage: float | None, width: float | None) -> Evidence:
    """From the report of an AutoML run."""
    report = result.report
    warned = [note.text for note in report.warnings]
    return Evidence(
        rows=report.split.holdout_rows,
        trained_on=len(result.outcome.prepared.y),
        scores={s.metric: float(s.value) for s in report.holdout if s.value is not None},
        level=level,
        coverage=coverage,
        width=width,
        importance={i.feature: float(i.mean) for i in report.importance},
        split=report.split.description,
        notes=warned,
    )


def in_one_thread(train: Callable[P, T]) -> Callable[P, T]:
    """A training that leaves the other cores alone: OpenMP's and BLAS's threads would spin against whatever else runs."""

    @wraps(train)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        from threadpoolctl import threadpool_limits

        import_module("sklearn")  # what is not loaded yet is not limited

        with threadpool_limits(1):
            return train(*args, **kwargs)

    return limited


def intervals_of(crossed: F64, y: F64, seed: int) -> Intervals:
    """Conformal intervals of the logarithm of one and a count or an amount, from what was said of rows not seen."""
    return Intervals().fit(None, np.log1p(crossed), np.log1p(y), seed=seed)


def cross_coverage(crossed: F64, y: F64, groups: npt.NDArray[Any], seed: int) -> float | None:
    """The share of rows inside intervals that the other half of the groups calibrated, of the logarithm of one and ``y``.

    None where there are too few groups or rows to tell."""
    if len(np.unique(groups)) < 4:
        return None
    half = grouped(groups, 2, seed)
    inside = np.empty(len(y), bool)
    p, truth = np.log1p(crossed), np.log1p(y)
    for k in (0, 1):
        here, other = half == k, half != k
        try:
            low, high = intervals_of(crossed[other], y[other], seed).interval(None, p[here], LEVEL)
        except ValueError:  # too few for the level
            return None
        inside[here] = (low <= truth[here]) & (truth[here] <= high)
    return float(inside.mean())
