"""Which candidates, with which weights: greedy selection over cross-validated predictions, within what serving can bear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.models.ensemble import Calibration
from tuning.evaluation.scoring import Gain

F64 = npt.NDArray[np.float64]
ROUNDS = 30
_PATIENCE = 6
_ROWS = 12_000
_POOL = 25


@dataclass(frozen=True)
class Cost:
    """What a candidate brings into an artifact: bytes and milliseconds of one row, by the name of the part. Parts of the
    same name, such as views, or members that others stand on, are paid for once."""

    parts: Mapping[str, tuple[int, float]]

    @property
    def size(self) -> int:
        return sum(size for size, _ in self.parts.values())


@dataclass(frozen=True)
class Limits:
    """An ensemble's bounds; ``row_ms`` is for its members' part of one warm row."""

    size: int = 45_000_000
    row_ms: float = 3.5


def greedy(
    predictions: Sequence[F64], y: F64, gain: Gain, costs: Sequence[Cost], limits: Limits, seed: int = 0
) -> dict[int, float]:
    """Weights by candidate (Caruana et al. 2004, with replacement): each round adds what helps the mean most.

    Of the candidates the best 25 alone take part; the weights are those of the best round. A candidate that would break a
    limit is passed over, but for the first one, which has the best score of those within them (or the smallest of all).
    """
    rows = np.random.default_rng(seed).permutation(len(y))[:_ROWS]
    y = y[rows]
    shown = [p[rows] for p in predictions]
    alone = np.array([gain(y, p) for p in shown])
    pool = np.argsort(-alone, kind="stable")[:_POOL].tolist()
    fitting = [i for i in pool if within([costs[i]], limits)]
    first = fitting[0] if fitting else min(pool, key=lambda i: costs[i].size)
    chosen, total = [first], shown[first].copy()
    best, best_n = float(alone[first]), 1
    while len(chosen) < ROUNDS and len(chosen) - best_n < _PATIENCE:
        used = set(chosen)
        allowed = [i for i in pool if i in used or within([costs[j] for j in {*used, i}], limits)]
        gains = [gain(y, (total + shown[i]) / (len(chosen) + 1)) for i in allowed]
        pick = allowed[int(np.argmax(gains))]
        chosen.append(pick)
        total = total + shown[pick]
        if max(gains) > best + 1e-7 * max(1.0, abs(best)):
            best, best_n = max(gains), len(chosen)
    kept = chosen[:best_n]
    return {i: kept.count(i) / len(kept) for i in sorted(set(kept))}


def within(costs: Sequence[Cost], limits: Limits) -> bool:
    """Whether an ensemble of these stays inside the limits."""
    parts: dict[str, tuple[int, float]] = {}
    for cost in costs:
        parts |= cost.parts
    return (
        sum(size for size, _ in parts.values()) <= limits.size and sum(ms for _, ms in parts.values()) <= limits.row_ms
    )


def calibrate(p: F64, y: F64, classes: int) -> Calibration:
    """Fitted on cross-validated predictions, and used only where it helps rows that it was not fitted on.

    Two parameters by Newton's method on the log loss, held near (1, 0) by a prior of 10 rows' worth.
    """
    if classes == 0 or len(y) < 100:
        return Calibration()
    half = np.arange(len(y)) % 2 == 0
    before = after = 0.0
    for part in (half, ~half):
        found = _fitted(p[~part], y[~part], classes)
        before += _loss(p[part], y[part], classes)
        after += _loss(found(p[part]), y[part], classes)
    return _fitted(p, y, classes) if after < before - 2.0 else Calibration()


def _loss(p: F64, y: F64, classes: int) -> float:
    q = np.clip(p, 1e-9, 1 - 1e-9)
    if classes == 2:
        return -float(np.where(y > 0, np.log(q[:, 0]), np.log1p(-q[:, 0])).sum())
    return -float(np.log(q[np.arange(len(y)), y.astype(np.int64)]).sum())


def _fitted(p: F64, y: F64, classes: int) -> Calibration:
    q = np.clip(p, 1e-9, 1 - 1e-9)
    if classes > 2:
        slopes = np.linspace(0.5, 2.0, 61)
        losses = [_loss(Calibration("temperature", s)(q), y, classes) + 10.0 * np.log(s) ** 2 for s in slopes]
        return Calibration("temperature", float(slopes[int(np.argmin(losses))]))
    logit = np.log(q[:, 0] / (1 - q[:, 0]))
    design = np.column_stack([logit, np.ones(len(y))])
    prior = np.array([1.0, 0.0])

    def cost(theta: F64) -> float:
        raw = design @ theta
        return float(np.logaddexp(0.0, raw).sum() - y @ raw + 5.0 * ((theta - prior) ** 2).sum())

    theta, now = prior, cost(prior)
    for _ in range(50):
        fitted = 1.0 / (1.0 + np.exp(-np.clip(design @ theta, -30, 30)))
        slope = design.T @ (y - fitted) - 10.0 * (theta - prior)
        curve = (design * (fitted * (1 - fitted))[:, None]).T @ design + 10.0 * np.eye(2)
        step = np.asarray(np.linalg.solve(curve, slope), np.float64)
        while (then := cost(theta + step)) > now and np.abs(step).max() > 1e-9:
            step = step / 2  # far from the minimum Newton overshoots
        theta, now = np.asarray(theta + step, np.float64), min(then, now)
        if np.abs(step).max() < 1e-8:
            break
    return Calibration("sigmoid", float(max(theta[0], 0.05)), float(theta[1]))
