"""PostHog's SDKs, as they are published: for Python, for Node, and for browsers in a real one."""

from __future__ import annotations

import base64
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, sync_playwright
from posthog import Posthog

from events.errors import Overloaded
from tests.browser.conftest import CHROMIUM, QUIET
from tests.sdks.door import Door
from tests.sdks.npm import POSTHOG, installed
from tests.sdks.site import Site, until


@pytest.fixture
def lost() -> list[str]:
    """What the SDK for Python said it could not send."""
    return []


def sdk(door: Door, lost: list[str], **more: Any) -> Posthog:
    return Posthog("wk_shop", host=door.url, on_error=lambda error, _: lost.append(str(error)), **more)


def said(row: dict[str, Any]) -> dict[str, Any]:
    return json.loads(row["properties"])


@pytest.mark.parametrize("gzip", [False, True])
def test_the_sdk_for_python(door: Door, lost: list[str], gzip: bool) -> None:
    client = sdk(door, lost, gzip=gzip)
    at = datetime.now(UTC) - timedelta(hours=2)
    client.capture("order paid", distinct_id="u1", properties={"revenue": 12.5, "currency": "INR"}, timestamp=at)
    client.capture("$pageview", distinct_id="u1", properties={"$current_url": "https://shop.example/tea"})
    client.set(distinct_id="u1", properties={"plan": "pro"})
    client.alias("visitor-7", "u1")
    client.group_identify("company", "acme", {"seats": 4})
    client.shutdown()
    assert lost == []
    rows = {row["type"]: row for row in door.rows}
    assert rows.keys() == {"order paid", "page.viewed", "user.identified", "user.aliased", "group.identified"}
    order = rows["order paid"]
    assert (order["amount"], order["currency"], order["source"], order["subject"]) == (1250, "INR", "shop", "u1")
    assert abs(order["time"] - at) < timedelta(seconds=30), "the sender's clock is corrected by what lies between"
    assert json.loads(rows["page.viewed"]["context"])["page"] == {"url": "https://shop.example/tea"}
    assert said(rows["user.identified"])["plan"] == "pro", "as Segment's traits stand"
    assert (rows["user.aliased"]["subject"], said(rows["user.aliased"])["previousId"]) == ("visitor-7", "u1")
    assert (rows["group.identified"]["subject"], said(rows["group.identified"])["groupId"]) == (None, "acme")


def test_a_batch_of_which_one_event_is_refused_is_sent_once_and_not_reported_as_lost(
    door: Door, lost: list[str]
) -> None:
    client = sdk(door, lost)
    client.capture("good", distinct_id="u1")
    client.capture("bad", distinct_id="u1", timestamp=datetime(1970, 1, 1, tzinfo=UTC))
    client.capture("good too", distinct_id="u1")
    client.shutdown()
    assert ([row["type"] for row in door.rows], lost, len(door.pushes)) == (["good", "good too"], [], 1)
    assert [(row["field"], row["type"]) for row in door.dead] == [("timestamp", "row.rejected")]


def test_a_batch_that_comes_again_counts_once(door: Door, lost: list[str]) -> None:
    door.refusals = [Overloaded("the disk is nearly full", 0.2)]
    client = sdk(door, lost)
    for _ in range(2):
        client.capture("order paid", distinct_id="u1", uuid="0199a1b2-0000-7000-8000-000000000001")
        client.flush()
    client.shutdown()
    assert (len(door.rows), len(door.pushes), lost) == (1, 3, [])


def test_flags_are_off(door: Door, lost: list[str]) -> None:
    client = sdk(door, lost)
    flags = client.evaluate_flags("u1")
    assert (flags.is_enabled("new-checkout"), flags.keys) == (False, [])
    client.shutdown()


def test_a_key_that_is_not_known_is_reported(door: Door) -> None:
    lost: list[str] = []
    client = Posthog("phc_nobody", host=door.url, on_error=lambda error, _: lost.append(str(error)))
    client.capture("order paid", distinct_id="u1")
    client.shutdown()
    assert (len(lost), "this API key is not known" in lost[0], door.rows) == (1, True, [])


NODE = """
import { PostHog } from 'posthog-node'
const client = new PostHog('wk_shop', { host: process.argv[2] })
client.on('error', (error) => { console.error(error); process.exitCode = 1 })
client.capture({ distinctId: 'n1', event: 'order paid', properties: { revenue: 3, currency: 'MXN' } })
client.identify({ distinctId: 'n1', properties: { plan: 'pro' } })
client.alias({ distinctId: 'n1', alias: 'old' })
await client.shutdown()
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``node_modules`` with PostHog's SDKs."""
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text('{"type": "module"}')
    return installed(folder, *POSTHOG)


