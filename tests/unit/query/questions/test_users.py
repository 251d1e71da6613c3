"""Distinct users by interval, and cohorts as filters."""

from __future__ import annotations

import random
from typing import Any

import pytest

from events.catalog import SYSTEM_METRICS
from tests.unit.query.questions.words import DAY, Shop, column, us

DAYS = {"since": "2026-03-20", "until": "2026-04-02"}


def test_active_new_and_trailing_users(shop: Shop) -> None:
    shop.did(("ada", "page", "2026-03-10"), ("ada", "page", "2026-03-20"), ("bob", "page", "2026-03-21"),
             ("bob", "page", "2026-03-21T10:00"), ("bob", "page", "2026-03-28"))  # fmt: skip
    answer = shop.ask("users", trailing=[7, 30], **DAYS)
    assert column(answer["points"], "users")[:2] == [1, 1]
    assert (answer["total"], answer["new"]) == (2, 1)
    assert column(answer["points"], "new")[:3] == [0, 1, 0]
    assert [p["trailing"]["7"] for p in answer["points"]] == [1, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1]
    assert shop.users({"bucket": "2026-03-26", "trailing": 7}, "users", **DAYS) == ["ada", "bob"]
    assert shop.users({"bucket": "2026-03-27", "trailing": 7}, "users", **DAYS) == ["bob"]
    assert shop.users({"new": True}, "users", **DAYS) == ["bob"]


def test_trailing_days_are_counted_as_a_plain_count_does_in_a_zone_whose_clocks_change(shop: Shop) -> None:
    chance = random.Random(7)
    start, end = us("2026-03-19T23:00"), us("2026-04-01T22:00")
    told = [(f"u{chance.randint(0, 30)}", "page", chance.randint(start - 9 * DAY, end + DAY)) for _ in range(150)]
    told += [("edge", "page", start), ("past the edge", "page", start - 1)]
    shop.did(*told)
    answer = shop.ask("users", trailing=[1, 3], zone="Europe/Berlin", **DAYS)
    midnights = [us(f"2026-03-{d}T00:00+01:00") for d in range(20, 30)]
    midnights += [us(f"2026-03-{d}T00:00+02:00") for d in (30, 31)] + [us(f"2026-04-0{d}T00:00+02:00") for d in (1, 2)]
    for i, point in enumerate(answer["points"]):
        day = {user for user, _, t in told if midnights[i] <= t < midnights[i + 1]}
        assert point["users"] == point["trailing"]["1"] == len(day)
        if i >= 2:
            assert point["trailing"]["3"] == len({u for u, _, t in told if midnights[i - 2] <= t < midnights[i + 1]})


@pytest.fixture
def peopled(shop: Shop) -> Shop:
    shop.did(
        ("one", "buy", "2026-03-21", {"plan": "pro"}),
        ("two", "buy", "2026-03-21"), ("two", "buy", "2026-05-31T12:00"),
        ("three", "buy", "2026-03-21"), ("three", "refund", "2026-03-22"),
        ("none", "page", "2026-03-21"),
    )  # fmt: skip
    return shop


@pytest.mark.parametrize(
    ("criteria", "match", "members"),
    [
        ([{"event": "buy"}], "all", ["one", "three", "two"]),
        ([{"event": "buy", "at_least": 2}], "all", ["two"]),
        ([{"event": "buy", "at_most": 1}], "all", ["one", "three"]),
        ([{"event": "buy", "within": "7d"}], "all", ["two"]),
        ([{"event": "buy"}, {"event": "refund", "did": False}], "all", ["one", "two"]),
        ([{"event": "buy", "did": False}], "all", ["none"]),
        ([{"event": "refund"}, {"event": "page"}], "any", ["none", "three"]),
        ([{"event": "buy", "where": [{"name": "plan", "value": "pro"}]}], "all", ["one"]),
    ],
)  # fmt: skip
def test_who_is_in_a_cohort(peopled: Shop, criteria: list[Any], match: str, members: list[str]) -> None:
    definition = {"name": "them", "criteria": criteria, "match": match}
    assert peopled.ask("cohort", definition=definition)["users"] == len(members)
    assert peopled.users({}, "cohort", definition=definition) == members
    peopled.cohorts["them"] = definition
    assert peopled.users({}, "trends", cohort="them", **DAYS) == members
    others = sorted({"one", "two", "three", "none"} - set(members))
    assert peopled.users({}, "trends", not_cohort="them", **DAYS) == others
    assert peopled.ask("funnel", steps=["buy", "refund"], cohort="them", **DAYS)["groups"][0]["users"] == len(
        set(members) - {"none"}
    )


def test_a_cohort_of_another_stream(shop: Shop) -> None:
    from tests.unit.query.test_engine import Filled  # a machine that fell silent, by its gauges

    filled = Filled.__new__(Filled)
    filled.log, filled._at = shop.log, {}
    filled.put("shop/machine/0", SYSTEM_METRICS, 2, subject=["m1", "m2"], type=["cpu", "disk"], time=us("2026-03-21"))
    shop.did(("m1", "page", "2026-03-21"), ("m2", "page", "2026-03-21"))
    shop.cohorts["with cpu"] = {"name": "with cpu", "stream": "system_metrics", "criteria": [{"event": "cpu"}]}
    assert shop.users({}, "trends", cohort="with cpu", **DAYS) == ["m1"]
    behind = shop.drill({}, "cohort", show="events", cohort="with cpu")
    assert [event["type"] for event in behind["events"]] == ["cpu"]


def test_a_cohort_that_is_not_there_or_cannot_be(peopled: Shop) -> None:
    peopled.cohorts["buyers"] = {"name": "buyers", "criteria": [{"event": "buy"}]}
    field, reason = peopled.refusal("trends", cohort="buyer")
    assert (field, "did you mean 'buyers'?" in reason) == ("cohort", True)
    assert peopled.refusal("cohort")[0] == "cohort"
    assert peopled.refusal("cohort", cohort="buyers", since="1d")[0] == "since"
    nobody = {"name": "x", "criteria": [{"event": "buy", "at_least": 0}]}
    assert peopled.refusal("cohort", definition=nobody)[0] == "definition.criteria.0.at_least"
