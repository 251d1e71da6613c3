"""A card says everything that must be known before a model is used, in both formats."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from hindcast.cli import main
from tests.reports import WARNINGS, made
from tuning.card import html_card, markdown_card, rebuild_card
from tuning.report import Note, Problem, Score

PROBLEMS: tuple[Problem, ...] = ("binary", "multiclass", "regression")
VOID = {"meta", "link", "br", "path", "circle", "rect"}


class Page(HTMLParser):
    """The text of a page, its tags in balance, ids and addresses."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self.ids: list[str] = []
        self.addresses: list[str] = []
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.feed(source)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "action"):
                self.addresses.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def unescaped(markdown: str) -> str:
    return re.sub(r"\\([\\`*_{}\[\]<>|#])", r"\1", markdown)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_page_is_whole_alone_and_without_script(problem: Problem) -> None:
    page = Page(html_card(made(problem)))
    assert page.open == []
    assert len(set(page.ids)) == len(page.ids)
    assert page.addresses == []
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert "nan" not in page.text.lower().split()
    assert page.tags >= {"header", "main", "h1", "h2", "figure", "svg", "table", "caption", "details"}


@pytest.mark.parametrize("problem", PROBLEMS)
def test_both_say_what_must_be_known(problem: Problem) -> None:
    report = made(problem)
    main_score = report.definition(report.metric).title
    for text in (Page(html_card(report)).text, unescaped(markdown_card(report))):
        for note in (*WARNINGS, *report.decisions):
            assert note.text in text
        for expected in (
            "outcome",
            main_score,
            "the training rows alone",
            "Not for rows from before 2020.",
            "ab" * 32,
            "cd" * 32,
            "ef" * 32,
            "01" * 32,
            "lightgbm 4.7.0",
            "0.81 is above 0.7",
            "another value in nearly each row",
            "ran out of memory",
            "On 900 other rows",
        ):
            assert expected in text, expected
        for name in [column.name for column in report.columns] + [one.feature for one in report.importance]:
            assert name in text
        for one in report.slices:
            assert one.group in text


def test_words_are_never_markup() -> None:
    evil = Note(code="x", severity="serious", text='<script>alert(1)</script> | "quoted" & `code`')
    report = made("binary", warnings=(evil,), title="<b>bold</b>")
    page = Page(html_card(report))
    assert "script" not in page.tags
    assert evil.text in page.text
    assert "<b>bold</b>" in page.text
    assert evil.text in unescaped(markdown_card(report))
    assert "<script>" not in markdown_card(report).replace("\\<", "")


def test_a_markdown_table_keeps_its_columns_whatever_names_hold() -> None:
    for block in markdown_card(made("binary")).split("\n\n"):
        lines = block.splitlines()
        if len(lines) > 1 and lines[1].startswith("|"):
            assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1


def test_a_model_that_is_not_better_than_nothing_is_called_so() -> None:
    weak = Score(metric="skill", value=0.01, rows=600, low=-0.02, high=0.04)
    report = made("binary")
    holdout = (*[score for score in report.holdout if score.metric != "skill"], weak)
    text = Page(html_card(made("binary", holdout=holdout))).text
    assert "not better than its baseline beyond chance" in text
    assert "not better than its baseline" not in Page(html_card(report)).text


@pytest.mark.parametrize("problem", PROBLEMS)
def test_a_report_with_the_least_in_it_still_makes_a_card(problem: Problem) -> None:
    empty = dict.fromkeys(
        ["leaderboard", "history", "importance", "slices", "roc", "precision_recall", "confusion", "learning"], ()
    )
    nothing = dict.fromkeys(["calibration", "residuals", "conformal", "registration", "artifact"])
    none = Score(metric=made(problem).metric, value=None, rows=2, note="too few rows")
    report = made(problem, **empty, **nothing, holdout=(none,), warnings=(), decisions=(), learning_note="No time.")
    for text in (Page(html_card(report)).text, markdown_card(report)):
        assert "too few rows" in text
        assert "No time." in text, "what is not there has its reason"
        assert "is not known" in text, "that nothing was compared is a limit"


def test_the_command_makes_it_again_from_the_result(tmp_path: Path) -> None:
    report = made("binary")
    report.write(tmp_path / "result.json")
    done = CliRunner().invoke(main, ["card", str(tmp_path)])
    assert done.exit_code == 0
    assert (tmp_path / "card.html").read_text() == html_card(report)
    assert (tmp_path / "card.md").read_text() == markdown_card(report)
    before = (tmp_path / "card.html").read_bytes()
    rebuild_card(tmp_path)
    assert (tmp_path / "card.html").read_bytes() == before


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["card", str(tmp_path / "nowhere")])
    assert done.exit_code == 2
    assert "result.json" in done.output
    assert "Traceback" not in done.output