@pytest.mark.slow
def test_the_sdk_for_node(packages: Path, door: Door) -> None:
    script = packages.parent / "send.mjs"
    script.write_text(NODE)
    door.refusals = [Overloaded("the disk is nearly full", 0.2)]
    done = subprocess.run(["node", str(script), door.url], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert [row["type"] for row in door.rows] == ["order paid", "user.identified", "user.aliased"]
    assert (door.rows[0]["amount"], door.rows[0]["currency"]) == (300, "MXN")
    assert said(door.rows[2])["previousId"] == "old"


# -- a browser ----------------------------------------------------------------------------------------------------------

SHOP = """<!doctype html><title>Tea</title><script src="/array.full.js"></script>
<button id="buy">Buy</button>"""


@pytest.fixture
def page() -> Iterator[Page]:
    if not CHROMIUM.exists():
        pytest.skip(f"no {CHROMIUM}; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        yield browser.new_page()
        browser.close()


@pytest.fixture
def site(packages: Path) -> Iterator[Site]:
    folder = packages / "posthog-js" / "dist"
    (folder / "index.html").write_text(SHOP)
    with Site(folder) as site:
        yield site


@pytest.mark.slow
def test_a_browser(page: Page, site: Site, tmp_path: Path) -> None:
    door = Door(site.origin)
    door.key("wk_shop", "shop")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with door.open(tmp_path):
        page.goto(f"{site.origin}/?utm_source=letter&utm_campaign=spring")
        page.evaluate(
            "async (host) => { await new Promise((ready) => window.posthog.init('wk_shop', "
            "{ api_host: host, person_profiles: 'always', opt_out_useragent_filter: true, loaded: ready })) }",
            door.url,
        )
        until(lambda: any(row["type"] == "page.viewed" for row in door.rows))
        page.click("#buy")
        page.evaluate("() => { window.posthog.capture('order paid', { revenue: 250, currency: 'INR' }) }")
        page.evaluate("() => { window.posthog.identify('ada', { plan: 'pro' }) }")
        page.evaluate("() => { window.posthog.capture('after') }")
        page.goto("about:blank")
        expected = {"page.viewed", "element.clicked", "order paid", "user.identified", "after", "page.left"}
        until(lambda: expected <= {row["type"] for row in door.rows})
    rows = {row["type"]: row for row in door.rows}
    visitor = rows["page.viewed"]["subject"]
    assert rows["page.viewed"]["anonymous_id"] == visitor, "before it is known who it is"
    context = json.loads(rows["page.viewed"]["context"])
    assert context["campaign"] == {"source": "letter", "name": "spring"}
    assert context["page"]["url"].startswith(site.origin)
    identified = rows["user.identified"]
    assert (identified["subject"], identified["anonymous_id"]) == ("ada", visitor)
    assert (said(identified)["$anon_distinct_id"], said(identified)["plan"]) == (visitor, "pro")
    assert (rows["after"]["subject"], rows["after"]["anonymous_id"]) == ("ada", None)
    assert (rows["order paid"]["amount"], rows["order paid"]["currency"]) == (25000, "INR")
    assert "wk_shop" not in "".join(row["properties"] for row in door.rows), "the key is no property of an event"
    assert door.dead == []
    assert {url.split("/")[2] for url in asked if url.startswith("http")} == {
        door.url.removeprefix("http://"),
        site.origin.removeprefix("http://"),
    }, "nobody else is asked for anything"


@pytest.mark.slow
def test_a_browser_that_is_asked_to_wait_sends_again(page: Page, site: Site, tmp_path: Path) -> None:
    """posthog-js drops a batch that is answered with 429; so it is 503 here."""
    door = Door(site.origin)
    door.key("wk_shop", "shop")
    door.refusals = [Overloaded("the disk is nearly full", 1.0)]
    with door.open(tmp_path):
        page.goto(site.origin)
        options = {"api_host": door.url, "opt_out_useragent_filter": True}
        options |= dict.fromkeys(("autocapture", "capture_pageleave", "capture_pageview"), False)
        page.evaluate("(options) => { window.posthog.init('wk_shop', options) }", options)
        page.evaluate("() => { window.posthog.capture('order paid') }")
        until(lambda: [row["type"] for row in door.rows] == ["order paid"])
    assert door.pushes == [1, 1]


@pytest.mark.parametrize("packed", [False, True], ids=["JSON", "base64"])
def test_an_event_in_the_address_of_an_image_is_the_same_event(door: Door, packed: bool) -> None:
    """As PostHog documents it for e-mails, and as its script falls back to where it may not post."""
    event = {"event": "email opened", "properties": {"distinct_id": "u1", "token": "wk_shop", "note": "a+b & ü"}}
    text = json.dumps(event)
    data = base64.b64encode(text.encode()).decode() if packed else text
    answer = httpx.get(f"{door.url}/e/", params={"data": data, "ip": "1", "img": "1"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    assert answer.content.startswith(b"GIF89a")
    (row,) = door.rows
    assert (row["type"], row["subject"], said(row)["note"]) == ("email opened", "u1", "a+b & ü")
    told = httpx.get(f"{door.url}/capture", params={"data": data}).json()
    assert (told["status"], told["accepted"]) == ("Ok", 1)
    nobodys = json.dumps({**event, "properties": {"distinct_id": "u1", "token": "wk_none"}})
    refused = httpx.get(f"{door.url}/e/", params={"data": nobodys})
    assert refused.status_code == 401, refused.text
    assert httpx.get(f"{door.url}/e/").status_code == 400
