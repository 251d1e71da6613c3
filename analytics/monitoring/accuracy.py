"""How right a model was, as far as outcomes are known; until then an estimate that says that it is one.

Nothing is made up: without outcomes ``status`` is ``labels_pending`` and ``score`` is None. The estimate of a probability's
ranking supposes that the model is calibrated (confidence-based performance estimation; Guan and Yuan 2022 survey the kind);
that of a value, that errors are normal and as wide as the model's intervals say.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sqrt
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
ENOUGH = 30
"""Outcomes from which on a score is told."""
BINS = 10
Z = 1.96


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model said of n rows: float64[n] ``values`` (of two classes the probability of the second one), and where
    there are intervals their bounds and ``level``. ``usual``: what a model without knowledge would say of a value."""

    task: Literal["binary", "multiclass", "regression"]
    values: F64
    labels: tuple[str, ...] = ()
    """Of more than two classes: the predicted ones; ``values`` are their probabilities."""
    low: F64 | None = None
    high: F64 | None = None
    level: float = 0.9
    usual: float | None = None


class AccuracyMonitor:
    """Scores where outcomes are known. ``enough``: how many are needed."""

    __slots__ = ("enough",)

    def __init__(self, enough: int = ENOUGH) -> None:
        self.enough = enough

    def monitor(
        self, model_id: str, predictions: Answers, outcomes: F64, classes: tuple[str | None, ...] = ()
    ) -> dict[str, Any]:
        """``status`` (``measured``, ``labels_pending``), ``labels``, ``label_coverage`` in [0, 1], ``metric``, ``score``
        with ``low`` and ``high`` (95 %), ``calibration`` (of probabilities), ``estimate`` without outcomes.

        ``outcomes``: float64[n], NaN where none is known; of more classes than two their names are in ``classes``.
        """
        rows = len(predictions.values)
        known = np.array([c is not None for c in classes], bool) if classes else ~np.isnan(outcomes)
        labels = int(known.sum())
        found: dict[str, Any] = {
            "model_id": model_id,
            "status": "labels_pending",
            "rows": rows,
            "labels": labels,
            "label_coverage": labels / rows if rows else 0.0,
            "metric": {"binary": "auc", "multiclass": "balanced_accuracy", "regression": "skill"}[predictions.task],
            "score": None,
            "low": None,
            "high": None,
            "calibration": None,
            "estimate": estimate(predictions) if rows else None,
        }
        if labels < self.enough:
            return found | {"reason": f"{labels} outcomes are known; a score is told from {self.enough} on"}
        if predictions.task == "binary":
            p, y = predictions.values[known], outcomes[known] > 0.5
            if y.all() or not y.any():
                return found | {"reason": "all known outcomes are of one class: that says nothing of the ranking"}
            score = auc(p, y)
            margin = Z * auc_error(score, int(y.sum()), int((~y).sum()))
            more = {"calibration": calibration(p, y), "brier": float(((p - y) ** 2).mean())}
        elif predictions.task == "multiclass":
            names = [str(c) for c in np.array(classes, object)[known]]
            said = np.array(predictions.labels, object)[known]
            recalls = [float(np.mean([s == c for s, t in zip(said, names, strict=True) if t == c])) for c in set(names)]
            score, margin, more = float(np.mean(recalls)), Z * 0.5 / sqrt(labels), {}
        else:
            error = np.abs(predictions.values[known] - outcomes[known])
            usual = predictions.usual if predictions.usual is not None else float(outcomes[known].mean())
            square, naive = error**2, (outcomes[known] - usual) ** 2
            base = float(naive.mean())
            if base == 0.0:
                return found | {"reason": "all known outcomes are what a model without knowledge says"}
            score = 1.0 - float(square.mean()) / base
            margin = Z * float(np.std(square - (1.0 - score) * naive)) / base / sqrt(labels)
            more = {"mae": float(error.mean()), "coverage": _coverage(predictions, outcomes, known)}
        low, high = score - margin, score + margin
        return found | {"status": "measured", "score": score, "low": low, "high": min(1.0, high), **more}


def _coverage(said: Answers, outcomes: F64, known: npt.NDArray[np.bool_]) -> float | None:
    if said.low is None or said.high is None or np.isnan(said.low[known]).all():
        return None
    inside = (outcomes[known] >= said.low[known]) & (outcomes[known] <= said.high[known])
    return float(inside.mean())


def auc(p: F64, y: npt.NDArray[np.bool_]) -> float:
    """The area under the ROC curve, ties counted half (Mann-Whitney)."""
    order = np.argsort(p, kind="stable")
    _, first, counts = np.unique(p[order], return_index=True, return_counts=True)
    ranks = np.repeat(first + (counts + 1) / 2.0, counts)
    positive = y[order]
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def auc_error(area: float, positives: int, negatives: int) -> float:
    """Its standard error (Hanley and McNeil 1982)."""
    q1, q2 = area / (2 - area), 2 * area * area / (1 + area)
    spread = (positives - 1) * (q1 - area * area) + (negatives - 1) * (q2 - area * area)
    return sqrt(max(0.0, area * (1 - area) + spread) / (positives * negatives))


def calibration(p: F64, y: npt.NDArray[np.bool_]) -> list[dict[str, Any]]:
    """Up to ten groups of equally many rows by probability: what was said, what came, how many rows."""
    parts = np.array_split(np.argsort(p, kind="stable"), BINS)
    return [
        {"predicted": float(p[part].mean()), "observed": float(y[part].mean()), "rows": len(part)}
        for part in parts
        if len(part)
    ]


def estimate(said: Answers) -> dict[str, Any] | None:
    """The expected score if the model is right about its own doubt; None where it says nothing of that."""
    if said.task == "binary":
        area = expected_auc(said.values)
        return None if area is None else {"metric": "auc", "score": area, "supposes": "the model is calibrated"}
    if said.task == "multiclass":
        return {"metric": "accuracy", "score": float(said.values.mean()), "supposes": "the model is calibrated"}
    if said.low is None or said.high is None or not np.isfinite(said.high - said.low).any():
        return None
    width = float(np.nanmean(said.high - said.low))
    sigma = width / 2.0 / NormalDist().inv_cdf(0.5 + said.level / 2.0)
    supposes = "errors are normal and the intervals hold what they promise"
    return {"metric": "mae", "score": sigma * sqrt(2.0 / pi), "supposes": supposes}


def expected_auc(p: F64) -> float | None:
    """The expected area where row i is of the second class with probability p[i]."""
    q = np.sort(p[np.isfinite(p)])
    positive, negative = q.sum(), (1.0 - q).sum()
    if positive <= 0 or negative <= 0:
        return None
    values, place = np.unique(q, return_inverse=True)
    up, down = np.zeros(len(values)), np.zeros(len(values))
    np.add.at(up, place, q)
    np.add.at(down, place, 1.0 - q)
    below = np.concatenate([[0.0], np.cumsum(down)[:-1]])
    return float((up * (below + down / 2.0)).sum() / (positive * negative))
