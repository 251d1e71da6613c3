"""User activity: who is active, how many events, which ones, when in the week, and what was expected of it all.

Counts are by event time against the newest tick. Every figure covers a span of closed panes of 10 s, which it names
(``from`` and ``to``): a pane that still fills up never stands beside full ones, and SQL over the same span counts the same
rows. A pane closes ``SETTLE`` after its end, when its rows are committed. What lies ahead of the newest tick is kept,
shown once the clock gets there, and until then counted aside (``ahead``).

Active users are distinct subjects, kept by pane: exactly up to 20,000 a pane, beyond that by a sketch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from actors.columns import labels, pairs, times
from actors.dashboards.buckets import HOUR, MINUTE, SECOND, Buckets
from actors.dashboards.subjects import SlidingSubjects, Subjects
from actors.fold import NONE, Batch, Outputs, Topic
from actors.hashing import hashes
from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from analytics.kernels import U64
from events.catalog import ANOMALIES, CLOCK, DEAD_LETTERS, REPLAYED, USER_INTERACTIONS

_compute: Any = pc
PANE = 10 * SECOND
PANES = 360
"""An hour of them."""
SETTLE = 2 * SECOND
"""How long after its end a pane still waits for rows that are under way."""
ACTIVE = 5 * MINUTE
SPARK = 30
"""Points of a trend, a minute apart."""
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
    types: Buckets = msgspec.field(default_factory=lambda: Buckets(PANE, 2 * PANES + 2))
    hours: Buckets = msgspec.field(default_factory=lambda: Buckets(HOUR, WEEK_HOURS))
    refused: Buckets = msgspec.field(default_factory=lambda: Buckets(PANE, 2 * PANES + 2))
    users: dict[int, Subjects] = {}
    """By start of a pane: its subjects."""
    active: dict[int, int] = {}
    """By end of a pane: active users when it closed, for the spark line."""
    expected: dict[int, Expected] = {}
    totals: dict[int, int] = {}
    """By minute: events in total at its first tick, for the spark line."""


@dataclass
class UserActivity:
    """The fold. ``series``: the metric and key whose expectation the hero chart shows."""

    series: tuple[str, str] = ("events", "")
    name: str = "user_activity"
    version: int = 2
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
    _closed: _Closed = field(default_factory=lambda: _Closed(), repr=False)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        if batch.stream == USER_INTERACTIONS.name:
            self._count(state, batch)
        elif batch.stream == DEAD_LETTERS.name:
            table = batch.table
            _, types = labels(table, "type")
            if REPLAYED in types:  # says of a row that was refused before that it is recorded after all
                table = table.filter(_compute.not_equal(table.column("type").cast(pa.string()), REPLAYED))
            codes, names = labels(table, "stream")
            self._closed.touch(state.refused.add(times(table, "received"), codes, names))
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
        self._hours |= state.hours.add(at, np.zeros(len(at), np.int64), [""])
        table = batch.table
        recent = at // PANE > state.now // PANE - state.types.keep  # what is older would go at the next tick
        if not recent.all():
            table, at = table.filter(pa.array(recent)), at[recent]
            if not len(at):
                return
        touched = state.panes.add(at, np.zeros(len(at), np.int64), [""])
        self._panes |= touched
        self._closed.touch(touched)
        state.types.add(at, *pairs(table, "type", "source"))
        subjects = hashes(table, ("subject",))
        starts = at // PANE * PANE
        for start in touched:
            if start >= _oldest(state):
                here = subjects[starts == start] if len(touched) > 1 else subjects
                state.users.setdefault(start, Subjects()).add(here)
                self._closed.came(state, start, here)

    def _expect(self, state: State, batch: Batch) -> None:
        columns = ["metric", "key", "start", "value", "expected", "lower", "upper", "score", "is_anomaly"]
        for row in batch.table.select(columns).to_pylist():
            if (row["metric"], row["key"] or "") == self.series:
                start = int(row["start"].timestamp()) * SECOND
                said = Expected(row["expected"], row["lower"], row["upper"], row["score"], bool(row["is_anomaly"]))
                state.expected[start] = said
                self._panes.add(start)

    def _tick(self, state: State, now: int) -> None:
        before, hour = _end(state), state.now // HOUR
        state.now = max(state.now, now)
        self._panes.update(start for start in state.panes.counts if before <= start <= state.now)  # begun or closed
        if state.now // HOUR > hour:
            self._hours.update(state.hours.counts)  # an hour that lay ahead may have begun
        if _end(state) > before:
            state.active[_end(state)] = self._closed.active.count(state, state.users, _end(state))
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
        state.active = {end: n for end, n in state.active.items() if end > _end(state) - SPARK * MINUTE}
        state.users = {start: sketch for start, sketch in state.users.items() if start >= _oldest(state)}

    # -- what people see -------------------------------------------------------------------------------------------

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        match topic:
            case "user_activity":
                return self._figures(state)
            case "activity_series":
                begun = [start for start in sorted(state.panes.counts) if start <= state.now]
                return {_seconds(start): self._pane(state, start) for start in begun[-PANES:]}
            case "activity_heat":
                return self._heat(state, state.hours.counts)
            case _:
                return {"rows": self._closed.of(state).top}

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        panes, hours, moved = self._panes, self._hours, self._moved
        self._panes, self._hours, self._moved = set(), set(), False
        deltas: dict[str, Mapping[str, Any]] = {}
        if moved:
            deltas["user_activity"] = self._figures(state)
            deltas["top_events"] = {"rows": self._closed.of(state).top}
        begun = [start for start in sorted(panes) if start <= state.now]
        if begun:
            deltas["activity_series"] = {_seconds(start): self._pane(state, start) for start in begun}
        if hours:
            deltas["activity_heat"] = self._heat(state, hours)
        return deltas

    def _figures(self, state: State) -> dict[str, Any]:
        totals = [state.totals[m] for m in sorted(state.totals)]
        return {
            **self._closed.of(state).figures,
            "events_total": {"v": state.total, "spark": [*totals, state.total]},
            "ahead": {"v": sum(sum(b.values()) for start, b in state.panes.counts.items() if start > state.now)},
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
        return {"y": sum(state.panes.counts[start].values()), "open": start >= _end(state), **told}

    def _heat(self, state: State, hours: Any) -> dict[str, int]:
        """Events by weekday (0 = Monday) and hour, UTC, for the cells that ``hours`` (us) fall in."""
        cells = {_cell(start) for start in hours if start <= state.now}
        totals = dict.fromkeys(sorted(cells), 0)
        for start, bucket in state.hours.counts.items():
            if start <= state.now and (cell := _cell(start)) in totals:
                totals[cell] += sum(bucket.values())
        return totals

    def dump(self, state: State) -> bytes:
        plain = msgspec.to_builtins(state, str_keys=True, builtin_types=(bytes,), enc_hook=Subjects.dump)
        return msgspec.msgpack.encode(plain, order="deterministic")

    def load(self, data: bytes) -> State:
        plain = msgspec.msgpack.decode(data)
        return msgspec.convert(plain, State, str_keys=True, builtin_types=(bytes,), dec_hook=_subjects)


class _Closed:
    """What is said of closed panes; computed anew when another one closes, and at a tick after late rows."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._end = self._now = 0
        self._touched: set[int] = set()
        self.active = SlidingSubjects(ACTIVE // PANE, PANE)
        self._before = SlidingSubjects(ACTIVE // PANE, PANE)
        self.figures: dict[str, Any] = {}
        self.top: list[dict[str, Any]] = []

    def touch(self, starts: set[int]) -> None:
        """Rows came into the panes that begin at ``starts`` (us)."""
        self._touched |= starts

    def came(self, state: State, start: int, subjects: U64) -> None:
        """These were in the pane that begins at ``start`` (us)."""
        self.active.add(state, start, subjects)
        self._before.add(state, start, subjects)

    def of(self, state: State) -> _Closed:
        end = _end(state)
        late = state.now > self._now and any(start < end for start in self._touched)
        if self._state is not state or self._end != end or late:
            self._state, self._end, self._now, self._touched = state, end, state.now, set()
            self.figures, self.top = self._figures(state, end), _top(state, end)
        return self

    def _figures(self, state: State, end: int) -> dict[str, Any]:
        points = [end - i * MINUTE for i in reversed(range(SPARK))]
        active = self.active.count(state, state.users, end)
        before = self._before.count(state, state.users, end - ACTIVE)
        trend = [*(state.active.get(at, 0) for at in points[:-1]), active]
        return {
            "active_users": _measure(end, ACTIVE, active, before, trend),
            "events_per_minute": _rate(state.panes, end, MINUTE, points),
            "rejected": _rate(state.refused, end, HOUR, points),
        }


def _rate(buckets: Buckets, end: int, span: int, points: list[int]) -> dict[str, Any]:
    """Rows in ``[end - span, end)`` and in the span before; the trend is of the minute before each point."""
    now, before = buckets.total(end - span, end), buckets.total(end - 2 * span, end - span)
    return _measure(end, span, now, before, [buckets.total(at - MINUTE, at) for at in points])


def _measure(end: int, span: int, now: int, before: int, spark: list[int]) -> dict[str, Any]:
    return {"v": now, "prev": before, "spark": spark, "from": (end - span) / SECOND, "to": end / SECOND}


def _top(state: State, end: int) -> list[dict[str, Any]]:
    now = state.types.by_name(end - HOUR, end)
    before = state.types.by_name(end - 2 * HOUR, end - HOUR)
    minutes = [state.types.by_name(end - (i + 1) * MINUTE, end - i * MINUTE) for i in reversed(range(SPARK))]
    top = sorted(now, key=lambda name: (-now[name], name))[:TOP]
    return [
        {
            "name": name.split("\t")[0],
            "source": name.split("\t")[1],
            "n": now[name],
            "prev": before.get(name),
            "spark": [minute.get(name, 0) for minute in minutes],
        }
        for name in top
    ]


def _subjects(_: type, data: bytes) -> Subjects:
    return Subjects.load(data)


def _end(state: State) -> int:
    """The end of the newest closed pane."""
    return (state.now - SETTLE) // PANE * PANE


def _oldest(state: State) -> int:
    """The first pane whose subjects some figure still needs, late rows included."""
    return _end(state) - 2 * ACTIVE


def _seconds(start_us: int) -> str:
    return str(start_us // SECOND)


def _cell(start_us: int) -> str:
    hours = start_us // HOUR
    return f"{(hours // 24 + 3) % 7}-{hours % 24}"


def _cells(_: PartSection, within: Within) -> Iterator[CellSpec]:
    yield CellSpec("dashboards", UserActivity(), within.tenant)


PART = Part("user_activity", cells=_cells)
