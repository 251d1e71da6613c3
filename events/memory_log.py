"""The log in memory: for tests, the fault simulator and backtests. Deterministic, and safe for several threads."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Condition

import msgspec

from events.append import Position, admit, appended, kept, missing_piece, taken_over, thinned
from events.entry import Entry
from events.envelope import CellName
from events.errors import Fenced, Rejected
from events.log import JOURNAL_COMMITS, Commit, Cursor, JournalRow, Lease, Room, Snapshot, SnapshotRef, Source, Verdict
from events.verification import Start, StoredCommit, commit_problems, judged, stream_problems


class _Stored:
    """Everything of one cell."""

    def __init__(self) -> None:
        self.position = Position()
        self.entries: dict[str, list[Entry]] = {}
        self.starts: dict[str, Start] = {}
        """Of the streams that were trimmed."""
        self.commits: list[tuple[int, bytes, tuple[JournalRow, ...]]] = []
        self.snapshots: list[SnapshotRef] = []
        self.pieces: dict[str, bytes] = {}
        self.lasting: list[SnapshotRef] = []


class _Memory:
    """What every handle on one log shares."""

    def __init__(self) -> None:
        self.cells: dict[str, _Stored] = {}
        self.changed = Condition()


_NAMED: dict[str, _Memory] = {}


@dataclass(frozen=True, slots=True)
class MemorySpec:
    """A log of that name in the memory of this process, for as long as the process lives."""

    name: str

    def __str__(self) -> str:
        return f"{self.name} in memory"

    def exists(self) -> bool:
        return self.name in _NAMED

    def open(self, *, woken: bool = True) -> MemoryLog:
        """One of any number of handles on the log; all of them are woken, for they share a process."""
        return MemoryLog(_NAMED.setdefault(self.name, _Memory()))


class MemoryLog:
    """``EventLog`` without disk: what it holds is gone with the process. ``memory``: of another handle on the same log."""

    def __init__(self, memory: _Memory | None = None) -> None:
        memory = memory or _Memory()
        self._cells = memory.cells
        self._changed = memory.changed
        self._closed = False
        self._wakes = 0

    def acquire(self, cell: str, writes: Sequence[str]) -> Lease:
        CellName.parse(cell)
        with self._changed:
            self._check_open()
            stored = self._cells.setdefault(cell, _Stored())
            stored.position = taken_over(stored.position, writes)
            for stream in stored.position.streams:
                stored.entries.setdefault(stream, [])
            return stored.position.lease(cell)

    def release(self, cell: str) -> None:
        pass  # nothing is kept open

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
        if snapshot.lasting:
            stored.lasting.append(SnapshotRef(number, snapshot))
            at = [(ref.commit, stored.commits[ref.commit - 1][0]) for ref in stored.lasting]
            gone = {*thinned(at, stored.position.committed)}
            stored.lasting = [ref for ref in stored.lasting if ref.commit not in gone]
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

    def commit_at(self, cell: str, at: int) -> int:
        with self._changed:
            stored = self._cells.get(cell)
            return bisect_right(stored.commits, at, key=lambda commit: commit[0]) if stored else 0

    def cursor(self, cell: str) -> Cursor:
        with self._changed:
            stored = self._cells.get(cell)
            return dict(stored.position.cursor) if stored else {}

    def snapshots(self, cell: str) -> Sequence[SnapshotRef]:
        with self._changed:
            stored = self._cells.get(cell)
            refs = stored.snapshots if stored else []
            return [SnapshotRef(number, msgspec.structs.replace(saved, pieces=())) for number, saved in refs]

    def snapshot_at(self, cell: str, commit: int, fold_version: int, arch: str) -> SnapshotRef | None:
        with self._changed:
            stored = self._cells.get(cell)
            fitting = [
                ref
                for ref in (stored.lasting if stored else [])
                if ref.commit <= commit and (ref.snapshot.fold_version, ref.snapshot.arch) == (fold_version, arch)
            ]
            return fitting[-1] if fitting else None

    def piece(self, cell: str, name: str) -> bytes:
        with self._changed:
            stored = self._cells.get(cell)
            if stored is None or name not in stored.pieces:
                raise missing_piece(cell, name)
            return stored.pieces[name]

    def wait(self, after: Cursor, timeout_s: float) -> bool:
        def news() -> bool:
            return any(self._head(source) > offset for source, offset in after.items())

        with self._changed:
            wakes = self._wakes
            self._changed.wait_for(lambda: news() or self._wakes != wakes, timeout_s)
            return news()

    def wake(self) -> None:
        with self._changed:
            self._wakes += 1
            self._changed.notify_all()

    def trim(self, stream: str, producer: str, below: int) -> None:
        with self._changed:
            stored = self._cells.get(producer)
            entries = stored.entries.get(stream, []) if stored else []
            keep = bisect_right(entries, below, key=lambda e: e.header.end)
            gone = entries[: min(keep, len(entries) - 1)]
            if stored and gone:
                stored.starts[stream] = Start(gone[-1].header.end, gone[-1].header.chain)
                del entries[: len(gone)]

    def size(self) -> int:
        """Bytes of payloads, snapshots and their pieces; what Python needs around them is not counted."""
        with self._changed:
            return sum(map(_size, self._cells.values()))

    def room(self) -> Room:
        return Room(None, "memory")

    def verify(self, cell: str) -> Verdict:
        with self._changed:
            stored = self._cells.get(cell)
            if stored is None:
                raise Rejected("cell", f"{cell!r} is not in this log")
            verdict = Verdict(cell, snapshots=len(stored.snapshots))
            return judged(verdict, _problems(stored, verdict))

    def close(self) -> None:
        with self._changed:
            self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError("the log is closed")


def _size(stored: _Stored) -> int:
    payloads = sum(len(entry.payload) for entries in stored.entries.values() for entry in entries)
    snapshots = sum(len(ref.snapshot.data) for ref in stored.snapshots)
    return payloads + snapshots + sum(map(len, stored.pieces.values()))


def _problems(stored: _Stored, verdict: Verdict) -> Iterator[str]:
    position = stored.position
    for stream, entries in stored.entries.items():
        yield from stream_problems(entries, stream, stored.starts.get(stream, Start()), position, verdict)
    commits = (StoredCommit(n, at, rows) for n, (at, _, rows) in enumerate(stored.commits, 1))
    yield from commit_problems(commits, position, verdict)


def _numbered(row: JournalRow, commit: int) -> JournalRow:
    return JournalRow(commit, row.stream, row.producer, row.start, row.end, row.version, row.skipped)
