"""Rules over several series: a ratio, a burn rate, a comparison with the past; judged once all of it is closed."""

from __future__ import annotations

from typing import Any

from actors.alerts.evaluator import AlertEvaluator
from hindcast.testing.story import Story, Word, given
from tests.folds.words import BEGIN, WINDOW, alerts, nobody_is_told, rule, told


def windows(*rows: dict[str, dict[str, float]], close: tuple[str, ...] = ("errors", "requests")) -> Word:
    """One window after another: by metric and key, its count. All of ``close`` are closed at its end."""

    def happens(story: Story) -> None:
        for row in rows:
            story.now = (story.now or BEGIN) + WINDOW
            for metric, by_key in row.items():
                for key, count in by_key.items():
                    said: dict[str, Any] = {"key": key, "count": count, "sum": count * 2.0, "mean": 2.0, "revision": 0}
                    story.rows("metrics", type="metric.sampled", **said, **_window(story, metric))
            for metric in close:
                closes(metric)(story)

    return happens


def closes(metric: str) -> Word:
    def happens(story: Story) -> None:
        story.rows("metrics", type="window.closed", key=None, count=0, sum=0.0, **_window(story, metric))
        story.tick(story.now)

    return happens


def _window(story: Story, metric: str) -> dict[str, Any]:
    return {"metric": metric, "source": metric, "start": story.now - WINDOW, "time": story.now, "width_us": WINDOW}


def watched(condition: str, threshold: float = 0.05, **policy: Any) -> Story:
    return given(AlertEvaluator()).when(rule("ratio", condition, threshold, **policy))


RATIO = "errors.count / requests.count > threshold"


def test_a_ratio_is_judged_by_key_once_both_are_closed() -> None:
    story = watched(RATIO).when(windows({"errors": {"a": 6, "b": 1}, "requests": {"a": 100, "b": 100}}))
    said = "errors.count / requests.count is 0.06, limit 0.05"
    story.then(alerts("fired", key="a", value=0.06, threshold=0.05, message=said), told("ops"))
    story.when(windows({"errors": {"a": 1}, "requests": {"a": 100}})).then(alerts("resolved", key="a"), told("ops"))


def test_the_order_in_which_metrics_come_changes_nothing() -> None:
    story = watched(RATIO).when(windows({"errors": {"": 6}}, close=("errors",))).then_nothing()

    def requests(story: Story) -> None:
        said: dict[str, Any] = {"key": "", "count": 100, "revision": 0}
        story.rows("metrics", type="metric.sampled", **said, **_window(story, "requests"))
        closes("requests")(story)

    story.when(requests).then(alerts("fired", value=0.06), told("ops"))


def test_nothing_over_nothing_is_unknown_and_no_errors_are_fine() -> None:
    story = watched(RATIO).when(windows({}, {"requests": {"": 10}}, {"errors": {"": 3}})).then_nothing()
    story.when(windows({"errors": {"": 3}, "requests": {"": 10}})).then(alerts("fired"), told("ops"))
    story.when(windows({"requests": {"": 10}})).then(alerts("resolved", value=0.0), told("ops"))


def test_several_metrics_may_be_joined_by_and_and_or() -> None:
    story = watched("errors.count > 5 and requests.sum < 30 or errors.count > 50")
    story.when(windows({"errors": {"": 6}, "requests": {"": 100}})).then_nothing()
    story.when(windows({"errors": {"": 6}, "requests": {"": 10}})).then(alerts("fired"), told("ops"))


def test_a_range_says_nothing_until_it_was_seen_whole_and_moves_in_twelfths() -> None:
    story = watched("errors.count[2m] > threshold", 20)
    story.when(windows(*[{"errors": {"": 2}}] * 11)).then_nothing()
    story.when(windows({"errors": {"": 2}})).then(alerts("fired", value=24.0), told("ops"))
    story.when(windows({}, {}, close=("errors",))).then(alerts("resolved", value=20.0), told("ops"))


def test_a_burn_rate_asks_a_long_and_a_short_range() -> None:
    burn = "errors.count[2m] / requests.count[2m] > threshold and errors.count[30s] / requests.count[30s] > threshold"
    story = watched(burn, 0.1)
    good, bad = {"errors": {"": 0}, "requests": {"": 100}}, {"errors": {"": 60}, "requests": {"": 100}}
    story.when(windows(*[good] * 12)).then_nothing()
    story.when(windows(bad, bad)).then_nothing()
    story.when(windows(bad)).then(alerts("fired"), told("ops"))
    story.when(windows(good, good)).then_nothing()
    story.when(windows(good)).then(alerts("resolved"), told("ops"))


def test_against_what_it_was_before() -> None:
    story = watched("requests.count[1m] vs 2m < threshold", -0.5)
    story.when(
        windows(*[{"requests": {"": 10}}] * 12, *[{"requests": {"": 6}}] * 6, close=("requests",))
    ).then_nothing()
    story.when(windows({"requests": {"": 1}}, {"requests": {"": 1}}, close=("requests",)))
    story.then(alerts("fired"), told("ops"))


def test_one_key_of_a_metric_may_be_a_measure_for_all_keys_of_another() -> None:
    story = watched('errors.count / requests.count{key="all"} > threshold')
    story.when(windows({"errors": {"a": 6, "b": 1}, "requests": {"all": 100}}))
    story.then(alerts("fired", key="a"), told("ops"))


def test_a_rule_that_is_removed_ends_what_it_has_firing() -> None:
    story = watched(RATIO).when(windows({"errors": {"": 6}, "requests": {"": 10}})).then(alerts("fired"), told("ops"))
    story.when(rule("ratio", "errors.count > 1e9")).then(alerts("resolved"), told("ops"))
    story.when(windows({"errors": {"": 6}, "requests": {"": 10}})).then(alerts(), nobody_is_told)
