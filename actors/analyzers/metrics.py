"""The metrics analyzer: event-time windows over raw streams, per metric and key.

Each spec keeps one window state for all producers of its stream: rows are counted whoever brings them, and a window closes
once all of them have passed its end (see ``producers``). The state is kept by the metric's name and what its spec says: in
another order, or beside other metrics, it goes on as before, and a metric that is defined otherwise than before begins
anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from actors.analyzers.arrays import Packed, pack, unpack
from actors.analyzers.metric_rows import SEPARATOR, Late, closings, in_order, late_rows, sampled
from actors.analyzers.producers import ALONE, Producers, Step, idle_in, note_idle
from actors.columns import floats, text, times, whole
from actors.definitions.fingerprints import fingerprint, told_apart
from actors.fold import NONE, Batch, Outputs
from actors.hashing import hashes
from analytics import windows
from analytics.closings import spans, whole_from
from analytics.keys import Keys
from analytics.window_kernel import FAR
from events.catalog import CLOCK, CONTROL, IDLE_PRODUCERS, LATE_ROWS, METRICS, SYSTEM_METRICS, USER_INTERACTIONS
from events.entry import NO_WATERMARK

MAX_KEYS = 1 << 20
TELL_SILENCE = frozenset((USER_INTERACTIONS.name, SYSTEM_METRICS.name, CONTROL.name, CLOCK.name))
"""Streams whose watermarks go on while nothing comes. Windows over others are closed by the clock, too."""
GRACE_US = 60_000_000
"""How far behind the clock, besides the bound, these close: cells take their inputs in any order."""
NO_MARKS = np.empty(0, np.int64)
T = TypeVar("T")


@dataclass(frozen=True)
class MetricSpec:
    """Windows of ``width_us`` over the rows of ``stream`` whose type is in ``types`` (None: all).

    ``name`` may be ``{column}``: each value of that column is a metric of its own. ``key``, ``value`` and ``distinct``
    name columns of the stream.
    """

    name: str
    stream: str
    types: tuple[str, ...] | None = None
    key: str | None = None
    value: str | None = None
    distinct: str | None = None
    width_us: int = 10_000_000
    lateness_us: int = 30_000_000
    bound_us: int = 5_000_000
    sketches: bool = True

    @property
    def named_by(self) -> str | None:
        return self.name[1:-1] if self.name.startswith("{") else None

    @cached_property
    def definition(self) -> str:
        """What the spec says, as a fingerprint; the order of ``types`` says nothing."""
        types = None if self.types is None else tuple(sorted(set(self.types)))
        return fingerprint(replace(self, types=types))

    @property
    def window(self) -> windows.WindowSpec:
        sketches = self.sketches and (self.value is not None or self.distinct is not None)
        return windows.WindowSpec(self.width_us, self.lateness_us, self.bound_us, sketches, MAX_KEYS)


class Series(NamedTuple):
    """One spec: names of its keys, its windows, and its first watermark."""

    keys: Keys
    windows: windows.WindowState
    began: int = NO_WATERMARK


@dataclass
class State:
    """By (metric, fingerprint of its spec): its windows. By stream: who writes it, and how far they are."""

    series: dict[tuple[str, str], Series] = field(default_factory=dict[tuple[str, str], Series])
    producers: dict[str, Producers] = field(default_factory=dict[str, Producers])


class SavedSeries(msgspec.Struct):
    metric: str
    definition: str
    keys: list[str]
    windows: dict[str, Packed | int]
    began: int


class Saved(msgspec.Struct):
    series: list[SavedSeries]
    producers: dict[str, Producers]


Found = list[tuple[np.ndarray, pa.RecordBatch]]
"""(rows of the batch at which they come, rows of ``metrics``)."""


@dataclass(frozen=True)
class MetricsAnalyzer:
    """The fold. Samples are emitted when a window closes, and again, with the next revision, when late rows change it.

    After the samples, one ``window.closed`` a spec says that these were all: a key without one had no rows. A row that is
    too late for a window of any metric is listed in ``late_rows``.
    """

    specs: tuple[MetricSpec, ...]
    expected: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """By stream: producers that windows wait for even before their first entry."""
    name: str = "metrics"
    version: int = 4
    writes: tuple[str, ...] = (METRICS.name, LATE_ROWS.name)
    reads: tuple[str, ...] = field(init=False)
    definitions: Mapping[str, str] = field(init=False)
    """By name: fingerprints of the specs."""

    def __post_init__(self) -> None:
        streams = {spec.stream for spec in self.specs}
        ticks = () if streams <= TELL_SILENCE else (CLOCK.name,)
        object.__setattr__(self, "reads", tuple(sorted({*streams, *ticks, IDLE_PRODUCERS.name})))
        named = ((spec.name, spec.definition) for spec in self.specs)
        object.__setattr__(self, "definitions", told_apart("metric", named))

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        outputs = Outputs()
        columns = _Columns(batch.table)
        found: Found = []
        late: list[Late] = []
        about = [spec for spec in self.specs if spec.stream == batch.stream]
        steps = self._step(state, batch, columns, {spec.bound_us for spec in about})
        for spec in about:
            step = steps[spec.bound_us]
            series = self._series(state, spec, step)
            for samples in self._advance(spec, series, columns, step):
                if samples.rows:
                    found.append((samples.row, sampled(spec, series.keys, samples)))
                if len(samples.refused):
                    late.append(Late(samples.refused, columns.metrics(spec, samples.refused), step.marks))
            first = whole_from(series.began, spec.bound_us, spec.width_us)
            closed = spans(step.before, step.marks, step.after, spec.width_us, first)
            if len(closed.row):
                found.append((closed.row, closings(spec, closed)))
        if batch.stream == CLOCK.name:
            found += self._ticked(state, columns.time("time"))
        elif batch.stream == IDLE_PRODUCERS.name:
            found += self._idled(state, batch.table)
        if found:
            outputs.emit(METRICS.name, in_order(found))
        if late:
            outputs.emit(LATE_ROWS.name, late_rows(batch, late))
        watermark = min((series.windows.watermark for series in state.series.values()), default=NO_WATERMARK)
        if batch.last and watermark > -FAR:
            outputs.emit(METRICS.name, watermark=watermark)
        return state, outputs if outputs else NONE

    def _producers(self, state: State, stream: str) -> Producers:
        found = state.producers.get(stream)
        if found is None:
            found = state.producers[stream] = Producers()
            found.expect(self.expected.get(stream, ()))
        return found

    def _step(self, state: State, batch: Batch, columns: _Columns, bounds: set[int]) -> Mapping[int, Step]:
        if not bounds:
            return {}
        producers = self._producers(state, batch.stream)
        return producers.take(batch, columns.time("time"), columns.time("received"), sorted(bounds))

    def _series(self, state: State, spec: MetricSpec, step: Step) -> Series:
        place = (spec.name, spec.definition)
        series = state.series.get(place)
        if series is None:
            series = state.series[place] = Series(Keys(MAX_KEYS), windows.WindowState(spec.window), step.began)
            windows.advance_watermark(series.windows, step.before)
        return series

    def _advance(self, spec: MetricSpec, series: Series, columns: _Columns, step: Step) -> list[windows.Samples]:
        samples: list[windows.Samples] = []
        if columns.rows:
            keys = columns.keys(spec, series.keys)
            time, received = columns.time("time"), columns.received(step.limit, spec.bound_us)
            value, distinct = columns.value(spec.value), columns.distinct(spec.distinct)
            samples.append(windows.advance(series.windows, time, received, keys, value, distinct))
        if step.after > series.windows.watermark:
            samples.append(windows.advance_watermark(series.windows, step.after))
        return samples

    def _ticked(self, state: State, ticks: np.ndarray) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
        """What the clock closes of streams that tell no silence."""
        mute = [spec for spec in self.specs if spec.stream not in TELL_SILENCE and spec.stream in state.producers]
        for row, tick in enumerate(ticks.tolist()):
            for spec in mute:
                to = state.producers[spec.stream].pass_time(tick - GRACE_US, spec.bound_us)
                yield from self._reach(state, spec, to, row)

    def _idled(self, state: State, table: pa.RecordBatch) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
        """What closes because producers that hold others up are known to idle."""
        for said in idle_in(table):
            about = [spec for spec in self.specs if spec.stream == said.stream]
            if not about:
                continue
            producers = self._producers(state, said.stream)
            note_idle(producers, said)
            for spec in about:
                yield from self._reach(state, spec, producers.watermark(spec.bound_us), said.row)

    def _reach(self, state: State, spec: MetricSpec, to: int, row: int) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
        """Raise the watermark of a spec's windows without a row of its stream, at ``row`` of another one."""
        series = state.series.get((spec.name, spec.definition))
        if series is None or to <= series.windows.watermark:
            return
        before = series.windows.watermark
        samples = windows.advance_watermark(series.windows, to)
        if samples.rows:
            yield np.full(samples.rows, row), sampled(spec, series.keys, samples)
        closed = spans(before, NO_MARKS, to, spec.width_us, whole_from(series.began, spec.bound_us, spec.width_us))
        if len(closed.row):
            yield np.full(len(closed.row), row), closings(spec, closed)

    def dump(self, state: State) -> bytes:
        series = [
            SavedSeries(*place, series.keys.names, pack(series.windows.dump()), series.began)
            for place, series in sorted(state.series.items(), key=lambda item: item[0])
        ]
        plain = msgspec.to_builtins(Saved(series, state.producers), str_keys=True, builtin_types=(bytes,))
        return msgspec.msgpack.encode(plain, order="deterministic")

    def load(self, data: bytes) -> State:
        """States of specs that are no more, or say something else now, are left out."""
        saved = msgspec.convert(msgspec.msgpack.decode(data), Saved, str_keys=True, builtin_types=(bytes,))
        specs = {(spec.name, spec.definition): spec for spec in self.specs}
        series = {
            (s.metric, s.definition): Series(
                Keys(MAX_KEYS, s.keys), windows.WindowState.load(spec.window, unpack(s.windows)), s.began
            )
            for s in saved.series
            if (spec := specs.get((s.metric, s.definition))) is not None
        }
        return State(series, saved.producers)


