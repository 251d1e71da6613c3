"""The SDKs of npm against the door: `@segment/analytics-node` in Node, `@segment/analytics-next` in a real browser."""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from events.errors import Overloaded
from tests.browser.conftest import CHROMIUM, QUIET
from tests.sdks.door import Door
from tests.sdks.npm import SEGMENT, installed

pytestmark = pytest.mark.slow

NODE = """
import { Analytics } from '@segment/analytics-node'
const [host] = process.argv.slice(2)
const sdk = new Analytics({ writeKey: 'wk_shop', host, flushAt: 4 })
sdk.on('error', (error) => { console.error(error); process.exitCode = 1 })
sdk.track({ userId: 'u1', event: 'Order Completed', messageId: 'm1', properties: { revenue: 39.95, currency: 'EUR' } })
sdk.page({ userId: 'u1', name: 'Pricing', messageId: 'm2' })
sdk.screen({ userId: 'u1', name: 'Home', messageId: 'm3' })
sdk.identify({ userId: 'u1', traits: { plan: 'pro' }, messageId: 'm4' })
sdk.group({ userId: 'u1', groupId: 'g1', traits: { seats: 4 }, messageId: 'm5' })
sdk.alias({ userId: 'u1', previousId: 'old', messageId: 'm6' })
await sdk.closeAndFlush()
"""
ALL = {"Order Completed", "page.viewed", "screen.viewed", "user.identified", "user.grouped", "user.aliased"}
CALLS = """async (sdk) => {
  await sdk.track('Order Completed', { revenue: 39.95, currency: 'EUR' })
  await sdk.page('Docs', 'Pricing')
  await sdk.screen('Home')
  await sdk.identify('u1', { plan: 'pro' })
  await sdk.group('g1', { seats: 4 })
  await sdk.alias('u1', 'old')
}"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``node_modules`` with Segment's SDKs."""
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text('{"type": "module"}')
    return installed(folder, *SEGMENT)


def until(question: Callable[[], bool], timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_sdk_for_node_sends_every_kind(packages: Path, tmp_path: Path) -> None:
    script = packages.parent / "send.mjs"
    script.write_text(NODE)
    door = Door()
    door.key("wk_shop", "shop")
    door.refusals = [Overloaded("consumers lag", 1.0)]
    with door.open(tmp_path):
        done = subprocess.run(["node", str(script), door.url], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert {row["type"] for row in door.rows} == ALL
    assert {row["id"] for row in door.rows} == {f"m{n}" for n in range(1, 7)}
    order = next(row for row in door.rows if row["type"] == "Order Completed")
    assert (order["amount"], order["currency"], order["source"]) == (3995, "EUR", "shop")
    assert sum(door.pushes) > len(door.rows)  # what was refused came again


# -- a browser ----------------------------------------------------------------------------------------------------------


class Shop:
    """A site of its own, which holds the SDK; ``open`` loads it and hands its ``AnalyticsBrowser`` the settings."""

    def __init__(self, folder: Path, page: Page) -> None:
        class Quiet(http.server.SimpleHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None:
                pass

        (folder / "index.html").write_text("<!doctype html><title>shop</title><script src='/index.js'></script>")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.server_port
        self.page = page
        self.asked: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))

    def origin(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}"

    def open(self, settings: dict[str, Any], options: dict[str, Any] | None = None, host: str = "127.0.0.1") -> None:
        self.page.goto(self.origin(host))
        script = "([s, o]) => { window.sdk = AnalyticsNext.AnalyticsBrowser.load(s, o) }"
        self.page.evaluate(script, [settings, options or {}])


@pytest.fixture
def shop(packages: Path) -> Iterator[Shop]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        shop = Shop(packages / "@segment" / "analytics-next" / "dist" / "umd", browser.new_page())
        yield shop
        shop.server.shutdown()
        browser.close()


@pytest.fixture
def open_door(shop: Shop, tmp_path: Path) -> Iterator[Door]:
    """Open to the shop's pages."""
    door = Door(shop.origin())
    door.key("wk_shop", "shop")
    with door.open(tmp_path):
        yield door


def test_a_browser_is_told_by_its_settings_where_to_send_every_kind(shop: Shop, open_door: Door) -> None:
    shop.open({"writeKey": "wk_shop", "cdnURL": open_door.url})
    shop.page.evaluate(f"({CALLS})(window.sdk)")
    until(lambda: len(open_door.rows) == 6)
    assert {row["type"] for row in open_door.rows} == ALL
    assert {row["source"] for row in open_door.rows} == {"shop"}
    order = next(row for row in open_door.rows if row["type"] == "Order Completed")
    assert (order["amount"], order["currency"]) == (3995, "EUR")
    assert order["id"].startswith("ajs-next-")
    assert order["subject"] == order["anonymous_id"]
    assert json.loads(order["context"])["page"]["url"] == f"{shop.origin()}/"
    assert abs((datetime.now(UTC) - order["time"]).total_seconds()) < 60
    posted = {url.removeprefix(f"{open_door.url}/v1/") for url in shop.asked if "/v1/" in url}
    assert posted == {"projects/wk_shop/settings", "t", "p", "s", "i", "g", "a"}
    assert all(url.startswith((open_door.url, shop.origin())) for url in shop.asked), shop.asked


@pytest.mark.parametrize("keepalive", [False, True])
def test_a_browser_sends_batches_also_as_it_leaves(shop: Shop, open_door: Door, keepalive: bool) -> None:
    delivery = {"strategy": "batching", "config": {"size": 100, "timeout": 60_000, "keepalive": keepalive}}
    host = open_door.url.removeprefix("http://") + "/v1"
    segment = {"apiHost": host, "protocol": "http", "deliveryStrategy": delivery}
    shop.open({"writeKey": "wk_shop", "cdnURL": open_door.url}, {"integrations": {"Segment.io": segment}})
    shop.page.evaluate(f"({CALLS})(window.sdk)")
    assert open_door.rows == []
    shop.page.goto("about:blank")
    until(lambda: len(open_door.rows) == 6)
    assert open_door.pushes == [6]


def test_a_browser_that_is_refused_sends_again_and_counts_once(shop: Shop, open_door: Door) -> None:
    open_door.refusals = [Overloaded("consumers lag", 1.0)]
    shop.open({"writeKey": "wk_shop", "cdnURL": open_door.url})
    shop.page.evaluate("async () => { await window.sdk.track('Order Completed') }")
    until(lambda: len(open_door.rows) == 1)
    assert open_door.pushes == [1, 1]


def test_a_beacon_of_plain_text_is_taken(shop: Shop, open_door: Door) -> None:
    shop.page.goto(shop.origin())
    message = {"writeKey": "wk_shop", "event": "Left", "anonymousId": "a1", "messageId": "m1"}
    sent = "([url, text]) => navigator.sendBeacon(url, text)"
    assert shop.page.evaluate(sent, [f"{open_door.url}/v1/t", json.dumps(message)])
    until(lambda: [row["type"] for row in open_door.rows] == ["Left"])


def test_a_page_of_an_origin_that_is_not_configured_sends_nothing(shop: Shop, open_door: Door) -> None:
    with shop.page.expect_console_message(lambda message: "blocked by CORS policy" in message.text):
        shop.open({"writeKey": "wk_shop", "cdnURL": open_door.url}, host="localhost")
    assert open_door.rows == []
