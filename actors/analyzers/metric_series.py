"""One metric: what its definition says, its windows, and the columns of a batch that it needs."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from actors.analyzers.arrays import Packed, pack, unpack
from actors.analyzers.producers import Step
from actors.columns import floats, text, times, whole
from actors.definitions.fingerprints import fingerprint
from actors.hashing import hashes
from analytics import windows
from analytics.keys import Keys
from events.catalog import CLOCK, CONTROL, SYSTEM_METRICS, USER_INTERACTIONS
from events.entry import NO_WATERMARK

MAX_KEYS = 1 << 20
SEPARATOR = "\t"
"""Between metric and key, where a column names the metrics."""
SECOND = 1_000_000
BOUND_S = 5.0
"""The bound of definitions that older releases told: they did not say it."""
TELL_SILENCE = frozenset((USER_INTERACTIONS.name, SYSTEM_METRICS.name, CONTROL.name, CLOCK.name))
"""Streams whose watermarks go on while nothing comes. Windows over others are closed by the clock, too."""
GRACE_US = 60_000_000
"""How far behind the clock, besides the bound, these close: cells take their inputs in any order."""
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

    @classmethod
    def of(cls, said: Mapping[str, Any], bound_s: float = BOUND_S) -> MetricSpec:
        """From the spec of a definition, as ``control`` has it."""
        default, types = cls("", ""), said.get("types")
        return cls(
            name=said["name"],
            stream=said["stream"],
            types=None if types is None else tuple(types),
            key=said.get("key"),
            value=said.get("value"),
            distinct=said.get("distinct"),
            width_us=int(said.get("width_s", default.width_us / SECOND) * SECOND),
            lateness_us=int(said.get("lateness_s", default.lateness_us / SECOND) * SECOND),
            bound_us=int(bound_s * SECOND),
            sketches=said.get("sketches", True),
        )

    @property
    def named_by(self) -> str | None:
        return self.name[1:-1] if self.name.startswith("{") else None

    @property
    def columns(self) -> frozenset[str]:
        """The columns of the stream, beyond the envelope's, that the windows are made of."""
        named = (self.named_by, self.key, self.value, self.distinct)
        return frozenset(column for column in named if column is not None)

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
    """One spec: names of its keys, and its windows."""

    keys: Keys
    windows: windows.WindowState

    @classmethod
    def new(cls, spec: MetricSpec, watermark: int = NO_WATERMARK) -> Series:
        """Without rows, at the stream's watermark."""
        series = cls(Keys(MAX_KEYS), windows.WindowState(spec.window))
        windows.advance_watermark(series.windows, watermark)
        return series

    @classmethod
    def load(cls, spec: MetricSpec, saved: SavedSeries) -> Series:
        return cls(Keys(MAX_KEYS, saved.keys), windows.WindowState.load(spec.window, unpack(saved.windows)))

    def dump(self) -> SavedSeries:
        return SavedSeries(self.keys.names, pack(self.windows.dump()))


class SavedSeries(msgspec.Struct):
    keys: list[str]
    windows: dict[str, Packed | int]


def advance(spec: MetricSpec, series: Series, columns: Columns, step: Step) -> list[windows.Samples]:
    """Take a batch's rows, and the watermark that holds after them: what closed, what was revised, what came too late."""
    samples: list[windows.Samples] = []
    if columns.rows:
        rows, keys = columns.of_types(spec.types), columns.keys(spec, series.keys)
        time, value, distinct = columns.time("time"), columns.value(spec.value), columns.distinct(spec.distinct)
        samples.append(windows.take(series.windows, step.marks, rows, time, keys, value, distinct))
    if step.after > series.windows.watermark:
        samples.append(windows.advance_watermark(series.windows, step.after))
    return samples


class Columns:
    """A batch's columns as numpy, each made once however many specs use it. They are shared: read, never written."""

    def __init__(self, table: pa.RecordBatch) -> None:
        self._table = table
        self._made: dict[tuple[str, Hashable], Any] = {}

    @property
    def rows(self) -> int:
        return self._table.num_rows

    @cached_property
    def types(self) -> list[str]:
        """The event types of the rows; only those that occur."""
        return [*self._by_type]

    def time(self, name: str) -> np.ndarray:
        """int64[n] of ``time`` or ``received``; where one is not said (by derived rows), the other holds."""
        return self._once("time", name, lambda: self._times(name))

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

    def of_types(self, types: tuple[str, ...] | None) -> np.ndarray:
        """int64[m]: the rows of these types, or all, in order."""
        return self._once("of types", types, lambda: self._of_types(types))

    def _of_types(self, types: tuple[str, ...] | None) -> np.ndarray:
        if types is None:
            return np.arange(self.rows)
        found = [rows for type_ in {*types} if (rows := self._by_type.get(type_)) is not None]
        if len(found) == 1:
            return found[0]
        return np.sort(np.concatenate(found)) if found else np.empty(0, np.int64)

    @cached_property
    def _by_type(self) -> dict[str, np.ndarray]:
        codes, names = self._labels("type")
        counts = np.bincount(codes, minlength=len(names))
        rows = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts[:-1]))
        found: dict[str, np.ndarray] = {}
        for code in np.flatnonzero(counts).tolist():
            name, mine = names[code], rows[code]
            found[name] = np.sort(np.concatenate([found[name], mine])) if name in found else mine
        return found

    def keys(self, spec: MetricSpec, keys: Keys) -> np.ndarray:
        """int32[m]: dense ids of the keys of the rows ``of_types``, or of ``metric<tab>key`` where a column names the
        metrics."""
        rows = self.of_types(spec.types)
        if spec.named_by is not None:
            codes, names = self._once("pairs", (spec.named_by, spec.key), lambda: self._pairs(spec))
        elif spec.key is None:
            if not len(keys):
                keys.encode(np.zeros(1, np.int32), [""])
            return self._once("one key", len(rows), lambda: np.zeros(len(rows), np.int32))
        else:
            column = self._table.column(spec.key)
            if pa.types.is_string(column.type):
                return keys.encode_text(*text(column if spec.types is None else column.take(pa.array(rows))))
            codes, names = self._labels(spec.key)
        return keys.encode(codes if spec.types is None else codes[rows], names)

    def _pairs(self, spec: MetricSpec) -> tuple[np.ndarray, list[str]]:
        metric, metrics = self._labels(spec.named_by or "")
        key, names = self._labels(spec.key) if spec.key else (np.zeros(self.rows, np.int32), [""])
        return (metric * len(names) + key).astype(np.int32), [f"{m}{SEPARATOR}{k}" for m in metrics for k in names]

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
            return np.full(self.rows, np.nan)
        return floats(self._table, name)

    def _hashes(self, name: str | None) -> np.ndarray:
        if name is None:
            return np.zeros(self.rows, np.uint64)
        column = self._table.column(name)
        found = hashes(self._table, (name,))
        if column.null_count:
            found[column.is_null().to_numpy(zero_copy_only=False)] = 0
        return found

    def _once(self, kind: str, name: Hashable, make: Callable[[], T]) -> T:
        place = (kind, name)
        found = self._made.get(place)
        if found is None:
            found = self._made[place] = make()
        return found
