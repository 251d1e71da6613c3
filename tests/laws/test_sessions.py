"""Sessions that hold in the end are those of the rows on one line, whoever brings them, in whatever order, however late."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from actors.analyzers.sessions import SessionAnalyzer
from actors.fold import Batch, Outputs
from events.catalog import CONTROL, IDLE_PRODUCERS, USER_INTERACTIONS, Stream, rows
from events.entry import NO_WATERMARK, EntryHeader
from tests.laws.feeds import BASE_US

SECOND = 1_000_000
GAP, LATENESS, BOUND = 30 * SECOND, 200 * SECOND, 5 * SECOND
END = BASE_US + 100_000 * SECOND
STREAM = USER_INTERACTIONS.name


class Event(NamedTuple):
    id: str
    time: int
    received: int
    type: str
    anonymous_id: str
    subject: str
    page: str
    campaign: str


def traffic(rng: random.Random, n: int, late: int) -> list[Event]:
    """Events in the order in which they are received, each at most ``late`` us behind the newest one."""
    now, newest, found = BASE_US, BASE_US, list[Event]()
    for number in range(n):
        now += rng.choice((0, 1, 4_000_000, 9_000_000, 31_000_000))
        at = max(now - rng.choice((0, 0, 1, 30_000_000, 29_999_999, late)), newest - late)
        newest = max(newest, at)
        device = rng.choice("ab")
        user = rng.choice((device, f"user {device}"))
        event = rng.choice(("page.viewed", "order.placed", "page.viewed"))
        campaign = rng.choice(("", "", "spring", "autumn"))
        found.append(Event(str(number), at, now, event, device, user, rng.choice(["/x", "/y"]), campaign))
    return found


class Reader:
    def __init__(self, producers: int) -> None:
        self.names = [f"t/{STREAM}/{p}" for p in range(producers)]
        self.fold = SessionAnalyzer({STREAM: tuple(self.names)} if producers > 1 else {})
        self.state = self.fold.initial()
        self.outputs = Outputs()
        self.heads = dict[str, int]()
        self.marks = dict[str, int]()
        spec = {"name": "v", "stream": STREAM, "gap_s": 30.0, "lateness_s": 200.0, "conversions": ["order.placed"],
                "own_hosts": []}  # fmt: skip
        said = {"type": "session.defined", "subject": "v", "data": json.dumps({"spec": spec, "bound_s": 5.0})}
        self._fold(CONTROL, "t/control/0", {**said, "time": BASE_US}, 1)

    def take(self, producer: str, events: Sequence[Event], mark: int = NO_WATERMARK) -> None:
        columns: dict[str, Any] = {
            name: [getattr(e, name) for e in events]
            for name in ("id", "time", "received", "type", "anonymous_id", "subject")
        }
        columns["properties"] = [json.dumps({"path": e.page}) for e in events]
        columns["context"] = [json.dumps({"campaign": {"name": e.campaign}}) if e.campaign else None for e in events]
        reach = max((min(e.time, e.received) - BOUND for e in events), default=NO_WATERMARK)
        self.marks[producer] = max(self.marks.get(producer, NO_WATERMARK), reach, mark)
        self._fold(USER_INTERACTIONS, producer, columns, len(events))

    def idles(self, producer: str, until: int) -> None:
        columns = {"stream": STREAM, "producer": producer, "at_offset": self.heads.get(producer, 0), "until": until}
        self._fold(IDLE_PRODUCERS, "t/idle_producers/0", columns, 1)

    def ends(self) -> Reader:
        for name in self.names:
            self.take(name, [], END)
        return self

    def _fold(self, stream: Stream, producer: str, columns: dict[str, Any], n: int) -> None:
        table = rows(stream, columns, n)
        first = self.heads.get(producer, 0)
        mark = self.marks.get(producer, NO_WATERMARK)
        header = EntryHeader(stream.name, producer, "t", first, n, 1, 1, 1, 1, mark)
        self.heads[producer] = header.end
        self.state, outputs = self.fold.fold(self.state, Batch(header, first, table, True))
        self.outputs.extend(outputs)

    def said(self, stream: str) -> list[dict[str, Any]]:
        found = (emission for name, emission in self.outputs.items() if name == stream)
        return [row for emission in found for batch in emission.batches for row in batch.to_pylist()]

    def sessions(self) -> set[tuple[Any, ...]]:
        """The last word on each."""
        last = dict[str, dict[str, Any]]()
        for row in self.said("sessions"):
            assert row["revision"] == (last[row["id"]]["revision"] + 1 if row["id"] in last else 0)
            assert row["id"] not in last or last[row["id"]]["type"] != "session.withdrawn"
            last[row["id"]] = row
        kept = [row for row in last.values() if row["type"] != "session.withdrawn"]
        names = ("device", "subject", "start", "time", "events", "pages", "conversions", "entry", "exit", "campaign")
        return {
            tuple(int(row[n].timestamp() * 1e6) if n in ("start", "time") else row[n] for n in names) for row in kept
        }


def on_one_line(events: Sequence[Event]) -> set[tuple[Any, ...]]:
    """The sessions by sorting: what the fold has to come to."""
    found = set[tuple[Any, ...]]()
    for device in {event.anonymous_id for event in events}:
        mine = sorted((e for e in events if e.anonymous_id == device), key=lambda e: (e.time, e.id))
        groups: list[list[Event]] = []
        for event in mine:
            if not groups or event.time - groups[-1][-1].time > GAP:
                groups.append([])
            groups[-1].append(event)
        for group in groups:
            pages = [e.page for e in group if e.type == "page.viewed"]
            named = [e.subject for e in group if e.subject != device]
            campaigns = [e.campaign for e in group if e.campaign]
            found.add((
                device, named[-1] if named else device, group[0].time, group[-1].time, len(group), len(pages),
                sum(e.type == "order.placed" for e in group), pages[0] if pages else None,
                pages[-1] if pages else None, campaigns[0] if campaigns else None,
            ))  # fmt: skip
    return found


def spread(rng: random.Random, events: Sequence[Event], reader: Reader) -> None:
    """Each event to one of the producers, which are read in any order, a few events at a time, some with silence."""
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


@settings(deadline=None, database=None, max_examples=120)
@given(seed=st.integers(0, 2**32), producers=st.sampled_from((1, 2, 4)), n=st.integers(1, 60))
def test_the_sessions_are_those_of_the_rows_on_one_line(seed: int, producers: int, n: int) -> None:
    rng = random.Random(seed)
    events = traffic(rng, n, late=LATENESS)
    reader = Reader(producers)
    spread(rng, events, reader)
    reader.ends()
    assert reader.said("late_rows") == []
    assert reader.sessions() == on_one_line(events)
    assert reader.state.visits["v"].devices == {}, "nobody stays who has been idle for long"
    assert reader.state.visits["v"].queue == []


@settings(deadline=None, database=None, max_examples=60)
@given(seed=st.integers(0, 2**32), producers=st.sampled_from((1, 3)), n=st.integers(1, 60))
def test_a_row_is_in_one_session_or_listed_as_late(seed: int, producers: int, n: int) -> None:
    rng = random.Random(seed)
    reader = Reader(producers)
    spread(rng, traffic(rng, n, late=1_000 * SECOND), reader)
    reader.ends()
    late = reader.said("late_rows")
    assert sum(session[4] for session in reader.sessions()) + len(late) == n
    assert all(row["metrics"] == ["session v"] and row["behind_us"] > LATENESS for row in late)
