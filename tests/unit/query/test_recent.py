"""The newest events that match, read backwards: what is found, in which order, and how little of the log is read for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from events.catalog import USER_INTERACTIONS
from query.history import History
from query.recent import Wanted, recent
from query.rows import as_objects
from tests.unit.query.test_engine import Filled

ALWAYS = Wanted(0, 1 << 61)


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    return Filled(tmp_path)


def found(filled: Filled, wanted: Wanted = ALWAYS, limit: int = 100) -> list[str]:
    return [row["id"] for row in as_objects(recent(History(filled.log, "demo"), wanted, limit).rows)]


def put(
    filled: Filled, ids: list[str], received: int, writer: str = "demo/user_interactions/0", **more: object
) -> None:
    columns: dict[str, object] = {"type": "page", "source": "web", "time": received, "received": received} | more
    filled.put(writer, USER_INTERACTIONS, len(ids), id=ids, **columns)


def test_an_empty_log_has_none(filled: Filled) -> None:
    assert found(filled) == []


def test_the_newest_receipt_comes_first_whoever_took_it_in(filled: Filled) -> None:
    put(filled, ["a", "b"], 10)
    put(filled, ["c"], 30, "demo/user_interactions/1")
    put(filled, ["d"], 20)
    put(filled, ["secret"], 40, "other/user_interactions/0")
    assert found(filled) == ["c", "d", "b", "a"]
    assert found(filled, limit=2) == ["c", "d"]


@pytest.mark.parametrize(
    ("filter", "ids"),
    [
        ({"types": ("order",)}, ["b"]),
        ({"types": ("order", "page"), "source": "shop"}, ["c"]),
        ({"where": (("currency", "EUR"),)}, ["b"]),
        ({"source": "shop"}, ["c"]),
        ({"subject": "ada"}, ["b", "a"]),
        ({"text": "PURPLE"}, ["c"]),
        ({"text": "%"}, []),
        ({"types": ("order",), "subject": "grace"}, []),
        ({"types": ("none",)}, []),
    ],
)
def test_what_does_not_match_is_left_out(filled: Filled, filter: dict[str, Any], ids: list[str]) -> None:
    put(filled, ["a"], 10, subject="ada")
    put(filled, ["b"], 11, subject="ada", type="order", currency="EUR")
    put(filled, ["c"], 12, source="shop", properties='{"colour": "purple"}')
    assert found(filled, Wanted(0, 1 << 61, **filter)) == ids


def test_the_span_is_of_the_events_own_time_and_without_its_end(filled: Filled) -> None:
    put(filled, ["old", "first", "last", "end"], 50, time=[9, 10, 19, 20])
    assert found(filled, Wanted(10, 20)) == ["last", "first"]


def test_only_as_much_is_read_as_is_shown(filled: Filled) -> None:
    for i in range(30):
        put(filled, [f"{i}-{j}" for j in range(200)], i)
    answer = recent(History(filled.log, "demo"), ALWAYS, 50)
    assert (answer.rows.num_rows, answer.complete) == (50, True)
    assert answer.looked_at <= 1_024


def test_a_search_for_what_is_not_there_ends_and_says_how_far_it_went(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(30):
        put(filled, [f"{i}-{j}" for j in range(200)], i)
    nothing = recent(History(filled.log, "demo"), Wanted(0, 1 << 61, types=("none",)), 50)
    assert (nothing.looked_at, nothing.complete) == (6_000, True)
    monkeypatch.setattr("query.recent.MOST_ROWS", 2_000)
    cut = recent(History(filled.log, "demo"), Wanted(0, 1 << 61, types=("none",)), 50)
    assert not cut.complete
    assert 2_000 <= cut.looked_at < 6_000
