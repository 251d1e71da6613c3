"""What a search maximises: one number, more is better, fast enough to be asked thousands of times."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from analytics.models.schema import WrongInput
from analytics.models.table import Problem
from tuning.evaluation.metrics import BY_PROBLEM, gain, score

F64 = npt.NDArray[np.float64]
Gain = Callable[[F64, F64], float]
"""From the target and rows x outputs (as members answer) to a number; more is better."""
AUTO: dict[Problem, str] = {"binary": "auc", "multiclass": "log_loss", "regression": "rmse"}


def metric_of(problem: Problem, wanted: str = "auto") -> str:
    """The metric's name. Raises ``WrongInput`` for one that does not fit the problem."""
    if wanted == "auto":
        return AUTO[problem]
    if wanted not in BY_PROBLEM[problem]:
        raise WrongInput(
            "", f"metric {wanted!r} does not fit a {problem} problem: choose one of {', '.join(BY_PROBLEM[problem])}"
        )
    return wanted


def gain_of(metric: str, problem: Problem) -> Gain:
    """The metric as a gain on members' outputs."""
    if metric == "auc" and problem == "binary":
        return lambda y, p: _auc(y, p[:, 0])
    if metric == "log_loss" and problem == "binary":
        return _log_loss
    if metric == "log_loss":
        return lambda y, p: float(np.log(np.clip(p[np.arange(len(y)), y.astype(np.int64)], 1e-12, None)).mean())
    if metric == "rmse":
        return lambda y, p: -float(np.sqrt(np.mean((y - p[:, 0]) ** 2)))
    if metric == "mae":
        return lambda y, p: -float(np.abs(y - p[:, 0]).mean())
    if problem == "regression":
        return lambda y, p: gain(metric, score(metric, y, p[:, 0]))
    return lambda y, p: gain(metric, score(metric, y.astype(np.int64), full(p)))


_STEADY = 0.1


def worth_of(metric: str, problem: Problem) -> Gain:
    """What an ensemble is chosen by: the metric's gain. To the area under the curve a tenth of the log loss is added, which
    tells better apart what differs little there."""
    gain = gain_of(metric, problem)
    if metric == "auc" and problem == "binary":
        return lambda y, p: gain(y, p) + _STEADY * _log_loss(y, p)
    return gain


def full(p: F64) -> F64:
    """Probabilities of every class."""
    return np.column_stack([1.0 - p[:, 0], p[:, 0]]) if p.shape[1] == 1 else p


def _log_loss(y: F64, p: F64) -> float:
    q = np.clip(p[:, 0], 1e-12, 1.0 - 1e-12)
    return float(np.mean(np.where(y > 0, np.log(q), np.log1p(-q))))


def _auc(y: F64, p: F64) -> float:
    """By midranks; 0.5 where there is one class only."""
    order = np.argsort(p, kind="stable")
    ranked, hits = p[order], y[order]
    ones = float(hits.sum())
    zeros = len(y) - ones
    if not ones or not zeros:
        return 0.5
    first = np.concatenate(([True], ranked[1:] != ranked[:-1]))
    group = np.cumsum(first) - 1
    starts = np.flatnonzero(first)
    ends = np.append(starts[1:], len(p))
    midranks = ((starts + ends + 1) / 2.0)[group]
    return float((midranks[hits > 0].sum() - ones * (ones + 1) / 2) / (ones * zeros))
