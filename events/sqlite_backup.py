"""A copy of the embedded log as it was at one moment, made while others read and write it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from events.sqlite_log import CELLS
from events.sqlite_schema import SUFFIX, cell_name, open_reader, sync_directory, translated
from events.sqlite_writer import write_lock

_PAGES = 2_048
"""Copied at once; between two steps other threads have their turn."""


def copy(directory: Path, into: Path) -> dict[str, int]:
    """Copy the log in ``directory`` to ``into``, a folder that is not there yet; answers the last commit of each cell.

    All cells are copied as of one moment: what one has read of another is in the copy, too. Commits wait only while that
    moment is fixed, some milliseconds; what is committed later is not in the copy. Raises ``Transient`` (a cell that is
    locked for long, a full disk), ``Corrupt``.
    """
    cells = into / CELLS
    cells.mkdir(mode=0o700, parents=True)
    commits: dict[str, int] = {}
    with ExitStack() as held:
        for name, db in _fixed(directory / CELLS, held):
            with translated(name):
                path = cells / db.path.name
                _copied(db.connection, path)
                (commits[name],) = db.connection.execute("SELECT number FROM cell").fetchone()
                db.connection.close()
    sync_directory(cells)
    return commits


class _Fixed:
    """A cell's file, read as of one moment until the connection is closed."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path
        self.connection = open_reader(path, name)

    def begin(self) -> None:
        self.connection.execute("BEGIN")
        self.connection.execute("SELECT number FROM cell").fetchone()


def _fixed(cells: Path, held: ExitStack) -> Iterator[tuple[str, _Fixed]]:
    """Every cell as of one moment: reading begins in all of them while nobody writes to any."""
    found: dict[str, _Fixed] = {}
    with ExitStack() as locks:
        while fresh := sorted(set(cells.glob(f"*{SUFFIX}")) - {one.path for one in found.values()}):
            for path in fresh:
                name = cell_name(path.stem)
                with translated(name):
                    locks.enter_context(write_lock(path, name))
                    found[name] = _Fixed(path, name)
                    held.callback(found[name].connection.close)
        for name, one in found.items():
            with translated(name):
                one.begin()
    yield from found.items()


def _copied(source: sqlite3.Connection, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        path.chmod(0o600)
        copy.execute("PRAGMA synchronous=FULL")
        source.backup(copy, pages=_PAGES)
        copy.execute("PRAGMA journal_mode=WAL")
        copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
