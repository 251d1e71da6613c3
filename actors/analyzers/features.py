"""The feature fold: what is kept of each subject, so that its features can be told at any moment from now on.

`control` says which features there are. A row counts from its commit on, however late it is: what is told is what is known.
A feature that comes later gets its past from the cell ``backfill``; until then its features are worked out from the log.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np

from actors.analyzers.feature_past import events_of_part
from actors.analyzers.feature_state import Kept, Saved, Slot, State
from actors.analyzers.held import Joining, PastRequest, dropped, new_rows, pasts_told, requests, taken, wanted
from actors.fold import NONE, Batch, Outputs
from actors.packing import unpack
from analytics.features import live
from analytics.features.kernel import needed
from analytics.features.plan import Events
from analytics.features.reading import Reader
from analytics.features.records import OFFSETS, Rows
from events.catalog import BACKSTAGE, CLOCK, CONTROL, PAST_REQUESTS, PASTS, STREAMS

DEFINED, REMOVED = "feature.defined", "feature.removed"
FEATURE = "feature"
_ENCODER = msgspec.msgpack.Encoder(order="deterministic")


class Told(NamedTuple):
    """Features of subjects at a moment. ``columns``: a list a feature, in the order of the subjects; None where null.

    ``gone``: subjects of whom not all is kept; ``lacking``: features whose past is not there yet. Both are worked out from
    the log by whoever asks. ``heard``: when the newest row was received that was folded, us UTC (0: none yet).
    """

    columns: dict[str, list[Any]]
    gone: list[str]
    lacking: list[str]
    heard: int


def _read_of(streams: Iterable[str]) -> tuple[str, ...]:
    others = {*streams} - {*BACKSTAGE, CONTROL.name, PASTS.name, CLOCK.name}
    return (CONTROL.name, PASTS.name, *sorted(others))


@dataclass(frozen=True)
class FeatureKeeper:
    """The fold. Per group of subjects (a stream and a key) at most ``most_bytes``, about, and ``most_events`` a subject."""

    most_events: int = live.MOST_EVENTS
    most_bytes: int = live.MOST_BYTES
    room_every: int = live.ROOM_EVERY
    name: str = "features"
    version: int = 1
    reads: tuple[str, ...] = field(default_factory=lambda: _read_of(STREAMS))
    """With the streams of parts, as far as they have joined when the fold is made."""
    writes: tuple[str, ...] = (PAST_REQUESTS.name,)

    @property
    def _bounds(self) -> Mapping[str, int]:
        return {"most_events": self.most_events, "most_bytes": self.most_bytes, "room_every": self.room_every}

    def initial(self) -> State:
        return State(Saved(), self._bounds)

    def wants(self, state: State) -> frozenset[str]:
        """Only definitions until there is a feature of events; then their streams, from their beginning."""
        return frozenset((CONTROL.name, PASTS.name)) | state.streams if state.streams else frozenset((CONTROL.name,))

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        if batch.stream not in (CONTROL.name, PASTS.name):
            self._take(state, batch)
            return state, NONE
        with state.turning():
            asked = self._commands(state, batch) if batch.stream == CONTROL.name else self._pasts(state, batch)
        if not asked:
            return state, NONE
        outputs = Outputs()
        outputs.emit(PAST_REQUESTS.name, requests(asked, batch.header.committed))
        return state, outputs

    # -- rows ----------------------------------------------------------------------------------------------------

    def _take(self, state: State, batch: Batch) -> None:
        places = state.saved.places.setdefault(batch.stream, {})
        places[batch.producer] = batch.header.end if batch.last else batch.first + batch.rows
        ours = [n for n, kept in enumerate(state.saved.kept) if kept.stream == batch.stream]
        if not batch.rows or not ours:
            return
        reader = Reader(batch.table)
        place = state.producer(batch.producer) * OFFSETS + batch.first + np.arange(batch.rows, dtype=np.int64)
        time, heard = reader.times("time"), reader.times("received")
        for n in ours:
            kept = state.saved.kept[n]
            names, subject = reader.subjects(kept.key)
            hits = {i: reader.hits(slot.kind) for i, slot in enumerate(kept.slots) if slot is not None}
            state.live(n).take(Rows(names, subject, time, place, heard, hits))

    # -- definitions ---------------------------------------------------------------------------------------------

    def _commands(self, state: State, batch: Batch) -> list[PastRequest]:
        asked: list[PastRequest] = []
        for row, said in enumerate(batch.table.select(["type", "subject", "data"]).to_pylist()):
            if said["type"] == DEFINED:
                state.saved.specs[said["subject"]] = json.loads(said["data"])["spec"]
            elif said["type"] != REMOVED or state.saved.specs.pop(said["subject"], None) is None:
                continue
            state.changed()
            asked += self._arrange(state, said["subject"], batch.first + row)
        return asked

    def _arrange(self, state: State, name: str, version: int) -> list[PastRequest]:
        """Slots for the kinds of events that the features need, and no others."""
        spans = state.plan.spans
        asked: list[PastRequest] = []
        for n, i, slot in list(state.slots()):
            span = spans.get(slot.kind, 0)
            if slot.kind not in spans or (slot.span is not None and (span is None or span > slot.span)):
                state.live(n).forget({i})
                state.saved.kept[n].slots[i] = None
                if slot.joining is not None:
                    asked.append(dropped(FEATURE, slot.name, slot.version, slot.joining, slot.kind.stream))
            else:
                slot.span = span
        there = {slot.kind for *_, slot in state.slots()}
        for kind, span in spans.items():
            if kind not in there:
                asked += self._add(state, kind, span, name, version)
        state.changed()
        return asked

    def _add(self, state: State, kind: Events, span: int | None, name: str, version: int) -> list[PastRequest]:
        kept = next((one for one in state.saved.kept if (one.stream, one.key) == (kind.stream, kind.key)), None)
        if kept is None:
            kept = Kept(kind.stream, kind.key)
            state.saved.kept.append(kept)
        free = next((i for i, slot in enumerate(kept.slots) if slot is None), len(kept.slots))
        cut = {producer: end for producer, end in state.saved.places.get(kind.stream, {}).items() if end}
        if any(slot.joining is not None and slot.name == name for *_, slot in state.slots()):
            name = (
                f"{name}@{version}.{free}"  # the past that this feature wanted before goes on, for another one needs it
            )
        slot = Slot(kind, span, name, version)
        kept.slots[free : free + 1] = [slot]
        if not cut:
            return []
        slot.joining = Joining({"events": msgspec.to_builtins(kind)}, cut)
        return [wanted(FEATURE, slot.name, version, slot.joining, kind.stream)]

    # -- the past ------------------------------------------------------------------------------------------------

    def _pasts(self, state: State, batch: Batch) -> list[PastRequest]:
        asked: list[PastRequest] = []
        waiting = {(slot.name, slot.version): (n, i, slot) for n, i, slot in state.slots() if slot.joining is not None}
        for type_, data, payload in pasts_told(batch, FEATURE):
            n, i, slot = waiting.get((data["name"], data["version"]), (0, 0, None))
            if slot is None or slot.joining is None:
                continue
            if type_ == "past.part":
                rows = new_rows(slot.joining, data, unpack(payload))
                for subject, events in events_of_part(rows, state.producer):
                    state.live(n).join(subject, i, events)
            elif type_ == "past.failed":
                slot.joining.failed = data["error"]
            elif data["cut"] == slot.joining.cut:
                asked.append(taken(FEATURE, slot.name, slot.version, slot.joining, slot.kind.stream))
                slot.joining = None
        return asked

    # -- asking --------------------------------------------------------------------------------------------------

    def tell(self, state: State, subjects: Sequence[str], at: int, names: Sequence[str] | None = None) -> Told:
        """The features of ``subjects`` at a moment (us UTC) that is not before what was folded. ``names``: only these.

        Looks, and changes nothing. Raises ``KeyError`` for a name that is no feature's.
        """
        plan = state.plan if names is None else needed(state.plan, names)
        lives = [state.live(n) for n in range(len(state.saved.kept))]
        columns = live.told(plan, lives, subjects, at, state.rank)
        joining = {slot.kind for *_, slot in state.slots() if slot.joining is not None}
        lacking = {spec.name for spec in plan.specs if spec.events in joining}
        for spec in plan.order:
            if lacking.intersection(spec.needs):
                lacking.add(spec.name)
        return Told(
            {name: _plain(column) for name, column in columns.items()},
            [subject for subject in subjects if not all(one.knows(subject) for one in lives)],
            [spec.name for spec in plan.specs if spec.name in lacking],
            max((kept.group.heard for kept in state.saved.kept if kept.group.rows), default=0),
        )

    def notes(self, state: State) -> list[str]:
        """What is kept, and what is not any more."""
        kept = [one.group for one in state.saved.kept]
        subjects, dropped = sum(len(group.packed) for group in kept), sum(len(group.dropped) for group in kept)
        if not dropped:
            return []
        size = sum(group.size for group in kept) / 1e6
        return [
            f"{subjects:,} subjects are kept in {size:.0f} MB; features of {dropped:,} others are worked out from the log"
        ]

    # -- snapshots -----------------------------------------------------------------------------------------------

    def dump(self, state: State) -> bytes:
        return _ENCODER.encode(state.saved)

    def load(self, data: bytes) -> State:
        return State(msgspec.msgpack.decode(data, type=Saved), self._bounds)


def _plain(column: Any) -> list[Any]:
    found = column.tolist() if isinstance(column, np.ndarray) else column
    return [None if isinstance(value, float) and value != value else value for value in found]
