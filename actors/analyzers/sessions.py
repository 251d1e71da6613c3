"""Sessions: what a device does without a longer pause, by event time, with what brought its visitor.

``control`` says which sessions there are. One ends once its stream is complete beyond its last event and the gap; it is told
again, with the next revision, when late rows change it, and withdrawn where one of them joins it to another. So what holds
in the end depends on the rows alone, not on their order, and not on how many producers bring them (``producers``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from actors.analyzers.metric_rows import Late, late_rows
from actors.analyzers.metric_series import BOUND_S, GRACE_US, TELL_SILENCE
from actors.analyzers.producers import Producers, idle_in
from actors.analyzers.session_hits import hits_of
from actors.analyzers.session_state import Told, Visits
from actors.columns import times
from actors.fold import NONE, Batch, Outputs
from events.catalog import CLOCK, CONTROL, IDLE_PRODUCERS, LATE_ROWS, SESSIONS, USER_INTERACTIONS, rows
from events.collected import WEBSITE_ANALYTICS
from events.entry import NO_WATERMARK
from events.envelope import is_import

SECOND = 1_000_000
DEFINED, REMOVED = "session.defined", "session.removed"
_NOWHERE = ("direct", "", "", "", "", "", "")


class State(msgspec.Struct):
    visits: dict[str, Visits] = {}
    """By name of the definition, in the order in which they came."""
    producers: dict[str, Producers] = {}
    """By stream."""


class Said(NamedTuple):
    """One row of ``sessions`` as it is to be told, at a row of the batch."""

    row: int
    columns: dict[str, Any]


@dataclass(frozen=True)
class SessionAnalyzer:
    """The fold. ``expected``: by stream, producers that are waited for even before their first entry."""

    expected: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    name: str = "sessions"
    version: int = 1
    reads: tuple[str, ...] = (
        CONTROL.name, USER_INTERACTIONS.name, WEBSITE_ANALYTICS.name, IDLE_PRODUCERS.name, CLOCK.name
    )  # fmt: skip
    writes: tuple[str, ...] = (SESSIONS.name, LATE_ROWS.name)

    def initial(self) -> State:
        return State()

    def wants(self, state: State) -> frozenset[str]:
        """Only definitions until there is one; then its stream, who idles, and the clock where silence is not told."""
        about = {visits.stream for visits in state.visits.values()}
        if not about:
            return frozenset((CONTROL.name,))
        ticks = set[str]() if about <= TELL_SILENCE else {CLOCK.name}
        return frozenset({CONTROL.name, IDLE_PRODUCERS.name, *about, *ticks})

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        outputs = Outputs()
        if batch.stream == CONTROL.name:
            said = [one for row in _commands(batch) for one in self._command(state, *row)]
        elif batch.stream == IDLE_PRODUCERS.name:
            said = [one for idle in idle_in(batch.table) for one in self._idle(state, idle)]
        elif batch.stream == CLOCK.name:
            said = list(self._ticked(state, times(batch.table, "time")))
        else:
            said = self._take(state, batch, outputs)
        if said:
            outputs.emit(SESSIONS.name, _rows(said))
        if batch.last and batch.stream != CONTROL.name and (watermark := _complete(state)) > NO_WATERMARK:
            outputs.emit(SESSIONS.name, watermark=watermark)
        return state, outputs if outputs else NONE

    def _producers(self, state: State, stream: str) -> Producers:
        found = state.producers.get(stream)
        if found is None:
            found = state.producers[stream] = Producers()
            found.expect(self.expected.get(stream, ()))
        return found

    def _take(self, state: State, batch: Batch, outputs: Outputs) -> list[Said]:
        if is_import(batch.producer):
            return []  # rows of the past, in any order: the stream's watermark says nothing of them
        ours = _about(state, batch.stream)
        bounds = sorted({visits.bound for _, visits in ours})
        time, received = times(batch.table, "time"), times(batch.table, "received")
        end = batch.header.end if batch.last else batch.first + batch.rows
        steps = self._producers(state, batch.stream).take(batch.producer, end, batch.watermark, time, received, bounds)
        hits = hits_of(batch) if batch.rows and ours else None
        said: list[Said] = []
        late: list[Late] = []
        for name, visits in ours:
            step = steps[visits.bound]
            watermark, refused = step.before, list[int]()
            for row, after in enumerate(step.marks.tolist()):
                assert hits is not None
                hit = hits(row, visits)
                if hit is not None:
                    told = visits.take(hit, watermark)
                    if told is None:
                        refused.append(row)
                    else:
                        said += [Said(row, _row(name, visits, one)) for one in told]
                watermark = after
                if visits.queue and visits.queue[0][0] < watermark:
                    said += [Said(row, _row(name, visits, one)) for one in visits.pass_to(watermark)]
            said += [Said(batch.rows, _row(name, visits, one)) for one in visits.pass_to(step.after)]
            if refused:
                before = np.append(step.before, step.marks[:-1])
                late.append(Late(np.array(refused), [f"session {name}"] * len(refused), before))
        if late:
            outputs.emit(LATE_ROWS.name, late_rows(batch.stream, batch.producer, batch.first, batch.table, late))
        return sorted(said, key=_by_row)

    def _ticked(self, state: State, ticks: np.ndarray) -> Iterator[Said]:
        """What the clock closes of streams that tell no silence."""
        for row, tick in enumerate(ticks.tolist()):
            for stream in sorted({visits.stream for visits in state.visits.values()} - TELL_SILENCE):
                bounds = {visits.bound for _, visits in _about(state, stream)}
                self._producers(state, stream).tick(tick - GRACE_US, bounds)
                yield from self._passed(state, stream, row)

    def _idle(self, state: State, idle: Any) -> Iterator[Said]:
        ours = _about(state, idle.stream)
        if ours:
            bounds = {visits.bound for _, visits in ours}
            self._producers(state, idle.stream).idle(idle.producer, idle.offset, idle.until, bounds)
            yield from self._passed(state, idle.stream, idle.row)

    def _passed(self, state: State, stream: str, row: int) -> Iterator[Said]:
        producers = state.producers[stream]
        for name, visits in _about(state, stream):
            for one in visits.pass_to(producers.watermark(visits.bound)):
                yield Said(row, _row(name, visits, one))

    def _command(
        self, state: State, row: int, type_: str, name: str, data: Mapping[str, Any], at: str
    ) -> Iterator[Said]:
        known = state.visits.get(name)
        fresh = _visits(data["spec"], data.get("bound_s", BOUND_S), at) if type_ == DEFINED else None
        if known is not None and fresh is not None and _same(known, fresh):
            return
        if known is not None:
            del state.visits[name]
            for one in known.close():
                yield Said(row, _row(name, known, one))
        if fresh is not None:
            state.visits[name] = fresh

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(state)  # its dictionaries are in the order of the rows that filled them

    def load(self, data: bytes) -> State:
        return msgspec.msgpack.decode(data, type=State)


def _about(state: State, stream: str) -> list[tuple[str, Visits]]:
    return [(name, visits) for name, visits in state.visits.items() if visits.stream == stream]


def _visits(spec: Mapping[str, Any], bound_s: float, at: str) -> Visits:
    gap, lateness, bound = (int(seconds * SECOND) for seconds in (spec["gap_s"], spec["lateness_s"], bound_s))
    return Visits(spec["stream"], gap, lateness, bound, sorted(spec["conversions"]), tuple(spec["own_hosts"]), at)


def _same(a: Visits, b: Visits) -> bool:
    of = ("stream", "gap", "lateness", "bound", "conversions", "own_hosts")
    return all(getattr(a, name) == getattr(b, name) for name in of)


def _complete(state: State) -> int:
    """No session that ended before this is still to be told, or told again."""
    found = [
        state.producers[visits.stream].watermark(visits.bound) - max(visits.gap, visits.lateness)
        for visits in state.visits.values()
        if visits.stream in state.producers and state.producers[visits.stream].begun
    ]
    return min(found, default=NO_WATERMARK)


def _commands(batch: Batch) -> Iterator[tuple[int, str, str, dict[str, Any], str]]:
    for row, said in enumerate(batch.table.select(["type", "subject", "data"]).to_pylist()):
        if said["type"] in (DEFINED, REMOVED):
            yield row, said["type"], said["subject"], json.loads(said["data"]), f"{batch.producer}:{batch.first + row}"


def _by_row(said: Said) -> int:
    return said.row


def _row(name: str, visits: Visits, told: Told) -> dict[str, Any]:
    """The columns of one row. They are taken down at once: the session goes on."""
    session = told.session
    channel, origin, medium, campaign, content, term, referrer = session.touch[1] if session.touch else _NOWHERE
    state = "withdrawn" if told.withdrawn else "revised" if session.revision else "ended"
    return {
        "id": session.id,
        "type": f"session.{state}",
        "subject": session.who[1] if session.who else told.device,
        "time": session.end,
        "cause": visits.version,
        "session": name,
        "device": told.device,
        "start": session.start,
        "duration_us": session.end - session.start,
        "events": session.events,
        "pages": session.pages,
        "conversions": session.conversions,
        "entry": session.entry[1] if session.entry else None,
        "exit": session.exit[1] if session.exit else None,
        "channel": channel,
        "origin": origin or None,
        "medium": medium or None,
        "campaign": campaign or None,
        "content": content or None,
        "term": term or None,
        "referrer": referrer or None,
        "revision": session.revision,
    }


def _rows(said: Sequence[Said]) -> pa.RecordBatch:
    return rows(SESSIONS, {name: [one.columns[name] for one in said] for name in said[0].columns}, len(said))
