"""Which content for whom: the right variant for each kind of people, uplift, exploring, and headlines against each other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analytics.models.blob import from_bytes, to_bytes
from analytics.models.schema import WrongInput
from tests.unit.predictive.made import content, experiment
from tuning.models import train_content_optimization, train_headlines

NEW, OLD = {"user.new": "yes", "user.age": 40.0}, {"user.new": "no", "user.age": 40.0}


def test_each_kind_of_people_gets_the_content_that_helps_it() -> None:
    model = content().model
    assert model.predict(NEW)["content"] == "a"
    assert model.predict(OLD)["content"] == "b"
    for case in (NEW, OLD):
        said = model.predict(case)
        assert 0 <= said["low"] <= said["prediction"] <= said["high"] <= 1
        assert said["uplift_low"] < 0.15 < said["uplift_high"]
        assert said["probability_best"] > 0.9
    assert model.uplift([NEW], "a")[0] > 0.05 > model.uplift([NEW], "b")[0]


def test_its_score_is_what_its_choices_bring_over_none() -> None:
    made = content()
    assert made.registered
    assert made.model.evidence.scores["uplift"] == pytest.approx(0.075, abs=0.03)
    assert made.model.evidence.scores["policy_uplift"] == made.score == pytest.approx(0.15, abs=0.04)
    assert made.model.get_feature_importance()["user.new"] > made.model.get_feature_importance()["user.age"]
    why = made.model.get_feature_importance(NEW)
    assert set(why) == {"user.new", "user.age"}


def test_thompson_sampling_shows_the_best_most_and_repeats_by_its_seed() -> None:
    model = content().model
    people = [NEW] * 400
    chosen = model.choose(people, np.random.default_rng(1))
    assert chosen.count("a") > 300
    assert chosen == model.choose(people, np.random.default_rng(1))
    assert chosen != model.choose(people, np.random.default_rng(2)) or set(chosen) == {"a"}


def test_without_features_it_learns_from_each_trial() -> None:
    plain = {name: experiment(900, 5)[name] for name in ("variant", "response")}
    model = train_content_optimization(plain, control="none").model
    again = model
    for _ in range(20):
        again = again.updated("none", 90, 100)
    assert again.predict({"anything": 1})["content"] == "none"
    assert model.trials.sum() == 900
    with pytest.raises(WrongInput, match="0 to trials"):
        model.updated("none", 3, 2)
    with pytest.raises(WrongInput, match="there is no 'c'"):
        model.updated("c", 1, 2)


def test_it_comes_back_from_bytes() -> None:
    model = content().model
    again = from_bytes(to_bytes(model))
    assert again.predict([NEW, OLD]).equals(model.predict([NEW, OLD]))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"variant": ["a"] * 300}, "nothing to choose from"),
        ({"response": [2.0] * 300}, "neither 0 nor 1"),
        ({"response": [0.0] * 300}, "the same for everybody"),
        ({"variant": ["a"] * 280 + ["b"] * 20}, "50 at least"),
        ({"variant": [None] * 300}, "says nothing"),
    ],
)
def test_an_experiment_that_tells_nothing_is_refused(change: dict[str, Any], reason: str) -> None:
    table: dict[str, Any] = experiment(300, 1)
    table = {name: list(values) for name, values in table.items()} | change
    with pytest.raises(WrongInput, match=reason):
        train_content_optimization(table)


def headline_rows(tests: int, seed: int) -> list[dict[str, Any]]:
    """Headlines that ask are clicked half as often again."""
    rng = np.random.default_rng(seed)
    words = [
        "garden",
        "river",
        "music",
        "school",
        "doctor",
        "summer",
        "engine",
        "letter",
        "window",
        "market",
        "coffee",
        "planet",
    ]
    rows: list[dict[str, Any]] = []
    for number in range(tests):
        topic = " ".join(rng.choice(words, 3))
        for text, share in ((f"Why {topic} is what you need?", 0.03), (f"The {topic} of today", 0.02)):
            rows.append(
                {"test": f"t{number}", "headline": text, "impressions": 3000, "clicks": int(rng.binomial(3000, share))}
            )
    return rows


def test_headlines_are_told_apart_that_were_never_shown() -> None:
    made = train_headlines(headline_rows(120, 1))
    assert made.accuracy is not None
    assert made.accuracy > 0.9
    model = content().model
    model = replace(model, headlines=made)
    asks, tells = "Why teapot and harbour is what you need?", "The teapot and harbour of today"
    assert model.compare_headlines(asks, tells) > 0.8
    assert model.compare_headlines(asks, tells) == pytest.approx(1 - model.compare_headlines(tells, asks))
    ranked = model.rank_headlines([tells, asks])
    assert [one["headline"] for one in ranked] == [asks, tells]
    assert sum(one["probability_best"] for one in ranked) == pytest.approx(1)
    again = from_bytes(to_bytes(model))
    assert again.compare_headlines(asks, tells) == model.compare_headlines(asks, tells)


def test_too_few_headline_tests_and_none_at_all_are_said() -> None:
    with pytest.raises(WrongInput, match="30 tests"):
        train_headlines(headline_rows(5, 1))
    with pytest.raises(WrongInput, match="column 'views': is not in the table"):
        train_headlines(headline_rows(5, 1), shown="views")
    with pytest.raises(WrongInput, match="without headline tests"):
        content().model.compare_headlines("a", "b")
