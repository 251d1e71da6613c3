"""What a widget of a dashboard may say: where its figures come from, and only options that its type has a use for."""

from __future__ import annotations

import re
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from actors.definitions.widget import ASKS, NEEDS, SOURCES, USES, Widget, WidgetOptions, WidgetType

ORDERS = {"topic": "orders"}
GOOD: list[dict[str, Any]] = [
    {"type": "number", **ORDERS, "options": {"value": "today.n", "before": "yesterday.n", "better": "lower"}},
    {"type": "number", **ORDERS, "options": {"value": "share", "format": "percent"}},
    {"type": "line", **ORDERS},
    {"type": "line", **ORDERS, "options": {"x": "at", "y": ["n", "late"], "unit": "ms"}},
    {"type": "line", "metric": "revenue", "options": {"aggregate": "sum", "unit": "money"}},
    {"type": "bar", **ORDERS, "options": {"rows": "by_city", "label": "city", "value": "n", "limit": 5}},
    {"type": "bar", "metric": "events_by_type"},
    {"type": "table", **ORDERS, "options": {"columns": [{"field": "who", "format": "user"}], "sort": "-n"}},
    {"type": "list", **ORDERS, "options": {"label": "who", "opens": "user", "detail": "what", "value": "n"}},
    {"type": "text", "options": {"text": "What these figures are."}},
]


@pytest.mark.parametrize("said", GOOD)
def test_what_can_be_drawn_is_taken(said: dict[str, Any]) -> None:
    assert Widget.model_validate({"id": "w", **said}).type == said["type"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"type": "number", "options": {"value": "n"}}, "topic: a widget of type number names one topic or one metric"),
        ({"type": "number", **ORDERS}, "options.value: a widget of type number needs it"),
        ({"type": "line"}, "topic: a widget of type line names one topic or one metric or one question or one query"),
        ({"type": "line", **ORDERS, "metric": "revenue"}, "names one topic or one metric"),
        ({"type": "heat", **ORDERS}, "topic: a widget of type heat takes none; those are number, gauge, line"),
        ({"type": "list", "metric": "revenue"}, "metric: a widget of type list takes none; those are metric, number"),
        ({"type": "text", **ORDERS, "options": {"text": "x"}}, "topic: a widget of type text takes none"),
        ({"type": "text"}, "options.text: a widget of type text needs it"),
        ({"type": "measure"}, "options.measure: a widget of type measure needs it"),
        ({"type": "bar", **ORDERS}, "options.value: a widget of type bar needs it: the field"),
        ({"type": "line", **ORDERS, "options": {"aggregate": "sum"}}, "options.aggregate: is for a metric"),
        ({"type": "table", **ORDERS, "options": {"label": "a"}}, "options.label: a widget of type table has no use for it"),
        ({"type": "heat", "options": {"unit": "ms"}}, "options.unit: a widget of type heat has no use for it, nor for any"),
        ({"type": "line", **ORDERS, "options": {"y": list("abcdefg")}}, "at most 6"),
        ({"type": "table", **ORDERS, "options": {"columns": [{"field": "a", "format": "pie"}]}}, "'percent'"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn_is_refused_with_its_field(said: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=r"validation error") as refused:
        Widget.model_validate({"id": "w", **said})
    assert reason in str(refused.value)


def test_the_tables_of_options_name_what_there_is() -> None:
    options, types = set(WidgetOptions.model_fields), set(get_args(WidgetType))
    assert set(USES) <= types
    assert {option for used in USES.values() for option in used} == options
    assert all(option in USES[type_] for type_, (option, _) in NEEDS.items())
    assert set(SOURCES) <= types and set(ASKS) <= set(SOURCES)


ASKED = {"ask": "funnel", "steps": ["page", "order.placed"]}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"type": "funnel", "question": {**ASKED, "steps": []}}, "question.steps"),
        ({"type": "funnel", "question": {**ASKED, "since": "7d"}}, "question.since: is the page's to say"),
        ({"type": "funnel", "question": {"ask": "trends"}}, "question.ask: a widget of type funnel draws funnel"),
        ({"type": "funnel", "question": {}}, "question.ask: must say which question"),
        ({"type": "funnel", "metric": "seen"}, "metric: a widget of type funnel takes none"),
        ({"type": "retention"}, "question: a widget of type retention names one question"),
        (
            {"type": "line", "metric": "seen", "query": "q"},
            "topic: a widget of type line names one topic or one metric",
        ),
        ({"type": "gauge", "topic": "orders"}, "options.value: a widget of type gauge needs it"),
        ({"type": "gauge", "metric": "seen", "options": {"min": 5, "max": 5}}, "options.max: must be greater"),
        ({"type": "gauge", "metric": "seen", "options": {"max": float("nan")}}, "finite"),
        ({"type": "number", "query": "q", "options": {"aggregate": "sum"}}, "options.aggregate: is for a metric"),
        ({"type": "heat", "range": "7d"}, "range: a widget of type heat follows the top bar"),
        ({"type": "line", "metric": "seen", "range": "2h"}, "'15m'"),
    ],
)
def test_a_source_that_a_type_cannot_draw_is_refused_with_the_field(spec: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=re.escape(why)):
        Widget.model_validate({"id": "w", **spec})


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "funnel", "question": ASKED},
        {"type": "number", "question": ASKED, "options": {"format": "percent"}},
        {"type": "stacked", "question": {"ask": "trends", "breakdown": "source"}, "range": "30d"},
        {"type": "heatmap", "query": "by hour", "options": {"x": "hour", "label": "day", "value": "n"}},
        {"type": "gauge", "metric": "seen", "options": {"max": 100, "warn": 60, "crit": 90, "better": "lower"}},
        {"type": "table", "query": "newest orders", "options": {"limit": 10}},
    ],
)
def test_a_widget_draws_a_metric_a_question_or_a_kept_query(spec: dict[str, object]) -> None:
    widget = Widget.model_validate({"id": "w", **spec})
    assert Widget.model_validate(widget.model_dump(mode="json", exclude_none=True)) == widget
