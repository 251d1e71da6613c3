"""What single customers will buy: the purchases and the revenue within a horizon, and whether there will be any.

BG/NBD and Gamma-Gamma (``buying``) give the expectation from how often and how lately somebody bought; boosted trees
multiply it by what the other features say beyond that, as far as customers of earlier moments bore it out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.arrays import Arrays
from analytics.models.conformal import Intervals
from analytics.models.explain import shapley
from analytics.models.members import Model
from analytics.models.schema import WrongInput, as_numbers
from analytics.predictive.buying import Buying, Spending
from analytics.predictive.model import Evidence, Input, Label, PredictiveModel

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
FEATURES = (
    "frequency", "recency", "age", "spend_mean", "spend_last", "spend_first", "spend_total", "gap_mean", "gap_sd",
    "recent_purchases", "recent_spend", "units_mean",
)  # fmt: skip
"""In days and the orders' currency. ``frequency`` counts days with a purchase after the first one, ``recency`` is that
of the last since the first, ``age`` now since the first; ``recent`` is the last quarter of the history, at most 90 days."""


def customers_at(
    customer: npt.NDArray[Any], day: I64, amount: F64, at: int, units: F64 | None = None
) -> tuple[npt.NDArray[Any], dict[str, F64]]:
    """Who had bought before day ``at``, and the features of each as of then. Purchases of one customer and day are one."""
    known = day < at
    names, code = np.unique(customer[known], return_inverse=True)
    if not len(names):
        raise WrongInput("time", "there is no purchase before the moment that is asked about")
    key, first_row = np.unique(code * 10_000_000 + (day[known] - day.min()), return_inverse=True)
    spent = np.bincount(first_row, amount[known]).astype(np.float64)
    owner, when = key // 10_000_000, key % 10_000_000 + day.min()
    count = np.bincount(owner).astype(np.float64)
    start = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)
    end = start + count.astype(np.int64) - 1
    first, last = when[start].astype(np.float64), when[end].astype(np.float64)
    repeat = np.bincount(owner, spent) - spent[start]
    gaps = np.diff(when, prepend=when[0]).astype(np.float64)
    gaps[start] = 0.0
    frequency = count - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        gap_mean = np.where(frequency > 0, np.bincount(owner, gaps) / frequency, np.nan)
        gap_sd = np.where(
            frequency > 1, np.sqrt(np.maximum(np.bincount(owner, gaps**2) / frequency - gap_mean**2, 0)), np.nan
        )
        spend_mean = np.where(frequency > 0, repeat / frequency, spent[start])
    late = when >= at - min(90, max(7, (at - int(day.min())) // 4))
    wide = np.full(len(names), np.nan) if units is None else np.bincount(code, units[known]) / count
    made: dict[str, Any] = {
        "frequency": frequency,
        "recency": last - first,
        "age": at - first,
        "spend_mean": spend_mean,
        "spend_last": spent[end],
        "spend_first": spent[start],
        "spend_total": np.bincount(owner, spent),
        "gap_mean": gap_mean,
        "gap_sd": gap_sd,
        "recent_purchases": np.bincount(owner, late.astype(np.float64)),
        "recent_spend": np.bincount(owner, np.where(late, spent, 0.0)),
        "units_mean": wide,
    }
    return names, {name: np.asarray(values, np.float64) for name, values in made.items()}


def bought_between(
    customer: npt.NDArray[Any], day: I64, amount: F64, names: npt.NDArray[Any], start: int, end: int
) -> tuple[F64, F64]:
    """Of each of ``names``: days with a purchase in [start, end), and what was spent."""
    inside = (day >= start) & (day < end) & np.isin(customer, names)
    place = np.searchsorted(names, customer[inside])
    days = np.unique(place * 10_000_000 + (day[inside] - start)) // 10_000_000
    bought, worth = np.bincount(days, minlength=len(names)), np.bincount(place, amount[inside], len(names))
    return bought.astype(np.float64), worth.astype(np.float64)


@dataclass
class Correction:
    """Trees whose answer, one a row, is what an expectation is multiplied by (or, of a probability, its odds)."""

    model: Model | None = None
    level: float = 1.0

    def factor(self, x: npt.NDArray[np.float32]) -> F64:
        return np.ones(len(x)) if self.model is None else self.level * self.model.predict(x)[:, 0]


@dataclass
class CustomerValueModel(PredictiveModel):
    """The main figure is the revenue of the horizon; beside it ``purchases`` and ``buys_again``, the probability of any."""

    label: Label
    horizon: float
    buying: Buying
    spending: Spending
    purchases: Correction
    revenue: Correction
    again: Correction
    intervals: Intervals
    background: npt.NDArray[np.float32]
    ranges: dict[str, list[float]]
    evidence: Evidence = field(default_factory=Evidence)
    name: str = "customer_value"

    @property
    def inputs(self) -> list[Input]:
        return [Input(n, "number", low=self.ranges[n][0], high=self.ranges[n][1]) for n in FEATURES]

    def figures(self, x: npt.NDArray[np.float32]) -> tuple[F64, F64, F64]:
        """Purchases, revenue and the probability of any purchase, for rows as ``matrix`` makes them."""
        expected, worth, some = x[:, -3].astype(np.float64), x[:, -2].astype(np.float64), x[:, -1].astype(np.float64)
        odds = some / (1 - some) * self.again.factor(x)
        purchases = expected * self.purchases.factor(x)
        return purchases, pooled(purchases * worth, expected * worth * self.revenue.factor(x)), odds / (1 + odds)

    def matrix(self, columns: Arrays) -> npt.NDArray[np.float32]:
        values: dict[str, F64] = {}
        for name in FEATURES:
            if name not in columns:
                raise WrongInput(name, "is missing; the model was trained with it")
            values[name] = as_numbers(name, columns[name])
        for name in ("frequency", "recency", "age"):
            bad = np.flatnonzero(~(values[name] >= 0))
            if len(bad):
                raise WrongInput(name, f"row {int(bad[0]) + 1}: a number of 0 or more is wanted")
        return expectations(values, self.buying, self.spending, self.horizon)

    def answer(self, columns: Arrays, rows: int, level: float) -> dict[str, npt.NDArray[Any]]:
        purchases, revenue, again = self.figures(self.matrix(columns))
        low, high = self.intervals.interval(None, np.log1p(revenue), level)
        return {
            "prediction": revenue,
            "low": np.maximum(np.expm1(low), 0.0),
            "high": np.expm1(high),
            "purchases": purchases,
            "buys_again": again,
        }

    def contributions(self, columns: Arrays, rows: int) -> list[dict[str, float]]:
        names = list(FEATURES)

        def predict(x: Any) -> F64:
            table = {name: np.asarray(x[:, j], np.float64) for j, name in enumerate(names)}
            table |= {name: np.nan_to_num(table[name]) for name in ("frequency", "recency", "age")}
            table["age"] = np.maximum(table["age"], table["recency"])
            return self.figures(expectations(table, self.buying, self.spending, self.horizon))[1]

        x = self.matrix(columns)[:, : len(names)].astype(np.float64)
        why = shapley(predict, x, self.background[:, : len(names)].astype(np.float64))
        return [{n: float(v) for n, v in zip(names, row, strict=True)} for row in why.values]


def pooled(by_purchases: F64, at_once: F64) -> F64:
    """Revenue by two ways, purchases times worth and revenue at once: their geometric mean, which errs less than either."""
    return np.sqrt(by_purchases * at_once)


def expectations(values: dict[str, F64], buying: Buying, spending: Spending, horizon: float) -> npt.NDArray[np.float32]:
    """float32[n, features + 3]: the features, then the expected purchases, the expected worth of one, the chance of any."""
    f, r, a = values["frequency"], values["recency"], values["age"]
    expected = np.maximum(buying.expected(horizon, f, r, a), 1e-6)
    worth = np.maximum(spending.expected(f, values["spend_mean"]), 1e-6)
    some = np.clip(1 - np.exp(-expected), 1e-6, 1 - 1e-6)
    return np.column_stack([*(values[n] for n in FEATURES), expected, worth, some]).astype(np.float32)
