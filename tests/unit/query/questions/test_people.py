"""Questions by person: what somebody did before logging in, on another device, or for an account, is theirs."""

from __future__ import annotations

import pytest

from events.catalog import IDENTITIES
from query.engine import Engine
from tests.unit.query.questions.words import Shop, column, steps, values

MARCH = {"since": "2026-03-01", "until": "2026-03-15"}


@pytest.fixture
def known(shop: Shop) -> Shop:
    """Ada came as `phone` and then logged in; Bob used `laptop`; `guest` is nobody."""
    shop.did(("phone", "page", "2026-03-02T10:00"), ("ada", "order", "2026-03-02T10:05"),
             ("laptop", "page", "2026-03-03"), ("bob", "page", "2026-03-09"), ("guest", "page", "2026-03-04"),
             ("", "page", "2026-03-04"))  # fmt: skip
    shop.linked(phone="ada", laptop="bob")
    return shop


def test_people_are_fewer_than_ids(known: Shop) -> None:
    assert known.ask("users", **MARCH)["total"] == 5
    answer = known.ask("users", user="person", **MARCH)
    assert (answer["total"], answer["new"]) == (3, 3)
    assert known.users({}, "users", user="person", **MARCH) == ["ada", "bob", "guest"]


def test_a_funnel_goes_on_after_the_login(known: Shop) -> None:
    funnel = {"steps": ["page", "order"], **MARCH}
    assert steps(known.ask("funnel", **funnel)) == [4, 0]
    assert steps(known.ask("funnel", user="person", **funnel)) == [3, 1]
    assert known.users({"step": 2}, "funnel", user="person", **funnel) == ["ada"]


def test_who_comes_back_on_another_device_came_back(known: Shop) -> None:
    weeks = {"since": "2026-03-02", "until": "2026-03-16", "periods": 1}
    assert column(known.ask("retention", user="person", **weeks)["cohorts"][0]["periods"], "users") == [3, 1]
    assert column(known.ask("retention", **weeks)["cohorts"][0]["periods"], "users") == [4, 0]


def test_a_person_can_be_asked_for_by_name_and_in_a_cohort(known: Shop) -> None:
    where = [{"name": "person", "value": "ada"}]
    assert sum(values(known.ask("trends", where=where, **MARCH)["series"][0])) == 2
    known.cohorts = {"buyers": {"name": "buyers", "criteria": [{"event": "order"}]}}
    assert known.ask("users", user="person", cohort="buyers", **MARCH)["total"] == 1
    assert sum(values(known.ask("trends", user="person", cohort="buyers", **MARCH)["series"][0])) == 2
    assert known.refusal("trends", where=[{"name": "person", "value": 3}], **MARCH)[0] == "where.0.name"


def test_links_that_are_taken_back_count_no_more_and_an_earlier_cut_shows_what_held(known: Shop) -> None:
    before = known.ask("users", user="person", **MARCH)
    known.linked(phone="phone")
    assert known.ask("users", user="person", **MARCH)["total"] == 4
    assert known.drill({}, "users", user="person", **MARCH)["users_total"] == 4
    assert set(before["cut"]) == {"user_interactions", "identities"}


def test_accounts_are_of_the_person(known: Shop) -> None:
    said = {"type": "account.joined", "subject": ["ada", "guest"], "account": ["acme", "other"], "time": [5, 5]}
    known.told(IDENTITIES, 2, "shop/identities/0", **said)
    assert known.users({}, "users", user="account", **MARCH) == ["acme", "other"]
    answer = known.ask("trends", breakdown="account", **MARCH)
    assert [(line["breakdown"], line["total"]) for line in answer["series"]] == [(None, 3), ("acme", 2), ("other", 1)]
    found = Engine(known.log).run("SELECT id, person, account FROM people ORDER BY id", tenant="shop").rows()
    assert found == [
        ["ada", "ada", "acme"],
        ["guest", "guest", "other"],
        ["laptop", "bob", None],
        ["phone", "ada", "acme"],
    ]


def test_sql_has_people_beside_the_events(known: Shop) -> None:
    sql = "SELECT person, count(*) FROM user_interactions_by_person GROUP BY 1 ORDER BY 1 NULLS LAST"
    assert Engine(known.log).run(sql, tenant="shop").rows() == [["ada", 2], ["bob", 2], ["guest", 1], [None, 1]]
