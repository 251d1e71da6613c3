"""Delivery: the worker that sends what the notifier owes.

Each channel has threads of its own, so one that hangs delays no other. Within a channel the messages about one alert go one
after the other, in the order asked for: ``resolved`` waits until ``fired`` was taken or given up.
"""

from __future__ import annotations

import logging
import queue
import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

from actors.cell import AnyCell
from actors.definitions.channel import section_of
from actors.definitions.channel_section import IN_CONFIGURATION
from actors.edges.acknowledging import with_link
from actors.edges.channels.part import channel_of
from actors.edges.channels.undelivered import Undelivered
from actors.edges.guard import Guard
from actors.notifier import TEST, Message, Notifier, Outcome, State, conversation_of
from actors.parts import Channel, Conversation
from actors.topology import Surroundings
from actors.workers import Worker
from events.errors import Rejected
from events.log import LogReader

logger = logging.getLogger(__name__)
SECOND = 1_000_000
FIRST_PAUSE_US = SECOND
LONGEST_PAUSE_US = 3_600 * SECOND
KEEP_TRYING_US = 86_400 * SECOND
"""How long after it was asked for a message is tried."""
SHORTEST_HOLD_S = 1.0
"""A receiver that asks for less, or names a time that is past, has not thought of a pause: then ours holds."""
BACK_AFTER = 3
"""So many failures of a channel in a row are an outage: when it ends, nothing waits for its own pause any more."""
LEAST_TRIES = 3
"""Attempts that a message gets whatever its age: it may have waited while the system was down."""
FINISH_S = 1.0
"""How long a worker that is told to stop waits for what is being sent."""
IN_FLIGHT = 4
"""Messages of one channel, about as many alerts, that are sent at the same time."""


def pause_us(tries: int, chance: float) -> int:
    """The pause after attempt ``tries`` (from 1): 1 s, doubled each time up to an hour, times 0.75 to 1.25 by ``chance``
    (0 to 1), so that messages that failed together do not come again together."""
    return int(min(LONGEST_PAUSE_US, FIRST_PAUSE_US * 2 ** min(tries - 1, 30)) * (0.75 + chance / 2))


def outcome_of(key: str, message: Message, error: Undelivered | None, at: int, chance: float) -> Outcome:
    """What an attempt at ``at`` (us) means: sent, to be tried again and when, or given up after a day."""
    if error is None:
        return Outcome(key, "sent", at)
    tries, last = message.tries + 1, message.asked + KEEP_TRYING_US
    if error.final or key.startswith(TEST) or (at >= last and tries >= LEAST_TRIES):
        return Outcome(key, "failed", at, str(error))
    hold = (error.hold_s or 0.0) >= SHORTEST_HOLD_S
    due = at + (int((error.hold_s or 0.0) * SECOND) if hold else pause_us(tries, chance))
    due = min(due, last if at < last else at + LONGEST_PAUSE_US)  # one last attempt when the day is over
    return Outcome(key, "deferred", at, str(error), due, hold)


class Lane(NamedTuple):
    """Messages that must keep their order."""

    channel: str
    alert: str


def heads(state: State) -> Iterator[tuple[Lane, str, Message]]:
    """The first message of each lane, with its key."""
    seen: set[Lane] = set()
    for key, message in state.owed.items():
        lane = Lane(message.channel, message.alert)
        if lane not in seen:
            seen.add(lane)
            yield lane, key, message


class Attempt(NamedTuple):
    lane: Lane
    key: str
    error: Undelivered | None
    reference: str | None = None
    """The thread that the message began."""


