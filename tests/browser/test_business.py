"""The pages Executive and Operations: figures that say what they mean, what moved them, and what is wrong now."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from fastapi.responses import JSONResponse
from playwright.sync_api import expect

from analytics.service_level import ServiceLevel
from hindcast.reports.executive import executive
from hindcast.reports.writing import Writing
from query.operations.dashboard import Operated, OperationalDashboard, operated_of
from tests.unit.query.business.words import firm

from .conftest import Visit
from .fake_live import FakeLive, FakeTopic
from .looking import live
from .scenes import server
from .test_accessibility import AXE, violations

pytestmark = pytest.mark.slow

PAID = [
    ("ann", "2026-05-20", 100_000, "small"),
    ("ben", "2026-05-19", 70_000, "small"),
    ("ann", "2026-05-28", 250_000, "large"),
    ("cat", "2026-05-27", 300_000, "large"),
]


def summaries(folder: Path, **more: Any) -> dict[str, Any]:
    """A summary as the server makes it, of a small business."""
    shop = firm(folder)
    shop.happened(*((user, "paid", at, amount, "EUR", {"plan": plan}) for user, at, amount, plan in PAID))
    shop.happened(("ann", "use", "2026-05-20"), ("ann", "use", "2026-05-28"), ("cat", "trial", "2026-05-27"),
                  ("cat", "won", "2026-05-27"))  # fmt: skip
    said = shop.summary("7d", {"title": "The firm", **more})
    about = {"spec": {"revenue": {"event": ["paid"]}}, "version": 3, "owner": "api", "at": 1.0}
    return {**said, "definition": about, "businesses": [{"name": "saas", "title": "The firm", "domain": "marketing"}]}


def operational(folder: Path) -> dict[str, Any]:
    shop, level = firm(folder), ServiceLevel()
    for status in (200, 200, 200, 500):
        level.add(shop.now - 60, 12.0, status, "GET /v1/query 500 KeyError" if status == 500 else "")
    board = OperationalDashboard(level, shop.now - 900)
    cells = [{"cell": "t/metrics/0", "host": "analyzers", "state": "halted", "detail": "no space", "rows_behind": 7,
              "commit": 3, "stale": ""}]  # fmt: skip
    node = {"node": "a", "address": "127.0.0.1", "alive": True, "cpus": 2, "object_store_bytes": 1, "memory_bytes": 1}
    ours = {"cells": cells, "nodes": [node], "actors": 1, "rows_behind": 7, "not_running": ["t/metrics/0"]}

    def read(since: int, until: int) -> Operated:
        return operated_of(shop.log, "shop", {"node a": 0.2}, since, until, 0.99)

    return {**board.generate_operational_metrics("1h", shop.now, 0.99, read), "hindcast": ours}


def answering(folder: Path, asked: list[dict[str, str]], fails: bool = False) -> FakeLive:
    fake = server()
    routes = fake.app.router.routes
    mounted = routes.pop()  # the page itself, which takes every address
    summary, health = summaries(folder / "summary"), operational(folder / "health")

    @fake.app.get("/v1/executive")
    async def executive(request: Request) -> Any:
        asked.append(dict(request.query_params))
        if fails:
            reason = "there is none: say which events mean what, with `businesses` in a configuration file"
            return JSONResponse({"error": {"field": "business", "reason": reason, "ref": "ab12"}}, 400)
        return json.loads(json.dumps(summary))

    @fake.app.get("/v1/operational")
    async def now(request: Request) -> Any:
        asked.append(dict(request.query_params))
        return json.loads(json.dumps(health))

    routes.append(mounted)
    return fake


def test_a_manager_sees_what_moved_the_revenue_and_what_a_figure_means(visit: Visit, tmp_path: Path) -> None:
    asked: list[dict[str, str]] = []
    page = visit(answering(tmp_path, asked), path="/")
    live(page)
    page.get_by_role("link", name="Executive").click()
    tile = page.locator('.tile[aria-label="Revenue"]')
    expect(tile).to_contain_text("€5,500")
    expect(tile).to_contain_text("vs €1,700 before")
    moved = page.locator(".panel", has_text="What moved it")
    expect(moved.get_by_role("row", name="large")).to_contain_text("+€5,500")
    expect(moved.locator("tbody tr").last).to_contain_text("+€3,800")
    drivers = page.locator(".panel", has_text="Revenue, by what drives it")
    drivers.get_by_text("Did not pay again").click()
    expect(drivers.get_by_role("link", name="ben")).to_be_visible()
    tile.get_by_role("button", name="€5,500").click()
    meaning = page.get_by_role("dialog", name="Revenue: what it means")
    expect(meaning).to_contain_text("paid amounts of the period, by currency, never mixed")
    expect(meaning).to_contain_text("version 1")
    expect(meaning.get_by_role("link", name="paid")).to_be_visible()
    page.keyboard.press("Escape")
    expect(meaning).to_be_hidden()
    page.get_by_role("button", name="Last month").click()
    expect(page).to_have_url(re.compile("period=last_month"))
    expect(page.get_by_text("measured here").first).to_be_visible()
    assert asked[0]["period"] == "30d" and asked[-1]["period"] == "last_month"


def test_the_report_has_the_figures_of_the_page(visit: Visit, tmp_path: Path) -> None:
    page = visit(answering(tmp_path, []), path="/#/executive?tz=utc")
    expect(page.locator('.tile[aria-label="Revenue"]')).to_contain_text("€5,500")
    sheet = executive(summaries(tmp_path / "report"), Writing.of("en", "UTC"))
    for tile in sheet.sections[0].tiles:
        shown = page.locator(f'.tile[aria-label="{tile.title}"]')
        expect(shown.locator(".tile-value")).to_have_text(tile.value)
    moved = next(section for section in sheet.sections if section.title.endswith("by plan")).table
    assert moved is not None
    rows = page.locator(".panel", has_text="What moved it").locator("tbody tr")
    expect(rows).to_have_count(len(moved.rows))
    for i, row in enumerate(moved.rows):
        expect(rows.nth(i)).to_contain_text(row[0])
        expect(rows.nth(i)).to_contain_text(row[3])


def test_a_moment_of_the_past_and_a_range_of_its_own_are_asked_for(visit: Visit, tmp_path: Path) -> None:
    asked: list[dict[str, str]] = []
    way = "/#/executive?from=2026-05-01T00:00:00Z&to=2026-05-08T00:00:00Z&as_of=2026-05-20T12:00:00Z&tz=utc"
    page = visit(answering(tmp_path, asked), path=way)
    expect(page.locator('.tile[aria-label="Revenue"]')).to_contain_text("€5,500")
    assert asked[-1]["period"] == "1777593600/1778198400" and asked[-1]["zone"] == "UTC"
    assert asked[-1]["as_of"].startswith("2026-05-20T12:00")


def test_without_a_business_the_page_says_what_to_do(visit: Visit, tmp_path: Path) -> None:
    page = visit(answering(tmp_path, [], fails=True), path="/#/executive")
    expect(page.get_by_text("say which events mean what").first).to_be_visible()
    expect(page.get_by_role("button", name="Retry").first).to_be_visible()


def test_who_is_on_call_sees_what_fails_and_which_cell_is_behind(visit: Visit, tmp_path: Path) -> None:
    asked: list[dict[str, str]] = []
    page = visit(answering(tmp_path, asked), path="/#/operations", size=(390, 844))
    expect(page.locator('.tile[aria-label="Availability"]')).to_contain_text("burn rate 25")
    errors = page.locator(".panel", has_text="Errors, by what they are")
    expect(errors.get_by_role("row", name="GET /v1/query 500 KeyError")).to_contain_text("new")
    ours = page.locator(".panel", has_text="Hindcast itself")
    expect(ours.get_by_role("row", name="t/metrics/0")).to_contain_text("halted")
    page.get_by_role("button", name="last 15m").click()
    expect(page.get_by_role("button", name="last 15m")).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than a phone"


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed; in ui/: npm ci")
@pytest.mark.parametrize(("theme", "size"), [("dark", (1440, 900)), ("light", (390, 844))], ids=["desk", "phone"])
@pytest.mark.parametrize("way", ["executive", "operations"])
def test_nothing_keeps_anybody_from_reading_them(
    visit: Visit, tmp_path: Path, way: str, theme: str, size: tuple[int, int]
) -> None:
    page = visit(answering(tmp_path, []), path=f"/#/{way}", theme=theme, size=size)
    expect(page.locator(".tile-value").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert violations(page) == []
    if way == "executive":
        page.locator('.tile[aria-label="Revenue"]').get_by_role("button").click()
        expect(page.get_by_role("dialog")).to_be_visible()
        assert violations(page) == []


def test_the_live_views_of_the_business_follow_its_topics(visit: Visit) -> None:
    figure = {"v": 1_240_000, "prev": 1_000_000, "now": 5_000, "spark": [1, 2, 3]}
    few = {"v": 40, "prev": 50, "now": 2, "spark": [3, 2, 1]}
    metrics = {"title": "The firm", "active_users": few, "eligible": few, "converted": few,
               "revenue": {"EUR": figure}, "spend": {}}  # fmt: skip
    euros = {**figure, "payments": 7, "average": 176_357, "refunded": 0, "hours": [{"t": 1.0, "v": 5}, {"t": 2.0, "v": 6}],
             "by": [{"value": "pro", "v": 1_000_000, "prev": 0}]}  # fmt: skip
    campaign = {"campaign": "spring", "sent": 1_000, "opened": 250, "clicked": 25, "converted": 5, "open_rate": 0.25,
                "click_rate": 0.1, "spend": {"EUR": 10_000}, "cost_per_acquisition": {"EUR": 2_000.0}, "t": 1.0}  # fmt: skip
    fake = server()
    for name, data in (("business_metrics", metrics), ("revenue_tracking", {"title": "The firm", "segment": "plan",
                       "currencies": {"EUR": euros}}), ("campaign_performance", {"title": "The firm", "rows": [campaign],
                       "campaigns": 1})):  # fmt: skip
        fake.topics[name] = FakeTopic(name, "upsert", {"firm": data})
    page = visit(fake, path="/#/dashboards/business")
    expect(page.get_by_role("row", name="Revenue, The firm")).to_contain_text("€12,400")
    expect(page.get_by_role("row", name="Revenue, The firm")).to_contain_text("+24.0\u202f%")
    expect(page.get_by_role("row", name="The firm, EUR")).to_contain_text("pro: €10,000")
    expect(page.get_by_role("row", name="spring")).to_contain_text("25.0\u202f%")
    fake.push("business_metrics", {"firm": {**metrics, "revenue": {"EUR": {**figure, "v": 2_000_000}}}})
    expect(page.get_by_role("row", name="Revenue, The firm")).to_contain_text("€20,000")
