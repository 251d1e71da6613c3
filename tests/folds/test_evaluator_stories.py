"""The alert evaluator as people meet it: what is told, when, and to whom."""

from __future__ import annotations

from actors.alerts.evaluator import AlertEvaluator
from hindcast.testing.story import Story, given
from tests.folds.words import alerts, command, counted, nobody_is_told, recounted, rule, sampled, silent, told


def watched(condition: str = "cpu.mean > 90", **policy: object) -> Story:
    return given(AlertEvaluator()).when(rule("busy", condition, **policy))


def test_what_is_above_its_threshold_fires_at_once_and_its_end_is_told_too() -> None:
    watched().when(sampled("cpu", 5.0, 95.0)).then(alerts("fired", rule="busy", value=95.0), told("ops")).when(
        sampled("cpu", 96.0, 97.0)
    ).then_nothing().when(sampled("cpu", 4.0)).then(alerts("resolved", value=4.0), told("ops"))


def test_what_must_hold_for_a_while_is_pending_first_and_people_hear_of_it_only_once_it_fires() -> None:
    story = watched(for_s=20.0).when(sampled("cpu", 95.0)).then(alerts("pending"), nobody_is_told)
    story.when(sampled("cpu", 95.0)).then_nothing()
    story.when(sampled("cpu", 95.0)).then(alerts("fired"), told("ops"))


def test_what_calms_down_while_it_is_pending_was_never_anybodys_business() -> None:
    watched(for_s=60.0).when(sampled("cpu", 95.0, 5.0)).then(alerts("pending", "calmed"), nobody_is_told)


def test_every_key_has_an_alert_of_its_own() -> None:
    story = watched().when(sampled("cpu", 95.0, key="web-1"), sampled("cpu", 99.0, key="web-2"))
    story.then(alerts("fired", "fired", key=["web-1", "web-2"]), told("ops", "ops"))
    story.when(sampled("cpu", 5.0, key="web-1")).then(alerts("resolved", key="web-1"), told("ops"))


def test_every_channel_of_the_rule_is_told() -> None:
    story = watched(channels=["dashboard", "pager"]).when(sampled("cpu", 95.0))
    story.then(alerts("fired"), told("dashboard", "pager"))


def test_who_acknowledges_is_in_the_history_and_the_end_is_told_all_the_same() -> None:
    story = watched().when(sampled("cpu", 95.0))
    (fired,) = story.emitted("alerts")
    story.then(alerts("fired"), told("ops"))
    story.when(command("alert.acknowledged", fired["alert"], by="ada"))
    story.then(alerts("acknowledged", alert=fired["alert"], by="ada"), nobody_is_told)
    story.when(command("alert.acknowledged", "another", by="ada")).then_nothing()
    story.when(sampled("cpu", 5.0)).then(alerts("resolved", alert=fired["alert"]), told("ops"))


def test_a_rule_that_is_changed_or_removed_ends_what_it_has_firing() -> None:
    story = watched().when(sampled("cpu", 95.0)).then(alerts("fired"), told("ops"))
    story.when(rule("busy", "cpu.mean > 80")).then(alerts("resolved"), told("ops"))
    story.when(sampled("cpu", 85.0)).then(alerts("fired"), told("ops"))
    story.when(command("rule.removed", "busy", owner="api", by="ada")).then(alerts("resolved"), told("ops"))
    story.when(sampled("cpu", 99.0)).then_nothing()


def test_a_rule_that_is_removed_while_it_is_pending_calms_down() -> None:
    story = watched(for_s=60.0).when(sampled("cpu", 95.0)).then(alerts("pending"))
    story.when(command("rule.removed", "busy", owner="api", by="ada")).then(alerts("calmed"), nobody_is_told)


def test_no_orders_at_all_are_too_few_orders() -> None:
    story = watched("orders.count < 1").when(counted("orders", 3, 2)).then_nothing()
    story.when(silent("orders", 10)).then(alerts("fired", value=0.0), told("ops"))
    story.when(silent("orders", 300)).then_nothing()
    story.when(counted("orders", 1)).then(alerts("resolved", value=1.0), told("ops"))


def test_errors_that_stop_end_their_alert_though_nothing_comes_that_says_so() -> None:
    story = watched("errors.count > 5").when(counted("errors", 9, 9)).then(alerts("fired"), told("ops"))
    story.when(silent("errors", 10)).then(alerts("resolved", value=0.0), told("ops"))


def test_late_rows_change_the_history_and_wake_nobody() -> None:
    story = watched("errors.count > 5").when(counted("errors", 1, 1, 1)).then_nothing()
    story.when(recounted("errors", 9, windows_ago=2)).then(alerts("revised"), nobody_is_told)


def test_late_rows_that_fill_a_gap_make_a_pending_alert_fire() -> None:
    story = (
        watched("errors.count > 5", for_s=20.0)
        .when(counted("errors", 9, 1, 9))
        .then(alerts("pending", "calmed", "pending"))
    )
    story.when(recounted("errors", 9, windows_ago=1)).then(alerts("fired"), told("ops"))
