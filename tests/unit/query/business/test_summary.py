"""The executive summary as a manager meets it: figures, what moved them, and what is missing said aloud."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from events.errors import Rejected
from query.business.meaning import Business
from query.questions.asking import Questions
from tests.unit.query.business.words import SAAS, Firm, firm


@pytest.fixture
def shop(tmp_path: Path) -> Firm:
    """Now is 1 June 2026; the newest seven days begin on 25 May."""
    found = firm(tmp_path)
    found.happened(
        ("ann", "trial", "2026-05-01", None, None, {"channel": "search"}),
        ("ann", "won", "2026-05-02"),
        ("ann", "paid", "2026-05-20", 1000, "EUR", {"plan": "small"}),
        ("ann", "use", "2026-05-20"),
        ("ben", "trial", "2026-05-03", None, None, {"channel": "search"}),
        ("ben", "paid", "2026-05-19", 700, "EUR", {"plan": "small"}),
        ("ads", "ads", "2026-05-28", 500, "EUR", {"channel": "video"}),
        ("ann", "paid", "2026-05-28", 2500, "EUR", {"plan": "large"}),
        ("ann", "refunded", "2026-05-29", 100, "EUR", {"plan": "large"}),
        ("cat", "trial", "2026-05-26", None, None, {"channel": "video"}),
        ("cat", "won", "2026-05-27"),
        ("cat", "paid", "2026-05-27", 3000, "EUR", {"plan": "large"}),
        ("dan", "trial", "2026-05-28", None, None, {"channel": "video"}),
        ("dan", "report", "2026-05-30"),
        ("ben", "gone", "2026-05-30"),
    )
    return found


def test_every_field_of_the_specification_is_there(shop: Firm) -> None:
    said = shop.summary()
    assert said["overview"] == {
        "total_revenue": 5400,
        "revenue_growth": pytest.approx((5400 - 1700) / 1700),
        "active_users": 2,
        "user_growth": 1.0,
        "conversion_rate": 0.5,
        "conversion_trend": None,
    }
    metrics = said["key_metrics"]
    assert (metrics["customer_acquisition_cost"], metrics["churn_rate"]) == (500.0, 0.5)
    assert metrics["lifetime_value"] == 5400
    assert 0 <= metrics["engagement_score"] <= 1
    assert said["currency"] == "EUR" and said["currency_digits"] == 2
    for kpi in said["kpis"].values():
        assert kpi["definition"]["version"] == 1 and kpi["definition"]["meaning"]
    json.dumps(said, allow_nan=False)


def test_what_moved_it_adds_up_to_the_change(shop: Firm) -> None:
    said = shop.summary()
    change = 5400 - 1700
    for segment in said["comparisons"]["segments"].values():
        assert segment["revenue"]["change"] == change
        assert sum(row["change"] for row in segment["revenue"]["rows"]) == change
    plan = {row["value"]: row["change"] for row in said["comparisons"]["segments"]["plan"]["revenue"]["rows"]}
    assert plan == {"large": 5400, "small": -1700}
    channel = said["comparisons"]["segments"]["channel"]
    assert {row["value"]: row["change"] for row in channel["revenue"]["rows"]} == {"video": 3000, "search": 700}
    assert channel["cac"] == [{"value": "video", "spend": 500, "new_customers": 1, "cac": 500.0}]


def test_the_tree_of_revenue_adds_up_and_opens_down_to_events(shop: Firm) -> None:
    drivers = shop.summary()["drivers"]
    revenue = drivers["revenue"]
    amounts = {child["kind"]: child["amount"] for child in revenue["children"]}
    assert amounts == {"new": 3000, "returning": 0, "expansion": 1400, "contraction": 0, "lost": -700}
    assert revenue["before"] + sum(amounts.values()) == revenue["now"]
    assert next(c for c in revenue["children"] if c["kind"] == "lost")["top"][0]["user"] == "ben"
    factors = drivers["factors"]
    assert sum(child["amount"] for child in factors["children"]) == factors["change"] == 3700
    behind = drivers["conversion"]["children"][1]["behind"]
    shown = Questions(shop.log, "shop", {}).drill(behind["question"], behind["cell"], shop.now, show="events")
    assert shown["users_total"] == 2 and {row["subject"] for row in shown["events"]} == {"cat", "dan"}


def test_a_summary_of_a_past_moment_says_what_it_said_then(shop: Firm) -> None:
    then = shop.summary()
    shop.happened(
        ("eve", "paid", "2026-05-31", 9900, "EUR", {"plan": "large"}),
        ("eve", "use", "2026-05-31"),
        ("ann", "paid", "2026-05-20", 1, "EUR"),
    )
    now = shop.summary()
    assert now["overview"]["total_revenue"] == 15300
    again = shop.summary(as_of=then["as_of"])
    assert again == then


def test_a_base_of_zero_has_no_growth(tmp_path: Path) -> None:
    shop = firm(tmp_path)
    shop.happened(("a", "paid", "2026-05-30", 100, "EUR"), ("a", "use", "2026-05-30"))
    said = shop.summary()
    assert said["overview"]["revenue_growth"] is None and said["overview"]["user_growth"] is None
    assert said["comparisons"]["previous"]["complete"] is False
    assert said["overview"]["conversion_rate"] is None and said["key_metrics"]["customer_acquisition_cost"] is None


def test_an_empty_log_has_no_figures_and_no_error(tmp_path: Path) -> None:
    said = firm(tmp_path).summary("month", zone="Europe/Berlin")
    assert said["overview"]["total_revenue"] == 0 and said["overview"]["active_users"] == 0
    assert said["trends"]["revenue"]["forecast"]["status"] == "not enough data"
    json.dumps(said, allow_nan=False)


def test_currencies_do_not_mix_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    shop = firm(tmp_path)
    shop.happened(
        ("a", "paid", "2026-05-30", 1000, "EUR"),
        ("b", "paid", "2026-05-30", 300, "USD"),
        ("ads", "ads", "2026-05-30", 50, "USD"),
        ("c", "paid", "2026-05-22", 900, "USD"),
    )
    said = shop.summary()
    assert (said["overview"]["total_revenue"], said["currency"]) == (1000, "EUR")
    assert said["kpis"]["revenue"]["by_currency"] == {"EUR": 1000, "USD": 300}
    assert any("leaves out 300 minor units of USD" in warning for warning in said["warnings"])
    assert said["key_metrics"]["customer_acquisition_cost"] is None
    assert any("cost of a new customer is not known in EUR" in warning for warning in said["warnings"])
    assert shop.summary(currency="USD")["overview"]["total_revenue"] == 300


def test_rates_are_exact_and_know_the_digits_of_a_currency(tmp_path: Path) -> None:
    shop = firm(tmp_path)
    shop.happened(
        *((f"u{i}", "paid", "2026-05-30", 1, "GBP", {"plan": f"p{i}"}) for i in range(3)),
        ("j", "paid", "2026-05-30", 1000, "JPY", {"plan": "p9"}),
    )
    said = shop.summary(spec={"currency": "EUR", "rates": {"GBP": 1.15, "JPY": "0.0061"}})
    assert said["overview"]["total_revenue"] == round(3 * 1.15 + 610)
    rows = said["comparisons"]["segments"]["plan"]["revenue"]["rows"]
    assert sum(row["now"] for row in rows) == said["overview"]["total_revenue"], "rounded parts add up, too"


def test_churn_of_the_course_platform_is_inactivity(tmp_path: Path) -> None:
    shop = firm(tmp_path)
    shop.happened(
        ("stays", "learn", "2026-04-28"), ("stays", "learn", "2026-05-20"),
        ("leaves", "learn", "2026-04-28"),
        ("late", "learn", "2026-05-28"),
    )  # fmt: skip
    course = {"domain": "course", "active": ["learn"], "eligible": "visit", "converted": "learn",
              "churn": {"kind": "inactivity", "days": 30, "events": "learn"}}  # fmt: skip
    said = shop.summary("7d", course)
    churn = said["kpis"]["churn"]
    assert (churn["numerator"], churn["denominator"]) == (1, 2)
    assert churn["definition"]["domain"] == "course"


def test_recommendations_fire_below_and_not_at_the_thresholds(shop: Firm, tmp_path: Path) -> None:
    said = shop.summary()["recommendations"]
    engaged = next(one for one in said if one["category"] == "User Engagement")
    assert (engaged["priority"], engaged["impact_basis"]) == ("Medium", "static")
    assert engaged["expected_impact"] == "20-30% engagement increase"
    assert engaged["evidence"]["n"] == 2 and engaged["evidence"]["window"]["since"].startswith("2026-05-25")
    assert "Revenue Growth" not in {one["category"] for one in said}
    lost = next(one for one in said if one["category"] == "Revenue by segment")
    assert lost["impact_basis"] == "measured" and lost["evidence"]["change"] == -1700
    exact = firm(tmp_path / "exact")
    exact.happened(("a", "paid", "2026-05-20", 2000, "EUR"), ("a", "paid", "2026-05-28", 2100, "EUR"))
    assert "Revenue Growth" not in {one["category"] for one in exact.summary()["recommendations"]}, "5 % is not below"
    exact.happened(("a", "refunded", "2026-05-28", 1, "EUR"))
    (growth,) = (one for one in exact.summary()["recommendations"] if one["category"] == "Revenue Growth")
    assert growth["recommendation"] == "Focus on customer acquisition and retention strategies"


def test_a_month_that_goes_on_is_forecast_to_its_end(tmp_path: Path) -> None:
    shop = firm(tmp_path, now=1_779_624_000.0)  # 24 May 2026, 12:00
    shop.happened(
        *((f"u{d}", "paid", f"2026-{m:02}-{d:02}T09:00", 1000 + (d % 3), "EUR") for m in (3, 4, 5) for d in range(1, 31)
          if (m, d) <= (5, 24))
    )  # fmt: skip
    forecast = shop.summary("month")["trends"]["revenue"]["forecast"]
    so_far = shop.summary("month")["overview"]["total_revenue"]
    assert forecast["of"] == "period" and forecast["until"].startswith("2026-06-01")
    assert so_far <= forecast["lower"] <= forecast["expected"] <= forecast["upper"]
    assert forecast["expected"] == pytest.approx(31_000, rel=0.1)


@pytest.mark.parametrize(
    ("period", "zone", "field"),
    [("fortnight", "UTC", "time_period"), ("0d", "UTC", "time_period"), ("2026-05-02/2026-05-01", "UTC", "time_period"),
     ("7d", "Mars/Base", "zone"), ("2027-01-01/2027-02-01", "UTC", "time_period"), ("40000d", "UTC", "time_period")],
)  # fmt: skip
def test_what_is_no_period_is_refused_with_the_field(shop: Firm, period: str, zone: str, field: str) -> None:
    with pytest.raises(Rejected) as error:
        shop.summary(period, zone=zone)
    assert error.value.field == field


@pytest.mark.parametrize(
    ("wrong", "word"),
    [({"rates": {"USD": 1.1}}, "currency"), ({"currency": "EUR", "rates": {"USD": "many"}}, "number"),
     ({"margin": 1.5}, "margin"), ({"segments": [SAAS["segments"][0]] * 2}, "same name"),
     ({"new_customers": {"event": "x", "count": "sum"}}, "property"), ({"stream": "paid"}, "stream")],
)  # fmt: skip
def test_what_is_no_business_is_refused(wrong: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError, match=word):
        Business.model_validate({**SAAS, **wrong})


def test_a_misspelt_property_is_named(shop: Firm) -> None:
    said = shop.summary(spec={"segments": [{"name": "plan", "of": "plaan"}], "converted": "winn"})
    assert any("'plaan'" in warning and "did you mean 'plan'?" in warning for warning in said["warnings"])
    assert any("'winn'" in warning for warning in said["warnings"])


def test_a_day_in_a_zone_has_its_own_hours(tmp_path: Path) -> None:
    shop = firm(tmp_path)
    shop.happened(("a", "paid", "2026-05-30T22:30", 100, "EUR"), ("a", "paid", "2026-05-31T22:30", 10, "EUR"))
    assert shop.summary("yesterday", zone="Europe/Berlin")["overview"]["total_revenue"] == 100
    assert shop.summary("yesterday")["overview"]["total_revenue"] == 10
