"""Scores, and each row's influence on them.

Truth is int64[n] class numbers or float64[n]; a prediction is float64[n, classes] probabilities, for two classes also
float64[n] of class 1, or float64[n] values. An influence is float64[n] with mean zero: the score of a sample is about
the true score plus the influences' mean, so their variance gives that of any of these scores (the delta method; Hampel,
JASA 1974; for the area under the ROC curve these are the components of DeLong et al., Biometrics 1988).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tuning.report import Metric, Problem

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
TINY = 1e-15
"""Probabilities are cut off so far from 0 and 1 before a logarithm."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A score and float64[n] influences."""

    value: float
    influence: F64


def probabilities(truth: I64, prediction: F64) -> F64:
    """float64[n, classes]; raises ``ValueError`` where shapes or values are none of probabilities."""
    table = np.asarray(prediction, np.float64)
    if table.ndim == 1:
        table = np.column_stack([1 - table, table])
    if len(table) != len(truth):
        raise ValueError(f"{len(table)} predictions for {len(truth)} rows")
    if len(truth) and (truth.min() < 0 or truth.max() >= table.shape[1]):
        raise ValueError(f"class number {truth.max()} but probabilities of {table.shape[1]} classes")
    if not np.isfinite(table).all() or table.min(initial=0) < -1e-9 or table.max(initial=0) > 1 + 1e-9:
        raise ValueError("probabilities must be finite and between 0 and 1")
    return table


def _auc(truth: I64, prediction: F64) -> Measured:
    """For several classes the mean over the classes that can be told from the rest."""
    table = probabilities(truth, prediction)
    columns = [1] if table.shape[1] == 2 else range(table.shape[1])
    ones = [_one_auc(truth == c, table[:, c]) for c in columns if 0 < np.count_nonzero(truth == c) < len(truth)]
    if not ones:
        raise ValueError("the area under the ROC curve needs rows of two classes at least")
    return Measured(float(np.mean([one.value for one in ones])), np.mean([one.influence for one in ones], axis=0))


def _one_auc(positive: NDArray[np.bool_], scores: F64) -> Measured:
    """By midranks (Sun and Xu, IEEE Signal Processing Letters 2014)."""
    n, n1 = len(scores), int(np.count_nonzero(positive))
    ranks = np.asarray(rankdata(scores), np.float64)
    beaten = np.empty(n)
    beaten[positive] = (ranks[positive] - rankdata(scores[positive])) / (n - n1)
    beaten[~positive] = 1 - (ranks[~positive] - rankdata(scores[~positive])) / n1
    value = float(beaten[positive].mean())
    return Measured(value, (beaten - value) * np.where(positive, n / n1, n / (n - n1)))


def _accuracy(truth: I64, prediction: F64) -> Measured:
    return _mean((probabilities(truth, prediction).argmax(axis=1) == truth).astype(np.float64))


def _balanced_accuracy(truth: I64, prediction: F64) -> Measured:
    hit = (probabilities(truth, prediction).argmax(axis=1) == truth).astype(np.float64)
    classes, code, counts = np.unique(truth, return_inverse=True, return_counts=True)
    recall = np.bincount(code, hit) / counts
    influence = (hit - recall[code]) * (len(truth) / counts[code]) / len(classes)
    return Measured(float(recall.mean()), influence)


def _log_loss(truth: I64, prediction: F64) -> Measured:
    return _mean(log_losses(truth, prediction))


def log_losses(truth: I64, prediction: F64) -> F64:
    """float64[n]: −log of the probability of what happened, rows scaled to sum to one."""
    table = np.clip(probabilities(truth, prediction), TINY, 1.0)
    return -np.log(table[np.arange(len(truth)), truth] / table.sum(axis=1))


def _brier(truth: I64, prediction: F64) -> Measured:
    """For two classes the square of the error in the probability of class 1, for more their sum over classes."""
    table = probabilities(truth, prediction)
    errors = (table - np.eye(table.shape[1])[truth]) ** 2
    return _mean(errors[:, 1] if table.shape[1] == 2 else errors.sum(axis=1))


def _rmse(truth: F64, prediction: F64) -> Measured:
    squares = _mean(_errors(truth, prediction) ** 2)
    root = float(np.sqrt(squares.value))
    return Measured(root, squares.influence / (2 * root) if root else squares.influence)


def _mae(truth: F64, prediction: F64) -> Measured:
    return _mean(np.abs(_errors(truth, prediction)))


def _r2(truth: F64, prediction: F64) -> Measured:
    spread = (truth - truth.mean()) ** 2
    if not spread.any():
        raise ValueError("R² needs a target that varies")
    return ratio(_errors(truth, prediction) ** 2, spread)


