"""What the page shows: every state of its panels, the ways to read it, and the screens it fits."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from .conftest import Visit
from .fake_live import FakeLive
from .looking import live, tile, users
from .scenes import busy, first_start, server

pytestmark = pytest.mark.slow

# -- states --------------------------------------------------------------------------------------------------------------


def test_before_the_first_event_the_page_says_how_to_send_one(visit: Visit) -> None:
    page = visit(FakeLive(first_start()))
    live(page)
    expect(page.get_by_text("No events yet").first).to_be_visible()
    expect(page.locator(".command")).to_contain_text(re.compile(r"curl .*/v1/track"))
    expect(page.get_by_text("All quiet")).to_be_visible()
    assert "Infinity" not in page.inner_text("body")
    assert "NaN" not in page.inner_text("body")


def test_nothing_is_divided_by_a_period_of_zero(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    fake.push("user_activity", users(12, prev=0))
    expect(tile(page, "Active users, 5 min")).to_contain_text("vs 0")
    expect(tile(page, "Active users, 5 min")).not_to_contain_text("%")
    fake.push("user_activity", users(13, prev=None))
    expect(tile(page, "Active users, 5 min")).to_contain_text("no prior 5 min yet")


def test_a_failed_topic_names_its_reference_and_can_be_retried(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    panel = page.locator(".panel", has_text="Top events")
    expect(panel).to_contain_text("Lesson Completed")
    fake.fail("top_events", "query timed out after 5 s", "7f3a")
    expect(panel).to_contain_text("ref 7f3a")
    panel.get_by_role("button", name="Retry").click()
    expect(panel).to_contain_text("Lesson Completed")


def test_a_view_that_falls_behind_says_so_and_why_until_it_has_caught_up(visit: Visit) -> None:
    fake = FakeLive(busy())
    fake.topics["top_events"].stale = "rebuilding, 40%; shown as of 14:02"
    page = visit(fake)
    top = page.locator(".panel", has_text="Top events")
    expect(top.locator(".chip.warn")).to_contain_text("rebuilding, 40%")
    expect(top).to_have_class(re.compile("stale"))
    expect(top).to_contain_text("Lesson Completed")
    alerts = page.locator(".panel", has_text="Alerts").first
    fake.stale("alerts", "4,000,000 rows behind")
    expect(alerts.locator(".chip.warn")).to_contain_text("4,000,000 rows behind")
    fake.stale("alerts", "")
    fake.stale("top_events", "")
    expect(page.locator(".stale")).to_have_count(0)


def test_figures_that_cannot_be_drawn_cost_their_panel_only(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    panel = page.locator(".cell", has_text="Top events")
    expect(panel).to_contain_text("Lesson Completed")
    fake.push("top_events", {"rows": 7})
    expect(panel).to_contain_text("could not be drawn")
    fake.push("top_events", {"rows": [{"name": "Mended", "source": "courses", "n": 1, "prev": 1, "spark": [1]}]})
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")
    panel.get_by_role("button", name="Retry").click()
    expect(panel).to_contain_text("Mended")


def test_a_server_that_cannot_be_reached_is_told_and_found_again(visit: Visit) -> None:
    fake = FakeLive(busy())
    fake.refuse_sockets = True
    page = visit(fake)
    expect(page.get_by_text("Could not load").first).to_be_visible()
    fake.refuse_sockets = False
    live(page)
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")


def test_an_address_that_leads_nowhere_says_so(visit: Visit) -> None:
    page = visit(FakeLive(busy()), path="/#/nope")
    expect(page.get_by_text("There is no page #/nope")).to_be_visible()
    expect(page).to_have_title(re.compile("No such page"))
    page.get_by_role("link", name="Go to Home").click()
    expect(page).to_have_title(re.compile("Home"))


def test_a_quiet_system_is_not_shown_as_one_that_fails(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    fake.push("user_activity", users(0, prev=100))
    expect(tile(page, "Active users, 5 min")).to_contain_text("vs 100")
    expect(tile(page, "Active users, 5 min")).not_to_contain_text("%")
    expect(tile(page, "Active users, 5 min").locator(".bad")).to_have_count(0)


def test_a_figure_says_which_span_it_covers(visit: Visit) -> None:
    page = visit(FakeLive(busy()))
    expect(tile(page, "Events per minute")).to_contain_text(re.compile(r"to \d\d:\d\d:\d0"))


def test_events_ahead_of_the_clock_are_told_apart(visit: Visit) -> None:
    fake = FakeLive(busy())
    page = visit(fake)
    live(page)
    fake.push("user_activity", {"ahead": {"v": 3}})
    expect(page.locator(".panel", has_text="User activity")).to_contain_text("3 ahead")


def test_a_link_to_an_alert_leads_to_it(visit: Visit) -> None:
    page = visit(FakeLive(busy()), path="/#/alert/a3")
    expect(page.locator('.alerts li[data-id="a3"]')).to_be_focused()


def test_what_a_finger_taps_is_large_enough(visit: Visit) -> None:
    page = visit(FakeLive(busy()), size=(390, 844))
    live(page)
    expect(page.locator(".alerts li").first).to_be_visible()
    small = page.evaluate(
        """() => [...document.querySelectorAll("a, button, input, li[tabindex]")]
            .map((e) => [e.className || e.textContent, e.getBoundingClientRect()])
            .filter(([, box]) => box.width > 0 && box.bottom > 0 && (box.width < 44 || box.height < 44))
            .map(([name, box]) => `${name}: ${box.width} x ${box.height}`)"""
    )
    assert small == []


def test_the_page_of_the_api_asks_nobody_else(visit: Visit) -> None:
    page = visit(FakeLive(busy()), path="/docs/index.html")
    expect(page.locator(".opblock").first).to_be_visible()
    expect(page.get_by_text("/v1/session")).to_be_visible()


# -- reading -------------------------------------------------------------------------------------------------------------


def test_the_chart_is_read_with_the_arrow_keys_and_as_a_table(visit: Visit) -> None:
    page = visit(FakeLive(busy()))
    live(page)
    chart = page.get_by_label(re.compile("Events per 10.s"))
    chart.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tip")).to_contain_text("still open")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".tip")).to_contain_text("Expected")
    page.get_by_label("User activity: view as table").click()
    rows = page.get_by_role("region", name=re.compile("Events per 10.s")).locator("tbody tr")
    expect(rows).to_have_count(360)
    page.keyboard.press("[")
    expect(rows).to_have_count(90)
    page.keyboard.press("]")
    expect(rows).to_have_count(360)
    expect(page.locator("td .anomaly").first).to_be_visible()


def test_the_theme_is_switched_and_remembered(visit: Visit) -> None:
    page = visit(FakeLive(busy()), theme="light")
    assert page.locator("html").get_attribute("data-theme") == "light"
    page.keyboard.press("t")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_help_lists_the_keys(visit: Visit) -> None:
    page = visit(FakeLive(busy()))
    live(page)
    page.keyboard.press("?")
    for key in ("P", "T", "J", "A", "["):
        expect(page.locator("dialog kbd", has_text=re.compile(f"^{re.escape(key)}$"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_be_hidden()


@pytest.mark.parametrize("width", [320, 390, 640, 1024, 1440])
@pytest.mark.parametrize(("scene", "seen"), [(busy, "Ingest lag above 500 ms"), (first_start, "No events yet")])
def test_no_width_scrolls_sideways(visit: Visit, width: int, scene: Any, seen: str) -> None:
    page = visit(FakeLive(scene()), size=(width, 800))
    live(page)
    expect(page.get_by_text(seen).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_fits_a_laptop_screen(visit: Visit) -> None:
    page = visit(server(), size=(1440, 900))
    live(page)
    expect(page.locator(".alerts li").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollHeight") <= 900


def test_nothing_moves_for_those_who_asked_for_that(visit: Visit) -> None:
    page = visit(FakeLive(busy()))
    animation = """() => {
        const skeleton = document.body.appendChild(document.createElement("div"));
        skeleton.className = "skeleton";
        skeleton.innerHTML = "<i></i>";
        return getComputedStyle(skeleton.firstChild).animationName;
    }"""
    assert page.evaluate(animation) == "shimmer"
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(animation) == "none"
