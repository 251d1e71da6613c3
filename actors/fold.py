"""The fold contract: ``(state, batch) -> (state, outputs)``, deterministic and free of I/O.

Laws that every fold keeps (``tests/laws``): cutting the same rows into other batches changes no bit of state or output;
no clock, randomness, network or environment; outputs only at points that the input fixes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, runtime_checkable

import pyarrow as pa

from events.entry import NO_WATERMARK, EntryHeader

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows ``[first, first + rows)`` of one entry."""

    header: EntryHeader
    first: int
    table: pa.RecordBatch
    last: bool
    """The slice reaches the end of its entry; only then does the header's watermark hold."""

    @property
    def stream(self) -> str:
        return self.header.stream

    @property
    def producer(self) -> str:
        return self.header.producer

    @property
    def rows(self) -> int:
        return self.table.num_rows

    @property
    def watermark(self) -> int:
        """The producer's watermark once these rows are folded, in us UTC; ``NO_WATERMARK`` before the last slice."""
        return self.header.watermark if self.last else NO_WATERMARK


@dataclass(slots=True)
class Emission:
    """What a fold gives to one stream: batches in order, and how far its event time is complete."""

    batches: list[pa.RecordBatch] = field(default_factory=list[pa.RecordBatch])
    watermark: int = NO_WATERMARK
    position: bytes = b""
    """Where the rows' source is to be read on; committed in the entry's header, also where there are no rows."""


class Outputs:
    """The emissions of one fold call, by stream."""

    __slots__ = ("_by_stream",)

    def __init__(self) -> None:
        self._by_stream: dict[str, Emission] = {}

    def emit(
        self, stream: str, batch: pa.RecordBatch | None = None, watermark: int = NO_WATERMARK, position: bytes = b""
    ) -> None:
        """Append ``batch`` (in the stream's schema) and/or advance the stream's watermark, or its source's position."""
        emission = self._by_stream.setdefault(stream, Emission())
        if batch is not None and batch.num_rows:
            emission.batches.append(batch)
        emission.watermark = max(emission.watermark, watermark)
        emission.position = position or emission.position

    def extend(self, other: Outputs) -> None:
        """Append another call's emissions after these."""
        for stream, emission in other.items():
            mine = self._by_stream.setdefault(stream, Emission())
            mine.batches.extend(emission.batches)
            mine.watermark = max(mine.watermark, emission.watermark)
            mine.position = emission.position or mine.position

    def items(self) -> Iterator[tuple[str, Emission]]:
        return iter(self._by_stream.items())

    def __bool__(self) -> bool:
        return any(e.batches or e.watermark != NO_WATERMARK or e.position for e in self._by_stream.values())


NONE = Outputs()
"""For folds that emit nothing; never written to."""


class Fold(Protocol[S]):
    """A pure fold. It owns its state and may mutate it; ``dump``/``load`` are exact inverses."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int:
        """Counts the shapes of the state: a snapshot of another version is not loaded but folded anew."""
        ...

    @property
    def reads(self) -> tuple[str, ...]: ...

    @property
    def writes(self) -> tuple[str, ...]: ...

    def initial(self) -> S: ...

    def fold(self, state: S, batch: Batch) -> tuple[S, Outputs]: ...

    def dump(self, state: S) -> bytes: ...

    def load(self, data: bytes) -> S: ...


@runtime_checkable
class Pieced(Protocol):
    """A fold whose state has large pieces that never change again: each is saved once, and not with every snapshot.

    ``dump`` and ``load`` stay as they are, with the pieces in them.
    """

    def dump_apart(self, state: Any) -> tuple[bytes, Mapping[str, bytes]]:
        """What changes, and the pieces by name. A name stands for its content; equal states dump to equal bytes."""
        ...

    def load_apart(self, data: bytes, piece: Callable[[str], bytes]) -> Any:
        """The state of which ``dump_apart`` made ``data``; ``piece`` gives each of its pieces by name."""
        ...


@runtime_checkable
class Recorded(Protocol):
    """A fold whose cell also commits results from the world (a request, a poll, a sent message).

    Those inputs are not in the log, so on recovery the state takes the cell's *own* committed rows instead.
    """

    def absorb(self, state: Any, batch: Batch) -> Any:
        """Take in a committed row batch of the cell's own output."""
        ...


@runtime_checkable
class Choosing(Protocol):
    """A fold to which only some of the streams in ``reads`` matter at a time: its definitions say which."""

    def wants(self, state: Any) -> Collection[str]:
        """The streams to read now. One that was not read before is read from its beginning."""
        ...


@runtime_checkable
class Placed(Protocol):
    """A fold that needs to know, of a state that an older release saved, how far its inputs were read then."""

    def stands(self, state: Any, cursor: Mapping[tuple[str, str], int]) -> Any:
        """The state of a snapshot; ``cursor``: the next offset to read by (stream, producer), as of that snapshot."""
        ...


@runtime_checkable
class Noted(Protocol):
    """A fold that has something to say to an operator."""

    def notes(self, state: Any) -> Sequence[str]:
        """A sentence each; shown in the status. Looks, and changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Topic:
    """A live view: what the page subscribes to."""

    name: str
    policy: str
    """``latest`` (replace keys), ``upsert`` (by key, null deletes) or ``append`` (columns, bounded by ``cap``)."""
    cap: int = 0


@runtime_checkable
class Viewed(Protocol):
    """A fold whose state people look at."""

    @property
    def topics(self) -> Sequence[Topic]: ...

    def view(self, state: Any, topic: str) -> Mapping[str, Any]:
        """The topic's whole data as plain JSON values; read-only."""
        ...

    def changes(self, state: Any) -> Mapping[str, Mapping[str, Any]]:
        """What changed in each topic since the last call, as deltas of its policy."""
        ...
