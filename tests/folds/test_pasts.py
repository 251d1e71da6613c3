"""A metric that is defined while events flow shows its past, and goes on without a gap and without counting twice."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from actors.alerts.evaluator import AlertEvaluator
from actors.analyzers import metric_past, metrics
from actors.analyzers.anomaly import AnomalyAnalyzer
from actors.analyzers.anomaly_watch import AnomalyPast
from actors.analyzers.metrics import MetricsAnalyzer, MetricSpec
from actors.backfill import Backfill
from actors.cell import Cell, Limits
from actors.directory import Directory
from actors.edges import backfill
from actors.edges.backfill import BackfillWorker
from actors.fold import Batch
from analytics import windows
from events.catalog import STREAMS, rows
from events.entry import NO_WATERMARK, EntryHeader, encode
from events.log import Commit, Lease, Output
from events.memory_log import MemoryLog
from hindcast.testing.story import given
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


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "STEP_ROWS", 40)


class Town:
    """Two products send events, somebody defines metrics, and cells fold them; one memory log, driven by hand."""

    def __init__(self, most_held: int = 100_000, seed: int = 1, expected: Sequence[str] = ()) -> None:
        self.log = MemoryLog()
        self.rng = random.Random(seed)
        self.most_held = most_held
        self.now = 1_000 * SECOND
        self._leases: dict[str, tuple[Lease, int]] = {}
        awaited = {"user_interactions": tuple(expected)} if expected else {}
        self.metrics = self.cell(MetricsAnalyzer(most_held=most_held, expected=awaited))
        self.anomaly: Any = None
        self.worker = self.backfill()
        self.defines(SEEN)  # so the stream is read, and what comes later has a past

    def cell(self, fold: Any) -> Cell[Any]:
        cell: Cell[Any] = Cell(fold, self.log, tenant="t", now=lambda: self.now, limits=LIMITS)
        cell.recover()
        return cell

    def backfill(self) -> BackfillWorker:
        """A new process of the backfill."""
        worker = BackfillWorker(self.cell(Backfill()), self.log)
        worker.state = "running"
        return worker

    def says(self, stream: str, producer: str, watermark: int, /, **columns: Any) -> int:
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

    def happens_unevenly(self, n: int) -> None:
        """Of four partitions one never writes and one stops for a while; a stream that tells no silence has two producers;
        the clock ticks, and somebody says who idles, now and then too late for that to be true."""
        for step in range(n):
            self.now += self.rng.randrange(3 * SECOND)
            at = [self.now - self.rng.choice((0, 1, 3, 20, 300)) * SECOND for _ in range(self.rng.randint(1, 20))]
            writer = self.rng.choice("01" if step % 40 < 20 else "012")
            self.says(
                "user_interactions", writer, self.now - 5 * SECOND, time=at, received=self.now,
                type=[self.rng.choice(("order.placed", "page.viewed")) for _ in at],
                currency=[self.rng.choice(("EUR", "USD", None)) for _ in at],
                value=[self.rng.choice((0.1, 0.2, 3.3, 1e16, None)) for _ in at],
                source=[self.rng.choice(("web", "app")) for _ in at],
            )  # fmt: skip
            if self.rng.random() < 0.3:
                self.says(
                    "dead_letters", self.rng.choice("01"), NO_WATERMARK, type="row.rejected", field=["a"] * len(at),
                    time=[t - self.rng.choice((0, 60, 100)) * SECOND for t in at], received=self.now,
                )  # fmt: skip
            if self.rng.random() < 0.3:
                self.says("clock", "0", self.now, type="clock.ticked", time=self.now, received=self.now)
            if self.rng.random() < 0.4:
                idle = f"t/user_interactions/{self.rng.choice('0123')}"
                offset = self.log.head("user_interactions", idle) - self.rng.choice((0, 0, 0, 2))
                self.says(
                    "idle_producers", "0", NO_WATERMARK, type="producer.idled", stream="user_interactions",
                    producer=idle, at_offset=max(offset, 0), until=self.now - 5 * SECOND, time=self.now,
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

    def closed(self, name: str) -> tuple[int, int]:
        """From when to when a metric's windows are closed; the spans follow each other without a gap."""
        told = History(self.log).rows("metrics", "t/metrics/0", "type", "metric", "start", "time")
        spans = [(start, end) for type_, metric, start, end in told if (type_, metric) == ("window.closed", name)]
        assert all(a[1] == b[0] for a, b in pairwise(spans)), "a gap, or closed twice"
        return spans[0][0], spans[-1][1]


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
        defines(BY_PLAN)
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
    early = from_the_start(seed, course, EVENTS, BY_PLAN)
    early.happens(20)
    settled(early)
    for spec in (EVENTS, BY_PLAN):
        assert late.samples(spec.name) == early.samples(spec.name)
        assert len(late.samples(spec.name)) > 20
    replay_equals_live(History(late.log), "t/metrics/0", late.metrics.fold, late.metrics.fold.dump(late.metrics.state))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("most_held", [100_000, 60])
