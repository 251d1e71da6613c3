"""The script for websites, run by a real browser; and what its address takes from anybody else."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from serve.keys import key_hash
from serve.routes.website import SCRIPT
from serve.website.part import PART, WebsiteSection
from serve.website.visitors import Visitors
from tests import patient
from tests.browser.conftest import CHROMIUM, QUIET
from tests.sdks.collected import Collected
from tests.sdks.site import Site, until

ROWS = "website_analytics"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "site").mkdir()
    with Site(tmp_path / "site") as site:
        yield site


@pytest.fixture
def door(site: Site, tmp_path: Path) -> Iterator[Collected]:
    """Open to the site, whose pages include the script."""
    door = Collected(PART, WebsiteSection(enabled=True), site.origin)
    door.key("wk_shop", "shop")
    with door.open(tmp_path):
        page = f"<!doctype html><title>Tea</title><script defer data-key=wk_shop src={door.url}/script.js></script>"
        (tmp_path / "site" / "index.html").write_text(page)
        yield door


def told(door: Collected) -> list[tuple[str, str | None]]:
    return [(row["type"], row["path"]) for row in door.told[ROWS]]


def post(door: Collected, item: object, **headers: str) -> httpx.Response:
    content = item if isinstance(item, bytes) else json.dumps(item).encode()
    return patient.post(f"{door.url}/v1/site", content=content, headers=headers)


# -- a browser ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield browser
        browser.close()


@pytest.mark.slow
def test_views_moves_within_the_page_and_events_without_a_cookie(browser: Browser, site: Site, door: Collected) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.origin}/tea?utm_source=letter&token=private", referer="https://search.example/?q=my+secret")
    until(lambda: len(told(door)) == 1)
    page.evaluate("() => history.pushState({}, '', '/tea/green')")
    page.evaluate("() => history.replaceState({}, '', '/tea/green#leaves')")  # the same page
    page.evaluate("() => history.back()")
    until(lambda: len(told(door)) == 3)
    page.evaluate("() => window.hindcast.track('basket.filled', { items: 2 })")
    until(lambda: len(told(door)) == 4)
    assert told(door) == [
        ("page.viewed", "/tea"),
        ("page.viewed", "/tea/green"),
        ("page.viewed", "/tea"),
        ("basket.filled", "/tea"),
    ]
    first, second, *_, last = door.told[ROWS]
    host = site.origin.removeprefix("http://")
    expected = {
        "host": host,
        "title": "Tea",
        "utm_source": "letter",
        "bot": True,
    }  # a browser without a head says what it is
    assert json.loads(first["properties"]) == expected
    assert (first["referrer"], second["referrer"]) == ("https://search.example/", f"{site.origin}/tea")
    assert json.loads(last["properties"])["items"] == 2
    assert len({row["subject"] for row in door.told[ROWS]}) == 1
    assert "HeadlessChrome" in first["agent"]
    assert "private" not in json.dumps(door.told, default=str)
    assert context.cookies() == []
    assert page.evaluate("() => [localStorage.length, sessionStorage.length]") == [0, 0]
    context.close()


def is_silent(context: BrowserContext, site: Site) -> bool:
    """Whether nothing is sent, by a page that has come to its end."""
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site.origin, wait_until="networkidle")
    page.evaluate("() => window.hindcast.track('basket.filled')")
    page.evaluate("() => fetch('/marker')")
    assert any(url.endswith("/script.js") for url in asked)
    return not any(url.endswith("/v1/site") for url in asked)


@pytest.mark.slow
@pytest.mark.parametrize(
    "wish",
    [
        "Object.defineProperty(navigator, 'doNotTrack', { value: '1' })",
        "Object.defineProperty(navigator, 'globalPrivacyControl', { value: true })",
        "localStorage.hindcast = 'off'",
    ],
)
def test_who_does_not_want_it_is_not_followed(browser: Browser, site: Site, door: Collected, wish: str) -> None:
    context = browser.new_context()
    context.add_init_script(f"try {{ {wish} }} catch {{}}")
    assert is_silent(context, site)
    assert told(door) == []
    context.close()


@pytest.mark.slow
def test_opting_out_holds_from_then_on_and_can_be_taken_back(browser: Browser, site: Site, door: Collected) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(site.origin)
    until(lambda: len(told(door)) == 1)
    page.evaluate("() => window.hindcast.optOut()")
    assert is_silent(context, site)
    page.evaluate("() => { window.hindcast.optIn(); window.hindcast.track('back') }")
    until(lambda: len(told(door)) == 2)
    context.close()


# -- without one --------------------------------------------------------------------------------------------------------


def test_the_script_is_small(door: Collected) -> None:
    answer = patient.get(f"{door.url}/script.js")
    assert (answer.content, answer.headers["content-type"].partition(";")[0]) == (SCRIPT, "text/javascript")
    assert len(gzip.compress(SCRIPT)) < 2_000
    assert b"cookie" not in SCRIPT


def test_what_comes_again_counts_once(door: Collected) -> None:
    item = {"key": "wk_shop", "id": "1", "type": "page.viewed", "url": "https://shop.example/tea"}
    assert [post(door, item).status_code for _ in range(2)] == [202, 202]
    assert told(door) == [("page.viewed", "/tea")]


def test_a_key_that_may_do_more_is_not_taken_out_of_a_page(door: Collected) -> None:
    door.keys[key_hash("wk_all")] = {"id": "k", "name": "all", "scopes": ["ingest", "query"], "source": "s"}
    answer = post(door, {"key": "wk_all", "id": "1", "type": "page.viewed"})
    assert (answer.status_code, answer.json()["error"]["field"]) == (403, "key")
    assert post(door, {"key": "nobody", "id": "1", "type": "page.viewed"}).status_code == 401


def test_pages_of_other_origins_may_not_send(door: Collected, site: Site) -> None:
    item = {"key": "wk_shop", "id": "1", "type": "page.viewed"}
    assert post(door, item, origin="https://elsewhere.example").json()["error"]["field"] == "origin"
    assert post(door, item, origin=site.origin).status_code == 202


@pytest.mark.parametrize(
    ("item", "field"),
    [
        (b"{", "body"),
        (b"[]", "body"),
        ({"key": 7}, "key"),
        ({"key": "wk_shop", "id": "1"}, "type"),
        ({"key": "wk_shop", "type": "a"}, "id"),
        ({"key": "wk_shop", "id": "1", "type": "x" * 201}, "type"),
        ({"key": "wk_shop", "id": "1", "type": "a", "url": "http://[x"}, "url"),
        ({"key": "wk_shop", "id": "1", "type": "a", "data": [1]}, "data"),
        ({"key": "wk_shop", "id": "1", "type": "a", "data": {"a": "x" * 33_000}}, "data"),
    ],
)
def test_what_the_script_would_not_send_is_refused(door: Collected, item: Any, field: str) -> None:
    answer = post(door, item)
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, field)
    assert post(door, b" " * 70_000).status_code == 413
    assert told(door) == []


def test_a_visitor_has_one_name_a_day_at_every_gateway_and_none_that_leads_back(tmp_path: Path) -> None:
    now_s = time.time()
    one, other = Visitors(tmp_path), Visitors(tmp_path)
    names = {visitors.name(now_s, "shop", "10.0.0.1", "Firefox") for visitors in (one, other, Visitors(tmp_path))}
    assert len(names) == 1
    assert one.name(now_s, "shop", "10.0.0.2", "Firefox") not in names
    assert one.name(now_s + 86_400, "shop", "10.0.0.1", "Firefox") not in names
    assert len(list(tmp_path.iterdir())) == 1, "yesterday's secret is gone"
    assert other.name(now_s + 86_400, "a") == one.name(now_s + 86_400, "a")
