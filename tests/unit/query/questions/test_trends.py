"""Trends: counts, users and amounts by interval, in the wall time of a zone."""

from __future__ import annotations

import pytest

from events.errors import Rejected
from tests.unit.query.questions.words import Shop, column, us, values

WEEK = {"since": "2026-03-23", "until": "2026-03-30"}


def test_a_day_begins_in_the_wall_time_of_its_zone(shop: Shop) -> None:
    shop.did(("ada", "page", "2026-03-24T22:59:59Z"), ("ada", "page", "2026-03-24T23:00:00Z"))
    berlin = shop.ask("trends", zone="Europe/Berlin", **WEEK)["series"][0]
    assert values(berlin) == [0, 1, 1, 0, 0, 0, 0]
    assert berlin["points"][2]["bucket"] == "2026-03-25T00:00:00+01:00"
    assert values(shop.ask("trends", **WEEK)["series"][0]) == [0, 2, 0, 0, 0, 0, 0]
    kolkata = shop.ask("trends", zone="Asia/Kolkata", **WEEK)["series"][0]
    assert values(kolkata) == [0, 0, 2, 0, 0, 0, 0]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)])
def test_a_day_has_as_many_hours_as_its_clock_shows(shop: Shop, day: str, hours: int) -> None:
    shop.now = us("2027-01-01") / 1e6
    first = us(f"{day}T00:00:00+0{2 if day != '2026-03-29' else 1}:00")
    shop.did(*(("ada", "page", first + hour * 3_600_000_000 + 1) for hour in range(hours)))
    span = {"since": day, "until": f"{day[:8]}{int(day[8:]) + 1:02}", "zone": "Europe/Berlin"}
    by_hour = shop.ask("trends", interval="hour", **span)["series"][0]
    assert values(by_hour) == [1] * hours
    assert len(set(column(by_hour["points"], "bucket"))) == hours
    assert values(shop.ask("trends", **span)["series"][0]) == [hours]


def test_half_hour_zones_have_hours_of_their_own(shop: Shop) -> None:
    shop.did(("ada", "page", "2026-03-24T00:29:59Z"), ("ada", "page", "2026-03-24T00:30:00Z"))
    span = {"since": "2026-03-24T05:00", "until": "2026-03-24T07:00", "zone": "Asia/Kolkata", "interval": "hour"}
    assert values(shop.ask("trends", **span)["series"][0]) == [1, 1]


def test_weeks_begin_on_monday_and_months_on_the_first(shop: Shop) -> None:
    shop.did(("ada", "page", "2026-03-29T12:00"), ("ada", "page", "2026-03-30T12:00"), ("ada", "page", "2026-04-01"))
    span = {"since": "2026-03-02", "until": "2026-04-06"}
    assert values(shop.ask("trends", interval="week", **span)["series"][0]) == [0, 0, 0, 1, 2]
    months = shop.ask("trends", interval="month", **span)["series"][0]
    assert values(months) == [2, 1]
    assert column(months["points"], "complete") == [False, False]


def test_distinct_users_of_a_span_are_not_the_sum_of_its_days(shop: Shop) -> None:
    shop.did(("ada", "page", "2026-03-23"), ("ada", "page", "2026-03-24"), ("bob", "page", "2026-03-24"),
             (None, "page", "2026-03-24"), ("", "page", "2026-03-24"))  # fmt: skip
    line = shop.ask("trends", series=[{"measure": "users"}], **WEEK)["series"][0]
    assert (values(line)[:2], line["total"]) == ([1, 2], 2)
    assert shop.users({"bucket": "2026-03-24"}, "trends", series=[{"measure": "users"}], **WEEK) == ["ada", "bob"]


def test_amounts_add_up_exactly_and_only_in_one_currency(shop: Shop) -> None:
    big = 2**53
    shop.columns(3, type="order", time=us("2026-03-24"), subject=["a", "b", "c"], amount=[big, 1, 2], currency="EUR")
    revenue = [{"event": "order", "measure": "sum", "of": "amount"}, {"measure": "mean", "of": "amount"}]
    money, mean = shop.ask("trends", series=revenue, **WEEK)["series"]
    assert (money["total"], money["currency"]) == (big + 3, "EUR")
    assert mean["total"] == pytest.approx((big + 3) / 3)
    assert values(money)[0] is None
    shop.columns(1, type="order", time=us("2026-03-24"), subject="a", amount=5, currency="USD")
    field, reason = shop.refusal("trends", series=revenue, **WEEK)
    assert field == "series.0.of"
    assert "several currencies (EUR, USD)" in reason
    only = [{"name": "currency", "value": "USD"}]
    assert shop.ask("trends", series=revenue, where=only, **WEEK)["series"][0]["total"] == 5
    by = shop.ask("trends", series=revenue[:1], breakdown="currency", **WEEK)["series"]
    assert {line["breakdown"]: line["total"] for line in by} == {"EUR": big + 3, "USD": 5}


def test_a_breakdown_has_the_most_frequent_values_and_the_rest_together(shop: Shop) -> None:
    for plan, n in (("pro", 5), ("free", 3), (None, 2), ("team", 1), ("solo", 1)):
        shop.did(*((f"{plan}{i}", "page", "2026-03-24", {} if plan is None else {"plan": plan}) for i in range(n)))
    asked = {"breakdown": "plan", "top": 3, "series": [{"measure": "users"}], **WEEK}
    lines = shop.ask("trends", **asked)["series"]
    assert [(line["breakdown"], line["other"], line["total"]) for line in lines] == [
        ("pro", False, 5), ("free", False, 3), (None, False, 2), (None, True, 2)]  # fmt: skip
    assert shop.users({"breakdown": None}, "trends", **asked) == ["None0", "None1"]
    assert shop.users({"other": True}, "trends", **asked) == ["solo0", "team0"]
    assert shop.drill({"breakdown": "pro", "bucket": "2026-03-24"}, "trends", **asked)["events_total"] == 5