def test_the_past_of_several_partitions_is_what_one_cell_made_of_them(seed: int, most_held: int) -> None:
    """Who idled, what the clock closed, and which producer was read before which other: all of it is as it was."""
    partitions = [f"t/user_interactions/{p}" for p in range(4)]
    refused = MetricSpec("refused", "dead_letters", sketches=False)
    by_field = replace(refused, name="refused_by_field", key="field", width_us=20 * SECOND, lateness_us=0)
    slow = replace(BY_PLAN, name="slow", bound_us=9 * SECOND, width_us=7 * SECOND)
    specs = (BY_PLAN, by_field, slow)

    def lives(late: bool) -> Town:
        town = Town(most_held, seed, partitions)
        town.defines(EVENTS, refused)
        if not late:
            town.defines(*specs)
        town.happens_unevenly(80)
        town.works(6)
        for spec in specs:
            if late:
                town.defines(spec)
            town.happens_unevenly(town.rng.randrange(12))
            town.works(town.rng.randrange(1, 4))
        town.happens_unevenly(30)
        settled(town)
        town.happens_unevenly(40)
        return settled(town)

    late, early = lives(True), lives(False)
    for spec in (EVENTS, refused, *specs):
        assert late.samples(spec.name) == early.samples(spec.name)
        assert len(late.samples(spec.name)) > 5, spec.name
    for spec in specs:
        assert late.closed(spec.name) == early.closed(spec.name)
    found, expected = (town.metrics.fold.dump(town.metrics.state) for town in (late, early))
    found, expected = map(msgspec.msgpack.decode, (found, expected))
    assert found["producers"]["user_interactions"] == expected["producers"]["user_interactions"]
    assert found["producers"]["dead_letters"] == expected["producers"]["dead_letters"]
    assert found["series"] == expected["series"]
    replay_equals_live(History(late.log), "t/metrics/0", late.metrics.fold, late.metrics.fold.dump(late.metrics.state))


def test_a_backfill_that_is_killed_begins_anew_and_counts_nothing_twice() -> None:
    def course(town: Town, defines: Any) -> None:
        town.happens(80)
        town.works(3)
        defines(BY_PLAN)

    early = from_the_start(7, course, BY_PLAN)
    late = Town(seed=7)
    course(late, late.defines)
    for _ in range(4):
        late.works(4)
        late.worker = late.backfill()
        late.metrics = late.cell(late.metrics.fold)
    settled(late)
    assert late.samples("by_plan") == early.samples("by_plan") != []


def test_a_metric_that_is_removed_while_its_past_is_folded_leaves_nothing() -> None:
    town = Town()
    town.happens(60)
    town.works(4)
    town.defines(EVENTS)
    town.works(2)
    assert town.worker.cell.state and town.metrics.state.held
    town.removes("events")
    settled(town)
    state = town.metrics.state
    assert {*state.defined} == {"seen"} >= {name for name, _ in state.series} and not state.held
    town.happens(5)
    settled(town)
    told = len(town.samples("events"))
    town.happens(30)
    settled(town)
    assert len(town.samples("events")) == told


