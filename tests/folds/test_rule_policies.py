"""What a rule may ask for beside its condition: to clear lower, to go on for a while, to sleep at night."""

from __future__ import annotations

from actors.alerts.evaluator import AlertEvaluator
from hindcast.testing.story import Story, given
from tests.folds.words import BEGIN, SECOND, alerts, rule, sampled, told


def watched(condition: str = "cpu.mean > threshold", threshold: float = 90, **policy: object) -> Story:
    return given(AlertEvaluator()).when(rule("busy", condition, threshold, **policy))


def test_what_fires_goes_on_until_it_is_below_the_clear_threshold() -> None:
    story = watched(clear_threshold=80).when(sampled("cpu", 85.0)).then_nothing()
    story.when(sampled("cpu", 95.0)).then(alerts("fired"), told("ops"))
    story.when(sampled("cpu", 85.0, 81.0, 89.0)).then_nothing()
    story.when(sampled("cpu", 79.0)).then(alerts("resolved", value=79.0), told("ops"))
    story.when(sampled("cpu", 85.0)).then_nothing()


def test_what_fires_goes_on_for_a_while_after_the_condition_held_last() -> None:
    story = watched(keep_firing_for_s=30).when(sampled("cpu", 95.0)).then(alerts("fired"), told("ops"))
    story.when(sampled("cpu", 5.0, 5.0)).then_nothing()
    story.when(sampled("cpu", 95.0)).then_nothing()
    story.when(sampled("cpu", 5.0, 5.0)).then_nothing()
    story.when(sampled("cpu", 5.0)).then(alerts("resolved"), told("ops"))


def test_outside_its_hours_a_rule_is_silent_and_what_fires_ends() -> None:
    # BEGIN is Thursday, 9 October 2025, 08:53:20 UTC, which is 10:53:20 in Zurich
    assert BEGIN == 1_760_000_000 * SECOND
    hours = {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "10:54", "time_zone": "Europe/Zurich"}
    story = watched(active=hours).when(sampled("cpu", 95.0)).then(alerts("fired"), told("ops"))
    story.when(sampled("cpu", 95.0, 95.0, 95.0)).then_nothing()
    story.when(sampled("cpu", 95.0)).then(alerts("resolved"), told("ops"))
    story.when(sampled("cpu", 99.0)).then_nothing()
