"""Business figures: exact, mergeable, and silent where there is nothing to say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.kpis import (
    DEFINITIONS,
    Average,
    Counts,
    Money,
    Period,
    Rate,
    definition,
    engagement_score,
    figures,
    growth_rate,
    lifetime_value,
    recommendations,
    totals,
)
from tests.examples import up_to


def test_currencies_never_mix() -> None:
    for mixed in (lambda: Money(1, "EUR") + Money(1, "USD"), lambda: growth_rate(Money(1, "EUR"), Money(1, "USD"))):
        with pytest.raises(ValueError, match="do not mix"):
            mixed()
    with pytest.raises(ValueError, match="64 bits"):
        Money(2**62, "EUR") + Money(2**62, "EUR")


def test_a_rate_knows_its_cases_and_how_sure_it_is() -> None:
    assert Rate(0, 0).value is None and Rate(0, 0).interval() is None
    low, high = Rate(5, 100).interval() or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.0215, 0.1118)
    assert (Rate(0, 10).interval() or (1, 0))[0] == 0.0 and (Rate(10, 10).interval() or (1, 0))[1] == 1.0
    with pytest.raises(ValueError, match="3 of 2"):
        Rate(3, 2)


def test_nothing_grows_from_nothing() -> None:
    assert growth_rate(5, 0) is None and growth_rate(0, 0) is None and growth_rate(5, -5) is None
    assert growth_rate(1e308, 1e-308) is None and growth_rate(float("nan"), 1) is None
    assert growth_rate(Money(105, "EUR"), Money(100, "EUR")) == 0.05


def test_advice_fires_below_its_bounds_and_not_at_them() -> None:
    assert recommendations(0.05, 0.7) == () and recommendations(None, None) == ()
    both = recommendations(0.049, 0.69)
    assert [advice.priority for advice in both] == ["High", "Medium"]
    assert {advice.impact_basis for advice in both} == {"static"}


def test_a_lifetime_has_an_interval_and_no_end_without_churn() -> None:
    margin = Average(Money(10_000, "EUR"), 100)
    value = lifetime_value(margin, Rate(10, 100))
    assert value.value == Money(1000, "EUR") and value.lower and value.upper
    assert value.lower.minor < 1000 < value.upper.minor
    endless = lifetime_value(margin, Rate(0, 100))
    assert endless.value is None and endless.upper is None and endless.lower is not None
    assert lifetime_value(margin, Rate(0, 0)).lower is None


def test_costs_and_revenue_per_head_are_none_without_heads() -> None:
    alone = figures(Counts(spend={"EUR": 100}, revenue={"EUR": 250}, active_users=4))
    assert alone.acquisition_cost["EUR"].value is None
    assert alone.revenue_per_user["EUR"].value == Money(62, "EUR")


def test_engagement_is_a_mix_within_bounds_or_unknown() -> None:
    assert engagement_score({"frequency": 1.0, "breadth": 1.0, "return": 1.0}) == 1.0
    assert engagement_score({"frequency": 0.5, "breadth": 0.0, "return": 1.0}) == pytest.approx(0.5)
    assert engagement_score({"frequency": 0.5, "breadth": 0.0}) is None


def test_every_figure_has_one_meaning_a_version() -> None:
    assert len({(d.name, d.domain, d.version) for d in DEFINITIONS}) == len(DEFINITIONS)
    assert definition("churn_rate", "course").meaning != definition("churn_rate", "marketing").meaning
    assert definition("availability", "course").version == 1
    with pytest.raises(ValueError, match="no definition of 'profit'"):
        definition("profit")


def test_the_previous_period_is_as_long() -> None:
    assert Period(100, 130).previous == Period(70, 100)


some = st.integers(0, 10**6)


@st.composite
def counted(draw: st.DrawFn) -> Counts:
    pairs = ("eligible converted", "at_start churned", "valid_requests good_requests", "possible_days active_days")
    values = {"active_users": draw(some), "new_customers": draw(some)}
    for pair in (*pairs, "kinds_offered kinds_used", "previously_active returned"):
        whole, part = pair.split()
        values[whole] = draw(some)
        values[part] = draw(st.integers(0, values[whole]))
    money = st.dictionaries(st.sampled_from(["EUR", "USD", "JPY"]), st.integers(-(10**9), 10**9))
    return Counts(revenue=draw(money), margin=draw(money), spend=draw(money), **values)


@settings(max_examples=up_to(40), deadline=None)
@given(counted(), counted(), counted())
def test_parts_merge_exactly_in_any_order(a: Counts, b: Counts, c: Counts) -> None:
    assert (a + b) + c == a + (b + c) == (c + b) + a
    whole = figures(a + b + c)
    assert whole.conversion == sum((figures(x).conversion for x in (b, c)), figures(a).conversion)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-(2**60), 2**60), st.sampled_from([0, 1])), max_size=6), st.integers(0, 6))
def test_sums_of_money_are_exact_and_split_anywhere(rows: list[tuple[int, int]], at: int) -> None:
    def summed(part: list[tuple[int, int]]) -> dict[str, int]:
        minor = np.array([row[0] for row in part], np.int64)
        return {
            k: v.minor for k, v in totals(minor, np.array([row[1] for row in part], np.int32), ["EUR", "USD"]).items()
        }

    expected: dict[str, int] = {}
    for minor, code in rows:
        expected[["EUR", "USD"][code]] = expected.get(["EUR", "USD"][code], 0) + minor
    assert summed(rows) == expected
    merged: dict[str, int] = {}
    for currency, minor in itertools.chain(summed(rows[:at]).items(), summed(rows[at:]).items()):
        merged[currency] = merged.get(currency, 0) + minor
    assert merged == expected


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_growth_undone_gives_the_base(current: int, previous: int) -> None:
    grown = growth_rate(current, previous)
    assert grown is not None and previous * (1 + grown) == pytest.approx(current, abs=1e-6)
