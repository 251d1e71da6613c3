"""What the metrics analyzer remembers: which metrics there are, their windows, and how far each producer is complete."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from actors.analyzers.arrays import Packed
from actors.analyzers.held import Hold, Joining, SavedHold
from actors.analyzers.metric_series import Columns, MetricSpec, SavedSeries, Series
from actors.fold import Batch
from analytics import windows
from analytics.closings import whole_from
from analytics.window_kernel import FAR
from events.entry import NO_WATERMARK

FORMER = -1
"""The version of a metric whose event is still to be read: its windows are from a release that did not read it."""
UNKNOWN = -1
"""The place in a producer's stream, of a state of such a release, until the next rows say it."""


class Definition(msgspec.Struct):
    """A metric that holds."""

    spec: MetricSpec
    version: int
    """The offset of its event on ``control``."""
    cause: str | None = None
    """Producer and offset of the first event that said the same: its samples name it. None: of a former release."""
    joining: Joining | None = None
    """None: it counts what comes."""


class Producer(msgspec.Struct):
    """How far one producer's stream was read, and how far its event time is complete. Times are us UTC."""

    end: int = 0
    """The next offset to read."""
    reach: int = NO_WATERMARK
    """The greatest min(time, received) of its rows; and the clock's, where that closes windows."""
    said: int = NO_WATERMARK
    """The greatest watermark of an entry."""
    first_reach: int = NO_WATERMARK
    """Of the first row, where that came before any watermark was said."""
    first_said: int = NO_WATERMARK

    def watermark(self, bound_us: int) -> int:
        """As ``windows.advance`` and ``advance_watermark`` have it after all that came."""
        by_rows = self.reach - bound_us if self.reach > windows.NO_WATERMARK else NO_WATERMARK
        return max(by_rows, self.said)

    def whole_from(self, bound_us: int, width_us: int) -> int:
        """Start of the first window that is seen whole."""
        began = self.first_said
        if self.first_reach > windows.NO_WATERMARK:
            began = self.first_reach - bound_us
        return whole_from(began, bound_us, width_us)

    def take(self, columns: Columns, batch: Batch) -> None:
        """Take note of a batch."""
        if batch.rows:
            reach = np.clip(np.minimum(columns.time("time"), columns.time("received")), -FAR, FAR)
            if not self._begun:
                self.first_reach = int(reach[0])
            self.reach = max(self.reach, int(reach.max()))
        if batch.watermark != NO_WATERMARK:
            if not self._begun:
                self.first_said = batch.watermark
            self.said = max(self.said, batch.watermark)
        self.end = batch.header.end if batch.last else batch.first + batch.rows

    def tick(self, reach: int) -> None:
        """The clock closes what nothing else does."""
        self.reach = max(self.reach, reach)

    @property
    def _begun(self) -> bool:
        return max(self.first_reach, self.first_said) > windows.NO_WATERMARK


@dataclass(frozen=True)
class Index:
    """The metrics of one stream that count what comes, by what they are about."""

    live: dict[str, MetricSpec]
    """In the order in which they were defined."""
    order: dict[str, int]
    every: Sequence[str]
    """Those about rows of every type."""
    by_type: dict[str, list[str]]
    groups: dict[tuple[int, int], list[MetricSpec]]
    """By (bound, width): their windows close together."""
    bounds: frozenset[int]
    bound_us: int
    """The greatest bound, of those that join, too."""

    @classmethod
    def of(cls, stream: str, defined: dict[str, Definition]) -> Index:
        mine = [d for d in defined.values() if d.spec.stream == stream]
        mine.sort(key=lambda d: (d.version, d.spec.name))
        live = {d.spec.name: d.spec for d in mine if d.joining is None}
        by_type: dict[str, list[str]] = {}
        groups: dict[tuple[int, int], list[MetricSpec]] = {}
        for name, spec in live.items():
            groups.setdefault((spec.bound_us, spec.width_us), []).append(spec)
            for type_ in spec.types or ():
                by_type.setdefault(type_, []).append(name)
        return cls(
            live,
            {name: place for place, name in enumerate(live)},
            [name for name, spec in live.items() if spec.types is None],
            by_type,
            groups,
            frozenset(spec.bound_us for spec in live.values()),
            max((d.spec.bound_us for d in mine), default=0),
        )


