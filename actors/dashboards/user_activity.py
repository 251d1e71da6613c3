"""User activity: who is active, how many events, which ones, when in the week, and what was expected of it all.

Counts are by event time against the newest tick. Active users are distinct subjects by HyperLogLog, one sketch a minute,
so that the figure of any span of minutes is a merge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from actors.columns import labels, pairs, times
from actors.dashboards.buckets import HOUR, MINUTE, SECOND, Buckets
from actors.fold import NONE, Batch, Outputs, Topic
from actors.hashing import hashes
from analytics.sketches import HyperLogLog
from events.catalog import ANOMALIES, CLOCK, DEAD_LETTERS, USER_INTERACTIONS

PANE = 10 * SECOND
PANES = 360
ACTIVE_MINUTES = 5
SPARK = 30
TOP = 8
WEEK_HOURS = 28 * 24


class Expected(msgspec.Struct):
    """What the anomaly analyzer said of one pane."""

    exp: float | None
    lo: float | None
    hi: float | None
    score: float | None
    anom: bool


class State(msgspec.Struct):
    now: int = 0
    total: int = 0
    panes: Buckets = msgspec.field(default_factory=lambda: Buckets(PANE, PANES))
    types: Buckets = msgspec.field(default_factory=lambda: Buckets(MINUTE, 120))
    hours: Buckets = msgspec.field(default_factory=lambda: Buckets(HOUR, WEEK_HOURS))
    refused: Buckets = msgspec.field(default_factory=lambda: Buckets(MINUTE, 120))
    users: dict[int, HyperLogLog] = {}
    """By minute: its subjects."""
    expected: dict[int, Expected] = {}
    totals: dict[int, int] = {}
    """By minute: events in total at its first tick, for the spark line."""


@dataclass
class UserActivity:
    """The fold. ``series``: the metric and key whose expectation the hero chart shows."""

    series: tuple[str, str] = ("events", "")
    name: str = "user_activity"
    version: int = 1
    reads: tuple[str, ...] = (USER_INTERACTIONS.name, DEAD_LETTERS.name, ANOMALIES.name, CLOCK.name)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (
        Topic("user_activity", "latest"),
        Topic("activity_series", "upsert"),
        Topic("activity_heat", "upsert"),
        Topic("top_events", "latest"),
    )
    _panes: set[int] = field(default_factory=set[int], repr=False)
    _hours: set[int] = field(default_factory=set[int], repr=False)
    _moved: bool = field(default=False, repr=False)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        if batch.stream == USER_INTERACTIONS.name:
            self._count(state, batch)
        elif batch.stream == DEAD_LETTERS.name:
            codes, names = labels(batch.table, "stream")
            state.refused.add(times(batch.table, "received"), codes, names)
        elif batch.stream == ANOMALIES.name:
            self._expect(state, batch)
        else:
            for now in times(batch.table, "time").tolist():
                self._tick(state, now)
        self._moved = True
        return state, NONE

    def _count(self, state: State, batch: Batch) -> None:
        at = times(batch.table, "time")
        if not len(at):
            return
        state.total += len(at)
        one = np.zeros(len(at), np.int64)
        self._panes |= state.panes.add(at, one, [""])
        self._hours |= state.hours.add(at, one, [""])
        state.types.add(at, *pairs(batch.table, "type", "source"))
        subjects = hashes(batch.table, ("subject",))
        minutes = at // MINUTE
        for minute in np.unique(minutes).tolist():
            if minute > _oldest(state):
                state.users.setdefault(minute, HyperLogLog()).add(subjects[minutes == minute])

    def _expect(self, state: State, batch: Batch) -> None:
        columns = ["metric", "key", "start", "value", "expected", "lower", "upper", "score", "is_anomaly"]
        for row in batch.table.select(columns).to_pylist():
            if (row["metric"], row["key"] or "") == self.series:
                start = int(row["start"].timestamp()) * SECOND
                said = Expected(row["expected"], row["lower"], row["upper"], row["score"], bool(row["is_anomaly"]))
                state.expected[start] = said
                self._panes.add(start)

    def _tick(self, state: State, now: int) -> None:
        state.now = max(state.now, now)
        state.totals.setdefault(state.now // MINUTE * MINUTE, state.total)
        pane = state.now // PANE * PANE
        if pane not in state.panes.counts:
            state.panes.counts[pane] = {}  # quiet is a value, not a gap
            self._panes.add(pane)
        self._panes.update(state.panes.prune(state.now))
        self._hours.update(state.hours.prune(state.now))
        for buckets in (state.types, state.refused):
            buckets.prune(state.now)
        floor = (state.now // PANE - PANES) * PANE
        state.expected = {s: e for s, e in state.expected.items() if s > floor}
        state.totals = {m: t for m, t in state.totals.items() if m > state.now - (SPARK + 1) * MINUTE}
        state.users = {m: sketch for m, sketch in state.users.items() if m > _oldest(state)}

    # -- what people see -------------------------------------------------------------------------------------------

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        match topic:
            case "user_activity":
                return self._figures(state)
            case "activity_series":
                return {_seconds(start): self._pane(state, start) for start in sorted(state.panes.counts)[-PANES:]}
            case "activity_heat":
                return self._heat(state, state.hours.counts)
            case _:
                return {"rows": self._top(state)}

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        panes, hours, moved = self._panes, self._hours, self._moved
        self._panes, self._hours, self._moved = set(), set(), False
        deltas: dict[str, Mapping[str, Any]] = {}
        if moved:
            deltas["user_activity"] = self._figures(state)
            deltas["top_events"] = {"rows": self._top(state)}
        if panes:
            deltas["activity_series"] = {_seconds(start): self._pane(state, start) for start in sorted(panes)}
        if hours:
            deltas["activity_heat"] = self._heat(state, hours)
        return deltas

    def _figures(self, state: State) -> dict[str, Any]:
        minute = state.now // MINUTE * MINUTE
        pane = state.now // PANE * PANE
        span = ACTIVE_MINUTES
        ends = [state.now // MINUTE + 1 - i for i in reversed(range(SPARK))]
        users = [_active(state, end - span, end) for end in ends]
        totals = [state.totals[m] for m in sorted(state.totals)]
        return {
            "active_users": {
                "v": users[-1],
                "prev": _active(state, ends[-1] - 2 * span, ends[-1] - span),
                "spark": users,
            },
            "events_per_minute": {
                "v": state.panes.total(pane - 5 * PANE, pane + PANE),
                "prev": state.panes.total(pane - 11 * PANE, pane - 5 * PANE),
                "spark": state.panes.series(pane + PANE, SPARK),
            },
            "events_total": {"v": state.total, "spark": [*totals, state.total]},
            "rejected": {
                "v": state.refused.total(minute - HOUR + MINUTE, minute + MINUTE),
                "prev": state.refused.total(minute - 2 * HOUR + MINUTE, minute - HOUR + MINUTE),
                "spark": state.refused.series(minute + MINUTE, SPARK),
            },
        }

    def _pane(self, state: State, start: int) -> dict[str, Any] | None:
        if start not in state.panes.counts:
            return None
        said = state.expected.get(start)
        told = (
            msgspec.structs.asdict(said)
            if said
            else {"exp": None, "lo": None, "hi": None, "score": None, "anom": False}
        )
        return {"y": sum(state.panes.counts[start].values()), **told}

    def _heat(self, state: State, hours: Any) -> dict[str, int]:
        """Events by weekday (0 = Monday) and hour, UTC, for the cells that ``hours`` (us) fall in."""
        cells = {_cell(start) for start in hours}
        totals = dict.fromkeys(sorted(cells), 0)
        for start, bucket in state.hours.counts.items():
            if (cell := _cell(start)) in totals:
                totals[cell] += sum(bucket.values())
        return totals

    def _top(self, state: State) -> list[dict[str, Any]]:
        end = state.now // MINUTE * MINUTE + MINUTE
        now = state.types.by_name(end - HOUR, end)
        before = state.types.by_name(end - 2 * HOUR, end - HOUR)
        top = sorted(now, key=lambda name: (-now[name], name))[:TOP]
        return [
            {
                "name": name.split("\t")[0],
                "source": name.split("\t")[1],
                "n": now[name],
                "prev": before.get(name),
                "spark": [state.types.counts.get(s, {}).get(name, 0) for s in state.types.starts(end, SPARK)],
            }
            for name in top
        ]

    def dump(self, state: State) -> bytes:
        plain = msgspec.to_builtins(state, str_keys=True, builtin_types=(bytes,), enc_hook=HyperLogLog.dump)
        return msgspec.msgpack.encode(plain, order="deterministic")

    def load(self, data: bytes) -> State:
        plain = msgspec.msgpack.decode(data)
        return msgspec.convert(plain, State, str_keys=True, builtin_types=(bytes,), dec_hook=_sketch)


def _sketch(_: type, data: bytes) -> HyperLogLog:
    return HyperLogLog.load(data)


def _oldest(state: State) -> int:
    """The last minute whose subjects no figure needs any more."""
    return state.now // MINUTE - SPARK - 2 * ACTIVE_MINUTES


def _active(state: State, start: int, end: int) -> int:
    """Distinct subjects in the minutes ``[start, end)``."""
    union = HyperLogLog()
    for minute in range(start, end):
        if minute in state.users:
            union.merge(state.users[minute])
    return union.count()


def _seconds(start_us: int) -> str:
    return str(start_us // SECOND)


def _cell(start_us: int) -> str:
    hours = start_us // HOUR
    return f"{(hours // 24 + 3) % 7}-{hours % 24}"