def test_a_span_is_compared_with_the_one_of_its_length_before(shop: Shop) -> None:
    shop.did(
        ("a", "page", "2026-03-16"),
        ("a", "page", "2026-03-20"),
        ("a", "page", "2026-03-23"),
        ("b", "page", "2026-03-15"),
    )
    line = shop.ask("trends", compare="prior", zone="Europe/Berlin", **WEEK)["series"][0]
    assert (line["total"], line["prior"]["total"], line["change"]) == (1, 2, -0.5)
    assert values(line["prior"]) == [1, 0, 0, 0, 1, 0, 0]
    # The week before the clocks change has one hour more, and as many days.
    assert line["prior"]["since"] == "2026-03-16T00:00:00+01:00"
    assert shop.drill({"period": "prior"}, "trends", compare="prior", **WEEK)["events_total"] == 2


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"name": "n", "value": 5}, ["five"]),
        ({"name": "n", "op": ">", "value": 4.5}, ["five", "six"]),
        ({"name": "n", "op": "!=", "value": 5}, ["list", "none", "six"]),
        ({"name": "ok", "value": True}, ["five"]),
        ({"name": "cart.total", "op": ">=", "value": 10}, ["six"]),
        ({"name": "a.b", "value": "flat"}, ["none"]),
        ({"name": "tag", "op": "in", "value": ["x", "y"]}, ["five", "six"]),
        ({"name": "tag", "op": "not in", "value": ["x"]}, ["list", "none", "six"]),
        ({"name": "tag", "op": "contains", "value": "it's"}, ["none"]),
        ({"name": "tag", "op": "missing"}, ["list"]),
        ({"name": "subject", "op": "contains", "value": "i"}, ["five", "list", "six"]),
        ({"name": "list.0", "value": 7}, ["list"]),
    ],
)  # fmt: skip
def test_conditions_on_columns_and_properties(shop: Shop, where: dict[str, object], found: list[str]) -> None:
    shop.did(
        ("five", "page", "2026-03-24", {"n": 5, "ok": True, "tag": "x"}),
        ("six", "page", "2026-03-24", {"n": "6", "ok": "yes", "tag": "y", "cart": {"total": 10}}),
        ("none", "page", "2026-03-24", {"a.b": "flat", "tag": "it's'; --"}),
        ("list", "page", "2026-03-24", {"list": [7]}),
    )
    assert shop.users({}, "trends", where=[where], **WEEK) == found


def test_a_text_that_is_no_json_has_no_properties(shop: Shop) -> None:
    shop.columns(
        3, subject=["a", "b", "c"], type="page", time=us("2026-03-24"), properties=["torn {", "[1]", '{"n": 1}']
    )
    assert shop.users({}, "trends", where=[{"name": "n", "op": "exists"}], **WEEK) == ["c"]
    assert shop.refusal("trends", breakdown="m", **WEEK)[1].endswith("properties there are n")


def test_a_drill_shows_the_rows_of_the_answer_whatever_came_since(shop: Shop) -> None:
    shop.did(("ada", "page", "2026-03-24"))
    from query.questions.asking import Questions

    questions = Questions(shop.log, "shop")
    asked = {"ask": "trends", **WEEK}
    answer = questions.ask(asked, shop.now)
    shop.did(("bob", "page", "2026-03-24"))
    assert questions.drill(asked, {}, answer["asked_at"], cut=answer["cut"])["users_total"] == 1
    assert questions.drill(asked, {}, shop.now)["users_total"] == 2


def test_an_event_that_never_came_is_warned_of(shop: Shop) -> None:
    shop.did(("ada", "order.placed", "2026-03-24"))
    answer = shop.ask("trends", series=["order.plced"], **WEEK)
    assert answer["series"][0]["total"] == 0
    assert answer["warnings"] == [
        "no event of type 'order.plced' has come to user_interactions (did you mean 'order.placed'?)"
    ]
    assert shop.ask("trends", series=["order.placed"], **WEEK)["warnings"] == []


def test_what_is_asked_wrongly_is_refused_with_the_field_and_a_remedy(shop: Shop) -> None:
    shop.did(("ada", "page", "2026-03-24", {"plan": "pro", "city": "Rome"}))
    refusals: list[tuple[str, str, dict[str, object]]] = [
        ("ask", "'trends'", {"ask": "trend"}),
        ("seris", "'series'", {"seris": []}),
        ("stream", "'user_interactions'", {"stream": "user_interaction"}),
        ("series.0.of", "amount", {"series": [{"measure": "sum"}]}),
        ("zone", "'Europe/Berlin'", {"zone": "Europe/Berlim"}),
        ("until", "later than since", {"since": "2026-02-01", "until": "2026-01-01"}),
        ("interval", "'day'", {"interval": "dya"}),
        ("where.0.value", "takes a list", {"where": [{"name": "plan", "op": "in", "value": "pro"}]}),
        ("name", "'plan'", {"breakdown": "pln", "since": "2026-03-01"}),
        ("cohort", "none yet", {"cohort": "buyers"}),
    ]
    for field, hint, question in refusals:
        found, reason = shop.refusal(**{"ask": "trends", **question})  # type: ignore[arg-type]
        assert found == field, (field, reason)
        assert hint in reason
    with pytest.raises(Rejected, match="is no day of this answer") as caught:
        shop.drill({"bucket": "2026-04-24"}, "trends", **WEEK)
    assert caught.value.field == "cell.bucket"
    assert shop.refusal("trends", series=[{"measure": "sum", "of": "type"}])[0] == "series.0.of"