def test_a_metric_that_changes_while_its_past_is_folded_shows_the_new_one() -> None:
    def course(town: Town, defines: Any) -> None:
        town.happens(60)
        town.works(3)
        defines(BY_PLAN)
        town.works(4)
        defines(wide)
        town.happens(20)

    wide = replace(BY_PLAN, width_us=60 * SECOND)
    late = Town(seed=3)
    course(late, late.defines)
    settled(late)
    early = from_the_start(3, course, wide)
    told = [row for row in late.samples("by_plan") if f", {60 * SECOND}, " in row]
    assert told == early.samples("by_plan") != []


def test_a_metric_that_is_defined_anew_as_it_was_goes_on_as_it_did() -> None:
    town = Town()
    town.defines(EVENTS)
    town.happens(30)
    settled(town)
    town.defines(EVENTS)
    town.happens(30)
    settled(town)
    early = from_the_start(1, lambda t, _: (t.happens(30), t.works(), t.happens(30)), EVENTS)
    assert town.samples("events") == early.samples("events")


def test_a_metric_of_a_stream_that_was_not_read_reads_it_from_its_beginning() -> None:
    town = Town()
    town.defines(EVENTS)
    refused = [{"time": None, "received": (1_000 + 10 * i) * SECOND, "type": "row.rejected"} for i in range(20)]
    for row in refused:
        town.says("dead_letters", "0", windows.NO_WATERMARK, **row)
    town.happens(10)
    settled(town)
    assert ("dead_letters", "t/dead_letters/0") not in town.metrics.cursor
    town.defines(MetricSpec("refused", "dead_letters", sketches=False))
    settled(town)
    assert len(town.samples("refused")) > 10


def test_a_snapshot_of_a_release_that_did_not_keep_the_definitions_loses_no_open_window() -> None:
    """Its open windows go on with what the configuration says, whatever was told on ``control`` before that."""
    early = from_the_start(5, lambda town, _: town.happens(40), BY_PLAN)
    saved = msgspec.msgpack.decode(early.metrics.fold.dump(early.metrics.state))
    producer = "t/user_interactions/0"
    began = early.metrics.state.producers["user_interactions"].first_reach - BY_PLAN.bound_us
    former = [
        {"metric": name, "definition": definition, "producer": producer, "began": began, **series}
        for name, definition, series in saved["series"]
    ]
    fold = MetricsAnalyzer(former=(BY_PLAN, replace(SEEN, width_us=1)))
    state = fold.load(msgspec.msgpack.encode(former))
    assert set(state.defined) == {"by_plan"}, "one that says something else now begins with its past, as new ones do"
    other = replace(BY_PLAN, types=("other",))
    table = rows(STREAMS["control"], metrics_defined([other, BY_PLAN]), 2)
    state, _ = fold.fold(state, Batch(EntryHeader("control", "t/control/0", "t", 0, 2, 1, 1, 1, 1), 0, table, True))
    assert state.defined["by_plan"].version == 1 and state.defined["by_plan"].cause is None
    place = ("by_plan", BY_PLAN.definition)
    assert state.series[place].dump() == early.metrics.state.series[place].dump()


def test_windows_of_such_a_release_over_several_producers_are_made_anew_from_the_log() -> None:
    """They were halves, which nothing can join. So the metric gets its past, once it is known how far each was read."""
    early = from_the_start(5, lambda town, _: town.happens(40), BY_PLAN)
    (name, definition, series), *_ = msgspec.msgpack.decode(early.metrics.fold.dump(early.metrics.state))["series"]
    halves = [
        {"metric": name, "definition": definition, "producer": f"t/user_interactions/{p}", "began": 0, **series}
        for p in "01"
    ]
    fold = MetricsAnalyzer(former=(BY_PLAN,))
    state = fold.load(msgspec.msgpack.encode(halves))
    assert not state.defined and not state.series
    read = {f"t/user_interactions/{p}": offset for p, offset in (("0", 70), ("1", 90))}
    state = fold.stands(state, {("user_interactions", producer): offset for producer, offset in read.items()})
    table = rows(STREAMS["control"], metrics_defined([BY_PLAN]), 1)
    header = EntryHeader("control", "t/control/0", "t", 0, 1, 1, 1, 1, 1)
    state, outputs = fold.fold(state, Batch(header, 0, table, True))
    asked = [
        json.loads(d) for b in dict(outputs.items())["past_requests"].batches for d in b.column("data").to_pylist()
    ]
    assert [one["cut"] for one in asked] == [read], "though neither of them may ever write again"
    assert not state.series


