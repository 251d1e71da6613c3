"""A metric that is defined while events flow shows its past, and goes on without a gap and without counting twice."""

from __future__ import annotations

import random
from typing import Any

import pytest

from actors.analyzers.metrics import MetricsAnalyzer, MetricSpec
from actors.backfill import Backfill
from actors.cell import Cell, Limits
from actors.edges.backfill import BackfillWorker
from events.catalog import STREAMS, rows
from events.entry import encode
from events.log import Commit, Lease, Output
from events.memory_log import MemoryLog
from tests.laws.feeds import plain
from tests.laws.oracle import History, replay_equals_live
from tests.told import metrics_defined

SECOND = 1_000_000
BY_PLAN = MetricSpec(
    "by_plan", "user_interactions", ("order.placed",), key="currency", value="value", distinct="subject"
)
EVENTS = MetricSpec("events", "user_interactions", sketches=False)
SEEN = MetricSpec("seen", "user_interactions", ("page.viewed",), key="source")
LIMITS = Limits(read_bytes=2_000)
"""Small steps, so that a few thousand rows are many of them."""


class Town:
    """Two products send events, somebody defines metrics, and cells fold them; one memory log, driven by hand."""

    def __init__(self, most_held: int = 100_000, seed: int = 1) -> None:
        self.log = MemoryLog()
        self.rng = random.Random(seed)
        self.most_held = most_held
        self.now = 1_000 * SECOND
        self._leases: dict[str, tuple[Lease, int]] = {}
        self.metrics = self.cell(MetricsAnalyzer(most_held=most_held))
        self.worker = self.backfill()

    def cell(self, fold: Any) -> Cell[Any]:
        cell: Cell[Any] = Cell(fold, self.log, tenant="t", now=lambda: self.now, limits=LIMITS)
        cell.recover()
        return cell

    def backfill(self) -> BackfillWorker:
        """A new process of the backfill."""
        worker = BackfillWorker(self.cell(Backfill()), self.log)
        worker.state = "running"
        return worker

    def says(self, stream: str, producer: str, watermark: int, **columns: Any) -> int:
        """Commit rows of a producer; answers the offset of the first."""
        cell = f"t/{stream}/{producer}"
        lease, commit = self._leases.get(cell) or (self.log.acquire(cell, [stream]), 0)
        n = max((len(c) for c in columns.values() if isinstance(c, list)), default=1)
        payload = encode(STREAMS[stream], rows(STREAMS[stream], columns, n))
        head = self.log.head(stream, cell)
        commit = self.log.commit(
            lease, Commit(commit, str(commit).encode(), self.now, outputs=(Output(stream, payload, watermark),))
        )
        self._leases[cell] = lease, commit
        return head

    def happens(self, n: int) -> None:
        """Both products send some events, one after the other; now and then late ones, and much later ones."""
        for _ in range(n):
            self.now += self.rng.randrange(2 * SECOND)
            size = self.rng.randint(1, 30)
            late = [self.rng.choice((0, 0, 0, 3, 20, 300)) * SECOND for _ in range(size)]
            self.says(
                "user_interactions", self.rng.choice("01"), self.now - 5 * SECOND,
                time=[self.now - ago for ago in late], received=self.now,
                type=[self.rng.choice(("order.placed", "page.viewed", "idle")) for _ in range(size)],
                currency=[self.rng.choice(("EUR", "USD", None)) for _ in range(size)],
                subject=[f"u{self.rng.randrange(40)}" for _ in range(size)],
                source=[self.rng.choice(("web", "app")) for _ in range(size)],
                value=[self.rng.choice((0.1, 0.2, 3.3, 1e16, None)) for _ in range(size)],
            )  # fmt: skip

    def defines(self, *specs: MetricSpec) -> int:
        return self.says("control", "0", self.now, **metrics_defined(specs, self.now))

    def removes(self, name: str) -> None:
        self.says(
            "control", "0", self.now, type="metric.removed", subject=name, data="{}", time=self.now, received=self.now
        )

    def works(self, steps: int = 10_000) -> None:
        """The cells do what is there, at most so many steps."""
        for _ in range(steps):
            moved = self.metrics.advance()
            jobs = dict(self.worker.cell.state)
            if self.worker.behind() or any(not job.done for job in jobs.values()):
                self.worker.step()
                moved = 1
            if not moved:
                return

    def samples(self, name: str) -> list[Any]:
        """Every sample of a metric, by window, key, producer and revision."""
        cell = "t/metrics/0"
        found = [entry.batch() for entry in History(self.log).entries("metrics", cell) if entry.header.rows]
        told = [(*row[:3], *row[4:7], *row[8:]) for row in plain(found)]  # without `subject` and `cause`
        return sorted(repr(row) for row in told if row[2] == "metric.sampled" and row[1] == name)


def settled(town: Town) -> Town:
    town.works()
    assert not town.worker.cell.state, "a past is still wanted"
    assert not any(d.joining for d in town.metrics.state.defined.values())
    return town


def from_the_start(seed: int, course: Any, *specs: MetricSpec) -> Town:
    """The same events, with the metrics defined before the first of them."""
    town = Town(seed=seed)
    town.defines(*specs)
    course(town, lambda *_: None)
    return settled(town)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("most_held", [100_000, 50])
def test_its_past_and_what_follows_are_what_they_were_had_it_been_there_from_the_start(
    seed: int, most_held: int
) -> None:
    """Also where so much comes while the past is folded that not all of it can wait."""

    def course(town: Town, defines: Any) -> None:
        town.happens(60)
        town.works(5)
        defines(BY_PLAN, SEEN)
        for _ in range(10):
            town.works(town.rng.randrange(1, 4))
            town.happens(4)
        town.works(1)

    late = Town(most_held, seed)
    late.defines(EVENTS)
    course(late, late.defines)
    settled(late)
    late.happens(20)
    settled(late)
    early = from_the_start(seed, course, EVENTS, BY_PLAN, SEEN)
    early.happens(20)
    settled(early)
    for spec in (EVENTS, BY_PLAN, SEEN):
        assert late.samples(spec.name) == early.samples(spec.name)
        assert len(late.samples(spec.name)) > 20
    replay_equals_live(History(late.log), "t/metrics/0", late.metrics.fold, late.metrics.fold.dump(late.metrics.state))
