"""Funnels: told as stories, and held against a plain search through every possible way."""

from __future__ import annotations

import random
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.unit.query.questions.words import DAY, HOUR, Shop, steps, us

SPAN = {"since": "2026-01-01", "until": "2026-02-01"}
WALK = {"steps": ["visit", "sign", "pay"], "window": "1d", **SPAN}
T = us("2026-01-10")


def test_users_count_by_how_far_they_came(shop: Shop) -> None:
    shop.did(
        ("ada", "visit", T), ("ada", "sign", T + HOUR), ("ada", "pay", T + 2 * HOUR),
        ("bob", "visit", T), ("bob", "sign", T + HOUR),
        ("cleo", "visit", T), ("cleo", "pay", T + HOUR),
        ("dan", "pay", T), ("dan", "sign", T + HOUR),
    )  # fmt: skip
    answer = shop.ask("funnel", **WALK)
    assert steps(answer) == [3, 2, 1]
    assert steps(answer, "dropped") == [1, 1, 0]
    assert answer["groups"][0]["rate"] == pytest.approx(1 / 3)
    assert steps(answer, "median_s")[2] == 7200
    assert shop.users({"step": 1, "outcome": "dropped"}, "funnel", **WALK) == ["cleo"]
    assert shop.drill({"step": 3}, "funnel", show="events", **WALK)["events_total"] == 3


def test_events_of_one_time_are_in_the_order_of_the_log(shop: Shop) -> None:
    shop.did(("ada", "visit", T), ("ada", "sign", T), ("ada", "pay", T))
    shop.did(("bob", "pay", T), ("bob", "sign", T), ("bob", "visit", T))
    assert steps(shop.ask("funnel", **WALK)) == [2, 1, 1]
    assert steps(shop.ask("funnel", order="any", **WALK)) == [2, 2, 2]


def test_the_window_takes_its_last_moment_and_no_later_one(shop: Shop) -> None:
    shop.did(("on time", "visit", T), ("on time", "sign", T + DAY), ("late", "visit", T), ("late", "sign", T + DAY + 1))
    assert shop.users({"step": 2}, "funnel", **WALK) == ["on time"]


def test_a_step_that_is_repeated_begins_again_and_the_last_one_counts(shop: Shop) -> None:
    shop.did(("ada", "visit", T), ("ada", "visit", T + 20 * HOUR), ("ada", "sign", T + 40 * HOUR))
    assert steps(shop.ask("funnel", **WALK)) == [1, 1, 0]


def test_the_same_step_twice_takes_two_events(shop: Shop) -> None:
    shop.did(("once", "visit", T), ("twice", "visit", T), ("twice", "visit", T + HOUR))
    for order in ("ordered", "strict", "any"):
        assert steps(shop.ask("funnel", **{**WALK, "steps": ["visit", "visit"], "order": order})) == [2, 1]


def test_strict_order_has_nothing_between_two_steps(shop: Shop) -> None:
    shop.did(("ada", "visit", T), ("ada", "help", T + 1), ("ada", "sign", T + 2))
    shop.did(("bob", "visit", T), ("bob", "visit", T + 1), ("bob", "sign", T + 2))
    assert shop.users({"step": 2}, "funnel", order="strict", **WALK) == ["bob"]
    assert steps(shop.ask("funnel", **WALK)) == [2, 2, 0]


def test_whoever_is_inside_the_window_is_still_in_and_no_drop_off(shop: Shop) -> None:
    now = us("2026-01-20")
    shop.now = now / 1e6
    shop.did(("gone", "visit", now - 2 * DAY), ("here", "visit", now - HOUR), ("here", "sign", now - 1),
             ("again", "visit", now - 3 * DAY), ("again", "visit", now - HOUR))  # fmt: skip
    answer = shop.ask("funnel", **WALK)
    assert (steps(answer), steps(answer, "still_in"), steps(answer, "dropped")) == ([3, 1, 0], [1, 1, 0], [1, 0, 0])
    assert answer["groups"][0]["settled_rate"] == 0
    assert shop.users({"step": 2, "outcome": "still_in"}, "funnel", **WALK) == ["here"]
    shop.now += 2 * 86_400
    assert steps(shop.ask("funnel", **WALK), "still_in") == [0, 0, 0]
    then = shop.ask("funnel", observed_until="2026-01-20", **WALK)
    assert steps(then, "still_in") == [1, 1, 0]


