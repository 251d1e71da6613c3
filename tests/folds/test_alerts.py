"""Alerts from a user's view: what is told of traffic, of its end, of gauges that fall silent, and of rows that come late."""

from __future__ import annotations

from typing import Any

import pytest

from actors.alerts.evaluator import AlertEvaluator
from actors.analyzers.anomaly import AnomalyAnalyzer, AnomalySpec
from actors.analyzers.metrics import MetricsAnalyzer, MetricSpec
from hindcast.testing.story import given
from tests.life import SECOND, Life
from tests.told import metrics_defined

DAY = 86_400
ERRORS = MetricSpec("errors", "user_interactions", ("error.shown",), sketches=False)
BY_SITE = MetricSpec("by_site", "user_interactions", key="source", sketches=False)
SALES = MetricSpec("sales", "user_interactions", ("order.placed",), value="value", distinct="subject")
GAUGES = MetricSpec("{type}", "system_metrics", key="source", value="value", lateness_us=0)
MANY: dict[str, Any] = {"name": "many", "condition": "errors.count > 5"}
NONE: dict[str, Any] = {"name": "none", "condition": "errors.count < 1"}


# -- silence -------------------------------------------------------------------------------------------------------------


def test_an_alert_ends_when_the_traffic_does() -> None:
    life = Life([ERRORS], [MANY]).sends(50, "error.shown").passes(20).says(("alert.fired", "", 10))
    life.passes(30).says(("alert.resolved", "", 20))
    assert life.owed() == [("alert.fired", 10), ("alert.resolved", 20)]


def test_an_alert_ends_beside_healthy_traffic_of_other_types() -> None:
    life = Life([ERRORS], [MANY]).sends(50, "error.shown").passes(5)
    for _ in range(6):
        life.sends(20).passes(5)
    life.says(("alert.fired", "", 10), ("alert.resolved", "", 20))


def test_a_missing_heartbeat_is_told_and_ends_with_the_next_one() -> None:
    life = Life([ERRORS], [NONE]).sends(1, "error.shown").passes(40).says(("alert.fired", "", 20))
    life.passes(3 * DAY, step=600).says().sends(1, "error.shown").passes(20).says("alert.resolved")


def test_a_metric_without_keys_is_known_before_its_first_row() -> None:
    """Other events come, so time passes; an error never did."""
    Life([ERRORS], [NONE]).sends(1, "page.viewed").passes(40).says(("alert.fired", "", 20))


def test_a_key_is_known_from_its_first_row_on_and_by_a_rule_that_names_it() -> None:
    quiet = {"name": "quiet", "condition": "by_site.count < 1"}
    named = {"name": "shop is quiet", "condition": 'by_site.count{key="shop"} < 1'}
    life = Life([BY_SITE], [quiet, named]).sends(1, source="blog").passes(40)
    life.says(("alert.fired", "blog", 20), ("alert.fired", "shop", 20))


@pytest.mark.slow
def test_a_key_sleeps_a_day_after_its_last_row_but_never_while_an_alert_of_it_fires() -> None:
    quiet = {"name": "quiet", "condition": "by_site.count < 1", "for_s": DAY / 2}
    life = Life([BY_SITE], [MANY | {"condition": "by_site.count > 5"}])
    life.sends(1, source="blog").passes(DAY + 60, step=60).rules(quiet).passes(DAY, step=60).says()
    life.sends(1, source="shop").passes(DAY + 60, step=60).says("alert.pending", "alert.fired")
    life.passes(2 * DAY, step=600).says().sends(1, source="shop").passes(20).says("alert.resolved")


def test_sums_rates_and_distinct_counts_of_silence_are_zero_and_a_sum_of_nothing_ever_is_not() -> None:
    rules = [{"name": a, "condition": f"sales.{a} < 0.5"} for a in ("count", "distinct", "rate", "sum")]
    rules.append({"name": "no such column", "condition": "errors.sum < 1"})
    sold = {"value": 9.0, "subject": "ada"}
    life = Life([SALES, ERRORS], rules).sends(9, "order.placed", **sold).passes(30)
    life.says(*[("alert.fired", "", 20)] * 3, ("alert.fired", "", 20))


def test_one_bad_window_is_not_a_condition_that_held() -> None:
    life = Life([ERRORS], [MANY | {"for_s": 20}]).sends(50, "error.shown").passes(300)
    life.says(("alert.pending", "", 10), ("alert.calmed", "", 20))
    assert life.owed() == []


def test_a_condition_that_holds_for_long_fires() -> None:
    life = Life([ERRORS], [MANY | {"for_s": 20}])
    for _ in range(5):
        life.sends(50, "error.shown").passes(10)
    life.passes(20).says(("alert.pending", "", 10), ("alert.fired", "", 30), ("alert.resolved", "", 60))


def test_a_part_of_a_condition_that_needs_no_gauge_is_judged_in_silence() -> None:
    rule = {"name": "odd", "condition": "sales.count < 1 or sales.mean > 90"}
    life = Life([SALES], [rule]).sends(1, "order.placed", value=5.0).passes(30).says(("alert.fired", "", 20))
    life.sends(1, "order.placed", value=5.0).passes(16).says("alert.resolved")


