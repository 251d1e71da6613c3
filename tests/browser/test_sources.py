"""Sources on the page: how each fares, one more, and refused rows that are mended."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from .conftest import Visit
from .fake_live import Data, FakeLive
from .looking import live
from .scenes import busy

pytestmark = pytest.mark.slow


def source(name: str, **said: object) -> Data:
    usual = {
        "name": name, "kind": "feed", "stream": "social_media", "state": "reading", "rows": 12_345, "refused": 0,
        "last_error": "", "row_s_ago": 12.0, "lag_s": 3.5, "behind": None, "note": "",
    }  # fmt: skip
    return {**usual, **said}


def letter(id: str, **said: object) -> Data:
    payload = json.dumps({"type": "order.placed", "data": {"when": "2026-11-28T10:00:00Z"}})
    usual = {"id": id, "at": 1_795_860_000.0, "stream": "user_interactions", "field": "time", "payload": payload}
    return {**usual, "reason": "is not a time", "event_id": None, "source": "shop", "replayed": False, **said}


def scene() -> FakeLive:
    fake = FakeLive(busy())
    broken = source("orders", kind="http", state="retrying", last_error="https://shop.example answers 500")
    fake.sources = [source("blog"), broken]
    fake.letters = [letter("a"), letter("b"), letter("c", stream="system_logs", field="line")]
    fake.replayed = {
        "accepted": 2, "duplicate": 0, "refused": [], "refused_total": 0,
        "events": [{"type": "order.placed", "time": "2026-11-28T10:00:00Z"}],
    }  # fmt: skip
    return fake


def test_sources_show_how_they_fare_those_that_fail_first(visit: Visit) -> None:
    page = visit(scene(), path="/#/sources")
    live(page)
    rows = page.get_by_role("region", name="Sources, those that fail first").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("https://shop.example answers 500")
    expect(rows.first).to_contain_text("fails, is tried again")
    expect(rows.last).to_contain_text("12 s ago")
    expect(page.get_by_text("2 that the system reads by itself, 1 of them fails")).to_be_visible()


def test_a_source_is_defined_and_what_is_wrong_with_it_is_said_where_it_was_asked(visit: Visit) -> None:
    fake = scene()
    page = visit(fake, path="/#/sources")
    live(page)
    page.get_by_role("button", name="Add a source…").click()
    form = page.get_by_role("dialog", name="Add a source")
    define = form.get_by_role("button", name="Define")
    expect(define).to_be_disabled()
    form.get_by_label("Name").fill("news")
    form.get_by_label("Settings, as JSON").fill("{kind: feed}")
    define.click()
    expect(form).to_contain_text("The settings are no JSON")
    form.get_by_label("Settings, as JSON").fill('{"kind": "feed", "url": "https://x.example/f"}')
    fake.keeps_definitions = "url: must begin with https://"
    define.click()
    expect(form).to_contain_text("must begin with https://")
    fake.keeps_definitions = ""
    define.click()
    expect(form).to_have_count(0)
    expect(page.get_by_text("The source news is defined")).to_be_visible()
    spec = fake.topics["definitions"].data["source/news"]["spec"]
    assert spec == {"name": "news", "kind": "feed", "url": "https://x.example/f"}


def test_refused_rows_are_mended_all_that_have_one_fault_and_recorded(visit: Visit) -> None:
    fake = scene()
    page = visit(fake, path="/#/sources")
    live(page)
    page.get_by_role("button", name="time is not a time").first.click()
    mend = page.get_by_label("Mend time")
    expect(mend.get_by_label("What was sent")).to_contain_text('"when": "2026-11-28T10:00:00Z"')
    record = mend.get_by_role("button", name="Record")
    expect(record).to_be_disabled()
    mend.get_by_label("Take it from (JMESPath)").fill("data.when")
    mend.get_by_label("Which").select_option("all")
    mend.get_by_role("button", name="Try").click()
    expect(mend.get_by_label("As it would be recorded")).to_contain_text("order.placed")
    expect(record).to_have_text("Record 2")
    record.click()
    expect(page.get_by_text("2 recorded.")).to_be_visible()
    expect(page.get_by_text("No row is refused")).to_be_visible()
    tried, done = (json.loads(body) for path, _, body in fake.commands if path.endswith("/replay"))
    assert (tried["dry_run"], done["dry_run"]) == (True, False)
    assert done["set"] == {"time": "data.when"}
    assert (done["field"], done["reason"]) == ("time", "is not a time")


def test_what_a_source_brought_is_shown_and_not_mended_here(visit: Visit) -> None:
    page = visit(scene(), path="/#/sources")
    live(page)
    page.get_by_role("button", name="line is not a time").click()
    expect(page.get_by_label("Mend line")).to_contain_text("Only events of products can be mended here")
