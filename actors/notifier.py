"""The notifier: performs what the ``outbox`` asks for and records what became of it.

Its memory is its own record: pending = asked for, less sent or failed. So a crash between sending and recording repeats
a message with the same key, and loses none. One channel that fails holds back no other.
"""

from __future__ import annotations

import logging
import queue
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, cast

import msgspec
import pyarrow as pa

from actors.cell import AnyCell
from actors.channels import Channel, Undelivered
from actors.fold import NONE, Batch, Outputs
from actors.workers import Worker
from events.catalog import NOTIFICATIONS, OUTBOX, rows
from events.log import EventLog

logger = logging.getLogger(__name__)


class Message(msgspec.Struct, frozen=True):
    channel: str
    body: str


State = dict[str, Message]
"""Messages that are owed, by idempotency key, in the order they were asked for."""


@dataclass(frozen=True, slots=True)
class Notifier:
    """The fold: what is owed to the world."""

    name: str = "notifier"
    version: int = 1
    reads: tuple[str, ...] = (OUTBOX.name,)
    writes: tuple[str, ...] = (NOTIFICATIONS.name,)

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        wanted = batch.table.select(["idempotency_key", "channel", "body"]).to_pylist()
        state.update({row["idempotency_key"]: Message(row["channel"], row["body"]) for row in wanted})
        return state, NONE

    def settle(self, state: State, settled: pa.RecordBatch) -> tuple[State, Outputs, None]:
        """Record messages that were sent or given up."""
        outputs = Outputs()
        outputs.emit(NOTIFICATIONS.name, settled)
        return self._without(state, settled), outputs, None

    def absorb(self, state: State, batch: Batch) -> State:
        return self._without(state, batch.table)

    def _without(self, state: State, settled: pa.RecordBatch) -> State:
        for key in settled.column("idempotency_key").to_pylist():
            state.pop(key, None)
        return state

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


class Attempt(NamedTuple):
    key: str
    error: Undelivered | None


class NotifierWorker(Worker):
    """Sends what is owed: each message by itself, again after doubling pauses (1 s to 5 min), given up after ten."""

    TRIES = 10

    def __init__(self, cell: AnyCell, log: EventLog, channels: Mapping[str, Channel]) -> None:
        super().__init__(cell, log)
        self._notifier = cast(Notifier, cell.fold)
        self._channels = channels
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="notify")
        self._results: queue.SimpleQueue[Attempt] = queue.SimpleQueue()
        self._tries: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._flying: set[str] = set()

    def step(self) -> None:
        with self.lock:
            consumed = self.cell.advance()
        for key, message in self.cell.state.items():
            if key not in self._flying and self._due.get(key, 0.0) <= time.monotonic():
                self._flying.add(key)
                self._pool.submit(self._send, key, message)
        settled = self._collect()
        if settled:
            with self.lock:
                self.cell.record(lambda state: self._notifier.settle(state, rows_of(settled)))
        if not consumed and not settled and not self.stopping.is_set():
            self.log.wait(self.cell.waiting_for(), 0.1 if self._flying else 1.0)

    def _send(self, key: str, message: Message) -> None:
        channel = self._channels.get(message.channel)
        try:
            if channel is None:
                raise Undelivered(f"there is no channel {message.channel!r}", final=True)
            channel.send(key, message.body)
            self._results.put(Attempt(key, None))
        except Undelivered as error:
            self._results.put(Attempt(key, error))
        except Exception as error:  # a bug in one channel must not silence the message: it is tried again and recorded
            logger.exception("channel %s", message.channel)
            self._results.put(Attempt(key, Undelivered(f"{type(error).__name__}: {error}")))

    def _collect(self) -> list[dict[str, object]]:
        settled: list[dict[str, object]] = []
        while not self._results.empty():
            key, error = self._results.get()
            self._flying.discard(key)
            message = self.cell.state.get(key)
            if message is None:
                continue
            tries = self._tries[key] = self._tries.get(key, 0) + 1
            if error and not error.final and tries < self.TRIES:
                self._due[key] = time.monotonic() + min(300.0, 2.0 ** (tries - 1))
                continue
            del self._tries[key]
            self._due.pop(key, None)
            outcome = "notification.failed" if error else "notification.sent"
            settled.append(
                {
                    "type": outcome,
                    "idempotency_key": key,
                    "channel": message.channel,
                    "attempts": tries,
                    "error": str(error) if error else None,
                }
            )
        return settled


def rows_of(settled: list[dict[str, object]]) -> pa.RecordBatch:
    """``notifications`` rows out of dictionaries of their columns."""
    return rows(NOTIFICATIONS, {name: [row[name] for row in settled] for name in settled[0]}, len(settled))
