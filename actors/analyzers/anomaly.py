"""The anomaly analyzer: each metric sample beside what its own past leads to expect.

Which watches there are is part of the state: ``anomaly.defined`` and ``anomaly.removed`` come on ``control``. A watch that
comes while samples were read already joins with its past, as a metric does (see ``held``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from actors.analyzers.anomaly_watch import AnomalySpec, Detectors, SavedDetector, first_samples, in_order
from actors.analyzers.held import (
    MOST_HELD,
    Hold,
    Joining,
    PastRequest,
    SavedHold,
    dropped,
    new_rows,
    pasts_told,
    requests,
    split,
    taken,
    wanted,
)
from actors.columns import labels
from actors.fold import Batch, Outputs
from actors.packing import unpack
from events.catalog import ANOMALIES, CONTROL, METRICS, PAST_REQUESTS, PASTS
from events.entry import NO_WATERMARK

DEFINED, REMOVED = "anomaly.defined", "anomaly.removed"
_DETECTORS = msgspec.msgpack.Decoder(list[SavedDetector])


class Watch(msgspec.Struct):
    """A watch that holds."""

    spec: AnomalySpec
    version: int
    joining: Joining | None = None


@dataclass
class State:
    watches: dict[str, Watch] = field(default_factory=dict[str, Watch])
    detectors: dict[str, Detectors] = field(default_factory=dict[str, Detectors])
    """By watch, once it has scored something."""
    places: dict[str, int] | None = field(default_factory=dict[str, int])
    """By producer of ``metrics``: the next offset to read. None: of a state of a release that did not keep it."""
    hold: Hold | None = None

    @cached_property
    def by_metric(self) -> dict[str, list[AnomalySpec]]:
        """The watches that score new samples, by the metric that they watch."""
        found: dict[str, list[AnomalySpec]] = {}
        for watch in sorted(self.watches.values(), key=lambda watch: (watch.version, watch.spec.name)):
            if watch.joining is None:
                found.setdefault(watch.spec.metric, []).append(watch.spec)
        return found

    def forget_order(self) -> None:
        """Call this when a watch comes, goes or begins to score."""
        vars(self).pop("by_metric", None)

    @property
    def joining(self) -> list[tuple[Watch, Joining]]:
        """The watches whose past is being folded, by name."""
        return [
            (watch, watch.joining)
            for _, watch in sorted(self.watches.items())
            if watch.joining and not watch.joining.failed
        ]


class SavedState(msgspec.Struct):
    watches: dict[str, Watch]
    detectors: dict[str, list[SavedDetector]]
    places: dict[str, int] | None
    hold: SavedHold | None


class Former(msgspec.Struct):
    """A detector as releases saved it that did not keep what its watch says."""

    watched: str
    definition: str
    width_us: int
    detector: bytes


@dataclass(frozen=True)
class AnomalyAnalyzer:
    """The fold. Only the first revision of a window is scored: what was said of it stays said.

    ``former``: what the watches of a snapshot say that is of a release which did not keep that in the state.
    """

    former: tuple[AnomalySpec, ...] = ()
    most_held: int = MOST_HELD
    name: str = "anomaly"
    version: int = 6
    reads: tuple[str, ...] = (CONTROL.name, PASTS.name, METRICS.name)
    writes: tuple[str, ...] = (ANOMALIES.name, PAST_REQUESTS.name)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        outputs = Outputs()
        match batch.stream:
            case CONTROL.name:
                self._control(state, batch, outputs)
            case PASTS.name:
                self._pasts(state, batch, outputs)
            case _:
                if batch.watermark != NO_WATERMARK:
                    outputs.emit(ANOMALIES.name, watermark=batch.watermark)
                self._samples(state, batch, outputs)
        return state, outputs

    # -- samples -------------------------------------------------------------------------------------------------

    def _samples(self, state: State, batch: Batch, outputs: Outputs) -> None:
        at = batch.header.committed
        if state.places is None:
            state.places = {batch.producer: batch.first}
            _ask(outputs, self._cut_again(state), at)
        if state.hold is not None and state.hold.rows + batch.rows > self.most_held:
            room = self.most_held - state.hold.rows
            if room:
                first, batch = split(batch, room)
                self._samples(state, first, outputs)
            _ask(outputs, self._cut_again(state), at)
            self._samples(state, batch, outputs)
            return
        if batch.rows and (found := self._scored(state, batch.table)):
            outputs.emit(ANOMALIES.name, in_order(found))
        state.places[batch.producer] = batch.header.end if batch.last else batch.first + batch.rows
        if state.hold is not None and batch.rows:
            state.hold.add(batch, NO_WATERMARK)

    def _scored(self, state: State, table: pa.RecordBatch) -> list[tuple[np.ndarray, pa.RecordBatch]]:
        """For each watch: which rows of the table it scored, and its rows of ``anomalies`` about them."""
        codes, metrics, first = first_samples(table)
        found: list[tuple[np.ndarray, pa.RecordBatch]] = []
        watched = [spec for metric in metrics for spec in state.by_metric.get(metric, ())]
        for spec in sorted(watched, key=lambda spec: (state.watches[spec.name].version, spec.name)):
            chosen = np.flatnonzero(first & (codes == metrics.index(spec.metric)))
            if len(chosen):
                found += state.detectors.setdefault(spec.name, Detectors(spec)).scored(table, chosen)
        return found

    # -- definitions ---------------------------------------------------------------------------------------------

    def _control(self, state: State, batch: Batch, outputs: Outputs) -> None:
        codes, names = labels(batch.table, "type")
        ours = np.array([name in (DEFINED, REMOVED) for name in names], np.bool_)
        for place in np.flatnonzero(ours[codes]).tolist():
            row = batch.table.slice(place, 1).select(["type", "subject", "data"]).to_pylist()[0]
            if row["type"] == DEFINED:
                asked = self._define(state, row["subject"], batch.first + place, json.loads(row["data"]))
            else:
                asked = self._drop(state, row["subject"])
            _ask(outputs, asked, batch.header.committed)

    def _define(self, state: State, name: str, version: int, data: dict[str, Any]) -> list[PastRequest]:
        spec = AnomalySpec.of_said(data["spec"])
        held = state.watches.get(name)
        if held is not None and held.spec == spec and not (held.joining and held.joining.failed):
            return []
        asked = self._drop(state, name)
        cut = state.places
        joining = Joining({"spec": data["spec"]}, dict(cut or {})) if cut is None or any(cut.values()) else None
        state.watches[name] = Watch(spec, version, joining)
        state.forget_order()
        if joining is None:
            return asked
        hold = state.hold
        columns = {*spec.columns, *(hold.columns if hold else ())}
        if hold is None or columns != {*hold.columns}:
            state.hold = Hold(METRICS.name, tuple(sorted(columns)))
            return asked + self._cut_again(state)
        return asked if cut is None else [*asked, wanted("anomaly", name, version, joining, METRICS.name)]

    def _drop(self, state: State, name: str) -> list[PastRequest]:
        """Forget a watch, what it learned, and the past that was asked for."""
        gone = state.watches.pop(name, None)
        state.detectors.pop(name, None)
        state.forget_order()
        self._let_go(state)
        if gone is None or gone.joining is None:
            return []
        return [dropped("anomaly", name, gone.version, gone.joining, METRICS.name)]

    def _cut_again(self, state: State) -> list[PastRequest]:
        """Let go of the rows that are held: the backfill is asked for the past of all joining watches up to here."""
        if state.places is None:
            return []  # the next samples say where they are
        if state.hold is not None:
            state.hold.clear()
        asked: list[PastRequest] = []
        for watch, joining in state.joining:
            joining.cut = dict(state.places)
            asked.append(wanted("anomaly", watch.spec.name, watch.version, joining, METRICS.name))
        return asked

    def _let_go(self, state: State) -> None:
        if not state.joining:
            state.hold = None

    # -- the past ------------------------------------------------------------------------------------------------

    def _pasts(self, state: State, batch: Batch, outputs: Outputs) -> None:
        for type_, data, payload in pasts_told(batch, "anomaly"):
            watch = state.watches.get(data["name"])
            if watch is None or watch.joining is None or watch.version != data["version"]:
                continue
            if type_ == "past.part":
                outputs.emit(ANOMALIES.name, new_rows(watch.joining, data, unpack(payload)))
            elif type_ == "past.failed":
                watch.joining.failed = data["error"]
                self._let_go(state)
            elif data["cut"] == watch.joining.cut:
                self._go_live(state, watch, watch.joining, payload, batch.header.committed, outputs)

    def _go_live(self, state: State, watch: Watch, joining: Joining, past: bytes, at: int, outputs: Outputs) -> None:
        """Take over the past of a watch, which is complete: score the rows that were held, and new ones from now on."""
        spec, watch.joining = watch.spec, None
        _ask(outputs, [taken("anomaly", spec.name, watch.version, joining, METRICS.name)], at)
        state.forget_order()
        detectors = state.detectors[spec.name] = Detectors.load(spec, _DETECTORS.decode(past))
        for held in state.hold.above(joining.cut) if state.hold else ():
            codes, metrics, first = first_samples(held.table)
            if spec.metric in metrics:
                chosen = np.flatnonzero(first & (codes == metrics.index(spec.metric)))
                for _, scored in detectors.scored(held.table, chosen):
                    outputs.emit(ANOMALIES.name, scored)
        self._let_go(state)

    # -- snapshots -----------------------------------------------------------------------------------------------

    def dump(self, state: State) -> bytes:
        saved = SavedState(
            dict(sorted(state.watches.items())),
            {name: found.dump() for name, found in sorted(state.detectors.items())},
            state.places if state.places is None else dict(sorted(state.places.items())),
            state.hold.dump() if state.hold else None,
        )
        return msgspec.msgpack.encode(saved, order="deterministic")

    def load(self, data: bytes) -> State:
        """Load a state, also one of a release that did not keep its watches' specs: watches among ``former`` then go on."""
        saved: Any = msgspec.msgpack.decode(data, type=SavedState | list[Former])
        if isinstance(saved, list):
            return self._former(saved)
        hold = Hold.load(METRICS.name, saved.hold) if saved.hold else None
        detectors = {name: Detectors.load(saved.watches[name].spec, found) for name, found in saved.detectors.items()}
        return State(saved.watches, detectors, saved.places, hold)

    def stands(self, state: State, cursor: Mapping[tuple[str, str], int]) -> State:
        """A state of a release that did not keep how far the samples were read has that from the cell's own place."""
        if state.places is None:
            state.places = {producer: offset for (stream, producer), offset in cursor.items() if stream == METRICS.name}
        return state

    def _former(self, saved: Sequence[Former]) -> State:
        specs = {(spec.name, spec.definition): spec for spec in self.former}
        state = State(places=None)
        for one in saved:
            spec = specs.get((one.watched, one.definition))
            if spec is not None:
                state.watches[spec.name] = Watch(spec.now, -1)
                found = state.detectors.get(spec.name)
                kept = [*(found.dump() if found else ()), SavedDetector("", one.width_us, one.detector)]
                state.detectors[spec.name] = Detectors.load(spec.now, kept)
        return state


def _ask(outputs: Outputs, asked: Sequence[PastRequest], at: int) -> None:
    if asked:
        outputs.emit(PAST_REQUESTS.name, requests(asked, at))
