"""What a campaign will bring for its spend: people reached, their engagement, conversions, and the cost of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.arrays import Arrays
from analytics.models.conformal import Intervals
from analytics.models.ensemble import Ensemble
from analytics.models.explain import shapley
from analytics.models.schema import F32, Schema
from analytics.predictive.model import LEVEL, Evidence, Input, Label, PredictiveModel, cases_of, inputs_of

F64 = npt.NDArray[np.float64]
FIGURES = ("reach", "engagement", "conversions")


@dataclass
class Figure:
    """The model of one count, and how far from it the truth is: ``intervals`` are of the logarithm of one and the count.

    They were calibrated on campaigns that training had not seen. ``coverage`` is what they held at ``LEVEL`` when calibrated
    on one half of the campaigns and asked about the other; ``skill`` is one less the deviance over that of the mean.
    """

    ensemble: Ensemble
    intervals: Intervals
    coverage: float | None
    skill: float
    rows: int

    def predict(self, x: F32) -> F64:
        return np.maximum(self.ensemble.predict(x)[:, 0], 0.0)

    def interval(self, predicted: F64, level: float, beyond: F64 | float = 0.0) -> tuple[F64, F64]:
        """``beyond``: by how much, as a logarithm, more is spent than training saw. How counts go on from there is not known
        to a power of one, so both ends move by as much."""
        low, high = self.intervals.interval(None, np.log1p(predicted), level)
        low, high = low - beyond, high + beyond
        return np.maximum(np.expm1(low), 0.0), np.expm1(high)


@dataclass
class CampaignPerformanceModel(PredictiveModel):
    """Reach, engagement and conversions are expected values, each at most the one before; none falls when more is spent.

    ``spend`` names the feature that says what is spent; the matrix holds its logarithm beside the others. The main figure
    (``prediction``) are the conversions. The cost of a conversion is spend over conversions, and empty where no conversion
    is expected; the upper end of its interval is empty where none may come.
    """

    label: Label
    schema: Schema
    spend: str
    figures: dict[str, Figure]
    background: F32
    evidence: Evidence = field(default_factory=Evidence)
    observed: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    actionable: list[str] = field(default_factory=list[str])
    usual_cost: float | None = None
    """Of a conversion in all that training saw: spend over conversions."""
    name: str = "campaign_performance"

    @property
    def inputs(self) -> list[Input]:
        ranges = {name: [values[0], values[-1]] for name, values in self.observed.items() if values}
        return inputs_of(self.schema, ranges, actionable=self.actionable, directions={self.spend: "up"})

    def matrix(self, columns: Arrays) -> F32:
        """Rows x features, the spend as the logarithm of one and it. Raises ``WrongInput`` for what does not fit."""
        return logged(self.schema, self.spend, self.schema.matrix(columns))

    def counts(self, x: F32) -> dict[str, F64]:
        """The three expected counts of each row, in their order."""
        found: dict[str, F64] = {}
        most = np.full(len(x), np.inf)
        for name in FIGURES:
            most = found[name] = np.minimum(self.figures[name].predict(x), most)
        return found

    def answer(self, columns: Arrays, rows: int, level: float) -> dict[str, npt.NDArray[Any]]:
        x = self.matrix(columns)
        spent = self.spent(x)
        found = self.counts(x)
        most = self.observed.get(self.spend, [np.inf])[-1]
        beyond = np.maximum(np.log1p(spent) - np.log1p(most), 0.0)
        ends = {name: self.figures[name].interval(found[name], level, beyond) for name in FIGURES}
        said: dict[str, npt.NDArray[Any]] = {}
        said["prediction"], (said["low"], said["high"]) = found["conversions"], ends["conversions"]
        for name in FIGURES:
            said[name], (said[f"{name}_low"], said[f"{name}_high"]) = found[name], ends[name]
        low, high = ends["conversions"]
        said["cost_per_acquisition"] = cost(spent, found["conversions"])
        said["cost_per_acquisition_low"], said["cost_per_acquisition_high"] = cost(spent, high), cost(spent, low)
        return said

    def spent(self, x: F32) -> F64:
        return np.expm1(x[:, self._at].astype(np.float64))

    @property
    def _at(self) -> int:
        return [f.name for f in self.schema.features()].index(self.spend)

    def predict_reach(self, features: Any) -> Any:
        """People (or views) reached: a number for one campaign, float64[n] for many."""
        return self._figure(features, "reach")

    def predict_engagement(self, features: Any) -> Any:
        """Who reacts, at most the reach."""
        return self._figure(features, "engagement")

    def predict_conversions(self, features: Any) -> Any:
        """Conversions, at most the engagement."""
        return self._figure(features, "conversions")

    def predict_cpa(self, features: Any) -> Any:
        """Spend over conversions; None (NaN for many) where no conversion is expected."""
        return self._figure(features, "cost_per_acquisition")

    def _figure(self, features: Any, name: str) -> Any:
        cases = cases_of(features)
        x = self.matrix(cases.columns)
        found = self.counts(x)
        values = cost(self.spent(x), found["conversions"]) if name == "cost_per_acquisition" else found[name]
        one = float(values[0])
        return values if not cases.one else one if one == one else None

    def contributions(self, columns: Arrays, rows: int) -> list[dict[str, float]]:
        features = self.schema.features()
        players = {c.name: [str(j) for j, f in enumerate(features) if f.column == c.name] for c in self.schema.used}

        def predict(x: Any) -> F64:
            return self.counts(np.ascontiguousarray(x, np.float32))["conversions"]

        why = shapley(predict, self.matrix(columns), self.background, players=players)  # pyright: ignore[reportArgumentType]
        return [{n: float(v) for n, v in zip(why.names, row, strict=True)} for row in why.values]

    def get_confidence_scores(self, features: Any = None) -> dict[str, Any]:
        """For each figure ``{level, coverage, rows, skill}``: how often its interval held the truth on campaigns that were
        not seen, and by how much it is better than the mean. With one campaign also ``low`` and ``high`` of it."""
        found: dict[str, Any] = {
            name: {"level": LEVEL, "coverage": f.coverage, "rows": f.rows, "skill": f.skill}
            for name, f in self.figures.items()
        }
        found["cost_per_acquisition"] = dict(found["conversions"])
        if isinstance(features, Mapping):
            said = self.predict(features)
            for name, scores in found.items():
                scores |= {"low": said[f"{name}_low"], "high": said[f"{name}_high"]}
        return found


def logged(schema: Schema, spend: str, x: F32) -> F32:
    """The matrix with the logarithm of one and the spend in its place."""
    at = [f.name for f in schema.features()].index(spend)
    out = x.copy()
    out[:, at] = np.log1p(np.maximum(out[:, at], 0.0))
    return out


def cost(spent: F64, conversions: F64) -> F64:
    """Of one conversion; NaN where there is none."""
    return np.divide(spent, conversions, out=np.full(len(spent), np.nan), where=conversions > 0)
