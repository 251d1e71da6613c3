"""An event touches only the rules that are about it, however many others there are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.alerts import samples
from actors.alerts.evaluator import AlertEvaluator
from hindcast.testing.story import given

MANY = 10_000
SECOND = 1_000_000


def test_a_sample_is_judged_by_the_rules_about_its_metric_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"r{i}" for i in range(MANY)]
    rules = [{"name": n, "condition": f"m{i}.count > 1", "threshold": 1, "channels": []} for i, n in enumerate(names)]
    data = [json.dumps({"spec": rule, "owner": "api", "by": "ada"}) for rule in rules]
    story = given(AlertEvaluator()).rows("control", type="rule.defined", subject=names, data=data, time=0)
    asked: list[str] = []
    judge = vars(samples)["_judge"]

    def counted(rule: Any, *rest: Any) -> None:
        asked.append(rule.name)
        judge(rule, *rest)

    monkeypatch.setattr(samples, "_judge", counted)
    window: dict[str, Any] = {
        "key": "",
        "start": 0,
        "time": 10 * SECOND,
        "width_us": 10 * SECOND,
        "count": 5,
        "revision": 0,
    }
    story.rows("metrics", type="metric.sampled", metric="m7", source="m7", **window)
    assert set(asked) == {"r7"}
    story.then("alerts", type=["alert.fired"], rule="r7")


def test_a_rule_that_is_defined_again_unchanged_goes_on_and_one_removed_is_resolved() -> None:
    rule = {"name": "r", "condition": "m.count > 1", "threshold": 1, "channels": []}
    data = json.dumps({"spec": rule, "owner": "file:a.yaml"})
    window: dict[str, Any] = {
        "key": "",
        "start": 0,
        "time": 10 * SECOND,
        "width_us": 10 * SECOND,
        "count": 5,
        "revision": 0,
    }
    story = given(AlertEvaluator()).rows("control", type="rule.created", subject="r", data=json.dumps(rule), time=0)
    story.rows("metrics", type="metric.sampled", metric="m", source="m", **window)
    story.then("alerts", type=["alert.fired"])
    story.rows("control", type="rule.defined", subject="r", data=data, time=11 * SECOND).then_nothing()
    story.rows("control", type="rule.removed", subject="r", data='{"owner": "file:a.yaml"}', time=12 * SECOND)
    story.then("alerts", type=["alert.resolved"])
