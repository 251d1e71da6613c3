"""Is a cell's file what was written? Walks all of it; for ``hindcast doctor``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from events.append import Position
from events.entry import Entry, chain, decode_header
from events.errors import Corrupt
from events.log import Source
from events.sqlite_schema import SELECT_POSITION, STREAM_BITS, decode_journal, decode_position, open_reader, translated

_MOST_PROBLEMS = 100
_ENTRIES = "SELECT place, header, payload FROM entry WHERE place BETWEEN ? AND ? ORDER BY place"
_PAGE = 64


class Verdict(msgspec.Struct):
    """What ``verify`` counted, and what is wrong (the first hundred problems, in words)."""

    cell: str
    commits: int = 0
    entries: int = 0
    rows: int = 0
    payload_bytes: int = 0
    journal_rows: int = 0
    snapshots: int = 0
    problems: list[str] = []

    @property
    def sound(self) -> bool:
        return not self.problems


def verify(path: Path, cell: str) -> Verdict:
    """Check SQLite's own structure, dense offsets, chain hashes, that all entries decode, and the journal's continuity.

    Reads page by page, so it holds up nobody; what is committed meanwhile is not looked at.
    """
    verdict = Verdict(cell)
    problems = _problems(path, cell, verdict)
    try:
        while len(verdict.problems) < _MOST_PROBLEMS and (problem := next(problems, None)) is not None:
            verdict.problems.append(problem)
    except Corrupt as error:
        verdict.problems.append(str(error))
    return verdict


def _problems(path: Path, cell: str, verdict: Verdict) -> Iterator[str]:
    with translated(cell):
        db = open_reader(path, cell)
        try:
            for (line,) in db.execute("PRAGMA quick_check(10)").fetchall():
                if line != "ok":
                    yield f"file: {line}"
            position = decode_position(db.execute(SELECT_POSITION).fetchone())
            verdict.snapshots = db.execute("SELECT count(*) FROM snapshot").fetchone()[0]
            for place, stream in enumerate(position.streams):
                yield from _stream(db, cell, place, stream, position, verdict)
            yield from _commits(db, position, verdict)
            yield from _pieces(db)
        finally:
            db.close()


def _stream(
    db: sqlite3.Connection, cell: str, place: int, stream: str, position: Position, verdict: Verdict
) -> Iterator[str]:
    base = place << STREAM_BITS
    tail = position.streams[stream]
    row = db.execute("SELECT below, chain FROM trimmed WHERE stream = ?", (place,)).fetchone()
    at, link = row or (0, b"")
    last = 0
    while page := db.execute(f"{_ENTRIES} LIMIT {_PAGE}", (base | (at + 1), base | tail.head)).fetchall():
        for key, head, payload in page:
            entry = Entry(decode_header(head), payload)
            header = entry.header
            where = f"{stream} at offset {header.first}"
            if (header.stream, header.producer, header.end) != (stream, cell, key - base):
                yield f"{where}: the header belongs elsewhere ({header.stream} of {header.producer} to {header.end})"
            if header.first != at:
                yield f"{where}: offsets {at} to {header.first} are missing"
            if chain(link, payload) != header.chain:
                yield f"{where}: the chain hash does not agree with the payload"
            if not last <= header.commit <= position.number:
                yield f"{where}: commit {header.commit} after commit {last}, of {position.number}"
            try:
                entry.batch()
            except Corrupt as error:
                yield str(error)
            at, link, last = key - base, header.chain, header.commit
            verdict.entries += 1
            verdict.rows += header.rows
            verdict.payload_bytes += len(payload)
    if (at, link) != (tail.head, tail.chain):
        yield f"{stream}: entries end at offset {at}, the cell says {tail.head}"


def _pieces(db: sqlite3.Connection) -> Iterator[str]:
    tables = "SELECT 1 FROM sqlite_master WHERE name = 'has_piece'"
    if db.execute(tables).fetchone() is None:
        return  # a file from before there were pieces
    for number, name in db.execute("SELECT number, name FROM has_piece WHERE name NOT IN (SELECT name FROM piece)"):
        yield f"snapshot {number} has no piece {name}"


def _commits(db: sqlite3.Connection, position: Position, verdict: Verdict) -> Iterator[str]:
    sources = list(position.cursor)
    cursor: dict[Source, int] = {}
    expected, time = 1, 0
    rows = db.execute("SELECT number, at, journal FROM commits WHERE number <= ? ORDER BY number", (position.number,))
    for number, at, journal in rows:
        if number != expected:
            yield f"commits {expected} to {number - 1} are missing"
        if at < time:
            yield f"commit {number} is older than the one before it"
        for row in decode_journal(number, journal, sources) if journal else []:
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
