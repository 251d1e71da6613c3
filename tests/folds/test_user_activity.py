"""What the first page says of user activity: figures of closed spans, the clock as the end, the future aside."""

from __future__ import annotations

from typing import Any

import pytest

from actors.dashboards.user_activity import PANE, UserActivity
from hindcast.testing.story import Story, given

SECOND = 1_000_000
MINUTE = 60 * SECOND
NOON = 1_767_268_800 * SECOND


def a_steady_minute_by_minute(seconds: int = 1200, story: Story | None = None, end: int = NOON) -> Story:
    """One event a second by one of 50 people, with a tick after each ten."""
    story = story or given(UserActivity())
    for at in range(end - seconds * SECOND, end, PANE):
        times = [at + i * SECOND for i in range(10)]
        people = [f"p{t // SECOND % 50}" for t in times]
        story.rows("user_interactions", type="Seen", source="web", subject=people, time=times)
        story.tick(at + PANE)
    return story


def figures(story: Story, at: int) -> Any:
    story.tick(at)
    return story.fold.view(story.fold.load(story._stored), "user_activity")  # pyright: ignore[reportPrivateUsage]


def series(story: Story) -> Any:
    return story.fold.view(story.fold.load(story._stored), "activity_series")  # pyright: ignore[reportPrivateUsage]


def test_a_steady_stream_shows_one_figure_at_every_second_of_the_minute() -> None:
    story = a_steady_minute_by_minute()
    for second in range(60):
        if second % 10 == 0:
            at = NOON + second * SECOND
            times = [at + i * SECOND for i in range(10)]
            story.rows("user_interactions", type="Seen", source="web", subject=[f"p{i}" for i in range(10)], time=times)
        shown = figures(story, NOON + second * SECOND)
        for measure in ("events_per_minute", "active_users"):
            assert (
                shown[measure]["v"] == shown[measure]["prev"] == {"events_per_minute": 60, "active_users": 50}[measure]
            )
            assert set(shown[measure]["spark"][-10:]) == {shown[measure]["v"]}, "the trend dives at its end"


def test_a_figure_names_the_span_that_it_counts() -> None:
    story = a_steady_minute_by_minute()
    story.rows("user_interactions", type="Seen", source="web", subject="zoe", time=[NOON - 61 * SECOND, NOON - 1, NOON])
    shown = figures(story, NOON + 3 * SECOND)["events_per_minute"]
    assert (shown["from"], shown["to"]) == (NOON / SECOND - 60, NOON / SECOND)
    assert (shown["v"], shown["prev"]) == (60 + 1, 60 + 1)
    assert figures(story, NOON + 3 * SECOND)["active_users"]["v"] == 51


def test_a_late_row_is_counted_in_the_span_it_belongs_to() -> None:
    story = a_steady_minute_by_minute()
    assert figures(story, NOON + 5 * SECOND)["events_per_minute"]["v"] == 60
    story.rows("user_interactions", type="Seen", source="web", subject="zoe", time=NOON - 30 * SECOND)
    assert figures(story, NOON + 6 * SECOND)["events_per_minute"]["v"] == 61


def test_an_event_from_the_future_moves_neither_the_axis_nor_the_figures() -> None:
    story = a_steady_minute_by_minute()
    before = figures(story, NOON + 5 * SECOND)
    story.rows("user_interactions", type="Seen", source="web", subject="zoe", time=NOON + 20 * 3600 * SECOND)
    after = figures(story, NOON + 5 * SECOND)
    assert max(map(int, series(story))) == NOON // SECOND, "the axis ends at the clock"
    assert after["ahead"] == {"v": 1}
    assert after["events_per_minute"] == before["events_per_minute"]
    assert after["events_total"]["v"] == before["events_total"]["v"] + 1


def test_what_lay_ahead_is_shown_once_the_clock_gets_there() -> None:
    story = a_steady_minute_by_minute()
    story.rows("user_interactions", type="Seen", source="web", subject="zoe", time=NOON + 45 * SECOND)
    assert figures(story, NOON + 5 * SECOND)["ahead"] == {"v": 1}
    story.fold.changes(story.fold.load(story._stored))  # pyright: ignore[reportPrivateUsage]
    assert figures(story, NOON + 55 * SECOND)["ahead"] == {"v": 0}
    told = story.fold.changes(story.fold.load(story._stored))["activity_series"]  # pyright: ignore[reportPrivateUsage]
    assert told[str(NOON // SECOND + 40)]["y"] == 1


def test_a_pane_is_open_until_its_rows_are_in() -> None:
    story = a_steady_minute_by_minute()
    opens = lambda at: [s for s, pane in (figures(story, at), series(story))[1].items() if pane["open"]]  # noqa: E731
    assert opens(NOON + SECOND) == [str(NOON // SECOND - 10), str(NOON // SECOND)]
    assert opens(NOON + 3 * SECOND) == [str(NOON // SECOND)]


@pytest.mark.parametrize("n", [1, 768, 5_000, 15_000])
def test_active_users_are_counted_to_the_row(n: int) -> None:
    people = [f"p{i}" for i in range(n)]
    story = given(UserActivity())
    for start in (NOON - 200 * SECOND, NOON - 20 * SECOND):
        story.rows("user_interactions", type="Seen", source="web", subject=[*people, people[0]], time=start)
    assert figures(story, NOON + 5 * SECOND)["active_users"]["v"] == n


def test_of_very_many_users_the_figure_is_an_estimate() -> None:
    story = given(UserActivity())
    for part in range(3):
        people = [f"p{i}" for i in range(part * 10_000, part * 10_000 + 30_000)]
        story.rows("user_interactions", type="Seen", source="web", subject=people, time=NOON - 20 * SECOND)
    assert figures(story, NOON + 5 * SECOND)["active_users"]["v"] == pytest.approx(50_000, rel=0.06)
