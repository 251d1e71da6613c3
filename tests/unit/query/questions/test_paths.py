"""Paths: what users do one after the other."""

from __future__ import annotations

from typing import Any

from tests.unit.query.questions.words import HOUR, Shop, us

SPAN = {"since": "2026-01-01", "until": "2026-02-01"}
T, MINUTE = us("2026-01-10"), 60_000_000


def ways(answer: dict[str, Any], step: int) -> dict[tuple[str, str | None], int]:
    return {(w["from"], w["to"]): w["paths"] for w in answer["steps"][step - 1]["ways"]}


def walk(shop: Shop, user: str, *types: str, at: int = T) -> None:
    shop.did(*((user, type_, at + i * MINUTE) for i, type_ in enumerate(types)))


def test_events_follow_each_other_and_equal_ones_are_one(shop: Shop) -> None:
    walk(shop, "ada", "home", "home", "list", "pay")
    walk(shop, "bob", "home", "list")
    answer = shop.ask("paths", **SPAN)
    assert (answer["paths"], answer["users"]) == (2, 2)
    assert ways(answer, 1) == {("home", "list"): 2}
    assert ways(answer, 2) == {("list", "pay"): 1, ("list", None): 1}
    assert shop.users({"step": 2, "from": "list"}, "paths", **SPAN) == ["bob"]
    assert shop.users({"step": 2, "from": "list", "to": "pay"}, "paths", **SPAN) == ["ada"]


def test_a_pause_parts_sessions(shop: Shop) -> None:
    shop.did(("ada", "home", T), ("ada", "list", T + 30 * MINUTE), ("ada", "pay", T + 60 * MINUTE + 1))
    answer = shop.ask("paths", **SPAN)
    assert answer["paths"] == 2
    assert ways(answer, 1) == {("home", "list"): 1, ("pay", None): 1}
    assert shop.ask("paths", pause="2h", **SPAN)["paths"] == 1


def test_paths_from_a_beginning(shop: Shop) -> None:
    walk(shop, "ada", "ad", "home", "list", "home", "pay")
    walk(shop, "bob", "list", "pay")
    answer = shop.ask("paths", begin="home", **SPAN)
    assert answer["paths"] == 1
    assert [ways(answer, step) for step in (1, 2, 3)] == [
        {("home", "list"): 1},
        {("list", "home"): 1},
        {("home", "pay"): 1},
    ]


def test_paths_towards_an_end_show_their_last_steps(shop: Shop) -> None:
    walk(shop, "ada", "ad", "home", "list", "pay", "thanks")
    walk(shop, "bob", "home", "pay")
    walk(shop, "cleo", "home", "list")
    answer = shop.ask("paths", end="pay", steps=3, **SPAN)
    assert answer["paths"] == 2
    assert ways(answer, 1) == {("home", "list"): 1, ("home", "pay"): 1}
    assert ways(answer, 2) == {("list", "pay"): 1, ("pay", None): 1}


def test_a_session_that_may_go_on_is_still_in(shop: Shop) -> None:
    shop.now = (T + HOUR) / 1e6
    shop.did(("ada", "home", T), ("bob", "home", T + 45 * MINUTE))
    (way,) = shop.ask("paths", **SPAN)["steps"][0]["ways"]
    assert (way["to"], way["paths"], way["still_in"]) == (None, 2, 1)


def test_ways_beyond_the_top_are_counted_together(shop: Shop) -> None:
    for i in range(5):
        walk(shop, f"u{i}", "home", f"page{i}")
    step = shop.ask("paths", top=2, **SPAN)["steps"][0]
    assert (len(step["ways"]), step["other"], step["paths"]) == (2, {"ways": 3, "paths": 3}, 5)


def test_a_property_names_the_places(shop: Shop) -> None:
    shop.did(("ada", "page", T, {"path": "/"}), ("ada", "page", T + 1, {"path": "/pay"}), ("ada", "click", T + 2))
    assert ways(shop.ask("paths", by="path", events="page", **SPAN), 1) == {("/", "/pay"): 1}
    assert shop.refusal("paths", by="pth", **SPAN)[0] == "name"
