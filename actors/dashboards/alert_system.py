"""The alerts that people see: each with its state, until a day after it was resolved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.fold import NONE, Batch, Outputs, Topic
from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from events.catalog import ALERTS, CLOCK

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


State = dict[str, Shown]


@dataclass
class AlertSystem:
    """Folds the stream ``alerts`` into the topic ``alerts``: each alert by its id.

    A pending alert that calms down is taken away, since nobody was told of it.
    """

    name: str = "alert_system"
    version: int = 1
    reads: tuple[str, ...] = (ALERTS.name, CLOCK.name)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (Topic("alerts", "upsert"),)
    _touched: set[str] = field(default_factory=set[str], repr=False)

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        if batch.stream == CLOCK.name:
            newest = max((at.timestamp() for at in batch.table.column("time").to_pylist()), default=0.0)
            self._forget(state, newest - DAY)
            return state, NONE
        columns = ["type", "alert", "rule", "severity", "message", "time", "by", "key"]
        for row in batch.table.select(columns).to_pylist():
            self._take(state, row)
        return state, NONE

    def _take(self, state: State, row: Mapping[str, Any]) -> None:
        if row["type"] == "alert.revised":
            return  # history, and news for nobody
        alert = row["alert"]
        self._touched.add(alert)
        shown = state.get(alert)
        if row["type"] == "alert.acknowledged":
            if shown:
                shown.acknowledged, shown.acked_by = True, row["by"]
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

    def _forget(self, state: State, before: float) -> None:
        for alert in [a for a, s in state.items() if s.state == "resolved" and s.t < before]:
            del state[alert]
            self._touched.add(alert)

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        return {alert: msgspec.to_builtins(shown) for alert, shown in state.items()}

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        touched, self._touched = self._touched, set()
        if not touched:
            return {}
        return {"alerts": {a: msgspec.to_builtins(state[a]) if a in state else None for a in sorted(touched)}}

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state, order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _cells(_: PartSection, within: Within) -> Iterator[CellSpec]:
    yield CellSpec("dashboards", AlertSystem(), within.tenant)


PART = Part("alert_system", cells=_cells)
