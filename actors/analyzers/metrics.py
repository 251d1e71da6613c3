"""The metrics analyzer: event-time windows over raw streams, per metric and key.

Which metrics there are is part of the state: ``metric.defined`` and ``metric.removed`` come on ``control``, so each holds
from one exact place among the data. A metric that comes while rows of its stream were read already joins with its past (see
``held``). Each keeps one window state for all producers of its stream, by its name and what its spec says: rows are counted
whoever brings them, and a window closes once all of them have passed its end. How far a stream's event time is complete is
kept once for all metrics (see ``producers``). So an entry touches the metrics of the event types in it, and those that have
a window to close.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from actors.analyzers.held import (
    MOST_HELD,
    Hold,
    Joining,
    PastRequest,
    dropped,
    failed,
    new_rows,
    pasts_told,
    requests,
    split,
    taken,
    told_why,
    wanted,
)
from actors.analyzers.metric_past import MetricPast
from actors.analyzers.metric_rows import Closed, Closers, Late, Sampled, late_rows, told
from actors.analyzers.metric_series import BOUND_S, GRACE_US, TELL_SILENCE, Columns, MetricSpec, Series, advance
from actors.analyzers.metric_state import FORMER, Definition, State, dumped, loaded
from actors.analyzers.producers import UNKNOWN, Producers, idle_in
from actors.columns import labels
from actors.fold import NONE, Batch, Outputs
from actors.packing import unpack
from analytics import windows
from analytics.closings import spans
from analytics.keys import OTHER
from events.catalog import (
    BACKSTAGE,
    CLOCK,
    CONTROL,
    IDLE_PRODUCERS,
    LATE_ROWS,
    METRICS,
    PAST_METRICS,
    PAST_REQUESTS,
    PASTS,
    STREAMS,
)
from events.entry import NO_WATERMARK
from events.envelope import is_import

NO_MARKS = np.empty(0, np.int64)
LISTED = ("id", "source", "type", "subject", "time", "received", "partition_key")
"""What is held of every row: a row that is too late is listed by these."""
DEFINED, REMOVED = "metric.defined", "metric.removed"


def _read_of(streams: Iterable[str]) -> tuple[str, ...]:
    """Definitions and pasts, then all that a metric may be about, who idles, the clock last."""
    others = {*streams} - {
        METRICS.name,
        PAST_METRICS.name,
        LATE_ROWS.name,
        *BACKSTAGE,
        CONTROL.name,
        PASTS.name,
        CLOCK.name,
    }
    return (CONTROL.name, PASTS.name, *sorted(others), IDLE_PRODUCERS.name, CLOCK.name)


@dataclass(frozen=True)
class MetricsAnalyzer:
    """The fold. Samples are emitted when a window closes, and again, with the next revision, when late rows change it.

    After the samples, one ``window.closed`` a metric says that these were all: a key without one had no rows. A row that is
    too late for a window of any metric is listed in ``late_rows``.

    ``former``: what the metrics of a snapshot say that is of a release which did not keep that in the state.
    ``expected``: by stream, producers that windows wait for even before their first entry.
    """

    former: tuple[MetricSpec, ...] = ()
    expected: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    most_held: int = MOST_HELD
    name: str = "metrics"
    version: int = 3
    reads: tuple[str, ...] = field(default_factory=lambda: _read_of(STREAMS))
    """With the streams of parts, as far as they have joined when the fold is made."""
    writes: tuple[str, ...] = (METRICS.name, LATE_ROWS.name, PAST_REQUESTS.name)

    def initial(self) -> State:
        return State()

    def wants(self, state: State) -> frozenset[str]:
        """Definitions, their pasts, the streams that a metric is about, who idles; the clock where one tells no silence."""
        ticks = frozenset[str]() if state.about <= TELL_SILENCE else frozenset((CLOCK.name,))
        return state.about | ticks | {CONTROL.name, PASTS.name, IDLE_PRODUCERS.name}

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
        """The least watermark among the streams that metrics are about."""
        found = [
            producers.watermark(max(state.index(stream).bounds))
            for stream, producers in state.producers.items()
            if producers.begun and state.index(stream).live
        ]
        return min(found, default=NO_WATERMARK)

    def _producers(self, state: State, stream: str) -> Producers:
        found = state.producers.get(stream)
        if found is None:
            found = state.producers[stream] = Producers()
            found.expect(self.expected.get(stream, ()))
        return found

    # -- data ----------------------------------------------------------------------------------------------------

    def _data(self, state: State, batch: Batch, outputs: Outputs) -> None:
        if is_import(batch.producer):
            return  # windows of the past are counted from all that the log has of them: see actors.retelling
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
        elif batch.stream == IDLE_PRODUCERS.name:
            found += self._idled(state, batch.table)
        if found:
            outputs.emit(METRICS.name, told(found))
        if late:
            outputs.emit(LATE_ROWS.name, late_rows(batch.stream, batch.producer, batch.first, batch.table, late))

    def _advanced(self, state: State, batch: Batch, outputs: Outputs) -> tuple[list[Sampled | Closed], list[Late]]:
        """Take a batch into the metrics that it concerns; and into the hold, where some wait for their past."""
        index = state.index(batch.stream)
        producers = self._producers(state, batch.stream)
        known = producers.by_name.get(batch.producer)
        said = known.said if known is not None else NO_WATERMARK
        columns = Columns(batch.table)
        time, received = columns.time("time"), columns.time("received")
        end = batch.header.end if batch.last else batch.first + batch.rows
        steps = producers.take(batch.producer, end, batch.watermark, time, received, index.bounds)
        found: list[Sampled | Closed] = []
        late: list[Late] = []
        for spec in self._concerned(state, batch.stream, columns):
            step = steps[spec.bound_us]
            series = state.series_of(spec, step.before)
            for samples in advance(spec, series, columns, step):
                if samples.rows:
                    found.append(Sampled(spec, series.keys, samples, state.defined[spec.name].cause))
                if len(samples.refused):
                    late.append(Late(samples.refused, columns.metrics(spec, samples.refused), step.marks))
            state.schedule(spec)
        for (bound, width), closers in index.groups.items():
            step = steps[bound]
            closed = spans(step.before, step.marks, step.after, width, producers.whole_from(bound, width))
            if len(closed.row):
                found.append(Closed(closers, closed))
        hold = state.held.get(batch.stream)
        if hold is not None:
            by_rows = producers.by_name[batch.producer].reach - index.bound_us
            hold.add(batch, batch.watermark if batch.watermark > max(by_rows, said) else NO_WATERMARK)
        return found, late

    def _concerned(self, state: State, stream: str, columns: Columns) -> Sequence[MetricSpec]:
        """The metrics that the rows are about, and those that have a window to close by now."""
        index = state.index(stream)
        touched = dict.fromkeys(state.due(index, stream))
        if columns.rows:
            touched |= dict.fromkeys(index.every)
            if index.by_type:
                for type_ in columns.types:
                    touched |= dict.fromkeys(index.by_type.get(type_, ()))
        return [index.live[name] for name in sorted(touched, key=index.order.__getitem__)]

    def _ticked(self, state: State, ticks: np.ndarray) -> Iterator[Sampled | Closed]:
        """What the clock closes of streams that tell no silence."""
        mute = sorted(stream for stream in state.producers if stream not in TELL_SILENCE)
        for stream in mute:
            producers, index = state.producers[stream], state.index(stream)
            for row, tick in enumerate(ticks.tolist()):
                before = {bound: producers.watermark(bound) for bound in index.bounds}
                producers.tick(tick - GRACE_US, index.bounds)
                if producers.begun and stream in state.held:
                    state.held[stream].hear(tick - GRACE_US)
                yield from self._passed(state, stream, before, row)

    def _idled(self, state: State, table: pa.RecordBatch) -> Iterator[Sampled | Closed]:
        """What closes because producers that hold others up are known to idle."""
        for said in idle_in(table):
            producers, index = self._producers(state, said.stream), state.index(said.stream)
            before = {bound: producers.watermark(bound) for bound in index.bounds}
            producers.idle(said.producer, said.offset, said.until, index.bounds)
            idle = producers.idle_now()
            if said.stream in state.held and said.producer in idle:
                state.held[said.stream].hear(idle={said.producer: idle[said.producer]})
            yield from self._passed(state, said.stream, before, said.row)

    def _passed(self, state: State, stream: str, before: Mapping[int, int], row: int) -> Iterator[Sampled | Closed]:
        """What closes without a row of its stream, at ``row`` of another one; ``before``: the watermarks by bound."""
        producers, index = state.producers[stream], state.index(stream)
        for metric in sorted(set(state.due(index, stream)), key=index.order.__getitem__):
            spec = index.live[metric]
            series = state.series_of(spec, before[spec.bound_us])
            samples = windows.advance_watermark(series.windows, producers.watermark(spec.bound_us))
            if samples.rows:
                yield Sampled(spec, series.keys, samples, state.defined[spec.name].cause, row)
            state.schedule(spec)
        for (bound, width), closers in index.groups.items():
            first, to = producers.whole_from(bound, width), producers.watermark(bound)
            closed = spans(before[bound], NO_MARKS, to, width, first)
            if len(closed.row):
                yield Closed(closers, closed, row)

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
        if held is not None and held.spec.definition == spec.definition and not (held.joining and held.joining.failed):
            if held.joining is None and held.version != version:
                held.version = version
                state.forget_index(spec.stream)
            return []
        if held is not None and held.version == FORMER:
            return []  # what it said before it came to say what the snapshot's release last heard
        asked = self._drop(state, name) if held is not None else []
        cut = state.places(spec.stream)
        if expected := self.expected.get(spec.stream):
            said = {**said, "expected": list(expected)}  # the past waits for whom the live metrics wait for
        joining = Joining(said, cut) if any(cut.values()) else None
        state.defined[name] = Definition(spec, version, said["cause"], joining)
        state.forget_index(spec.stream)
        if joining is None:
            return asked
        hold = state.held.get(spec.stream)
        columns = {*LISTED, *spec.columns, *(hold.columns if hold else ())}
        if hold is None or columns != {*hold.columns}:
            asked += self._cut_again(state, spec.stream, tuple(sorted(columns)))
        else:
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
        producers = self._producers(state, stream)
        state.held[stream].hear(producers.ticked, producers.idle_now())
        asked: list[PastRequest] = []
        places = state.places(stream)
        for name, defined, joining in state.joining(stream):
            joining.cut = dict(places)
            asked.append(wanted("metric", name, defined.version, joining, stream))
        return asked

    # -- the past ------------------------------------------------------------------------------------------------

    def _pasts(self, state: State, batch: Batch, outputs: Outputs) -> None:
        for type_, data, payload in pasts_told(batch, "metric"):
            defined = state.defined.get(data["name"])
            if defined is None or defined.joining is None or defined.version != data["version"]:
                continue
            if type_ == "past.part":
                outputs.emit(METRICS.name, new_rows(defined.joining, data, unpack(payload)))
            elif type_ == "past.failed":
                defined.joining.failed = data["error"]
                state.forget_hold(defined.spec.stream)
            elif data["cut"] == defined.joining.cut:
                self._go_live(state, defined, payload, batch.header.committed, outputs)

    def _go_live(self, state: State, defined: Definition, saved: bytes, at: int, outputs: Outputs) -> None:
        """The past is whole: fold what was held into it, and hold nothing back any more."""
        joining = defined.joining
        if joining is None:
            return
        spec = defined.spec
        past = MetricPast.load(joining.said, saved)
        told_to = past.watermark
        try:
            joined = [(held, *past.take_held(held)) for held in state.held[spec.stream].above(joining.cut)]
        except MemoryError:
            raise  # says something of this machine, and a replay elsewhere would go on
        except Exception as error:  # noqa: BLE001 - a row that this metric cannot take: it fails, the others count on
            joining.failed = told_why("metric", spec.name, f"rows of {spec.stream} from {joining.cut} on", error)
            state.forget_hold(spec.stream)
            said = failed("metric", spec.name, defined.version, joining, spec.stream)
            outputs.emit(PAST_REQUESTS.name, requests([said], at))
            return
        defined.joining = None
        outputs.emit(
            PAST_REQUESTS.name, requests([taken("metric", spec.name, defined.version, joining, spec.stream)], at)
        )
        state.forget_index(spec.stream)
        self._close(state, spec, windows.NO_WATERMARK, told_to, outputs, past=True)
        for held, found, late in joined:
            for samples in found:
                self._tell(defined, past.series, samples, outputs)
            if late is not None:
                outputs.emit(LATE_ROWS.name, late_rows(spec.stream, held.producer, held.first, held.table, [late]))
        producers = state.producers[spec.stream]
        producers.reach(spec.bound_us, past.watermark)
        to = producers.watermark(spec.bound_us)
        state.series[spec.name, spec.definition] = past.series
        self._tell(defined, past.series, windows.advance_watermark(past.series.windows, to), outputs)
        self._close(state, spec, told_to, to, outputs)
        state.schedule(spec)
        state.forget_hold(spec.stream)

    def _tell(self, defined: Definition, series: Series, samples: windows.Samples, outputs: Outputs) -> None:
        if samples.rows:
            outputs.emit(METRICS.name, told([Sampled(defined.spec, series.keys, samples, defined.cause)]))

    def _close(
        self, state: State, spec: MetricSpec, before: int, to: int, outputs: Outputs, past: bool = False
    ) -> None:
        """Say that windows are closed from a watermark to another."""
        first = state.producers[spec.stream].whole_from(spec.bound_us, spec.width_us)
        closed = spans(before, NO_MARKS, to, spec.width_us, first)
        if len(closed.row):
            outputs.emit(METRICS.name, told([Closed(Closers([spec]), closed)], past))

    def notes(self, state: State) -> list[str]:
        """Which metrics have so many keys that not all of them have a series of their own."""
        return [
            f"metric {name!r} has {series.keys.limit - 1:,} keys, the most that one may have; others are counted together "
            f"as {OTHER!r}: give it another `key`"
            for (name, _), series in sorted(state.series.items())
            if series.keys.full
        ]

    def dump(self, state: State) -> bytes:
        return dumped(state)

    def load(self, data: bytes) -> State:
        """Also a state of a release that did not keep what its metrics say: those of ``former`` go on."""
        return loaded(data, self.former)

    def stands(self, state: State, cursor: Mapping[tuple[str, str], int]) -> State:
        """A state of a release that did not keep how far each producer was read has that from the cell's own place."""
        for stream, producers in state.producers.items():
            if any(producer.end == UNKNOWN for producer in producers.by_name.values()):
                read = {name: offset for (of, name), offset in cursor.items() if of == stream}
                producers.expect(read)
                for name, producer in producers.by_name.items():
                    producer.end = read.get(name, 0)
        return state


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
