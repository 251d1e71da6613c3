"""What the metrics analyzer remembers: which metrics there are, their windows, and how far each stream is complete."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from actors.analyzers.arrays import Packed, decoded, encoded
from actors.analyzers.held import Hold, Joining, SavedHold
from actors.analyzers.metric_rows import Closers
from actors.analyzers.metric_series import MetricSpec, SavedSeries, Series
from actors.analyzers.producers import UNKNOWN, Producer, Producers
from analytics import windows

FORMER = -1
"""The version of a metric whose event is still to be read: its windows are from a release that did not read it."""


class Definition(msgspec.Struct):
    """A metric that holds."""

    spec: MetricSpec
    version: int
    """The offset of its event on ``control``."""
    cause: str | None = None
    """Producer and offset of the first event that said the same: its samples name it. None: of a former release."""
    joining: Joining | None = None
    """None: it counts what comes."""


@dataclass(frozen=True)
class Index:
    """The metrics of one stream that count what comes, by what they are about."""

    live: dict[str, MetricSpec]
    """In the order in which they were defined."""
    order: dict[str, int]
    every: Sequence[str]
    """Those about rows of every type."""
    by_type: dict[str, list[str]]
    groups: dict[tuple[int, int], Closers]
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
            {place: Closers(specs) for place, specs in groups.items()},
            frozenset(spec.bound_us for spec in live.values()),
            max((d.spec.bound_us for d in mine), default=0),
        )


@dataclass
class State:
    """The state. The fields below the line are worked out from those above it, and are not saved."""

    defined: dict[str, Definition] = field(default_factory=dict[str, Definition])
    series: dict[tuple[str, str], Series] = field(default_factory=dict[tuple[str, str], Series])
    """By (metric, fingerprint of its spec); those that had rows."""
    producers: dict[str, Producers] = field(default_factory=dict[str, Producers])
    """By stream: who writes it, and how far they are."""
    held: dict[str, Hold] = field(default_factory=dict[str, Hold])
    """By stream: what waits for a past."""
    # ------
    _indices: dict[str, Index] = field(default_factory=dict[str, Index])
    _about: frozenset[str] | None = None
    _due: dict[str, list[tuple[int, str]]] = field(default_factory=dict[str, list[tuple[int, str]]])
    """By stream: a heap of (watermark at which something happens, metric)."""
    _scheduled: dict[str, int] = field(default_factory=dict[str, int])
    """By metric: the newest entry there."""

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
        return self.producers[stream].places if stream in self.producers else {}

    def joining(self, stream: str) -> Iterator[tuple[str, Definition, Joining]]:
        """The metrics of ``stream`` whose past is being folded, by name."""
        for name, defined in sorted(self.defined.items()):
            if defined.joining is not None and not defined.joining.failed and defined.spec.stream == stream:
                yield name, defined, defined.joining

    def forget_hold(self, stream: str) -> None:
        """Let go of a stream's held rows if no metric waits for its past any more."""
        if stream in self.held:
            cuts = [joining.cut for _, _, joining in self.joining(stream)]
            if not cuts:
                del self.held[stream]

    def series_of(self, spec: MetricSpec, watermark: int) -> Series:
        """A metric's windows, at the stream's ``watermark``, which closes none of them."""
        place = (spec.name, spec.definition)
        series = self.series.get(place)
        if series is None:
            series = self.series[place] = Series.new(spec, watermark)
        elif watermark > series.windows.watermark:
            windows.advance_watermark(series.windows, watermark)
        return series

    def forget_series(self, spec: MetricSpec) -> None:
        self.series.pop((spec.name, spec.definition), None)
        self._scheduled.pop(spec.name, None)

    def schedule(self, spec: MetricSpec) -> None:
        """Note when a window of the metric will next close or be dropped, even if no rows of it come."""
        series = self.series.get((spec.name, spec.definition))
        if series is None:
            return
        due = windows.due(series.windows)
        if self._scheduled.get(spec.name) != due:
            self._scheduled[spec.name] = due
            heapq.heappush(self._due.setdefault(spec.stream, []), (due, spec.name))

    def due(self, index: Index, stream: str) -> list[str]:
        """The metrics with something to happen by the stream's watermark; perhaps others, which costs only time."""
        heap = self._due.get(stream)
        if not heap or stream not in self.producers:
            return []
        found: list[str] = []
        to = max((self.producers[stream].watermark(bound) for bound in index.bounds), default=windows.NO_WATERMARK)
        while heap and heap[0][0] <= to:
            due, name = heapq.heappop(heap)
            if self._scheduled.get(name) == due:
                del self._scheduled[name]
            if name in index.live and (name, index.live[name].definition) in self.series:
                found.append(name)
        return found


class SavedState(msgspec.Struct):
    defined: dict[str, Definition]
    series: list[tuple[str, str, SavedSeries]]
    producers: dict[str, Producers]
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
    series: list[tuple[str, str, SavedSeries]] = []
    for name, definition in sorted(state.series):
        spec = state.defined[name].spec
        watermark = state.producers[spec.stream].watermark(spec.bound_us)
        series.append((name, definition, state.series_of(spec, watermark).dump()))
    held = {stream: hold.dump() for stream, hold in state.held.items()}
    return encoded(SavedState(state.defined, series, state.producers, held))


def loaded(data: bytes, former: Sequence[MetricSpec]) -> State:
    saved: Any = decoded(data, SavedState | list[Former])  # pyright: ignore[reportArgumentType]
    if isinstance(saved, list):
        return _former(saved, former)
    held = {stream: Hold.load(stream, hold) for stream, hold in saved.held.items()}
    state = State(saved.defined, {}, saved.producers, held)
    for name, definition, series in saved.series:
        spec = state.defined[name].spec
        state.series[name, definition] = Series.load(spec, series)
        state.schedule(spec)
    return state


def _former(saved: Sequence[Former], former: Sequence[MetricSpec]) -> State:
    """What ``former`` says of the windows: those of which it says nothing, or something else, are left out. So are those
    over several producers, each of which had windows of its own then: once they are defined, they join with their past."""
    state = State()
    specs = {(spec.name, spec.definition): spec for spec in former}
    found = [(spec, one) for one in saved if (spec := specs.get((one.metric, one.definition))) is not None]
    writers: dict[str, set[str]] = {}
    for spec, one in found:
        writers.setdefault(spec.stream, set()).add(one.producer)
    for spec, one in found:
        series = Series.load(spec, SavedSeries(one.keys, one.windows))
        producers = state.producers.setdefault(spec.stream, Producers())
        producer = producers.by_name.setdefault(one.producer, Producer(end=UNKNOWN))
        reach = series.windows.watermark
        if reach > windows.NO_WATERMARK:
            producer.reach = max(producer.reach, reach + spec.bound_us)
            producers.first_reach = max(producers.first_reach, one.began + spec.bound_us)
        if len(writers[spec.stream]) == 1:
            state.defined[spec.name] = Definition(spec, FORMER)
            state.series[spec.name, spec.definition] = series
            state.schedule(spec)
    return state
