"""The metrics analyzer: event-time windows over raw streams, per metric and key.

Which metrics there are is part of the state: ``metric.defined`` and ``metric.removed`` come on ``control``, so each holds
from one exact place among the data. A metric that comes while rows of its stream were read already joins with its past (see
``held``). Each keeps one window state for each producer of its stream, by its name and what its spec says; how far a
producer's event time is complete is kept once for all metrics. So an entry touches the metrics of the event types in it,
and those that have a window to close.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from actors.analyzers.held import (
    MOST_HELD,
    Hold,
    Joining,
    PastRequest,
    dropped,
    new_rows,
    requests,
    split,
    taken,
    unpacked,
    wanted,
)
from actors.analyzers.metric_rows import Late, closings, in_order, late_rows, sampled
from actors.analyzers.metric_series import BOUND_S, Columns, MetricSpec, SavedSeries, Series, advance
from actors.analyzers.metric_state import FORMER, UNKNOWN, Definition, Index, Producer, State, dumped, loaded
from actors.columns import labels
from actors.fold import NONE, Batch, Outputs
from analytics import windows
from analytics.closings import spans
from events.catalog import (
    BACKSTAGE,
    CLOCK,
    CONTROL,
    LATE_ROWS,
    METRICS,
    PAST_REQUESTS,
    PASTS,
    STREAMS,
    SYSTEM_METRICS,
    USER_INTERACTIONS,
)
from events.entry import NO_WATERMARK

TELL_SILENCE = frozenset((USER_INTERACTIONS.name, SYSTEM_METRICS.name, CONTROL.name, CLOCK.name))
"""Streams whose watermarks go on while nothing comes. Windows over others are closed by the clock, too."""
GRACE_US = 60_000_000
"""How far behind the clock, besides the bound, these close: cells take their inputs in any order."""
NO_MARKS = np.empty(0, np.int64)
COUNTED = tuple(name for name in STREAMS if name not in (METRICS.name, LATE_ROWS.name, *BACKSTAGE))
"""Streams that a metric may be about."""
LISTED = ("id", "source", "type", "subject", "time", "received", "partition_key")
"""What is held of every row: a row that is too late is listed by these."""
DEFINED, REMOVED = "metric.defined", "metric.removed"

_PASTS = msgspec.msgpack.Decoder(dict[str, SavedSeries])
Found = list[tuple[np.ndarray, pa.RecordBatch]]
"""(rows of the batch at which they come, rows of ``metrics``)."""


@dataclass(frozen=True)
class MetricsAnalyzer:
    """The fold. Samples are emitted when a window closes, and again, with the next revision, when late rows change it.

    After the samples, one ``window.closed`` a metric says that these were all: a key without one had no rows. A row that is
    too late for a window of any metric is listed in ``late_rows``.

    ``former``: what the metrics of a snapshot say that is of a release which did not keep that in the state.
    """

    former: tuple[MetricSpec, ...] = ()
    most_held: int = MOST_HELD
    name: str = "metrics"
    version: int = 3
    reads: tuple[str, ...] = (CONTROL.name, PASTS.name, *sorted({*COUNTED} - {CONTROL.name, CLOCK.name}), CLOCK.name)
    writes: tuple[str, ...] = (METRICS.name, LATE_ROWS.name, PAST_REQUESTS.name)

    def initial(self) -> State:
        return State()

    def wants(self, state: State) -> frozenset[str]:
        """Definitions, their pasts, the streams that a metric is about; the clock where one of these tells no silence."""
        ticks = frozenset[str]() if state.about <= TELL_SILENCE else frozenset((CLOCK.name,))
        return state.about | ticks | {CONTROL.name, PASTS.name}

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        outputs = Outputs()
        if batch.stream == PASTS.name:
            self._pasts(state, batch, outputs)
        elif batch.stream == CONTROL.name:
            for part, command in _commands(batch):
                self._data(state, part, outputs)
                if command is not None:
                    self._command(state, part, *command, outputs)
        else:
            self._data(state, batch, outputs)
        if batch.last and (watermark := self._complete(state)) > windows.NO_WATERMARK:
            outputs.emit(METRICS.name, watermark=watermark)
        return state, outputs if outputs else NONE

    def _complete(self, state: State) -> int:
        """The least watermark among the producers that metrics are about."""
        found = [
            producer.watermark(state.index(stream).bound_us)
            for (stream, _), producer in state.producers.items()
            if state.index(stream).live
        ]
        return min(found, default=NO_WATERMARK)

    # -- data ----------------------------------------------------------------------------------------------------

    def _data(self, state: State, batch: Batch, outputs: Outputs) -> None:
        hold = state.held.get(batch.stream)
        if hold is not None and hold.rows + batch.rows > self.most_held:
            room = self.most_held - hold.rows
            if room:
                first, batch = split(batch, room)
                self._data(state, first, outputs)
            asked = self._cut_again(state, batch.stream)
            outputs.emit(PAST_REQUESTS.name, requests(asked, batch.header.committed))
            self._data(state, batch, outputs)
            return
        found, late = self._advanced(state, batch, outputs)
        if batch.stream == CLOCK.name:
            found += self._ticked(state, Columns(batch.table).time("time"))
        if found:
            outputs.emit(METRICS.name, in_order(found))
        if late:
            outputs.emit(LATE_ROWS.name, late_rows(batch.stream, batch.producer, batch.first, batch.table, late))

    def _advanced(self, state: State, batch: Batch, outputs: Outputs) -> tuple[Found, list[Late]]:
        """Take a batch into the metrics that it concerns; and into the hold, where some wait for their past."""
        index = state.index(batch.stream)
        producer = state.producers.setdefault((batch.stream, batch.producer), Producer())
        if producer.end == UNKNOWN:
            producer.end = batch.first
            asked = self._cut_again(state, batch.stream) if batch.stream in state.held else []
            if asked:
                outputs.emit(PAST_REQUESTS.name, requests(asked, batch.header.committed))
        before = {bound: producer.watermark(bound) for bound in index.bounds}
        said = producer.said
        columns = Columns(batch.table)
        producer.take(columns, batch)
        found: Found = []
        late: list[Late] = []
        for spec in self._concerned(state, index, columns, batch):
            series = state.series_of(spec, batch.producer, before[spec.bound_us])
            for samples in advance(spec, series, columns, batch.watermark):
                if samples.rows:
                    found.append(
                        (
                            samples.row,
                            sampled(spec, series.keys, samples, batch.producer, state.defined[spec.name].cause),
                        )
                    )
                if len(samples.refused):
                    marks = columns.marks(before[spec.bound_us], spec.bound_us)
                    late.append(Late(samples.refused, columns.metrics(spec, samples.refused), marks))
            state.schedule(spec, batch.producer)
        for (bound, width), specs in index.groups.items():
            marks = columns.marks(before[bound], bound)
            closed = spans(before[bound], marks, batch.watermark, width, producer.whole_from(bound, width))
            if len(closed.row):
                found.append(closings(specs, closed, batch.producer))
        hold = state.held.get(batch.stream)
        if hold is not None:
            says_more = batch.watermark > max(producer.reach - index.bound_us, said)
            hold.add(batch, batch.watermark if says_more else NO_WATERMARK)
        return found, late

    def _concerned(self, state: State, index: Index, columns: Columns, batch: Batch) -> Sequence[MetricSpec]:
        """The metrics that the rows are about, and those that have a window to close by now."""
        touched = dict.fromkeys(state.due(index, batch.stream, batch.producer))
        if columns.rows:
            touched |= dict.fromkeys(index.every)
            if index.by_type:
                for type_ in columns.types:
                    touched |= dict.fromkeys(index.by_type.get(type_, ()))
        return [index.live[name] for name in sorted(touched, key=index.order.__getitem__)]

    def _ticked(self, state: State, ticks: np.ndarray) -> Iterator[tuple[np.ndarray, pa.RecordBatch]]:
        """What the clock closes of streams that tell no silence."""
        for (stream, name), producer in sorted(state.producers.items()):
            if stream in TELL_SILENCE:
                continue
            index = state.index(stream)
            for row, tick in enumerate(ticks.tolist()):
                before = {bound: producer.watermark(bound) for bound in index.bounds}
                producer.tick(tick - GRACE_US)
                for metric in sorted(set(state.due(index, stream, name)), key=index.order.__getitem__):
                    spec = index.live[metric]
                    series = state.series_of(spec, name, NO_WATERMARK)
                    samples = windows.advance_watermark(series.windows, producer.watermark(spec.bound_us))
                    if samples.rows:
                        yield (
                            np.full(samples.rows, row),
                            sampled(spec, series.keys, samples, name, state.defined[spec.name].cause),
                        )
                    state.schedule(spec, name)
                for (bound, width), specs in index.groups.items():
                    first, to = producer.whole_from(bound, width), producer.watermark(bound)
                    closed = spans(before[bound], NO_MARKS, to, width, first)
                    if len(closed.row):
                        _, told = closings(specs, closed, name)
                        yield np.full(told.num_rows, row), told

    # -- definitions ---------------------------------------------------------------------------------------------

    def _command(
        self, state: State, batch: Batch, type_: str, name: str, data: dict[str, Any], outputs: Outputs
    ) -> None:
        """``batch`` ends with the command."""
        asked: list[PastRequest] = []
        if type_ == DEFINED:
            version = batch.first + batch.rows - 1
            said = {key: data[key] for key in ("spec", "bound_s") if key in data}
            asked = self._define(state, name, version, {**said, "cause": f"{batch.producer}:{version}"})
        elif name in state.defined:
            asked = self._drop(state, name)
        if asked:
            outputs.emit(PAST_REQUESTS.name, requests(asked, batch.header.committed))

    def _define(self, state: State, name: str, version: int, said: dict[str, Any]) -> list[PastRequest]:
        spec = MetricSpec.of(said["spec"], said.get("bound_s", BOUND_S))
        held = state.defined.get(name)
        if held is not None and held.spec.definition == spec.definition:
            if held.joining is None and held.version != version:
                held.version = version
                state.forget_index(spec.stream)
            return []
        if held is not None and held.version == FORMER:
            return []  # what it said before it came to say what the snapshot's release last heard
        asked = self._drop(state, name) if held is not None else []
        cut = state.places(spec.stream)
        joining = Joining(said, cut) if any(cut.values()) else None
        state.defined[name] = Definition(spec, version, said["cause"], joining)
        state.forget_index(spec.stream)
        if joining is None:
            return asked
        hold = state.held.get(spec.stream)
        columns = {*LISTED, *spec.columns, *(hold.columns if hold else ())}
        if hold is None or columns != {*hold.columns}:
            asked += self._cut_again(state, spec.stream, tuple(sorted(columns)))
        elif UNKNOWN not in cut.values():
            asked.append(wanted("metric", name, version, joining, spec.stream))
        return asked

    def _drop(self, state: State, name: str) -> list[PastRequest]:
        """Forget a metric: its windows, and the past that was asked for."""
        gone = state.defined.pop(name)
        state.forget_series(gone.spec)
        state.forget_index(gone.spec.stream)
        state.forget_hold(gone.spec.stream)
        if gone.joining is None:
            return []
        return [dropped("metric", name, gone.version, gone.joining, gone.spec.stream)]

    def _cut_again(self, state: State, stream: str, columns: tuple[str, ...] = ()) -> list[PastRequest]:
        """All that join go on from here: what was held is left to the backfill."""
        hold = state.held.get(stream)
        if hold is None or columns:
            state.held[stream] = Hold(stream, columns)
        else:
            hold.clear()
        asked: list[PastRequest] = []
        places = state.places(stream)
        for name, defined, joining in state.joining(stream):
            joining.cut = dict(places)
            if UNKNOWN not in places.values():  # else it is asked for once the next rows say where they are
                asked.append(wanted("metric", name, defined.version, joining, stream))
        return asked

    # -- the past ------------------------------------------------------------------------------------------------

    def _pasts(self, state: State, batch: Batch, outputs: Outputs) -> None:
        for row in batch.table.select(["type", "data", "payload"]).to_pylist():
            if row["type"] not in ("past.part", "past.folded"):
                continue
            data = json.loads(row["data"])
            defined = state.defined.get(data["name"]) if data["kind"] == "metric" else None
            if defined is None or defined.joining is None or defined.version != data["version"]:
                continue
            if row["type"] == "past.part":
                outputs.emit(METRICS.name, new_rows(defined.joining, data, unpacked(row["payload"])))
            elif data["cut"] == defined.joining.cut:
                self._go_live(state, defined, _PASTS.decode(row["payload"]), batch.header.committed, outputs)

    def _go_live(
        self, state: State, defined: Definition, pasts: dict[str, SavedSeries], at: int, outputs: Outputs
    ) -> None:
        """The past is whole: fold what was held into it, and hold nothing back any more."""
        joining = defined.joining
        if joining is None:
            return
        spec, cut, defined.joining = defined.spec, joining.cut, None
        told = requests([taken("metric", spec.name, defined.version, joining, spec.stream)], at)
        outputs.emit(PAST_REQUESTS.name, told)
        state.forget_index(spec.stream)
        for producer, saved in sorted(pasts.items()):
            series = state.series[spec.name, spec.definition, producer] = Series.load(spec, saved)
            self._close(state, spec, producer, NO_WATERMARK, series.windows.watermark, outputs, past=True)
        for held in state.held[spec.stream].above(cut):
            columns = Columns(held.table)
            series = state.series_of(spec, held.producer, NO_WATERMARK)
            before = series.windows.watermark
            for samples in advance(spec, series, columns, held.watermark):
                self._tell(defined, series, samples, held.producer, outputs)
                if len(samples.refused):
                    marks = columns.marks(before, spec.bound_us)
                    late = [Late(samples.refused, columns.metrics(spec, samples.refused), marks)]
                    outputs.emit(LATE_ROWS.name, late_rows(spec.stream, held.producer, held.first, held.table, late))
        for (stream, name), producer in sorted(state.producers.items()):
            if stream == spec.stream:
                closed_to = pasts[name].watermark if name in pasts else NO_WATERMARK
                to = producer.watermark(spec.bound_us)
                series = state.series.get((spec.name, spec.definition, name))
                if series is not None:
                    self._tell(defined, series, windows.advance_watermark(series.windows, to), name, outputs)
                self._close(state, spec, name, closed_to, to, outputs)
                state.schedule(spec, name)
        state.forget_hold(spec.stream)

    def _tell(
        self, defined: Definition, series: Series, samples: windows.Samples, producer: str, outputs: Outputs
    ) -> None:
        if samples.rows:
            told = sampled(defined.spec, series.keys, samples, producer, defined.cause)
            outputs.emit(METRICS.name, told)

    def _close(
        self, state: State, spec: MetricSpec, name: str, before: int, to: int, outputs: Outputs, past: bool = False
    ) -> None:
        """Say that a producer's windows are closed from a watermark to another."""
        producer = state.producers[spec.stream, name]
        first = producer.whole_from(spec.bound_us, spec.width_us)
        closed = spans(before, NO_MARKS, to, spec.width_us, first)
        if len(closed.row):
            outputs.emit(METRICS.name, closings([spec], closed, name, past)[1])

    def dump(self, state: State) -> bytes:
        return dumped(state)

    def load(self, data: bytes) -> State:
        """Also a state of a release that did not keep what its metrics say: those of ``former`` go on."""
        return loaded(data, self.former)


def _commands(batch: Batch) -> Iterator[tuple[Batch, tuple[str, str, dict[str, Any]] | None]]:
    """The batch in parts, each of which ends with a command about a metric; that is given beside."""
    codes, names = labels(batch.table, "type")
    ours = np.array([name in (DEFINED, REMOVED) for name in names], np.bool_)
    rest = batch
    for place in np.flatnonzero(ours[codes]).tolist():
        part, rest = split(rest, batch.first + place + 1 - rest.first)
        if not rest.rows:
            part = Batch(part.header, part.first, part.table, batch.last)
        row = batch.table.slice(place, 1).select(["type", "subject", "data"]).to_pylist()[0]
        yield part, (row["type"], row["subject"], json.loads(row["data"]))
    if rest.rows or not batch.rows:
        yield rest, None
