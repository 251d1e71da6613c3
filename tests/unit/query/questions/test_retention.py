"""Retention: who came back, by day, week and month."""

from __future__ import annotations

import pytest

from tests.unit.query.questions.words import Shop, column, us

WEEKS = {"since": "2026-03-02", "until": "2026-03-30", "periods": 3}


def users(answer: dict[str, object], cohort: int) -> list[int | None]:
    return column(answer["cohorts"][cohort]["periods"], "users")  # type: ignore[index]


def test_a_cohort_is_the_first_time_and_period_0_is_the_cohort(shop: Shop) -> None:
    shop.did(("ada", "page", "2026-03-03"), ("ada", "page", "2026-03-04"), ("ada", "page", "2026-03-17"),
             ("bob", "page", "2026-03-08T23:59:59"), ("bob", "page", "2026-03-09"),
             ("old", "page", "2025-12-01"), ("old", "page", "2026-03-10"))  # fmt: skip
    answer = shop.ask("retention", **WEEKS)
    assert column(answer["cohorts"], "users") == [2, 0, 0, 0]
    assert users(answer, 0) == [2, 1, 1, 0]
    assert shop.users({"cohort": "2026-03-02", "period": 1}, "retention", **WEEKS) == ["bob"]
    assert answer["average"][1] == {"period": 1, "users": 1, "of": 2, "rate": 0.5}


def test_recurring_takes_every_interval_with_the_event(shop: Shop) -> None:
    shop.did(("ada", "page", "2026-03-03"), ("ada", "page", "2026-03-10"), ("old", "page", "2025-12-01"),
             ("old", "page", "2026-03-10"))  # fmt: skip
    answer = shop.ask("retention", mode="recurring", **WEEKS)
    assert [users(answer, i) for i in range(2)] == [[1, 1, 0, 0], [2, 0, 0, 0]]
    assert shop.users({"cohort": "2026-03-09"}, "retention", mode="recurring", **WEEKS) == ["ada", "old"]


def test_beginning_and_coming_back_may_be_different_events(shop: Shop) -> None:
    shop.did(("ada", "sign", "2026-03-03"), ("ada", "page", "2026-03-10"), ("bob", "page", "2026-03-03"),
             ("cleo", "sign", "2026-03-03"), ("cleo", "sign", "2026-03-10"))  # fmt: skip
    asked = {"begin": "sign", "come_back": "page", **WEEKS}
    assert users(shop.ask("retention", **asked), 0) == [2, 1, 0, 0]


def test_what_has_not_begun_is_unknown_and_what_is_not_over_is_said(shop: Shop) -> None:
    shop.now = us("2026-03-18T12:00") / 1e6
    shop.did(("ada", "page", "2026-03-03"), ("ada", "page", "2026-03-17"))
    answer = shop.ask("retention", since="2026-03-02", periods=3)
    assert users(answer, 0) == [1, 0, 1, None]
    assert column(answer["cohorts"][0]["periods"], "complete") == [True, True, False, False]
    assert [point["of"] for point in answer["average"]] == [1, 1]


@pytest.mark.parametrize(("zone", "expected"), [("UTC", [1, 0, 0, 0]), ("America/New_York", [1, 1, 0, 0])])
def test_days_follow_the_zone(shop: Shop, zone: str, expected: list[int]) -> None:
    shop.did(("ada", "page", "2026-03-08T04:30Z"), ("ada", "page", "2026-03-08T05:30Z"))
    answer = shop.ask("retention", interval="day", zone=zone, since="2026-03-07T12:00", until="2026-03-09", periods=3)
    found = [users(answer, i) for i in range(len(answer["cohorts"]))]
    assert [row for row in found if row[0]] == [expected]


def test_months_are_those_of_the_calendar(shop: Shop) -> None:
    shop.now = us("2027-01-01") / 1e6
    shop.did(("ada", "page", "2026-01-31"), ("ada", "page", "2026-02-28"), ("ada", "page", "2026-04-01"))
    answer = shop.ask("retention", interval="month", since="2026-01-15", until="2026-02-01", periods=3)
    assert answer["cohorts"][0]["cohort"].startswith("2026-01-01")
    assert users(answer, 0) == [1, 1, 0, 1]
