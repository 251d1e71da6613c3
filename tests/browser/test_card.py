"""The model card in a browser: readable by everybody, in both themes, from phone to desktop, without a request."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.reports import made
from tuning.card import html_card
from tuning.report import Problem

from .test_accessibility import AXE, violations

pytestmark = pytest.mark.slow


def opened(chromium: Browser, tmp_path: Path, problem: Problem, theme: str, width: int) -> tuple[Page, list[str]]:
    path = tmp_path / "card.html"
    path.write_text(html_card(made(problem)), encoding="utf-8")
    scheme = "light" if theme == "light" else "dark"
    context = chromium.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text))
    page.on(
        "request", lambda request: None if request.url == path.as_uri() else complaints.append(f"asked {request.url}")
    )
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((d) => (d.open = true))")
    return page, complaints


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)])
def test_nothing_overflows_nothing_is_asked(
    chromium: Browser, tmp_path: Path, problem: Problem, theme: str, width: int
) -> None:
    page, complaints = opened(chromium, tmp_path, problem, theme, width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert complaints == []
    page.context.close()


@pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed; in ui/: npm ci")
@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_violation(chromium: Browser, tmp_path: Path, problem: Problem, theme: str) -> None:
    page, _ = opened(chromium, tmp_path, problem, theme, 1280)
    assert violations(page) == []
    page.context.close()
