"""Tracking plans: what is not in one is refused and kept, or taken with a warning; what a new version breaks is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actors.definitions.checking import Wanted, accept
from actors.definitions.inventory import Inventory
from query.engine import Engine
from query.learning import learned
from serve.ingest import AHEAD_US, decode_cloudevents, decode_segment, mending
from serve.ingest.verdicts import Decoded
from serve.planning import planned
from tests.unit.serve.test_dead_letters import Shop

NOW = 1_780_000_000_000_000
ORDER = {"properties": {"total": {"type": "number", "required": True}, "plan": {"values": ["pro", "team"]}}}


def plan(mode: str = "block", **spec: Any) -> dict[str, Any]:
    (one,) = accept([Wanted("plan", "web", {"mode": mode, "events": {"order": ORDER}, **spec})], Inventory({}))
    return one.spec


def sent(*events: dict[str, Any]) -> Decoded:
    return decode_cloudevents(json.dumps(events).encode(), "application/json", {}, NOW, "web")


def test_what_is_not_in_the_plan_is_refused_with_all_its_faults_and_the_rest_is_taken() -> None:
    found = planned(
        sent(
            {"type": "order", "data": {"total": 3, "plan": "pro", "more": True}},
            {"type": "order", "subject": "ada", "data": {"total": "3", "plan": "gold"}},
            {"type": "ordr"},
            {"subject": "nobody"},
        ),
        [plan()],
    )
    assert found.batch.num_rows == 1
    assert [(one.index, one.field) for one in found.refused] == [(1, "total"), (2, "type"), (3, "type")]
    assert found.refused[0].reasons == "must be a number, got '3'; plan must be one of pro, team; got 'gold'"
    assert found.refused[1].reason == "'ordr' is not in the tracking plan 'web'"
    again = json.loads(found.refused[0].payload)
    assert (again["type"], again["subject"], again["data"]) == ("order", "ada", {"total": "3", "plan": "gold"})


def test_a_refused_event_can_be_mended_and_means_the_same() -> None:
    body = {"type": "track", "event": "order", "userId": "ada", "anonymousId": "x", "messageId": "m",
            "timestamp": "2026-03-01T10:00:00Z", "properties": {"total": "3"}, "context": {"a": 1}}  # fmt: skip
    before = decode_segment("track", json.dumps(body).encode(), NOW, "web")
    (refused,) = planned(before, [plan()]).refused
    event = mending.mended(refused.payload, {"properties.total": "to_number(properties.total)"})
    after = planned(mending.decoded(event, "dead:1", NOW, NOW, "web", AHEAD_US), [plan()])
    assert after.refused == []
    was, now = before.batch.to_pylist()[0], after.batch.to_pylist()[0]
    assert json.loads(now["properties"]) == {"total": 3}
    same = ("id", "source", "type", "subject", "anonymous_id", "time", "context")
    assert [was[name] for name in same] == [now[name] for name in same]


def test_a_flag_is_a_warning_and_learning_takes_everything() -> None:
    events = sent({"type": "ordr"}, {"type": "order", "data": {"total": 1}})
    found = planned(events, [plan("flag")])
    assert (found.batch.num_rows, found.refused) == (2, [])
    assert [(one.index, one.field) for one in found.warned] == [(0, "type")]
    assert planned(events, [plan("learn")]) is events
    assert planned(events, [plan(others="allow")]) is events


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"events": {}}, ["breaks: 'order' is not in the plan any more"]),
        ({"events": {"order": {**ORDER, "others": "refuse"}}}, ["breaks: 'order': further properties were allowed"]),
        (
            {"events": {"order": {"properties": {"total": {"type": "whole"}, "plan": {"required": True}}}}},
            [
                "breaks: 'order': 'total' must be a whole number, and was a number",
                "breaks: 'order': 'plan' is required now",
            ],
        ),
        (
            {"events": {"order": {"properties": {**ORDER["properties"], "plan": {"values": ["pro"]}}}}},
            ["breaks: 'order': 'plan' allows fewer values"],
        ),
        ({"events": {"order": ORDER, "new": {}}}, []),
        ({"mode": "flag", "events": {"order": {}}}, []),
    ],
)
def test_what_a_new_version_breaks_is_named_before_it_holds(change: dict[str, Any], said: list[str]) -> None:
    held = accept([Wanted("plan", "web", {"mode": "block", "events": {"order": ORDER}})], Inventory({}))
    among = Inventory({one.key: one.spec for one in held})
    (one,) = accept([Wanted("plan", "web", {"mode": "block", **change})], among)
    assert list(one.warnings) == said


def test_a_plan_that_was_learned_is_against_nothing_that_came_and_an_existing_one_is_widened(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "log")
    shop.sent(*({"type": "order", "id": str(i), "data": {"total": i, "a/b": "x", "n": i / 2}} for i in range(20)))
    shop.sent({"type": "page", "data": {"path": "/", "tags": [], "on": True, "more": {}}}, {"type": "page"})
    with Engine(shop.log).open(tenant="shop") as session:
        found = learned(session, "web", 0)
        wider = learned(session, "web", 0, plan("flag"))
    order = found["events"]["order"]["properties"]
    assert order == {
        "total": {"type": "whole", "required": True, "values": None},
        "a/b": {"type": "text", "required": True, "values": None},
        "n": {"type": "number", "required": True, "values": None},
    }
    page = found["events"]["page"]["properties"]
    assert {name: rule["type"] for name, rule in page.items()} == {
        "path": "text", "tags": "list", "on": "truth", "more": "object"
    }  # fmt: skip
    assert not any(rule["required"] for rule in page.values())
    assert (wider["mode"], set(wider["events"])) == ("flag", {"order", "page"})
    assert wider["events"]["order"]["properties"]["total"] == {"type": "number", "required": True, "values": None}
    for spec in (found, wider):
        (kept,) = accept([Wanted("plan", None, spec)], Inventory({}))
        assert planned(sent({"type": "page"}), [{**kept.spec, "mode": "block"}]).refused == []
