"""Nothing disappears: a row that no window counts is listed, counted by metric, and what would have counted it is said."""

from __future__ import annotations

from actors.analyzers.metrics import MetricsAnalyzer, MetricSpec
from actors.dashboards.system_health import SystemHealth
from hindcast.testing.story import given
from tests.life import Life
from tests.told import metrics_defined

SECOND = 1_000_000
EVENTS = MetricSpec("events", "user_interactions", sketches=False)
PATIENT = MetricSpec("patient", "user_interactions", ("order.placed",), lateness_us=600 * SECOND, sketches=False)
NAMED = MetricSpec("{type}", "user_interactions", sketches=False)


def test_a_phone_that_was_offline_is_listed_with_the_metrics_that_miss_it() -> None:
    life = Life([EVENTS, PATIENT, NAMED]).sends(2).passes(200)
    life.sends(1, "order.placed", ago=150, subject="ada").sends(1, "page.viewed", ago=150).passes(30)
    columns = ("type", "id", "event", "subject", "stream", "metrics", "cause", "behind_us")
    listed = life.history("late_rows", life.metrics.name, *columns)
    assert [row[:6] for row in listed] == [
        ("row.late", "e2", "order.placed", "ada", "user_interactions", ["events", "order.placed"]),
        ("row.late", "e3", "page.viewed", None, "user_interactions", ["events", "page.viewed"]),
    ]
    ids = dict(life.history("user_interactions", life.events.name, "@", "id"))
    assert [ids[int(row[6].rsplit(":", 1)[1])] for row in listed] == ["e2", "e3"]
    assert life.samples("patient")[-1] == (60, "", 1)
    needed = max(row[7] for row in listed)
    later = Life([MetricSpec("events", "user_interactions", lateness_us=needed, sketches=False)]).sends(2).passes(200)
    later.sends(1, ago=150).passes(30)
    assert later.history("late_rows", later.metrics.name, "id") == []
    assert (60.0, "", 1) in later.samples("events")


def test_every_row_is_counted_or_listed() -> None:
    life = Life([EVENTS])
    for second in range(200):
        life.sends(1, ago=(second * 7919) % 97).passes(1)
    life.passes(60)
    newest = {end: n for end, _, n in life.samples("events")}
    listed = life.history("late_rows", life.metrics.name, "id")
    assert len(listed) > 20
    assert sum(newest.values()) + len(listed) == 200


def test_history_may_be_sent_with_pauses() -> None:
    """What comes a moment later is as old as what came before: silence is no word about history, for a minute."""
    life = Life([EVENTS])
    for hour in range(48):
        life.sends(1, ago=(48 - hour) * 3600).passes(30, step=5)
    life.passes(90, step=5)
    assert life.history("late_rows", life.metrics.name, "id") == []
    assert sum(n for _, _, n in life.samples("events")) == 48


def test_a_row_of_another_type_misses_nothing() -> None:
    only = MetricSpec("orders", "user_interactions", ("order.placed",), sketches=False)
    life = Life([only]).sends(1).passes(200).sends(1, "page.viewed", ago=150).passes(30)
    assert life.history("late_rows", life.metrics.name, "id") == []


def test_the_page_gets_the_count_of_each_metric_and_the_lateness_that_would_do() -> None:
    given(SystemHealth()).rows(
        "late_rows", metrics=[["events"], ["events", "sales"]], behind_us=[40 * SECOND, 150_200_000], time=0,
        received=[7 * SECOND, 6 * SECOND],
    ).then_shows(
        "late_rows", events={"rows": 2, "behind_s": 150.2, "t": 7.0}, sales={"rows": 1, "behind_s": 150.2, "t": 6.0}
    )  # fmt: skip


def test_windows_close_once_after_their_samples_with_the_figures_of_silence() -> None:
    """The first window was not seen whole, so nobody says that it is; a leap over several windows is one row."""
    specs = (
        MetricSpec("n", "user_interactions", key="source", bound_us=0, lateness_us=0, sketches=False),
        MetricSpec("sold", "user_interactions", ("order.placed",), value="value", distinct="subject", bound_us=0),
    )
    seen = [t * SECOND for t in (3, 12, 44, 45)]
    story = given(MetricsAnalyzer()).rows("control", **metrics_defined(specs))
    story.rows("user_interactions", time=seen, type="page.viewed", source="a").then(
        "metrics",
        type=["metric.sampled", "metric.sampled", "window.closed", "window.closed"],
        metric=["n", "n", "n", "sold"],
        key=["a", "a", None, ""],
        start=[0, 10 * SECOND, 10 * SECOND, 10 * SECOND],
        count=[1, 1, 0, 0],
        sum=[None, None, None, 0.0],
        distinct=[None, None, None, 0],
        revision=[0, 0, None, None],
    )
