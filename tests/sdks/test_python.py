"""The SDK for Python (PyPI: segment-analytics-python) while the server is too busy, or away for a moment."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest
from segment.analytics.client import Client

from events.errors import Overloaded, Transient
from tests.sdks.door import Door

START = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)


def sdk(door: Door) -> Client:
    return Client("wk_shop", host=door.url, upload_size=4, upload_interval=0.2, thread=1)


def in_order_of_time(door: Door) -> list[str]:
    return [row["type"] for row in sorted(door.rows, key=lambda row: row["time"])]


@pytest.mark.slow
@pytest.mark.parametrize("refusal", [Overloaded("consumers lag", 1.0), Transient("starting", 1.0)], ids=["429", "503"])
def test_after_a_refusal_each_event_counts_once_and_time_has_the_order(door: Door, refusal: Exception) -> None:
    """With a Retry-After the SDK puts the events of a refused batch behind newer ones, and cuts its batches anew."""
    door.refusals = [refusal]
    client = sdk(door)
    for n in range(6):
        client.track("u1", f"step {n}", timestamp=START + timedelta(seconds=n))
    client.flush()
    client.shutdown()
    assert sum(door.pushes) > len(door.rows) == 6
    arrived = [row["type"] for row in door.rows]
    assert arrived != sorted(arrived)
    assert in_order_of_time(door) == sorted(arrived) == [f"step {n}" for n in range(6)]


@pytest.mark.slow
def test_a_batch_that_was_committed_and_comes_again_in_other_cuts_counts_once(door: Door) -> None:
    """As where the answer was lost on its way: nothing but ``messageId`` may say what is the same."""
    client = sdk(door)
    messages = [client.track("u1", f"step {n}", timestamp=START + timedelta(seconds=n))[1] for n in range(6)]
    client.flush()
    for message in reversed(messages):
        client.queue.put(message)
    client.flush()
    client.shutdown()
    assert sum(door.pushes) == 12
    assert sorted(row["type"] for row in door.rows) == [f"step {n}" for n in range(6)]
    assert door.dead == []


def test_a_time_without_zone_is_local_when_it_is_now_and_utc_when_it_is_older(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK decides so, before we see anything: docs/segment.md says what to do, and `status` shows the lags."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        client = Client("wk_shop", host=door.url, sync_mode=True)
        now = datetime.now()
        client.track("u1", "now", timestamp=now)
        client.track("u1", "older", timestamp=now - timedelta(minutes=1))
    finally:
        monkeypatch.undo()
        time.tzset()
    lags = {row["type"]: (row["received"] - row["time"]).total_seconds() for row in door.rows}
    assert lags["now"] < 60
    assert 3 * 3600 < lags["older"] < 6 * 3600
