"""The live socket: a snapshot, then every change as a delta, and after a break only what was missed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.cluster.words import BATCH, event
from tests.running import PATIENCE_S, Running

pytestmark = pytest.mark.cluster


class Socket:
    """A client of the live protocol that acknowledges what it gets."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def send(self, **message: Any) -> None:
        self._connection.send(json.dumps(message))

    def next(self, *ops: str, timeout_s: float = PATIENCE_S) -> dict[str, Any]:
        """The next message of one of ``ops``."""
        deadline = time.monotonic() + timeout_s
        while True:
            message = json.loads(self._connection.recv(timeout=max(0.01, deadline - time.monotonic())))
            self.send(op="ack", n=message["n"])
            if message["op"] in ops:
                return message

    def total(self, at_least: int) -> dict[str, Any]:
        """The first delta of ``user_activity`` that shows so many events."""
        while True:
            message = self.next("delta")
            if message["data"].get("events_total", {}).get("v", 0) >= at_least:
                return message


@contextmanager
def socket(running: Running, **headers: str) -> Iterator[Socket]:
    address = running.url.replace("http://", "ws://") + "/live"
    headers = headers or {"authorization": f"Bearer {running.key}"}
    with connect(address, additional_headers=headers, open_timeout=PATIENCE_S, ping_interval=None) as connection:
        yield Socket(connection)


def test_an_event_moves_the_number(running: Running) -> None:
    with socket(running) as live:
        assert live.next("welcome")["hb"] > 0
        live.send(op="sub", id=1, topic="user_activity")
        snap = live.next("snap")
        total = snap["data"]["events_total"]["v"]
        running.post("/v1/events", json=[event() for _ in range(7)], headers=BATCH).raise_for_status()
        delta = live.total(total + 7)
        assert delta["epoch"] == snap["epoch"]
        assert delta["prev"] >= snap["seq"]
        assert delta["data"]["events_total"]["v"] >= total + 7


def test_after_a_break_it_resumes_with_what_was_missed(running: Running) -> None:
    with socket(running) as live:
        live.send(op="sub", id=1, topic="user_activity")
        snap = live.next("snap")
    total = snap["data"]["events_total"]["v"]
    running.post("/v1/events", json=[event() for _ in range(3)], headers=BATCH).raise_for_status()
    with socket(running) as live:
        live.send(op="sub", id=9, topic="user_activity", after=snap["seq"], epoch=snap["epoch"])
        first = live.next("snap", "delta")
        assert (first["op"], first["id"], first["prev"]) == ("delta", 9, snap["seq"])
        shown = first["data"].get("events_total", {}).get("v", 0)
        assert shown >= total + 3 or live.total(total + 3)


def test_a_place_of_another_epoch_gets_a_snapshot(running: Running) -> None:
    with socket(running) as live:
        live.send(op="sub", id=1, topic="alerts", after=1, epoch="another")
        assert live.next("snap", "delta")["op"] == "snap"


def test_deltas_have_no_gaps(running: Running) -> None:
    with socket(running) as live:
        live.send(op="sub", id=1, topic="user_activity")
        at = live.next("snap")["seq"]
        for _ in range(10):
            running.post("/v1/events", json=event()).raise_for_status()
            delta = live.next("delta")
            assert delta["prev"] == at
            at = delta["seq"]


def test_mistakes_are_named_and_harmless(running: Running) -> None:
    with socket(running) as live:
        live.send(op="sub", id=1, topic="no such topic")
        assert live.next("error")["code"] == "unknown_topic"
        live.send(op="dance")
        assert live.next("error")["code"] == "unknown_op"
        live.send(op="sub")
        assert live.next("error")["code"] == "bad_message"
        live.send(op="ping", t=7)
        assert live.next("pong")["t"] == 7


@pytest.mark.parametrize(("headers", "code"), [
    ({"authorization": "Bearer hc_nobody"}, 4401),
    ({"origin": "https://evil.example"}, 4403),
])  # fmt: skip
def test_strangers_are_turned_away(running: Running, headers: dict[str, str], code: int) -> None:
    with pytest.raises(ConnectionClosed) as closed, socket(running, **headers) as live:
        live.next("welcome")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code
