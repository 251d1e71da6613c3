"""Three models of a probability: who churns, who converts, who stays. One table model behind each, calibrated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from analytics.models.arrays import Arrays
from analytics.models.schema import F32
from analytics.models.table import TableModel
from analytics.predictive.model import Evidence, Input, Label, PredictiveModel, inputs_of
from analytics.predictive.rates import RateIntervals

F64 = npt.NDArray[np.float64]


@dataclass
class ProbabilityModel(PredictiveModel):
    """The probability that the label comes true within its horizon; ``positive`` is the class that stands for it.

    ``prediction`` is calibrated; ``low`` and ``high`` bound the rate among like cases (``rates``), in [0, 1] and around
    the prediction. ``observed`` are values of each number that training saw, ascending, for scenarios and ranges.
    """

    label: Label
    model: TableModel
    positive: str
    rates: RateIntervals
    evidence: Evidence = field(default_factory=Evidence)
    observed: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    actionable: list[str] = field(default_factory=list[str])
    directions: dict[str, str] = field(default_factory=dict[str, str])
    name: str = "probability"

    @property
    def inputs(self) -> list[Input]:
        ranges = {name: [values[0], values[-1]] for name, values in self.observed.items() if values}
        return inputs_of(self.model.schema, ranges, actionable=self.actionable, directions=self.directions)

    def answer(self, columns: Arrays, rows: int, level: float) -> dict[str, npt.NDArray[Any]]:
        p, (low, high) = self.with_interval(self.model.schema.matrix(columns), level)
        return {"prediction": p, "low": low, "high": high}

    def with_interval(self, x: F32, level: float) -> tuple[F64, tuple[F64, F64]]:
        """The probability of each encoded row, and its interval."""
        p = np.clip(self.model.on_matrix(x)[:, self.model.classes.index(self.positive)], 0.0, 1.0)
        return p, self.rates.interval(p, level, self.model.ensemble.spread(x)[:, 0])

    def contributions(self, columns: Arrays, rows: int) -> list[dict[str, float]]:
        why = self.model.explain(columns)
        sign = 1.0 if self.model.classes.index(self.positive) == 1 else -1.0
        return [{n: sign * float(v) for n, v in zip(why.names, row, strict=True)} for row in why.values]


@dataclass
class ChurnPredictionModel(ProbabilityModel):
    """Who is gone within the horizon: of a course, no learning event for so long; of a subscription, its end."""

    name: str = "churn_prediction"


@dataclass
class ConversionPredictionModel(ProbabilityModel):
    """Who converts within the horizon: a visitor who enrols, a trial that is paid for, a customer who buys again."""

    name: str = "conversion_prediction"


@dataclass
class UserRetentionModel(ProbabilityModel):
    """Who stays: one minus the churn of the same label and horizon, by the same model.

    Build it with ``of``, so that the two can never disagree.
    """

    name: str = "user_retention"

    @classmethod
    def of(cls, churn: ChurnPredictionModel) -> Self:
        means = f"not: {churn.label.means}"
        other = [c for c in churn.model.classes if c != churn.positive]
        turned = {"up": "down", "down": "up"}
        return cls(
            replace(churn.label, name="retention", means=means),
            churn.model,
            other[0],
            churn.rates,
            churn.evidence,
            churn.observed,
            churn.actionable,
            {name: turned.get(way, way) for name, way in churn.directions.items()},
        )


def observed_values(
    columns: Mapping[str, npt.NDArray[Any]], names: Sequence[str], most: int = 21
) -> dict[str, list[float]]:
    """Up to ``most`` values of each number column, ascending: the least, the greatest, and quantiles between."""
    found: dict[str, list[float]] = {}
    for name in names:
        values = np.asarray(columns[name], np.float64)
        values = values[np.isfinite(values)]
        if len(values):
            found[name] = np.unique(np.quantile(values, np.linspace(0, 1, most), method="nearest")).tolist()
    return found