def test_a_life_with_crashes_is_told_alike() -> None:
    """Nothing depends on how long a process lived."""

    def lived(restarts: bool) -> list[tuple[Any, ...]]:
        life = Life([ERRORS, BY_SITE], [MANY, NONE, {"name": "quiet", "condition": "by_site.count < 2", "for_s": 15}])
        for n, site in ((9, "a"), (0, "a"), (1, "b"), (7, "a"), (0, "b")):
            life.sends(n, "error.shown", source=site).passes(9)
            if restarts:
                life.restarts()
        life.passes(60)
        return life.history("alerts", life.alerts.name, "type", "rule", "key", "time", "value")

    assert len(lived(False)) > 6
    assert lived(True) == lived(False)


def test_a_rule_that_is_changed_goes_on_knowing_the_keys_that_are_silent() -> None:
    """Else whoever adds a channel to a rule about silence ends its alert for good, while the silence goes on."""
    quiet = {"name": "quiet", "condition": "by_site.count < 1"}
    life = Life([BY_SITE], [quiet]).sends(3, source="shop")
    for _ in range(6):
        life.sends(1, source="blog").passes(5)
    life.says(("alert.fired", "shop", 20)).rules(quiet | {"channels": ["ops", "mail"]})
    for _ in range(6):
        life.sends(1, source="blog").passes(5)
    life.says("alert.resolved", "alert.fired")


# -- gauges --------------------------------------------------------------------------------------------------------------

BUSY: dict[str, Any] = {"name": "busy", "condition": "cpu.percent.mean > 90"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("no_data", "said"),
    [
        ("resolve", [("alert.fired", "web-1", 10), ("alert.resolved", "web-1", 610)]),
        ("keep", [("alert.fired", "web-1", 10)]),
        ("fire", [("alert.fired", "web-1", 10)]),
    ],
)
def test_a_gauge_that_falls_silent_while_it_fires(no_data: str, said: list[Any]) -> None:
    life = Life([GAUGES], [BUSY | {"no_data": no_data}]).measures("cpu.percent", 99.0).passes(1800).says(*said)
    life.measures("cpu.percent", 5.0).passes(20).says(*[] if no_data == "resolve" else ["alert.resolved"])


@pytest.mark.slow
def test_a_gauge_that_falls_silent_while_all_is_well() -> None:
    for no_data, said in (("resolve", []), ("keep", []), ("fire", [("alert.fired", "web-1", 610)])):
        life = Life([GAUGES], [BUSY | {"no_data": no_data}]).measures("cpu.percent", 5.0).passes(1800).says(*said)
        life.measures("cpu.percent", 5.0).passes(20).says(*["alert.resolved"] if said else [])


@pytest.mark.slow
def test_a_gauge_measured_now_and_then_is_judged_by_what_there_is() -> None:
    """Windows without a measurement neither break a condition that holds nor stand for one."""
    life = Life([GAUGES], [BUSY | {"for_s": 100}])
    for value in (99.0, 99.0, 99.0, 5.0):
        life.measures("cpu.percent", value).passes(60)
    life.says("alert.pending", ("alert.fired", "web-1", 130), ("alert.resolved", "web-1", 190))
    life.measures("cpu.percent", 99.0).passes(60).says("alert.pending").passes(1800).says("alert.calmed")


def test_an_alert_ends_when_not_even_silence_is_told_any_more() -> None:
    """The source's cell is gone: no watermark moves, only the clock."""
    closed = {
        "type": "window.closed",
        "metric": "cpu",
        "source": "cpu",
        "key": None,
        "count": 0,
        "width_us": 10 * SECOND,
    }
    rule = '{"name": "busy", "condition": "cpu.mean > 90", "threshold": 0}'
    story = (
        given(AlertEvaluator())
        .tick(100 * SECOND)
        .rows("control", type="rule.created", subject="busy", data=rule, time=0)
    )
    story.rows("metrics", type="metric.sampled", metric="cpu", key="a", count=3, mean=99.0, time=100 * SECOND,
               start=90 * SECOND, width_us=10 * SECOND, revision=0)  # fmt: skip
    story.rows("metrics", **closed, start=90 * SECOND, time=100 * SECOND).then("alerts", type="alert.fired")
    for second in range(101, 700):
        story.tick(second * SECOND)
    story.then_nothing().tick(90_000 * SECOND).then_nothing()  # the system was down: nothing stood still
    for second in range(90_001, 90_020):
        story.tick(second * SECOND)
    story.then("alerts", type="alert.resolved", time=90_016 * SECOND)


def test_silence_is_no_sample_to_learn_from() -> None:
    closed = {
        "type": "window.closed",
        "metric": "events",
        "key": None,
        "count": 0,
        "width_us": 10 * SECOND,
        "revision": None,
    }
    given(AnomalyAnalyzer((AnomalySpec("events"),))).rows("metrics", **closed, start=0, time=10 * SECOND).then_nothing()


