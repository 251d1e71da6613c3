"""Delivery as its receivers see it: order, channels apart, pauses; over a real cell and a clock moved by hand."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from actors.cell import Cell
from actors.edges.channels.undelivered import Undelivered
from actors.edges.delivery import KEEP_TRYING_US, LONGEST_PAUSE_US, NotifierWorker, outcome_of, pause_us
from actors.notifier import Message, Notifier
from events.catalog import OUTBOX, rows
from events.entry import encode
from events.log import Commit, Output
from events.memory_log import MemoryLog

SECOND = 1_000_000
DAY = 86_400 * SECOND
BEGIN = 1_767_225_600 * SECOND


@dataclass
class Clock:
    at: int = BEGIN

    def __call__(self) -> int:
        return self.at


@dataclass
class Receiver:
    """A channel that takes messages while it is up, and otherwise raises what it is told to."""

    error: Undelivered | None = None
    taken: list[str] = field(default_factory=list[str])
    tried: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    hangs: threading.Event = field(default_factory=threading.Event)
    clock: Clock = field(default_factory=Clock)
    refuses: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.hangs.set()

    def send(self, key: str, body: str) -> None:
        self.hangs.wait(600)
        self.tried.append((self.clock.at, key))
        if self.error is not None:
            raise self.error
        if key in self.refuses:
            raise Undelivered("HTTP 400")
        self.taken.append(key)


class Outbox:
    """Asks for messages, as the evaluator does."""

    def __init__(self, log: MemoryLog, clock: Clock) -> None:
        self._log, self._clock = log, clock
        self._lease = log.acquire("t/evaluator/0", [OUTBOX.name])
        self._commits = 0

    def ask(self, *messages: tuple[str, str, str]) -> None:
        """(key, channel, alert) of each."""
        key, channel, alert = (list(column) for column in zip(*messages, strict=True))
        columns = {"idempotency_key": key, "channel": channel, "subject": alert, "body": "{}"}
        payload = encode(OUTBOX, rows(OUTBOX, columns, len(messages)))
        commit = Commit(
            self._commits, str(self._commits).encode(), self._clock.at, outputs=(Output(OUTBOX.name, payload),)
        )
        self._commits = self._log.commit(self._lease, commit)


class Post:
    """A notifier at work: its log, its channels, and steps until all is quiet."""

    def __init__(self, **channels: Receiver) -> None:
        self.clock = Clock()
        self.log = MemoryLog()
        self.outbox = Outbox(self.log, self.clock)
        self.channels = channels
        for channel in channels.values():
            channel.clock = self.clock
        self.start()

    def start(self) -> None:
        """Start, or start again with nothing in memory."""
        self.cell = Cell(Notifier(tuple(self.channels)), self.log, tenant="t", now=self.clock)
        self.worker = NotifierWorker(self.cell, self.log, self.channels, self.clock)
        self.worker.stopping.set()  # no step waits
        self.cell.recover()

    def until(self, true: Callable[[], bool], timeout_s: float = 120.0) -> None:
        end = time.monotonic() + timeout_s
        while not true():
            assert time.monotonic() < end, f"it never came; owed {list(self.cell.state.owed)}"
            self.worker.step()
            time.sleep(0.002)

    def settle(self) -> None:
        """Step until nothing flies and nothing is due."""
        for _ in range(3):
            self.worker.step()
            self.until(lambda: not self.worker._flying)

    def after(self, seconds: float) -> None:
        self.clock.at += int(seconds * SECOND)
        self.settle()

    def told(self, stream: str, *columns: str) -> list[Any]:
        """Of each row that the notifier wrote the columns' values; of one column its value alone."""
        entries = self.log.read(stream, "t/notifier/0", 0, 1 << 30)
        found = [tuple(row[c] for c in columns) for entry in entries for row in entry.batch().to_pylist()]
        return [row[0] for row in found] if len(columns) == 1 else found


def test_a_channel_that_hangs_delays_no_other() -> None:
    dead, well = Receiver(), Receiver()
    dead.hangs.clear()
    post = Post(dead=dead, well=well)
    post.outbox.ask(*((f"d{i}", "dead", f"a{i}") for i in range(50)), *((f"w{i}", "well", f"a{i}") for i in range(50)))
    post.until(lambda: len(well.taken) == 50)
    assert dead.taken == []
    dead.hangs.set()
    post.until(lambda: len(dead.taken) == 50)


def test_resolved_never_overtakes_fired() -> None:
    ops = Receiver(Undelivered("HTTP 503"))
    post = Post(ops=ops)
    post.outbox.ask(("fired", "ops", "a"), ("other", "ops", "b"))
    post.settle()
    post.outbox.ask(("resolved", "ops", "a"))
    ops.error = None
    ops.refuses = {"fired"}
    post.after(10)
    assert ops.taken == ["other"], "another alert need not wait"
    post.after(3600)
    assert "resolved" not in [key for _, key in ops.tried]
    ops.refuses = set()
    post.after(3600)
    assert ops.taken == ["other", "fired", "resolved"]


def test_messages_about_one_alert_go_in_order_however_many_there_are() -> None:
    ops = Receiver()
    post = Post(ops=ops)
    post.outbox.ask(*((f"{alert}{n}", "ops", alert) for n in range(20) for alert in "abc"))
    post.until(lambda: len(ops.taken) == 60)
    for alert in "abc":
        assert [key for key in ops.taken if key[0] == alert] == [f"{alert}{n}" for n in range(20)]


