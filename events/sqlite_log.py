"""The embedded log: SQLite, one file per cell, no server.

``<directory>/cells`` holds a file per cell (and its lock), ``<directory>/bells`` the doorbells of waiting processes.
Every process opens the directory for itself. What ``commit`` has answered survives a power cut (WAL, synchronous FULL).
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import time_ns

from events.append import Follower, Position, missing_piece
from events.doorbell import SETTLED_NS, Doorbell, Rung
from events.entry import Entry
from events.errors import Rejected
from events.log import Commit, Cursor, JournalRow, Lease, Room, SnapshotRef, Verdict
from events.sqlite_reader import CellReader
from events.sqlite_schema import SUFFIX, cell_name, file_name
from events.sqlite_transfer import copy_of
from events.sqlite_verify import verify
from events.sqlite_writer import CellWriter
from events.transfer import CellCopy

CELLS = "cells"


@dataclass(frozen=True, slots=True)
class SqliteSpec:
    """A log in a directory of this machine."""

    directory: Path

    def __str__(self) -> str:
        return str(self.directory)

    def exists(self) -> bool:
        return (self.directory / CELLS).is_dir()

    def open(self, *, woken: bool = True) -> SqliteLog:
        """Opens, or makes, the log. One that is not ``woken`` does not wake others either: for those who only read."""
        return SqliteLog(self.directory, doorbell=woken)


class SqliteLog:
    """``EventLog`` in a directory. ``doorbell=False``: waiters of other processes look once a second."""

    def __init__(self, directory: Path | str, *, doorbell: bool = True) -> None:
        root = self._root = Path(directory)
        self._cells_dir = root / CELLS
        bells = root / "bells"
        for folder in (root, self._cells_dir, bells):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._bell = Doorbell(bells if doorbell else None)
        self._mutex = threading.Lock()
        self._writers: dict[str, CellWriter] = {}
        self._readers: dict[str, CellReader] = {}
        self._listed: tuple[int, dict[str, Position]] = (-1, {})
        self._follower = Follower()
        self._closed = False

    # -- writing -------------------------------------------------------------------------------------------------

    def acquire(self, cell: str, writes: Sequence[str]) -> Lease:
        lease, declared = self._writer(cell).acquire(writes)
        if declared:
            os.utime(self._cells_dir)  # shows every process that there is something new to list
            self._bell.ring(cell)
        return lease

    def release(self, cell: str) -> None:
        with self._mutex:
            writer = self._writers.pop(cell, None)
        if writer is not None:
            writer.close()

    def commit(self, lease: Lease, commit: Commit) -> int:
        number = self._writer(lease.cell).commit(lease, commit)
        self._bell.ring(lease.cell)
        return number

    def _writer(self, cell: str) -> CellWriter:
        with self._mutex:
            if self._closed:
                raise RuntimeError("the log is closed")
            writer = self._writers.get(cell)
            if writer is None:
                writer = self._writers[cell] = CellWriter(self._path(cell), cell)
            return writer

    def _path(self, cell: str) -> Path:
        return self._cells_dir / (file_name(cell) + SUFFIX)

    # -- reading -------------------------------------------------------------------------------------------------

    def read(self, stream: str, producer: str, after: int, max_bytes: int) -> Sequence[Entry]:
        reader = self._reader(producer)
        entries = reader.read(stream, after, max_bytes) if reader else []
        self._follower.check((stream, producer), entries)
        return entries

    def head(self, stream: str, producer: str) -> int:
        reader = self._reader(producer)
        return reader.head(stream) if reader else 0

    def producers(self, stream: str) -> Sequence[str]:
        return [cell for cell, position in self._list().items() if stream in position.streams]

    def cells(self) -> Sequence[str]:
        """Every cell that was ever acquired, sorted."""
        return list(self._list())

    def _list(self) -> dict[str, Position]:
        stamp = self._cells_dir.stat().st_mtime_ns
        if stamp != self._listed[0]:
            names = sorted(cell_name(path.stem) for path in self._cells_dir.glob(f"*{SUFFIX}"))
            readers = [(name, self._reader(name)) for name in names]
            listed = {name: reader.position() for name, reader in readers if reader}
            self._listed = (stamp if time_ns() - stamp > SETTLED_NS else -1, listed)
        return self._listed[1]

    def journal(self, cell: str, after: int) -> Sequence[JournalRow]:
        reader = self._reader(cell)
        return reader.journal(after) if reader else []

    def last_commit(self, cell: str) -> tuple[int, int]:
        reader = self._reader(cell)
        position = reader.position() if reader else Position()
        return position.number, position.committed

    def commit_at(self, cell: str, at: int) -> int:
        reader = self._reader(cell)
        return reader.commit_at(at) if reader else 0

    def cursor(self, cell: str) -> Cursor:
        reader = self._reader(cell)
        return reader.position().cursor if reader else {}

    def snapshots(self, cell: str) -> Sequence[SnapshotRef]:
        reader = self._reader(cell)
        return reader.snapshots() if reader else []

    def snapshot_at(self, cell: str, commit: int, fold_version: int, arch: str) -> SnapshotRef | None:
        reader = self._reader(cell)
        return reader.snapshot_at(commit, fold_version, arch) if reader else None

    def piece(self, cell: str, name: str) -> bytes:
        reader = self._reader(cell)
        if reader is None:
            raise missing_piece(cell, name)
        return reader.piece(name)

    def _reader(self, cell: str) -> CellReader | None:
        """None where the cell has no file yet."""
        reader = self._readers.get(cell)
        if reader is None:
            path = self._path(cell)
            if not path.exists():
                return None
            reader = self._readers.setdefault(cell, CellReader(path, cell))
        return reader

    def wait(self, after: Cursor, timeout_s: float) -> bool:
        by_cell: dict[str, list[tuple[str, int]]] = {}
        for (stream, producer), offset in after.items():
            by_cell.setdefault(producer, []).append((stream, offset))

        def ready(rung: Rung) -> bool:
            cells = by_cell if rung is None else by_cell.keys() & rung
            return any(self._has_news(cell, by_cell[cell]) for cell in cells)

        return self._bell.wait(ready, timeout_s)

    def wake(self) -> None:
        self._bell.wake()

    def _has_news(self, cell: str, wanted: Sequence[tuple[str, int]]) -> bool:
        reader = self._reader(cell)
        if reader is None:
            return False
        streams = reader.position().streams
        return any(stream in streams and streams[stream].head > offset for stream, offset in wanted)

    # -- upkeep --------------------------------------------------------------------------------------------------

    def size(self) -> int:
        total = 0
        for path in self._root.rglob("*"):
            with suppress(FileNotFoundError):  # a bell that was taken down meanwhile
                total += path.stat().st_size if path.is_file() else 0
        return total

    def room(self) -> Room:
        return Room(shutil.disk_usage(self._root).free, "disk")

    def verify(self, cell: str) -> Verdict:
        """See ``events.sqlite_verify``."""
        path = self._path(cell)
        if not path.exists():
            raise Rejected("cell", f"{cell!r} is not in this log")
        return verify(path, cell)

    def copy(self, cell: str) -> CellCopy:
        """See ``events.transfer``."""
        return copy_of(self._path(cell), cell)

    def trim(self, stream: str, producer: str, below: int) -> None:
        if self._path(producer).exists():
            self._writer(producer).trim(stream, below)

    def close(self) -> None:
        with self._mutex:
            self._closed = True
            writers, self._writers = list(self._writers.values()), {}
        self._bell.close()
        for reader in list(self._readers.values()):
            reader.close()
        self._readers.clear()
        for writer in writers:
            writer.close()
