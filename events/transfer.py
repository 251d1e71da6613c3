"""A cell's whole past on its way from one log to another: the same entries, commits, epochs and times, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol

import msgspec
import xxhash

from events.append import Position
from events.entry import Entry
from events.log import JournalRow, SnapshotRef, Verdict
from events.stored_position import encode_position
from events.verification import Start

_encode = msgspec.msgpack.Encoder().encode


class CommitRecord(NamedTuple):
    """One commit without its entries."""

    number: int
    at: int
    nonce: bytes
    journal: tuple[JournalRow, ...]


class CellCopy(NamedTuple):
    """All of one cell, read piece by piece. Nothing is committed to it meanwhile."""

    position: Position
    starts: Mapping[str, Start]
    """Of the streams that were trimmed."""
    entries: Callable[[str, int], Iterator[Entry]]
    """Of a stream, those that end behind an offset, oldest first."""
    commits: Callable[[int], Iterator[CommitRecord]]
    """Those above a number."""
    snapshots: Callable[[], Iterator[SnapshotRef]]
    """Oldest first; each piece has its bytes in the first one that names it."""
    lasting: Callable[[], Iterator[tuple[int, SnapshotRef]]]
    """Those that are kept for looks back, each with the time of its commit (us UTC), oldest first."""


def digest(copy: CellCopy) -> bytes:
    """Of all that no chain hash covers: position, commits with their journals, saved states with their pieces."""
    hashed = xxhash.xxh3_128()
    hashed.update(b"".join(map(_encode, encode_position(copy.position))))
    hashed.update(_encode((copy.position.epoch, copy.position.number, copy.position.committed)))
    hashed.update(_encode(sorted(copy.starts.items())))
    for record in copy.commits(0):
        hashed.update(_encode(record))
    for ref in copy.snapshots():
        hashed.update(_encode(ref))
    for lasting in copy.lasting():
        hashed.update(_encode(lasting))
    return hashed.digest()


class CopySource(Protocol):
    """A log that can be copied."""

    def copy(self, cell: str) -> CellCopy:
        """Raises ``Rejected`` for a cell that is not there."""
        ...


class CopyTarget(Protocol):
    """Where a copy is made. It is no log for anybody else before ``finish``."""

    def begin(self) -> None:
        """Raises ``Rejected`` where there is a log already, unless it is a copy of the same system that was cut off."""
        ...

    def adopt(self, cell: str, copy: CellCopy) -> None:
        """Take all of a cell. After an interruption it goes on where it was."""
        ...

    def verify(self, cell: str) -> Verdict: ...

    def copy(self, cell: str) -> CellCopy: ...

    def finish(self) -> None: ...

    def close(self) -> None: ...
