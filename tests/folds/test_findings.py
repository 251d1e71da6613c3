"""Trend and correlation watches from a user's view: what they find, what they leave alone, and when they say so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from actors.analyzers.correlations import CorrelationAnalyzer
from actors.analyzers.trends import TrendAnalyzer
from actors.dashboards.insights import Insights
from hindcast.testing.story import Story, Word, given

SECOND = 1_000_000
WINDOW = 10 * SECOND
BEGIN = 1_760_000_000 * SECOND
RNG = np.random.default_rng(3)


def trend(name: str = "events.count", windows: int = 60, alpha: float = 0.01) -> Word:
    metric, _, aggregate = name.rpartition(".")
    spec = {"metric": metric, "aggregate": aggregate, "windows": windows, "alpha": alpha}
    return defined("trend", name, spec)


def correlation(*series: str, windows: int = 120, max_lag: int = 4) -> Word:
    return defined(
        "correlation", "pairs", {"name": "pairs", "series": series, "windows": windows, "max_lag": max_lag, "fdr": 0.01}
    )


def defined(kind: str, name: str, spec: dict[str, Any]) -> Word:
    data = json.dumps({"spec": spec, "owner": "api"})
    return lambda story: story.rows("control", type=f"{kind}.defined", subject=name, data=data, time=story.now or BEGIN)


def removed(kind: str, name: str) -> Word:
    return lambda story: story.rows("control", type=f"{kind}.removed", subject=name, data="{}", time=story.now or BEGIN)


def windows(metric: str, counts: Iterable[Any], cause: str = "t/control/0:1") -> Word:
    """One window after another: a figure, or one for each key; None where there are no rows."""

    def happens(story: Story) -> None:
        for each in counts:
            story.now = (story.now or BEGIN) + WINDOW
            keys = each if isinstance(each, dict) else {"": each}
            window = {
                "metric": metric,
                "source": metric,
                "start": story.now - WINDOW,
                "time": story.now,
                "width_us": WINDOW,
            }
            for key, count in keys.items():
                if count is not None:
                    story.rows(
                        "metrics", type="metric.sampled", key=key, count=int(count), revision=0, cause=cause, **window
                    )
            story.rows("metrics", type="window.closed", key=None, count=0, **window)

    return happens


def imported(metric: str, counts: Sequence[int], cause: str = "t/control/0:1") -> Word:
    """Windows that an import brought: counted anew after it, those before what comes next, the newest first."""

    def happens(story: Story) -> None:
        begin = story.now or BEGIN
        story.now = begin + len(counts) * WINDOW
        for n, count in reversed([*enumerate(counts)]):
            window = {"metric": metric, "source": metric, "start": begin + n * WINDOW, "width_us": WINDOW, "key": ""}
            window |= {"time": begin + (n + 1) * WINDOW, "count": int(count), "revision": 0, "cause": cause}
            story.rows("past_metrics", type="metric.sampled", subject="past", **window)

    return happens


def together(values: dict[str, Sequence[float]], cause: str = "t/control/0:1") -> Word:
    """Several metrics side by side."""

    def happens(story: Story) -> None:
        for row in zip(*values.values(), strict=True):
            story.now = (story.now or BEGIN) + WINDOW
            for metric, value in zip(values, row, strict=True):
                window = {
                    "metric": metric,
                    "source": metric,
                    "start": story.now - WINDOW,
                    "time": story.now,
                    "width_us": WINDOW,
                }
                story.rows(
                    "metrics",
                    type="metric.sampled",
                    key="",
                    mean=float(value),
                    count=1,
                    revision=0,
                    cause=cause,
                    **window,
                )
                story.rows("metrics", type="window.closed", key="", count=0, **window)

    return happens


def noise(n: int, level: float = 100.0) -> list[int]:
    return RNG.poisson(level, n).tolist()


def rising(n: int, by: float) -> list[int]:
    return (RNG.poisson(100, n) + np.linspace(0, by, n)).astype(int).tolist()


# -- trends ----------------------------------------------------------------------------------------------------------


def test_a_metric_that_rises_is_said_to_rise_once_and_by_how_much() -> None:
    story = given(TrendAnalyzer()).when(trend(), windows("events", rising(60, 60)))
    told = last(story)
    assert told["status"] == "rising"
    assert told["lower"] < 360 < told["upper"]  # 60 in ten minutes
    assert 0.1 < told["change"] < 0.8
    assert "events.count rises by" in told["message"] and told["message"].endswith(" min")
    assert statuses(story).count("rising") == 1


def test_what_was_imported_counts_as_what_came_live_does() -> None:
    counts = rising(60, 60)
    story = given(TrendAnalyzer()).when(trend(), imported("events", counts[:55]), windows("events", counts[55:]))
    assert last(story)["status"] == "rising" and last(story)["n"] >= 56
    much = [*noise(400), *counts]
    story = given(TrendAnalyzer()).when(trend(), imported("events", much[:455]), windows("events", much[455:]))
    assert last(story)["n"] == 60, "of a long past the newest windows count, as of any other"
    old = imported("events", counts[:55], "t/control/0:0")
    story = given(TrendAnalyzer()).when(trend(), windows("events", counts[55:]), old)
    assert "rising" not in statuses(story), "of a definition that holds no more"


def test_noise_is_steady_and_few_windows_are_not_enough() -> None:
    given(TrendAnalyzer()).when(trend(), windows("events", noise(10))).then("insights", status=["learning"])
    given(TrendAnalyzer()).when(trend(), windows("events", noise(200))).then("insights", status=["learning", "steady"])


def test_of_two_hundred_keys_of_noise_hardly_one_is_said_to_move() -> None:
    names = [f"k{i}" for i in range(200)]
    counts = RNG.poisson(50, (60, 200))
    story = given(TrendAnalyzer()).when(
        trend(), windows("events", [dict(zip(names, row, strict=True)) for row in counts.tolist()])
    )
    found = [status for status in statuses(story) if status in ("rising", "falling")]
    assert len(found) <= 4, "without the correction it would be about ten"


def test_silence_counts_as_zero_so_traffic_that_dies_down_falls() -> None:
    fewer = [count or None for count in RNG.poisson(np.linspace(6, 0, 60)).tolist()]
    story = given(TrendAnalyzer()).when(trend(), windows("events", fewer))
    assert last(story)["status"] == "falling"


def test_a_key_that_was_silent_for_all_its_windows_is_withdrawn() -> None:
    story = given(TrendAnalyzer()).when(trend(windows=24), windows("events", [*noise(24), *[None] * 40]))
    assert last(story)["status"] == "withdrawn"


def test_what_is_said_is_withdrawn_with_its_watch() -> None:
    story = given(TrendAnalyzer()).when(trend(), windows("events", rising(60, 60)), removed("trend", "events.count"))
    assert statuses(story)[-2:] == ["rising", "withdrawn"]
    assert statuses(story.when(windows("events", rising(60, 60))))[-1] == "withdrawn"


def test_late_rows_are_counted_where_they_belong() -> None:
    """Half of each window comes a window late, as a revision; the trend is that of the whole."""

    def late(story: Story) -> None:
        for i, count in enumerate(rising(60, 60)):
            story.now = (story.now or BEGIN) + WINDOW
            window = {"metric": "events", "source": "events", "width_us": WINDOW, "key": "", "cause": "t/control/0:1"}
            for back, value in ((0, count // 2), (1, count)):
                if back <= i:
                    at = {"start": story.now - (back + 1) * WINDOW, "time": story.now - back * WINDOW}
                    story.rows("metrics", type="metric.sampled", count=value, revision=back, **window, **at)
            story.rows("metrics", type="window.closed", count=0, start=story.now - WINDOW, time=story.now, **window)

    assert last(given(TrendAnalyzer()).when(trend(), late))["status"] == "rising"


def test_a_metric_that_is_defined_anew_begins_anew() -> None:
    story = given(TrendAnalyzer()).when(
        trend(), windows("events", rising(60, 60)), windows("events", noise(60, 5), cause="t/control/0:9")
    )
    assert "falling" not in statuses(story), "figures of two definitions are not compared"


# -- correlations ----------------------------------------------------------------------------------------------------


def walk(n: int) -> np.ndarray:
    return RNG.normal(size=n)


def test_two_series_that_move_together_are_found_with_the_lag_between_them() -> None:
    cause = walk(160)
    effect = np.concatenate([walk(2), 0.9 * cause[:-2]]) + 0.3 * walk(160)
    story = given(CorrelationAnalyzer()).when(
        correlation("load.mean", "errors.mean", "other.mean"),
        together({"load": cause + 50, "errors": effect + 20, "other": walk(160) + 9}),
    )
    rows = told(story)
    found = [row for row in rows if row["status"] == "together"]
    assert {(row["metric"], row["with_metric"]) for row in found} == {("load", "errors")}
    assert found[0]["lag_us"] == 2 * WINDOW
    assert "errors.mean follows load.mean by 20 s" in found[0]["message"]
    assert {row["with_metric"] for row in rows if row["status"] == "apart"} >= {"other"}


def test_two_random_walks_have_nothing_to_do_with_each_other() -> None:
    """They look alike by eye, and a plain coefficient would be far from zero."""
    series = {name: np.cumsum(walk(240)) + 100 for name in ("a", "b", "c")}
    story = given(CorrelationAnalyzer()).when(correlation("a.mean", "b.mean", "c.mean", windows=240), together(series))
    assert not [row for row in told(story) if row["status"] in ("together", "opposed")]


def test_pairs_are_withdrawn_with_their_watch() -> None:
    same = walk(130)
    story = given(CorrelationAnalyzer()).when(
        correlation("a.mean", "b.mean"), together({"a": same + 9, "b": 9 - same}), removed("correlation", "pairs")
    )
    assert [row["status"] for row in told(story)][-2:] == ["opposed", "withdrawn"]


# -- what people see -------------------------------------------------------------------------------------------------


def finding(status: str, **columns: Any) -> Word:
    row = {
        "watch": "events.count",
        "metric": "events",
        "aggregate": "count",
        "key": "",
        "message": "it is so",
        "time": BEGIN,
    }
    return lambda story: story.rows("insights", type="trend.judged", status=status, **{**row, **columns})


def test_the_page_shows_what_moves_and_forgets_what_stands_still() -> None:
    story = given(Insights()).when(finding("rising", value=3.5), finding("learning", metric="other"))
    assert sorted(shown["status"] for shown in story.view("insights").values()) == ["learning", "rising"]
    story.when(finding("steady"), finding("withdrawn", metric="other"))
    assert story.view("insights") == {}


def told(story: Story) -> list[dict[str, Any]]:
    return story.emitted("insights")


def statuses(story: Story) -> list[str]:
    return [row["status"] for row in told(story)]


def last(story: Story) -> dict[str, Any]:
    return told(story)[-1]
