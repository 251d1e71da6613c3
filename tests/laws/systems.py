"""A small system over a memory log, alive for a while: what tests of the past look back on."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Any

from actors.alerts.evaluator import AlertEvaluator
from actors.analyzers.anomaly import AnomalyAnalyzer
from actors.analyzers.metric_series import MetricSpec
from actors.analyzers.metrics import MetricsAnalyzer
from actors.cell import Cell, Limits
from events.catalog import STREAMS, rows
from events.entry import NO_WATERMARK, encode
from events.log import Commit, EventLog, Lease, Output
from events.memory_log import MemoryLog
from tests.laws.feeds import BASE_US
from tests.told import metrics_defined

SECOND = 1_000_000
BOUND = 5 * SECOND
STREAM = "user_interactions"
SPECS = (
    MetricSpec("events", STREAM, sketches=False),
    MetricSpec("orders", STREAM, ("order.placed",), key="source", value="value"),
    MetricSpec("{type}", "system_metrics", key="source", value="value", lateness_us=5 * SECOND),
)
RULES: Sequence[dict[str, Any]] = (
    {"name": "many", "condition": "events.count > threshold", "threshold": 6, "for_s": 20},
    {"name": "none", "condition": "events.count < 1", "threshold": 0, "severity": "high"},
    {"name": "dear", "condition": "orders.mean > threshold and orders.count >= 2", "threshold": 3.0},
    {"name": "few", "condition": 'orders.count{key="a"} < threshold', "threshold": 1, "for_s": 30},
    {"name": "hot", "condition": "cpu.percent.mean > threshold", "threshold": 50, "for_s": 10},
    {"name": "mute", "condition": "memory.percent.mean > threshold", "threshold": 80, "no_data": "fire"},
    {"name": "calm", "condition": "cpu.percent.max < threshold", "threshold": 20, "no_data": "keep"},
    {"name": "part", "condition": "orders.sum / events.count > threshold", "threshold": 0.5},
    {"name": "less", "condition": "events.count[1m] vs 1m < threshold or events.count[1m] > 5", "threshold": -0.2},
    {"name": "slow", "condition": "cpu.percent.mean > threshold", "threshold": 50, "clear_threshold": 30,
     "keep_firing_for_s": 20},
)  # fmt: skip
WATCHES = ({"metric": "events", "aggregate": "count"}, {"metric": "orders", "aggregate": "mean"})


class System:
    """A small system on a memory log: collectors are driven by hand, the analyzers and the evaluator are real cells."""

    def __init__(self, seed: int, producers: int, log: EventLog | None = None, folds: Sequence[Any] = ()) -> None:
        self.rng = random.Random(seed)
        self.log = log or MemoryLog()
        self.producers = producers
        self.now = BASE_US
        self._leases: dict[str, tuple[Lease, int, int]] = {}
        self.says("control", 0, NO_WATERMARK, **metrics_defined(SPECS, BASE_US))
        for kind, specs in (("rule", RULES), ("anomaly", WATCHES)):
            names = [spec.get("name") or f"{spec['metric']}.{spec['aggregate']}" for spec in specs]
            told = [json.dumps({"spec": spec, "owner": "api", "by": "ada"}) for spec in specs]
            self.says("control", 0, NO_WATERMARK, type=f"{kind}.defined", subject=names, data=told, time=BASE_US)
        expected = {STREAM: tuple(f"t/{STREAM}/{p}" for p in range(producers))} if producers > 1 else {}
        limits = Limits(
            read_bytes=self.rng.choice((300, 3000, 300_000)), snapshot_commits=self.rng.choice((3, 20, 10_000))
        )
        made: list[Any] = [MetricsAnalyzer(expected=expected), AnomalyAnalyzer(), AlertEvaluator(), *folds]
        self.cells: list[Cell[Any]] = [
            Cell(fold, self.log, tenant="t", now=lambda: self.now, limits=limits) for fold in made
        ]
        for cell in self.cells:
            cell.recover()
            while cell.advance():
                pass  # all that is defined holds from the first row on

    def says(self, stream: str, producer: int, watermark: int, /, **columns: Any) -> None:
        cell = f"t/{stream}/{producer}"
        lease, commit, mark = self._leases.get(cell) or (self.log.acquire(cell, [stream]), 0, NO_WATERMARK)
        n = max((len(c) for c in columns.values() if isinstance(c, list)), default=1)
        columns.setdefault("received", columns.get("time", self.now))
        payload = encode(STREAMS[stream], rows(STREAMS[stream], columns, n))
        mark = max(mark, watermark)
        output = Output(stream, payload, mark)
        commit = self.log.commit(lease, Commit(commit, str(commit).encode(), self.now, outputs=(output,)))
        self._leases[cell] = lease, commit, mark

    def lives(self, steps: int, look: Callable[[], None] = lambda: None) -> None:
        """Events come and stop coming, gauges fall silent, cells read when they please, somebody acknowledges.

        ``look`` is called now and then.
        """
        busy = 1.0
        for _ in range(steps):
            self.now += self.rng.choice((1, 1, 1, 3, 10)) * SECOND
            if self.rng.random() < 0.02:
                self.now += 700 * SECOND if self.rng.random() < 0.3 else 40 * SECOND
            busy = self.rng.choice((busy, busy, busy, 0.0, 0.5, 4.0))
            for producer in range(self.producers):
                if self.rng.random() < 0.8:
                    self._interactions(producer, int(self.rng.random() * 6 * busy))
            if self.rng.random() < 0.7:
                self._gauges()
            if self.rng.random() < 0.9:
                self.says("clock", 0, NO_WATERMARK, type="clock.ticked", time=self.now)
            if self.rng.random() < 0.05:
                self._acknowledge()
            for cell in self.rng.sample(self.cells, self.rng.randint(0, 3)):
                cell.advance()
            if self.rng.random() < 0.15:
                look()
        while sum(cell.advance() for cell in self.cells):
            pass

    def _interactions(self, producer: int, n: int) -> None:
        times = [self.now - self.rng.choice((0, 0, 1, 4, 12, 33, 200)) * SECOND for _ in range(n)]
        columns: dict[str, Any] = {"time": times, "received": [self.now] * n}
        columns["type"] = [self.rng.choice(("order.placed", "page.viewed")) for _ in range(n)]
        columns["source"] = [self.rng.choice("ab") for _ in range(n)]
        columns["value"] = [self.rng.choice((1.0, 2.5, 9.0)) for _ in range(n)]
        self.says(STREAM, producer, self.now - BOUND, **columns)

    def _gauges(self) -> None:
        names = [name for name in ("cpu.percent", "memory.percent") if self.rng.random() < 0.6]
        if names:
            values = [float(self.rng.choice((10, 40, 60, 90))) for _ in names]
            source = self.rng.choice(("web-1", "web-2"))
            said = {"type": names, "source": [source] * len(names), "value": values, "time": self.now}
            self.says("system_metrics", 0, self.now - BOUND, **said)

    def _acknowledge(self) -> None:
        fired = [row for row in self.live("alerts") if row["type"] == "alert.fired"]
        if fired:
            alert = self.rng.choice(fired)["alert"]
            said = {"type": "alert.acknowledged", "subject": alert, "data": '{"by": "ada"}', "time": self.now}
            self.says("control", 0, NO_WATERMARK, **said)

    def live(self, stream: str) -> list[dict[str, Any]]:
        """All rows that the cell of the stream has committed."""
        return [
            row
            for producer in self.log.producers(stream)
            for entry in self.log.read(stream, producer, 0, 1 << 40)
            for row in (entry.batch().to_pylist() if entry.header.rows else [])
        ]
