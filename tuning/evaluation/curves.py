"""What is drawn beside the scores: ROC and precision–recall curves, confusion, residuals, the learning curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tuning.evaluation.metrics import F64, I64, probabilities, score
from tuning.report import Curve, LearningPoint, Residuals

POINTS = 200
SAMPLE = 1000
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


def roc(truth: I64, prediction: F64, classes: Sequence[str]) -> tuple[Curve, ...]:
    """False positive rate against recall, of class 1, or of each class against the rest where there are more."""
    curves: list[Curve] = []
    for label, positive, scores in _one_against_rest(truth, prediction, classes):
        hits, alarms = _steps(positive, scores)
        x, y = alarms / alarms[-1], hits / hits[-1]
        kept = _thin(x, y)
        two = np.column_stack([1 - scores, scores])
        area = score("auc", positive.astype(np.int64), two)
        curves.append(Curve(label=label, x=tuple(x[kept].tolist()), y=tuple(y[kept].tolist()), area=area))
    return tuple(curves)


def precision_recall(truth: I64, prediction: F64, classes: Sequence[str]) -> tuple[Curve, ...]:
    """Recall against precision; ``area`` is average precision (no interpolation)."""
    curves: list[Curve] = []
    for label, positive, scores in _one_against_rest(truth, prediction, classes):
        hits, alarms = _steps(positive, scores)
        recall, precision = hits[1:] / hits[-1], hits[1:] / (hits[1:] + alarms[1:])
        area = float(np.sum(np.diff(recall, prepend=0.0) * precision))
        kept = _thin(recall, precision)
        curves.append(Curve(label=label, x=tuple(recall[kept].tolist()), y=tuple(precision[kept].tolist()), area=area))
    return tuple(curves)


def _one_against_rest(truth: I64, prediction: F64, classes: Sequence[str]) -> list[tuple[str, I64, F64]]:
    table = probabilities(truth, prediction)
    columns = [1] if table.shape[1] == 2 else range(table.shape[1])
    each = [(classes[c], (truth == c).astype(np.int64), table[:, c]) for c in columns]
    return [(label, positive, scores) for label, positive, scores in each if 0 < positive.sum() < len(positive)]


def _steps(positive: I64, scores: F64) -> tuple[I64, I64]:
    """int64[k]: hits and false alarms at each distinct threshold, from none to all."""
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(positive[order])[last]
    return np.concatenate([[0], hits]), np.concatenate([[0], last + 1 - hits])


def _thin(x: F64, y: F64) -> I64:
    """At most ``POINTS`` places, evenly along the curve's length, with both ends."""
    if len(x) <= POINTS:
        return np.arange(len(x))
    way = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    return np.unique(np.searchsorted(way, np.linspace(0, way[-1], POINTS)).clip(0, len(x) - 1))


def confusion(truth: I64, prediction: F64) -> tuple[tuple[int, ...], ...]:
    """Rows by true class (rows) and most probable class (columns)."""
    table = probabilities(truth, prediction)
    k = table.shape[1]
    counts = np.bincount(truth * k + table.argmax(axis=1), minlength=k * k).reshape(k, k)
    return tuple(tuple(row) for row in counts.tolist())


def residuals(truth: F64, prediction: F64, *, seed: int = 0) -> Residuals:
    """A seeded sample of rows and quantiles of observed − predicted over all of them."""
    chosen = np.sort(np.random.default_rng(seed).permutation(len(truth))[:SAMPLE])
    at = np.quantile(truth - prediction, QUANTILES).tolist()
    return Residuals(
        predicted=tuple(prediction[chosen].tolist()),
        observed=tuple(truth[chosen].tolist()),
        quantiles={f"{q:g}": value for q, value in zip(QUANTILES, at, strict=True)},
    )


def learning_curve(
    judge: Callable[[I64], Sequence[float]],
    rows: int,
    *,
    classes: I64 | None = None,
    points: int = 5,
    smallest: int = 50,
    seed: int = 0,
) -> tuple[LearningPoint, ...]:
    """Would more rows help? ``judge`` fits on the given row numbers and returns scores on rows kept apart.

    Sizes grow by a constant factor from ``smallest`` (or a twentieth) to all rows; each holds the one before, and where
    ``classes``, int64[rows], is given, each class in its share.
    """
    order = _mixed(rows, classes, np.random.default_rng(seed))
    first = min(max(smallest, rows // 20), rows)
    sizes = np.unique(np.geomspace(first, rows, points if first < rows else 1).round().astype(int)).tolist()
    found: list[LearningPoint] = []
    for size in sizes:
        scores = np.asarray(judge(np.sort(order[:size])), np.float64)
        scores = scores[np.isfinite(scores)]
        if len(scores):
            sd = float(scores.std(ddof=1)) if len(scores) > 1 else 0.0
            found.append(LearningPoint(rows=size, score=float(scores.mean()), sd=sd))
    return tuple(found)


def _mixed(rows: int, classes: I64 | None, generator: np.random.Generator) -> I64:
    """A random order whose every beginning has the classes in nearly their shares."""
    if classes is None:
        return generator.permutation(rows)
    place = np.empty(rows)
    for label in np.unique(classes):
        members = generator.permutation(np.flatnonzero(classes == label))
        place[members] = (np.arange(len(members)) + generator.random()) / len(members)
    return np.argsort(place, kind="stable")
