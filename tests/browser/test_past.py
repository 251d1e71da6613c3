"""The past: every page is asked about one moment, says so, and leads back to now."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from .conftest import Visit
from .fake_live import FakeLive, definition
from .looking import eventually, live, tile, users
from .scenes import server

pytestmark = pytest.mark.slow

AT = "2026-03-01T10:00:00Z"
THEN = f"as_of={AT}&tz=utc"
ISO = "2026-03-01T10:00:00.000Z"


def lived() -> FakeLive:
    """A system whose log begins in February."""
    fake = server()
    fake.reach = ("2026-02-01T00:00:00Z", "2026-01-15T00:00:00Z")
    return fake


def sign(page: Page) -> Any:
    return page.get_by_role("region", name="This is the past")


def of_moment(fake: FakeLive, path: str) -> list[dict[str, Any]]:
    return [asked for where, asked in fake.asked if where == path]


def test_a_moment_is_chosen_and_left_again(visit: Visit) -> None:
    fake = lived()
    fake.then["user_activity"] = {**fake.topics["user_activity"].data, **users(77)}
    page = visit(fake)
    live(page)
    expect(sign(page)).to_have_count(0)
    page.keyboard.press("h")
    page.get_by_label("Date and time").fill("2026-03-01T10:00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(tile(page, "Active users, 5 min")).to_contain_text("77")
    expect(sign(page)).to_contain_text("The past, as it was known then.")
    expect(sign(page)).to_contain_text("1 Mar 2026, 10:00:00")
    expect(page.locator(".pill")).to_have_count(0)
    page.get_by_role("button", name="Done").click()
    page.get_by_role("link", name="Events", exact=True).click()
    expect(sign(page)).to_be_visible()
    assert "as_of=" in page.url
    sign(page).get_by_role("button", name="Back to now").click()
    live(page)
    expect(sign(page)).to_have_count(0)
    assert "as_of" not in page.url


def test_the_slider_moves_through_the_log(visit: Visit) -> None:
    page = visit(lived())
    live(page)
    page.keyboard.press("h")
    slider = page.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"\d\d:\d\d:\d\d"))
    expect(page.get_by_role("dialog", name="Moment")).to_contain_text(re.compile("1[45] Jan"))
    slider.focus()
    page.keyboard.press("Home")
    expect(sign(page)).to_contain_text("Nothing was known yet: the first row came")
    assert "as_of" in page.url
    expect(page.get_by_role("dialog", name="Moment")).to_contain_text("Nothing was known yet before")
    page.keyboard.press("End")
    expect(sign(page)).to_contain_text("as it was known then")


@pytest.mark.parametrize("how", ["as_of", "valid_at"])
def test_every_page_asks_about_the_moment(visit: Visit, how: str) -> None:
    fake = lived()
    page = visit(fake, path=f"/#/dashboards/overview?{how}={AT}&tz=utc&range=24h")
    expect(sign(page)).to_be_visible()
    eventually(lambda: len([*of_moment(fake, "/v1/query"), *of_moment(fake, "/v1/metrics/range")]) >= 3)
    for path in ("metrics/revenue", "events", "alerts", "users/ada", "streams/dead_letters", "sql"):
        page.goto(page.url.split("#")[0] + f"#/{path}?{how}={AT}&tz=utc&range=24h")
        expect(sign(page)).to_be_visible()
        page.wait_for_load_state("networkidle")
    for asked in [*of_moment(fake, "/v1/query"), *of_moment(fake, "/v1/metrics/range")]:
        assert asked.get(how) == ISO, asked
    for path in ("/v1/interactions", "/v1/streams/dead_letters"):
        for asked in of_moment(fake, path):
            # With hindsight, events are asked for by the time they happened.
            assert asked["until"] == "1772359200" if how == "valid_at" else asked["as_of"] == ISO
    assert fake.subscriptions("activity_series") == [], "what is shown is of then"


def test_what_is_only_kept_as_it_was_known_says_so(visit: Visit) -> None:
    page = visit(lived(), path=f"/#/insights?valid_at={AT}&tz=utc")
    expect(page.get_by_text("Only as it was known then").first).to_be_visible()
    sign(page).get_by_role("button", name="As it was known then").click()
    expect(page.locator(".findings li").first).to_be_visible()


def test_dashboards_and_metrics_are_those_that_were_defined_then(visit: Visit) -> None:
    fake = lived()
    spec = {
        "name": "Old one",
        "layout": "grid",
        "widgets": [{"id": "a", "type": "metric", "metric": "later", "title": "Later"}],
    }
    fake.then["definitions"] = {"dashboard/old": definition("dashboard", "old", spec, 3)}
    page = visit(fake, path=f"/#/dashboards/old?{THEN}")
    expect(tile(page, "Later")).to_contain_text("not defined then")
    expect(page.get_by_role("link", name="System")).to_have_count(0)
    page.goto(page.url.replace("dashboards/old", "metrics/later"))
    expect(page.get_by_text("later was not defined then").first).to_be_visible()
    page.goto(page.url.replace("metrics/later", "dashboards/system"))
    expect(page.get_by_text("The dashboard system was not defined then")).to_be_visible()
    page.locator(".message").get_by_role("button", name="As it is known now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("System")
    assert "valid_at" in page.url


def test_what_fired_then_cannot_be_acknowledged_now(visit: Visit) -> None:
    page = visit(lived(), path=f"/#/alerts?{THEN}")
    expect(page.locator(".alerts li").first).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Ack"))).to_have_count(0)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("as_of=2090-01-01T00:00:00Z", "That moment is still to come"),
        ("valid_at=2090-01-01T00:00:00Z", "That moment is still to come"),
        ("as_of=yesterday", "The link names no moment"),
        ("as_of=2026-01-20T00:00:00Z", "Nothing was known yet"),
    ],
)
def test_moments_that_cannot_be_are_told_in_words(visit: Visit, said: str, told: str) -> None:
    page = visit(lived(), path=f"/#/dashboards/overview?{said}")
    expect(page.get_by_text(told)).to_be_visible()
    page.get_by_role("button", name="Back to now").click()
    live(page)


def test_on_a_phone_the_sign_and_the_slider_fit(visit: Visit) -> None:
    page = visit(lived(), path=f"/#/dashboards/overview?{THEN}", size=(390, 844))
    expect(sign(page)).to_be_visible()
    page.get_by_role("button", name="Moment").click()
    expect(page.get_by_role("slider")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Done")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
