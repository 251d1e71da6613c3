"""The story kit tells the truth: about toys, and about folds that lie."""

from __future__ import annotations

from typing import Any

import pytest

from events.catalog import USER_INTERACTIONS, rows
from hindcast.testing.story import given
from tests.laws.toys import Alarm, Brittle, Door, Tally, Windows


def windows() -> Any:
    return given(Windows(producers=1)).rows("user_interactions", time=[10, 20], value=[1.0, 2.0], partition_key="a")


def test_a_window_speaks_once_it_is_closed() -> None:
    windows().then_nothing().rows("user_interactions", time=95, value=9.0, partition_key="a").then(
        "metrics", key=["a"], start=[0], count=[2], sum=[3.0]
    ).then_complete("metrics", 55)


def test_a_punctuation_closes_a_window_too() -> None:
    windows().watermark("user_interactions", 50).then("metrics", count=[2]).then_nothing()


def test_a_late_row_is_told_at_once() -> None:
    story = windows().watermark("user_interactions", 50).then("metrics", count=2)
    story.rows("user_interactions", time=30, value=4.0, partition_key="a").then("anomalies", value=[4.0], time=[30])


def test_a_tick_is_the_only_clock() -> None:
    given(Tally("tally")).rows("user_interactions", value=[1.5, 2.0]).tick(at=7).then("outbox", body=["2 3.5"], time=7)


def test_an_alarm_rings_at_five() -> None:
    given(Alarm("alarm")).rows("metrics", key=["a", "b", "a"], count=[3, 3, 3]).then("alerts", key=["a"], value=[6.0])


def test_what_the_world_tells_a_recorded_fold() -> None:
    door = Door()
    request = rows(USER_INTERACTIONS, {"id": ["x", "y"], "time": 60, "received": 60}, 2)
    story = given(door).told(lambda state: door.admit(state, request)).then("user_interactions", id=["x", "y"])
    story.told(lambda state: door.admit(state, request)).then_nothing()
    assert story.answer == ["duplicate", "duplicate"]


def test_a_wrong_expectation_says_what_came() -> None:
    with pytest.raises(AssertionError, match=r"metrics\.count is \[2\], expected \[3\]"):
        windows().watermark("user_interactions", 50).then("metrics", count=[3])
    with pytest.raises(AssertionError, match="1 rows of metrics expected, 0 came"):
        windows().then("metrics", count=[2])
    with pytest.raises(AssertionError, match="1 rows of metrics came"):
        windows().watermark("user_interactions", 50).then_nothing()


class Forgetful(Brittle):
    """Stores everything but the count."""

    def dump(self, state: list[int]) -> bytes:
        return b""

    def load(self, data: bytes) -> list[int]:
        return [0]


def test_a_fold_that_forgets_at_recovery_is_found_out() -> None:
    with pytest.raises(AssertionError, match="a reloaded state says something else"):
        given(Forgetful("brittle")).rows("user_interactions", value=1.0).rows("user_interactions", value=2.0)
