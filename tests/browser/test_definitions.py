"""Definitions on the page: they hold at once, and their list says who owns them, what they said before, and removes some."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Visit
from .fake_live import definition
from .looking import live, tile
from .scenes import server

pytestmark = pytest.mark.slow

SHOP = {"name": "The shop", "layout": "grid", "widgets": [{"id": "top", "type": "top_events", "title": "What sells"}]}
RULE = {"name": "Many refunds", "condition": "refunds.count > threshold", "threshold": 20}


def rail(page: Page, title: str) -> Locator:
    return page.get_by_role("navigation", name="Main").get_by_role("link", name=title, exact=True)


def test_a_dashboard_that_is_defined_appears_at_once_and_goes_when_it_is_removed(visit: Visit) -> None:
    fake = server()
    page = visit(fake)
    live(page)
    expect(rail(page, "The shop")).to_have_count(0)
    fake.define("dashboard", "shop", SHOP)
    rail(page, "The shop").click()
    expect(page.locator(".panel", has_text="What sells")).to_contain_text("Lesson Completed")
    fake.undefine("dashboard", "shop")
    expect(rail(page, "The shop")).to_have_count(0)
    expect(page.get_by_text("There is no dashboard shop")).to_be_visible()
    fake.define("dashboard", "shop", SHOP)
    expect(page.locator(".panel", has_text="What sells")).to_be_visible()


def test_a_dashboard_that_is_defined_anew_is_drawn_anew_and_home_stays_home(visit: Visit) -> None:
    fake = server()
    page = visit(fake)
    expect(tile(page, "Trials")).to_be_visible()
    home = fake.topics["definitions"].data["dashboard/overview"]["spec"]
    without = [widget for widget in home["widgets"] if widget["id"] != "trials"]
    fake.define("dashboard", "overview", {**home, "name": "All of it", "widgets": without})
    expect(page.get_by_role("heading", name="All of it", level=1)).to_be_visible()
    expect(tile(page, "Trials")).to_have_count(0)
    expect(tile(page, "Revenue")).to_be_visible()


def test_where_no_dashboard_is_defined_the_page_says_what_to_do(visit: Visit) -> None:
    fake = server()
    fake.only()
    page = visit(fake)
    expect(page.get_by_text("No dashboard is defined yet")).to_be_visible()
    expect(page.get_by_text("hindcast apply")).to_be_visible()


def test_the_list_says_what_holds_of_which_kind_and_who_owns_it(visit: Visit) -> None:
    fake = server()
    fake.define("rule", "Many refunds", RULE)
    page = visit(fake, path="/#/definitions")
    rows = page.get_by_role("region", name="Definitions").locator("tbody tr")
    expect(rows).to_have_count(len(fake.topics["definitions"].data))
    expect(rows.filter(has_text="Many refunds")).to_contain_text("API")
    expect(rows.filter(has_text="CPU is busy")).to_contain_text("demo.yaml")
    page.get_by_role("combobox", name="Kind").select_option("rule")
    expect(rows.filter(has_text="cpu.percent.mean > threshold")).to_have_count(1)
    expect(rows.filter(has_text="dashboard")).to_have_count(0)
    assert "kind=rule" in page.url
    page.get_by_label("Text").fill("refunds.count")
    expect(rows).to_have_count(1)
    fake.undefine("rule", "Many refunds")
    expect(page.get_by_text("No definition matches")).to_be_visible()


def test_what_a_file_owns_says_so_and_cannot_be_removed_here(visit: Visit) -> None:
    page = visit(server(), path="/#/definitions/rule/CPU%20is%20busy")
    expect(page.get_by_text("demo.yaml declares it. Change it there")).to_be_visible()
    expect(page.get_by_role("region", name="What the definition says")).to_contain_text("cpu.percent.mean > threshold")
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)


def test_what_it_said_before_is_told_with_what_changed(visit: Visit) -> None:
    fake = server()
    first = definition("rule", "Many refunds", RULE | {"threshold": 5}, 12, by="grace")
    gone = {**definition("rule", "Many refunds", {}, 40), "spec": None}
    changed = definition("rule", "Many refunds", RULE | {"threshold": 12}, 31)
    changed["differences"] = [{"field": "threshold", "before": 5, "after": 12}]
    fake.versions["rule/Many refunds"] = [first, changed, gone]
    page = visit(fake, path="/#/definitions/rule/Many%20refunds")
    told = page.get_by_role("list", name="Versions, newest first").locator("> li")
    expect(told).to_have_text(
        [re.compile("Removed"), re.compile("Changed.*was 5.*is 12"), re.compile("Defined.*grace")]
    )
    expect(page.get_by_text("There is no rule Many refunds")).to_be_visible()
    fake.define("rule", "Many refunds", RULE)
    expect(told.first).to_contain_text("Defined again")


def test_removing_is_asked_twice_and_a_refusal_is_told_where_it_was_asked(visit: Visit) -> None:
    fake = server()
    fake.define("rule", "Many/refunds", RULE | {"name": "Many/refunds"})
    fake.keeps_definitions = "dashboard 'shop' shows it; change that first"
    page = visit(fake, path="/#/definitions")
    page.get_by_role("link", name="Many/refunds").click()
    page.get_by_role("button", name="Remove…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_have_count(0)
    assert fake.commands == []
    page.get_by_role("button", name="Remove…").click()
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("dashboard 'shop' shows it")
    fake.keeps_definitions = ""
    dialog.get_by_role("button", name="Remove", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("There is no rule Many/refunds")).to_be_visible()
    assert fake.commands[-1][0] == "/v1/definitions/rule/Many/refunds"


def test_what_may_be_a_mistake_is_said_in_the_list_and_on_its_page(visit: Visit) -> None:
    fake = server()
    fake.define("rule", "Many refunds", RULE)
    fake.warned["rule/Many refunds"] = ["no sample of refunds was seen yet; did you mean 'revenue'?"]
    page = visit(fake, path="/#/definitions")
    row = page.get_by_role("row", name=re.compile("Many refunds"))
    expect(row).to_contain_text("may be a mistake")
    expect(row).to_contain_text("did you mean 'revenue'?")
    expect(page.get_by_text("may be a mistake")).to_have_count(1)
    row.get_by_role("link").first.click()
    expect(page.get_by_text("This may be a mistake:")).to_be_visible()