class NotifierWorker(Worker):
    """Sends what is owed, by channel; ``now`` gives microseconds UTC."""

    def __init__(
        self,
        cell: AnyCell,
        log: LogReader,
        channels: Mapping[str, Channel],
        now: Callable[[], int],
        secrets: Path = Path("secrets"),
        allow_private: Collection[str] | None = None,
    ) -> None:
        super().__init__(cell, log)
        self._notifier = cast(Notifier, cell.fold)
        self._channels = channels
        """Those of the configuration; others are in the state."""
        self._secrets = secrets
        self._guard = None if allow_private is None else Guard(allow_private)
        """Of channels that were defined while the system runs: whoever did so may not be at home in this network."""
        self._now = now
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._results: queue.SimpleQueue[Attempt] = queue.SimpleQueue()
        self._flying: set[Lane] = set()
        self._failures: dict[str, int] = {}
        """In a row, by channel."""
        self._back: dict[str, int] = {}
        """When an outage of a channel ended, us: what was tried before that goes at once."""

    def step(self) -> None:
        with self.lock:
            consumed = self.cell.advance()
            known = self._channels.keys() | self.cell.state.channels.keys()
            if self.cell.state.down.keys() - known:
                self.cell.record(lambda state: self._notifier.retire(state, known, self._now()))
        next_due = self._dispatch(self.cell.state)
        settled = self._settle()
        self.detail = self._said(self.cell.state)
        if not consumed and not settled and not self.stopping.is_set():
            longest = 0.1 if self._flying else 1.0
            self.log.wait(self.cell.waiting_for(), max(0.0, min(longest, (next_due - self._now()) / SECOND)))

    def finish(self) -> None:
        """Wait for what is being sent, so that nobody sends it again; what takes longer is sent again under its key."""
        deadline = time.monotonic() + FINISH_S
        while self._flying and (left := deadline - time.monotonic()) > 0:
            self._settle(left)
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def _dispatch(self, state: State) -> float:
        """Send what is due; answers when the next message is, us."""
        now, next_due = self._now(), float("inf")
        busy: dict[str, int] = {}
        for lane in self._flying:
            busy[lane.channel] = busy.get(lane.channel, 0) + 1
        for lane, key, message in heads(state):
            if lane in self._flying:
                continue
            due = 0 if self._back.get(lane.channel, 0) > message.tried else message.due
            due = max(due, state.held.get(lane.channel, 0))
            if due > now:
                next_due = min(next_due, due)
            elif busy.get(lane.channel, 0) < IN_FLIGHT:
                busy[lane.channel] = busy.get(lane.channel, 0) + 1
                self._flying.add(lane)
                told = state.channels.get(lane.channel)
                thread = state.conversations.get(conversation_of(lane.channel, lane.alert))
                self._pool(lane.channel).submit(self._send, lane, key, message.body, told, thread)
        return next_due

    def _pool(self, channel: str) -> ThreadPoolExecutor:
        if channel not in self._pools:
            self._pools[channel] = ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix=f"notify {channel}")
        return self._pools[channel]

    def _send(self, lane: Lane, key: str, body: str, told: Mapping[str, Any] | None, thread: str | None) -> None:
        try:
            channel = self._channel(lane.channel, told)
            if getattr(channel, "links", False):
                body = with_link(body, key, lane.channel, self._now(), self._secrets)
            if isinstance(channel, Conversation):
                self._results.put(Attempt(lane, key, None, channel.send_in(key, body, thread)))
            else:
                channel.send(key, body)
                self._results.put(Attempt(lane, key, None))
        except Undelivered as error:
            self._results.put(Attempt(lane, key, error))
        except Exception as error:  # a bug in one channel must not silence the message: it is tried again and recorded
            logger.exception("channel %s", lane.channel)
            self._results.put(Attempt(lane, key, Undelivered(f"{type(error).__name__}: {error}")))

    def _channel(self, name: str, told: Mapping[str, Any] | None) -> Channel:
        """The channel as it is defined now. Raises ``Undelivered``."""
        try:
            section = section_of(told) if told is not None else None
            if section is not None and IN_CONFIGURATION not in section.references.values():
                return channel_of(section, self._secrets, self._guard)
            if name not in self._channels:
                raise Undelivered(f"there is no channel {name!r}", final=True)
            return self._channels[name]
        except Rejected as error:
            raise Undelivered(f"the {error.field} of {name} {error.reason}") from error

    def _settle(self, wait_s: float = 0.0) -> bool:
        """Record what came back from the channels, waiting so long for the first of it; whether there was anything."""
        outcomes = self._collect(self.cell.state, wait_s)
        if outcomes:
            with self.lock:
                self.cell.record(lambda state: self._notifier.settle(state, outcomes))
        return bool(outcomes)

    def _came_back(self, wait_s: float) -> Iterator[Attempt]:
        with suppress(queue.Empty):
            yield self._results.get(timeout=wait_s)
            while True:
                yield self._results.get_nowait()

    def _collect(self, state: State, wait_s: float) -> list[Outcome]:
        """What came back from the channels."""
        outcomes: list[Outcome] = []
        for lane, key, error, reference in self._came_back(wait_s):
            self._flying.discard(lane)
            message, at = state.owed.get(key), self._now()
            if error is not None:
                self._failures[lane.channel] = self._failures.get(lane.channel, 0) + 1
            elif self._failures.pop(lane.channel, 0) >= BACK_AFTER:
                self._back[lane.channel] = at
            if message is not None:
                outcome = outcome_of(key, message, error, at, random.random())
                outcomes.append(outcome._replace(reference=reference))
        return outcomes

    def _said(self, state: State) -> str:
        """For the status: what waits for another attempt, and what was given up."""
        waiting: dict[str, list[Message]] = {}
        for message in state.owed.values():
            if message.tries:
                waiting.setdefault(message.channel, []).append(message)
        said = [
            f"{channel}: {len(messages)} undelivered, next attempt {_clock(min(m.due for m in messages))}"
            for channel, messages in sorted(waiting.items())
        ]
        if state.dead:
            said.append(f"{len(state.dead)} given up (`hindcast notifications failed`)")
        return "; ".join(said)


def _clock(at: int) -> str:
    return datetime.fromtimestamp(at / SECOND, UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Notify:
    """Drive the cell by the outbox, through ``channels``."""

    channels: Mapping[str, Channel]
    """Those that the configuration declares."""
    secrets: Path
    """The folder of the secrets that definitions name."""
    allow_private: tuple[str, ...] = ()
    """Hosts that are no part of the public internet, and may be spoken to all the same."""

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        return NotifierWorker(cell, host.log, self.channels, host.now, self.secrets, self.allow_private)
