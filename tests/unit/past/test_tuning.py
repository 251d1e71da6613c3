"""Tuning by budget: the threshold with which a rule would have called somebody at most so often."""

from __future__ import annotations

from typing import Any

import pytest

from actors.backtest.asked import Asked
from actors.backtest.budget import Budget
from actors.backtest.run import backtest
from actors.backtest.tuning import tuned
from events.errors import Rejected
from tests.laws.systems import System


@pytest.fixture(scope="module")
def system() -> System:
    system = System(3, 3)
    system.lives(150)
    return system


def budget(condition: str, pages: float, threshold: float = 1.0) -> Budget:
    rule = {"name": "r", "condition": condition, "threshold": threshold}
    return Budget(rule=rule, pages_per_week=pages)


@pytest.mark.parametrize(
    "condition", ["events.count > threshold", "orders.mean < threshold", "orders.sum / events.count > threshold"]
)
def test_what_is_proposed_calls_as_often_as_it_says_and_within_the_budget(system: System, condition: str) -> None:
    found = tuned(system.log, "t", budget(condition, 3000.0))
    assert found["threshold"] is not None
    rule = {"name": "r", "condition": condition, "threshold": found["threshold"]}
    again = backtest(system.log, "t", Asked.model_validate({"rules": [rule]}))
    assert again["pages"] == found["pages"]
    (proposal,) = [p for p in found["proposals"] if p["threshold"] == found["threshold"]]
    assert proposal["pages_per_week"] <= 3000.0


def test_a_budget_of_nothing_gives_a_threshold_that_never_calls(system: System) -> None:
    found = tuned(system.log, "t", budget("events.count > threshold", 0.0))
    assert (found["threshold"] is not None, found["pages"]) == (True, 0)


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("events.count > 5", "must compare with `threshold`"),
        ("events.count > threshold or events.count < threshold", "always in one direction"),
        ("never.count > threshold", "no metric"),
    ],
)
def test_what_cannot_be_tuned_is_refused(system: System, condition: str, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        tuned(system.log, "t", budget(condition, 2.0))


def test_the_order_of_proposals_is_that_of_thresholds(system: System) -> None:
    found: dict[str, Any] = tuned(system.log, "t", budget("events.count > threshold", 10.0))
    thresholds = [p["threshold"] for p in found["proposals"]]
    assert thresholds == sorted(set(thresholds))
