"""The notifier's fold: what is owed to the world, what was given up, and which channels do not deliver.

Its memory is its own record: owed = asked for, less sent or failed. So a crash between sending and recording repeats a
message with the same key, and loses none; attempts and their pauses are recorded, too, so a restart goes on where they were.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import msgspec
import pyarrow as pa
import xxhash

from actors.columns import times
from actors.fold import NONE, Batch, Outputs
from events.catalog import ALERTS, CONTROL, CONVERSATIONS, DELIVERIES, NOTIFICATIONS, OUTBOX, STREAMS, rows

KEPT = 10_000
"""Dead letters that can be sent again: the newest ones."""
RULE = "Channel does not deliver"
"""The rule of the alerts that the notifier raises about its own channels; their key is the channel."""


TEST = "test:"
"""How the keys of messages begin that try a channel out: they are tried once, and raise no alert."""


class Message(msgspec.Struct):
    channel: str
    alert: str
    body: str
    asked: int
    """When it was asked for (committed to the outbox), us."""
    tries: int = 0
    tried: int = 0
    """When the last attempt was, us."""
    due: int = 0
    """Not before this time, us; 0: at once."""


class State(msgspec.Struct):
    owed: dict[str, Message] = {}
    """By idempotency key, in the order asked for."""
    dead: dict[str, Message] = {}
    """Given up, by idempotency key; oldest first, the newest ``KEPT``."""
    down: dict[str, str] = {}
    """Channels that gave up a message and have taken none since: the alert that says so."""
    channels: dict[str, dict[str, Any]] = {}
    """Those that were defined since this is kept, by name, as ``control`` has them: secrets are references. Others are the
    configuration's."""
    held: dict[str, int] = {}
    """Channels that asked to be left alone until then, us."""
    conversations: dict[str, str] = {}
    """The threads of the newest alerts, by channel and alert (``conversation_of``)."""


def conversation_of(channel: str, alert: str) -> str:
    return f"{channel}\0{alert}"


class Outcome(NamedTuple):
    """What became of one attempt at ``at``. ``due``: when the next one is, of a message that is to be tried again."""

    key: str
    kind: Literal["sent", "failed", "deferred"]
    at: int
    error: str | None = None
    due: int = 0
    hold: bool = False
    """The receiver asked for no request before ``due``."""
    reference: str | None = None
    """The thread that the message began."""


