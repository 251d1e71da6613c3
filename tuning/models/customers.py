"""Training of what customers will buy, from their orders alone: every moment of the past with a known future is a lesson."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.freeze import from_lightgbm
from analytics.models.schema import WrongInput, as_dates, as_numbers
from analytics.predictive.buying import Buying, Spending
from analytics.predictive.customers import (
    FEATURES,
    Correction,
    CustomerValueModel,
    bought_between,
    customers_at,
    expectations,
    pooled,
)
from analytics.predictive.model import LEVEL, Evidence, Label
from tuning.data.tables import as_columns
from tuning.ensemble.assembly import storable
from tuning.models.trained import Trained, cross_coverage, in_one_thread, intervals_of

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
LEAST_CUSTOMERS = 50
THRESHOLD = 0.0
_ROUNDS = (0, 15, 30, 60, 120)
_FOLDS = 5
_MOMENTS = 4
"""Moments of the past that are learnt from, at most."""
_KINDS = ("purchases", "revenue", "again")
_OBJECTIVE = {"purchases": "poisson", "revenue": "tweedie", "again": "binary"}


@in_one_thread
def train_customer_value(
    orders: Any,
    *,
    customer: str = "customer",
    time: str = "time",
    amount: str = "amount",
    units: str | None = None,
    horizon_days: float = 90.0,
    min_score_threshold: float = THRESHOLD,
    seed: int = 0,
) -> Trained[CustomerValueModel]:
    """``orders`` has one row an order (or a line of one): who, when, for how much; the parameters name the columns.

    Orders below zero (returns) are left out. The score is the skill in revenue, by Tweedie's deviance, over the mean of
    all, told for customers that the corrections had not seen. Raises ``WrongInput`` for fewer than 50 customers, or a
    history too short.
    """
    who, day, spent, count = orders_of(orders, customer, time, amount, units)
    now = int(day.max()) + 1
    names, today = customers_at(who, day, spent, now, count)
    if len(names) < LEAST_CUSTOMERS:
        raise WrongInput(customer, f"{LEAST_CUSTOMERS} customers at least are needed, there are {len(names)}")
    history = now - int(day.min())
    ahead = min(horizon_days, history / 2)
    if ahead < 2:
        raise WrongInput(time, f"the orders span {history} days: too few to see who buys again")
    starts = [now - ahead * (1 + i / _MOMENTS) for i in range(_MOMENTS)]
    moments = [int(at) for at in starts if at > int(day.min()) + history / 4]
    parts: list[tuple[npt.NDArray[np.float32], F64, F64, npt.NDArray[Any]]] = []
    for at in moments or [int(now - ahead)]:
        some, features = customers_at(who, day, spent, at, count)
        if len(some) < LEAST_CUSTOMERS:
            continue
        bought, worth = bought_between(who, day, spent, some, at, int(at + ahead))
        parts.append((expectations(features, *_stochastic(features), ahead), bought, worth, some))
    if not parts:
        raise WrongInput(customer, f"fewer than {LEAST_CUSTOMERS} customers had bought {ahead:.0f} days before the end")
    x = np.concatenate([part[0] for part in parts])
    truth = {"purchases": np.concatenate([p[1] for p in parts]), "revenue": np.concatenate([p[2] for p in parts])}
    truth["again"] = (truth["purchases"] > 0).astype(np.float64)
    groups = np.unique(np.concatenate([part[3] for part in parts]), return_inverse=True)[1]
    fold = np.random.default_rng(seed).permutation(int(groups.max()) + 1)[groups] % _FOLDS
    fitted = {kind: _corrected(kind, x, truth[kind], fold, seed) for kind in _KINDS}
    crossed = pooled(fitted["purchases"][1] * x[:, -2].astype(np.float64), fitted["revenue"][1])
    newest = np.arange(len(x)) < len(parts[0][0])
    intervals = intervals_of(crossed[newest], truth["revenue"][newest], seed)
    buying, spending = _stochastic(today)
    now_x = expectations(today, buying, spending, horizon_days)
    model = CustomerValueModel(
        Label("revenue", "what a customer spends within the horizon", "skill", horizon_days, "the orders' currency"),
        horizon_days, buying, spending, fitted["purchases"][0], fitted["revenue"][0], fitted["again"][0],
        storable(intervals),
        now_x[np.random.default_rng(seed).permutation(len(now_x))[:40]],
        {n: [float(np.nanmin(v)), float(np.nanmax(v))] if np.isfinite(v).any() else [0.0, 0.0] for n, v in today.items()},
    )  # fmt: skip
    y = truth["revenue"]
    skill = 1 - _deviance(y, crossed) / max(_deviance(y, np.full(len(y), y.mean())), 1e-300)
    low, high = intervals.interval(None, np.log1p(crossed[newest]), LEVEL)
    model.evidence = Evidence(
        rows=len(y), trained_on=len(names), level=LEVEL,
        coverage=cross_coverage(crossed[newest], y[newest], groups[newest], seed),
        scores={"skill": skill, "mae": float(np.abs(y - crossed).mean())},
        width=float((np.expm1(high) - np.expm1(low)).mean()),
        importance=_importance(model, now_x),
        split=f"customers at {len(parts)} earlier moments, {ahead:.0f} days ahead each",
        notes=[] if ahead == horizon_days else [f"Judged {ahead:.0f} days ahead; the horizon is {horizon_days:g}."],
    )  # fmt: skip
    return Trained(model, skill, min_score_threshold, None, dict(today), crossed[newest])


def orders_of(
    orders: Any, customer: str, time: str, amount: str, units: str | None
) -> tuple[npt.NDArray[Any], I64, F64, F64 | None]:
    """Who, the day since 1970, the amount, the units. Rows without customer or with an amount of 0 or less are left out."""
    columns = as_columns(orders)
    for name in (customer, time, amount, *([units] if units else [])):
        if name not in columns:
            raise WrongInput(name, f"is not in the table; it has {', '.join(list(columns)[:12])}")
    day = as_dates(time, columns[time]).astype("datetime64[D]").astype(np.int64)
    spent = as_numbers(amount, columns[amount])
    who = columns[customer]
    known = np.array([w is not None and w == w for w in who.tolist()]) & (spent > 0) & (day > np.iinfo(np.int64).min)
    if not known.any():
        raise WrongInput(amount, "no row has a customer, a time and an amount above 0")
    count = None if units is None else np.nan_to_num(as_numbers(units, columns[units]))[known]
    return who[known].astype(str), day[known], spent[known], count


def _stochastic(features: dict[str, F64]) -> tuple[Buying, Spending]:
    f = features["frequency"]
    return Buying.fit(f, features["recency"], features["age"]), Spending.fit(f, features["spend_mean"])


def _corrected(kind: str, x: npt.NDArray[np.float32], y: F64, fold: I64, seed: int) -> tuple[Correction, F64]:
    """The correction with as many rounds as cross-validated loss likes best, none where the plain expectation is best; and
    the cross-validated figure."""
    start, mean = _start(kind, x)
    if y.max() <= 0 or (kind == "again" and y.min() >= 1):
        return Correction(), mean(start)
    staged = np.tile(start, (len(_ROUNDS), 1))
    for k in range(_FOLDS):
        rows, out = fold != k, fold == k
        booster = _boosted(kind, x[rows], y[rows], start[rows], seed)
        for i, rounds in enumerate(_ROUNDS[1:], 1):
            staged[i, out] += booster.predict(x[out], num_iteration=rounds, raw_score=True, num_threads=1)
    losses = [_loss(kind, y, mean(raw)) for raw in staged]
    best = int(np.argmin(losses))
    if best == 0:
        return Correction(), mean(start)
    booster = _boosted(kind, x, y, start, seed)
    model = from_lightgbm(booster.model_to_string(num_iteration=_ROUNDS[best]), 0, x.shape[1], 0.0, "exp")
    level = 0.0
    if kind != "again":  # who buys more is learnt, not how much all buy: the season of earlier moments need not return
        level = float(np.log(mean(start).sum() / (mean(start) * model.predict(x)[:, 0]).sum()))
    return Correction(model, float(np.exp(level))), mean(staged[best] + level)


def _start(kind: str, x: npt.NDArray[np.float32]) -> tuple[F64, Any]:
    """What the stochastic models say, on the scale of the link, and the way back."""
    expected, worth, some = (x[:, j].astype(np.float64) for j in (-3, -2, -1))
    if kind == "again":
        return np.log(some / (1 - some)), lambda raw: 1 / (1 + np.exp(-raw))
    return np.log(expected if kind == "purchases" else expected * worth), np.exp


def _boosted(kind: str, x: npt.NDArray[np.float32], y: F64, start: F64, seed: int) -> Any:
    import lightgbm as lgb

    wanted: dict[str, Any] = {
        "objective": _OBJECTIVE[kind], "learning_rate": 0.05, "num_leaves": 4, "min_data_in_leaf": max(20, len(y) // 100),
        "lambda_l2": 30.0, "verbose": -1, "num_threads": 1, "seed": seed, "deterministic": True,
        "boost_from_average": False,
    }  # fmt: skip
    return lgb.train(wanted, lgb.Dataset(x, y, init_score=start, params={"verbose": -1, "num_threads": 1}), _ROUNDS[-1])


def _loss(kind: str, y: F64, p: F64) -> float:
    p = np.maximum(p, 1e-9)
    if kind == "again":
        p = np.minimum(p, 1 - 1e-9)
        return -float(np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
    if kind == "purchases":
        return float(np.mean(p - y * np.log(p)))
    return float(np.mean(-y * p**-0.5 / -0.5 + p**0.5 / 0.5))


def _deviance(y: F64, p: F64) -> float:
    """Tweedie's of power 1.5: errors count the less, the larger the figure, so that no one customer decides."""
    return _loss("revenue", y, p) - _loss("revenue", y, np.maximum(y, 1e-9))


def _importance(model: CustomerValueModel, x: npt.NDArray[np.float32]) -> dict[str, float]:
    """The mean distance from the average that each feature makes in a customer's revenue."""
    some = {name: x[:60, j].astype(np.float64) for j, name in enumerate(FEATURES)}
    each = model.contributions(some, len(x[:60]))
    sums = {name: float(np.mean([abs(one[name]) for one in each])) for name in FEATURES}
    return dict(sorted(sums.items(), key=lambda item: -item[1]))
