"""What revenue will be, step by step, for the whole and for its parts, whose sums are the whole to the last bit."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.arrays import Arrays
from analytics.models.schema import WrongInput, as_numbers, as_texts
from analytics.predictive.customers import CustomerValueModel
from analytics.predictive.model import Evidence, Input, Label, PredictiveModel

F64 = npt.NDArray[np.float64]
TOTAL = "total"


@dataclass
class RevenueForecastingModel(PredictiveModel):
    """A case is ``{"step": 1 … horizon, "part": …}``; without a part it is the ``total``.

    ``point`` is float64[parts, steps], the total last and the exact sum of the others; ``lows`` and ``highs`` are the
    bounds at ``levels``, [levels, parts, steps]. ``times`` says when each step begins. ``customers`` tells what a single
    customer will buy, where orders had customers.
    """

    label: Label
    parts: list[str]
    times: npt.NDArray[np.int64]
    point: F64
    levels: list[float]
    lows: F64
    highs: F64
    evidence: Evidence = field(default_factory=Evidence)
    customers: CustomerValueModel | None = None
    name: str = "revenue_forecasting"

    @property
    def inputs(self) -> list[Input]:
        steps = Input("step", "number", low=1.0, high=float(len(self.times)))
        return [steps, Input("part", "category", levels=[*self.parts, TOTAL])]

    def answer(self, columns: Arrays, rows: int, level: float) -> dict[str, npt.NDArray[Any]]:
        """``prediction``, ``low``, ``high``, and ``time``: when the step begins (UTC)."""
        part, step = self._places(columns, rows)
        low, high = self._ends(level)
        return {
            "prediction": self.point[part, step],
            "low": low[part, step],
            "high": high[part, step],
            "time": self.times[step].astype("datetime64[us]"),
        }

    def _places(self, columns: Arrays, rows: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        if "step" not in columns:
            raise WrongInput("step", f"is missing; say how many steps ahead, 1 to {len(self.times)}")
        steps = as_numbers("step", columns["step"])
        wrong = np.flatnonzero(~((steps >= 1) & (steps <= len(self.times)) & (steps == np.floor(steps))))
        if len(wrong):
            raise WrongInput("step", f"row {int(wrong[0]) + 1}: a whole number from 1 to {len(self.times)} is wanted")
        names = [*self.parts, TOTAL]
        told = as_texts(columns["part"]) if "part" in columns else [None] * rows
        for i, name in enumerate(told):
            if name is not None and name not in names:
                raise WrongInput(
                    "part", f"row {i + 1}: there is no part {name[:40]!r}; there are {', '.join(names[:12])}"
                )
        return np.array([names.index(name or TOTAL) for name in told], np.int64), steps.astype(np.int64) - 1

    def _ends(self, level: float) -> tuple[F64, F64]:
        """Bounds at any level: half widths in units of the normal quantile, between the levels that were worked out."""
        z = [_z(known) for known in self.levels]
        place = float(np.interp(_z(level), z, np.arange(len(z))))
        at, share = int(place), place - int(place)
        after = min(at + 1, len(z) - 1)
        wide = _z(level) / ((1 - share) * z[at] + share * z[after])  # beyond the outermost level, in proportion
        below = (1 - share) * (self.point - self.lows[at]) + share * (self.point - self.lows[after])
        above = (1 - share) * (self.highs[at] - self.point) + share * (self.highs[after] - self.point)
        floor = 0.0 if self.lows.min() >= 0 else -np.inf
        return np.maximum(self.point - wide * below, floor), self.point + wide * above

    def contributions(self, columns: Arrays, rows: int) -> list[dict[str, float]]:
        """By how much each part is above its mean over all steps; of a part only itself."""
        part, step = self._places(columns, rows)
        apart = self.point - self.point.mean(axis=1, keepdims=True)
        found: list[dict[str, float]] = []
        for p, s in zip(part.tolist(), step.tolist(), strict=True):
            own = range(len(self.parts)) if p == len(self.parts) and self.parts else [p]
            found.append({[*self.parts, TOTAL][i]: float(apart[i, s]) for i in own})
        return found


def exact_totals(parts: F64) -> F64:
    """``parts``, float64[parts, steps], rounded so that their sums are exact in float64, in any order, and below them those.

    The unit is a power of two, about 2^-50 of the largest sum: far below a cent of any revenue that is counted in cents.
    """
    largest = float(np.abs(parts).sum(axis=0).max(initial=0.0))
    unit = 2.0 ** (np.ceil(np.log2(largest)) - 50) if largest > 0 else 1.0
    rounded = np.round(parts / unit) * unit
    return np.vstack([rounded, rounded.sum(axis=0)])


def _z(level: float) -> float:
    return NormalDist().inv_cdf(0.5 + level / 2)
