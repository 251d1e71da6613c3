"""Copies of cells out of SQLite files and into them."""

from __future__ import annotations

import shutil
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from events.append import Position
from events.entry import Entry, decode_header, encode_header
from events.errors import Rejected
from events.log import Piece, Snapshot, SnapshotRef, Verdict
from events.sqlite_schema import (
    ADD_LASTING,
    EVERY_LASTING,
    IS_LASTING,
    SELECT_POSITION,
    STREAM_BITS,
    SUFFIX,
    create,
    file_name,
    open_reader,
    open_writer,
    sync_directory,
)
from events.sqlite_verify import verify
from events.stored_position import decode_journal, decode_position, encode_journal, encode_position
from events.transfer import CellCopy, CommitRecord
from events.verification import Start


def copy_of(path: Path, cell: str) -> CellCopy:
    """See ``CopySource.copy``."""
    if not path.exists():
        raise Rejected("cell", f"{cell!r} is not in this log")
    with closing(open_reader(path, cell)) as db:
        position = decode_position(db.execute(SELECT_POSITION).fetchone())
        names = list(position.streams)
        starts = {names[s]: Start(at, link) for s, at, link in db.execute("SELECT stream, below, chain FROM trimmed")}

    def entries(stream: str, after: int) -> Iterator[Entry]:
        base = names.index(stream) << STREAM_BITS
        rows = "SELECT header, payload FROM entry WHERE place > ? AND place <= ? ORDER BY place"
        with closing(open_reader(path, cell)) as db:
            for header, payload in db.execute(rows, (base | after, base | ((1 << STREAM_BITS) - 1))):
                yield Entry(decode_header(header), payload)

    def commits(after: int) -> Iterator[CommitRecord]:
        sources = list(position.cursor)
        rows = "SELECT number, at, nonce, journal FROM commits WHERE number > ? ORDER BY number"
        with closing(open_reader(path, cell)) as db:
            for number, at, nonce, journal in db.execute(rows, (after,)):
                found = tuple(decode_journal(number, journal, sources)) if journal else ()
                yield CommitRecord(number, at, nonce, found)

    def snapshots() -> Iterator[SnapshotRef]:
        with closing(open_reader(path, cell)) as db:
            yield from _snapshots(db)

    def lasting() -> Iterator[tuple[int, SnapshotRef]]:
        with closing(open_reader(path, cell)) as db:
            if db.execute(IS_LASTING).fetchone():
                for number, at, version, arch, data in db.execute(EVERY_LASTING):
                    yield at, SnapshotRef(number, Snapshot(version, arch, zlib.decompress(data), (), True))

    return CellCopy(position, starts, entries, commits, snapshots, lasting)


def _snapshots(db: sqlite3.Connection) -> Iterator[SnapshotRef]:
    pieced = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'has_piece'").fetchone()  # not in the oldest files
    brought: set[str] = set()
    for number, version, arch, data in db.execute(
        "SELECT number, fold_version, arch, data FROM snapshot ORDER BY number"
    ):
        rows = db.execute("SELECT name FROM has_piece WHERE number = ?", (number,)).fetchall() if pieced else []
        pieces: list[Piece] = []
        for (name,) in rows:
            found = None if name in brought else db.execute("SELECT data FROM piece WHERE name = ?", (name,)).fetchone()
            pieces.append(Piece(name, found[0] if found else None))
            brought.add(name)
        yield SnapshotRef(number, Snapshot(version, arch, data, tuple(pieces)))


class SqliteTarget:
    """``CopyTarget`` in a directory: it has another name until it is whole."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._draft = directory.with_name(directory.name + ".migrating")

    def begin(self) -> None:
        if self._directory.exists():
            raise Rejected(
                "log.place",
                f"there is a log in {self._directory} already (from before a migration?); move it away first",
            )
        shutil.rmtree(self._draft, ignore_errors=True)  # a cell's file is written in one go: it begins anew
        (self._draft / "cells").mkdir(mode=0o700, parents=True)

    def _path(self, cell: str) -> Path:
        return self._draft / "cells" / (file_name(cell) + SUFFIX)

    def adopt(self, cell: str, copy: CellCopy) -> None:
        path, position = self._path(cell), copy.position
        create(path, cell)
        with closing(open_writer(path, cell)) as db:
            db.execute("BEGIN IMMEDIATE")
            _fill(db, position, copy)
            db.execute("COMMIT")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def verify(self, cell: str) -> Verdict:
        return verify(self._path(cell), cell)

    def copy(self, cell: str) -> CellCopy:
        return copy_of(self._path(cell), cell)

    def finish(self) -> None:
        sync_directory(self._draft / "cells")
        self._draft.rename(self._directory)
        sync_directory(self._directory.parent)

    def close(self) -> None:
        pass  # nothing is kept open


def _fill(db: sqlite3.Connection, position: Position, copy: CellCopy) -> None:
    for place, stream in enumerate(position.streams):
        rows = (
            ((place << STREAM_BITS) | entry.header.end, encode_header(entry.header), entry.payload)
            for entry in copy.entries(stream, 0)
        )
        db.executemany("INSERT INTO entry(place, header, payload) VALUES (?, ?, ?)", rows)
        if start := copy.starts.get(stream):
            db.execute("INSERT INTO trimmed VALUES (?, ?, ?)", (place, start.offset, start.chain))
    commits = ((c.number, c.at, c.nonce, encode_journal(c.journal, position.cursor)) for c in copy.commits(0))
    db.executemany("INSERT INTO commits(number, at, nonce, journal) VALUES (?, ?, ?, ?)", commits)
    for number, snapshot in copy.snapshots():
        row = (number, snapshot.fold_version, snapshot.arch, snapshot.data)
        db.execute("INSERT INTO snapshot(number, fold_version, arch, data) VALUES (?, ?, ?, ?)", row)
        for name, data in snapshot.pieces:
            if data is not None:
                db.execute("INSERT INTO piece(name, data) VALUES (?, ?)", (name, data))
            db.execute("INSERT INTO has_piece(number, name) VALUES (?, ?)", (number, name))
    kept = ((n, at, s.fold_version, s.arch, zlib.compress(s.data, 3)) for at, (n, s) in copy.lasting())
    db.executemany(ADD_LASTING, kept)
    values = (position.epoch, position.number, position.committed, *encode_position(position))
    db.execute("UPDATE cell SET epoch = ?, number = ?, committed = ?, streams = ?, cursor = ?", values)
