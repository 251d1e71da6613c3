"""Predictions that say how sure they are: intervals for values, sets for classes, with a coverage that holds.

Conformal prediction (Vovk, Gammerman and Shafer 2005): where calibration rows and the row at hand are exchangeable and the
model has seen neither, the truth is inside with probability ``level`` at least, whatever the model and the distribution,
on the average over rows. The threshold is the ceil((n + 1)·level)-th smallest of n calibration scores: the finite-sample
correction.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
FLOOR = 0.1
"""The local scale is at least this share of the typical error, so that no interval collapses."""
ROWS_FOR_SCALE = 200
"""Below so many calibration rows the width is the same everywhere: a local one would be noise."""


def rows_needed(level: float) -> int:
    """The fewest calibration rows with which ``level`` can be promised."""
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    return math.ceil(level / (1 - level) - 1e-9)


def threshold(scores: F64, level: float) -> float:
    """The conformal quantile of calibration scores; raises ``ValueError`` where there are too few for the level."""
    rank = math.ceil((len(scores) + 1) * level - 1e-9)
    if len(scores) < rows_needed(level):
        raise ValueError(
            f"{level:.0%} coverage needs {rows_needed(level)} calibration rows, there are {len(scores)}: "
            "ask for a lower level"
        )
    return float(np.partition(scores, rank - 1)[rank - 1])


class Intervals:
    """Split conformal intervals, as wide as the error is where the row lies (Lei et al., JASA 2018, section 5.2).

    A boosted tree model of log |error| on the features and the prediction gives the local scale; while fitting, each
    row's scale comes from a model that has not seen the row. Holds scikit-learn and numpy only, for skops.
    """

    scores: F64
    typical: float
    scale: Any

    def fit(self, features: F64 | None, prediction: F64, truth: F64, *, seed: int = 0) -> Intervals:
        """From predictions by models that have not seen the rows: of held out rows, or cross-validated ones.

        ``features``, float64[n, k], may have NaN; without it the scale depends on the prediction alone.
        """
        errors = np.abs(np.asarray(truth, np.float64) - np.asarray(prediction, np.float64))
        if not len(errors) or not np.isfinite(errors).all():
            raise ValueError("conformal intervals need calibration rows with finite predictions and targets")
        self.typical = float(np.median(errors)) or float(errors.mean()) or 1.0
        self.scale = None
        local = np.full(len(errors), self.typical)
        if len(errors) >= ROWS_FOR_SCALE:
            inputs, logs = _inputs(features, prediction), np.log(errors + FLOOR * self.typical)
            crossed = np.empty(len(errors))
            part = np.random.default_rng(seed).permutation(len(errors)) % 5
            for k in range(5):
                crossed[part == k] = (
                    _scale_model(seed).fit(inputs[part != k], logs[part != k]).predict(inputs[part == k])
                )
            self.scale = _scale_model(seed).fit(inputs, logs)
            local = self._floored(crossed)
        self.scores = np.sort(errors / local)
        return self

    def _floored(self, logs: F64) -> F64:
        return np.maximum(np.exp(logs), FLOOR * self.typical)

    def interval(self, features: F64 | None, prediction: F64, level: float) -> tuple[F64, F64]:
        """float64[n] lower and upper ends."""
        middle = np.asarray(prediction, np.float64)
        local = np.full(len(middle), self.typical)
        if self.scale is not None and len(middle):
            local = self._floored(self.scale.predict(_inputs(features, middle)))
        half = threshold(self.scores, level) * local
        return middle - half, middle + half


def _inputs(features: F64 | None, prediction: F64) -> F64:
    column = np.asarray(prediction, np.float64)[:, None]
    return column if features is None else np.column_stack([np.asarray(features, np.float64), column])


def _scale_model(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=8, min_samples_leaf=20, l2_regularization=1.0, random_state=seed
    )


def cv_plus(errors: F64, part: I64, part_predictions: F64, level: float) -> tuple[F64, F64]:
    """CV+ intervals (Barber et al., Annals of Statistics 2021) from the K models of a cross-validation.

    Every row is used for both ends.

    ``errors``, float64[n], are absolute cross-validated errors, ``part``, int64[n], which part's model made each, and
    ``part_predictions``, float64[K, m], what those models say of the m new rows. Covers 2·level − 1 at worst, about
    ``level`` in practice.
    """
    n = len(errors)
    if n < rows_needed(level):
        raise ValueError(f"{level:.0%} coverage needs {rows_needed(level)} calibration rows, there are {n}")
    rank = math.ceil((n + 1) * level - 1e-9)
    centre = part_predictions[part]
    upper = np.partition(centre + errors[:, None], rank - 1, axis=0)[rank - 1]
    lower = np.partition(centre - errors[:, None], n - rank, axis=0)[n - rank]
    return lower, upper


class PredictionSets:
    """Adaptive prediction sets (Romano, Sesia and Candès, NeurIPS 2020): classes from the most probable down.

    The method needs a uniform random number a row; here it is a hash of the row's probabilities, so that a row's set never
    changes. A set always has the most probable class, so coverage may lie slightly above the level. Holds numpy only.
    """

    scores: F64

    def fit(self, probabilities: F64, truth: I64) -> PredictionSets:
        """From float64[n, classes] of rows that the model has not seen, and int64[n] class numbers."""
        table = np.asarray(probabilities, np.float64)
        if not len(table):
            raise ValueError("prediction sets need calibration rows")
        self.scores = np.sort(_set_scores(table)[np.arange(len(table)), truth])
        return self

    def sets(self, probabilities: F64, level: float) -> NDArray[np.bool_]:
        """bool[n, classes]: which classes are in."""
        table = np.asarray(probabilities, np.float64)
        inside = _set_scores(table) <= threshold(self.scores, level)
        inside[np.arange(len(table)), table.argmax(axis=1)] = True
        return inside


def _set_scores(table: F64) -> F64:
    """float64[n, classes]: probability of the classes above, and a random share of the class's own."""
    order = np.argsort(-table, axis=1, kind="stable")
    ranked = np.take_along_axis(table, order, axis=1)
    above = np.cumsum(ranked, axis=1) - ranked
    scores = np.empty_like(table)
    np.put_along_axis(scores, order, above + _uniform(table)[:, None] * ranked, axis=1)
    return scores


def _uniform(table: F64) -> F64:
    """float64[n] in [0, 1) from the bits of each row, mixed as in splitmix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    mixed = np.zeros(len(table), np.uint64)
    for column in np.ascontiguousarray(table.T).view(np.uint64):
        mixed = (mixed ^ column) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
