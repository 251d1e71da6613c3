"""Reach, engagement, conversions and their cost: in order, safe at nothing, with intervals that hold on new campaigns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analytics.models.blob import from_bytes, to_bytes
from analytics.models.schema import WrongInput
from tests.unit.predictive.made import campaign, campaigns
from tuning.models import train_campaign_performance

CASE = {"spend": 40.0, "channel": "search"}


def test_the_counts_keep_their_order_and_the_cost_is_spend_over_conversions() -> None:
    model = campaign().model
    table, _ = campaigns(300, 7)
    said = model.predict(table)
    reach, engagement, conversions, cost = (
        np.array(said.column(name).to_pylist(), np.float64)
        for name in ("reach", "engagement", "conversions", "cost_per_acquisition")
    )
    assert ((reach >= engagement) & (engagement >= conversions) & (conversions >= 0)).all()
    some = conversions > 0
    assert np.allclose(cost[some], table["spend"][some] / conversions[some], rtol=1e-5)
    one = model.predict(CASE)
    assert model.predict_reach(CASE) == one["reach"]
    assert model.predict_engagement(CASE) == one["engagement"]
    assert model.predict_conversions(CASE) == one["conversions"] == one["prediction"]
    assert model.predict_cpa(CASE) == pytest.approx(one["cost_per_acquisition"])
    assert model.predict_reach(table).shape == (300,)


def test_intervals_hold_on_campaigns_that_were_never_seen() -> None:
    model = campaign().model
    table, _ = campaigns(600, 8)
    said = model.predict(table)
    for name in ("reach", "engagement", "conversions"):
        low, high = np.array(said.column(f"{name}_low")), np.array(said.column(f"{name}_high"))
        assert np.mean((low <= table[name]) & (table[name] <= high)) > 0.8, name
    scores = model.get_confidence_scores(CASE)
    assert set(scores) == {"reach", "engagement", "conversions", "cost_per_acquisition"}
    assert scores["reach"]["coverage"] > 0.8
    assert scores["conversions"]["low"] <= model.predict_conversions(CASE) <= scores["conversions"]["high"]


def test_nothing_falls_when_more_is_spent() -> None:
    model = campaign().model
    spend = np.geomspace(0.01, 5000, 200)
    said = model.predict({"spend": spend, "channel": np.array(["social"] * 200, object)})
    for name in ("reach", "engagement", "conversions"):
        values = np.array(said.column(name).to_pylist(), np.float64)
        assert (values[1:] >= values[:-1] - 1e-9).all(), name


def test_beyond_what_was_spent_so_far_less_is_sure() -> None:
    model = campaign().model
    most = model.observed["spend"][-1]
    inside, beyond = model.predict({**CASE, "spend": most}), model.predict({**CASE, "spend": 20 * most})
    assert beyond["reach_high"] / beyond["reach"] > 5 * inside["reach_high"] / inside["reach"]


def test_a_campaign_that_costs_nothing_has_no_cost_without_conversions() -> None:
    said = campaign().model.predict({**CASE, "spend": 0.0})
    assert said["cost_per_acquisition"] in (None, 0.0)
    assert said["conversions"] >= 0


def test_it_comes_back_from_bytes() -> None:
    model = campaign().model
    again = from_bytes(to_bytes(model))
    assert again.predict(CASE) == model.predict(CASE)
    assert again.get_confidence_scores() == model.get_confidence_scores()


def test_reasons_add_up_and_the_spend_matters_most() -> None:
    model = campaign().model
    assert next(iter(model.get_feature_importance())) == "spend"
    assert set(model.get_feature_importance(CASE)) == {"spend", "channel"}


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"spend": [-1.0] * 40}, "spend"),
        ({"conversions": [float("inf")] * 40}, "conversions"),
        ({"reach": ["many"] * 40}, "reach"),
        ({"spend": [5.0] * 40}, "spend"),
    ],
)
def test_what_cannot_be_learnt_from_names_its_column(change: dict[str, Any], column: str) -> None:
    table: dict[str, Any] = {name: values[:40] for name, values in campaigns(80, 1)[0].items()}
    with pytest.raises(WrongInput) as refused:
        train_campaign_performance({**table, **change})
    assert refused.value.column == column


def test_a_missing_column_and_ten_rows_are_refused() -> None:
    table = {name: values[:10] for name, values in campaigns(80, 1)[0].items()}
    with pytest.raises(WrongInput, match="30 rows"):
        train_campaign_performance(table)
    with pytest.raises(WrongInput, match="column 'clicks': is not in the table"):
        train_campaign_performance(table, engagement="clicks")