# -- wide windows --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width_s", [1, 3600, 7 * DAY])
def test_a_window_of_any_width_closes_soon_after_its_end_and_may_alert(width_s: int) -> None:
    wide = MetricSpec("errors", "user_interactions", width_us=width_s * SECOND, lateness_us=0, sketches=False)
    life = Life([wide], [MANY]).passes(width_s / 2, step=width_s / 20).sends(9)
    end = (life.now // width_s + 1) * width_s + _week_offset(width_s)
    if width_s > 1:
        life.passes(end - life.now, step=max(1, width_s / 300)).says()
    life.passes(20)
    assert life.owed()[0] == ("alert.fired", end)


def _week_offset(width_s: int) -> int:
    """Windows are aligned to 1970, a life begins at any midnight."""
    from tests.life import BEGIN

    return -(BEGIN % width_s)


def test_a_window_over_a_stream_that_tells_no_silence_closes_by_the_clock() -> None:
    """Refused rows may say no time at all: then they happened when they came."""
    refused = MetricSpec("refused", "dead_letters", sketches=False)
    story = given(MetricsAnalyzer()).rows("control", **metrics_defined([refused]))
    story.rows("dead_letters", time=[None, None], received=3 * SECOND).then_nothing()
    for second in range(4, 75):
        story.tick(second * SECOND)
    story.then_nothing().tick(75 * SECOND).then("metrics", type="metric.sampled", metric="refused", count=2)
    story.tick(85 * SECOND).then("metrics", type="window.closed", start=10 * SECOND, time=20 * SECOND)


@pytest.mark.slow
def test_windows_that_close_hours_late_by_configuration_still_alert() -> None:
    life = Life([ERRORS], [MANY], bound_s=3 * 3600).sends(9, "error.shown").passes(3 * 3600 + 60, step=5)
    life.says(("alert.fired", "", 10), ("alert.resolved", "", 20))
    assert [type_ for type_, _ in life.owed()] == ["alert.fired", "alert.resolved"]


def test_an_import_of_history_tells_nobody() -> None:
    life = Life([ERRORS], [MANY]).sends(9, "error.shown", ago=30 * DAY).passes(90)
    life.says("alert.fired", "alert.resolved")
    assert life.owed() == []


def test_who_was_told_that_it_fires_is_told_that_it_ends_however_late() -> None:
    """The system is down for two days while an alert fires."""
    life = Life([ERRORS], [MANY]).sends(9, "error.shown").passes(17).says("alert.fired")
    life.now += 2 * DAY
    life.restarts().passes(10).says("alert.resolved")
    assert [type_ for type_, _ in life.owed()] == ["alert.fired", "alert.resolved"]


# -- late rows -----------------------------------------------------------------------------------------------------------


def test_late_rows_for_trouble_that_is_over_are_history() -> None:
    life = Life([ERRORS], [MANY]).sends(3, "error.shown").passes(30).says()
    life.sends(4, "error.shown", ago=30).passes(20).says(("alert.revised", "", 10))
    life.sends(4, "error.shown", ago=50).passes(20).says()  # a third revision of what is known by now
    assert life.samples("errors")[:3] == [(10, "", 3), (10, "", 7)]
    assert life.owed() == []


def test_late_rows_recount_a_pending_alert() -> None:
    life = Life([ERRORS], [{"name": "few", "condition": "errors.count < 5", "for_s": 40}])
    life.sends(9, "error.shown").passes(38).says(("alert.pending", "", 20))
    life.sends(9, "error.shown", ago=23).passes(20).says()
    life.passes(17).says(("alert.fired", "", 70))  # not at 60: what began at 20 ended there
    life = Life([ERRORS], [{"name": "few", "condition": "errors.count < 5", "for_s": 40}])
    life.sends(9, "error.shown").passes(29).says(("alert.pending", "", 20))
    life.sends(9, "error.shown", ago=13).passes(6).says(("alert.calmed", "", 20), "alert.pending")


def test_late_rows_do_not_end_an_alert_that_fires() -> None:
    life = Life([ERRORS], [{"name": "few", "condition": "errors.count < 5"}]).sends(9, "error.shown").passes(27)
    life.says(("alert.fired", "", 20)).sends(9, "error.shown", ago=11).passes(8).says(("alert.revised", "", 20))
    assert [type_ for type_, _ in life.owed()] == ["alert.fired"]


# -- memory --------------------------------------------------------------------------------------------------------------


def test_what_is_over_is_forgotten_after_a_day() -> None:
    rule = {"name": "busy", "condition": "by_site.count > 5"}
    life = Life([BY_SITE], [rule])
    for site in range(50):
        life.sends(9, source=f"site {site}")
    life.passes(60)
    assert len(life.alerts.state.instances["busy"]) == len(life.alerts.state.known["by_site"].keys) == 50
    life.passes(DAY + 60, step=300)
    assert not life.alerts.state.instances["busy"]
    assert not life.alerts.state.known["by_site"].keys
