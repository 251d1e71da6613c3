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

RESUMED_MS = 60_000
"""How long a page may need to be live again: a host's restart on a busy machine, and the pauses between its tries."""


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
    system.until(lambda: taken(events), timeout_s=60)


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
