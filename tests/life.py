"""A whole walk, from what a product sends to what people are told, on a clock moved by hand: real cells, one memory log.

life = Life([ERRORS], [RULE])
life.sends(50, "error.shown").passes(20).says("alert.fired")
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from actors.alerts.evaluator import AlertEvaluator
from actors.analyzers.metrics import MetricsAnalyzer, MetricSpec
from actors.cell import Cell
from actors.collectors.arrivals import Arrivals
from actors.collectors.pull import PullCollector
from actors.collectors.push import control, user_interactions
from actors.edges.sources.idleness import IdleProducers
from events.catalog import CLOCK, CONTROL, IDLE_PRODUCERS, SYSTEM_METRICS, USER_INTERACTIONS, rows
from events.envelope import partition_of
from events.memory_log import MemoryLog
from tests.laws.oracle import History
from tests.told import said_of

SECOND = 1_000_000
BEGIN = 1_760_000_000 // 86_400 * 86_400
"""A midnight, seconds UTC: all times of a life count from here."""


class Life:
    """Seconds are counted from the beginning of this life, which is a midnight.

    ``partitions``: of the collector. ``log``: one that it shares with another tenant's life.
    """

    def __init__(
        self,
        metrics: Sequence[MetricSpec],
        rules: Sequence[Mapping[str, Any]] = (),
        bound_s: float = 5,
        *,
        partitions: int = 1,
        tenant: str = "t",
        log: MemoryLog | None = None,
    ) -> None:
        self.log = log or MemoryLog()
        self.tenant = tenant
        self.now = 0.0
        bound_us = int(bound_s * SECOND)
        self.doors = [self._cell(user_interactions(bound_us), p) for p in range(partitions)]
        self.beside = self._cell(PullCollector("beside", USER_INTERACTIONS, bound_us)) if partitions > 1 else None
        self.idle = self._cell(PullCollector("idle_producers", IDLE_PRODUCERS))
        self.watch = IdleProducers(self.log, tenant, bound_us, lambda: self._us(self.now))
        self.gauges = self._cell(PullCollector("system_metrics", SYSTEM_METRICS))
        self.clock = self._cell(PullCollector("clock", CLOCK))
        self.control = self._cell(control())
        expected = {USER_INTERACTIONS.name: tuple(door.name for door in self.doors)} if partitions > 1 else {}
        self.metrics = self._cell(MetricsAnalyzer(expected=expected))
        self.alerts = self._cell(AlertEvaluator(bound_us))
        self.readers = [self.metrics, self.alerts]
        self._heard = 0
        self._pushed: dict[str, int] = {}
        for spec in metrics:
            self._push(
                self.control, CONTROL, 1, type="metric.defined", subject=spec.name, data=json.dumps(said_of(spec))
            )
        for rule in rules:
            self.rules(rule)
        self.passes(1)

    # -- when --------------------------------------------------------------------------------------------------------

    def rules(self, rule: Mapping[str, Any]) -> Life:
        """A rule is made, or changed."""
        said = {"channels": ["ops"], "threshold": 0, **rule}
        self._push(self.control, CONTROL, 1, type="rule.created", subject=said["name"], data=json.dumps(said))
        return self._work()

    def sends(self, n: int, type_: str = "page.viewed", *, ago: float = 0.0, **columns: Any) -> Life:
        """The product sends ``n`` events that happened ``ago`` s before."""
        self._collect(self._events(n, type=type_, time=self._us(self.now - ago), **columns))
        return self._work()

    def imports(self, n: int, type_: str = "page.viewed", *, ago: float = 0.0, **columns: Any) -> Life:
        """Another collector brings events into the same stream; where there is none, the product sends them."""
        table = self._events(n, type=type_, time=self._us(self.now - ago), **columns)
        self._take(self.beside, table) if self.beside else self._collect(table)
        return self._work()

    def measures(self, gauge: str, value: float | None) -> Life:
        """A machine is measured."""
        columns = {"type": gauge, "source": "web-1", "value": value, "time": self._us(self.now)}
        table = rows(SYSTEM_METRICS, {**columns, "received": self._us(self.now)}, 1)
        self._take(self.gauges, table)
        return self._work()

    def passes(self, seconds: float, step: float = 1.0) -> Life:
        """Time passes and nothing comes."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + step, until)
            for collector in (*self.doors, *([self.beside] if self.beside else []), self.gauges):
                self._follow(collector)
            if self.now % 2 < step and (idle := self.watch.poll(self._us(self.now))).num_rows:
                self._take(self.idle, idle)
            tick = rows(CLOCK, {"type": "clock.ticked", "time": self._us(self.now), "received": self._us(self.now)}, 1)
            self._take(self.clock, tick)
            self._work()
        return self

    def restarts(self) -> Life:
        """Everything is killed and started again."""
        for name in ("gauges", "clock", "control", "metrics", "alerts", "idle"):
            setattr(self, name, self._cell(getattr(self, name).fold))
        self.doors = [self._cell(door.fold, p) for p, door in enumerate(self.doors)]
        self.readers[:2] = [self.metrics, self.alerts]
        self.watch = IdleProducers(self.log, self.tenant, self.doors[0].fold.bound_us, lambda: self._us(self.now))
        return self._work()

    @property
    def events(self) -> Cell[Any]:
        """The collector of the first partition."""
        return self.doors[0]

    # -- then --------------------------------------------------------------------------------------------------------

    def says(self, *expected: Any) -> Life:
        """Since the last ``says`` these alert rows came: their types, or (type, key, second)."""
        found = self.history("alerts", self.alerts.name, "type", "key", "time")[self._heard :]
        self._heard += len(found)
        told = [(type_, key, self._s(at)) for type_, key, at in found]
        assert [t if isinstance(e, tuple) else t[0] for t, e in zip(told, expected, strict=False)] == list(
            expected
        ) and len(told) == len(expected), f"expected {expected}, came {told}"
        return self

    def owed(self) -> list[tuple[str, float]]:
        """(type, second) of what people are told."""
        found = self.history("outbox", self.alerts.name, "idempotency_key", "time")
        return [(key.split(":")[1], self._s(at)) for key, at in found]

    def history(self, stream: str, producer: str, *columns: str) -> list[tuple[Any, ...]]:
        return History(self.log).rows(stream, producer, *columns)

    def samples(self, metric: str) -> list[tuple[float, str, int]]:
        """(end of the window, key, count) of the metric's samples, revisions too."""
        found = self.history("metrics", self.metrics.name, "type", "metric", "time", "key", "count")
        return [(self._s(at), key, n) for t, m, at, key, n in found if (t, m) == ("metric.sampled", metric)]

    # ----------------------------------------------------------------------------------------------------------------

    def _cell(self, fold: Any, partition: int = 0) -> Cell[Any]:
        cell: Cell[Any] = Cell(fold, self.log, tenant=self.tenant, partition=partition, now=lambda: self._us(self.now))
        cell.recover()
        return cell

    def _push(self, cell: Cell[Any], stream: Any, n: int, **columns: Any) -> None:
        self._admit(cell, self._made(stream, n, columns))

    def _events(self, n: int, **columns: Any) -> pa.RecordBatch:
        return self._made(USER_INTERACTIONS, n, columns)

    def _made(self, stream: Any, n: int, columns: Mapping[str, Any]) -> pa.RecordBatch:
        first = self._pushed.get(stream.name, 0)
        self._pushed[stream.name] = first + n
        columns = {"time": self._us(self.now), **columns, "id": [f"e{first + i}" for i in range(n)]}
        return rows(stream, {**columns, "received": self._us(self.now)}, n)

    def _collect(self, table: pa.RecordBatch) -> None:
        """Each row goes to the partition of its subject."""
        if len(self.doors) == 1:
            return self._admit(self.events, table)
        keys = [s or i for s, i in zip(table["subject"].to_pylist(), table["id"].to_pylist(), strict=True)]
        where = [partition_of(self.tenant, key, len(self.doors)) for key in keys]
        for p, door in enumerate(self.doors):
            if p in where:
                self._admit(door, table.filter(pa.array([w == p for w in where])))
        return None

    def _admit(self, cell: Cell[Any], table: pa.RecordBatch) -> None:
        fold: Any = cell.fold
        cell.record(lambda state: fold.admit(state, Arrivals(table, None)))

    def _take(self, cell: Cell[Any], table: pa.RecordBatch) -> None:
        fold: Any = cell.fold
        cell.record(lambda state: fold.admit(state, table))

    def _follow(self, cell: Cell[Any]) -> None:
        fold: Any = cell.fold
        cell.record(lambda state: fold.idle(state, self._us(self.now)))

    def _work(self) -> Life:
        while sum(cell.advance() for cell in self.readers):
            pass
        return self

    @staticmethod
    def _us(seconds: float) -> int:
        return int((BEGIN + seconds) * SECOND)

    @staticmethod
    def _s(us: int) -> float:
        return us / SECOND - BEGIN
