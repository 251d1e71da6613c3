"""How a cell's file looks on disk: its name, its tables, its connections, and SQLite's errors in our words.

One file per cell, WAL, ``synchronous=FULL``. The stdlib's SQLite may be older than 3.51.3, which mended a rare
corruption when a WAL is reset while another connection checkpoints. So nobody but the cell's one writing connection
ever writes, checkpoints or closes with a checkpoint, and it does so under the cell's lock file; readers cannot write.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, unquote

from events.append import Position
from events.envelope import CellName
from events.errors import Corrupt, Rejected, Transient
from events.stored_position import encode_position

FORMAT = 1
"""Of the tables below; a file with a higher one was written by a newer Hindcast."""
STREAM_BITS = 48
"""An entry's key is ``stream id << 48 | end offset``, so one B-tree holds every stream in order."""
SUFFIX = ".db"

_PIECES = """
CREATE TABLE IF NOT EXISTS piece(name TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS has_piece(number INTEGER, name TEXT, PRIMARY KEY(number, name)) WITHOUT ROWID;
"""
"""Which snapshots (by number) have which pieces. Files from before they were invented get the tables from their writer."""
_LASTING = """
CREATE TABLE IF NOT EXISTS lasting(
  number INTEGER PRIMARY KEY, at INTEGER NOT NULL, fold_version INTEGER, arch TEXT, data BLOB NOT NULL
);
"""
"""Snapshots that are kept for looks back, compressed; thinned as they age. Older files get the table from their writer."""
IS_LASTING = "SELECT 1 FROM sqlite_master WHERE name = 'lasting'"
EVERY_LASTING = "SELECT number, at, fold_version, arch, data FROM lasting ORDER BY number"
ADD_LASTING = "INSERT INTO lasting(number, at, fold_version, arch, data) VALUES (?, ?, ?, ?, ?)"
_TABLES = f"""
CREATE TABLE cell(
  id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT NOT NULL, epoch INTEGER NOT NULL, number INTEGER NOT NULL,
  committed INTEGER NOT NULL, streams BLOB NOT NULL, cursor BLOB NOT NULL
);
CREATE TABLE entry(place INTEGER PRIMARY KEY, header BLOB NOT NULL, payload BLOB NOT NULL);
CREATE TABLE commits(number INTEGER PRIMARY KEY, at INTEGER NOT NULL, nonce BLOB NOT NULL, journal BLOB);
CREATE TABLE snapshot(number INTEGER PRIMARY KEY, fold_version INTEGER, arch TEXT, data BLOB NOT NULL);
CREATE TABLE trimmed(stream INTEGER PRIMARY KEY, below INTEGER NOT NULL, chain BLOB NOT NULL);
{_PIECES}
{_LASTING}
PRAGMA user_version = {FORMAT};
"""
SELECT_POSITION = "SELECT epoch, number, committed, streams, cursor FROM cell"
_BUSY_S = 10.0
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
_FULL_ERRNO = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)


def file_name(cell: str) -> str:
    """``demo/metrics/0`` -> ``demo+metrics+0``, reversible. Raises ``Rejected``: no cell's name, or too long."""
    name = CellName.parse(cell)
    text = "+".join(quote(str(part), safe="") for part in name)
    if len(text) > 200:
        raise Rejected("cell", f"name is too long for a file: {cell!r}")
    return text


def cell_name(stem: str) -> str:
    """The inverse of ``file_name``."""
    return "/".join(unquote(part) for part in stem.split("+"))


def create(path: Path, cell: str) -> None:
    """Make an empty file for ``cell``. It appears under its name only when it is whole and durable."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    db = sqlite3.connect(draft, isolation_level=None)
    try:
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(f"BEGIN; {_TABLES} COMMIT;")
        db.execute("INSERT INTO cell VALUES (1, ?, 0, 0, 0, ?, ?)", (cell, *encode_position(Position())))
        db.execute("PRAGMA journal_mode=WAL")
    finally:
        db.close()
    draft.rename(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def open_writer(path: Path, cell: str) -> sqlite3.Connection:
    """The one connection that writes; its user holds the cell's lock file whenever he uses it."""
    db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA wal_autocheckpoint=0")
    _opened(db, path, cell).executescript(_PIECES + _LASTING)
    return db


def open_reader(path: Path, cell: str) -> sqlite3.Connection:
    """A connection that cannot write, and neither checkpoints nor shortens the WAL when it closes."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    db = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA query_only=1")
    db.execute("PRAGMA wal_autocheckpoint=0")
    return _opened(db, path, cell)


def _opened(db: sqlite3.Connection, path: Path, cell: str) -> sqlite3.Connection:
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version != FORMAT:
            raise Corrupt(f"{path.name} has format {version}, not {FORMAT}; use the Hindcast that wrote it")
        (name,) = db.execute("SELECT name FROM cell").fetchone()
        if name != cell:
            raise Corrupt(f"{path.name} belongs to {name}, not to {cell}")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def translated(cell: str) -> Generator[None, None, None]:
    """SQLite's errors in our words: ``Transient`` for a full disk or a locked file, ``Corrupt`` for a broken one."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _FULL:
            raise _disk_full(cell, error) from error
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise Transient(f"{cell}: its file is locked ({error})", 0.1) from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise Corrupt(f"{cell}: {error}; restore its file from a backup") from error
        raise
    except OSError as error:
        if error.errno in _FULL_ERRNO:
            raise _disk_full(cell, error) from error
        raise


def _disk_full(cell: str, error: Exception) -> Transient:
    return Transient(f"{cell}: disk full or not writable ({error}); make room in the data directory", 5.0)
