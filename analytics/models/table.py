"""What is stored and served: a table's columns in, predictions with their uncertainty and reasons out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analytics.models.conformal import Intervals, PredictionSets
from analytics.models.ensemble import Ensemble
from analytics.models.explain import Contributions, shapley
from analytics.models.members import Model
from analytics.models.schema import F32, Columns, Schema

F64 = npt.NDArray[np.float64]
Problem = Literal["binary", "multiclass", "regression"]


@dataclass
class Scale:
    """A model of the local error with scikit-learn's shape of answer: one number a row."""

    model: Model

    def predict(self, x: F64) -> F64:
        return self.model.predict(np.ascontiguousarray(x, np.float32))[:, 0]


@dataclass
class TableModel:
    """A served model. ``classes`` are the target's values in the order of the probabilities; none for regression, whose
    predictions and intervals go down to ``least`` only.

    ``background`` are matrix rows that explanations start from. All methods take columns as arrays (``schema.Columns``)
    and raise ``WrongInput`` naming the column that does not fit.
    """

    problem: Problem
    target: str
    classes: list[str]
    schema: Schema
    ensemble: Ensemble
    background: F32
    intervals: Intervals | None = None
    sets: PredictionSets | None = None
    about: dict[str, Any] = field(default_factory=dict[str, Any])
    least: float | None = None

    def predict(self, columns: Columns) -> F64:
        """float64[n] values of a regression, else float64[n, classes] probabilities."""
        return self.on_matrix(self.schema.matrix(columns))

    def on_matrix(self, x: F32) -> F64:
        """The predictions for rows that are encoded already; shapes as ``predict`` has them."""
        found = self.ensemble.predict(x)
        if self.problem == "regression":
            return self._cut(found[:, 0])
        return np.column_stack([1.0 - found[:, 0], found[:, 0]]) if self.problem == "binary" else found

    def labels(self, probabilities: F64) -> list[str]:
        """The most probable class of each row."""
        return [self.classes[k] for k in probabilities.argmax(axis=1)]

    def interval(self, columns: Columns, level: float) -> tuple[F64, F64]:
        """Where the target of each row lies with probability ``level``. Raises ``ValueError`` where this cannot be said."""
        x = self.schema.matrix(columns)
        return self.interval_on(x, self.on_matrix(x), level)

    def interval_on(self, x: F32, predicted: F64, level: float) -> tuple[F64, F64]:
        """``interval`` of encoded rows and what is predicted for them."""
        if self.intervals is None:
            raise ValueError("this model has no intervals: they are made for regressions with enough rows")
        low, high = self.intervals.interval(x.astype(np.float64), predicted, level)
        return self._cut(low), self._cut(high)

    def _cut(self, values: F64) -> F64:
        return values if self.least is None else np.maximum(values, self.least)

    def class_sets(self, columns: Columns, level: float) -> npt.NDArray[np.bool_]:
        """bool[n, classes]: classes that hold the truth with probability ``level``."""
        if self.sets is None:
            raise ValueError("this model has no prediction sets: they are made for classes with enough rows")
        return self.sets.sets(self.predict(columns), level)

    def explain(self, columns: Columns, seed: int = 0) -> Contributions:
        """Shapley values of each column (Štrumbelj and Kononenko 2014): of the value, or of the probability of each class
        (of two: of the second)."""
        features = self.schema.features()
        players = {c.name: [str(j) for j, f in enumerate(features) if f.column == c.name] for c in self.schema.used}

        def predict(x: Any) -> F64:
            found = self.on_matrix(np.ascontiguousarray(x, np.float32))
            return found[:, 1] if self.problem == "binary" else found

        x = self.schema.matrix(columns)
        return shapley(predict, x, self.background, players=players, seed=seed)  # pyright: ignore[reportArgumentType]
