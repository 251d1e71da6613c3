"""Is a cell's file what was written? Walks all of it; for ``hindcast doctor``."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from events.append import Position
from events.entry import Entry, decode_header
from events.log import Verdict
from events.sqlite_schema import SELECT_POSITION, STREAM_BITS, open_reader, translated
from events.stored_position import decode_journal, decode_position
from events.verification import Start, StoredCommit, commit_problems, judged, stream_problems

_ENTRIES = "SELECT place, header, payload FROM entry WHERE place BETWEEN ? AND ? ORDER BY place"
_PAGE = 64


def verify(path: Path, cell: str) -> Verdict:
    """Check SQLite's own structure, then what ``events.verification`` checks of every log.

    Reads page by page, so it holds up nobody; what is committed meanwhile is not looked at.
    """
    verdict = Verdict(cell)
    return judged(verdict, _problems(path, cell, verdict))


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
                row = db.execute("SELECT below, chain FROM trimmed WHERE stream = ?", (place,)).fetchone()
                start, misplaced = Start(*row) if row else Start(), list[str]()
                entries = _entries(db, place, start, position.streams[stream].head, misplaced)
                yield from stream_problems(entries, stream, start, position, verdict)
                yield from misplaced
            yield from commit_problems(_commits(db, position), position, verdict)
            yield from _pieces(db)
        finally:
            db.close()


def _entries(db: sqlite3.Connection, place: int, start: Start, head: int, misplaced: list[str]) -> Iterator[Entry]:
    """The entries of the stream at ``place``; notes in ``misplaced`` those that do not stand where their header says."""
    base, at = place << STREAM_BITS, start.offset
    while page := db.execute(f"{_ENTRIES} LIMIT {_PAGE}", (base | (at + 1), base | head)).fetchall():
        for key, header, payload in page:
            entry = Entry(decode_header(header), payload)
            at = key - base
            if entry.header.end != at:
                misplaced.append(f"the entry to offset {at} says of itself that it ends at {entry.header.end}")
            yield entry


def _commits(db: sqlite3.Connection, position: Position) -> Iterator[StoredCommit]:
    sources = list(position.cursor)
    rows = db.execute("SELECT number, at, journal FROM commits WHERE number <= ? ORDER BY number", (position.number,))
    for number, at, journal in rows:
        yield StoredCommit(number, at, decode_journal(number, journal, sources) if journal else [])


def _pieces(db: sqlite3.Connection) -> Iterator[str]:
    tables = "SELECT 1 FROM sqlite_master WHERE name = 'has_piece'"
    if db.execute(tables).fetchone() is None:
        return  # a file from before there were pieces
    for number, name in db.execute("SELECT number, name FROM has_piece WHERE name NOT IN (SELECT name FROM piece)"):
        yield f"snapshot {number} has no piece {name}"
