"""What a commit does to a cell's place in the log: the arithmetic that every backend shares.

Pure: a backend finds the cell's ``Position``, asks ``admit`` and ``appended``, and stores the answer in one
transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from events.entry import Entry, EntryHeader, agrees, chain
from events.errors import Conflict, Corrupt, Fenced
from events.log import Commit, JournalRow, Lease, SnapshotRef, Source

SNAPSHOTS_KEPT = 2
"""The newest one, and one to fall back on should it be unreadable."""
GENERATIONS_KEPT = 2
"""The newest of the generation before this one, too: whoever goes back to the version before goes on from there."""


LASTING = ((86_400_000_000, 600_000_000), (31 * 86_400_000_000, 1_200_000_000))
"""(age, span), both us: up to that age one lasting snapshot is kept of each span; of what is older none."""


def thinned(saved: Sequence[tuple[int, int]], now: int) -> list[int]:
    """Of lasting snapshots, (number, time in us) oldest first, the numbers of those that are to go."""
    seen: set[tuple[int, int]] = set()
    gone: list[int] = []
    for number, at in saved:
        span = next((span for age, span in LASTING if now - at < age), None)
        if span is None or (span, at // span) in seen:
            gone.append(number)
        else:
            seen.add((span, at // span))
    return gone


def kept(snapshots: Sequence[SnapshotRef]) -> list[SnapshotRef]:
    """Of ``snapshots``, oldest first, those that a log keeps."""
    newest: dict[tuple[int, str], SnapshotRef] = {}
    for ref in snapshots:
        newest[ref.snapshot.fold_version, ref.snapshot.arch] = ref
    last = sorted(newest.values(), key=lambda ref: ref.commit)[-GENERATIONS_KEPT:]
    chosen = {ref.commit for ref in (*snapshots[-SNAPSHOTS_KEPT:], *last)}
    return [ref for ref in snapshots if ref.commit in chosen]


class Tail(NamedTuple):
    """The end of one stream of a cell."""

    head: int = 0
    """The next offset."""
    chain: bytes = b""
    """Chain hash of the last entry that holds rows or a watermark; empty before the first."""


class Position(msgspec.Struct, frozen=True):
    """Where a cell stands. The order of ``streams`` never changes: new ones go to the end."""

    epoch: int = 0
    number: int = 0
    committed: int = 0
    streams: dict[str, Tail] = {}
    cursor: dict[Source, int] = {}

    def lease(self, cell: str) -> Lease:
        heads = {stream: tail.head for stream, tail in self.streams.items()}
        return Lease(cell, self.epoch, self.number, self.committed, dict(self.cursor), heads)


def taken_over(position: Position, writes: Sequence[str]) -> Position:
    """The position under a new lease that writes ``writes`` (besides all that the cell ever wrote)."""
    streams = {**position.streams, **{s: Tail() for s in writes if s not in position.streams}}
    return msgspec.structs.replace(position, epoch=position.epoch + 1, streams=streams)


def admit(position: Position, lease: Lease, commit: Commit) -> None:
    """Raises ``Fenced`` for a lease that is not the newest, ``Conflict`` for a commit that is not on the last one."""
    if lease.epoch != position.epoch:
        raise Fenced(f"{lease.cell}: epoch {lease.epoch} was replaced by {position.epoch}")
    if commit.after != position.number:
        raise Conflict(f"{lease.cell}: commit stands on {commit.after}, the last one is {position.number}")


def appended(cell: str, tenant: str, position: Position, commit: Commit) -> tuple[Position, list[Entry]]:
    """The position after an admitted ``commit``, and the entries that it adds, in order.

    Raises ``Corrupt`` where a journal row does not begin where the last one of its source ended (an input is lost), and
    ``ValueError`` for a stream that the cell did not declare.
    """
    number = position.number + 1
    committed = max(commit.at, position.committed)
    streams = dict(position.streams)
    entries: list[Entry] = []
    for output in commit.outputs:
        tail = streams.get(output.stream)
        if tail is None:
            raise ValueError(f"{cell} writes to {output.stream}, which it did not declare when it was acquired")
        payload = output.payload
        header = EntryHeader(
            stream=output.stream,
            producer=cell,
            tenant=tenant,
            first=tail.head,
            rows=payload.rows,
            commit=number,
            committed=committed,
            epoch=position.epoch,
            version=payload.version,
            watermark=output.watermark,
            codec=payload.codec,
            size=payload.size,
            chain=chain(tail.chain, payload.data),
            position=output.position,
        )
        streams[output.stream] = Tail(header.end, header.chain)
        entries.append(Entry(header, payload.data))
    cursor = _consumed(cell, position.cursor, commit.journal) if commit.journal else position.cursor
    return Position(position.epoch, number, committed, streams, cursor), entries


def _consumed(cell: str, cursor: dict[Source, int], journal: Sequence[JournalRow]) -> dict[Source, int]:
    cursor = dict(cursor)
    for row in journal:
        source = (row.stream, row.producer)
        if cursor.get(source, row.start) != row.start or row.end < row.start:
            span = f"{row.stream} of {row.producer} [{row.start}, {row.end})"
            raise Corrupt(f"{cell} consumed {span}, but stood at {cursor.get(source)}")
        cursor[source] = row.end
    return cursor


def missing_piece(cell: str, name: str) -> Corrupt:
    """The error for a piece that is named and not stored."""
    return Corrupt(f"{cell}: no snapshot has a piece {name}")


class Follower:
    """Checks entries as they are read: dense offsets, and each payload against the chain of the one before it.

    The link of the very first entry read of a source, or after a jump, cannot be checked; all that follow it are.
    """

    def __init__(self) -> None:
        self._at: dict[Source, tuple[int, bytes]] = {}

    def check(self, source: Source, entries: Sequence[Entry]) -> None:
        """Raises ``Corrupt`` for the first entry that is not what was written."""
        at, link = self._at.get(source, (-1, b""))
        for place, entry in enumerate(entries):
            head = entry.header
            if (head.stream, head.producer) != source:
                raise Corrupt(f"entry of {head.stream} of {head.producer} in the log of {source[0]} of {source[1]}")
            if place and head.first != at:
                raise Corrupt(f"{head.stream} of {head.producer}: offsets {at} to {head.first} are missing")
            if head.first == at and not agrees(link, entry):
                raise Corrupt(f"{head.stream} of {head.producer} at offset {head.first}: the chain hash does not agree")
            at, link = head.end, head.chain
        if entries:
            self._at[source] = (at, link)
