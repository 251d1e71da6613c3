"""One cell's file as everybody else sees it: read-only, and no transaction outlives a call."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from events.append import Position, missing_piece
from events.entry import Entry, decode_header
from events.errors import Corrupt
from events.log import JOURNAL_COMMITS, JournalRow, Snapshot, SnapshotRef
from events.sqlite_schema import IS_LASTING, SELECT_POSITION, STREAM_BITS, open_reader, translated
from events.stored_position import decode_journal, decode_position

_IDLE_CONNECTIONS = 2
_STAMP = "SELECT epoch, number FROM cell"
_ENTRIES = "SELECT place, header, payload FROM entry WHERE place > ? AND place <= ? ORDER BY place"
_JOURNAL = "SELECT number, journal FROM commits WHERE number > ? AND journal IS NOT NULL ORDER BY number LIMIT ?"
_AT = "SELECT at FROM commits WHERE number >= ? ORDER BY number LIMIT 1"
_SNAPSHOTS = "SELECT number, fold_version, arch, data FROM snapshot ORDER BY number"
_LASTING = """
SELECT number, data FROM lasting WHERE number <= ? AND fold_version = ? AND arch = ? ORDER BY number DESC LIMIT 1
"""
_END = (1 << STREAM_BITS) - 1


class CellReader:
    """Reads one cell's file. Safe for several threads: each call has a connection to itself."""

    def __init__(self, path: Path, cell: str) -> None:
        self._path = path
        self._cell = cell
        self._idle: list[sqlite3.Connection] = []
        self._known = Position()

    def position(self) -> Position:
        """Where the cell stands; decoded only when it has moved."""
        with self._connection() as db:
            return self._position(db)

    def _position(self, db: sqlite3.Connection) -> Position:
        known = self._known
        if db.execute(_STAMP).fetchone() == (known.epoch, known.number):
            return known
        now = self._known = decode_position(db.execute(SELECT_POSITION).fetchone())
        return now  # not self._known: another thread may have put an older one there

    def head(self, stream: str) -> int:
        tail = self.position().streams.get(stream)
        return tail.head if tail else 0

    def read(self, stream: str, after: int, max_bytes: int) -> list[Entry]:
        """See ``EventLog.read``."""
        found: list[Entry] = []
        with self._connection() as db:
            streams = self._known.streams
            if stream not in streams:
                streams = self._position(db).streams
                if stream not in streams:
                    return found
            base = list(streams).index(stream) << STREAM_BITS
            size = 0
            with closing(db.execute(_ENTRIES, (base | max(after, 0), base | _END))) as rows:
                for place, head, payload in rows:
                    size += len(payload)
                    if found and size > max_bytes:
                        break
                    header = decode_header(head)
                    if header.end != place - base:
                        raise Corrupt(f"{self._cell}: {stream} ends at {header.end} where the log has {place - base}")
                    found.append(Entry(header, payload))
        return found

    def journal(self, after: int) -> list[JournalRow]:
        with self._connection() as db:
            rows = db.execute(_JOURNAL, (after, JOURNAL_COMMITS)).fetchall()
            sources = list(self._position(db).cursor)
        return [row for number, data in rows for row in decode_journal(number, data, sources)]

    def commit_at(self, at: int) -> int:
        """See ``LogReader.commit_at``; times of commits never step back."""
        with self._connection() as db:
            low, high = 0, self._position(db).number
            while low < high:
                middle = (low + high + 1) // 2
                (found,) = db.execute(_AT, (middle,)).fetchone()
                low, high = (middle, high) if found <= at else (low, middle - 1)
            return low

    def snapshots(self) -> Sequence[SnapshotRef]:
        with self._connection() as db:
            rows = db.execute(_SNAPSHOTS).fetchall()
        return [SnapshotRef(number, Snapshot(version, arch, data)) for number, version, arch, data in rows]

    def snapshot_at(self, commit: int, fold_version: int, arch: str) -> SnapshotRef | None:
        """See ``LogReader.snapshot_at``."""
        with self._connection() as db:
            if db.execute(IS_LASTING).fetchone() is None:
                return None  # a file that no writer of this release has opened yet
            row = db.execute(_LASTING, (commit, fold_version, arch)).fetchone()
        return SnapshotRef(row[0], Snapshot(fold_version, arch, zlib.decompress(row[1]), (), True)) if row else None

    def piece(self, name: str) -> bytes:
        """See ``EventLog.piece``."""
        with self._connection() as db:
            row = db.execute("SELECT data FROM piece WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise missing_piece(self._cell, name)
        return row[0]

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection, None, None]:
        with translated(self._cell):
            try:
                db = self._idle.pop()
            except IndexError:
                db = open_reader(self._path, self._cell)
            try:
                yield db
            except BaseException:
                db.close()
                raise
        if len(self._idle) < _IDLE_CONNECTIONS:
            self._idle.append(db)
        else:
            db.close()

    def close(self) -> None:
        while self._idle:
            with suppress(sqlite3.Error):  # read-only: nothing can be lost
                self._idle.pop().close()
