"""Is what is stored of a cell what was written? The checks that every backend shares: it brings its rows, they judge."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from events.append import Position
from events.entry import Entry, agrees
from events.errors import Corrupt
from events.log import JournalRow, Source, Tombstone, Verdict

MOST_PROBLEMS = 100


class Start(NamedTuple):
    """Where the entries that are left of a stream begin, and the chain hash of the last one before."""

    offset: int = 0
    chain: bytes = b""


class StoredCommit(NamedTuple):
    """One commit of a cell: its number, its time, and what it consumed."""

    number: int
    at: int
    journal: Iterable[JournalRow]


def judged(verdict: Verdict, problems: Iterator[str]) -> Verdict:
    """The verdict with the first hundred of ``problems``; a place that cannot be read at all ends them."""
    try:
        while len(verdict.problems) < MOST_PROBLEMS and (problem := next(problems, None)) is not None:
            verdict.problems.append(problem)
    except Corrupt as error:
        verdict.problems.append(str(error))
    return verdict


def stream_problems(
    entries: Iterable[Entry], stream: str, start: Start, position: Position, verdict: Verdict
) -> Iterator[str]:
    """What is wrong with the entries of one stream of ``verdict.cell``, oldest first from ``start``; counts them."""
    at, link = start
    last, tail = 0, position.streams[stream]
    for entry in entries:
        header = entry.header
        where = f"{stream} at offset {header.first}"
        if (header.stream, header.producer) != (stream, verdict.cell):
            yield f"{where}: the header belongs elsewhere ({header.stream} of {header.producer} to {header.end})"
        if header.first != at:
            yield f"{where}: offsets {at} to {header.first} are missing"
        if not agrees(link, entry):
            yield f"{where}: the chain hash does not agree with the payload"
        if not last <= header.commit <= position.number:
            yield f"{where}: commit {header.commit} after commit {last}, of {position.number}"
        try:
            entry.batch()
        except Corrupt as error:
            yield str(error)
        at, link, last = header.end, header.chain, header.commit
        if header.tombstone:
            verdict.tombstones.append(Tombstone(stream, header.first, header.chain.hex(), header.tombstone.hex()))
        verdict.entries += 1
        verdict.rows += header.rows
        verdict.payload_bytes += len(entry.payload)
    if (at, link) != (tail.head, tail.chain):
        yield f"{stream}: entries end at offset {at}, the cell says {tail.head}"


def commit_problems(commits: Iterable[StoredCommit], position: Position, verdict: Verdict) -> Iterator[str]:
    """What is wrong with the commits of a cell and its journal, in order of their numbers; counts them."""
    cursor: dict[Source, int] = {}
    expected, time = 1, 0
    for number, at, journal in commits:
        if number != expected:
            yield f"commits {expected} to {number - 1} are missing"
        if at < time:
            yield f"commit {number} is older than the one before it"
        for row in journal:
            source = (row.stream, row.producer)
            if cursor.get(source, row.start) != row.start:
                yield f"commit {number} read {source[0]} of {source[1]} from {row.start}, not from {cursor[source]}"
            cursor[source] = row.end
            verdict.journal_rows += 1
        expected, time = number + 1, at
        verdict.commits += 1
    if expected != position.number + 1:
        yield f"commits end at {expected - 1}, the cell says {position.number}"
    if cursor != position.cursor:
        yield f"the journal ends at {cursor}, the cursor says {position.cursor}"
