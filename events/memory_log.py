"""The log in memory: for tests, the fault simulator and backtests. Deterministic, and safe for several threads."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import islice
from threading import Condition

import msgspec

from events.append import Position, admit, appended, kept, missing_piece, taken_over
from events.entry import Entry
from events.envelope import CellName
from events.errors import Fenced
from events.log import JOURNAL_COMMITS, Commit, Cursor, JournalRow, Lease, Snapshot, SnapshotRef, Source


class _Stored:
    """Everything of one cell."""

    def __init__(self) -> None:
        self.position = Position()
        self.entries: dict[str, list[Entry]] = {}
        self.commits: list[tuple[int, bytes, tuple[JournalRow, ...]]] = []
        self.snapshots: list[SnapshotRef] = []
        self.pieces: dict[str, bytes] = {}


class MemoryLog:
    """``EventLog`` without disk: what it holds is gone with the process."""

    def __init__(self) -> None:
        self._cells: dict[str, _Stored] = {}
        self._changed = Condition()
        self._closed = False

    def acquire(self, cell: str, writes: Sequence[str]) -> Lease:
        CellName.parse(cell)
        with self._changed:
            self._check_open()
            stored = self._cells.setdefault(cell, _Stored())
            stored.position = taken_over(stored.position, writes)
            for stream in stored.position.streams:
                stored.entries.setdefault(stream, [])
            return stored.position.lease(cell)

    def commit(self, lease: Lease, commit: Commit) -> int:
        with self._changed:
            self._check_open()
            stored = self._cells.get(lease.cell)
            if stored is None:
                raise Fenced(f"{lease.cell} was never acquired here")
            if self._is_retry(stored, commit):
                return commit.after + 1
            admit(stored.position, lease, commit)
            self._check_pieces(stored, lease.cell, commit)
            tenant = CellName.parse(lease.cell).tenant
            position, entries = appended(lease.cell, tenant, stored.position, commit)
            rows = tuple(_numbered(row, position.number) for row in commit.journal)
            stored.position = position
            for entry in entries:
                stored.entries[entry.header.stream].append(entry)
            stored.commits.append((position.committed, commit.nonce, rows))
            if commit.snapshot is not None:
                self._keep(stored, position.number, commit.snapshot)
            self._changed.notify_all()
            return position.number

    @staticmethod
    def _is_retry(stored: _Stored, commit: Commit) -> bool:
        return commit.after < stored.position.number and stored.commits[commit.after][1] == commit.nonce

    @staticmethod
    def _check_pieces(stored: _Stored, cell: str, commit: Commit) -> None:
        for name, data in commit.snapshot.pieces if commit.snapshot else ():
            if data is None and name not in stored.pieces:
                raise missing_piece(cell, name)

    @staticmethod
    def _keep(stored: _Stored, number: int, snapshot: Snapshot) -> None:
        stored.snapshots = kept([*stored.snapshots, SnapshotRef(number, snapshot)])
        stored.pieces |= {name: data for name, data in snapshot.pieces if data is not None}
        named = {piece.name for ref in stored.snapshots for piece in ref.snapshot.pieces}
        stored.pieces = {name: data for name, data in stored.pieces.items() if name in named}

    def read(self, stream: str, producer: str, after: int, max_bytes: int) -> Sequence[Entry]:
        with self._changed:
            stored = self._cells.get(producer)
            entries = stored.entries.get(stream, []) if stored else []
            found: list[Entry] = []
            size = 0
            for place in range(bisect_right(entries, after, key=lambda e: e.header.end), len(entries)):
                size += len(entries[place].payload)
                if found and size > max_bytes:
                    break
                found.append(entries[place])
            return found

    def head(self, stream: str, producer: str) -> int:
        with self._changed:
            return self._head((stream, producer))

    def _head(self, source: Source) -> int:
        stored = self._cells.get(source[1])
        tail = stored.position.streams.get(source[0]) if stored else None
        return tail.head if tail else 0

    def producers(self, stream: str) -> Sequence[str]:
        with self._changed:
            return sorted(name for name, stored in self._cells.items() if stream in stored.position.streams)

    def cells(self) -> Sequence[str]:
        """Every cell that was ever acquired, sorted."""
        with self._changed:
            return sorted(self._cells)

    def journal(self, cell: str, after: int) -> Sequence[JournalRow]:
        with self._changed:
            stored = self._cells.get(cell)
            commits = stored.commits[max(after, 0) :] if stored else []
            consumed = islice((rows for _, _, rows in commits if rows), JOURNAL_COMMITS)
            return [row for rows in consumed for row in rows]

    def last_commit(self, cell: str) -> tuple[int, int]:
        with self._changed:
            stored = self._cells.get(cell)
            return (stored.position.number, stored.position.committed) if stored else (0, 0)

    def cursor(self, cell: str) -> Cursor:
        with self._changed:
            stored = self._cells.get(cell)
            return dict(stored.position.cursor) if stored else {}

    def snapshots(self, cell: str) -> Sequence[SnapshotRef]:
        with self._changed:
            stored = self._cells.get(cell)
            refs = stored.snapshots if stored else []
            return [SnapshotRef(number, msgspec.structs.replace(saved, pieces=())) for number, saved in refs]

    def piece(self, cell: str, name: str) -> bytes:
        with self._changed:
            stored = self._cells.get(cell)
            if stored is None or name not in stored.pieces:
                raise missing_piece(cell, name)
            return stored.pieces[name]

    def wait(self, after: Cursor, timeout_s: float) -> bool:
        with self._changed:
            return self._changed.wait_for(
                lambda: any(self._head(source) > offset for source, offset in after.items()), timeout_s
            )

    def trim(self, stream: str, producer: str, below: int) -> None:
        with self._changed:
            stored = self._cells.get(producer)
            entries = stored.entries.get(stream, []) if stored else []
            keep = bisect_right(entries, below, key=lambda e: e.header.end)
            del entries[: min(keep, len(entries) - 1)]

    def close(self) -> None:
        with self._changed:
            self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the log is closed")


def _numbered(row: JournalRow, commit: int) -> JournalRow:
    return JournalRow(commit, row.stream, row.producer, row.start, row.end, row.version, row.skipped)