def _errors(truth: F64, prediction: F64) -> F64:
    if np.shape(truth) != np.shape(prediction):
        raise ValueError(f"{np.shape(prediction)} predictions for {np.shape(truth)} rows")
    errors = np.asarray(truth, np.float64) - np.asarray(prediction, np.float64)
    if not np.isfinite(errors).all():
        raise ValueError("predictions and targets must be finite")
    return errors


def _mean(values: F64) -> Measured:
    value = float(values.mean())
    return Measured(value, values - value)


def ratio(losses: F64, reference: F64) -> Measured:
    """1 − mean loss / mean loss of a reference, with influences."""
    below = float(reference.mean())
    if below <= 0:
        raise ValueError("the reference makes no error, so nothing can be compared with it")
    over = float(losses.mean()) / below
    return Measured(1 - over, -(losses - over * reference) / below)


def skill(truth: I64 | F64, prediction: F64, baseline: F64) -> Measured:
    """1 − loss / the baseline's loss on the same rows: log loss for classes, squared error for values."""
    if np.issubdtype(truth.dtype, np.integer):
        labels = truth.astype(np.int64)
        return ratio(log_losses(labels, prediction), log_losses(labels, baseline))
    values = truth.astype(np.float64)
    return ratio(_errors(values, prediction) ** 2, _errors(values, baseline) ** 2)


METRICS = {
    metric.name: metric
    for metric in (
        Metric(
            name="auc",
            title="Area under the ROC curve",
            definition="Probability that a row of the class gets a higher score than a row without it, ties counting "
            "half; for several classes the mean over one class against the rest.",
            greater_is_better=True,
            low=0,
            high=1,
            baseline=0.5,
        ),
        Metric(
            name="balanced_accuracy",
            title="Balanced accuracy",
            definition="Mean over classes of the share of their rows whose most probable class is right.",
            greater_is_better=True,
            low=0,
            high=1,
        ),
        Metric(
            name="accuracy",
            title="Accuracy",
            definition="Share of rows whose most probable class is right.",
            greater_is_better=True,
            low=0,
            high=1,
        ),
        Metric(
            name="log_loss",
            title="Log loss",
            definition="Mean of −ln(probability given to what happened), in nats.",
            greater_is_better=False,
            low=0,
        ),
        Metric(
            name="brier",
            title="Brier score",
            definition="Mean squared error of the probability; for several classes summed over them.",
            greater_is_better=False,
            low=0,
            high=2,
        ),
        Metric(
            name="rmse",
            title="Root mean squared error",
            definition="Square root of the mean squared error, in units of the target.",
            greater_is_better=False,
            low=0,
        ),
        Metric(
            name="mae",
            title="Mean absolute error",
            definition="Mean absolute error, in units of the target.",
            greater_is_better=False,
            low=0,
        ),
        Metric(
            name="r2",
            title="R²",
            definition="1 − mean squared error / variance of the target on the same rows.",
            greater_is_better=True,
            high=1,
            baseline=0,
        ),
        Metric(
            name="skill",
            title="Skill",
            definition="1 − loss / loss of the baseline on the same rows (log loss, or squared error).",
            greater_is_better=True,
            high=1,
            baseline=0,
        ),
    )
}
BY_PROBLEM: dict[Problem, tuple[str, ...]] = {
    "binary": ("auc", "balanced_accuracy", "log_loss", "brier", "accuracy"),
    "multiclass": ("auc", "balanced_accuracy", "log_loss", "brier", "accuracy"),
    "regression": ("rmse", "mae", "r2"),
}
_MEASURES: dict[str, Callable[[I64, F64], Measured] | Callable[[F64, F64], Measured]] = {
    "auc": _auc,
    "balanced_accuracy": _balanced_accuracy,
    "accuracy": _accuracy,
    "log_loss": _log_loss,
    "brier": _brier,
    "rmse": _rmse,
    "mae": _mae,
    "r2": _r2,
}


def measure(name: str, truth: I64 | F64, prediction: F64) -> Measured:
    """The score with influences. Raises ``ValueError`` where it cannot be computed, saying why."""
    if name not in _MEASURES:
        raise ValueError(f"metric {name!r} is unknown: choose one of {', '.join(_MEASURES)}")
    if not len(truth):
        raise ValueError(f"{METRICS[name].title} needs rows, got none")
    function: Callable[..., Measured] = _MEASURES[name]
    return function(truth, prediction)


def score(name: str, truth: I64 | F64, prediction: F64) -> float:
    """The score alone, as it is defined (so log loss is better when lower; see ``gain``)."""
    return measure(name, truth, prediction).value


def gain(name: str, value: float) -> float:
    """``value`` so that more is better."""
    return value if METRICS[name].greater_is_better else -value
