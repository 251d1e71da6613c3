"""The page of questions: a funnel in four clicks, the users behind a figure, and a link that asks the same again."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from fastapi import Request
from playwright.sync_api import expect

from actors.definitions.checking import Wanted, accept
from actors.definitions.inventory import Inventory

from .conftest import Visit
from .fake_live import FakeLive
from .looking import eventually, live
from .scenes import server

pytestmark = pytest.mark.slow

STEPS = [
    {"step": 1, "name": "Page Viewed", "users": 400, "rate": 1.0, "rate_from_previous": None, "dropped": 150, "still_in": 50,
     "excluded": 0, "median_s": 0.0},
    {"step": 2, "name": "Course Purchased", "users": 200, "rate": 0.5, "rate_from_previous": 0.5, "dropped": 0,
     "still_in": 0, "excluded": 0, "median_s": 7200.0},
]  # fmt: skip
ANSWERS: dict[str, dict[str, Any]] = {
    "funnel": {"groups": [
        {"users": 400, "converted": 200, "still_in": 50, "rate": 0.5, "settled_rate": 0.57, "steps": STEPS}
    ]},
    "trends": {
        "series": [
            {"name": "any event", "total": 30, "points": [
                {"bucket": f"2026-11-28T0{i}:00:00Z", "value": i, "complete": True} for i in range(8)
            ]}
        ]
    },
    "retention": {"interval": "day", "cohorts": [
        {"cohort": "2026-11-27T00:00:00Z", "users": 10, "periods": [
            {"period": 0, "users": 10, "rate": 1.0, "complete": True},
            {"period": 1, "users": 4, "rate": 0.4, "complete": False},
        ]}
    ]},
    "paths": {"by": "type", "paths": 9, "users": 5, "steps": [
        {"step": 1, "paths": 9, "ways": [
            {"from": "Page Viewed", "to": "Trial Started", "paths": 6, "users": 4, "still_in": 0},
            {"from": "Page Viewed", "to": None, "paths": 2, "users": 2, "still_in": 1},
        ], "other": {"ways": 1, "paths": 1}},
        {"step": 2, "paths": 6, "ways": [
            {"from": "Trial Started", "to": "Course Purchased", "paths": 6, "users": 4, "still_in": 0},
        ], "other": {"ways": 0, "paths": 0}},
    ]},
    "cohort": {"cohort": "buyers", "users": 3},
    "users": {"total": 12, "new": 3, "points": [
        {"bucket": f"2026-11-2{i}T00:00:00Z", "users": i, "new": 1, "complete": True} for i in range(1, 5)
    ]},
}  # fmt: skip


def answering(asked: list[tuple[str, dict[str, Any]]]) -> FakeLive:
    """A server that answers questions, and notes them."""
    fake = server()
    routes = fake.app.router.routes
    mounted = routes.pop()  # the page itself, which takes every address

    @fake.app.post("/v1/questions")
    async def question(request: Request) -> dict[str, Any]:
        said = await request.json()
        asked.append(("ask", said))
        return {
            **ANSWERS[said["ask"]],
            "warnings": [],
            "elapsed_ms": 12.3,
            "asked_at": 1.0,
            "cut": {"user_interactions": {}},
        }

    @fake.app.post("/v1/questions/drill")
    async def behind(request: Request) -> dict[str, Any]:
        asked.append(("drill", await request.json()))
        user = {"user": "ada", "events": 3, "first": "2026-11-28T08:00:00Z", "last": "2026-11-28T09:00:00Z"}
        return {"users_total": 1, "events_total": 3, "users": [user], "truncated": False}

    routes.append(mounted)
    return fake


def test_a_funnel_takes_two_steps_and_shows_who_is_behind_a_figure(visit: Visit) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    page = visit(answering(asked), path="/")
    live(page)
    page.get_by_role("link", name="Explore").click()
    expect(page.get_by_text("Choose two steps")).to_be_visible()
    page.get_by_label("Step 1").fill("Page Viewed")
    page.get_by_label("Step 2").fill("Course Purchased")
    page.get_by_label("Step 2").press("Tab")
    panel = page.locator(".panel", has_text="Funnel").first
    expect(panel).to_contain_text("200 of 400 went all the way")
    expect(panel).to_contain_text("50.0 % of the step before")
    kind, question = asked[-1]
    assert (kind, question["steps"], question["window"]) == ("ask", ["Page Viewed", "Course Purchased"], "7d")
    panel.get_by_role("button", name="150 dropped out here").click()
    users = page.locator(".panel", has_text="Users: dropped out after Page Viewed")
    expect(users.get_by_role("link", name="ada")).to_be_visible()
    assert asked[-1][1]["cell"] == {"step": 1, "outcome": "dropped"}
    assert asked[-1][1]["cut"] == {"user_interactions": {}}, "exactly the rows that the answer counted"
    users.get_by_role("link", name="ada").click()
    page.wait_for_url("**/users/ada**")


def test_a_link_asks_the_same_question_over_the_range_that_it_carries(visit: Visit) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    wanted = {"ask": "funnel", "events": ["a", "b"], "window": "1d", "order": "strict", "breakdown": "plan"}
    page = visit(answering(asked), path=f"/#/explore?ask=funnel&range=7d&q={quote(json.dumps(wanted))}")
    live(page)
    expect(page.get_by_text("200 of 400 went all the way")).to_be_visible()
    question = asked[-1][1]
    assert question["since"] == "7d"
    assert {name: question[name] for name in ("steps", "window", "order", "breakdown")} == {
        "steps": ["a", "b"], "window": "1d", "order": "strict", "breakdown": "plan",
    }  # fmt: skip


def test_the_other_questions_are_drawn_and_opened(visit: Visit) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    page = visit(answering(asked), path="/#/explore?ask=retention")
    live(page)
    expect(page.get_by_role("region", name="Cohorts")).to_contain_text("40.0")
    page.get_by_role("button", name="40.0").click()
    expect(page.get_by_role("link", name="ada")).to_be_visible()
    assert asked[-1][1]["cell"] == {"cohort": "2026-11-27T00:00:00Z", "period": 1}
    for kind, text in (("Trends", "Events over time"), ("Users", "Users over time")):
        page.get_by_role("button", name=kind, exact=True).click()
        expect(page.get_by_label(text)).to_be_visible()
        expect(page.get_by_role("link", name="ada")).to_have_count(0)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_paths_are_shown_step_by_step_and_opened(visit: Visit) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    page = visit(answering(asked), path="/#/explore?ask=paths")
    live(page)
    shown = page.get_by_role("region", name="9 paths of 5 users, step by step")
    expect(shown.get_by_role("region", name="Step 1")).to_contain_text("1 other ways, 1 paths")
    expect(shown.get_by_role("region", name="Step 1")).to_contain_text("1 may still go on")
    shown.get_by_role("button", name="Page Viewed → Trial Started").click()
    expect(page.locator(".panel", has_text="Users: from Page Viewed to Trial Started")).to_contain_text("ada")
    assert asked[-1][1]["cell"] == {"step": 1, "from": "Page Viewed", "to": "Trial Started"}
    shown.get_by_role("button", name="Page Viewed → ends").click()
    expect(page.locator(".panel", has_text="Users: ended after Page Viewed")).to_contain_text("ada")
    assert asked[-1][1]["cell"] == {"step": 1, "from": "Page Viewed"}
    page.get_by_label("and get to").fill("Course Purchased")
    page.get_by_label("and get to").press("Tab")
    page.get_by_label("Steps").select_option("3")
    eventually(lambda: asked[-1][1].get("steps") == 3)
    question = asked[-1][1]
    assert (question["ask"], question["end"], question["steps"], question["by"]) == (
        "paths",
        "Course Purchased",
        3,
        "type",
    )
    assert "begin" not in question
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_cohort_is_defined_looked_into_and_asked_about(visit: Visit) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    fake = answering(asked)
    page = visit(fake, path="/#/explore?ask=cohort")
    live(page)
    expect(page.get_by_text("Choose a cohort, or define one")).to_be_visible()
    page.get_by_role("button", name="New cohort…").click()
    dialog = page.get_by_role("dialog", name="A group of users")
    dialog.get_by_label("Name").fill("buyers")
    dialog.get_by_label("Criterion 1: event").fill("Course Purchased")
    dialog.get_by_label("Criterion 1: within").select_option("30d")
    dialog.get_by_role("button", name="Add a criterion").click()
    dialog.get_by_label("Criterion 2: did or did not").select_option("not")
    dialog.get_by_label("Criterion 2: event").fill("Refund Requested")
    dialog.get_by_role("button", name="Define").click()
    expect(page.get_by_text("3 users are in buyers")).to_be_visible()
    spec = fake.topics["definitions"].data["cohort/buyers"]["spec"]
    assert spec["criteria"] == [
        {"event": "Course Purchased", "did": True, "at_least": 1, "within": "30d"},
        {"event": "Refund Requested", "did": False, "at_least": 1},
    ]
    assert accept([Wanted("cohort", "buyers", spec)], Inventory({}))
    question = asked[-1][1]
    assert (question["ask"], question["cohort"], "since" in question) == ("cohort", "buyers", False)
    page.get_by_role("button", name="3 users are in buyers").click()
    expect(page.get_by_role("link", name="ada")).to_be_visible()
    page.get_by_role("button", name="Trends", exact=True).click()
    page.get_by_role("combobox", name="Users").select_option("not in buyers")
    eventually(lambda: asked[-1][1].get("not_cohort") == "buyers")


def test_a_question_is_about_the_moment_of_the_page(visit: Visit) -> None:
    asked: list[tuple[str, dict[str, Any]]] = []
    page = visit(answering(asked), path="/#/explore?ask=paths&as_of=2026-11-20T10:00:00Z")
    page.get_by_role("button", name="Page Viewed → Trial Started").click()
    expect(page.get_by_role("link", name="ada")).to_be_visible()
    assert {question.get("question", question)["as_of"] for _, question in asked} == {"2026-11-20T10:00:00.000Z"}
