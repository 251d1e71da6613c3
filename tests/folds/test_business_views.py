"""The three live views of the business: what they count, for whom, and when."""

from __future__ import annotations

import json
from typing import Any

import pytest

from actors.dashboards.business_metrics import BusinessMetrics
from actors.dashboards.campaign_performance import CampaignPerformance
from actors.dashboards.matching import holds
from actors.dashboards.revenue_tracking import RevenueTracking
from hindcast.testing.story import Story, Word, given
from query.business.meaning import Business
from query.questions.schema import Filter
from tests.folds.words import BEGIN, SECOND, passes

HOUR_S = 3_600
SPEC: dict[str, Any] = {
    "name": "firm",
    "domain": "marketing",
    "where": [{"name": "source", "value": "web"}],
    "revenue": "paid",
    "refunds": "refunded",
    "spend": "ads",
    "eligible": "trial",
    "converted": "won",
    "active": ["use", "paid"],
    "segments": [{"name": "plan", "of": "plan"}],
    "campaigns": {
        "sent": {"event": "sent", "of": "recipients"},
        "opened": "opened",
        "converted": "won",
        "spend": "ads",
    },
}
FIRM = Business.model_validate(SPEC).model_dump(mode="json")


def happened(*events: tuple[Any, ...], source: str = "web") -> Word:
    """Events: (seconds after the beginning, user, type, amount, currency, properties)."""
    full: list[tuple[Any, ...]] = [(*event, *(None,) * (6 - len(event))) for event in events]
    return lambda story: story.rows(
        "user_interactions",
        time=[BEGIN + int(e[0] * SECOND) for e in full],
        subject=[e[1] for e in full],
        type=[e[2] for e in full],
        amount=[e[3] for e in full],
        currency=[e[4] for e in full],
        properties=[None if e[5] is None else json.dumps(e[5]) for e in full],
        source=source,
    )


def defined(spec: dict[str, Any] | None, name: str = "firm") -> Word:
    type_, data = ("business.removed", {"owner": "api"}) if spec is None else ("business.defined", {"spec": spec})
    return lambda story: story.rows("control", type=type_, subject=name, time=BEGIN, data=json.dumps(data))


def the(story: Story, topic: str) -> dict[str, Any]:
    return story.view(topic)["firm"]


def test_figures_are_of_the_last_whole_hours_and_of_the_one_that_goes_on() -> None:
    story = given(BusinessMetrics()).when(defined(FIRM), passes(0))
    story.when(happened((1, "a", "paid", 500, "EUR"), (2, "a", "use"), (3, "b", "use"), (4, "a", "refunded", 100, "EUR"),
                        (5, "c", "trial"), (6, "c", "won"), (7, "x", "ads", 70, "USD")))  # fmt: skip
    story.when(happened((8, "z", "paid", 9_999, "EUR"), source="elsewhere"))
    story.when(passes(1))
    now = the(story, "business_metrics")
    assert (now["revenue"]["EUR"]["now"], now["revenue"]["EUR"]["v"]) == (400, 0)
    assert now["active_users"] == {"v": 0, "prev": 0, "now": 2}
    story.when(passes(HOUR_S))
    later = the(story, "business_metrics")
    assert (later["revenue"]["EUR"]["now"], later["revenue"]["EUR"]["v"]) == (0, 400)
    assert later["active_users"]["v"] == 2 and later["spend"]["USD"]["v"] == 70
    assert (later["eligible"]["v"], later["converted"]["v"]) == (1, 1)
    story.when(passes(24 * HOUR_S))
    assert the(story, "business_metrics")["revenue"]["EUR"]["prev"] == 400


def test_a_business_that_is_defined_anew_begins_anew_and_one_that_is_removed_is_gone() -> None:
    story = given(BusinessMetrics()).when(defined(FIRM), passes(0), happened((1, "a", "paid", 500, "EUR")), passes(1))
    story.when(defined(FIRM))
    assert the(story, "business_metrics")["revenue"]["EUR"]["now"] == 500, "the same again changes nothing"
    story.when(defined({**FIRM, "revenue": {"event": ["bought"]}}), passes(1))
    assert the(story, "business_metrics")["revenue"] == {}
    story.when(defined(None), passes(1))
    assert story.view("business_metrics") == {}


def test_revenue_is_net_by_currency_and_by_plan() -> None:
    story = given(RevenueTracking((FIRM,))).when(passes(0))
    story.when(happened((1, "a", "paid", 500, "EUR", {"plan": "pro"}), (2, "b", "paid", 301, "EUR", {"plan": "free"}),
                        (3, "a", "refunded", 100, "EUR", {"plan": "pro"}), (4, "c", "paid", 7, "USD")))  # fmt: skip
    story.when(passes(HOUR_S))
    found = the(story, "revenue_tracking")
    euros = found["currencies"]["EUR"]
    assert (found["segment"], euros["v"], euros["refunded"], euros["payments"], euros["average"]) == (
        "plan",
        701,
        100,
        2,
        400,
    )
    assert {row["value"]: row["v"] for row in euros["by"]} == {"pro": 400, "free": 301}
    assert sum(point["v"] for point in euros["hours"]) == 701
    assert found["currencies"]["USD"]["by"] == [{"value": "", "v": 7, "prev": 0}]


def test_campaigns_count_events_and_what_reports_say() -> None:
    story = given(CampaignPerformance((FIRM,))).when(passes(0))
    story.when(happened((1, "a", "sent", None, None, {"campaign": "spring", "recipients": 1000}),
                        (2, "r1", "opened", None, None, {"campaign": "spring"}),
                        (3, "r2", "opened", None, None, {"campaign": "spring"}),
                        (4, "r2", "won", None, None, {"campaign": "spring"}),
                        (5, "x", "ads", 2_550, "EUR", {"campaign": "spring"}),
                        (6, "r3", "opened", None, None, {"campaign": "autumn"})))  # fmt: skip
    rows = the(story, "campaign_performance")["rows"]
    assert [row["campaign"] for row in rows] == ["autumn", "spring"], "the newest first"
    spring = rows[1]
    assert (spring["sent"], spring["opened"], spring["clicked"], spring["converted"]) == (1000, 2, None, 1)
    assert (spring["open_rate"], spring["click_rate"]) == (0.002, None)
    assert spring["cost_per_acquisition"] == {"EUR": 2550.0}
    assert rows[0]["open_rate"] is None, "nothing was sent: no rate, and no infinity"


CONDITIONS: list[tuple[str, Any, Any, bool]] = [
    ("=", "a", "a", True),
    ("=", 1, "1", True),
    ("=", True, True, True),
    ("=", "true", True, True),
    ("=", "a", None, False),
    ("=", "[1,2]", [1, 2], True),
    ("!=", "a", None, True),
    ("in", ["a", 2], 2, True),
    ("not in", ["a"], None, True),
    ("<", 5, 4, True),
    ("<", 5, "4", True),
    ("<", 5, "x", False),
    (">=", 5, None, False),
    ("contains", "ab", "xaby", True),
    ("contains", "ab", None, False),
    ("exists", None, "", True),
    ("missing", None, None, True),
]


@pytest.mark.parametrize(("op", "wanted", "value", "true"), CONDITIONS)
def test_conditions_hold_as_in_questions(op: Any, wanted: Any, value: Any, true: bool) -> None:
    assert holds(Filter(name="x", op=op, value=tuple(wanted) if isinstance(wanted, list) else wanted), value) is true
