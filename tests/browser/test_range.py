"""The range of the top bar: every widget answers it, and every figure opens what is behind it."""

from __future__ import annotations

import re
from contextlib import suppress
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Visit
from .looking import live, tile
from .scenes import server

pytestmark = pytest.mark.slow

PAST = "/#/dashboards/overview?from=2026-03-01T10:00:00Z&to=2026-03-01T12:00:00Z&tz=utc"


def address(page: Page, pattern: str) -> dict[str, list[str]]:
    """The parameters of the page's address, once it leads there."""
    page.wait_for_url(re.compile(pattern))
    return parse_qs(page.url.partition("?")[2])


def opened(page: Page, chart: Locator, *keys: str) -> dict[str, list[str]]:
    """The events that ``keys`` on a chart lead to, as ``address`` has it, by way of where the point comes from; again where
    its data came, and drew it anew, meanwhile."""
    drawer = page.get_by_role("dialog", name="Where this number comes from")
    for _ in range(10):
        chart.focus()
        for key in (*keys, "Enter"):
            page.keyboard.press(key)
        with suppress(AssertionError):
            expect(drawer).to_be_visible(timeout=1_500)
            break
    drawer.get_by_role("link", name="Events", exact=True).click()
    return address(page, "#/events")


# -- widgets answer it ---------------------------------------------------------------------------------------------------


def test_over_a_long_range_every_panel_names_it(visit: Visit) -> None:
    fake = server()
    page = visit(fake, path="/#/dashboards/overview?range=7d")
    expect(tile(page, "Active users")).to_contain_text("21,120")
    expect(tile(page, "Active users")).to_contain_text("prior 7d")
    expect(tile(page, "Events per minute")).to_contain_text(re.compile(r"vs 62\.\d, prior 7d"))
    activity = page.locator(".panel", has_text="User activity")
    expect(activity).to_contain_text("prior 7d")
    expect(activity.get_by_label(re.compile("Events per 1.h, last 7d"))).to_be_visible()
    expect(page.locator(".panel", has_text="System health")).to_contain_text("mean, 7d")
    expect(page.locator(".panel", has_text="Top events")).to_contain_text("last 7d, against prior 7d")
    expect(page.locator(".panel", has_text="Top events")).to_contain_text("Course Purchased")
    asked = [asked["sql"] for path, asked in fake.asked if path == "/v1/query"]
    assert len([sql for sql in asked if "GROUPING SETS" in sql]) == 1  # the chart and the tiles share one question
    assert fake.subscriptions("activity_series") == []  # what is not shown is not followed
    ranges = [asked for path, asked in fake.asked if path == "/v1/metrics/range"]
    assert {(int(asked["since"]) % 3_600, int(asked["bucket"]) % 3_600) for asked in ranges} == {(0, 0)}  # rolled up


def test_compared_with_nothing_no_widget_compares(visit: Visit) -> None:
    page = visit(server(), path="/#/dashboards/overview?vs=none")
    expect(tile(page, "Active users, 5 min")).to_contain_text("8,412")
    expect(page.locator(".tile .change")).to_have_count(0)
    expect(page.locator(".key-before")).to_have_count(0)
    expect(page.get_by_role("columnheader", name="Change")).to_have_count(0)


def test_a_range_of_the_past_shows_what_was_then(visit: Visit) -> None:
    page = visit(server(), path=PAST)
    alerts = page.locator(".panel", has_text="Alerts").first
    expect(alerts).to_contain_text("API requests fail")
    expect(alerts).not_to_contain_text("Ingest lag")
    expect(alerts.get_by_role("button", name=re.compile("Ack"))).to_have_count(0)
    expect(page.locator(".panel", has_text="System health")).to_contain_text("mean, 1 Mar, 10:00")


def test_brackets_lengthen_and_shorten_the_range_on_every_page(visit: Visit) -> None:
    page = visit(server(), path="/#/events")
    live(page)
    page.keyboard.press("]")
    expect(page.get_by_role("button", name="Time range")).to_contain_text("6h")
    page.keyboard.press("[")
    page.keyboard.press("[")
    expect(page.get_by_role("button", name="Time range")).to_contain_text("15m")
    page.keyboard.press("[")
    assert "range=15m" in page.url


# -- figures open what is behind them ------------------------------------------------------------------------------------


def test_a_point_of_the_activity_chart_opens_its_events(visit: Visit) -> None:
    fake = server()
    fake.answers["AS figure"] = [[401]]
    page = visit(fake)
    live(page)
    span = opened(page, page.get_by_label(re.compile("Events per 10.s")), "ArrowLeft", "ArrowLeft")
    assert span["to"][0] > span["from"][0]
    page.go_back()
    drawer = page.get_by_role("dialog", name="Where this number comes from")
    drawer.get_by_role("button", name="Close").click()
    chart = page.get_by_label(re.compile("Events per 10.s"))
    expect(chart.locator("canvas")).to_be_visible()
    chart.click(position={"x": 300, "y": 120})
    expect(drawer).to_be_visible()


def test_a_tile_of_a_span_opens_the_events_of_that_span(visit: Visit) -> None:
    page = visit(server())
    tile(page, "Active users, 5 min").get_by_role("link").click()
    assert {"from", "to"} <= address(page, "#/events").keys()


def test_a_metrics_series_and_points_open_the_events_that_it_counts(visit: Visit) -> None:
    fake = server()
    page = visit(fake, path="/#/metrics/revenue")
    expect(page.get_by_role("button", name="sum", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )  # money is summed
    page.get_by_role("region", name="Series of revenue").get_by_role("link", name="EUR").click()
    rows = page.get_by_role("region", name="Events, newest first").locator("tbody tr")
    paid = [event for event in fake.events if event["type"] == "Payment Succeeded"]
    expect(rows).to_have_count(len(paid))
    asked = [asked for path, asked in fake.asked if path == "/v1/interactions"][-1]
    assert asked["type"] == ["Payment Succeeded", "Invoice Paid", "Order Completed"]
    assert asked["where"] == ["currency=EUR"]
    page.go_back()
    chart = page.get_by_role("application", name=re.compile("revenue over time"))
    found = opened(page, chart, "End")
    assert found["metric"] == ["revenue"]
    assert {"from", "to", "key"} <= found.keys()
    page.get_by_role("link", name="All events").first.click()
    page.wait_for_url(lambda url: "metric=" not in url)


def test_a_gauge_opens_its_metric_and_that_the_rows_it_is_made_of(visit: Visit) -> None:
    page = visit(server())
    page.get_by_role("link", name=re.compile("CPU")).click()
    page.wait_for_url(re.compile(r"#/metrics/cpu\.percent"))
    page.get_by_role("link", name="Rows", exact=True).click()
    page.wait_for_url(re.compile("#/streams/system_metrics"))


def test_an_hour_of_the_week_opens_the_newest_such_hour(visit: Visit) -> None:
    page = visit(server())
    heat = page.get_by_role("application", name=re.compile("Events by weekday and hour"))
    heat.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    span = address(page, "#/events")
    assert span["from"][0].endswith("T10:00:00.000Z")
    assert span["to"][0].endswith("T11:00:00.000Z")
