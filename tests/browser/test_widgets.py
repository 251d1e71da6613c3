"""Widgets that draw any topic as its dashboard says: what they show, and what they say where the two do not fit."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Visit
from .fake_live import FakeLive, FakeTopic
from .looking import live, tile
from .shop_scene import shop, widget

pytestmark = pytest.mark.slow


def panel(page: Page, title: str) -> Locator:
    return page.locator(".cell", has=page.get_by_role("heading", name=title, exact=True))


def drawing(*widgets: dict[str, Any]) -> FakeLive:
    fake = shop()
    fake.only({"name": "mine", "spec": {"name": "Mine", "layout": "grid", "widgets": list(widgets)}})
    return fake


def test_numbers_are_written_as_their_dashboard_says_and_follow_their_topic(visit: Visit) -> None:
    fake = shop()
    page = visit(fake)
    expect(tile(page, "Orders today")).to_contain_text("854")
    expect(tile(page, "Orders today")).to_contain_text("+8.1\u202f%")
    expect(tile(page, "Worth")).to_contain_text("€12,843")
    expect(tile(page, "Late")).to_contain_text("2.7\u202f%")
    expect(tile(page, "To the door")).to_contain_text("1\u202fm 32\u202fs")
    expect(tile(page, "Oven")).to_contain_text("°C")
    fake.push("orders", {"today": {"n": 1001, "worth": 5, "late": 0.5, "median_s": 0.25}})
    expect(tile(page, "Orders today")).to_contain_text("1,001")
    expect(tile(page, "Worth")).to_contain_text("€0.05")
    expect(tile(page, "To the door")).to_contain_text("250\u202fms")


def test_a_number_leads_to_the_topic_behind_it(visit: Visit) -> None:
    page = visit(shop())
    tile(page, "Orders today").get_by_role("link").click()
    expect(page.get_by_role("region", name="Data of orders")).to_contain_text('"n": 854')


def test_rows_are_drawn_as_bars_tables_and_lists(visit: Visit) -> None:
    fake = shop()
    page = visit(fake)
    bars = panel(page, "By city").locator(".bars li")
    expect(bars).to_have_text(["Lisbon412", "Porto305", "Braga96", "Faro41"])
    lengths = [bar.evaluate("li => li.querySelector('i').clientWidth") for bar in bars.all()]
    assert lengths[1] / lengths[0] == pytest.approx(305 / 412, abs=0.02)
    rows = panel(page, "Cities").locator("tbody tr")
    expect(rows.first).to_have_text("Braga965.1\u202f%")
    expect(panel(page, "Newest orders").locator("li").first).to_contain_text("2 books")
    expect(panel(page, "Newest orders").locator("li").first).to_contain_text("€49.00")
    couriers = panel(page, "Couriers").locator("tbody tr")
    expect(couriers).to_have_count(2)
    fake.push("couriers", {"mary": {"deliveries": 20, "last": time.time()}, "ada": None})
    expect(couriers.filter(has_text="mary")).to_contain_text("20")
    expect(couriers.filter(has_text="ada")).to_have_count(0)
    panel(page, "By city").get_by_title("View as table").click()
    expect(panel(page, "By city").locator("tbody tr").first).to_contain_text("Lisbon")


def test_users_in_a_list_lead_to_their_timelines(visit: Visit) -> None:
    page = visit(shop())
    panel(page, "Newest orders").locator("li").first.click()
    page.wait_for_url("**/users/user-0%40example.org*")


def test_lines_have_a_legend_with_the_newest_values_and_keep_to_the_range(visit: Visit) -> None:
    now = time.time()
    fake = drawing(widget("k", "line", "Kitchen", "kitchen"), widget("o", "line", "Old", "old", y=["n"]))
    fake.topics["old"] = FakeTopic("old", "append", {"t": [now - 10_000, now - 9_000], "n": [1, 2]}, cap=9)
    page = visit(fake)
    live(page)
    newest = str(fake.topics["kitchen"].data["oven"][-1]).split(".")[0]
    expect(panel(page, "Kitchen").locator(".u-legend")).to_contain_text(newest)
    expect(panel(page, "Old")).to_contain_text("Nothing in this range")
    page.keyboard.press("]")
    expect(panel(page, "Old").locator("canvas")).to_be_visible()


def test_a_metric_is_drawn_as_lines_and_bars_over_the_range(visit: Visit) -> None:
    page = visit(shop())
    expect(panel(page, "Revenue").locator(".u-legend")).to_contain_text("EUR")
    bars = panel(page, "Revenue by currency").locator(".bars li")
    expect(bars).to_have_count(2)
    bars.first.click()
    expect(page.get_by_role("region", name="Events of a metric")).to_contain_text("revenue counts, series EUR")


def test_a_text_is_paragraphs_with_links_and_nothing_else(visit: Visit) -> None:
    says = "One <b>bold</b> word.\n\n[Docs](https://example.org/x) and [bad](javascript:alert(1))."
    page = visit(drawing(widget("t", "text", "Words", text=says)))
    words = panel(page, "Words")
    expect(words.locator("p")).to_have_count(2)
    expect(words).to_contain_text("<b>bold</b>")
    expect(words.get_by_role("link")).to_have_count(1)
    expect(words.get_by_role("link", name="Docs")).to_have_attribute("href", "https://example.org/x")


@pytest.mark.parametrize(
    ("drawn", "says"),
    [
        (widget("w", "number", "W", "orders", value="todya.n"), "no field “todya.n”; there are today, yesterday"),
        (widget("w", "number", "W", "nothing", value="n"), "There is no topic “nothing”"),
        (widget("w", "table", "W", "nothing"), "There is no topic “nothing”"),
        (widget("w", "bar", "W", "orders", rows="by_town", value="n"), "has no rows at “by_town”; it has today"),
        (widget("w", "bar", "W", "orders", rows="by_city", value="m"), "No row has a number at “m”; rows have city"),
        (widget("w", "line", "W", "orders", rows="by_city", y=["n"], x="at"), "No row has a time at “at”"),
        (widget("w", "line", "W", "kitchen", y=["grill"]), "No row has a number at “grill”"),
        (widget("w", "list", "W", "empty", label="key"), "The topic empty has no rows"),
        (widget("w", "number", "W", "empty", value="n"), "nothing yet"),
    ],
)  # fmt: skip
def test_what_does_not_fit_says_what_is_missing_and_what_there_is(
    visit: Visit, drawn: dict[str, Any], says: str
) -> None:
    fake = drawing(drawn)
    fake.topics["empty"] = FakeTopic("empty", "upsert", {})
    page = visit(fake)
    expect(page.locator(".cell")).to_contain_text(says)


def test_a_topic_that_comes_later_is_drawn_when_it_is_asked_for_again(visit: Visit) -> None:
    fake = drawing(widget("w", "table", "Late", "late_topic"))
    page = visit(fake)
    expect(panel(page, "Late")).to_contain_text("There is no topic")
    fake.topics["late_topic"] = FakeTopic("late_topic", "upsert", {"a": {"n": 1}})
    page.get_by_role("button", name="Retry").click()
    expect(panel(page, "Late").locator("tbody tr")).to_have_count(1)
