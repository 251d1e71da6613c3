"""The metrics analyzer: event-time windows over raw streams, per metric and key.

Each spec keeps one window state for each producer of its stream, for each producer has a watermark of its own. With one
partition a stream has one producer; partial windows of several producers are told apart by ``partition_key``. The state is
kept by the metric's name and what its spec says: in another order, or beside other metrics, it goes on as before, and a
metric that is defined otherwise than before begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from actors.analyzers.arrays import Packed, pack, unpack
from actors.columns import floats, text, times, whole
from actors.definitions import fingerprint, told_apart
from actors.fold import NONE, Batch, Outputs
from actors.hashing import hashes
from analytics import windows
from analytics.keys import Keys
from events.catalog import METRICS, rows
from events.entry import NO_WATERMARK

MAX_KEYS = 1 << 20
SEPARATOR = "\t"
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
    """One spec over one producer: names of its keys, and its windows."""

    keys: Keys
    windows: windows.WindowState


State = dict[tuple[str, str, str], Series]
"""By (metric, fingerprint of its spec, producer)."""


class Saved(msgspec.Struct):
    metric: str
    definition: str
    producer: str
    keys: list[str]
    windows: dict[str, Packed | int]


@dataclass(frozen=True)
class MetricsAnalyzer:
    """The fold. Samples are emitted when a window closes, and again, with the next revision, when late rows change it."""

    specs: tuple[MetricSpec, ...]
    name: str = "metrics"
    version: int = 3
    writes: tuple[str, ...] = (METRICS.name,)
    reads: tuple[str, ...] = field(init=False)
    definitions: Mapping[str, str] = field(init=False)
    """By name: fingerprints of the specs."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "reads", tuple(sorted({spec.stream for spec in self.specs})))
        named = ((spec.name, spec.definition) for spec in self.specs)
        object.__setattr__(self, "definitions", told_apart("metric", named))

    def initial(self) -> State:
        return {}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        outputs = Outputs()
        columns = _Columns(batch.table)
        found: list[tuple[np.ndarray, pa.RecordBatch]] = []
        for spec in self.specs:
            if spec.stream != batch.stream:
                continue
            place = (spec.name, spec.definition, batch.producer)
            series = state.get(place)
            if series is None:
                series = state[place] = Series(Keys(MAX_KEYS), windows.WindowState(spec.window))
            found += [
                (samples.row, _sampled(spec, series.keys, samples, batch.producer))
                for samples in self._advance(spec, series, columns, batch)
            ]
        if found:
            outputs.emit(METRICS.name, _in_order(found))
        watermark = min((series.windows.watermark for series in state.values()), default=NO_WATERMARK)
        if batch.last and watermark > windows.NO_WATERMARK:
            outputs.emit(METRICS.name, watermark=watermark)
        return state, outputs if outputs else NONE

    def _advance(self, spec: MetricSpec, series: Series, columns: _Columns, batch: Batch) -> list[windows.Samples]:
        samples: list[windows.Samples] = []
        if batch.rows:
            keys = columns.keys(spec, series.keys)
            time, received = columns.time("time"), columns.time("received")
            value, distinct = columns.value(spec.value), columns.distinct(spec.distinct)
            samples.append(windows.advance(series.windows, time, received, keys, value, distinct))
        if batch.last and batch.watermark != NO_WATERMARK:
            samples.append(windows.advance_watermark(series.windows, batch.watermark))
        return [s for s in samples if s.rows]

    def dump(self, state: State) -> bytes:
        saved = [
            Saved(*place, series.keys.names, pack(series.windows.dump()))
            for place, series in sorted(state.items(), key=lambda item: item[0])
        ]
        return msgspec.msgpack.encode(saved)

    def load(self, data: bytes) -> State:
        """States of specs that are no more, or say something else now, are left out."""
        saved = msgspec.msgpack.decode(data, type=list[Saved])
        specs = {(spec.name, spec.definition): spec for spec in self.specs}
        return {
            (s.metric, s.definition, s.producer): Series(
                Keys(MAX_KEYS, s.keys), windows.WindowState.load(spec.window, unpack(s.windows))
            )
            for s in saved
            if (spec := specs.get((s.metric, s.definition))) is not None
        }


class _Columns:
    """A batch's columns as numpy, each made once however many specs use it. They are shared: read, never written."""

    def __init__(self, table: pa.RecordBatch) -> None:
        self._table = table
        self._made: dict[tuple[str, str | None], Any] = {}

    def time(self, name: str) -> np.ndarray:
        return self._once("time", name, lambda: times(self._table, name))

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


def _in_order(found: list[tuple[np.ndarray, pa.RecordBatch]]) -> pa.RecordBatch:
    """One batch in the order of the rows that closed the windows; of one row, in the order of the specs."""
    if len(found) == 1:
        return found[0][1]
    order = np.argsort(np.concatenate([at for at, _ in found]), kind="stable")
    return pa.concat_batches([samples for _, samples in found]).take(pa.array(order))


def _sampled(spec: MetricSpec, keys: Keys, samples: windows.Samples, producer: str) -> pa.RecordBatch:
    ids = pa.array(samples.key, pa.int32())
    if spec.named_by is None:
        metric = pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), samples.rows), [spec.name])
        key = _label(_text(keys), ids)
    else:
        split = [name.partition(SEPARATOR) for name in keys.names]
        metric = _label(pa.array([m for m, _, _ in split], pa.string()), ids)
        key = _label(pa.array([k for _, _, k in split], pa.string()), ids)
    columns = {
        "type": "metric.sampled",
        "partition_key": producer,
        "time": samples.start + spec.width_us,
        "metric": metric,
        "key": key,
        "start": samples.start,
        "width_us": spec.width_us,
        "count": samples.count,
        "sum": _known(samples.sum, samples.values),
        "mean": _known(samples.mean, samples.values),
        "min": _known(samples.min, samples.values),
        "max": _known(samples.max, samples.values),
        "p50": pa.array(samples.p50, from_pandas=True),
        "p95": pa.array(samples.p95, from_pandas=True),
        "p99": pa.array(samples.p99, from_pandas=True),
        "distinct": pa.array(samples.distinct, mask=samples.distinct < 0) if spec.distinct else None,
        "revision": samples.revision,
    }
    return rows(METRICS, columns, samples.rows)


def _text(keys: Keys) -> pa.Array:
    """The names by id, as a string column."""
    offsets, names = keys.text()
    return pa.StringArray.from_buffers(len(keys), pa.py_buffer(offsets), pa.py_buffer(names))


def _known(column: np.ndarray, values: np.ndarray) -> pa.Array:
    return pa.array(column, mask=values == 0)


def _label(names: pa.Array, ids: pa.Array) -> pa.Array:
    """Only the names that occur: the entry carries them, not every name the cell has ever seen."""
    return names.take(ids).dictionary_encode()