@dataclass(frozen=True, slots=True)
class Notifier:
    """The fold. ``channels``: those of the configuration. All are told of one that does not deliver.

    It reads the outbox, its own rows there included, and ``notification.resent`` and ``alert.acknowledged`` of ``control``.
    """

    channels: tuple[str, ...] = ("dashboard",)
    name: str = "notifier"
    version: int = 4
    reads: tuple[str, ...] = (OUTBOX.name, CONTROL.name)
    writes: tuple[str, ...] = (NOTIFICATIONS.name, DELIVERIES.name, ALERTS.name, OUTBOX.name, CONVERSATIONS.name)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        if batch.stream == CONTROL.name:
            return state, self._commands(state, batch.table)
        for row in batch.table.select(["idempotency_key", "channel", "subject", "body"]).to_pylist():
            message = Message(row["channel"], row["subject"] or "", row["body"], batch.header.committed)
            state.owed[row["idempotency_key"]] = message
        return state, NONE

    def _commands(self, state: State, table: pa.RecordBatch) -> Outputs:
        told: list[dict[str, Any]] = []
        asked: list[dict[str, Any]] = []
        at = times(table, "time").tolist()
        for i, row in enumerate(table.select(["type", "subject", "data"]).to_pylist()):
            if row["type"] == "channel.defined":
                state.channels[row["subject"]] = json.loads(row["data"])["spec"]
            elif row["type"] == "channel.removed":
                state.channels.pop(row["subject"], None)
            elif row["type"] == "notification.asked":
                asked += _asked(row["subject"], json.loads(row["data"]), at[i])
            if row["type"] == "notification.resent" and row["subject"] in state.dead:
                message = state.dead.pop(row["subject"])
                state.owed[row["subject"]] = Message(message.channel, message.alert, message.body, at[i])
            elif row["type"] == "alert.acknowledged":
                by = str(json.loads(row["data"]).get("by", ""))
                told += [
                    _alert("alert.acknowledged", alert, channel, at[i], f"by {by}", by)
                    for channel, alert in sorted(state.down.items())
                    if alert == row["subject"]
                ]
        outputs = Outputs()
        if told:
            outputs.emit(ALERTS.name, _table(ALERTS.name, told))
        if asked:
            outputs.emit(OUTBOX.name, _table(OUTBOX.name, asked))
        return outputs

    def settle(self, state: State, outcomes: Sequence[Outcome]) -> tuple[State, Outputs, None]:
        """Record what became of attempts, and raise or end the alert about a channel where that follows from it."""
        told: dict[str, list[dict[str, Any]]] = {name: [] for name in self.writes}
        down = dict(state.down)
        for outcome in outcomes:
            message = state.owed[outcome.key]
            row = _row(outcome, message)
            if outcome.kind == "deferred":
                told[DELIVERIES.name].append(
                    {**row, "type": "delivery.deferred", "due": outcome.due, "hold": outcome.hold}
                )
                continue
            told[NOTIFICATIONS.name].append({**row, "type": f"notification.{outcome.kind}"})
            if outcome.reference:
                told[CONVERSATIONS.name].append(
                    {**_envelope(outcome, message), "type": "conversation.begun", "reference": outcome.reference}
                )
            for alert in _turn(down, outcome, message):
                told[ALERTS.name].append(alert)
                told[OUTBOX.name] += self._effects(alert, down, state.channels)
        outputs = Outputs()
        for stream, found in told.items():
            if found:
                table = _table(stream, found)
                outputs.emit(stream, table)
                self._take(state, stream, table)
        return state, outputs, None

    def retire(self, state: State, channels: Collection[str], at: int) -> tuple[State, Outputs, None]:
        """End the alerts about channels that are none of ``channels``, those there are now: no message can end them."""
        down = {channel: alert for channel, alert in state.down.items() if channel in channels}
        told = [
            _alert("alert.resolved", alert, channel, at, f"{channel} is not defined any more")
            for channel, alert in sorted(state.down.items())
            if channel not in channels
        ]
        outputs = Outputs()
        if told:
            table = _table(ALERTS.name, told)
            outputs.emit(ALERTS.name, table)
            effects = [effect for alert in told for effect in self._effects(alert, down, state.channels)]
            if effects:
                outputs.emit(OUTBOX.name, _table(OUTBOX.name, effects))
            self._take(state, ALERTS.name, table)
        return state, outputs, None

    def _effects(
        self, alert: Mapping[str, Any], down: Mapping[str, str], defined: Collection[str]
    ) -> Iterator[dict[str, Any]]:
        """Tell the channels that deliver; one that does not is never told of itself, nor of another."""
        for channel in dict.fromkeys((*self.channels, *sorted(defined))):
            if channel not in down and channel != alert["key"]:
                yield {
                    "type": "notification.requested",
                    "subject": alert["alert"],
                    "time": alert["time"],
                    "partition_key": channel,
                    "channel": channel,
                    "idempotency_key": f"{alert['alert']}:{alert['type']}:{alert['time']}:{channel}",
                    "body": json.dumps(alert, sort_keys=True),
                }

    def absorb(self, state: State, batch: Batch) -> State:
        self._take(state, batch.stream, batch.table)
        return state

    def _take(self, state: State, stream: str, table: pa.RecordBatch) -> None:
        """What recorded rows mean for the state; those of the outbox come again as input, and count then."""
        if stream == NOTIFICATIONS.name:
            for row in table.select(["type", "idempotency_key"]).to_pylist():
                message = state.owed.pop(row["idempotency_key"], None)
                if row["type"] == "notification.failed" and message is not None:
                    state.dead.pop(row["idempotency_key"], None)
                    state.dead[row["idempotency_key"]] = message
                    if len(state.dead) > KEPT:
                        del state.dead[next(iter(state.dead))]
        elif stream == DELIVERIES.name:
            at, due = times(table, "time").tolist(), times(table, "due").tolist()
            for i, row in enumerate(table.select(["idempotency_key", "channel", "attempts", "hold"]).to_pylist()):
                message = state.owed.get(row["idempotency_key"])
                if message is not None:
                    message.tries, message.tried, message.due = row["attempts"], at[i], due[i]
                if row["hold"]:
                    state.held[row["channel"]] = due[i]
        elif stream == CONVERSATIONS.name:
            for row in table.select(["subject", "channel", "reference"]).to_pylist():
                state.conversations[conversation_of(row["channel"], row["subject"])] = row["reference"]
                if len(state.conversations) > KEPT:
                    del state.conversations[next(iter(state.conversations))]
        elif stream == ALERTS.name:
            for row in table.select(["type", "alert", "key"]).to_pylist():
                if row["type"] == "alert.fired":
                    state.down[row["key"]] = row["alert"]
                elif row["type"] == "alert.resolved":
                    state.down.pop(row["key"], None)

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state)

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _asked(key: str, data: Mapping[str, Any], at: int) -> list[dict[str, Any]]:
    """The messages that somebody asked for, one a channel; ``key`` names them together."""
    return [
        {
            "type": "notification.requested",
            "subject": str(data.get("alert", "")) or key,
            "time": at,
            "partition_key": channel,
            "channel": channel,
            "idempotency_key": f"{key}:{channel}",
            "body": json.dumps(data["body"], sort_keys=True),
        }
        for channel in dict.fromkeys(data["channels"])
    ]


