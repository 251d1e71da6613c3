"""Events out of rows: columns, properties, conditions, and what is no number or no object."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.features.expression import ExpressionError, names_in
from analytics.features.plan import Condition, Events, Taken
from analytics.features.reading import Reader, identity_of

AT = datetime(2026, 1, 1, tzinfo=UTC)
SAID: list[Any] = [
    {"plan": "pro", "n": 3, "cart": {"total": 9.5}, "ok": True},
    {"plan": None, "n": "4.5", "cart.total": 7},
    {"n": "many", "cart": [1], "list": [1, 2]},
    "no object",
    None,
]


def batch(said: list[Any] = SAID) -> pa.RecordBatch:
    return pa.record_batch(
        {
            "type": pa.array(["a", "b", "a", "a", "b"][: len(said)]).dictionary_encode(),
            "subject": ["ada", "", None, "bob", "ada"][: len(said)],
            "time": pa.array([AT, AT, AT, None, AT][: len(said)], pa.timestamp("us", "UTC")),
            "value": pa.array([0.5, None, float("nan"), 1e30, 2.0][: len(said)], pa.float64()),
            "properties": [one if one is None or isinstance(one, str) else json.dumps(one) for one in said],
            "context": ['{"page": {"path": "/x"}}', None, "[]", "{", "{}"][: len(said)],
        }
    )


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (("plan", "=", "pro"), [0]),
        (("plan", "!=", "pro"), [1, 2, 3, 4]),
        (("plan", "missing"), [1, 2, 3, 4]),
        (("cart.total", "exists"), [0, 1]),
        (("cart.total", ">", 8), [0]),
        (("n", "in", 3, 4.5), [0, 1]),
        (("n", "contains", "an"), [2]),
        (("ok", "=", True), [0]),
        (("context.page.path", "=", "/x"), [0]),
        (("list", "=", "[1,2]"), [2]),
        (("value", "<=", 0.5), [0]),
        (("subject", "not in", "ada", "bob"), [1, 2]),
    ],
)
def test_conditions_mean_what_they_mean_in_questions(condition: tuple[Any, ...], rows: list[int]) -> None:
    name, op, *values = condition
    hits = Reader(batch()).hits(Events(where=(Condition(name, op, tuple(values)),)))
    assert hits.rows.tolist() == rows


@pytest.mark.parametrize(
    ("of", "taken", "number", "found"),
    [
        ("n", "number", False, {0: 3.0, 1: 4.5}),
        ("value", "number", False, {0: 0.5, 4: 2.0}),
        ("plan", "value", False, {0: "pro"}),
        ("n", "value", True, {0: 3.0, 1: 4.5}),
        ("n", "value", False, {0: 3, 1: "4.5", 2: "many"}),
        ("n", "identity", False, {0: identity_of("3"), 1: identity_of("4.5"), 2: identity_of("many")}),
        ("type", "value", False, {0: "a", 1: "b", 2: "a", 3: "a", 4: "b"}),
    ],
)
def test_what_is_taken_of_events_that_have_it(of: str, taken: Taken, number: bool, found: dict[int, Any]) -> None:
    hits = Reader(batch()).hits(Events(of=of, taken=taken, number=number))
    values = hits.values.tolist() if hasattr(hits.values, "tolist") else hits.values
    assert dict(zip(hits.rows.tolist(), values, strict=True)) == found


def test_rows_of_nobody_and_of_no_time_are_nobodys() -> None:
    names, codes = Reader(batch()).subjects("subject")
    assert [names[code] if code >= 0 else None for code in codes] == ["ada", None, None, None, "ada"]
    names, codes = Reader(batch()).subjects("plan")
    assert [names[code] if code >= 0 else None for code in codes] == ["pro", None, None, None, None]


@given(st.text(max_size=30))
def test_an_expression_is_read_or_refused_and_never_run(text: str) -> None:
    try:
        names = names_in(text)
    except ExpressionError as error:
        assert str(error)
    else:
        assert all("." in name for name in names)
