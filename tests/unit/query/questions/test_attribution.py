"""Attribution: which sessions led to conversions: the first one, the last one, or each of them a part."""

from __future__ import annotations

import pytest

from query.engine import Engine
from tests.unit.query.questions.words import Shop, us

MARCH = {"conversion": "order", "since": "2026-03-01", "until": "2026-04-01"}


def shares(shop: Shop, **question: object) -> dict[str | None, float]:
    answer = shop.ask("attribution", **{**MARCH, **question})
    found = {group["group"]: round(group["conversions"], 6) for group in answer["groups"]}
    lost = answer["unattributed"]["conversions"]
    assert sum(found.values()) + lost == pytest.approx(answer["conversions"])
    return {**found, "nobody": lost} if lost else found


@pytest.fixture
def visited(shop: Shop) -> Shop:
    """Ada found the shop by search, then came by an e-mail, and directly when she ordered. Bob came directly only."""
    shop.visited("ada", "2026-03-02T10:00", "1", "organic_search", origin="google.com")
    shop.visited("ada", "2026-03-05T10:00", "2", "email", campaign="Spring")
    shop.visited("ada", "2026-03-06T10:00", "3")
    shop.visited("bob", "2026-03-06T10:00", "4")
    shop.did(
        ("ada", "order", "2026-03-06T10:10"), ("bob", "order", "2026-03-06T10:10"), ("cleo", "order", "2026-03-07")
    )
    return shop


def test_the_three_models(visited: Shop) -> None:
    assert shares(visited) == {"email": 1, "direct": 1, "nobody": 1}
    assert shares(visited, model="first") == {"organic_search": 1, "direct": 1, "nobody": 1}
    assert shares(visited, model="linear") == {"email": 0.5, "organic_search": 0.5, "direct": 1, "nobody": 1}
    even = shares(visited, model="linear", direct="counts")
    assert even == {"direct": pytest.approx(4 / 3), "email": 0.333333, "organic_search": 0.333333, "nobody": 1}
    assert shares(visited, direct="counts") == {"direct": 2, "nobody": 1}


def test_by_campaign_and_within_the_window(visited: Shop) -> None:
    assert shares(visited, by="campaign") == {"Spring": 1, None: 1, "nobody": 1}
    assert shares(visited, model="first", window="2d") == {"email": 1, "direct": 1, "nobody": 1}
    assert shares(visited, sessions="others") == {"nobody": 3}


def test_the_conversions_behind_a_share(visited: Shop) -> None:
    asked = {**MARCH, "model": "linear"}
    assert visited.users({"group": "organic_search"}, "attribution", **asked) == ["ada"]
    assert visited.users({"unattributed": True}, "attribution", **asked) == ["cleo"]
    assert visited.drill({}, "attribution", show="events", **asked)["events_total"] == 3


def test_a_session_that_was_told_again_counts_once_and_one_that_was_withdrawn_does_not(visited: Shop) -> None:
    visited.visited("ada", "2026-03-05T10:00", "2", "email", type="session.withdrawn", revision=1)
    visited.visited("ada", "2026-03-02T10:00", "1", "paid_search", type="session.revised", revision=1)
    assert shares(visited, model="linear") == {"paid_search": 1, "direct": 1, "nobody": 1}
    sql = "SELECT count(*), sum(revision) FROM sessions_latest"
    assert Engine(visited.log).run(sql, tenant="shop").rows() == [[3, 1]]
    sessions = visited.ask("trends", stream="sessions", breakdown="channel", since="2026-03-01", until="2026-04-01")
    assert sum(line["total"] for line in sessions["series"]) == 3


def test_sessions_before_the_login_count_by_person(visited: Shop) -> None:
    visited.visited("phone", "2026-03-06T12:00", "5", "referral")
    visited.linked(phone="cleo")
    assert shares(visited, user="person") == {"email": 1, "direct": 1, "referral": 1}


def test_value_is_shared_out_and_currencies_are_not_added(visited: Shop) -> None:
    orders = {"type": "order", "subject": "ada", "time": us("2026-03-06T10:20")}
    visited.columns(2, amount=[300, 100], currency="THB", **orders)
    asked = {**MARCH, "model": "linear", "of": "amount", "where": [{"name": "amount", "op": "exists"}]}
    answer = visited.ask("attribution", **asked)
    assert (answer["currency"], answer["value"]) == ("THB", 400)
    assert {group["group"]: group["value"] for group in answer["groups"]} == {"email": 200, "organic_search": 200}
    visited.columns(1, amount=[5], currency="PHP", **orders)
    field, reason = visited.refusal("attribution", **asked)
    assert (field, "PHP, THB" in reason) == ("of", True)
