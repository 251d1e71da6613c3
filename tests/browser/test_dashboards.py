"""A dashboard made by hand: widgets added, dragged, resized, undone, saved; conflicts, versions, links and their readers."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from fastapi import Request
from playwright.sync_api import Page, expect

from .conftest import Visit
from .fake_live import FakeLive, definition
from .looking import eventually, live, tile
from .scenes import server
from .shop_scene import orders
from .test_accessibility import AXE, violations
from .test_explore import ANSWERS
from .test_widgets import panel

pytestmark = pytest.mark.slow

FUNNEL = {"ask": "funnel", "steps": ["Page Viewed", "Course Purchased"], "window": "7d"}
BY_PLAN = {"ask": "trends", "series": [{"measure": "count"}], "breakdown": "plan"}
WIDGETS: list[dict[str, Any]] = [
    {"id": "rate", "type": "number", "title": "Conversion", "question": FUNNEL},
    {"id": "people", "type": "number", "title": "Users", "question": {"ask": "users"}},
    {"id": "load", "type": "gauge", "title": "Orders of the day", "topic": "orders",
     "options": {"value": "today.n", "max": 1000, "warn": 800, "crit": 950}},
    {"id": "parts", "type": "stacked", "title": "By plan", "question": BY_PLAN},
    {"id": "steps", "type": "funnel", "title": "To a purchase", "question": FUNNEL},
    {"id": "back", "type": "retention", "title": "Who comes back", "question": {"ask": "retention"}},
    {"id": "slow", "type": "table", "title": "Slow pages", "query": "slow pages"},
    {"id": "when", "type": "heatmap", "title": "Pages by hour", "query": "pages by hour"},
    {"id": "week", "type": "heatmap", "title": "Revenue by hour", "metric": "revenue"},
]  # fmt: skip
FULL = {"name": "full", "spec": {"name": "Growth", "layout": "grid", "widgets": WIDGETS,
        "filters": [{"field": "plan", "values": ["pro", "team"]}, {"field": "source"}]}}  # fmt: skip
SERIES = [
    {"name": "any event", "breakdown": plan, "total": total,
     "points": [{"bucket": f"2026-11-2{i}T00:00:00Z", "value": total // 8 + i * step, "complete": True} for i in range(8)]}
    for plan, total, step in (("pro", 400, 6), ("team", 240, -3), ("free", 120, 2))
]  # fmt: skip
OTHER = {"series": SERIES}


def full() -> FakeLive:
    """A server with a dashboard of the kinds that ask questions and run queries."""
    now = time.time()
    fake = server(now)
    fake.topics |= {topic.name: topic for topic in orders(now)}
    fake.only(FULL, {"name": "wall", "spec": {"name": "The wall", "layout": "grid", "widgets": WIDGETS[:3]}})
    held = fake.topics["definitions"].data
    for i, (name, sql) in enumerate(
        [("slow pages", "SELECT page, ms FROM pages WHERE time >= $since"), ("pages by hour", "x")]
    ):
        held[f"query/{name}"] = definition("query", name, {"name": name, "sql": sql, "about": ""}, 800 + i)
    fake.answers = {
        "FROM pages": [["/checkout", 840.0], ["/cart", 310.0]],
        "metrics_latest": [[day, hour, 5.0, 100.0 * (day + hour)] for day in range(7) for hour in range(24)],
        "SELECT 'events' AS what": [["events", 12_840, 11_200, 930], ["refused", 12, 3, 12]],
        "ILIKE": [["user", "revenant@example.org", 41], ["event", "Report Opened", 12]],
        "FROM alerts": [["al1", "Many refunds", 2, "alert.fired", "refunds.count is 31, above 20"]],
        "SELECT 'event' AS what": [],
        "x": [["/", "08", 14], ["/", "09", 61], ["/cart", "08", 2], ["/cart", "09", 22]],
    }
    fake.columns = {"FROM pages": [("page", "VARCHAR"), ("ms", "DOUBLE")], "ILIKE": [], "metrics_latest": []}
    fake.columns["x"] = [("page", "VARCHAR"), ("hour", "VARCHAR"), ("n", "BIGINT")]
    fake.annotations = [
        {"id": "r21", "time": 1_795_219_200 - 86_400 * 3, "title": "Release 2.1", "kind": "release", "about": "", "link": "",
         "dashboard": "", "author": "ada"}
    ]  # fmt: skip
    fake.keys = [
        {"id": "key_1", "name": "website", "scopes": ["ingest"], "source": "website", "created": now, "expires": None},
        {
            "id": "ses_1",
            "name": "page",
            "scopes": ["control", "query"],
            "source": "x",
            "created": now,
            "expires": now + 9e5,
        },
    ]
    everything = ANSWERS | {"trends": OTHER}
    routes = fake.app.router.routes
    mounted = routes.pop()  # the page itself, which takes every address

    @fake.app.post("/v1/questions")
    async def ask(request: Request) -> dict[str, Any]:
        question = await request.json()
        fake.asked.append(("/v1/questions", question))
        return {"warnings": [], "elapsed_ms": 3.0, "asked_at": 1.0, "cut": {}, **everything[question["ask"]]}

    @fake.app.get("/v1/models")
    async def no_models() -> dict[str, Any]:
        return {"models": [], "as_of": ""}

    @fake.app.get("/v1/experiments")
    async def no_runs() -> dict[str, Any]:
        return {"experiments": [], "as_of": ""}

    routes.append(mounted)
    view: dict[str, Any] = {"title": "For the board", "metrics": {}, "filtered": ["plan"]}
    view["dashboards"] = [{"id": "full", "name": "Growth", "layout": "grid", "widgets": WIDGETS}]
    fake.shared = view | {"expires": now + 86_400, "every_s": 30, "range": None}
    fake.shared_answers = {
        "rate": ANSWERS["funnel"], "people": ANSWERS["users"], "parts": OTHER, "steps": ANSWERS["funnel"],
        "back": ANSWERS["retention"], "week": {"columns": [], "rows": fake.answers["metrics_latest"]},
        "slow": {"columns": [{"name": "page", "type": "VARCHAR"}, {"name": "ms", "type": "DOUBLE"}], "rows":
                 [["/pro", 8.0]]},
        "when": {"columns": [{"name": n, "type": "VARCHAR"} for n in ("page", "hour", "n")], "rows": fake.answers["x"]},
    }  # fmt: skip
    return fake


def frame(page: Page, title: str) -> Any:
    return page.locator(".frame", has=page.get_by_label(f"Options of {title}", exact=True))


def places(fake: FakeLive) -> dict[str, tuple[int, int, int, int]]:
    return {p["widget"]: (p["x"], p["y"], p["w"], p["h"]) for p in fake.saved[-1]["spec"]["layout"]}


def test_a_dashboard_is_made_moved_undone_and_saved_by_hand(visit: Visit) -> None:
    fake = full()
    page = visit(fake, path="/#/new-dashboard")
    page.get_by_role("button", name="Add widget").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Number").click()
    page.get_by_label("Title", exact=True).fill("Money")
    page.get_by_label("Metric", exact=True).select_option("revenue")
    page.get_by_role("button", name="Add widget").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Text").click()
    page.get_by_label("Title", exact=True).fill("Notes")
    expect(frame(page, "Notes")).to_be_visible()
    moved = frame(page, "Notes")
    moved.focus()
    moved.press("Shift+ArrowRight")
    expect(moved).to_have_attribute("aria-label", _with("5 wide"))
    page.keyboard.press("Control+z")
    expect(moved).to_have_attribute("aria-label", _with("4 wide"))
    page.keyboard.press("Control+Shift+z")
    expect(moved).to_have_attribute("aria-label", _with("5 wide"))
    handle = moved.locator(".frame-corner").bounding_box()
    assert handle is not None
    page.mouse.move(handle["x"] + 12, handle["y"] + 12)
    page.mouse.down()
    page.mouse.move(handle["x"] + 12, handle["y"] + 160, steps=4)
    page.mouse.up()
    page.get_by_label("Name of the dashboard").fill("Sales & more")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Sales & more is saved.")).to_be_visible()
    assert fake.saved[-1]["name"] == "sales-more"
    assert [w["type"] for w in fake.saved[-1]["spec"]["widgets"]] == ["number", "text"]
    assert fake.saved[-1]["spec"]["widgets"][0] | {"id": ""} == {
        "id": "",
        "type": "number",
        "title": "Money",
        "metric": "revenue",
    }
    assert places(fake)["text"][2] == 5 and places(fake)["text"][3] > 4
    expect(page.get_by_role("link", name="Sales & more")).to_be_visible()


def _with(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text))


def test_a_widget_is_dragged_and_others_make_room(visit: Visit) -> None:
    fake = full()
    page = visit(fake, path="/#/dashboards/wall/edit")
    box = frame(page, "Conversion").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 40, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] + 60, box["y"] + 40, steps=5)
    page.mouse.up()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("The wall is saved.")).to_be_visible()
    made = places(fake)
    assert made["rate"][0] > 0
    for one in made.values():
        for other in made.values():
            apart = one[0] + one[2] <= other[0] or other[0] + other[2] <= one[0]
            assert one == other or apart or one[1] + one[3] <= other[1] or other[1] + other[3] <= one[1]


def test_what_somebody_else_saved_meanwhile_is_said_and_not_overwritten(visit: Visit) -> None:
    fake = full()
    page = visit(fake, path="/#/dashboards/wall/edit")
    page.get_by_label("Name of the dashboard").fill("Mine")
    fake.define("dashboard", "wall", {"id": "wall", "name": "Theirs", "layout": "grid", "widgets": []})
    expect(page.get_by_text("saved another version while you were editing")).to_be_visible()
    expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    page.get_by_role("button", name="Save mine over it").click()
    expect(page.get_by_text("Mine is saved.")).to_be_visible()
    assert fake.saved[-1]["spec"]["name"] == "Mine"


def test_an_earlier_version_is_compared_and_brought_back(visit: Visit) -> None:
    fake = full()
    fake.versions["dashboard/wall"] = [
        definition(
            "dashboard",
            "wall",
            {"id": "wall", "name": "As it was", "layout": "grid", "widgets": WIDGETS[:1]},
            7,
            by="grace",
        )
    ]
    page = visit(fake, path="/#/dashboards/wall/edit")
    page.get_by_role("button", name="Versions").click()
    expect(page.get_by_role("dialog")).to_contain_text("by grace")
    page.get_by_role("dialog").get_by_role("button", name="Bring back").last.click()
    expect(page.get_by_label("Name of the dashboard")).to_have_value("As it was")
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Discard").last.click()
    expect(page.locator("h1")).to_have_text("The wall")
    assert fake.saved == []


def test_what_a_file_declares_is_saved_as_a_copy(visit: Visit) -> None:
    fake = full()
    fake.topics["definitions"].data["dashboard/wall"]["owner"] = "file:shop.yaml"
    page = visit(fake, path="/#/dashboards/wall/edit")
    expect(page.get_by_text("stands in the file shop.yaml")).to_be_visible()
    page.get_by_role("button", name="Save the copy").click()
    expect(page.get_by_text("The wall, copy is saved.")).to_be_visible()
    assert fake.saved[-1]["name"] == "wall-copy"


def test_questions_and_queries_are_drawn_and_filtered(visit: Visit) -> None:
    fake = full()
    page = visit(fake, path="/#/dashboards/full?range=7d")
    expect(tile(page, "Conversion")).to_contain_text("50.0\u202f%")
    expect(page.get_by_role("img", name="Orders of the day: 854, worth a look")).to_be_visible()
    expect(panel(page, "To a purchase")).to_contain_text("200 of 400 went all the way")
    expect(panel(page, "Slow pages").locator("tbody tr").first).to_contain_text("/checkout")
    expect(panel(page, "Pages by hour").locator("table.matrix tbody tr")).to_have_count(2)
    page.get_by_role("form", name="Filters").get_by_label("Plan").select_option("pro")
    eventually(
        lambda: any(
            {"name": "plan", "value": "pro"} in q.get("where", []) for path, q in fake.asked if path == "/v1/questions"
        )
    )
    eventually(lambda: any('CAST("plan" AS VARCHAR)' in str(q.get("sql")) for _, q in fake.asked))
    expect(panel(page, "Revenue by hour").get_by_text("not filtered")).to_be_visible()
    statements = [q["sql"] for path, q in fake.asked if path == "/v1/query" and "FROM pages" in q["sql"]]
    assert all("$since" not in sql and "to_timestamp(" in sql for sql in statements)


def test_a_link_is_made_listed_and_revoked(visit: Visit) -> None:
    fake = full()
    page = visit(fake, path="/#/dashboards/full")
    page.get_by_role("button", name="Share").click()
    page.get_by_label("For whom").fill("The board")
    page.get_by_text("Only some rows").click()
    page.get_by_label("Property", exact=True).fill("plan")
    page.get_by_label("Value", exact=True).fill("pro")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_label("The link", exact=True)).to_have_value(_with("/shared/hcs_token"))
    assert fake.shares[0]["filter"] == {"plan": "pro"} and fake.shares[0]["expires"] > time.time() + 6 * 86_400
    page.get_by_role("button", name="Revoke the link The board").click()
    eventually(lambda: fake.shares == [])


def test_a_link_shows_its_dashboard_and_asks_nothing_else(visit: Visit) -> None:
    fake = full()
    page = visit(fake, path="/shared/hcs_token")
    expect(page.locator("h1")).to_have_text("For the board")
    expect(panel(page, "Slow pages").locator("tbody tr").first).to_contain_text("/pro")
    expect(page.locator(".rail")).to_have_count(0)
    asked = [(path, q) for path, q in fake.asked if path != "/v1/shared/answer"]
    assert asked == []
    assert {q["widget"] for path, q in fake.asked if path == "/v1/shared/answer"} >= {"rate", "slow", "steps"}


def test_a_links_live_views_stay_live_over_any_range(visit: Visit) -> None:
    """They cannot ask the log over a longer range, as a session's page does: they go on, and say of what they are."""
    fake = full()
    assert fake.shared is not None
    live_views = ("user_activity", "top_events", "system_health", "heat", "ingest")
    fake.shared["dashboards"][0]["widgets"] = [{"id": each, "type": each} for each in live_views]
    page = visit(fake, path="/shared/hcs_token#/?range=7d")
    expect(panel(page, "Top events")).to_contain_text("last 1h")
    expect(panel(page, "User activity")).to_contain_text("events per 10")
    page.wait_for_timeout(500)
    assert [(path, q) for path, q in fake.asked if path != "/v1/shared/answer"] == []
    expect(page.get_by_text("This link has ended")).to_have_count(0)


