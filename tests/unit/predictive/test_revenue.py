"""Revenue that adds up to the last bit, and what single customers will buy."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

from analytics.models.blob import from_bytes, to_bytes
from analytics.models.schema import WrongInput
from analytics.predictive import RevenueForecastingModel
from analytics.predictive.buying import Buying, Spending
from analytics.predictive.customers import FEATURES, customers_at
from analytics.predictive.revenue import TOTAL, exact_totals
from tuning.models import Trained, train_customer_value, train_revenue_forecasting

START = np.datetime64("2026-01-05")


def orders(days: int, seed: int) -> dict[str, Any]:
    """Customers of their own rates and baskets, some of whom stop; more on Saturdays."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, str, float]] = []
    for number in range(300):
        rate, basket = rng.gamma(1.0, 0.06), rng.lognormal(3.0, 0.5)
        day = int(rng.integers(0, days))
        while day < days:
            rows.append((day, f"c{number}", round(float(basket * rng.lognormal(0, 0.3)) * (1 + (day % 7 == 5)), 2)))
            if rng.random() < 0.1:
                break
            day += 1 + int(rng.exponential(1 / rate))
    day, customer, amount = zip(*rows, strict=True)
    return {
        "time": (START + np.array(day)).astype("datetime64[us]"),
        "customer": np.array(customer, object),
        "amount": np.array(amount, np.float64),
        "country": rng.choice(["DE", "FR", "UK"], len(rows), p=[0.6, 0.3, 0.1]).astype(object),
    }


@cache
def revenue() -> Trained[RevenueForecastingModel]:
    return train_revenue_forecasting(orders(90, 1), part="country", horizon=7)


def test_the_whole_is_the_sum_of_its_parts_to_the_last_bit_and_within_its_bounds() -> None:
    model = revenue().model
    assert sorted(model.parts) == ["DE", "FR", "UK"]
    for step in range(1, 8):
        parts = [model.predict({"step": step, "part": part})["prediction"] for part in model.parts]
        whole = model.predict({"step": step})
        assert whole["prediction"] == sum(parts) == sum(reversed(parts))
        assert whole["low"] <= whole["prediction"] <= whole["high"]
    wide, narrow = model.predict({"step": 1}, level=0.97), model.predict({"step": 1}, level=0.6)
    assert wide["low"] <= narrow["low"] <= narrow["high"] <= wide["high"]
    assert (model.predict({"step": 1})["time"] - START.astype("datetime64[us]").item()).days == 89


def test_sums_are_exact_in_any_order_whatever_the_size() -> None:
    rng = np.random.default_rng(0)
    for size in (1e-3, 1.0, 1e9):
        parts = rng.lognormal(0, 3, (7, 5)) * size
        found = exact_totals(parts)
        assert np.allclose(found[:-1], parts, rtol=1e-9)
        for order in (range(7), reversed(range(7)), rng.permutation(7)):
            total = np.zeros(5)
            for i in order:
                total = total + found[i]
            assert np.array_equal(total, found[-1])


def test_importance_is_the_share_of_each_part_and_reasons_add_up() -> None:
    model = revenue().model
    assert sum(model.get_feature_importance().values()) == pytest.approx(1.0)
    why = model.get_feature_importance({"step": 2})
    assert sum(why.values()) == pytest.approx(model.predict({"step": 2})["prediction"] - model.point[-1].mean())
    assert model.evidence.scores["mase"] > 0


def test_it_comes_back_from_bytes() -> None:
    model = revenue().model
    again = from_bytes(to_bytes(model))
    assert again.predict([{"step": s, "part": TOTAL} for s in (1, 7)]).equals(
        model.predict([{"step": s, "part": TOTAL} for s in (1, 7)])
    )


@pytest.mark.parametrize("case", [{"part": "DE"}, {"step": 0}, {"step": 8}, {"step": 1.5}, {"step": 1, "part": "XX"}])
def test_a_step_or_a_part_that_there_is_not_is_named(case: dict[str, Any]) -> None:
    with pytest.raises(WrongInput, match=r"'step'|'part'"):
        revenue().model.predict(case)


def test_what_is_no_history_is_refused() -> None:
    with pytest.raises(WrongInput, match="12 at least"):
        train_revenue_forecasting(orders(8, 1))
    broken = orders(60, 1)
    broken["amount"][3] = np.inf
    with pytest.raises(WrongInput, match=r"'amount': row 4"):
        train_revenue_forecasting(broken)
    with pytest.raises(WrongInput, match=r"'price': is not in the table"):
        train_revenue_forecasting(orders(60, 1), amount="price")


def test_customers_who_bought_often_and_lately_will_buy_more() -> None:
    made = train_customer_value(orders(180, 2), horizon_days=60)
    model = made.model
    usual = {name: float(np.mean(model.ranges[name])) for name in FEATURES}
    lively = usual | {"frequency": 8.0, "recency": 118.0, "age": 120.0, "spend_mean": 30.0}
    gone = usual | {"frequency": 8.0, "recency": 30.0, "age": 170.0, "spend_mean": 30.0}
    a, b = model.predict(lively), model.predict(gone)
    assert a["purchases"] > b["purchases"]
    assert 0 <= b["buys_again"] < a["buys_again"] <= 1
    assert a["low"] <= a["prediction"] <= a["high"]
    assert (made.model.evidence.coverage or 0.0) > 0.8
    again = from_bytes(to_bytes(model))
    assert again.predict(lively) == a
    with pytest.raises(WrongInput, match="'recency'"):
        model.predict({**lively, "recency": None})
    with pytest.raises(WrongInput, match="50 customers"):
        train_customer_value({name: values[:30] for name, values in orders(60, 1).items()})


def test_purchases_of_one_day_are_one_and_later_ones_are_not_known_yet() -> None:
    who = np.array(["a", "a", "a", "b"])
    day, amount = np.array([0, 0, 10, 12]), np.array([5.0, 7.0, 20.0, 9.0])
    names, known = customers_at(who, day, amount, 12)
    assert names.tolist() == ["a"]
    assert {name: known[name][0] for name in ("frequency", "recency", "age", "spend_mean", "spend_first")} == {
        "frequency": 1.0, "recency": 10.0, "age": 12.0, "spend_mean": 20.0, "spend_first": 12.0,
    }  # fmt: skip


def test_the_stochastic_models_find_what_made_the_customers() -> None:
    rng = np.random.default_rng(1)
    n, r, alpha, a, b = 4000, 0.6, 8.0, 0.8, 2.5
    rate, gone = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    frequency, recency, later = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        now = 0.0
        while True:
            now += rng.exponential(1 / rate[i])
            if now > 80:
                break
            if now <= 40:
                frequency[i], recency[i] = frequency[i] + 1, now
            else:
                later[i] += 1
            if rng.random() < gone[i]:
                break
    model = Buying.fit(frequency, recency, np.full(n, 40.0))
    expected = model.expected(40.0, frequency, recency, np.full(n, 40.0))
    assert expected.sum() == pytest.approx(later.sum(), rel=0.1)
    assert ((model.alive(frequency, recency, np.full(n, 40.0)) > 0) & (expected >= 0)).all()
    worth = 30 * rng.gamma(6.0, 1 / rng.gamma(4.0, 1.0, n)) / 3
    spending = Spending.fit(np.maximum(frequency, 1), worth)
    assert spending.expected(np.full(n, 5.0), worth).mean() == pytest.approx(worth.mean(), rel=0.2)
