"""The alerts that people see: each with its state, until a day after it was resolved."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.fold import NONE, Batch, Outputs, Topic
from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from events.catalog import ALERTS, CLOCK, CONTROL

DAY = 86_400.0
STATES = {"alert.pending": "pending", "alert.fired": "firing", "alert.resolved": "resolved"}


class Shown(msgspec.Struct):
    """One alert as the page needs it; ``t``: when it took its state, seconds UTC."""

    id: str
    rule: str
    severity: str
    title: str
    detail: str
    t: float
    state: str
    acknowledged: bool = False
    acked_by: str | None = None
    note: str = ""
    """Why nobody is told of it, that it was escalated, that it keeps going on and off; empty: nothing of the kind."""


class Silence(msgspec.Struct):
    """Of whose alerts nobody is told. Times in seconds UTC."""

    id: str
    matchers: list[str]
    by: str
    comment: str
    t: float
    until: float | None
    """None: until what it matches is resolved."""


class State(msgspec.Struct):
    alerts: dict[str, Shown] = {}
    silences: dict[str, Silence] = {}


NOTES = ("alert.quiet", "alert.escalated", "alert.flapping")


@dataclass
class AlertSystem:
    """Folds the stream ``alerts`` into the topics ``alerts``, each alert by its id, and ``silences``.

    A pending alert that calms down is taken away, since nobody was told of it.
    """

    name: str = "alert_system"
    version: int = 2
    reads: tuple[str, ...] = (ALERTS.name, CLOCK.name, CONTROL.name)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (Topic("alerts", "upsert"), Topic("silences", "upsert"))
    _touched: set[str] = field(default_factory=set[str], repr=False)
    _silenced: set[str] = field(default_factory=set[str], repr=False)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        if batch.stream == CLOCK.name:
            newest = max((at.timestamp() for at in batch.table.column("time").to_pylist()), default=0.0)
            self._forget(state.alerts, newest - DAY)
            return state, NONE
        if batch.stream == CONTROL.name:
            for row in batch.table.select(["type", "subject", "data", "time"]).to_pylist():
                if row["type"] == "silence.created":
                    self._silence(state, row["subject"], json.loads(row["data"]), row["time"].timestamp())
            return state, NONE
        columns = ["type", "alert", "rule", "severity", "message", "time", "by", "key"]
        for row in batch.table.select(columns).to_pylist():
            if row["type"] == "silence.ended":
                state.silences.pop(row["alert"], None)
                self._silenced.add(row["alert"])
            else:
                self._take(state.alerts, row)
        return state, NONE

    def _silence(self, state: State, id_: str, said: Mapping[str, Any], t: float) -> None:
        until = said.get("until_us")
        self._silenced.add(id_)
        state.silences[id_] = Silence(
            id_,
            list(said["matchers"]),
            str(said.get("by", "")),
            str(said.get("comment", "")),
            t,
            until / 1e6 if until else None,
        )

    def _take(self, state: dict[str, Shown], row: Mapping[str, Any]) -> None:
        if row["type"] == "alert.revised":
            return  # history, and news for nobody
        alert = row["alert"]
        self._touched.add(alert)
        shown = state.get(alert)
        if row["type"] == "alert.acknowledged":
            if shown:
                shown.acknowledged, shown.acked_by = True, row["by"]
            return
        if row["type"] in NOTES:
            if shown:
                shown.note = row["message"]
            return
        if row["type"] == "alert.calmed":
            state.pop(alert, None)
            return
        title = f"{row['rule']} · {row['key']}" if row["key"] else row["rule"]
        fresh = Shown(
            id=alert,
            rule=row["rule"],
            severity=row["severity"],
            title=title,
            detail=row["message"],
            t=row["time"].timestamp(),
            state=STATES[row["type"]],
        )
        if shown:
            fresh.acknowledged, fresh.acked_by = shown.acknowledged, shown.acked_by
        state[alert] = fresh

    def _forget(self, state: dict[str, Shown], before: float) -> None:
        for alert in [a for a, s in state.items() if s.state == "resolved" and s.t < before]:
            del state[alert]
            self._touched.add(alert)

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        shown: Mapping[str, Any] = state.silences if topic == "silences" else state.alerts
        return {id_: msgspec.to_builtins(one) for id_, one in shown.items()}

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        topics: tuple[tuple[str, set[str], Mapping[str, Any]], ...] = (
            ("alerts", self._touched, state.alerts),
            ("silences", self._silenced, state.silences),
        )
        self._touched, self._silenced = set(), set()
        return {
            topic: {id_: msgspec.to_builtins(shown[id_]) if id_ in shown else None for id_ in sorted(touched)}
            for topic, touched, shown in topics
            if touched
        }

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _cells(_: PartSection, within: Within) -> Iterator[CellSpec]:
    yield CellSpec("dashboards", AlertSystem(), within.tenant)


PART = Part("alert_system", cells=_cells)