def test_a_link_that_has_ended_says_so(visit: Visit) -> None:
    fake = full()
    fake.shared = None
    page = visit(fake, path="/shared/hcs_token")
    expect(page.get_by_role("alert")).to_contain_text("This link has ended")


def test_the_palette_finds_and_goes_there(visit: Visit) -> None:
    fake = full()
    page = visit(fake, path="/#/home")
    live(page)
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox")
    box.fill("reven")
    expect(page.get_by_role("option", name="revenue Metrics")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("option", name="revenant@example.org")).to_be_visible()
    box.press("Enter")
    expect(page.locator("h1")).to_have_text("revenue")


def test_home_says_what_changed_in_sentences_with_numbers(visit: Visit) -> None:
    page = visit(full(), path="/#/home")
    said = page.get_by_role("list", name="What changed")
    expect(said).to_contain_text("12,840 events of 930 users came in")
    expect(said).to_contain_text("+14.6\u202f% against 11,200")
    expect(said).to_contain_text("Many refunds fired 2 times, and is open")
    said.get_by_role("link", name="12 rows were refused").click()
    expect(page.locator("h1")).to_have_text("Sources")


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed; in ui/: npm ci")
@pytest.mark.parametrize(
    "look", [("dark", (1440, 900)), ("light", (390, 844)), ("light", (768, 1024))], ids=["desk", "phone", "tablet"]
)
def test_no_violation_on_the_new_pages(visit: Visit, look: tuple[str, tuple[int, int]]) -> None:
    theme, size = look
    page = visit(full(), path="/#/dashboards/full", theme=theme, size=size)
    found: list[str] = []
    for path, ready in (
        ("/#/dashboards/full?range=7d", lambda: panel(page, "Slow pages").locator("tbody tr").first),
        ("/#/dashboards/full/edit", lambda: frame(page, "Slow pages")),
        ("/#/home", lambda: page.get_by_role("list", name="What changed")),
        ("/#/settings", lambda: page.get_by_role("region", name="Keys", exact=True)),
        ("/#/models", lambda: page.get_by_text("No model yet")),
    ):
        page.evaluate("where => { location.hash = where }", path[1:])
        expect(ready()).to_be_visible()
        if "edit" in path:
            frame(page, "Orders of the day").press("Enter")
            expect(page.get_by_label("Scale ends at")).to_be_visible()
        page.wait_for_load_state("networkidle")
        found += [f"{path}: {each}" for each in violations(page)]
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox")).to_be_visible()
    found += violations(page)
    assert found == []
