"""What an alert says: figures in the metric's unit, times and links that people can use."""

from __future__ import annotations

import json

import pytest

from actors.alerts.wording import MONEY, Wording, iso, unit_of
from config.settings import Settings
from hindcast import topology
from serve.ingest.money import CURRENCY_EXPONENT

WORDING = Wording({"revenue": MONEY, "latency": "ms"}, CURRENCY_EXPONENT, "https://watch.example.com")


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (("revenue", "sum", "EUR", 20_300.0, 100.0), "revenue.sum is €203.00, limit €1.00"),
        (("revenue", "mean", "JPY", 500.0, 1_000.0), "revenue.mean is ¥500, limit ¥1,000"),
        (("revenue", "sum", "CHF", -123_456.0, 0.0), "revenue.sum is −1,234.56 CHF, limit 0.00 CHF"),
        (("revenue", "count", "EUR", 12.0, 3.0), "revenue.count is 12, limit 3"),
        (("latency", "p95", "", 742.4, 500.0), "latency.p95 is 742.4 ms, limit 500 ms"),
        (("latency", "rate", "", 0.25, 1.0), "latency.rate is 0.25 /s, limit 1 /s"),
        (("cpu.percent", "mean", "web-1", 93.44, 90.0), "cpu.percent.mean is 93.44 %, limit 90 %"),
        (("events", "count", "", 1_234_567.0, 1e6), "events.count is 1,234,567, limit 1,000,000"),
        (("events", "count", "", None, 5.0), "events.count has no data, limit 5"),
    ],
)
def test_a_message_speaks_the_unit_of_its_metric(said: tuple[str, str, str, float | None, float], text: str) -> None:
    assert WORDING.sentence(*said) == text


def test_a_note_stands_at_the_end() -> None:
    assert WORDING.sentence("events", "count", "", 9.0, 5.0, "by ada") == "events.count is 9, limit 5 (by ada)"


def test_what_is_sent_has_a_time_to_read_and_a_link() -> None:
    body = json.loads(WORDING.body({"alert": "a1", "time": 1_767_268_800_500_000, "message": "…"}))
    assert body["time"] == "2026-01-01T12:00:00Z"
    assert body["link"] == "https://watch.example.com/#/alert/a1"
    assert "link" not in json.loads(Wording().body({"alert": "a1", "time": 0}))
    assert iso(0) == "1970-01-01T00:00:00Z"


def test_the_presets_know_which_of_their_metrics_are_money(tmp_path_factory: pytest.TempPathFactory) -> None:
    settings = Settings.load("saas", server={"public_url": "https://watch.example.com/"})
    cells = topology.cells(settings, tmp_path_factory.mktemp("data"))
    (evaluator,) = [cell.fold for cell in cells if cell.kind == "alerts"]
    units = {metric.name: unit_of(metric.model_dump(mode="json")) for metric in settings.metrics}
    assert units["revenue"] == units["ad_spend"] == MONEY
    assert evaluator.wording.page == "https://watch.example.com"  # pyright: ignore
