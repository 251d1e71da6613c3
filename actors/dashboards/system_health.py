"""System health: the machine's gauges second by second, how fast and how late events come in (in all and by source), and
which came too late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from actors.columns import labels, times
from actors.dashboards.buckets import SECOND, counted
from actors.dashboards.sources import Sources
from actors.fold import NONE, Batch, Outputs, Topic
from actors.parts import Part, PartSection, Within
from actors.topology import CellSpec
from events.catalog import CLOCK, LATE_ROWS, SYSTEM_METRICS, USER_INTERACTIONS

GAUGES = {"cpu.percent": "cpu", "memory.percent": "mem", "disk.percent": "disk", "network.bytes_per_s": "net"}
CAP = 600
LAG_CAP_MS = 10_000
SETTLE_S = 2
"""A second of ingest is shown this long after it has passed, when its rows are committed."""


class TooLate(msgspec.Struct):
    """Rows that came too late for their windows of one metric."""

    rows: int = 0
    behind_s: float = 0.0
    """The most that the watermark was ahead of one: a longer ``lateness_s`` would have taken them all."""
    t: float = 0.0
    """When the newest was received, seconds UTC."""


class State(msgspec.Struct):
    host: str = ""
    """The machine shown: the first that reported."""
    pending: dict[int, dict[str, float]] = {}
    gauges: dict[str, list[float]] = {}
    arrived: dict[int, dict[int, int]] = {}
    """By second of arrival: rows by lag in ms."""
    shown: int = 0
    """The last second of ingest that was shown."""
    ingest: dict[str, list[float | None]] = {}
    late: dict[str, TooLate] = {}
    """By metric."""
    sources: Sources = msgspec.field(default_factory=Sources)


@dataclass
class SystemHealth:
    """The fold. Its topics: ``system_health`` (t, cpu, mem, disk, net kB/s), ``ingest`` (t, rate, lag p95 in ms),
    ``late_rows`` (by metric: rows that came too late for its windows, in all) and, by the second, ``sources`` (see
    ``actors.dashboards.sources``).
    """

    name: str = "system_health"
    version: int = 2
    reads: tuple[str, ...] = (SYSTEM_METRICS.name, USER_INTERACTIONS.name, LATE_ROWS.name, CLOCK.name)
    writes: tuple[str, ...] = ()
    topics: Sequence[Topic] = (
        Topic("system_health", "append", CAP),
        Topic("ingest", "append", CAP),
        Topic("late_rows", "upsert"),
        Topic("sources", "latest"),
    )

    def __post_init__(self) -> None:
        self._fresh: dict[str, int] = {}
        self._touched: set[str] = set()
        self._arrived = self._told = False

    def initial(self) -> State:
        return State(gauges={c: [] for c in ("t", *GAUGES.values())}, ingest={"t": [], "rate": [], "lag": []})

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        if batch.stream == SYSTEM_METRICS.name:
            self._sample(state, batch)
        elif batch.stream == USER_INTERACTIONS.name:
            self._arrive(state, batch)
            state.sources.take(batch)
            self._arrived = True
        elif batch.stream == LATE_ROWS.name:
            self._come_late(state, batch)
        else:
            for now in times(batch.table, "time").tolist():
                self._tick(state, now)
        return state, NONE

    def _sample(self, state: State, batch: Batch) -> None:
        codes, names = labels(batch.table, "type")
        hosts, host_names = labels(batch.table, "source")
        values = batch.table.column("value").to_pylist()
        for at, code, host, value in zip(times(batch.table, "time").tolist(), codes, hosts, values, strict=True):
            state.host = state.host or host_names[host]
            gauge = GAUGES.get(names[code])
            if gauge is None or host_names[host] != state.host or value is None:
                continue
            point = state.pending.setdefault(at, {})
            point[gauge] = value / 1000 if gauge == "net" else value
            if len(point) == len(GAUGES):
                self._append("system_health", state.gauges, {"t": at / 1e6, **point})
                state.pending = {t: p for t, p in state.pending.items() if t > at}

    def _arrive(self, state: State, batch: Batch) -> None:
        received = times(batch.table, "received")
        lag = np.clip((batch.header.committed - received) // 1000, 0, LAG_CAP_MS - 1)
        for cell, count in zip(*counted(received // SECOND * LAG_CAP_MS + lag), strict=True):
            second, ms = divmod(cell, LAG_CAP_MS)
            if second > state.shown:
                by_lag = state.arrived.setdefault(second, {})
                by_lag[ms] = by_lag.get(ms, 0) + count

    def _come_late(self, state: State, batch: Batch) -> None:
        rows = batch.table.select(["metrics", "behind_us"]).to_pylist()
        for row, received in zip(rows, times(batch.table, "received").tolist(), strict=True):
            for metric in row["metrics"] or ():
                late = state.late.setdefault(metric, TooLate())
                late.rows += 1
                late.behind_s = max(late.behind_s, (row["behind_us"] or 0) / SECOND)
                late.t = max(late.t, received / SECOND)
                self._touched.add(metric)

    def _tick(self, state: State, now_us: int) -> None:
        state.sources.prune(now_us)
        self._told = self._arrived
        second = now_us // SECOND - SETTLE_S
        if second <= state.shown:
            return
        by_lag = state.arrived.get(second, {})
        point = {"t": float(second), "rate": float(sum(by_lag.values())), "lag": _p95(by_lag)}
        self._append("ingest", state.ingest, point)
        state.shown = second
        state.arrived = {s: lags for s, lags in state.arrived.items() if s > second}

    def _append(self, topic: str, columns: dict[str, list[Any]], point: Mapping[str, Any]) -> None:
        for column, value in point.items():
            columns[column].append(value)
            del columns[column][:-CAP]
        self._fresh[topic] = min(CAP, self._fresh.get(topic, 0) + 1)

    def view(self, state: State, topic: str) -> Mapping[str, Any]:
        if topic == "late_rows":
            return {metric: msgspec.to_builtins(late) for metric, late in state.late.items()}
        if topic == "sources":
            return {"rows": state.sources.rows()}
        return {column: list(values) for column, values in _columns(state, topic).items()}

    def changes(self, state: State) -> Mapping[str, Mapping[str, Any]]:
        fresh, self._fresh = self._fresh, {}
        touched, self._touched = self._touched, set()
        deltas: dict[str, Mapping[str, Any]] = {
            topic: {c: v[-n:] for c, v in _columns(state, topic).items()} for topic, n in fresh.items()
        }
        if touched:
            deltas["late_rows"] = {metric: msgspec.to_builtins(state.late[metric]) for metric in sorted(touched)}
        if self._told:
            self._arrived = self._told = False
            deltas["sources"] = self.view(state, "sources")
        return deltas

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(msgspec.to_builtins(state, str_keys=True), order="deterministic")

    def load(self, data: bytes) -> State:
        return msgspec.convert(msgspec.msgpack.decode(data), State, str_keys=True)


def _columns(state: State, topic: str) -> Mapping[str, list[Any]]:
    return state.gauges if topic == "system_health" else state.ingest


def _p95(by_lag: Mapping[int, int]) -> float | None:
    """The smallest lag that 95 % of the rows do not exceed; None without rows."""
    left = 0.95 * sum(by_lag.values())
    for ms in sorted(by_lag):
        left -= by_lag[ms]
        if left <= 0:
            return float(ms)
    return None


def _cells(_: PartSection, within: Within) -> Iterator[CellSpec]:
    yield CellSpec("dashboards", SystemHealth(), within.tenant)


PART = Part("system_health", cells=_cells)
