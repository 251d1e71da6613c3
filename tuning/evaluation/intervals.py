"""Intervals of scores: for what the score estimates, and for the next score on other rows of the same kind.

One variance comes from the rows' influences (cluster-robust where rows come in groups), the largest counted twice: where
errors have heavy tails a sample's own variance is mostly too small. Scores between 0 and 1 get a score interval,
|S − θ| = t·√V(θ), where V is that of a proportion (Wilson 1927) or, for the area under the ROC curve, that of Hanley and
McNeil (1982) as in Newcombe (Statistics in Medicine 2006, method 5), scaled by the observed variance as far as there are
errors to know it from. So they stay within bounds and keep a width where everything was right. Losses get theirs
on the scale of the logarithm.

A later score on m rows differs from this one, on n, by the errors of both: the variance is that of one times
1 + n/m. It is this wider interval that must hold the score of a test; where a test without any error is not improbable,
it reaches the bound.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from scipy.optimize import brentq
from scipy.stats import t as student

from tuning.evaluation.metrics import BY_PROBLEM, F64, I64, METRICS, Measured, measure, skill
from tuning.report import Problem, Score

LEVEL = 0.95
_EDGE = 1e-9
_SCALED = (0.25, 4.0)
"""How far the observed variance may move that of the model."""
_ERRORS = 10.0
"""With so many errors the observed variance counts as much as the model."""


def evaluate(
    problem: Problem,
    truth: I64 | F64,
    prediction: F64,
    *,
    baseline: F64 | None = None,
    groups: I64 | None = None,
    next_rows: int | None = None,
    level: float = LEVEL,
) -> tuple[Score, ...]:
    """Every score of the problem; with the ``baseline``'s predictions for the same rows also the skill over it."""
    scores = [
        score_with_interval(name, truth, prediction, groups=groups, next_rows=next_rows, level=level)
        for name in BY_PROBLEM[problem]
    ]
    if baseline is not None:
        scores.append(_described("skill", truth, lambda: skill(truth, prediction, baseline), groups, next_rows, level))
    return tuple(scores)


def score_with_interval(
    name: str,
    truth: I64 | F64,
    prediction: F64,
    *,
    groups: I64 | None = None,
    next_rows: int | None = None,
    level: float = LEVEL,
) -> Score:
    """A score with its intervals. What cannot be computed has a null value and a note.

    ``groups``, int64[n], says which rows belong together and are not independent; ``next_rows`` is the size of the
    later test (as many rows as here, where it is not known).
    """
    return _described(name, truth, lambda: measure(name, truth, prediction), groups, next_rows, level)


def _described(
    name: str,
    truth: I64 | F64,
    measured: Callable[[], Measured],
    groups: I64 | None,
    next_rows: int | None,
    level: float,
) -> Score:
    n = len(truth)
    m = next_rows or n
    try:
        found = measured()
    except ValueError as error:
        return Score(metric=name, value=None, rows=n, level=level, note=str(error))
    if n < 3:
        return Score(metric=name, value=found.value, rows=n, level=level, note=f"no interval from {n} rows")
    variance, freedom = variance_of(found.influence, groups)
    counts = np.bincount(truth)[np.bincount(truth) > 0].tolist() if np.issubdtype(truth.dtype, np.integer) else []
    if name in ("auc", "balanced_accuracy"):
        freedom = min(freedom, max(min(counts) - 1, 1))
    width = float(student.ppf((1 + level) / 2, freedom))
    # Rows of one group tell less than as many rows apart: the models below reckon with as many as they are worth.
    worth = 1.0 if groups is None else min(1.0, variance_of(found.influence)[0] / variance) if variance > 0 else 1.0
    scale = _Scale(name, found.value, variance, [count * worth for count in counts], n * worth)
    low, high = scale.bounds(width)
    next_low, next_high = scale.reaching(scale.bounds(width * math.sqrt(1 + n / m)), m / n, level)
    method = "influence function" + (f", {freedom + 1} groups" if groups is not None else "")
    return Score(
        metric=name,
        value=found.value,
        rows=n,
        low=low,
        high=high,
        level=level,
        method=method,
        next_rows=m,
        next_low=next_low,
        next_high=next_high,
    )