def test_after_an_upgrade_a_producer_that_never_writes_again_holds_nobody_up() -> None:
    """Neither the windows of what the others write, nor the past of a metric that comes then."""
    town = Town(seed=5)
    town.defines(EVENTS)
    town.happens(40)
    town.works()
    (name, definition, series), *_ = [
        one
        for one in msgspec.msgpack.decode(town.metrics.fold.dump(town.metrics.state))["series"]
        if one[0] == "events"
    ]
    former = [
        {"metric": name, "definition": definition, "producer": f"t/user_interactions/{p}", "began": 0, **series}
        for p in "01"
    ]
    fold = MetricsAnalyzer(former=(EVENTS,))
    state = fold.stands(fold.load(msgspec.msgpack.encode(former)), town.metrics.cursor)
    producers = state.producers["user_interactions"]
    assert {n: p.end for n, p in producers.by_name.items()} == {
        p: town.metrics.cursor["user_interactions", p] for p in ("t/user_interactions/0", "t/user_interactions/1")
    }
    bound, dead = EVENTS.bound_us, "t/user_interactions/0"
    later = town.now + 600 * SECOND
    ends = {n: p.end for n, p in producers.by_name.items()}
    columns = {"time": [later], "received": [later], "type": "order.placed"}
    rows_, live = rows(STREAMS["user_interactions"], columns, 1), "t/user_interactions/1"
    header = EntryHeader("user_interactions", live, "t", ends[live], 1, 1, 1, 1, 1)
    state, _ = fold.fold(state, Batch(header, ends[live], rows_, True))
    assert producers.watermark(bound) < later - 500 * SECOND, "the one that is silent is waited for ..."
    said = {
        "stream": "user_interactions",
        "producer": dead,
        "at_offset": ends[dead],
        "until": later - bound,
        "time": later,
    }
    table = rows(STREAMS["idle_producers"], said, 1)
    header = EntryHeader("idle_producers", "t/idle_producers/0", "t", 0, 1, 1, 1, 1, 1)
    state, _ = fold.fold(state, Batch(header, 0, table, True))
    assert producers.watermark(bound) == later - bound, "... until it is known to idle"


def test_a_cell_tells_its_fold_where_a_snapshot_stands() -> None:
    told: list[Any] = []

    class Asking(MetricsAnalyzer):
        def stands(self, state: Any, cursor: Any) -> Any:
            told.append(dict(cursor))
            return super().stands(state, cursor)

    town = Town()
    town.happens(10)
    town.works()
    town.metrics.save()
    cursor = town.metrics.cursor
    town.cell(Asking())
    assert told == [cursor]


def test_a_watch_scores_the_past_of_its_metric_as_if_it_had_been_there() -> None:
    def course(town: Town, watches: Any) -> None:
        town.happens(160)
        town.works()
        town.anomaly.advance()
        watches()
        town.happens(60)
        for _ in range(60):
            town.works()
            town.anomaly.advance()

    def watched(late: bool) -> list[Any]:
        town = Town(seed=11)
        town.anomaly = town.cell(AnomalyAnalyzer())
        town.defines(EVENTS)
        spec = {"metric": "events", "aggregate": "count", "false_alarms_per_week": 3.0}

        def watches() -> None:
            data = json.dumps({"spec": spec, "owner": "api"})
            town.says(
                "control", "0", town.now, type="anomaly.defined", subject="events.count", data=data, time=town.now
            )

        if not late:
            watches()
        course(town, watches if late else lambda: None)
        cell = town.anomaly.name
        replay_equals_live(History(town.log), cell, town.anomaly.fold, town.anomaly.fold.dump(town.anomaly.state))
        return plain([e.batch() for e in History(town.log).entries("anomalies", cell) if e.header.rows])

    late, early = watched(True), watched(False)
    assert late == early
    assert len(late) > 20


