"""Who is told of an alert, and when: silences, inhibition, routes and their groups, escalation, on and off."""

from __future__ import annotations

import json
from typing import Any

from actors.alerts.evaluator import AlertEvaluator
from hindcast.testing.story import Story, given
from tests.folds.words import (
    BEGIN,
    SECOND,
    Word,
    alerts,
    command,
    nobody_is_told,
    passes,
    rule,
    sampled,
    silent,
    told,
)

ROUTE = {
    "name": "main", "match": [], "channels": ["chat"], "group_by": ["team"], "group_wait_s": 30, "group_interval_s": 60,
    "repeat_interval_s": 600, "escalate_after_s": 0, "escalate_to": [], "go_on": False, "routes": [],
}  # fmt: skip
BRANCH = {name: None for name in ROUTE if name not in ("name", "match", "routes", "go_on")}


def watched(**policy: Any) -> Story:
    return given(AlertEvaluator()).when(rule("busy", "cpu.mean > 90", **policy))


def defined(kind: str, name: str, **spec: Any) -> Word:
    return command(f"{kind}.defined", name, spec={"name": name, **spec}, owner="api", by="ada")


def route(**said: Any) -> Word:
    return defined("route", **{**ROUTE, **said})


def body_of(story: Story) -> dict[str, Any]:
    return json.loads(story.emitted("outbox")[-1]["body"])


def test_nobody_is_told_of_what_is_silenced_until_the_silence_ends() -> None:
    until = BEGIN + 100 * SECOND
    story = watched().when(command("silence.created", "s1", matchers=['rule="busy"'], until_us=until, by="ada"))
    story.when(sampled("cpu", 95.0)).then(alerts("fired", "quiet"), nobody_is_told)
    story.when(sampled("cpu", 95.0, 95.0)).when(passes(90))
    story.then("alerts", type=["silence.ended"]).then(told("ops"))
    story.when(sampled("cpu", 5.0)).then(alerts("resolved"), told("ops"))


def test_what_was_quiet_all_the_time_is_over_quietly() -> None:
    story = watched().when(command("silence.created", "s1", matchers=['key=~"web-.*"'], until_us=2**53, by="ada"))
    story.when(sampled("cpu", 95.0, key="web-1")).then(alerts("fired", "quiet"), nobody_is_told)
    story.when(sampled("cpu", 5.0, key="web-1")).then(alerts("resolved"), nobody_is_told)
    story.when(sampled("cpu", 95.0, key="db")).then(alerts("fired"), told("ops"))


def test_a_silence_may_last_until_what_it_matches_is_resolved() -> None:
    story = watched().when(command("silence.created", "s0", matchers=['rule="busy"'], by="ada"))
    story.then("alerts", type=["silence.ended"], alert="s0")
    story.when(sampled("cpu", 95.0)).then(alerts("fired"), told("ops"))
    story.when(command("silence.created", "s1", matchers=['rule="busy"'], by="ada")).then(alerts("quiet"))
    story.when(sampled("cpu", 5.0)).then("alerts", type=["alert.resolved", "silence.ended"])
    story.when(sampled("cpu", 95.0))
    story.then("alerts", type=["alert.fired"])


def test_while_one_fires_others_are_quiet_and_told_when_it_ends_if_they_still_do() -> None:
    story = watched(labels={"dc": "a"}).when(rule("down", "up.mean < 1", severity="critical", labels={"dc": "a"}))
    story.when(defined("inhibition", "i", source=['severity="critical"'], target=['severity="medium"'], equal=["dc"]))
    story.when(sampled("up", 0.0)).then(alerts("fired", rule="down"), told("ops"))
    story.when(sampled("cpu", 95.0)).then(alerts("fired", "quiet"), nobody_is_told)
    story.when(sampled("up", 1.0)).then(alerts("resolved", rule="down"), told("ops", "ops"))
    story.when(sampled("cpu", 5.0)).then(alerts("resolved", rule="busy"), told("ops"))


