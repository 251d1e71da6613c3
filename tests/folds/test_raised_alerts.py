"""Alerts that programs send: one for each type and key, told once, ended by word or by silence."""

from __future__ import annotations

import json

from actors.alerts.evaluator import AlertEvaluator
from actors.notifier import Notifier
from hindcast.testing.story import Story, given
from tests.folds.words import alerts, command, nobody_is_told, passes, told

DEGRADED = {"severity": "high", "key": "churn", "data": {"metrics": {"accuracy": 0.61}}, "channels": ["ops", "pager"]}


def sent(story: Story, **more: object) -> Story:
    return story.when(command("alert.raised", "model_performance_degradation", **DEGRADED, **more))


def test_an_alert_that_is_sent_is_logged_and_told_once_and_its_end_too() -> None:
    story = sent(given(AlertEvaluator()))
    said = {"rule": "model_performance_degradation", "key": "churn", "severity": "high", "by": None}
    story.then(alerts("fired", message="metrics.accuracy 0.61", **said), told("ops", "pager"))
    sent(story).then_nothing()
    sent(story, status="resolved").then(alerts("resolved", **said), told("ops", "pager"))
    sent(story, status="resolved").then_nothing()


def test_the_message_has_what_was_said_of_it() -> None:
    story = sent(given(AlertEvaluator()))
    body = json.loads(story.emitted("outbox")[0]["body"])
    assert (body["data"], body["severity"]) == ({"metrics": {"accuracy": 0.61}}, "high")


def test_each_key_has_an_alert_of_its_own() -> None:
    story = sent(given(AlertEvaluator())).then(alerts("fired"), told("ops", "pager"))
    other = {**DEGRADED, "key": "ltv"}
    story.when(command("alert.raised", "model_performance_degradation", **other))
    story.then(alerts("fired", key="ltv"), told("ops", "pager"))


def test_what_must_be_said_again_ends_when_it_is_not() -> None:
    story = sent(given(AlertEvaluator()), resolve_after_s=60).then(alerts("fired"), told("ops", "pager"))
    sent(story.when(passes(50)), resolve_after_s=60).when(passes(50)).then_nothing()
    story.when(passes(11)).then(alerts("resolved"), told("ops", "pager"))


def test_somebody_may_take_care_of_it() -> None:
    story = sent(given(AlertEvaluator()))
    (fired,) = story.emitted("alerts")
    story.then(alerts("fired"), told("ops", "pager"))
    story.when(command("alert.acknowledged", fired["alert"], by="ada"))
    story.then(alerts("acknowledged", alert=fired["alert"], by="ada"), nobody_is_told)


def test_a_message_that_somebody_asks_for_is_owed_to_each_channel_once() -> None:
    story = given(Notifier())
    body = {"title": "Hello"}
    story.when(command("notification.asked", "sent:1", body=body, channels=["ops", "ops", "mail"], alert=""))
    story.then(told("ops", "mail"))
