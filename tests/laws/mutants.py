"""Logs that break one promise each. A simulator that lets one of them live proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from events.append import Tail
from events.log import Commit, Lease
from events.memory_log import MemoryLog


class Torn(MemoryLog):
    """A log that commits in more than one transaction; ``between`` is called between them, and may crash."""

    between: Callable[[], None] = staticmethod(lambda: None)


class NoEpochCheck(MemoryLog):
    """Whoever comes may write: fencing is off."""

    def commit(self, lease: Lease, commit: Commit) -> int:
        return super().commit(replace(lease, epoch=self._cells[lease.cell].position.epoch), commit)


class NoCompareAndSet(MemoryLog):
    """A commit need not stand on the last one."""

    def commit(self, lease: Lease, commit: Commit) -> int:
        stored = self._cells[lease.cell]
        if self._is_retry(stored, commit):
            return commit.after + 1
        return super().commit(lease, replace(commit, after=stored.position.number))


class OutputsThenJournal(Torn):
    """Outputs first, what they were made of afterwards."""

    def commit(self, lease: Lease, commit: Commit) -> int:
        number = super().commit(lease, replace(commit, journal=(), snapshot=None))
        stored = self._cells[lease.cell]
        self.between()
        stored.commits[-1] = (*stored.commits[-1][:2], commit.journal)
        cursor = {**stored.position.cursor, **{(r.stream, r.producer): r.end for r in commit.journal}}
        stored.position = replace(stored.position, cursor=cursor)
        if commit.snapshot:
            self._keep(stored, number, commit.snapshot)
        return number


class SnapshotFirst(Torn):
    """The snapshot is saved apart from the commit that it belongs to, before it."""

    def commit(self, lease: Lease, commit: Commit) -> int:
        stored = self._cells[lease.cell]
        if commit.snapshot and commit.after == stored.position.number:
            self._keep(stored, commit.after + 1, commit.snapshot)
        self.between()
        return super().commit(lease, replace(commit, snapshot=None))


class RetryTwice(MemoryLog):
    """A repeated commit is a new one."""

    def commit(self, lease: Lease, commit: Commit) -> int:
        stored = self._cells[lease.cell]
        if self._is_retry(stored, commit):
            commit = replace(commit, after=stored.position.number, nonce=b"again " + commit.nonce, journal=())
        return super().commit(lease, commit)


class LeavesGaps(MemoryLog):
    """Offsets that are not dense."""

    def commit(self, lease: Lease, commit: Commit) -> int:
        number = super().commit(lease, commit)
        stored = self._cells[lease.cell]
        streams: dict[str, Any] = {
            s: Tail(t.head + (number % 3 == 0), t.chain) for s, t in stored.position.streams.items()
        }
        stored.position = replace(stored.position, streams=streams)
        return number


MUTANTS: tuple[type[MemoryLog], ...] = (
    NoEpochCheck,
    NoCompareAndSet,
    OutputsThenJournal,
    SnapshotFirst,
    RetryTwice,
    LeavesGaps,
)