@dataclass
class State:
    """What is below the line follows from what is above it."""

    defined: dict[str, Definition] = field(default_factory=dict[str, Definition])
    series: dict[tuple[str, str, str], Series] = field(default_factory=dict[tuple[str, str, str], Series])
    """By (metric, fingerprint of its spec, producer); those that had rows."""
    producers: dict[tuple[str, str], Producer] = field(default_factory=dict[tuple[str, str], Producer])
    """By (stream, producer)."""
    held: dict[str, Hold] = field(default_factory=dict[str, Hold])
    """By stream: what waits for a past."""
    # ------
    _indices: dict[str, Index] = field(default_factory=dict[str, Index])
    _about: frozenset[str] | None = None
    _due: dict[tuple[str, str], list[tuple[int, str]]] = field(
        default_factory=dict[tuple[str, str], list[tuple[int, str]]]
    )
    """By (stream, producer): a heap of (watermark at which something happens, metric)."""
    _scheduled: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    """By (metric, producer): the newest entry there."""

    def index(self, stream: str) -> Index:
        found = self._indices.get(stream)
        if found is None:
            found = self._indices[stream] = Index.of(stream, self.defined)
        return found

    def forget_index(self, stream: str) -> None:
        """Call this when a metric of ``stream`` comes, goes, or counts from now on."""
        self._indices.pop(stream, None)
        self._about = None

    @property
    def about(self) -> frozenset[str]:
        """The streams that metrics are about."""
        if self._about is None:
            self._about = frozenset(defined.spec.stream for defined in self.defined.values())
        return self._about

    def places(self, stream: str) -> dict[str, int]:
        """The next offset to read of each producer of ``stream`` that was read."""
        return {name: p.end for (of, name), p in sorted(self.producers.items()) if of == stream and p.end != 0}

    def joining(self, stream: str) -> Iterator[tuple[str, Definition, Joining]]:
        """The metrics of ``stream`` whose past is being folded, by name."""
        for name, defined in sorted(self.defined.items()):
            if defined.joining is not None and defined.spec.stream == stream:
                yield name, defined, defined.joining

    def forget_hold(self, stream: str) -> None:
        """Hold nothing that nobody waits for."""
        if stream in self.held:
            cuts = [joining.cut for _, _, joining in self.joining(stream)]
            if not cuts:
                del self.held[stream]

    def series_of(self, spec: MetricSpec, producer: str, watermark: int) -> Series:
        """A metric's windows, at the producer's ``watermark``, which closes none of them."""
        place = (spec.name, spec.definition, producer)
        series = self.series.get(place)
        if series is None:
            series = self.series[place] = Series.new(spec, watermark)
        elif watermark > series.windows.watermark:
            windows.advance_watermark(series.windows, watermark)
        return series

    def forget_series(self, spec: MetricSpec) -> None:
        for stream, producer in self.producers:
            if stream == spec.stream:
                self.series.pop((spec.name, spec.definition, producer), None)
                self._scheduled.pop((spec.name, producer), None)

    def schedule(self, spec: MetricSpec, producer: str) -> None:
        """Note when something happens to a metric's windows, rows or not."""
        series = self.series.get((spec.name, spec.definition, producer))
        if series is None:
            return
        due = windows.due(series.windows)
        if self._scheduled.get((spec.name, producer)) != due:
            self._scheduled[spec.name, producer] = due
            heapq.heappush(self._due.setdefault((spec.stream, producer), []), (due, spec.name))

    def due(self, index: Index, stream: str, producer: str) -> list[str]:
        """The metrics with something to happen by the producer's watermark; perhaps others, which costs only time."""
        heap = self._due.get((stream, producer))
        if not heap:
            return []
        found: list[str] = []
        to = self.producers[stream, producer].watermark(min(index.bounds, default=0))
        while heap and heap[0][0] <= to:
            due, name = heapq.heappop(heap)
            if self._scheduled.get((name, producer)) == due:
                del self._scheduled[name, producer]
            if name in index.live and (name, index.live[name].definition, producer) in self.series:
                found.append(name)
        return found


class SavedState(msgspec.Struct):
    defined: dict[str, Definition]
    series: list[tuple[str, str, str, SavedSeries]]
    producers: list[tuple[str, str, Producer]]
    held: dict[str, SavedHold]


class Former(msgspec.Struct):
    """A metric's windows as releases saved them that did not keep what it says."""

    metric: str
    definition: str
    producer: str
    keys: list[str]
    windows: dict[str, Packed | int]
    began: int


def dumped(state: State) -> bytes:
    series: list[tuple[str, str, str, SavedSeries]] = []
    for name, definition, producer in sorted(state.series):
        spec = state.defined[name].spec
        watermark = state.producers[spec.stream, producer].watermark(spec.bound_us)
        series.append((name, definition, producer, state.series_of(spec, producer, watermark).dump()))
    saved = SavedState(
        dict(sorted(state.defined.items())),
        series,
        [(*place, producer) for place, producer in sorted(state.producers.items())],
        {stream: hold.dump() for stream, hold in sorted(state.held.items())},
    )
    return msgspec.msgpack.encode(saved, order="deterministic")


def loaded(data: bytes, former: Sequence[MetricSpec]) -> State:
    saved: Any = msgspec.msgpack.decode(data, type=SavedState | list[Former])
    if isinstance(saved, list):
        return _former(saved, former)
    state = State(
        dict(saved.defined),
        {},
        {(stream, name): producer for stream, name, producer in saved.producers},
        {stream: Hold.load(stream, hold) for stream, hold in saved.held.items()},
    )
    for name, definition, producer, series in saved.series:
        spec = state.defined[name].spec
        state.series[name, definition, producer] = Series.load(spec, series)
        state.schedule(spec, producer)
    return state


def _former(saved: Sequence[Former], former: Sequence[MetricSpec]) -> State:
    """What ``former`` says of the windows: those of which it says nothing, or something else, are left out."""
    state = State()
    specs = {(spec.name, spec.definition): spec for spec in former}
    for one in saved:
        spec = specs.get((one.metric, one.definition))
        if spec is None:
            continue
        series = Series.load(spec, SavedSeries(one.keys, one.windows))
        state.defined[spec.name] = Definition(spec, FORMER)
        state.series[spec.name, spec.definition, one.producer] = series
        reach = series.windows.watermark
        producer = state.producers.setdefault((spec.stream, one.producer), Producer(end=UNKNOWN))
        if reach > windows.NO_WATERMARK:
            producer.reach = max(producer.reach, reach + spec.bound_us)
            producer.first_reach = max(producer.first_reach, one.began + spec.bound_us)
        state.schedule(spec, one.producer)
    return state