def test_alerts_of_a_group_wait_for_each_other_and_are_told_together() -> None:
    story = watched(channels=[], labels={"team": "shop"}).when(route())
    story.when(sampled("cpu", 95.0, key="a"), sampled("cpu", 96.0, key="b")).then(
        alerts("fired", "fired"), nobody_is_told
    )
    story.when(passes(30)).then(told("chat"))
    story.when(sampled("cpu", 97.0, key="c")).then(alerts("fired"), nobody_is_told)
    story.when(passes(60)).then(told("chat"))


def test_a_message_about_a_group_lists_its_alerts() -> None:
    story = watched(channels=[], labels={"team": "shop"}).when(route(group_wait_s=25))
    story.when(sampled("cpu", 95.0, key="a"), sampled("cpu", 96.0, key="b"), passes(15))
    said = body_of(story)
    assert said["title"] == "busy: 2 firing"
    assert sorted(one["key"] for one in said["alerts"]) == ["a", "b"]
    assert said["time"].endswith("Z") and said["alerts"][0]["time"].endswith("Z")


def test_what_fires_on_is_told_again_until_somebody_acknowledges_it() -> None:
    story = watched(channels=[]).when(route(group_wait_s=0)).when(sampled("cpu", 95.0))
    (fired,) = story.emitted("alerts")
    story.then(alerts("fired"), told("chat"))
    story.when(silent("none", 10), passes(600)).then(told("chat"))
    story.when(command("alert.acknowledged", fired["alert"], by="ada")).then(alerts("acknowledged"))
    story.when(passes(1200)).then(nobody_is_told)


def test_the_deepest_branch_that_matches_is_told_and_has_what_it_does_not_say_from_around_it() -> None:
    inner = [
        {**BRANCH, "match": ['severity="critical"'], "channels": ["pager"], "routes": [], "go_on": True},
        {**BRANCH, "match": ['team="shop"'], "channels": ["shop"], "routes": [], "go_on": False},
        {**BRANCH, "match": [], "channels": ["never"], "routes": [], "go_on": False},
    ]
    story = watched(channels=["chat"], severity="critical", labels={"team": "shop"})
    story.when(route(group_wait_s=0, routes=inner)).when(sampled("cpu", 95.0))
    story.then(told("chat", "pager", "shop"))


def test_what_nobody_acknowledges_is_escalated_once_and_its_end_is_told_there_too() -> None:
    story = watched().when(route(channels=[], escalate_after_s=300, escalate_to=["boss"])).when(sampled("cpu", 95.0))
    story.then(alerts("fired"), told("ops"))
    story.when(passes(200)).then_nothing()
    story.when(passes(101)).then(alerts("escalated"), told("boss"))
    story.when(passes(400)).then_nothing()
    story.when(sampled("cpu", 5.0)).then(alerts("resolved"), told("ops", "boss"))


def test_what_goes_on_and_off_is_said_once_and_told_again_when_it_is_calm() -> None:
    story = watched()
    for _ in range(5):
        story.when(sampled("cpu", 95.0)).then(alerts("fired"), told("ops"))
        story.when(sampled("cpu", 5.0)).then(alerts("resolved"), told("ops"))
    story.when(sampled("cpu", 95.0)).then(alerts("fired", "flapping"), told("ops"))
    story.when(sampled("cpu", 5.0)).then(alerts("resolved"), nobody_is_told)
    story.when(sampled("cpu", 95.0)).then(alerts("fired"), nobody_is_told)
    story.when(passes(1801)).then(told("ops"))
    story.when(sampled("cpu", 5.0)).then(alerts("resolved"), told("ops"))


def test_a_message_says_what_changed_shortly_before_and_has_the_texts_of_the_rule() -> None:
    said = {"hint": "{{ value|round(1) }} on {{ key }}, see {{ labels.team }}"}
    story = watched(labels={"team": "shop"}, annotations=said, runbook="https://wiki.example/busy")
    story.when(defined("metric", "cpu2")).when(sampled("cpu", 95.25, key="{{ 7*7 }}"))
    body = body_of(story)
    assert body["annotations"] == {"hint": "95.2 on {{ 7*7 }}, see shop"}
    assert (body["labels"], body["runbook"]) == ({"team": "shop"}, "https://wiki.example/busy")
    assert body["nearby"] == ["metric cpu2 was defined by ada", "rule busy was defined by ada"]
