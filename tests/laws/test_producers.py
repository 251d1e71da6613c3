"""However many producers bring the rows of a stream, and however they are read: the answers are those of one producer."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.analyzers.metric_series import MetricSpec
from actors.analyzers.metrics import MetricsAnalyzer
from actors.cell import Cell, Limits
from actors.collectors.pull import PullCollector
from actors.fold import Batch, Outputs
from analytics.windows import NO_WATERMARK
from events.catalog import CONTROL, IDLE_PRODUCERS, USER_INTERACTIONS, Stream, rows
from events.entry import EntryHeader
from events.memory_log import MemoryLog
from tests.examples import up_to
from tests.laws.feeds import BASE_US
from tests.laws.oracle import History
from tests.told import metrics_defined

SECOND = 1_000_000
STREAM = USER_INTERACTIONS.name
BOUND, LATENESS, WIDTH = 5 * SECOND, 30 * SECOND, 10 * SECOND
SPECS = (
    MetricSpec("events", STREAM, bound_us=BOUND, lateness_us=LATENESS, width_us=WIDTH),
    MetricSpec("revenue", STREAM, ("order.placed",), key="currency", value="value", distinct="subject", bound_us=BOUND),
    MetricSpec("{type}", STREAM, key="source", value="value", bound_us=BOUND, width_us=7 * SECOND, lateness_us=0),
)
WIDEST = 10 * SECOND
END = BASE_US + 100_000 * SECOND


class Event(NamedTuple):
    time: int
    received: int
    type: str
    source: str
    subject: str
    value: float
    currency: str | None


def traffic(rng: random.Random, n: int, late: int) -> list[Event]:
    """Events in the order in which they are received, each at most ``late`` us behind the newest one."""
    now, newest, found = BASE_US, BASE_US, list[Event]()
    for _ in range(n):
        now += rng.choice((0, 1, 300_000, 900_000, 4_000_000, 31_000_000))
        at = max(now - rng.choice((0, 1, 200_000, 3_000_000, late)), newest - late)
        newest = max(newest, at)
        found.append(
            Event(
                at,
                now,
                rng.choice(("order.placed", "page.viewed")),
                rng.choice("ab"),
                rng.choice("uvwxyz"),
                rng.choice((0.25, 3.0, 7.5, -2.0, 1024.0)),
                rng.choice(("EUR", "USD", None)),
            )
        )
    return found


class Reader:
    """A fold that is given entries of several producers."""

    def __init__(self, producers: int, specs: Sequence[MetricSpec] = SPECS) -> None:
        self.names = [f"t/{STREAM}/{p}" for p in range(producers)]
        self.fold = MetricsAnalyzer(expected={STREAM: tuple(self.names)} if producers > 1 else {})
        self.state = self.fold.initial()
        self.outputs = Outputs()
        self.heads = dict[str, int]()
        self.marks = dict[str, int]()
        self._fold(CONTROL, "t/control/0", rows(CONTROL, metrics_defined(specs, BASE_US), len(specs)))

    def take(self, producer: str, events: Sequence[Event], mark: int = NO_WATERMARK) -> None:
        """One entry; ``mark``: a watermark beyond that of the rows."""
        columns = {name: [getattr(event, name) for event in events] for name in Event._fields}
        ids = [f"{e.time} {e.received} {e.subject}" for e in events]
        reach = max((min(e.time, e.received) - BOUND for e in events), default=NO_WATERMARK)
        self.marks[producer] = max(self.marks.get(producer, NO_WATERMARK), reach, mark)
        self._fold(USER_INTERACTIONS, producer, rows(USER_INTERACTIONS, {**columns, "id": ids}, len(events)))

    def idles(self, producer: str, until: int) -> None:
        """The log says that a producer idles."""
        columns = {"stream": STREAM, "producer": producer, "at_offset": self.heads.get(producer, 0), "until": until}
        self._fold(IDLE_PRODUCERS, "t/idle_producers/0", rows(IDLE_PRODUCERS, columns, 1))

    def ends(self) -> Reader:
        for name in self.names:
            self.take(name, [], END)
        return self

    def _fold(self, stream: Stream, producer: str, table: pa.RecordBatch) -> None:
        first = self.heads.get(producer, 0)
        mark = self.marks.get(producer, NO_WATERMARK)
        header = EntryHeader(stream.name, producer, "t", first, table.num_rows, 1, 1, 1, 1, mark)
        self.heads[producer] = header.end
        self.state, outputs = self.fold.fold(self.state, Batch(header, first, table, True))
        self.outputs.extend(outputs)

    def _said(self, stream: str) -> Iterator[dict[str, Any]]:
        for name, emission in self.outputs.items():
            if name == stream:
                for batch in emission.batches:
                    yield from batch.to_pylist()

    def answers(self) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """The last revision of every window."""
        figures = ("count", "sum", "mean", "min", "max", "p50", "p95", "p99", "distinct")
        found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        revisions: dict[tuple[Any, ...], int] = {}
        for row in self._said("metrics"):
            if row["type"] == "metric.sampled":
                window = (row["source"], row["metric"], row["key"], row["start"], row["width_us"])
                assert row["revision"] == revisions.get(window, -1) + 1, f"{window}: one revision after the other"
                revisions[window] = row["revision"]
                found[window] = tuple(row[name] for name in figures)
        return found

    def late(self) -> list[str]:
        return [row["cause"] for row in self._said("late_rows")]

    def closed(self) -> dict[str, Any]:
        """By metric: up to where its windows are closed; the spans follow each other without a gap."""
        until: dict[str, Any] = {}
        for row in self._said("metrics"):
            if row["type"] == "window.closed":
                assert until.get(row["metric"], row["start"]) == row["start"], "a gap, or closed twice"
                until[row["metric"]] = row["time"]
        return until


def spread(rng: random.Random, events: Sequence[Event], reader: Reader) -> None:
    """Give each event to one of the producers; read these in any order, a few of each at a time, some with silence."""
    waiting: dict[str, list[Event]] = {name: [] for name in reader.names}
    for event in events:
        waiting[rng.choice(reader.names)].append(event)
    while any(waiting.values()):
        name = rng.choice([name for name, left in waiting.items() if left])
        n = rng.choice((1, 2, 5, 50))
        part, waiting[name] = waiting[name][:n], waiting[name][n:]
        reader.take(name, part)
        if not waiting[name] and rng.random() < 0.5:
            reader.idles(name, part[-1].received - BOUND)


@pytest.mark.slow
@settings(deadline=None, database=None, max_examples=up_to(150))
@given(seed=st.integers(0, 2**32), producers=st.sampled_from((2, 4)), n=st.integers(1, 80))
def test_rows_within_their_lateness_give_the_answers_of_one_producer(seed: int, producers: int, n: int) -> None:
    rng = random.Random(seed)
    events = traffic(rng, n, late=BOUND)  # within the bound: late for no window of any metric
    one, many = Reader(1), Reader(producers)
    for event in events:
        one.take(one.names[0], [event])
    spread(rng, events, many)
    one.ends()
    many.ends()
    assert one.late() == []
    assert many.late() == []
    assert many.answers() == one.answers()
    assert many.closed() == one.closed()


@pytest.mark.slow
@settings(deadline=None, database=None, max_examples=up_to(100))
@given(seed=st.integers(0, 2**32), n=st.integers(1, 80))
def test_what_one_producer_would_have_counted_late_is_counted_too(seed: int, n: int) -> None:
    rng = random.Random(seed)
    events = traffic(rng, n, late=LATENESS)
    specs = (MetricSpec("events", STREAM, bound_us=BOUND, lateness_us=LATENESS, width_us=WIDTH, sketches=False),)
    one, many = Reader(1, specs), Reader(4, specs)
    for event in events:
        one.take(one.names[0], [event])
    spread(rng, events, many)
    one.ends()
    many.ends()
    assert (one.late(), many.late()) == ([], [])
    assert many.answers() == one.answers()


@settings(deadline=None, database=None, max_examples=up_to(100))
@given(seed=st.integers(0, 2**32), n=st.integers(1, 80), producers=st.sampled_from((1, 2, 4)))
def test_a_row_is_counted_or_listed_and_never_both(seed: int, n: int, producers: int) -> None:
    """Beyond all lateness, too, and where producers idle while they have rows still to come."""
    rng = random.Random(seed)
    events = traffic(rng, n, late=400 * SECOND)
    specs = (MetricSpec("events", STREAM, bound_us=BOUND, lateness_us=LATENESS, width_us=WIDTH, sketches=False),)
    many = Reader(producers, specs)
    for event in events:
        many.take(rng.choice(many.names), [event])
        if rng.random() < 0.3:
            many.idles(rng.choice(many.names), event.received)
    many.ends()
    assert sum(figures[0] for figures in many.answers().values()) + len(many.late()) == n
    assert len(set(many.late())) == len(many.late())


def event(second: float, type_: str = "page.viewed") -> Event:
    at = BASE_US + int(second * SECOND)
    return Event(at, at, type_, "a", "u", 1.0, None)


def counts(reader: Reader) -> dict[float, int]:
    """By start of the window, in seconds: rows of the metric ``events``."""
    found = {k[3]: figures[0] for k, figures in reader.answers().items() if k[0] == "events"}
    return {start.timestamp() - BASE_US / SECOND: count for start, count in found.items()}


def test_a_window_of_two_producers_is_one_window() -> None:
    """It was two halves, the second of which alerts took for late."""
    reader = Reader(2)
    a, b = reader.names
    reader.take(a, [event(s) for s in (1, 2, 3, 30)])
    assert counts(reader) == {}, "the other may still bring rows of it"
    reader.take(b, [event(s) for s in (4, 5, 17)])
    assert counts(reader) == {0: 5}
    reader.take(b, [event(31)])
    assert counts(reader) == {0: 5, 10: 1}
    assert reader.late() == []


def test_a_producer_that_was_read_far_ahead_makes_nothing_of_the_others_late() -> None:
    reader = Reader(4)
    a, *others = reader.names
    reader.take(a, [event(s) for s in range(0, 7200, 60)])
    for name in others:
        reader.take(name, [event(s) for s in range(0, 7200, 60)])
    reader.ends()
    assert reader.late() == []
    assert set(counts(reader).values()) == {4}
    assert len(counts(reader)) == 120


def test_an_idle_producer_holds_nobody_up() -> None:
    reader = Reader(2)
    a, b = reader.names
    reader.take(b, [event(1)])
    reader.take(a, [event(2), event(100)])
    assert counts(reader) == {}
    reader.idles(b, BASE_US + 60 * SECOND)
    assert counts(reader) == {0: 2}
    reader.take(a, [event(105)])
    assert counts(reader) == {0: 2}, "not beyond what was said"
    reader.take(b, [event(101)])
    reader.ends()
    assert counts(reader) == {0: 2, 100: 3}
    assert reader.late() == []


def test_beyond_the_least_watermark_a_row_is_late_whoever_brings_it() -> None:
    reader = Reader(2, SPECS[:1])
    a, b = reader.names
    reader.take(a, [event(200)])
    reader.take(b, [event(190)])
    reader.take(a, [event(151)])  # 39 s behind its own, 34 s behind the least: its window ended at 160
    reader.take(b, [event(100)])
    reader.ends()
    assert counts(reader) == {150: 1, 190: 1, 200: 1}
    assert len(reader.late()) == 1


def test_a_producer_that_never_had_a_row_is_not_waited_for_once_it_is_said_to_idle() -> None:
    """And nothing is closed on a stream on which nobody has had a row: no time has passed there."""
    reader = Reader(4)
    for name in reader.names:
        reader.idles(name, BASE_US + 5000 * SECOND)
    assert list(reader.outputs.items()) == []
    reader.take(reader.names[0], [event(1), event(2), event(40)])
    assert counts(reader) == {0: 2}
    reader.take(reader.names[1], [event(33), event(41)])
    reader.ends()
    assert counts(reader) == {0: 2, 30: 1, 40: 2}
    assert reader.late() == []


def test_that_a_producer_idled_says_nothing_while_its_rows_are_still_to_be_read() -> None:
    reader = Reader(2)
    a, b = reader.names
    reader.take(a, [event(1)])
    reader.take(b, [event(1)])
    reader.heads[b] = 9  # it wrote more, which this fold has not read
    reader.idles(b, BASE_US + 500 * SECOND)
    reader.heads[b] = 1
    reader.take(a, [event(400)])
    assert counts(reader) == {}
    reader.take(b, [event(3)])
    reader.ends()
    assert (counts(reader)[0], reader.late()) == (3, [])


def test_a_reader_that_comes_late_knows_every_producer_before_it_has_read_one_of_them_far_ahead() -> None:
    """Two collectors, hours of rows in the log, and an analyzer that begins to read: nobody told it whom to expect."""
    log = MemoryLog()
    for name in ("http", "pulled", "third"):
        collector: Cell[Any] = Cell(PullCollector(name, USER_INTERACTIONS, BOUND), log, tenant="t", now=lambda: 1)
        collector.recover()
        fold: Any = collector.fold
        for second in range(0, 7200, 30):
            at = BASE_US + second * SECOND
            table = rows(USER_INTERACTIONS, {"type": "x", "time": at, "received": at}, 1)
            collector.record(lambda state, table=table, fold=fold: fold.admit(state, table))
    defining: Cell[Any] = Cell(PullCollector("control", CONTROL), log, tenant="t", now=lambda: 1)
    defining.recover()
    table = rows(CONTROL, metrics_defined(SPECS[:1], BASE_US), 1)
    defining.record(lambda state: defining.fold.admit(state, table))
    reader: Cell[Any] = Cell(MetricsAnalyzer(), log, tenant="t", now=lambda: 1, limits=Limits(read_bytes=3000))
    reader.recover()
    while reader.advance():
        pass
    found = History(log)
    assert found.rows("late_rows", reader.name, "cause") == []
    counted = found.rows("metrics", reader.name, "type", "count", "revision")
    assert {row[1:] for row in counted if row[0] == "metric.sampled"} == {(3, 0)}
    assert len([row for row in counted if row[0] == "metric.sampled"]) == 239