def _turn(down: dict[str, str], outcome: Outcome, message: Message) -> Iterator[dict[str, Any]]:
    """The alert that ``outcome`` raises or ends; ``down`` is changed with it."""
    channel = message.channel
    tried_out = outcome.key.startswith(TEST)  # whoever does so looks at what comes of it
    if outcome.kind == "failed" and channel not in down and not tried_out:
        alert = down[channel] = xxhash.xxh3_64_hexdigest(f"channel\0{channel}\0{outcome.at}".encode())
        why = f"{channel} gave up a message after {message.tries + 1} attempts: {outcome.error}"
        yield _alert(
            "alert.fired", alert, channel, outcome.at, f"{why}; `hindcast notifications resend` sends it again"
        )
    elif outcome.kind == "sent" and channel in down:
        yield _alert("alert.resolved", down.pop(channel), channel, outcome.at, f"{channel} delivers again")


def _alert(type_: str, alert: str, channel: str, at: int, message: str, by: str | None = None) -> dict[str, Any]:
    return {
        "type": type_,
        "subject": alert,
        "time": at,
        "partition_key": RULE,
        "alert": alert,
        "rule": RULE,
        "severity": "high",
        "metric": "notifications.failed",
        "key": channel,
        "value": 1.0,
        "threshold": 0.0,
        "message": message,
        "by": by,
    }


def _envelope(outcome: Outcome, message: Message) -> dict[str, Any]:
    return {
        "subject": message.alert,
        "time": outcome.at,
        "received": outcome.at,
        "partition_key": message.channel,
        "channel": message.channel,
    }


def _row(outcome: Outcome, message: Message) -> dict[str, Any]:
    return {
        **_envelope(outcome, message),
        "idempotency_key": outcome.key,
        "attempts": message.tries + 1,
        "error": outcome.error,
    }


def _table(stream: str, told: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    return rows(STREAMS[stream], {name: [row[name] for row in told] for name in told[0]}, len(told))