def variance_of(influence: F64, groups: I64 | None = None) -> tuple[float, int]:
    """Variance of the score and degrees of freedom; sums over groups, where rows within them are not independent."""
    n = len(influence)
    if groups is None:
        squares = np.square(influence)
        return float(squares.sum() + squares.max()) / (n * max(n - 1, 1)), max(n - 1, 1)
    _, code = np.unique(groups, return_inverse=True)
    sums = np.bincount(code, influence)
    g = len(sums)
    return float(np.square(sums).sum()) / n**2 * g / max(g - 1, 1), max(g - 1, 1)


class _Scale:
    """On which scale the error of a score is symmetric."""

    def __init__(self, name: str, value: float, variance: float, counts: Sequence[float], n: float) -> None:
        self.name, self.value, self.variance = name, value, variance
        self.model: Callable[[float], float] | None = None
        self.effective = n
        if name == "auc":
            self.model, self.effective = _hanley_mcneil(counts, n)
        elif name in ("accuracy", "balanced_accuracy"):
            self.effective = n if name == "accuracy" else len(counts) ** 2 / sum(1 / c for c in counts)
            self.model = lambda at: at * (1 - at) / self.effective

    def bounds(self, width: float) -> tuple[float, float]:
        """The interval of so many standard errors on either side."""
        return self._of_loss(width) if self.model is None else self._of_share(width, self.model)

    def reaching(self, found: tuple[float, float], times: float, level: float) -> tuple[float, float]:
        """``found``, up to a bound that a test ``times`` as large meets exactly more often than in (1 − level)/2."""
        if self.model is None:
            return found
        improbable = -math.log((1 - level) / 2) / (self.effective * times)
        low, high = found
        return 0.0 if self.value < improbable else low, 1.0 if 1 - self.value < improbable else high

    def _of_loss(self, width: float) -> tuple[float, float]:
        turned = self.name in ("r2", "skill")
        loss = 1 - self.value if turned else self.value
        factor = math.exp(min(width * math.sqrt(self.variance) / loss, 50.0)) if loss > 0 else 1.0
        low, high = loss / factor, loss * factor
        if turned:
            return 1 - high, 1 - low
        top = METRICS[self.name].high
        return low, high if top is None else min(high, top)

    def _of_share(self, width: float, model: Callable[[float], float]) -> tuple[float, float]:
        expected = model(self.value)
        seen = self.variance / expected if expected > 1e-12 and self.variance > 0 else 1.0
        errors = self.effective * min(self.value, 1 - self.value)
        scale = (errors * min(max(seen, _SCALED[0]), _SCALED[1]) + _ERRORS) / (errors + _ERRORS)

        def beyond(at: float) -> float:
            return (self.value - at) ** 2 - width**2 * scale * model(at)

        inside = min(max(self.value, _EDGE), 1 - _EDGE)
        return _crossing(beyond, _EDGE, inside, 0.0), _crossing(beyond, 1 - _EDGE, inside, 1.0)


def _crossing(beyond: Callable[[float], float], edge: float, inside: float, bound: float) -> float:
    """Where ``beyond`` turns negative between ``edge`` and ``inside``; the bound, where it is so from there."""
    return float(cast(float, brentq(beyond, edge, inside))) if beyond(edge) > 0 > beyond(inside) else bound


def _hanley_mcneil(counts: Sequence[float], n: float) -> tuple[Callable[[float], float], float]:
    """The variance at an area, and the size of the smaller side; for several classes of the mean of average ones."""
    areas = 1 if len(counts) == 2 else max(len(counts), 1)
    ones = max(min(counts), 1.0) if areas == 1 else max(n / areas, 1.0)
    rest = max(n - ones, 1.0)

    def variance(at: float) -> float:
        square = at * at
        q1, q2 = at / (2 - at), 2 * square / (1 + at)
        return (at * (1 - at) + (ones - 1) * (q1 - square) + (rest - 1) * (q2 - square)) / (ones * rest * areas)

    return variance, min(ones, rest) * areas
