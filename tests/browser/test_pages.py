"""Dashboards as they are defined, the time range that every link carries, and the pages behind tiles, events and alerts."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Page, expect

from .conftest import Visit
from .fake_live import FakeLive
from .looking import live, tile
from .scenes import busy, server
from .shop_scene import shop
from .test_accessibility import AXE, violations

pytestmark = pytest.mark.slow

PAGES = {
    "insights": "/#/insights",
    "sources": "/#/sources",
    "explore": "/#/explore",
    "SQL": "/#/sql?q=SELECT%201",
    "a kept query": "/#/sql/What%20happens%20most",
    "events": "/#/events",
    "event": "/#/events/e118?at=main/user_interactions/0@118",
    "user": "/#/users/user-1@example.org",
    "alert": "/#/alerts/a1",
    "metric": "/#/metrics/revenue?aggregate=sum&unit=money",
    "stream": "/#/streams/late_rows",
    "system": "/#/dashboards/system",
    "metric's events": "/#/events?metric=revenue&key=EUR",
    "definitions": "/#/definitions",
    "definition": "/#/definitions/rule/CPU%20is%20busy",
    "7 days": "/#/dashboards/overview?range=7d",
    "shop": "/#/dashboards/shop",
    "topic": "/#/topics/orders",
}


# -- dashboards ----------------------------------------------------------------------------------------------------------


def test_the_business_stands_on_the_first_page(visit: Visit) -> None:
    page = visit(server())
    expect(tile(page, "Revenue")).to_contain_text(re.compile("€[0-9,]+"))
    expect(tile(page, "Revenue")).to_contain_text("+ $")
    for title in ("Sign-ups", "Enrolments", "Trials"):
        expect(tile(page, title)).to_contain_text("prior 1h")


def test_tiles_of_one_moment_are_asked_for_in_one_question(visit: Visit) -> None:
    fake = server()
    page = visit(fake)
    expect(tile(page, "Trials")).to_contain_text("prior 1h")
    assert len([path for path, _ in fake.asked if path == "/v1/query"]) == 1


def test_a_dashboard_is_drawn_as_it_is_defined(visit: Visit) -> None:
    fake = FakeLive(busy())
    spec = {
        "name": "The shop",
        "layout": [{"widget": "t", "x": 6, "y": 0, "w": 6, "h": 5}, {"widget": "n", "x": 0, "y": 0, "w": 6, "h": 5}],
        "widgets": [{"id": "t", "type": "top_events", "title": "What sells"}, {"id": "n", "type": "novel"}],
    }
    fake.only({"name": "shop", "spec": spec})
    page = visit(fake)
    expect(page).to_have_title(re.compile("The shop"))
    expect(page.locator(".panel", has_text="What sells")).to_contain_text("Lesson Completed")
    expect(page.get_by_text("This page knows no widget of type novel")).to_be_visible()
    left, right = page.get_by_text("knows no widget").bounding_box(), page.get_by_text("What sells").bounding_box()
    assert left and right and left["x"] < right["x"]


def test_a_question_that_fails_says_so_in_its_tile_and_can_be_asked_again(visit: Visit) -> None:
    fake = server()
    rows = fake.answers["FROM metrics_latest"]
    fake.answers["FROM metrics_latest"] = 503
    page = visit(fake)
    expect(tile(page, "Revenue")).to_contain_text("ref 7f3a")
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")
    fake.answers["FROM metrics_latest"] = rows
    tile(page, "Revenue").get_by_role("button", name="Retry").click()
    expect(tile(page, "Revenue")).to_contain_text("€")


def test_late_rows_are_told_and_can_be_seen(visit: Visit) -> None:
    fake = server()
    page = visit(fake)
    live(page)
    expect(page.locator(".strip-note")).to_have_count(0)
    fake.push("late_rows", {"events": {"rows": 3, "behind_s": 150.2, "t": time.time()}})
    expect(page.locator(".strip-note")).to_contain_text("3 rows came too late for events, up to 2\u202fm behind")
    page.get_by_role("link", name="See them").click()
    expect(page.get_by_role("region", name="Rows of late_rows, newest first").locator("tbody tr")).to_have_count(3)


# -- the time range ------------------------------------------------------------------------------------------------------


def test_the_range_is_in_the_address_and_every_link_carries_it(visit: Visit) -> None:
    fake = server()
    page = visit(fake)
    live(page)
    page.keyboard.press("r")
    page.get_by_role("dialog", name="Time range").get_by_role("button", name="24h").click()
    expect(tile(page, "Trials")).to_contain_text("prior 24h")
    assert "range=24h" in page.url
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Events", exact=True).click()
    assert "range=24h" in page.url
    expect(page.get_by_role("region", name="Events, newest first")).to_be_visible()
    assert [asked["since"] for path, asked in fake.asked if path == "/v1/interactions"][-1] == "24h"
    page.go_back()
    page.go_back()
    expect(tile(page, "Trials")).to_contain_text("prior 1h")


def test_two_moments_of_ones_own_in_utc(visit: Visit) -> None:
    fake = server()
    page = visit(fake, path="/#/events?tz=utc")
    live(page)
    page.keyboard.press("r")
    page.get_by_label("From").fill("2026-03-01T10:00")
    page.get_by_label("To").fill("2026-03-01T09:00")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("alert")).to_contain_text("before the start")
    page.get_by_label("To").fill("2026-03-01T12:00")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_role("button", name="Time range")).to_contain_text("1 Mar, 10:00")
    assert "from=2026-03-01T10%3A00%3A00.000Z" in page.url
    expect(page.locator("tbody tr").first).to_be_visible()
    asked = [asked for path, asked in fake.asked if path == "/v1/interactions"][-1]
    assert (asked["since"], asked["until"]) == ("1772359200", "1772366400")


def test_a_page_that_cannot_answer_a_range_says_so(visit: Visit) -> None:
    page = visit(server(), path="/#/definitions")
    live(page)
    page.keyboard.press("r")
    expect(page.get_by_role("dialog", name="Time range")).to_contain_text("shows what is there now")


# -- events --------------------------------------------------------------------------------------------------------------


def test_events_are_filtered_and_the_address_holds_the_filter(visit: Visit) -> None:
    fake = server()
    page = visit(fake, path="/#/events")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(120)
    page.get_by_label("Event", exact=True).fill("Trial Started")
    trials = len([event for event in fake.events if event["type"] == "Trial Started"])
    expect(rows).to_have_count(trials)
    assert "type=Trial+Started" in page.url
    page.get_by_label("Text").fill("no such text")
    expect(page.get_by_text("No event matches")).to_be_visible()
    page.get_by_role("link", name="Clear all filters").click()
    expect(rows).to_have_count(120)


def test_new_events_appear_by_themselves(visit: Visit) -> None:
    fake = server()
    page = visit(fake, path="/#/events")
    expect(page.locator("tbody tr")).to_have_count(120)
    fake.events.insert(0, {**fake.events[0], "id": "new", "type": "Certificate Earned", "offset": 121})
    expect(page.locator("tbody tr").first).to_contain_text("Certificate Earned")


def test_an_event_opens_and_leads_to_its_users_timeline(visit: Visit) -> None:
    fake = server()
    page = visit(fake, path="/#/events")
    first = fake.events[0]
    page.locator("tbody tr").first.get_by_role("link").first.click()
    expect(page.locator(".facts")).to_contain_text(first["id"])
    expect(page.locator(".facts")).to_contain_text("240\u202fms later")
    expect(page.locator('.timeline [aria-current="true"]')).to_contain_text(first["type"])
    page.get_by_role("link", name="Whole timeline").click()
    mine = [event for event in fake.events if event["subject"] == first["subject"]]
    expect(page.locator(".timeline li")).to_have_count(len(mine))
    expect(page.locator(".timeline")).to_contain_text("without an event")


# -- what is behind a figure ---------------------------------------------------------------------------------------------


def test_a_tile_opens_its_metric(visit: Visit) -> None:
    page = visit(server())
    tile(page, "Revenue").click()
    expect(page.get_by_role("heading", name="revenue", level=1)).to_be_visible()
    expect(page.locator(".u-legend")).to_contain_text("EUR")
    expect(page.get_by_role("region", name="Series of revenue")).to_contain_text("$")


def test_an_alert_opens_its_life(visit: Visit) -> None:
    page = visit(server())
    page.locator('.alerts li[data-id="a1"] .what').click()
    life = page.get_by_role("region", name="Life of the alert")
    expect(life).to_contain_text("fired")
    page.get_by_role("link", name="revenue", exact=True).click()
    page.wait_for_url(re.compile("/metrics/revenue"))
    assert "from=" in page.url
    page.go_back()
    page.locator(".two").get_by_role("link", name="Events", exact=True).click()
    expect(page.get_by_role("region", name="Events of a metric")).to_contain_text("series EUR")


def test_a_phone_reaches_every_page(visit: Visit) -> None:
    page = visit(server(), size=(390, 844))
    live(page)
    page.get_by_role("button", name="More").click()
    page.get_by_role("dialog", name="All pages").get_by_role("link", name="System").click()
    expect(tile(page, "Events, total")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_insights_say_what_moves_and_lead_to_what_it_rests_on(visit: Visit) -> None:
    fake = server()
    page = visit(fake, path="/#/insights")
    live(page)
    found = page.get_by_role("list", name="Findings").get_by_role("listitem")
    expect(found).to_have_count(3)
    expect(found.first).to_contain_text("events.count rises by 21 %")
    expect(found.first).to_contain_text("slope 360 an hour (291 to 421)")
    expect(page.get_by_label("Still learning")).to_contain_text("trials.count")
    found.filter(has_text="move together").get_by_role("link", name="api_errors", exact=True).click()
    page.wait_for_url(re.compile("/metrics/api_errors"))
    page.go_back()
    for key in ("a", "b", "c", "d"):
        fake.push("insights", {key: None})
    expect(page.get_by_text("Nothing moves beyond chance")).to_be_visible()


def test_forecasts_say_what_comes_next_with_a_chart_and_what_is_missing(visit: Visit) -> None:
    fake = server()
    page = visit(fake, path="/#/insights")
    live(page)
    found = page.get_by_role("list", name="Forecasts").get_by_role("listitem")
    expect(found).to_have_count(2)
    expect(found.first).to_contain_text("52 expected next, 41 to 63")
    expect(found.first).to_contain_text("off by 3.2 on average so far (−20.0 % beside the last season again)")
    expect(found.first.get_by_role("application", name="Forecast of events.count")).to_be_visible()
    expect(found.last).to_contain_text("7 steps are known")
    fake.push("forecasts", {"events.count\t": None, "trials.count\t": None})
    expect(page.get_by_text("The first forecasts are being made")).to_be_visible()


# -- every page ----------------------------------------------------------------------------------------------------------


def everything() -> FakeLive:
    """The demo's dashboards, and the one that draws a package's topics."""
    fake, more = server(), shop()
    fake.topics |= {name: topic for name, topic in more.topics.items() if name not in fake.topics}
    fake.topics["definitions"].data |= {
        key: held for key, held in more.topics["definitions"].data.items() if key == "dashboard/shop"
    }
    fake.define("query", "What happens most", {"name": "What happens most", "sql": "SELECT kept FROM metrics"})
    fake.answers["SELECT kept"], fake.columns["SELECT kept"] = (
        [["a", 1.5], ["b", 2]],
        [("a", "VARCHAR"), ("b", "DOUBLE")],
    )
    return fake


def shown(page: Page) -> None:
    live(page)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    page.wait_for_timeout(300)


@pytest.mark.parametrize("name", PAGES)
def test_no_page_scrolls_sideways(visit: Visit, name: str) -> None:
    page = visit(everything(), path=PAGES[name], size=(1440, 900))
    shown(page)
    for width in (320, 390, 768, 1440):
        page.set_viewport_size({"width": width, "height": 844})
        fits = "width => document.documentElement.scrollWidth <= width"  # charts take their new width a moment later
        page.wait_for_function(fits, arg=width)


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed; in ui/: npm ci")
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_violation_on_any_page(visit: Visit, theme: str) -> None:
    fake = everything()
    for name, path in {"overview": "/", **PAGES}.items():
        page = visit(fake, path=path, theme=theme)
        shown(page)
        assert violations(page) == [], name
        page.keyboard.press("r")
        assert violations(page) == [], f"{name} with the range open"
        page.set_viewport_size({"width": 390, "height": 844})
        assert violations(page) == [], f"{name} on a phone"
        page.close()
