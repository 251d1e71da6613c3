"""One cell's file as its writer sees it: acquire, commit, trim, checkpoint."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import zlib
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep

from events.append import (
    GENERATIONS_KEPT,
    SNAPSHOTS_KEPT,
    Position,
    admit,
    appended,
    missing_piece,
    taken_over,
    thinned,
)
from events.entry import decode_header, encode_header
from events.envelope import CellName
from events.errors import Fenced, Transient
from events.log import Commit, Lease, Snapshot
from events.sqlite_schema import (
    ADD_LASTING,
    SELECT_POSITION,
    STREAM_BITS,
    create,
    open_writer,
    translated,
)
from events.stored_position import decode_position, encode_journal, encode_position

CHECKPOINT_BYTES = 16 << 20
"""Of appended data after which the writer copies the WAL into the file."""
_LOCK_S = 10.0
_PAGES_A_COMMIT = 4 * 4096
_LONG_WAL_FRAMES = 4 * CHECKPOINT_BYTES // 4096

_UPDATE = "UPDATE cell SET epoch = ?, number = ?, committed = ?, streams = ?, cursor = ?"
_ENTRY = "INSERT INTO entry(place, header, payload) VALUES (?, ?, ?)"
_COMMIT = "INSERT INTO commits(number, at, nonce, journal) VALUES (?, ?, ?, ?)"
_NONCE = "SELECT nonce FROM commits WHERE number = ?"
_SNAPSHOT = "INSERT INTO snapshot(number, fold_version, arch, data) VALUES (?, ?, ?, ?)"
_LASTING_ONES = "SELECT number, at FROM lasting ORDER BY number"
_FORGET = "DELETE FROM lasting WHERE number = ?"
_PIECE = "INSERT OR IGNORE INTO piece(name, data) VALUES (?, ?)"
_IS_PIECE = "SELECT 1 FROM piece WHERE name = ?"
_HAS_PIECE = "INSERT INTO has_piece(number, name) VALUES (?, ?)"
_PRUNE = """
DELETE FROM snapshot WHERE number NOT IN (SELECT number FROM snapshot ORDER BY number DESC LIMIT ?) AND number NOT IN
(SELECT max(number) AS newest FROM snapshot GROUP BY fold_version, arch ORDER BY newest DESC LIMIT ?)
"""  # as ``append.kept``
_PRUNE_PIECES = (
    "DELETE FROM has_piece WHERE number NOT IN (SELECT number FROM snapshot)",
    "DELETE FROM piece WHERE name NOT IN (SELECT name FROM has_piece)",
)


class CellWriter:
    """Writes one cell's file. Safe for several threads and processes; who may commit is decided by the epoch."""

    def __init__(self, path: Path, cell: str) -> None:
        self._path = path
        self._cell = cell
        self._tenant = CellName.parse(cell).tenant
        self._mutex = threading.Lock()
        self._lock_fd = -1
        self._db: sqlite3.Connection | None = None
        self._known = Position()
        self._unchecked = 0

    def acquire(self, writes: Sequence[str]) -> tuple[Lease, bool]:
        """The new lease, and whether the cell declared a stream that it did not write before."""
        with self._locked():
            if not self._path.exists():
                create(self._path, self._cell)
            with self._transaction() as db:
                old = self._position(db)
                new = taken_over(old, writes)
                db.execute(_UPDATE, (new.epoch, new.number, new.committed, *encode_position(new)))
            return new.lease(self._cell), len(new.streams) > len(old.streams)

    def commit(self, lease: Lease, commit: Commit) -> int:
        """See ``EventLog.commit``."""
        with self._locked():
            if self._db is None and not self._path.exists():
                raise Fenced(f"{lease.cell} was never acquired here")
            with self._transaction() as db:
                old = self._position(db)
                if commit.after < old.number and db.execute(_NONCE, (commit.after + 1,)).fetchone() == (commit.nonce,):
                    return commit.after + 1
                admit(old, lease, commit)
                new = self._append(db, old, commit)
            self._known = new
            self._checkpoint_if_due(commit)
            return new.number

    def _append(self, db: sqlite3.Connection, old: Position, commit: Commit) -> Position:
        new, entries = appended(self._cell, self._tenant, old, commit)
        ids = {stream: place << STREAM_BITS for place, stream in enumerate(new.streams)}
        for entry in entries:
            head = entry.header
            db.execute(_ENTRY, (ids[head.stream] | head.end, encode_header(head), entry.payload))
        journal = encode_journal(commit.journal, new.cursor)
        db.execute(_COMMIT, (new.number, new.committed, commit.nonce, journal))
        if commit.snapshot is not None:
            self._save(db, new.number, commit.snapshot)
            if commit.snapshot.lasting:
                self._save_lasting(db, new, commit.snapshot)
        db.execute(_UPDATE, (new.epoch, new.number, new.committed, *encode_position(new)))
        return new

    def _save(self, db: sqlite3.Connection, number: int, saved: Snapshot) -> None:
        db.execute(_SNAPSHOT, (number, saved.fold_version, saved.arch, saved.data))
        for name, data in saved.pieces:
            if data is not None:
                db.execute(_PIECE, (name, data))
            elif db.execute(_IS_PIECE, (name,)).fetchone() is None:
                raise missing_piece(self._cell, name)
            db.execute(_HAS_PIECE, (number, name))
        db.execute(_PRUNE, (SNAPSHOTS_KEPT, GENERATIONS_KEPT))
        for statement in _PRUNE_PIECES:
            db.execute(statement)

    def _save_lasting(self, db: sqlite3.Connection, at: Position, saved: Snapshot) -> None:
        packed = zlib.compress(saved.data, 3)
        db.execute(ADD_LASTING, (at.number, at.committed, saved.fold_version, saved.arch, packed))
        gone = thinned(db.execute(_LASTING_ONES).fetchall(), at.committed)
        db.executemany(_FORGET, [(number,) for number in gone])

    def trim(self, stream: str, below: int) -> None:
        """Delete entries wholly below ``below``, but never the newest: it carries the watermark."""
        with self._locked(), self._transaction() as db:
            streams = self._position(db).streams
            if stream not in streams:
                return
            place = list(streams).index(stream)
            base = place << STREAM_BITS
            last = db.execute(
                "SELECT max(place) FROM entry WHERE place BETWEEN ? AND ?",
                (base, base | min(below, streams[stream].head - 1)),
            ).fetchone()[0]
            if last is None:
                return
            (header,) = db.execute("SELECT header FROM entry WHERE place = ?", (last,)).fetchone()
            db.execute("REPLACE INTO trimmed VALUES (?, ?, ?)", (place, last - base, decode_header(header).chain))
            db.execute("DELETE FROM entry WHERE place BETWEEN ? AND ?", (base, last))

    def close(self) -> None:
        """Bring the WAL into the file and let go of both."""
        with self._locked():
            if self._db is not None:
                with suppress(sqlite3.OperationalError):  # a full disk: the WAL stays and is read next time
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                self._disconnect()
        os.close(self._lock_fd)
        self._lock_fd = -1

    # -- below the lock ------------------------------------------------------------------------------------------

    def _position(self, db: sqlite3.Connection) -> Position:
        """What the file says now; decoded only where another process wrote in between."""
        row = db.execute(SELECT_POSITION).fetchone()
        if row[:2] != (self._known.epoch, self._known.number):
            self._known = decode_position(row)
        return self._known

    def _checkpoint_if_due(self, commit: Commit) -> None:
        self._unchecked += sum(len(o.payload.data) for o in commit.outputs) + _PAGES_A_COMMIT
        if commit.snapshot:
            self._unchecked += len(commit.snapshot.data) + sum(len(data or b"") for _, data in commit.snapshot.pieces)
        if self._unchecked < CHECKPOINT_BYTES or self._db is None:
            return
        self._unchecked = 0
        with suppress(sqlite3.OperationalError):  # a full disk: the commit is durable in the WAL, copying can wait
            _, frames, _ = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if frames > _LONG_WAL_FRAMES:  # readers were in the way each time: wait for them for once
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    @contextmanager
    def _locked(self) -> Generator[None, None, None]:
        """This thread and no other, of this process or another, uses the writing side of the file."""
        with self._mutex, translated(self._cell):
            if self._lock_fd < 0:
                self._lock_fd = _open_lock(self._path)
            _take(self._lock_fd, self._cell)
            try:
                yield
            finally:
                fcntl.flock(self._lock_fd, fcntl.LOCK_UN)

    @contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection, None, None]:
        """All or nothing. After an error of SQLite's the connection is thrown away: it may hold half a WAL frame."""
        try:
            db = self._db = self._db or open_writer(self._path, self._cell)
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
        except sqlite3.Error:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        db, self._db = self._db, None
        self._known = Position()
        if db is not None:
            with suppress(sqlite3.Error):  # closing a broken connection; what is committed is in the file
                db.close()


@contextmanager
def write_lock(path: Path, cell: str) -> Generator[None, None, None]:
    """Nobody else, of this process or another, writes to the cell's file meanwhile. Raises ``Transient`` after 10 s."""
    lock = _open_lock(path)
    try:
        _take(lock, cell)
        yield
    finally:
        os.close(lock)


def _open_lock(path: Path) -> int:
    return os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _take(lock: int, cell: str) -> None:
    give_up = monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if monotonic() > give_up:
                raise Transient(f"{cell}: another process holds its lock") from None
            sleep(0.001)
