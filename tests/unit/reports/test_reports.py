"""Reports: the figures of the page, in the reader's language; HTML where nothing can print."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from events.errors import Rejected
from hindcast.engine import AnalyticsEngine
from hindcast.reports import ReportGenerator
from hindcast.reports import printing as on_paper
from hindcast.reports.board import field_at, rows_of
from hindcast.reports.writing import Writing
from tests.unit.query.business.words import Firm, firm

BOARD = {
    "name": "The <shop>",
    "widgets": [
        {"id": "paid", "type": "metric", "title": "Revenue", "metric": "revenue",
         "options": {"aggregate": "sum", "unit": "money"}},
        {"id": "kinds", "type": "bar", "metric": "events_by_type", "options": {}},
        {"id": "now", "type": "number", "topic": "orders",
         "options": {"value": "today.late", "format": "percent", "before": "was"}},
        {"id": "all", "type": "table", "topic": "orders", "options": {"rows": "cities"}},
        {"id": "about", "type": "text", "options": {"text": "<script>alert(1)</script>"}},
        {"id": "heat", "type": "heat"},
    ],
}  # fmt: skip


class Client:
    """What a report asks of a client; summaries are of a log."""

    def __init__(self, shop: Firm) -> None:
        self._shop = shop
        self.asked: list[Any] = []

    def generate_executive_summary(self, period: str, **more: Any) -> Any:
        self.asked.append((period, more))
        return self._shop.summary(period, {"title": "Tom & Co"}, zone=more["zone"])

    def definitions(self, kind: str) -> list[dict[str, Any]]:
        assert kind == "dashboard"
        return [{"name": "shop", "spec": BOARD}]

    def dashboard(self, topic: str, as_of: Any = None) -> dict[str, Any]:
        self.asked.append((topic, as_of))
        return {"data": {"today": {"late": 0.027}, "was": 0.5, "cities": [{"city": "Lisbon", "n": 1234}]}}

    def query(self, sql: str, limit: int | None = None, as_of: Any = None) -> list[dict[str, Any]]:
        self.asked.append((sql, as_of))
        return [{"key": "EUR", "v": 1_234_500}, {"key": "USD", "v": 990}]


@pytest.fixture
def shop(tmp_path: Path) -> Firm:
    found = firm(tmp_path)
    found.happened(
        ("ann", "paid", "2026-05-20", 123_456, "EUR", {"plan": "small"}), ("ann", "use", "2026-05-20"),
        ("ann", "paid", "2026-05-28", 1_234_567, "EUR", {"plan": "<b>large</b>"}), ("ann", "use", "2026-05-28"),
        ("bob", "trial", "2026-05-28"),
    )  # fmt: skip
    return found


def made(shop: Firm, *what: Any, **more: Any) -> Any:
    return ReportGenerator(Client(shop)).generate(*what, **more)  # pyright: ignore[reportArgumentType]


def test_the_executive_report_has_the_figures_and_what_they_mean(shop: Firm) -> None:
    report = made(shop, period="7d")
    text = report.content.decode()
    assert (report.format, report.note, report.media_type) == ("html", "", "text/html; charset=utf-8")
    for said in ("Tom &amp; Co", "€12,346", "+900.0\u202f% vs €1,235 before", "&lt;b&gt;large&lt;/b&gt;", "+€12,346",
                 "revenue v1", "paid amounts of the period", "rule of thumb", "Did not pay again"):  # fmt: skip
        assert said in text, said
    assert "<b>large</b>" not in text and "<script" not in text


def test_a_reader_has_a_language_and_a_zone(shop: Firm) -> None:
    text = made(shop, period="7d", language="de", zone="Europe/Berlin").content.decode()
    assert "12.346\u00a0€" in text and '<html lang="de">' in text and "Europe/Berlin" in text


@pytest.mark.parametrize(
    ("language", "money", "share"),
    [
        ("en", "−€1,235", "3.21\u202f%"),
        ("de", "−1.235\u00a0€", "3,21\u202f%"),
        ("fr", "−1\u202f235\u00a0€", "3,21\u202f%"),
    ],
)
def test_numbers_are_written_as_the_language_has_them(language: str, money: str, share: str) -> None:
    write = Writing.of(language, "UTC")
    assert (write.money(-123_456, "EUR"), write.percent(0.0321)) == (money, share)
    assert (write.money(None, "EUR"), write.change(None)) == ("–", "")
    assert Writing.of("en", "UTC").money(1_234, "JPY", 0) == "¥1,234"


def test_a_dashboard_is_its_widgets_over_the_period_and_as_of_the_moment(shop: Firm) -> None:
    client = Client(shop)
    report = ReportGenerator(client).generate("shop", period="7d", as_of="2026-05-20T00:00:00Z")  # pyright: ignore[reportArgumentType]
    text = report.content.decode()
    for said in ("The &lt;shop&gt;", "€12,345", "$9.90", "2.70\u202f%", "Lisbon", "1,234", "&lt;script&gt;alert(1)"):
        assert said in text, said
    assert all(as_of == "2026-05-20T00:00:00Z" for _, as_of in client.asked)
    assert any("start >= '2026-05-13T00:00:00+00:00'" in str(sql) for sql, _ in client.asked)


def test_without_a_chromium_it_is_html_and_says_so(shop: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(on_paper.VARIABLE, "/nowhere/chromium")
    report = made(shop, "executive", "pdf", period="7d")
    assert report.format == "html" and "no PDF" in report.note and on_paper.VARIABLE in report.note


@pytest.mark.slow
@pytest.mark.parametrize(("form", "begins"), [("pdf", b"%PDF-"), ("png", b"\x89PNG")])
def test_a_chromium_prints_it(shop: Firm, form: Any, begins: bytes) -> None:
    if on_paper.chromium() is None:
        pytest.skip("no Chromium; on Debian: apt-get install chromium")
    report = made(shop, "executive", form, period="7d")
    assert (report.format, report.note) == (form, "")
    assert report.content.startswith(begins) and len(report.content) > 5_000


@pytest.mark.parametrize(
    ("what", "more", "field"),
    [("shopp", {}, "what"), ("shop", {"language": "klingon!"}, "language"), ("shop", {"zone": "Mars"}, "zone"),
     ("shop", {"period": "soon"}, "period"), ("shop", {"format": "docx"}, "format")],
)  # fmt: skip
def test_what_cannot_be_reported_is_refused_with_the_field(shop: Firm, what: str, more: Any, field: str) -> None:
    with pytest.raises(Rejected) as error:
        made(shop, what, **more)
    assert error.value.field == field


def test_rows_are_lists_objects_by_key_and_columns() -> None:
    assert list(rows_of([{"a": 1}, 2])) == [{"a": 1}, {"value": 2}]
    assert list(rows_of({"x": {"n": 1, "deep": {"m": 2}}, "y": 3})) == [
        {"key": "x", "n": 1, "deep m": 2},
        {"key": "y", "value": 3},
    ]
    assert list(rows_of({"t": [1, 2], "v": [3, 4]})) == [{"t": 1, "v": 3}, {"t": 2, "v": 4}]
    assert (field_at({"a": {"b": [1, 5]}}, "a.b"), field_at({"a": 1}, "a.b")) == (5, None)


def test_the_engine_shows_by_dashboards_reports_and_alerts(shop: Firm) -> None:
    shown = AnalyticsEngine(Client(shop)).visualizers  # pyright: ignore[reportArgumentType]
    assert list(shown) == ["dashboards", "reports", "alerts"]
    reports = shown["reports"]
    assert isinstance(reports, ReportGenerator) and reports.generate("executive", period="7d").format == "html"
