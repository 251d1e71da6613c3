"""axe-core finds nothing to complain about, in either theme and in every state."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from .conftest import Visit
from .fake_live import FakeLive
from .scenes import busy, first_start
from .test_explain import WINDOW
from .test_explore import answering
from .test_sources import letter, source

AXE = Path(__file__).resolve().parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed; in ui/: npm ci"),
]


def settled(page: Page) -> None:
    expect(page.locator(".pill[data-state=live]")).to_be_visible()
    page.wait_for_timeout(300)


def nothing_more(page: Page, fake: FakeLive) -> None:
    del page, fake


def pause(page: Page, fake: FakeLive) -> None:
    del fake
    page.keyboard.press("p")
    expect(page.locator(".panel.stale").first).to_be_visible()


def fail(page: Page, fake: FakeLive) -> None:
    for name in fake.topics:
        fake.fail(name, "query timed out after 5 s", "7f3a")
    expect(page.get_by_text("ref 7f3a").first).to_be_visible()


def as_tables(page: Page, fake: FakeLive) -> None:
    del fake
    tables = page.get_by_title("View as table")
    while tables.count():
        tables.first.click()


def ask_for_help(page: Page, fake: FakeLive) -> None:
    del fake
    page.keyboard.press("?")


def lose_session(page: Page, fake: FakeLive) -> None:
    fake.drop_sockets(4401)
    expect(page.get_by_label("API key")).to_be_visible()


STATES = [nothing_more, pause, fail, as_tables, ask_for_help, lose_session]


def violations(page: Page) -> list[str]:
    # Through the debugger, which the page's content security policy does not bind.
    page.evaluate(AXE.read_text() + "; null")
    found = json.loads(page.evaluate("axe.run(document).then((r) => JSON.stringify(r.violations))"))
    return [f"{v['id']}: {node['html']} {node['failureSummary']}" for v in found for node in v["nodes"]]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_violation(visit: Visit, theme: str, state: Callable[[Page, FakeLive], None]) -> None:
    fake = FakeLive(busy())
    page = visit(fake, theme=theme)
    settled(page)
    state(page, fake)
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_violation_before_the_first_event(visit: Visit, theme: str) -> None:
    page = visit(FakeLive(first_start()), theme=theme)
    settled(page)
    assert violations(page) == []


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_violation_on_a_phone(visit: Visit, theme: str) -> None:
    page = visit(FakeLive(busy()), theme=theme, size=(390, 844))
    settled(page)
    assert violations(page) == []


PAST = "as_of=2026-03-01T10:00:00Z"
WHY = quote('{"metric":"revenue","key":"KRW","start":1772359200}')
BESIDE = {
    "past": f"/#/dashboards/overview?{PAST}",
    "explained": f"/#/dashboards/overview?{PAST}&why={WHY}",
    "moment": f"/#/events?{PAST}",
    "paths": f"/#/explore?ask=paths&{PAST}",
    "cohort": "/#/explore?ask=cohort",
    "sources": "/#/sources",
    "source": "/#/sources",
}


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)], ids=["desk", "phone"])
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("what", BESIDE)
def test_no_violation_in_the_past_and_in_what_opens(visit: Visit, what: str, theme: str, size: tuple[int, int]) -> None:
    fake = answering([])
    fake.reach = ("2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z")
    fake.explained["revenue"] = WINDOW
    fake.sources, fake.letters = [source("blog"), source("shop", state="retrying")], [letter("a")]
    page = visit(fake, path=BESIDE[what], theme=theme, size=size)
    expect(page.locator("h1")).to_be_visible()
    if what == "moment":
        page.get_by_role("button", name="Moment").click()
        expect(page.get_by_role("slider")).to_be_visible()
    elif what == "cohort":
        page.get_by_role("button", name="New cohort…").click()
        expect(page.get_by_role("dialog")).to_be_visible()
    elif what == "source":
        page.get_by_role("button", name="Add a source…").click()
        expect(page.get_by_role("dialog")).to_be_visible()
    elif what == "sources":
        page.get_by_role("button", name="time is not a time").click()
        expect(page.get_by_label("Mend time")).to_be_visible()
    elif what == "explained":
        expect(page.get_by_role("dialog")).to_contain_text("Counted again")
    elif what == "paths":
        expect(page.get_by_role("region", name="Step 1")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert violations(page) == []
