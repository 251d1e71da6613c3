"""Texts with figures in them, and matchers of labels: only what can do no harm."""

from __future__ import annotations

import time

import pytest

from actors.alerts.annotations import check, rendered
from actors.alerts.matching import can_meet, read


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ labels.__class__.__init__ }}",
        "{{ value.__class__ }}",
        "{% for i in range(9) %}x{% endfor %}",
        "{{ 'a' * 999999999 }}",
        "{{ 9 ** 999999 }}",
        "{{ range(9) }}",
        "{{ '%999999999d' | format(1) }}",
        "{% set x = 1 %}",
        "{% include 'etc/passwd' %}",
        "{{ self }}",
        "{{ valeu }}",
        "{{ value",
        "{{ value | attr('__class__') }}",
        "{{ (value)() }}",
    ],
)
def test_a_template_that_could_do_harm_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"must not|there are|only|is no template"):
        check(template)


def test_what_is_put_in_is_never_read_as_a_template() -> None:
    said = {"a": "{{ key }} is {{ value | round(1) }}{% if value > 5 %}!{% endif %}", "b": "plain"}
    about = {"key": "{{ 7 * 7 }}{% for %}", "value": 9.87, "labels": {}}
    assert rendered(said, about) == {"a": "{{ 7 * 7 }}{% for %} is 9.9!", "b": "plain"}


def test_a_text_that_cannot_be_made_stops_nothing() -> None:
    assert "could not be made" in rendered({"a": "{{ value + 1 }}"}, {"value": None})["a"]


@pytest.mark.parametrize(
    ("matcher", "value", "holds"),
    [
        ('key="a"', "a", True),
        ('key!="a"', "a", False),
        ('key=~"web-.*|api"', "web-12", True),
        ('key=~"web-.*|api"', "xweb-12", False),
        ('key=~".*-eu-.*"', "a-eu-1", True),
        ('key=~"a.*a"', "a", False),
        ('key!~"web-.*"', "db", True),
        ('key=""', "", True),
    ],
)
def test_a_matcher_holds(matcher: str, value: str, holds: bool) -> None:
    assert read(matcher).holds({"key": value}) is holds


@pytest.mark.parametrize("text", ["key", "key=a", 'key=~"(a+)+$"', 'key=~"[ab]"', '1k="a"', 'key=~"a*"'])
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write"):
        read(text)


def test_a_matcher_takes_time_in_proportion() -> None:
    begun = time.perf_counter()
    assert not read('key=~"' + ".*a" * 60 + '"').holds({"key": "a" * 50_000 + "b"})
    assert time.perf_counter() - begun < 5


def test_what_can_never_meet() -> None:
    assert not can_meet(['severity="low"'], ['severity="high"', 'team="a"'])
    assert not can_meet(['severity="low"'], ['severity!="low"'])
    assert not can_meet(['key=~"a|b"'], ['key=~"c.*"'])
    assert can_meet(['key=~"a.*"'], ['key=~".*b"'])
    assert can_meet(['severity="low"'], ['team="a"'])