def test_a_past_is_not_judged_by_alerts_and_what_follows_is() -> None:
    rule = {"name": "busy", "condition": "events.count > 0", "threshold": 0, "channels": ["ops"]}
    story = given(AlertEvaluator()).rows(
        "control", type="rule.defined", subject="busy", data=json.dumps({"spec": rule}), time=0
    )
    columns = {"metric": "events", "source": "events", "key": "", "count": 5, "width_us": 10 * SECOND}
    past = {"type": "metric.sampled", "subject": "past", "start": 0, "time": 10 * SECOND, "revision": 0, **columns}
    story.rows("metrics", **past).then_nothing()
    closed = {**columns, "type": "window.closed", "subject": "past", "start": 0, "time": 20 * SECOND, "count": 0}
    story.rows("metrics", **closed).then_nothing()
    live = {"type": "metric.sampled", "start": 20 * SECOND, "time": 30 * SECOND, "revision": 0, **columns}
    story.rows("metrics", **live).then("alerts", type="alert.fired", time=30 * SECOND)


def test_a_quiet_metric_costs_an_event_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ten thousand metrics only those are looked at that an entry is about."""
    town = Town()
    quiet = [MetricSpec(f"m{i}", "user_interactions", (f"type {i}",), width_us=3600 * SECOND) for i in range(10_000)]
    town.defines(EVENTS, *quiet)
    town.happens(2)
    town.works()
    touched: list[str] = []
    advanced = vars(metrics)["advance"]
    monkeypatch.setattr(metrics, "advance", lambda spec, *rest: touched.append(spec.name) or advanced(spec, *rest))
    town.happens(20)
    town.works()
    assert set(touched) == {"events", "seen"}
    assert {name for name, _ in town.metrics.state.series} == {"events", "seen"}


def test_the_windows_of_a_past_are_said_to_be_closed_so_that_silence_in_them_counts() -> None:
    town = Town(seed=1)
    town.defines(EVENTS)
    town.happens(40)
    town.works()
    town.defines(BY_PLAN)
    town.happens(5)
    settled(town)
    entries = History(town.log).entries("metrics", "t/metrics/0")
    told = [row for entry in entries if entry.header.rows for row in entry.batch().to_pylist()]
    past = [row for row in told if row["metric"] == BY_PLAN.name and row["subject"] == "past"]
    assert {row["type"] for row in past} == {"metric.sampled", "window.closed"}
    ends = max(row["time"] for row in past if row["type"] == "window.closed")
    assert ends >= max(row["start"] for row in past if row["type"] == "metric.sampled")


def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on a row of the subject `poison` is too much for the past of the metric `by_plan`, and for no other."""
    advanced = vars(metric_past)["advance"]

    def advance(spec: MetricSpec, series: Any, columns: Any, step: Any) -> Any:
        if spec.name == "by_plan" and "poison" in columns._table.column("type").to_pylist():
            raise ZeroDivisionError("as ever")
        return advanced(spec, series, columns, step)

    monkeypatch.setattr(metric_past, "advance", advance)


def poisoned(town: Town, after: int = 30) -> int:
    """Events, among them one of the type `poison`; answers its offset."""
    town.happens(30)
    at = town.says(
        "user_interactions", "0", town.now - 5 * SECOND, time=[town.now] * 9, received=town.now, source="web",
        subject="u1", type=["order.placed"] * 4 + ["poison"] + ["page.viewed"] * 4,
    )  # fmt: skip
    town.happens(after)
    return at + 4


def failures(town: Town) -> list[str]:
    told = [*History(town.log).rows("pasts", "t/backfill/0", "type", "data")]
    return [json.loads(data)["error"] for type_, data in told if type_ == "past.failed"]