def test_steps_count_after_the_span_when_the_first_was_within(shop: Shop) -> None:
    end = us("2026-02-01")
    shop.did(("ada", "visit", end - HOUR), ("ada", "sign", end + HOUR), ("bob", "visit", end), ("bob", "sign", end + 1))
    assert steps(shop.ask("funnel", **WALK)) == [1, 1, 0]


def test_an_exclusion_between_two_steps_ends_the_attempt(shop: Shop) -> None:
    shop.did(("ada", "visit", T), ("ada", "cancel", T + 1), ("ada", "sign", T + 2))
    shop.did(("bob", "visit", T), ("bob", "sign", T + 1), ("bob", "cancel", T + 2), ("bob", "pay", T + 3))
    shop.did(("cleo", "visit", T), ("cleo", "cancel", T + 1), ("cleo", "visit", T + 2), ("cleo", "sign", T + 3))
    early = {"exclude": [{"event": "cancel", "between": [1, 2]}], **WALK}
    assert shop.users({"step": 2}, "funnel", **early) == ["bob", "cleo"]
    assert shop.users({"step": 3}, "funnel", **early) == ["bob"]
    assert shop.users({"step": 1, "outcome": "excluded"}, "funnel", **early) == ["ada"]
    anywhere = shop.ask("funnel", exclude=["cancel"], **WALK)
    assert (steps(anywhere), steps(anywhere, "excluded")) == ([3, 2, 0], [1, 1, 0])


def test_a_user_is_in_the_group_of_the_event_that_began(shop: Shop) -> None:
    shop.did(("ada", "visit", T, {"plan": "free"}), ("ada", "visit", T + 1, {"plan": "pro"}), ("ada", "sign", T + 2))
    shop.did(("bob", "visit", T, {"plan": "free"}), ("cleo", "visit", T))
    whole, *groups = shop.ask("funnel", breakdown="plan", **WALK)["groups"]
    found = {group["breakdown"]: [step["users"] for step in group["steps"]] for group in groups}
    assert found == {"pro": [1, 1, 0], "free": [1, 0, 0], None: [1, 0, 0]}
    assert whole["users"] == sum(group["users"] for group in groups)
    few = shop.ask("funnel", breakdown="plan", top=1, **WALK)["groups"]
    assert [group["users"] for group in few] == [3, 1, 2]
    assert few[2]["other"]
    assert shop.users({"step": 1, "breakdown": None}, "funnel", breakdown="plan", **WALK) == ["cleo"]
    assert len(shop.users({"step": 1, "other": True}, "funnel", breakdown="plan", top=1, **WALK)) == 2


def test_what_cannot_be_walked_is_refused_with_a_remedy(shop: Shop) -> None:
    assert shop.refusal("funnel") == (
        "steps", 'a funnel has from 2 to 20 steps, such as ["page", "order.placed"]; got none')  # fmt: skip
    assert (
        shop.refusal("funnel", steps=["a", "b"], exclude=[{"event": "c", "between": [2, 1]}])[0] == "exclude.0.between"
    )
    assert shop.refusal("funnel", steps=["a", "b"], exclude=["b"])[0] == "exclude.0"
    overlap = [{"event": "a"}, {"event": "a", "where": [{"name": "plan", "value": "pro"}]}]
    assert shop.refusal("funnel", steps=overlap, order="any")[0] == "steps.1"
    field, reason = shop.refusal("funnel", steps=["a", {"evnt": "b"}])
    assert (field, "did you mean 'event'?" in reason) == ("steps.1.evnt", True)


# -- held against a search through every way ----------------------------------------------------------------------------


class Event(NamedTuple):
    type: str
    t: int


def chains(events: list[Event], q: dict[str, Any]) -> list[tuple[int, int, int]]:
    """(level, place of the last event, time of the first) of every way there is."""
    found: list[tuple[int, int, int]] = []

    def on(level: int, at: int, t0: int) -> None:
        found.append((level, at, t0))
        if level == len(q["steps"]):
            return
        for place in range(at + 1, len(events)):
            if events[place].type == q["steps"][level] and events[place].t <= t0 + q["window_us"]:
                on(level + 1, place, t0)
            if q["order"] == "strict" or ends_here(q, events[place].type, level):
                return

    for place, event in enumerate(events):
        if event.type == q["steps"][0] and q["since"] <= event.t < q["until"]:
            on(1, place, event.t)
    return found


def ends_here(q: dict[str, Any], type_: str, level: int) -> bool:
    return any(type_ == x and a <= level < b for x, (a, b) in q["exclude"])


