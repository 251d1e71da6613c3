"""Training of the revenue forecast on orders: revenue a step, by part, and the whole."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.schema import WrongInput, as_dates, as_numbers, as_texts
from analytics.predictive.model import LEVEL, Evidence, Label
from analytics.predictive.revenue import TOTAL, RevenueForecastingModel, exact_totals
from tuning.data.tables import as_columns
from tuning.models.customers import train_customer_value
from tuning.models.trained import Trained, in_one_thread

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
DAY = 86_400_000_000
LEVELS = (50.0, 80.0, 90.0, 95.0, 99.0)
MOST_PARTS = 8
"""Parts that are forecast by themselves, the largest; what is left is one part, ``other``."""
OTHER = "other"
LEAST_STEPS = 12
THRESHOLD = 0.0
"""Skill over the seasonal naive forecast that a model must be above to be registered."""
_STEPS = {"hour": DAY // 24, "day": DAY, "week": 7 * DAY}
_ORIGINS = 2


@in_one_thread
def train_revenue_forecasting(
    orders: Any,
    *,
    time: str = "time",
    amount: str = "amount",
    part: str | None = None,
    customer: str | None = None,
    every: str = "day",
    horizon: int = 28,
    customer_horizon_days: float | None = None,
    min_score_threshold: float = THRESHOLD,
    seed: int = 0,
) -> Trained[RevenueForecastingModel]:
    """``orders`` has one row an order or a line of one; refunds are negative amounts. ``every`` is a step: hour, day, week.

    The newest step counts only when it is over, which is taken to be so where the next one has begun. ``part`` names the
    column by which revenue is split (a country, a product, a channel), ``customer`` the one by which customers are told
    apart, for what each of them will buy. The score is the skill in MASE over the seasonal naive forecast, from origins
    of the past. Raises ``WrongInput`` naming the column: no finite amount, fewer than 12 steps.
    """
    from analytics.forecast.engine import forecast
    from analytics.forecast.evaluation import backtest
    from analytics.forecast.hierarchy import reconcile

    if every not in _STEPS:
        raise WrongInput("every", f"{every!r}: choose {', '.join(_STEPS)}")
    if horizon < 1:
        raise WrongInput("horizon", f"1 step or more, got {horizon}")
    columns = as_columns(orders)
    names, times, values = _series(columns, time, amount, part, _STEPS[every])
    steps = values.shape[1]
    if steps < LEAST_STEPS:
        raise WrongInput(time, f"the orders span {steps} whole steps of a {every}, {LEAST_STEPS} at least are needed")
    keys = [*names, TOTAL] if names != [TOTAL] else [TOTAL]
    table = np.vstack([values, values.sum(axis=0)]) if names != [TOTAL] else values
    long = np.repeat(np.array(keys, object), steps), np.tile(times, len(keys)), table.ravel()
    made = forecast(*long, horizon=horizon, levels=LEVELS)
    if made.skipped:
        raise WrongInput(amount, f"{made.skipped[0].key}: {made.skipped[0].reason}")
    if len(keys) > 1:
        totals: dict[Hashable, Sequence[Hashable]] = {TOTAL: list(names)}
        made = reconcile(made, totals)
    point = made.forecast.reshape(len(keys), horizon)
    exact = exact_totals(point[:-1]) if len(keys) > 1 else point
    moved = exact - point
    lows = np.stack([made.lo[level].reshape(len(keys), horizon) + moved for level in LEVELS])
    highs = np.stack([made.hi[level].reshape(len(keys), horizon) + moved for level in LEVELS])
    tested = backtest(*long, horizon=min(horizon, max(1, steps // 4)), levels=[100 * LEVEL], origins=_ORIGINS)
    ours, naive = tested.scores[0], tested.scores[1]
    skill = 1 - ours.mase / naive.mase if naive.mase > 0 else None
    share = exact[:-1].sum(axis=1) / max(exact[-1].sum(), 1e-300) if len(keys) > 1 else np.ones(1)
    middle = LEVELS.index(100 * LEVEL)
    evidence = Evidence(
        rows=steps * len(keys), trained_on=steps * len(keys), level=LEVEL, coverage=ours.coverage.get(100 * LEVEL),
        scores={"mase": ours.mase, "smape": ours.smape} | ({} if skill is None else {"skill": skill}),
        width=float((highs[middle] - lows[middle]).mean()),
        importance=dict(sorted(zip(names, map(float, share), strict=True), key=lambda one: -one[1])),
        split=f"forecasts from {tested.origins} origins of the past, each from the rows before it",
        notes=[f"{one.key}: {one.reason}" for one in tested.skipped],
    )  # fmt: skip
    buyers = None
    if customer is not None:
        days = customer_horizon_days or horizon * _STEPS[every] / DAY
        buyers = train_customer_value(
            columns, customer=customer, time=time, amount=amount, horizon_days=days, seed=seed
        ).model
    label = Label("revenue", f"revenue of each {every}", "skill", horizon * _STEPS[every] / DAY, "the orders' currency")
    ahead = np.asarray(made.time, np.int64).reshape(len(keys), horizon)[-1]
    own = names if len(keys) > 1 else []
    model = RevenueForecastingModel(
        label, own, ahead, exact, [level / 100 for level in LEVELS], np.minimum(lows, exact), np.maximum(highs, exact),
        evidence, buyers,
    )  # fmt: skip
    return Trained(model, skill, min_score_threshold)


def _series(
    columns: dict[str, npt.NDArray[Any]], time: str, amount: str, part: str | None, step: int
) -> tuple[list[str], I64, F64]:
    """Names of the parts, times of the whole steps, float64[parts, steps] revenue of each."""
    for name in (time, amount, *([part] if part else [])):
        if name not in columns:
            raise WrongInput(name, f"is not in the table; it has {', '.join(list(columns)[:12])}")
    when = as_dates(time, columns[time])
    worth = as_numbers(amount, columns[amount])
    for name, bad in ((time, np.isnat(when)), (amount, np.isnan(worth))):
        if bad.any():
            raise WrongInput(name, f"row {int(np.flatnonzero(bad)[0]) + 1} is empty or not finite: leave the row out")
    if not len(when):
        raise WrongInput(time, "there is no row")
    monday = 4 * DAY if step == 7 * DAY else 0  # 1970 began on a Thursday
    place = (when.astype(np.int64) - monday) // step
    first, last = int(place.min()), int(place.max())
    count = max(1, last - first)  # the newest step may not be over
    inside = place < first + count
    told = (
        np.array(["nothing" if t is None else t for t in as_texts(columns[part])], object)
        if part
        else np.full(len(when), TOTAL, object)
    )
    labels, code = np.unique(told.astype(str), return_inverse=True)
    if TOTAL in labels and part:
        raise WrongInput(str(part), f"has a part called {TOTAL!r}, which is the name of the whole: rename it")
    sums = np.zeros((len(labels), count))
    np.add.at(sums, (code[inside], place[inside] - first), worth[inside])
    order = np.argsort(-np.abs(sums).sum(axis=1), kind="stable")
    chosen = order[:MOST_PARTS] if len(order) > MOST_PARTS + 1 else order
    rest = [i for i in order if i not in set(chosen.tolist())]
    names = [str(labels[i]) for i in chosen]
    table = sums[chosen]
    if rest:
        names.append(OTHER)
        table = np.vstack([table, sums[rest].sum(axis=0)])
    times = (np.arange(first, first + count, dtype=np.int64)) * step + monday
    return names, times, table