def test_a_row_that_cannot_be_folded_fails_its_metric_s_past_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    early = from_the_start(1, lambda town, _: (poisoned(town), town.works(), town.happens(20)), EVENTS)
    town = Town()
    offset = poisoned(town)
    town.works()
    poison(monkeypatch)
    town.defines(BY_PLAN, EVENTS)
    town.happens(20)
    town.works()
    (said,) = failures(town)
    assert said.startswith(
        "the past of the metric 'by_plan' cannot be folded: user_interactions of t/user_interactions/0"
    )
    assert f"at offset {offset}: ZeroDivisionError: as ever" in said and "defined anew" in said
    assert town.worker.notes == (said,)
    assert town.metrics.state.defined["by_plan"].joining.failed == said
    assert not town.metrics.state.held, "nothing is held for it"
    assert town.samples("events") == early.samples("events"), "the other one has its past, and goes on"
    before = len(town.samples("by_plan"))
    town.happens(30)
    town.worker, town.metrics = town.backfill(), town.cell(town.metrics.fold)
    town.works()
    assert len(failures(town)) == 1, "it is not tried again and again"
    town.worker.step()
    assert town.worker.notes == (said,), "nor forgotten by a restart"
    assert len(town.samples("by_plan")) == before
    replay_equals_live(History(town.log), "t/metrics/0", town.metrics.fold, town.metrics.fold.dump(town.metrics.state))


@pytest.mark.parametrize("otherwise", [{}, {"types": ("page.viewed",)}])
def test_defined_anew_it_is_tried_once_more(monkeypatch: pytest.MonkeyPatch, otherwise: dict[str, Any]) -> None:
    """As it was, once the cause is mended; or otherwise."""
    again = replace(BY_PLAN, **otherwise)
    early = from_the_start(1, lambda town, _: (poisoned(town), town.works(), town.happens(20)), again)
    town = Town()
    poisoned(town)
    town.works()
    with monkeypatch.context() as patch:
        poison(patch)
        town.defines(BY_PLAN)
        town.works()
        assert len(failures(town)) == 1
    town.defines(again)
    town.happens(20)
    settled(town)
    assert town.worker.notes == ()
    assert set(early.samples("by_plan")) <= set(town.samples("by_plan")) != set()
    town.removes("by_plan")
    settled(town)
    assert "by_plan" not in town.metrics.state.defined


def test_a_row_that_was_held_and_cannot_be_folded_fails_the_metric_and_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    town = Town()
    town.happens(30)
    town.works()
    poison(monkeypatch)
    town.defines(BY_PLAN)
    town.metrics.advance()
    poisoned(town, after=10)
    while town.metrics.advance():
        pass
    town.works()
    said = town.metrics.state.defined["by_plan"].joining.failed
    assert "ZeroDivisionError: as ever" in said and "user_interactions" in said
    assert town.worker.notes == (said,)
    assert not town.metrics.state.held
    town.happens(5)
    town.works()
    replay_equals_live(History(town.log), "t/metrics/0", town.metrics.fold, town.metrics.fold.dump(town.metrics.state))


def test_a_watch_whose_past_cannot_be_folded_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town(seed=11)
    town.anomaly = town.cell(AnomalyAnalyzer())
    town.defines(EVENTS)
    town.happens(160)
    town.works()
    town.anomaly.advance()

    def breaks(*_: Any) -> Any:
        raise ZeroDivisionError("as ever")

    monkeypatch.setattr(AnomalyPast, "take", breaks)
    data = json.dumps({"spec": {"metric": "events", "aggregate": "count", "false_alarms_per_week": 3.0}})
    town.says("control", "0", town.now, type="anomaly.defined", subject="events.count", data=data, time=town.now)
    for _ in range(30):
        town.works()
        town.anomaly.advance()
    (said,) = town.worker.notes
    assert said.startswith("the past of the anomaly 'events.count' cannot be folded: metrics of t/metrics/0 at offset")
    assert town.anomaly.state.watches["events.count"].joining.failed == said
    assert town.anomaly.state.hold is None


def test_the_directory_says_why_a_definition_has_no_past() -> None:
    said = {"kind": "metric", "name": "m", "version": 0}
    spec = json.dumps({"spec": {"name": "m"}, "owner": "api"})
    story = given(Directory()).rows("control", type="metric.defined", subject="m", data=spec, time=0)
    story.rows("past_requests", type="past.wanted", data=json.dumps(said))
    story.rows("pasts", type="past.failed", data=json.dumps({**said, "error": "it cannot"}))
    entry = story.fold.view(story.fold.load(story.fold.dump(story._kept)), "definitions")["metric/m"]
    assert entry["past_error"] == "it cannot" and "past" not in entry
