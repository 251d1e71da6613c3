"""The parts of the search alone: selection, calibration, proposals, workers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.models.schema import Feature, WrongInput
from tuning.candidates import PORTFOLIO, SPACES, Candidate, OneOf
from tuning.config import Config
from tuning.data.splits import splits_of
from tuning.ensemble.selection import Cost, Limits, calibrate, greedy, within
from tuning.evaluation.scoring import gain_of, metric_of, worth_of
from tuning.fitting.jobs import Done, Job, Rows
from tuning.fitting.recipes import Task
from tuning.fitting.worker_pool import Failed, Pool
from tuning.search.proposals import Proposer


def predictions(seed: int, n: int = 400) -> tuple[list[Any], Any]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n).astype(float)
    shown = [1 / (1 + np.exp(-(s * (y - 0.5) + rng.normal(size=n)))) for s in (0.5, 1.0, 1.5, 0.0)]
    return [p[:, None] for p in shown], y


def cost(name: str, size: int = 1000, row_ms: float = 0.01, view: str = "trees", view_ms: float = 0.01) -> Cost:
    return Cost({name: (size, row_ms), view: (0, view_ms)})


CHEAP = cost("cheap")


@given(st.integers(0, 200))
@settings(max_examples=20, deadline=None)
def test_an_ensemble_is_never_worse_than_its_best_member_on_the_rows_it_was_chosen_on(seed: int) -> None:
    shown, y = predictions(seed)
    gain = gain_of("log_loss", "binary")
    weights = greedy(shown, y, gain, [CHEAP] * 4, Limits())
    assert sum(weights.values()) == pytest.approx(1.0)
    mixed = sum(w * shown[i] for i, w in weights.items())
    assert gain(y, np.asarray(mixed)) >= max(gain(y, p) for p in shown) - 1e-9


def test_a_member_that_would_break_a_limit_is_left_out_however_good() -> None:
    shown, y = predictions(0)
    costs = [CHEAP, CHEAP, cost("large", size=100_000_000), CHEAP]
    assert 2 not in greedy(shown, y, gain_of("auc", "binary"), costs, Limits())
    slow = [CHEAP, CHEAP, cost("slow", row_ms=9.0), CHEAP]
    assert 2 not in greedy(shown, y, gain_of("auc", "binary"), slow, Limits())


def test_candidates_with_equal_views_pay_for_them_once() -> None:
    costs = [cost(f"m{i}", row_ms=0.1, view="linear", view_ms=2.0) for i in range(5)]
    assert within(costs, Limits(row_ms=3.0))
    assert not within([cost(f"m{i}", row_ms=0.1, view=f"view{i}", view_ms=2.0) for i in range(5)], Limits(row_ms=3.0))


def test_of_equal_areas_under_the_curve_the_surer_probabilities_are_worth_more() -> None:
    y = np.array([0.0, 0.0, 1.0, 1.0])
    timid, sure, wrong = (
        np.array(p)[:, None] for p in ([0.4, 0.45, 0.55, 0.6], [0.1, 0.2, 0.8, 0.9], [0.2, 0.6, 0.5, 0.9])
    )
    worth = worth_of("auc", "binary")
    assert worth(y, sure) > worth(y, timid) > worth(y, wrong)
    assert worth_of("log_loss", "binary")(y, sure) == gain_of("log_loss", "binary")(y, sure)


def test_calibration_mends_what_is_overconfident_and_leaves_what_is_right() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, 4000)
    y = (rng.random(4000) < p).astype(float)
    assert calibrate(p[:, None], y, 2).method == "none"
    logit = np.log(p / (1 - p))
    bold = 1 / (1 + np.exp(-3 * logit))
    found = calibrate(bold[:, None], y, 2)
    assert found.slope == pytest.approx(1 / 3, abs=0.05)
    assert np.abs(found(bold[:, None])[:, 0] - p).mean() < 0.02


@pytest.mark.parametrize(("problem", "metric"), [("binary", "auc"), ("multiclass", "log_loss"), ("regression", "rmse")])
def test_gains_agree_with_the_scores_that_are_reported(problem: Any, metric: str) -> None:
    from tuning.evaluation import gain, score

    rng = np.random.default_rng(1)
    k = {"binary": 2, "multiclass": 3, "regression": 0}[problem]
    y = rng.integers(0, k, 200).astype(float) if k else rng.normal(size=200)
    p = np.round(rng.dirichlet(np.ones(3), 200), 1) + 0.05 if k == 3 else np.round(rng.random((200, 1)), 1)
    p = p / p.sum(axis=1, keepdims=True) if k == 3 else p
    shown = np.column_stack([1 - p, p]) if k == 2 else p if k else p[:, 0]
    truth: Any = y.astype(np.int64) if k else y
    assert metric_of(problem) == metric
    assert gain_of(metric, problem)(y, p) == pytest.approx(gain(metric, score(metric, truth, shown)), abs=1e-9)


def test_the_portfolio_lies_inside_the_spaces_so_that_the_sampler_learns_from_it() -> None:
    for candidate in PORTFOLIO:
        space = SPACES[candidate.kind]
        assert set(candidate.params) == set(space)
        for name, place in space.items():
            value = candidate.params[name]
            inside = value in place.choices if isinstance(place, OneOf) else place.low <= float(value) <= place.high
            assert inside, (candidate.kind, name)


def test_equal_tellings_give_equal_proposals_and_none_comes_twice() -> None:
    def asked() -> list[Candidate]:
        proposer = Proposer([], ["linear", "neighbours"], seed=4)
        found: list[Candidate] = []
        for _ in range(12):
            candidate = proposer.ask({"linear": 2.0, "neighbours": 1.0})
            assert candidate is not None
            found.append(candidate)
            proposer.tell(candidate, -abs(float(candidate.params.get("strength", 1.0)) - 0.5))
        return found

    first, second = asked(), asked()
    assert first == second
    assert len({c.key for c in first}) == 12


def test_a_small_space_is_exhausted_not_looped_over() -> None:
    proposer = Proposer([], ["own"], 0, {"own": {"a": OneOf((1, 2))}})
    found = [proposer.ask({"own": 1.0}) for _ in range(3)]
    assert {c.params["a"] for c in found if c is not None} == {1, 2}
    assert found[2] is None


def test_a_candidate_keeps_its_name_whatever_the_order_of_its_parameters() -> None:
    assert Candidate("x", {"a": 1, "b": 2.0}).key == Candidate("x", {"b": 2.0, "a": 1}).key
    assert Candidate("x", {"a": 1}).key != Candidate("x", {"a": 2}).key


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"target": "y", "budget": 3}, "config has no 'budget'"),
        ({}, "must name the column"),
        ({"target": "y", "budget_s": -1}, "budget must be more than 0"),
        ({"target": "y", "trials": 0}, "trials must be 1 or more"),
        ({"target": "y", "kinds": ["lightgbm", "catboost"]}, "'catboost'"),
        ({"target": "y", "problem": "ranking"}, "'ranking'"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(config: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongInput, match=said):
        Config.of(config)


@pytest.mark.slow
def test_a_worker_that_overstays_is_killed_and_another_takes_over(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30_000, 20)).astype(np.float32)
    y = (x[:, 0] > 0).astype(float)
    features = tuple(Feature(str(j), str(j), "number") for j in range(20))
    Rows(x, y, Task(features, 2), in_time=False).write(tmp_path)
    np.save(tmp_path / "train.parts.npy", splits_of(y, 2, 2, 0))
    slow = {"min_samples_leaf": 1, "max_features": 1.0, "entropy": True, "keep": 1.0}
    with Pool(1, tmp_path) as pool:
        pool.submit(Job("a", "dummy", {}, "train", 0, 0))
        ((_, first),) = pool.finished(120.0)
        assert isinstance(first, Done)
        pool.submit(Job("b", "random_forest", slow, "train", 0, 0), within_s=0.5)
        began = time.monotonic()
        ((_, killed),) = pool.finished(120.0)
        assert isinstance(killed, Failed)
        assert killed.timed_out
        assert time.monotonic() - began < 60.0
        pool.submit(Job("c", "dummy", {}, "train", 1, 0))
        ((job, again),) = pool.finished(120.0)
        assert job.key == "c"
        assert isinstance(again, Done)
        assert len(again.prediction) == 15_000


@pytest.mark.slow
def test_members_of_a_wide_table_fit_together_whoever_made_their_view() -> None:
    """More columns than any model is shown: each kind's selection is its own."""
    from tuning.pipeline import fit_table

    rng = np.random.default_rng(0)
    data: dict[str, Any] = {f"c{i}": rng.normal(size=200) for i in range(2100)}
    data["y"] = (data["c7"] + data["c99"] > 0).astype(float)
    report = fit_table(data, Config("y", trials=2, kinds=("lightgbm", "linear"))).report
    assert report.main().value is not None
    assert len(report.importance) <= 60
    assert "Of 2,100 columns" in report.importance_note
