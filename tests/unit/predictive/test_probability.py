"""Who churns, converts, stays: calibrated, with intervals that hold, reasons, and what could be otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from analytics.models.blob import from_bytes, to_bytes
from analytics.models.schema import WrongInput
from analytics.predictive import UserRetentionModel, scenarios
from analytics.predictive.rates import Groups, RateIntervals, groups_of, wilson
from tests.unit.predictive.made import churn, users
from tuning.models import train_churn_prediction

CASE: dict[str, Any] = {
    "behavioral.sessions_7d": 2.0, "behavioral.failures_7d": 4.0, "user.plan": "free", "temporal.noise": 0.0,
}  # fmt: skip


def test_a_probability_lies_in_its_interval_and_both_in_0_and_1() -> None:
    model = churn().model
    table, _ = users(3000, 5)
    for level in (0.5, 0.9, 0.99):
        said = model.predict(table, level=level)
        p, low, high = (np.array(said.column(name)) for name in ("prediction", "low", "high"))
        assert ((low >= 0) & (low <= p) & (p <= high) & (high <= 1)).all()


def test_intervals_hold_the_true_probability_of_new_users_as_often_as_they_say() -> None:
    table, truth = users(3000, 6)
    said = churn().model.predict(table)
    low, high = np.array(said.column("low")), np.array(said.column("high"))
    assert np.mean((low <= truth) & (truth <= high)) > 0.85
    assert (high - low).mean() < 0.4
    assert churn().model.evidence.coverage is not None


def test_retention_is_one_minus_churn_to_the_bit() -> None:
    model = churn().model
    stays = UserRetentionModel.of(model)
    gone, kept = model.predict(CASE), stays.predict(CASE)
    assert kept["prediction"] == pytest.approx(1 - gone["prediction"], abs=1e-12)
    assert kept["low"] == pytest.approx(1 - gone["high"], abs=1e-9)
    assert stays.label.horizon_days == model.label.horizon_days == 30.0
    assert stays.label.name == "retention"
    why, against = stays.get_feature_importance(CASE), model.get_feature_importance(CASE)
    assert all(why[name] == pytest.approx(-value) for name, value in against.items())


def test_what_matters_is_told_globally_and_for_one_user() -> None:
    model = churn().model
    assert next(iter(model.get_feature_importance())) in (
        "behavioral.sessions_7d",
        "behavioral.failures_7d",
        "user.plan",
    )
    why = model.get_feature_importance(CASE)
    assert why["behavioral.sessions_7d"] > abs(why["temporal.noise"])


def test_scenarios_stay_within_what_was_observed_and_go_the_way_of_the_domain() -> None:
    model = churn().model
    found = scenarios(model, CASE, better="down")
    assert found
    assert {next(iter(one["change"])) for one in found} <= {"behavioral.sessions_7d", "user.plan"}
    for one in found:
        ((name, change),) = one["change"].items()
        assert one["difference"] < 0
        assert one["low"] <= one["prediction"] <= one["high"]
        if name == "behavioral.sessions_7d":
            assert one["within"][name][0] <= change["to"] <= one["within"][name][1]
            assert change["to"] > CASE[name]


def test_it_comes_back_from_bytes() -> None:
    model = churn().model
    again = from_bytes(to_bytes(model))
    assert again.predict(CASE) == model.predict(CASE)
    assert again.get_feature_importance(CASE) == model.get_feature_importance(CASE)
    stays = UserRetentionModel.of(model)
    assert from_bytes(to_bytes(stays)).predict(CASE) == stays.predict(CASE)


def test_what_is_odd_in_a_case_is_unknown_and_what_does_not_fit_is_named() -> None:
    model = churn().model
    odd = {**CASE, "user.plan": "never seen", "behavioral.failures_7d": float("inf"), "temporal.noise": None, "more": 1}
    assert 0 <= model.predict(odd)["prediction"] <= 1
    nothing = dict.fromkeys(CASE)
    assert 0 <= model.predict(nothing)["prediction"] <= 1
    with pytest.raises(WrongInput, match=r"'user\.plan': is missing"):
        model.predict({name: value for name, value in CASE.items() if name != "user.plan"})
    with pytest.raises(WrongInput, match=r"'behavioral\.failures_7d': row 1: 'many' is not a number"):
        model.predict({**CASE, "behavioral.failures_7d": "many"})


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"x": [1.0] * 40, "y": ["yes"] * 40}, "y"),
        ({"x": [1.0, 2.0] * 5, "y": ["yes", "no"] * 5}, ""),
        ({"x": [1.0] * 40, "y": ["yes", "no"] * 20}, ""),
        ({"x": [1.0, 2.0] * 20, "y": ["a", "b", "c", "d"] * 10}, "y"),
    ],
    ids=["one class", "ten rows", "only a constant column", "four classes"],
)
def test_what_cannot_be_learnt_from_is_refused_with_its_reason(table: dict[str, Any], why: str) -> None:
    with pytest.raises(WrongInput) as refused:
        train_churn_prediction(table, target="y", workers=1)
    assert why in str(refused.value)
    assert refused.value.reason


def test_a_class_or_a_feature_that_is_not_there_is_named() -> None:
    table, _ = users(60, 1)
    table["gone"] = np.array(["yes", "no"] * 30, object)
    with pytest.raises(WrongInput, match=r"column 'user\.mood': is not in the table"):
        train_churn_prediction(table, target="gone", actionable=["user.mood"], workers=1)


def test_a_leaked_target_is_left_out_and_said() -> None:
    table, p = users(400, 9)
    gone = np.where(np.random.default_rng(3).random(400) < p, "yes", "no").astype(object)
    leaked = {**table, "closed_at": np.where(gone == "yes", "2026-01-01", "").astype(object), "gone": gone}
    made = train_churn_prediction(leaked, target="gone", workers=1)
    assert "closed_at" not in {one.name for one in made.model.inputs}
    assert any("closed_at" in note for note in made.model.evidence.notes)


def test_groups_that_are_off_make_intervals_wider() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 2))
    p = 1 / (1 + np.exp(-x[:, 0]))
    happened = (rng.random(4000) < p).astype(np.float64)
    right = RateIntervals.fit(groups_of(x, p, happened))
    wrong = RateIntervals.fit(groups_of(x, np.full(4000, 0.5), happened))
    assert wrong.cases(0.9) < right.cases(0.9) / 3
    held = groups_of(x, p, (rng.random(4000) < p).astype(np.float64), seed=5)
    assert right.coverage(held, 0.9) >= 0.9


def test_a_share_is_as_sure_as_its_trials() -> None:
    one = Groups(np.array([0.5]), np.array([0.5]), np.array([0.25]), np.array([100.0]))
    low, high = RateIntervals.fit(one).interval(np.array([0.0, 0.5, 1.0]), 0.95)
    assert low[0] == 0.0
    assert high[2] == 1.0
    few, many = (wilson(np.array([0.2]), np.array([n]), 0.9) for n in (20.0, 2000.0))
    assert few[1] - few[0] > 5 * (many[1] - many[0])