class _Columns:
    """A batch's columns as numpy, each made once however many specs use it. They are shared: read, never written."""

    def __init__(self, table: pa.RecordBatch) -> None:
        self._table = table
        self._made: dict[tuple[str, str | None], Any] = {}

    def time(self, name: str) -> np.ndarray:
        """int64[n] of ``time`` or ``received``; where one is not said (by derived rows), the other holds."""
        return self._once("time", name, lambda: self._times(name))

    @property
    def rows(self) -> int:
        return self._table.num_rows

    def received(self, limit: int, bound_us: int) -> np.ndarray:
        """int64[n] of ``received``, so that no row raises the watermark above ``limit``."""
        received = self.time("received")
        if limit == ALONE:
            return received
        return self._once("limited", f"{limit} {bound_us}", lambda: np.minimum(received, limit + bound_us))

    def metrics(self, spec: MetricSpec, rows: np.ndarray) -> list[str]:
        """The metric that each of ``rows`` belongs to."""
        if spec.named_by is None:
            return [spec.name] * len(rows)
        codes, names = self._labels(spec.named_by)
        return [names[code] for code in codes[rows].tolist()]

    def value(self, name: str | None) -> np.ndarray:
        """float64[n]; NaN where there is no value."""
        return self._once("value", name, lambda: self._floats(name))

    def distinct(self, name: str | None) -> np.ndarray:
        """uint64[n]: hashes of the values; 0 for null."""
        return self._once("distinct", name, lambda: self._hashes(name))

    def keys(self, spec: MetricSpec, keys: Keys) -> np.ndarray:
        """int32[n]: dense ids of the keys, or of ``metric<tab>key`` where a column names the metrics; -1 for rows of
        other types, which only raise the watermark."""
        ids = self._ids(spec, keys)
        if spec.types is None:
            return ids
        codes, names = self._labels("type")
        others = np.fromiter((name not in spec.types for name in names), np.bool_, len(names))
        return np.where(others[codes], np.int32(-1), ids)

    def _ids(self, spec: MetricSpec, keys: Keys) -> np.ndarray:
        if spec.named_by is None:
            if spec.key is None:
                if not len(keys):
                    keys.encode(np.zeros(1, np.int32), [""])
                return self._once("one key", None, lambda: np.zeros(self._table.num_rows, np.int32))
            column = self._table.column(spec.key)
            if pa.types.is_string(column.type):
                return keys.encode_text(*text(column))
            return keys.encode(*self._labels(spec.key))
        metric, metrics = self._labels(spec.named_by)
        key, names = self._labels(spec.key) if spec.key else (np.int32(0), [""])
        dictionary = [f"{m}{SEPARATOR}{k}" for m in metrics for k in names]
        return keys.encode((metric * len(names) + key).astype(np.int32), dictionary)

    def _labels(self, name: str) -> tuple[np.ndarray, list[str]]:
        """(int32[n] codes, names): any column as a dictionary, with "" for null."""
        return self._once("labels", name, lambda: self._encoded(name))

    def _encoded(self, name: str) -> tuple[np.ndarray, list[str]]:
        column = self._table.column(name)
        if not pa.types.is_dictionary(column.type):
            column = pc.call_function("dictionary_encode", [column])
        names = [*column.dictionary.to_pylist(), ""]
        return whole(column.indices, len(names) - 1).astype(np.int32), names

    def _times(self, name: str) -> np.ndarray:
        column, said = self._table.column(name), times(self._table, name)
        if not column.null_count:
            return said
        other = times(self._table, "received" if name == "time" else "time")
        return np.where(column.is_null().to_numpy(zero_copy_only=False), other, said)

    def _floats(self, name: str | None) -> np.ndarray:
        if name is None:
            return np.full(self._table.num_rows, np.nan)
        return floats(self._table, name)

    def _hashes(self, name: str | None) -> np.ndarray:
        if name is None:
            return np.zeros(self._table.num_rows, np.uint64)
        column = self._table.column(name)
        found = hashes(self._table, (name,))
        if column.null_count:
            found[column.is_null().to_numpy(zero_copy_only=False)] = 0
        return found

    def _once(self, kind: str, name: str | None, make: Callable[[], T]) -> T:
        if (kind, name) not in self._made:
            self._made[kind, name] = make()
        return self._made[kind, name]
