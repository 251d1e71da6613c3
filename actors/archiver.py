"""The archiver's fold: how far each producer's stream is archived.

Its memory is its own record, the stream ``segments``. A crash between writing a segment and recording it loses nothing: the
archive itself says what it has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from actors.fold import NONE, Batch, Outputs
from events.archive.segments import ARCHIVER, DROPPED, Segment, heard, told
from events.catalog import SEGMENTS


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept of a stream; None: all."""

    age_s: float | None = None
    """No older than this, by the time of receipt."""
    bytes: int | None = None
    """Of files in the archive."""


@dataclass(frozen=True, slots=True)
class ArchiveBounds:
    """When a stream is archived, and when the log forgets it."""

    segment_rows: int
    """Offsets in each segment."""
    every_s: float = 5.0
    """How often the archiver looks."""
    trim: bool = False
    """Whether the log forgets what is archived."""
    hot_s: float = 86_400.0
    """How long the log has what it may forget."""
    retention: Mapping[str, Retention] = field(default_factory=dict[str, Retention])
    """By stream; it needs ``trim``."""
    store: bool = False
    """Whether the archive has an object store, which is to have every file."""


class State(msgspec.Struct):
    ends: dict[str, int] = {}
    """Up to which offset each source, named ``stream producer``, is archived."""

    def end(self, stream: str, producer: str) -> int:
        return self.ends.get(f"{stream} {producer}", 0)


@dataclass(frozen=True, slots=True)
class Archiver:
    """The fold. What is archived is recorded by its cell's worker (``actors.archiving``)."""

    name: str = ARCHIVER
    version: int = 1
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = (SEGMENTS.name,)

    def initial(self) -> State:
        return State()

    def fold(self, state: State, batch: Batch) -> tuple[State, Outputs]:
        return state, NONE

    def written(self, state: State, segments: Sequence[Segment], at: int) -> tuple[State, Outputs, None]:
        """Record segments that are in the archive. One that is recorded already is passed over."""
        fresh: list[Segment] = []
        for segment in segments:
            if segment.first == state.end(segment.stream, segment.producer):
                _take(state, segment)
                fresh.append(segment)
        outputs = Outputs()
        if fresh:
            outputs.emit(SEGMENTS.name, told(fresh, at))
        return state, outputs, None

    def dropped(self, state: State, segments: Sequence[Segment], at: int) -> tuple[State, Outputs, None]:
        """Record that segments are not kept any more; see ``events.archive.segments.told``."""
        outputs = Outputs()
        outputs.emit(SEGMENTS.name, told(segments, at, DROPPED))
        return state, outputs, None

    def absorb(self, state: State, batch: Batch) -> State:
        for segment in heard(batch.table) if batch.stream == SEGMENTS.name else ():
            _take(state, segment)
        return state

    def dump(self, state: State) -> bytes:
        return msgspec.msgpack.encode(sorted(state.ends.items()))

    def load(self, data: bytes) -> State:
        return State(dict(msgspec.msgpack.decode(data, type=list[tuple[str, int]])))


def _take(state: State, segment: Segment) -> None:
    state.ends[f"{segment.stream} {segment.producer}"] = segment.end
