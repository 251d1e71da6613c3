"""The language of conditions over several series: what it reads, what it computes, what it refuses and why."""

from __future__ import annotations

from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.expressions import Joint, Series, parse_joint, read
from analytics.rules import Condition, ParseError, Verdict

HOUR, WEEK = 3_600_000_000, 604_800_000_000


def test_a_condition_about_one_series_is_read_as_before() -> None:
    assert isinstance(read("errors.count > 5 and errors.mean < threshold"), Condition)


def test_series_have_ranges_pasts_and_keys() -> None:
    found = parse_joint('a.count{key="x"}[1h] / b.sum offset 1w > 0.5')
    assert found.series == (Series("a", "count", "x", HOUR), Series("b", "sum", None, 0, WEEK))
    assert found.text == 'a.count{key="x"}[1h] / b.sum offset 1w'
    assert parse_joint("a.count[1h] vs 1w < -0.3").series == (
        Series("a", "count", None, HOUR),
        Series("a", "count", None, HOUR, WEEK),
    )


@pytest.mark.parametrize(
    ("text", "figures", "verdict"),
    [
        ("a.count / b.count > 0.5", (3.0, 4.0), Verdict.BREACHED),
        ("a.count / b.count > 0.5", (1.0, 4.0), Verdict.FINE),
        ("a.count / b.count > 0.5", (1.0, 0.0), Verdict.UNKNOWN),
        ("a.count / b.count > 0.5", (nan, 4.0), Verdict.UNKNOWN),
        ("a.count + 2 * b.count > 10", (1.0, 5.0), Verdict.BREACHED),
        ("(a.count + 2) * b.count > 14", (1.0, 5.0), Verdict.BREACHED),
        ("a.count - b.count - 1 > 2", (5.0, 3.0), Verdict.FINE),
        ("a.count > threshold * b.count", (9.0, 5.0), Verdict.FINE),
        ("(a.count > 1 or b.count > 1) and b.count < 9", (2.0, 8.0), Verdict.BREACHED),
        ("a.count > 1 or b.count > 1 and b.count < 9", (2.0, nan), Verdict.BREACHED),
        ("a.count > 1 and b.count > 1", (0.0, nan), Verdict.FINE),
        ("a.count > -b.count", (1.0, 5.0), Verdict.BREACHED),
    ],
)
def test_what_it_says(text: str, figures: tuple[float, float], verdict: Verdict) -> None:
    assert parse_joint(text).verdict(figures, 2.0) is verdict


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a.p95[1h] > 1", "cannot be put together"),
        ("a.count[1x] > 1", "a duration"),
        ("a.count[99d] > 1", "up to 32d"),
        ("(a.count + 1 > 2", "expected `\\)`"),
        ("a.count + > 2", "a metric, a number"),
        ("1 + 1 > 2", "somewhere"),
        ("a.count + b.count", "an operator"),
        ("(" * 60 + "a.count" + ")" * 60 + " > 1", "deep"),
        ("a.count + eval('1') > 1", "a metric"),
        ("a.count > 1 +", "at the end"),
    ],
)
def test_what_cannot_be_read_is_said_where(text: str, why: str) -> None:
    with pytest.raises(ParseError, match=why):
        read(text)


@given(st.text('ab.count[]()+-*/ 15hvsoffet><=and"{}key', max_size=60))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        found = read(text)
    except ParseError:
        return
    if isinstance(found, Joint):
        found.verdict([1.0] * len(found.series), 1.0)
        assert found.text
