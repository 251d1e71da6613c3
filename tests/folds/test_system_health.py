"""The dashboard of the system itself: its gauges, how fast events come in, and what came too late."""

from __future__ import annotations

from actors.dashboards.system_health import SystemHealth
from hindcast.testing.story import Story, Word, given
from tests.folds.words import BEGIN, SECOND, passes, shows

NOW_S = BEGIN // SECOND
GAUGES = {"cpu.percent": 40.0, "memory.percent": 50.0, "disk.percent": 60.0, "network.bytes_per_s": 7_000.0}


def measured(at_s: int, host: str = "web-1", **changed: float) -> Word:
    values = {**GAUGES, **{name.replace("_", "."): value for name, value in changed.items()}}
    time = (NOW_S + at_s) * SECOND
    return lambda story: story.rows(
        "system_metrics", type=list(values), source=host, time=time, value=list(values.values())
    )


def received(*at_s: float) -> Word:
    times = [BEGIN + int(at * SECOND) for at in at_s]
    return lambda story: story.rows("user_interactions", type="page.viewed", source="a", time=times)


def begun() -> Story:
    return given(SystemHealth()).when(passes(0))


def test_the_gauges_of_one_moment_are_one_point_and_the_network_is_in_kilobytes() -> None:
    story = begun().when(measured(1), measured(2, cpu_percent=90.0))
    story.then(shows("system_health", t=[NOW_S + 1.0, NOW_S + 2.0], cpu=[40.0, 90.0], mem=[50.0] * 2, net=[7.0] * 2))


def test_a_moment_of_which_a_gauge_is_missing_is_not_shown_by_halves() -> None:
    time = BEGIN + SECOND
    story = begun().rows("system_metrics", type=["cpu.percent"], source="web-1", time=time, value=[40.0])
    story.then(shows("system_health", t=[])).when(measured(2)).then(shows("system_health", t=[NOW_S + 2.0]))


def test_only_the_machine_that_was_first_to_speak_is_shown() -> None:
    story = begun().when(measured(1), measured(1, "web-2", cpu_percent=99.0), measured(2))
    story.then(shows("system_health", t=[NOW_S + 1.0, NOW_S + 2.0], cpu=[40.0, 40.0]))


def test_a_second_of_ingest_is_shown_once_it_has_settled() -> None:
    story = begun().when(received(1.0, 1.2, 1.9, 2.5), passes(2))
    assert story.view("ingest")["t"][-1] < NOW_S + 1, "more rows of that second may be on their way"
    for _ in range(3):
        story.when(passes(1))
    rates = dict(zip(story.view("ingest")["t"], story.view("ingest")["rate"], strict=True))
    assert (rates[NOW_S + 1.0], rates[NOW_S + 2.0]) == (3.0, 1.0)


def test_a_second_without_events_has_a_rate_and_no_lag() -> None:
    story = begun().when(passes(3))
    assert (story.view("ingest")["rate"][-1], story.view("ingest")["lag"][-1]) == (0.0, None)


def test_rows_that_came_too_late_are_counted_for_each_metric_that_misses_them() -> None:
    story = begun().rows(
        "late_rows", metrics=[["orders"], ["orders", "revenue"]], behind_us=[5 * SECOND, 90 * SECOND], time=BEGIN
    )
    late = story.view("late_rows")
    assert (late["orders"]["rows"], late["orders"]["behind_s"], late["revenue"]["rows"]) == (2, 90.0, 1)
