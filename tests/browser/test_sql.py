"""The page of SQL: it completes, runs, draws, keeps and hands on what is asked."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import Visit
from .fake_live import FakeLive
from .looking import live
from .scenes import server

pytestmark = pytest.mark.slow

BY_DAY = "SELECT day, n FROM user_interactions"
BY_TYPE = "SELECT type, n FROM user_interactions"


def asking() -> FakeLive:
    fake = server()
    fake.answers[BY_DAY] = [[f"2026-11-{day:02}T00:00:00Z", day * 1000] for day in range(1, 15)]
    fake.columns[BY_DAY] = [("day", "TIMESTAMP WITH TIME ZONE"), ("n", "BIGINT")]
    fake.answers[BY_TYPE] = [['Lesson, "Completed"', 18412], ["Email Opened", -3], [None, None]]
    fake.columns[BY_TYPE] = [("type", "VARCHAR"), ("n", "BIGINT")]
    fake.answers["too long"] = 422
    return fake


def editor(page: Page) -> Locator:
    return page.get_by_label("SQL", exact=True)


def statements(fake: FakeLive) -> list[str]:
    return [asked["sql"] for path, asked in fake.asked if path == "/v1/query"]


def test_a_statement_is_run_by_its_keys_and_its_rows_are_a_table(visit: Visit) -> None:
    fake = asking()
    page = visit(fake, path="/#/sql")
    live(page)
    editor(page).fill(BY_TYPE)
    editor(page).press("Control+Enter")
    rows = page.get_by_role("region", name="Rows of the result").locator("tbody tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("18,412")
    expect(rows.nth(1)).to_contain_text("−3")
    expect(page.locator(".panel", has_text="Result")).to_contain_text("3 rows, 1 ms")
    assert statements(fake) == [BY_TYPE]


def test_a_number_of_an_answer_says_which_rows_it_is_made_of(visit: Visit) -> None:
    fake = asking()
    rows = "SELECT * FROM user_interactions WHERE CAST(type AS VARCHAR) = 'Email Opened'"
    fake.answers[rows] = [["e7", "Email Opened"]]
    fake.columns[rows] = [("id", "VARCHAR"), ("type", "VARCHAR")]
    told = {
        "value": -3,
        "as_of": "token",
        "cut": {"user_interactions": {"main/user_interactions/0": 12}},
        "untold": None,
    }
    fake.explained["n"] = {**told, "rows": {"sql": rows, "count": 1}, "again": {"value": -3, "equal": True}}
    page = visit(fake, path="/#/sql")
    live(page)
    editor(page).fill(BY_TYPE)
    editor(page).press("Control+Enter")
    page.get_by_role("region", name="Rows of the result").get_by_role("button", name="−3").click()
    why = page.get_by_role("dialog", name="Where this number comes from")
    expect(why).to_contain_text("Counted again from its 1 rows: the same")
    expect(why).to_contain_text("main/user_interactions/0, below offset 12")
    expect(why.get_by_role("region", name="Rows behind the number")).to_contain_text("Email Opened")
    asked = next(body for path, body in fake.asked if path == "/v1/explain")
    assert (asked["sql"], asked["row"], asked["column"]) == (BY_TYPE, 1, "n")
    fake.explained["n"] = {**told, "rows": None, "again": None, "untold": "it looks across rows (OVER)"}
    page.reload()
    expect(why).to_contain_text("Its rows cannot be told: it looks across rows (OVER)")


def test_tables_and_then_their_columns_are_suggested_and_taken_by_keys(visit: Visit) -> None:
    page = visit(asking(), path="/#/sql")
    live(page)
    expect(page.locator(".sql-kept summary", has_text="user_interactions")).to_be_visible()
    editor(page).press_sequentially("SELECT count(*) FROM user_")
    options = page.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(options.first).to_contain_text("user_interactions")
    editor(page).press("Tab")
    expect(editor(page)).to_have_value("SELECT count(*) FROM user_interactions")
    editor(page).press_sequentially(" WHERE anony")
    expect(options.first).to_contain_text("anonymous_id")
    editor(page).press("ArrowDown")
    editor(page).press("Enter")
    expect(editor(page)).to_have_value("SELECT count(*) FROM user_interactions WHERE anonymous_id")
    expect(options).to_have_count(0)
    editor(page).press_sequentially("\na")
    expect(options.first).to_be_visible()
    editor(page).press("Enter")
    expect(editor(page)).to_have_value("SELECT count(*) FROM user_interactions WHERE anonymous_id\na\n")
    editor(page).press_sequentially(" = 'sou")
    expect(options).to_have_count(0)  # within a text there is nothing to complete


def test_what_is_refused_is_said_and_a_long_one_can_be_stopped(visit: Visit) -> None:
    fake = asking()
    page = visit(fake, path="/#/sql")
    live(page)
    editor(page).fill("SELECT 'too long'")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("the query took more than 30 s")).to_be_visible()
    fake.query_takes = 20.0
    editor(page).fill(BY_TYPE)
    page.get_by_role("button", name="Run").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("button", name="Run")).to_be_visible()


def test_times_are_drawn_as_lines_and_names_as_bars(visit: Visit) -> None:
    page = visit(asking(), path="/#/sql")
    live(page)
    editor(page).fill(BY_DAY)
    editor(page).press("Control+Enter")
    page.get_by_role("button", name="chart", exact=True).click()
    expect(page.locator(".panel canvas").first).to_be_visible()
    assert "as=chart" in page.url
    editor(page).fill(BY_TYPE)
    editor(page).press("Control+Enter")
    expect(page.get_by_label("Result").locator("li")).to_have_count(2)  # a row without a number has no bar


def test_a_file_of_the_rows_is_read_back_as_they_are(visit: Visit, tmp_path: Path) -> None:
    fake = asking()
    page = visit(fake, path="/#/sql")
    live(page)
    editor(page).fill(BY_TYPE)
    editor(page).press("Control+Enter")
    with page.expect_download() as download:
        page.get_by_role("button", name="CSV", exact=True).click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    with path.open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["type", "n"],
            ['Lesson, "Completed"', "18412"],
            ["Email Opened", "-3"],
            ["", ""],
        ]
    for form, ending in (("Parquet", "parquet"), ("Arrow", "arrows")):
        with page.expect_download() as download:
            page.get_by_role("button", name=form, exact=True).click()
        assert download.value.suggested_filename == f"result.{ending}"
    asked = [asked for path, asked in fake.asked if path == "/v1/query"]
    assert [each.get("as_of") for each in asked] == [None, "token", "token", "token"], "the rows that are shown"
    assert "limit" not in asked[-1], "all of them"


def test_a_query_is_kept_for_everybody_and_opens_by_its_name(visit: Visit) -> None:
    fake = asking()
    page = visit(fake, path="/#/sql")
    live(page)
    editor(page).fill(BY_TYPE)
    page.get_by_role("button", name="Save…").click()
    page.get_by_label("Name").fill("What happens most")
    fake.keeps_definitions = "base.yaml declares it"
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("base.yaml declares it")
    fake.keeps_definitions = ""
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", name="What happens most", level=1)).to_be_visible()
    expect(page.get_by_role("region", name="Rows of the result").locator("tbody tr")).to_have_count(3)
    page.get_by_role("button", name="Saved").click()
    expect(page.locator(".sql-kept")).to_contain_text("What happens most")
    assert fake.topics["definitions"].data["query/What happens most"]["spec"]["sql"] == BY_TYPE


def test_a_link_puts_the_statement_there_and_runs_nothing_and_history_runs_it_again(visit: Visit) -> None:
    fake = asking()
    page = visit(fake, path="/#/sql?q=SELECT%20type%2C%20n%20FROM%20user_interactions")
    live(page)
    expect(editor(page)).to_have_value(BY_TYPE)
    assert statements(fake) == []
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("region", name="Rows of the result")).to_be_visible()
    editor(page).fill("")
    page.get_by_role("button", name="History").click()
    page.locator(".sql-kept").get_by_role("button", name=BY_TYPE).click()
    expect(editor(page)).to_have_value(BY_TYPE)
    assert statements(fake) == [BY_TYPE, BY_TYPE]


def test_a_name_that_no_query_has_is_said(visit: Visit) -> None:
    page = visit(asking(), path="/#/sql/gone")
    expect(page.get_by_text("No query is called gone")).to_be_visible()