def outcome(events: list[Event], q: dict[str, Any]) -> tuple[int, str] | None:
    """(furthest step, what became of the user); None for who never began."""
    events = [e for e in events if q["since"] <= e.t < q["observed"]]
    ways = chains(events, q)
    if not ways:
        return None
    last = len(q["steps"])
    furthest = max(level for level, _, _ in ways)
    if furthest == last:
        return last, "reached"
    for level, at, t0 in ways:
        after = events[at + 1 :]
        blocked = bool(after) if q["order"] == "strict" else False
        if not blocked and not any(ends_here(q, e.type, level) for e in after) and t0 + q["window_us"] >= q["observed"]:
            return furthest, "still_in"
    for level, at, t0 in ways:
        ends = (ends_here(q, e.type, level) and e.t <= t0 + q["window_us"] for e in events[at + 1 :])
        if level == furthest and any(ends):
            return furthest, "excluded"
    return furthest, "dropped"


def outcome_in_any_order(events: list[Event], q: dict[str, Any]) -> tuple[int, str] | None:
    events = [e for e in events if q["since"] <= e.t < q["observed"]]
    cuts = {x for x, _ in q["exclude"]}
    pieces = [list(g) for is_cut, g in groupby(events, lambda e: e.type in cuts) if not is_cut]
    need = Counter(q["steps"])
    best, still, ended = 0, False, False
    for piece in pieces:
        closed = piece[-1] != events[-1]
        after = [e for e in events[events.index(piece[-1]) :] if e.type in cuts] if closed else []
        for first in (e for e in piece if e.type in need and e.t < q["until"]):
            had = Counter(e.type for e in piece if first.t <= e.t <= first.t + q["window_us"])
            level = sum(min(n, had[type_]) for type_, n in need.items())
            ended = (ended if level <= best else False) | (
                level >= best and bool(after) and after[0].t <= first.t + q["window_us"]
            )
            best = max(best, level)
            still |= not after and first.t + q["window_us"] >= q["observed"]
    if not best:
        return None
    word = "reached" if best == len(q["steps"]) else "still_in" if still else "excluded" if ended else "dropped"
    return best, word


@pytest.mark.parametrize("order", ["ordered", "strict", "any"])
@pytest.mark.parametrize("seed", range(4))
def test_every_user_is_where_a_search_through_every_way_puts_them(tmp_path: Path, order: str, seed: int) -> None:
    chance = random.Random(seed * 10 + len(order))
    shop = Shop(tmp_path / "log", now=(T + 60) / 1e6)
    told: dict[str, list[Event]] = {}
    for user in range(120):
        times = sorted(chance.randint(0, 60) for _ in range(chance.randint(1, 9)))
        told[f"u{user:03}"] = [Event(chance.choice("aabbcdx"), T + t) for t in times]
    # Distinct places for equal events, so that the plain search can tell them apart.
    shop.did(*((user, e.type, e.t) for user, events in told.items() for e in events))
    walk = chance.choice([["a", "b", "c"], ["a", "a", "b"], ["a", "b"], ["b", "c", "a", "b"]])
    between = (1, len(walk)) if order == "any" else chance.choice([(1, 2), (len(walk) - 1, len(walk)), (1, len(walk))])
    exclude = chance.choice([[], [("x", between)]])
    window = chance.randint(3, 30)
    q = {"steps": walk, "window_us": window, "order": order, "since": T + 5, "until": T + 40, "observed": T + 60,
         "exclude": exclude}  # fmt: skip
    question = {
        "steps": walk, "order": order, "window": f"{window / 1e6:.6f}s",
        "since": str(q["since"] / 1e6), "until": str(q["until"] / 1e6),
        "exclude": [{"event": x} | ({} if order == "any" else {"between": list(b)}) for x, b in exclude],
    }  # fmt: skip
    judge = outcome_in_any_order if order == "any" else outcome
    expected = {user: found for user, events in told.items() if (found := judge(events, q))}
    assert len({word for _, word in expected.values()}) > 1
    answer = shop.ask("funnel", **question)
    for step in range(1, len(walk) + 1):
        for word in ("dropped", "still_in", "excluded"):
            there = sorted(u for u, (far, what) in expected.items() if far == step and what == word)
            assert shop.users({"step": step, "outcome": word}, "funnel", **question) == there
            assert answer["groups"][0]["steps"][step - 1][word] == len(there)
        reached = sorted(user for user, (far, _) in expected.items() if far >= step)
        assert shop.users({"step": step}, "funnel", **question) == reached
        assert answer["groups"][0]["steps"][step - 1]["users"] == len(reached)
