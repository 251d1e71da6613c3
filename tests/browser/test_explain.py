"""Every number says where it comes from: its definition, the rows behind it, and what became known later."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, quote

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Visit
from .fake_live import FakeLive
from .looking import live, tile
from .scenes import server

pytestmark = pytest.mark.slow

ROWS = "SELECT * FROM user_interactions WHERE epoch_us(coalesce(time, received)) >= 1 ORDER BY producer, row_offset"
WINDOWS = [[1772359200 + 60 * i, "KRW", 2, 3000.0, 1000.0, 2000.0, None, i] for i in range(3)]
WINDOW: dict[str, Any] = {
    "what": "metric", "metric": "revenue", "key": "KRW", "from": "2026-03-01T10:00:00Z", "to": "2026-03-01T10:01:00Z",
    "figures": {"count": 2, "sum": 3000.0, "mean": 1500.0, "min": 1000.0, "max": 2000.0, "p95": 2000.0},
    "revision": 1,
    "definition": {"kind": "metric", "name": "revenue", "version": 5, "spec": {"value": "amount"}, "by": "ada",
                   "at": "2026-02-01T00:00:00Z"},
    "rows": {"stream": "user_interactions", "sql": ROWS, "count": 2,
             "producers": [{"producer": "main/user_interactions/0", "rows": 2, "first": 7, "last": 12}]},
    "again": {"sql": "", "equal": True,
              "figures": {"count": 2, "sum": 3000.0, "mean": 1500.0, "min": 1000.0, "max": 2000.0}},
    "revisions": [
        {"revision": 0, "offset": 1, "count": 1, "sum": 1000.0, "mean": 1000.0, "known": "2026-03-01T10:01:05Z"},
        {"revision": 1, "offset": 4, "count": 2, "sum": 3000.0, "mean": 1500.0, "known": "2026-03-01T10:03:00Z"},
    ],
    "late": {"count": 1,
             "rows": [{"place": "main/user_interactions/0:99", "time": "2026-03-01T10:00:01Z", "behind_s": 700.0}]},
    "as_of": "token",
}  # fmt: skip
ALERT: dict[str, Any] = {
    "what": "alert", "alert": "a1",
    "definition": {"kind": "rule", "name": "Learners see errors", "version": 9, "spec": {"threshold": 12}, "by": "",
                   "at": "2026-02-01T00:00:00Z"},
    "turns": [
        {"time": "2026-03-01T10:01:10Z", "type": "alert.fired", "rule": "Learners see errors", "value": 17.0,
         "threshold": 12.0, "message": "course_errors.count is 17, limit 12",
         "by": None, "offset": 3, "known": "2026-03-01T10:01:11Z"},
    ],
    "windows": [
        {"metric": "revenue", "key": "KRW", "start": "2026-03-01T10:00:00Z", "end": "2026-03-01T10:01:00Z", "count": 17,
         "sum": None, "mean": None, "revision": 0, "offset": 8},
    ],
    "explain": {"metric": "revenue", "key": "KRW"},
    "as_of": "token",
}  # fmt: skip


def explaining() -> FakeLive:
    fake = server()
    fake.explained = {"revenue": WINDOW, "a1": ALERT}
    rows = {"coalesce(time, received)": [["e7", "Payment Succeeded", 1000]]}
    fake.answers = {**rows, **fake.answers, "epoch(start) AS start": WINDOWS}
    fake.columns = {
        "coalesce(time, received)": [("id", "VARCHAR"), ("type", "VARCHAR"), ("amount", "BIGINT")],
        **fake.columns,
    }
    return fake


def drawer(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Where this number comes from")


def test_a_tile_says_which_windows_it_adds_up_and_each_its_rows(visit: Visit) -> None:
    fake = explaining()
    page = visit(fake, path="/#/dashboards/overview?tz=utc")
    live(page)
    number = tile(page, "Revenue").locator(".why")
    shown = number.inner_text()
    number.click()
    expect(drawer(page)).to_contain_text(shown)
    expect(drawer(page)).to_contain_text("3 windows come to €90")
    expect(drawer(page)).to_contain_text("some have closed, or were revised, since it was shown")
    expect(drawer(page).get_by_role("link", name="metric revenue")).to_be_visible()
    drawer(page).get_by_role("button", name="₩3,000").first.click()
    expect(drawer(page)).to_contain_text("Counted again from its 2 rows: the same")
    expect(drawer(page)).to_contain_text("p95 is of a sketch")
    expect(drawer(page)).to_contain_text("version 5, by ada")
    expect(drawer(page)).to_contain_text("2 rows, offsets 7 to 12")
    expect(drawer(page)).to_contain_text("1 row came too late")
    expect(drawer(page).get_by_role("region", name="Revisions of the window").locator("tbody tr")).to_have_count(2)
    expect(drawer(page).get_by_role("region", name="Rows behind the number")).to_contain_text("Payment Succeeded")
    asked = [asked for path, asked in fake.asked if path == "/v1/explain"][-1]
    assert (asked["metric"], asked["key"]) == ("revenue", "KRW")
    page.keyboard.press("Escape")
    expect(drawer(page)).to_have_count(0)
    expect(page).not_to_have_url(re.compile("why="))


def test_its_statement_opens_on_the_page_sql(visit: Visit) -> None:
    why = quote('{"metric":"revenue","key":"KRW","start":1772359200}')
    page = visit(explaining(), path=f"/#/metrics/revenue?tz=utc&why={why}")
    drawer(page).get_by_role("link", name="Open in SQL").click()
    page.wait_for_url(re.compile("#/sql"))
    assert parse_qs(page.url.partition("?")[2])["q"] == [ROWS]
    expect(page.get_by_label("SQL", exact=True)).to_have_value(ROWS)


def test_a_figure_of_activity_is_counted_again(visit: Visit) -> None:
    fake = explaining()
    fake.answers = {"AS figure": [[8412]], "min(row_offset)": [["main/user_interactions/0", 3, 1, 9]], **fake.answers}
    page = visit(fake)
    live(page)
    tile(page, "Active users, 5 min").locator(".why").click()
    expect(drawer(page)).to_contain_text("Counted again now: 8,412")
    expect(drawer(page)).to_contain_text("count(DISTINCT subject)")
    expect(drawer(page)).to_contain_text("3 rows, offsets 1 to 9")


def test_an_alerts_value_says_what_was_judged(visit: Visit) -> None:
    why = quote('{"alert":"a1"}')
    page = visit(explaining(), path=f"/#/alerts?tz=utc&why={why}")
    expect(drawer(page)).to_contain_text("Learners see errors, limit 12")
    expect(drawer(page).get_by_role("link", name="rule Learners see errors")).to_be_visible()
    drawer(page).get_by_role("button", name="17").click()
    expect(drawer(page)).to_contain_text("Counted again from its 2 rows")


def test_values_of_tables_and_charts_say_it_too(visit: Visit) -> None:
    page = visit(explaining(), path="/#/metrics/revenue")
    series = page.get_by_role("region", name="Series of revenue")
    series.locator(".why").first.click()
    expect(drawer(page)).to_contain_text("sum of revenue")
    page.keyboard.press("Escape")
    expect(drawer(page)).to_have_count(0)
    page.get_by_title("View as table").first.click()
    page.get_by_role("region", name="Values, newest first").locator(".why").first.click()
    expect(drawer(page)).to_contain_text("sum of revenue")


def test_of_the_past_the_explanation_is_of_then(visit: Visit) -> None:
    fake = explaining()
    why = quote('{"metric":"revenue","key":"KRW","start":1772359200}')
    page = visit(fake, path=f"/#/metrics/revenue?as_of=2026-03-01T12:00:00Z&why={why}")
    expect(drawer(page)).to_contain_text("Counted again")
    asked = [asked for path, asked in fake.asked if path == "/v1/explain"][-1]
    assert asked["as_of"] == "2026-03-01T12:00:00.000Z"


def test_what_cannot_be_explained_says_why(visit: Visit) -> None:
    why = quote('{"metric":"nothing","key":""}')
    page = visit(explaining(), path=f"/#/metrics/nothing?why={why}")
    expect(drawer(page)).to_contain_text("has no samples")
