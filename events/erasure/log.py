"""A cell's whole past without a person: the same offsets, commits and hashes, other payloads where the person was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import msgspec
import pyarrow as pa

from events.catalog import SEGMENTS, STREAMS
from events.entry import Entry, chain, encode
from events.erasure.identifiers import Identifiers
from events.erasure.rows import erased
from events.log import SnapshotRef, Source, Tombstone
from events.transfer import CellCopy

Change = Callable[[pa.RecordBatch], pa.RecordBatch]


@dataclass
class Counted:
    """What was touched of one producer's stream."""

    rows: int = 0
    """The person's own."""
    mentions: int = 0
    """Others that named the person."""
    tombstones: list[Tombstone] = field(default_factory=list[Tombstone])
    segments: int = 0
    """Archived files that were written anew."""


Touched = dict[Source, Counted]


def without(copy: CellCopy, who: Identifiers, touched: Touched, segments: Change) -> CellCopy:
    """The cell with pseudonyms for names, and without saved states, which hold what was folded of the person.

    ``segments`` renews what the stream ``segments`` says of archived files. ``touched`` is added to as entries are read.
    """

    def entries(stream: str, after: int) -> Iterator[Entry]:
        start = copy.starts.get(stream)
        link = start.chain if start else b""
        for entry in copy.entries(stream, after):
            found = _entry(entry, link, who, touched, segments)
            link = entry.header.chain
            yield found

    def none() -> Iterator[SnapshotRef]:
        return iter(())

    return copy._replace(entries=entries, snapshots=none, lasting=lambda: iter(()))


def _entry(entry: Entry, link: bytes, who: Identifiers, touched: Touched, segments: Change) -> Entry:
    header = entry.header
    if header.rows == 0:
        return entry
    found = erased(
        entry.batch(), header.stream, who
    )  # Corrupt for a stream that nobody here knows: its rows may name anybody
    batch = segments(found.batch) if header.stream == SEGMENTS.name else found.batch
    if not found.touched and batch is found.batch:
        return entry
    payload = encode(STREAMS[header.stream], batch)
    now = chain(link, payload.data)
    counted = touched.setdefault((header.stream, header.producer), Counted())
    counted.rows += found.rows
    counted.mentions += found.mentions
    counted.tombstones.append(Tombstone(header.stream, header.first, header.chain.hex(), now.hex()))
    changed = msgspec.structs.replace(
        header, tombstone=now, version=payload.version, size=payload.size, codec=payload.codec
    )
    return Entry(changed, payload.data)