def test_retry_after_is_honoured_for_the_whole_channel_and_over_a_restart() -> None:
    ops, well = Receiver(Undelivered("HTTP 429", hold_s=120)), Receiver()
    post = Post(ops=ops, well=well)
    post.outbox.ask(("a", "ops", "a"))
    post.settle()
    ops.error = None
    post.outbox.ask(("b", "ops", "b"), ("c", "well", "b"))
    post.after(60)
    assert (len(ops.tried), well.taken) == (1, ["c"])
    post.start()
    post.after(59)
    assert len(ops.tried) == 1
    post.after(1)
    assert sorted(ops.taken) == ["a", "b"]


def test_it_tries_for_a_day_with_growing_pauses_and_then_gives_up_and_says_so() -> None:
    ops, other = Receiver(Undelivered("HTTP 500")), Receiver()
    post = Post(ops=ops, other=other)
    post.outbox.ask(("a", "ops", "a"))
    post.settle()
    for minute in range(25 * 60):
        if minute == 700:
            post.start()  # nothing is begun anew
        post.after(60)
    times = [(at - BEGIN) / SECOND for at, _ in ops.tried]
    assert 30 <= len(times) <= 45
    assert 86_400 <= times[-1] <= 86_400 + 60
    gaps = [b - a for a, b in pairwise(times)]
    assert max(gaps) <= 1.25 * 3600 + 60
    assert gaps[10] > gaps[7] > gaps[4]
    assert post.told("notifications", "type", "idempotency_key", "attempts")[0] == (
        "notification.failed",
        "a",
        len(times),
    )
    assert post.told("alerts", "type", "key") == [("alert.fired", "ops")]
    assert len(other.taken) == 1, "another channel is told that this one is dead"
    assert "given up" in post.worker.detail


def test_after_an_outage_what_was_put_off_goes_at_once() -> None:
    ops = Receiver(Undelivered("ConnectError: refused"))
    post = Post(ops=ops)
    post.outbox.ask(*((f"m{i}", "ops", f"a{i}") for i in range(30)))
    for _ in range(60):
        post.after(60)
    tried = len(ops.tried)
    post.clock.at += SECOND
    ops.error = None
    post.outbox.ask(("new", "ops", "new"))
    post.until(lambda: len(ops.taken) == 31)
    assert len(ops.tried) == tried + 31, "each once, without its own pause"


def test_a_channel_that_is_gone_for_good_is_not_tried_again() -> None:
    ops = Receiver(Undelivered("410 Gone", final=True))
    post = Post(ops=ops)
    post.outbox.ask(("a", "ops", "a"), ("b", "nowhere", "b"))
    post.settle()
    post.after(3600)
    assert len(ops.tried) == 1
    failed = post.told("notifications", "idempotency_key", "error")
    assert sorted(failed) == [("a", "410 Gone"), ("b", "there is no channel 'nowhere'")]


def test_the_alert_about_a_channel_ends_when_the_configuration_drops_the_channel() -> None:
    """No message will ever reach it and end the alert; and those who were told of the trouble are told of its end."""
    page = Receiver()
    post = Post(page=page, ops=Receiver(Undelivered("410 Gone", final=True)))
    post.outbox.ask(("a", "ops", "a"))
    post.settle()
    assert post.told("alerts", "type", "key") == [("alert.fired", "ops")]
    del post.channels["ops"]
    post.start()
    post.settle()
    assert post.told("alerts", "type", "key") == [("alert.fired", "ops"), ("alert.resolved", "ops")]
    assert len(page.taken) == 2
    post.start()
    post.settle()
    assert len(post.told("alerts", "type")) == 2, "a restart says it again"


def test_a_bug_in_a_channel_loses_no_message() -> None:
    class Broken:
        def send(self, key: str, body: str) -> None:
            raise ZeroDivisionError

    post = Post()
    post.worker._channels = {"ops": Broken()}
    post.outbox.ask(("a", "ops", "a"))
    post.settle()
    assert post.told("deliveries", "error") == ["ZeroDivisionError: "]
    assert list(post.cell.state.owed) == ["a"]


def message(tries: int, asked: int = BEGIN) -> Message:
    return Message("ops", "a", "{}", asked, tries)


@pytest.mark.parametrize(
    ("tries", "age_us", "error", "kind", "wait_us"),
    [
        (0, 0, None, "sent", 0),
        (0, 0, Undelivered("x"), "deferred", 1 * SECOND),
        (4, 0, Undelivered("x"), "deferred", 16 * SECOND),
        (90, 0, Undelivered("x"), "deferred", LONGEST_PAUSE_US),
        (0, 0, Undelivered("x", hold_s=500), "deferred", 500 * SECOND),
        (0, 0, Undelivered("x", hold_s=9e9), "deferred", DAY),
        (4, 0, Undelivered("x", hold_s=1), "deferred", SECOND),
        (4, 0, Undelivered("x", hold_s=0), "deferred", 16 * SECOND),
        (30, DAY - SECOND, Undelivered("x"), "deferred", SECOND),
        (0, 3 * DAY, Undelivered("x", hold_s=9e9), "deferred", LONGEST_PAUSE_US),
        (30, DAY, Undelivered("x"), "failed", 0),
        (0, 3 * DAY, Undelivered("x"), "deferred", SECOND),
        (2, 3 * DAY, Undelivered("x"), "failed", 0),
        (0, 0, Undelivered("x", final=True), "failed", 0),
    ],
)
def test_what_an_attempt_means(tries: int, age_us: int, error: Undelivered | None, kind: str, wait_us: int) -> None:
    at = BEGIN + age_us
    found = outcome_of("k", message(tries), error, at, chance=0.5)
    assert found.kind == kind
    assert found.due == (at + wait_us if kind == "deferred" else 0)


def test_pauses_are_spread() -> None:
    assert pause_us(3, 0.0) == 3 * SECOND
    assert pause_us(3, 1.0) == 5 * SECOND
    assert KEEP_TRYING_US == DAY
