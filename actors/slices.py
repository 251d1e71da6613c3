"""Batches out of stored entries: what a cell reads, what its journal names, what it wrote itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import pairwise

from actors.fold import Batch
from events.archive.log import kept_from
from events.entry import Entry
from events.errors import Corrupt
from events.log import JournalRow, LogReader, Source

READ_BYTES = 4 << 20


def slices_of(entry: Entry, start: int, end: int, skipped: Sequence[int] = ()) -> Iterator[Batch]:
    """The entry's rows within offsets ``[start, end)`` less the skipped ones, as batches; a punctuation gives one."""
    head = entry.header
    table = entry.batch()
    start, end = max(start, head.first), min(end, head.end)
    if head.rows == 0:
        yield Batch(head, head.first, table, True)
        return
    cuts = [start - 1, *sorted(o for o in skipped if start <= o < end), end]
    for a, b in pairwise(cuts):
        if b > a + 1 or b == end:
            yield Batch(head, a + 1, table.slice(a + 1 - head.first, b - a - 1), b == head.end)


def within(batch: Batch, begin: int, end: int) -> Batch | None:
    """What of ``batch`` lies within offsets ``[begin, end)``; None: nothing does."""
    if not batch.rows:
        after = batch.header.end if batch.last else batch.first
        return batch if begin <= batch.first and after <= end else None
    low, high = max(begin - batch.first, 0), min(end - batch.first, batch.rows)
    if low >= high:
        return None
    if high - low == batch.rows:
        return batch
    return Batch(batch.header, batch.first + low, batch.table.slice(low, high - low), batch.last and high == batch.rows)


def gapless(log: LogReader, source: Source, after: int, max_bytes: int) -> Sequence[Entry]:
    """Entries from offset ``after`` on, or from where the archive's retention lets the past begin.

    Raises ``Corrupt`` where the first ones are not there any more for another reason.
    """
    entries = log.read(*source, after, max_bytes)
    if entries and entries[0].header.first > max(after, kept_from(log, source)):
        stream, producer = source
        raise Corrupt(f"{stream} of {producer} has no offset {after}: trimmed or lost; restore the archive")
    return entries


class Ahead:
    """Entries as a journal names them, one source after the other: read ahead, for a refold asks for every one of them."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._read: dict[Source, deque[Entry]] = {}

    def journaled(self, row: JournalRow) -> Iterator[Batch]:
        """The batches that a journal row names, from the log, but for what the archive's retention has let go.

        Raises ``Corrupt`` where they are not there any more for another reason.
        """
        source = (row.stream, row.producer)
        after = max(row.start, kept_from(self._log, source))
        while after < row.end:
            entry = self._holding(source, after)
            if entry.header.first >= row.end:
                return  # it was let go a moment ago
            yield from slices_of(entry, after, row.end, row.skipped)
            after = min(entry.header.end, row.end)

    def _holding(self, source: Source, offset: int) -> Entry:
        """The entry that holds ``offset``; those before it are let go."""
        read = self._read.setdefault(source, deque())
        while read and read[0].header.end <= offset:
            read.popleft()
        if not read or read[0].header.first > offset:
            stream, producer = source
            read = self._read[source] = deque(gapless(self._log, source, offset, READ_BYTES))
            if not read:
                raise Corrupt(f"{stream} of {producer} ends before offset {offset}, which was consumed")
        return read[0]


def journal_above(log: LogReader, cell: str, commit: int) -> Iterator[JournalRow]:
    """The cell's journal rows of commits above ``commit``, in order, however many there are."""
    while rows := log.journal(cell, commit):
        yield from rows
        commit = rows[-1].commit


def own_entries(
    log: LogReader, cell: str, streams: Sequence[str], heads: Mapping[str, int], above: int
) -> Iterator[Entry]:
    """The cell's own entries of commits above ``above``, by commit number, then in order of ``streams``."""

    def numbered(place: int, stream: str) -> Iterator[tuple[int, int, Entry]]:
        after = heads.get(stream, 0)
        while entries := gapless(log, (stream, cell), after, READ_BYTES):
            for entry in entries:
                if entry.header.commit > above:
                    yield entry.header.commit, place, entry
                after = entry.header.end

    readers = [numbered(place, stream) for place, stream in enumerate(streams)]
    for _, _, entry in merge(*readers, key=lambda numbered: numbered[:2]):
        yield entry
