"""The page of a real system: it shows what is sent, and finds its way back by itself when processes die."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.cluster.words import BATCH, event, fresh
from tests.running import Running, free_port, start

from .looking import live, tile

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

TOTAL = "events_total.v"
RESUMED_MS = 240_000
"""How long a page may need to be live again: a host's restart on a busy machine, and the pauses between its tries."""
FIRST_MEANS_MS = 240_000
"""How long until a new system's first gauges are in closed windows, and a page over a range has asked again."""


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Running]]:
    """Starts a system, or starts it again on the same data and port."""
    folder, port, systems = tmp_path_factory.mktemp("real"), free_port(), list[Running]()

    def up() -> Running:
        systems.append(start(folder, "demo", port=port))
        return systems[-1]

    yield up
    if systems and systems[-1].process.poll() is None:
        systems[-1].stop()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A page that may not throw; that its server is away now and then is what is tried here."""
    context = chromium.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page = context.new_page()
    page.set_default_timeout(RESUMED_MS)
    thrown: list[str] = []
    page.on("pageerror", lambda error: thrown.append(str(error)))
    yield page
    context.close()
    assert thrown == []


def total(page: Page) -> Locator:
    """The figure that every event moves."""
    return tile(page, "Events, total").locator(".tile-value")


def post(system: Running, n: int) -> None:
    """As a client would: again, as long as it is told to."""

    def taken(events: list[dict[str, object]]) -> bool:
        try:
            return system.post("/v1/events", json=events, headers=BATCH).status_code == 200
        except httpx.TransportError:
            return False

    events = [event(subject=f"u{i}") for i in range(n)]
    system.until(lambda: taken(events))


def test_the_page_follows_its_system_through_events_kills_and_a_restart(up: Callable[[], Running], page: Page) -> None:
    system = up()
    page.goto(system.url)
    expect(page.get_by_text("Open the link that Hindcast printed")).to_be_visible()
    expect(page.get_by_text("hindcast link")).to_be_visible()
    link = system.until(lambda: re.search(r"http://127.0.0.1:\d+/\?token=\S+", system.output.read_text()))
    page.goto(link[0])
    live(page)
    assert "token" not in page.url
    expect(page.get_by_text("No events yet").first).to_be_visible()
    expect(tile(page, "Revenue")).to_contain_text("nothing in prior 1h")  # the log was asked, and answered
    post(system, 5)
    expect(page.locator(".panel", has_text="Top events")).to_contain_text("thing.done")
    page.get_by_role("link", name="thing.done").click()
    rows = page.get_by_role("region", name="Events, newest first").locator("tbody tr")
    expect(rows).to_have_count(5)
    post(system, 7)
    expect(rows).to_have_count(12)
    rows.first.get_by_role("link", name="thing.done").click()
    expect(page.locator(".facts")).to_contain_text("Place in the log")
    page.get_by_role("link", name="Whole timeline").click()
    expect(page.locator(".timeline li").first).to_contain_text("thing.done")
    page.get_by_role("link", name="System").click()
    expect(total(page)).to_have_text("12")

    for victim in ("ray::ServeReplica:gateway", "ray::Host", "ray::ServeReplica:live", "haproxy"):
        assert system.strike(victim), victim
        before = shown(page)
        post(system, 10)
        expect(total(page)).to_have_text(str(before + 10), timeout=RESUMED_MS)
        live(page)

    assert system.stop() == 0
    expect(page.locator(".pill[data-state=live]")).to_be_hidden(timeout=RESUMED_MS)
    before = shown(page)
    system = up()
    expect(page.locator(".pill[data-state=live]")).to_be_visible(timeout=RESUMED_MS)
    post(system, 3)
    expect(total(page)).to_have_text(str(before + 3), timeout=RESUMED_MS)
    assert system.stop() == 0


def shown(page: Page) -> int:
    return int(re.sub(r"\D", "", total(page).inner_text()))


@pytest.mark.parametrize("running", ["packed"], indirect=True)
def test_an_alert_is_acknowledged_on_the_page(running: Running, page: Page) -> None:
    name = fresh("Many refunds")
    condition = f'events_by_source.count{{key="{name}"}} > threshold'
    rule = {"name": name, "condition": condition, "threshold": 40, "channels": ["dashboard"]}
    running.post("/v1/alerts/rules", json=rule).raise_for_status()
    page.goto(running.link())
    live(page)
    times = [
        (datetime.now(UTC) + timedelta(seconds=s)).isoformat() for s in range(-12, 120, 10)
    ]  # it goes on for a while
    many = [event(source=name, time=time) for time in times for _ in range(50)]
    running.post("/v1/events", json=many, headers=BATCH).raise_for_status()
    row = page.locator(".alerts li", has_text=name)
    expect(row).to_be_visible(timeout=RESUMED_MS)
    row.get_by_role("button", name=re.compile("^Ack")).click()
    expect(row).to_contain_text(re.compile("acknowledged|acked", re.IGNORECASE))
    running.until(lambda: [a["acknowledged"] for a in alerts(running) if a["rule"] == name], [True])


def alerts(running: Running) -> list[dict[str, Any]]:
    return running.get("/v1/alerts").json()["alerts"]


@pytest.mark.parametrize("running", ["packed"], indirect=True)
def test_what_is_defined_while_the_page_is_open_is_drawn_and_long_ranges_are_answered(
    running: Running, page: Page
) -> None:
    name = fresh("shop")
    before = (datetime.now(UTC) - timedelta(seconds=10)).isoformat()  # a range ends with a whole second that is over
    sold = [event(type="Book Sold", subject=f"reader{i}", time=before) for i in range(6)]
    running.post("/v1/events", json=sold, headers=BATCH).raise_for_status()
    page.goto(running.link())
    live(page)
    spec = {
        "name": name,
        "widgets": [
            {"id": "all", "type": "number", "title": "All", "topic": "user_activity", "options": {"value": TOTAL}},
            {"id": "top", "type": "table", "title": "Rows", "topic": "top_events", "options": {"rows": "rows"}},
            {"id": "line", "type": "line", "title": "Lines", "topic": "system_health", "options": {"y": ["cpu"]}},
            {"id": "wrong", "type": "table", "title": "Wrong", "topic": "keys"},
            {"id": "users", "type": "measure", "options": {"measure": "active_users"}},
            {"id": "activity", "type": "user_activity"},
            {"id": "heat", "type": "heat"},
            {"id": "health", "type": "system_health"},
            {"id": "most", "type": "top_events"},
        ],
    }  # fmt: skip
    running.http.put(f"/v1/definitions/dashboard/{name}", json=spec).raise_for_status()
    page.get_by_role("navigation", name="Main").get_by_role("link", name=name).click()
    expect(tile(page, "All").locator(".tile-value")).to_have_text(re.compile(r"[1-9][\d,]*"))
    expect(page.locator(".cell", has_text="Rows").locator("tbody tr").first).to_be_visible()
    expect(page.locator(".cell", has_text="Lines").locator(".u-legend")).to_contain_text("Cpu")
    expect(page.locator(".cell", has_text="Wrong")).to_contain_text(
        "There is no topic “keys”"
    )  # keys are nobody's to see
    page.keyboard.press("]")
    expect(tile(page, "Active users").locator(".tile-value")).to_have_text(re.compile(r"[1-9][\d,]*"))
    expect(page.locator(".panel", has_text="Top events").locator("tbody tr").first).to_be_visible()
    expect(page.get_by_label(re.compile("Events per 3.m, last 6h"))).to_be_visible()
    expect(
        page.locator(".panel", has_text="weekday and hour").locator(".heat-grid i:not(.step-0)").first
    ).to_be_visible()
    expect(page.locator(".panel", has_text="System health")).to_contain_text("mean, 6h")
    health = page.locator(".panel", has_text="System health").locator("canvas").first
    expect(health).to_be_visible(timeout=FIRST_MEANS_MS)
    page.get_by_role("link", name="Definitions").click()
    page.get_by_label("Text").fill(name)
    page.get_by_role("region", name="Definitions").get_by_role("link", name=name).click()
    page.get_by_role("button", name="Remove…").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove", exact=True).click()
    versions = page.get_by_role("list", name="Versions, newest first").locator("> li")
    expect(versions).to_have_text([re.compile("Removed"), re.compile("Defined")])
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name=name)).to_have_count(0)


@pytest.mark.parametrize("running", ["packed"], indirect=True)
def test_the_events_that_a_metric_counts_are_found_and_the_alerts_of_the_past(running: Running, page: Page) -> None:
    subject = fresh("payer")
    now = datetime.now(UTC)
    types = ("Payment Succeeded", "Order Completed", "Course Opened")
    euros, dollars = {"revenue": 19, "currency": "EUR"}, {"revenue": 19, "currency": "USD"}
    bought = [event(type=t, subject=subject, data=euros) for t in types]
    running.post(
        "/v1/events", json=[*bought, event(type=types[0], subject=subject, data=dollars)], headers=BATCH
    ).raise_for_status()
    page.goto(running.link())
    live(page)
    page.goto(f"{running.url}/#/events?metric=revenue&key=EUR&subject={subject}")
    rows = page.get_by_role("region", name="Events, newest first").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="Course Opened")).to_have_count(0)
    hour = f"from={(now - timedelta(hours=1)).isoformat()[:19]}Z&to={(now + timedelta(hours=1)).isoformat()[:19]}Z"
    page.goto(f"{running.url}/#/alerts?{hour}")
    expect(page.locator(".panel", has_text="Alerts").first.locator(".alerts, .message").first).to_be_visible()
    expect(page.get_by_text("Could not load")).to_have_count(0)
