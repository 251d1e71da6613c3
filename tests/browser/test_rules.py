"""Rules, silences and channels on the page: a rule is written beside what it would have done."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from .conftest import Visit
from .fake_live import FakeLive
from .looking import live
from .scenes import busy

pytestmark = pytest.mark.slow


def turn(type_: str, minute: int, alert: str = "a1") -> dict[str, Any]:
    time = f"2026-11-20T10:{minute:02}:00Z"
    return {"time": time, "type": f"alert.{type_}", "rule": "x", "key": "", "value": 7.0, "message": "", "alert": alert}


PREVIEW = {
    "from": "2026-11-14T00:00:00Z", "to": "2026-11-28T00:00:00Z", "samples": 9000, "pages": 2, "pages_per_week": 1.0,
    "firing_s": 600.0, "truncated": False,
    "timeline": [turn("fired", 1), turn("resolved", 6), turn("fired", 20, "a2"), turn("resolved", 25, "a2")],
}  # fmt: skip


def answers(page: Page, path: str, answer: Any, status: int = 200) -> list[dict[str, Any]]:
    """What is asked at ``path`` gets this answer; answers what was asked."""
    asked: list[dict[str, Any]] = []

    def told(route: Route) -> None:
        asked.append({"method": route.request.method, "body": json.loads(route.request.post_data or "{}")})
        route.fulfill(json=answer, status=status)

    page.route(f"**{path}", told)
    return asked


def test_a_rule_is_written_beside_what_it_would_have_done(visit: Visit) -> None:
    page = visit(FakeLive(busy()), path="/#/alerts")
    live(page)
    backtests = answers(page, "/v1/backtest", PREVIEW)
    tunes = answers(page, "/v1/backtest/tune", {"threshold": 42.0, "pages": 3, "proposals": []})
    saved = answers(page, "/v1/definitions/rule/**", {})
    page.get_by_role("navigation", name="Alerts").get_by_role("link", name="Rules").click()
    page.get_by_role("link", name="New rule").first.click()
    form = page.get_by_role("form", name="A new rule")
    form.get_by_label("Name").fill("Orders fail")
    form.get_by_label("Condition").fill("errors.count / orders.count > threshold")
    preview = page.get_by_role("region", name="What it would have done")
    expect(preview).to_contain_text("It would have fired 2 times, 1 page a week")
    expect(preview.locator("tbody tr")).to_have_count(2)
    form.get_by_role("button", name="Propose a threshold").click()
    expect(form.get_by_label("Threshold", exact=True)).to_have_value("42")
    form.get_by_label("Labels").fill("team=shop")
    form.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Orders fail holds from now on.")).to_be_visible()
    assert backtests[-1]["body"]["rules"][0]["channels"] == [], "nobody is told of a preview"
    assert tunes[-1]["body"]["pages_per_week"] == 2
    (rule,) = [one["body"] for one in saved]
    assert (rule["name"], rule["threshold"], rule["labels"]) == ("Orders fail", 42, {"team": "shop"})


def test_on_a_phone_the_form_shows_all_its_fields_and_the_preview_stands_below(visit: Visit) -> None:
    page = visit(FakeLive(busy()), path="/#/rule", size=(390, 844))
    live(page)
    form = page.get_by_role("form", name="A new rule")
    expect(form.get_by_role("button", name="Save")).to_be_visible()
    page.wait_for_function(
        """() => {
            const save = document.querySelector(".rule-fields button[type=submit]").getBoundingClientRect();
            const preview = document.querySelector(".rule-preview").getBoundingClientRect();
            const form = document.querySelector("form.panel").getBoundingClientRect();
            return save.bottom <= form.bottom && save.bottom <= preview.top;
        }"""
    )


def test_what_is_wrong_with_a_rule_is_said_beside_it(visit: Visit) -> None:
    page = visit(FakeLive(busy()), path="/#/alerts")
    live(page)
    why = "expected an operator at the end"
    answers(page, "/v1/backtest", {"error": {"reason": why, "ref": "r"}}, 422)
    page.goto(page.url.partition("#")[0] + "#/rule")
    expect(page.get_by_role("region", name="What it would have done").get_by_role("status")).to_have_text(why)


def test_a_channel_is_tried_out_and_a_silence_is_made(visit: Visit) -> None:
    page = visit(FakeLive(busy()), path="/#/alerts")
    live(page)
    answers(page, "/v1/channels/dashboard/test", {"outcome": "failed", "error": "it does not answer"})
    silences = answers(page, "/v1/silences", {}, 201)
    page.get_by_role("navigation", name="Alerts").get_by_role("link", name="Channels").click()
    page.get_by_role("button", name="Send test to dashboard").click()
    expect(page.get_by_text("it does not answer")).to_be_visible()
    page.goto(page.url.partition("#")[0] + "#/silences?rule=Many%20refunds")
    page.get_by_role("button", name="New silence…").click()
    form = page.get_by_role("dialog", name="Tell nobody for a while")
    form.get_by_label("For").select_option("until it is resolved")
    form.get_by_role("button", name="Silence").click()
    expect(page.get_by_text("Nobody is told of these alerts for now.")).to_be_visible()
    assert silences[-1]["body"] == {"matchers": ['rule="Many refunds"'], "comment": "", "until_resolved": True}
