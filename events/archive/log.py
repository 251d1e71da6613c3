"""A log together with its archive: what was trimmed from the log is read from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from events.archive.blocks import Blocks
from events.archive.segments import Segments
from events.entry import Entry
from events.errors import Corrupt
from events.log import Commit, Cursor, EventLog, JournalRow, Lease, SnapshotRef

if TYPE_CHECKING:
    from events.archive.entries import ArchivedEntries


class ArchivedLog:
    """``EventLog`` of which old entries lie in the archive below ``root``. Whoever reads need not know which."""

    def __init__(self, log: EventLog, root: Path) -> None:
        self.log = log
        self.root = root
        self.segments = Segments(log, root)
        self.blocks = Blocks(root / "blocks")
        self._entries: ArchivedEntries | None = None

    def read(self, stream: str, producer: str, after: int, max_bytes: int) -> Sequence[Entry]:
        found = self.log.read(stream, producer, after, max_bytes)
        if found and found[0].header.first <= max(after, 0):
            return found
        self.segments.refresh()
        shelf = self.segments.of(stream, producer)
        if not shelf.segments:
            return found
        if after < shelf.end:
            archived = self._archived().read(shelf.segments, after, max_bytes)
            if archived:
                return archived
        if found:
            raise Corrupt(
                f"{stream} of {producer}: the archive ends at offset {shelf.end}, the log begins at {found[0].header.first}, and "
                f"{after} is wanted; restore the log from a backup"
            )
        return found

    def _archived(self) -> ArchivedEntries:
        from events.archive.entries import ArchivedEntries  # needs Parquet, which takes its time to import

        self._entries = self._entries or ArchivedEntries(self.root)
        return self._entries

    def unsound(self) -> Iterator[str]:
        """What is wrong with the archive's files, in words; reads all of them."""
        from events.archive.files import unsound

        self.segments.refresh()
        for segment in self.segments.all():
            yield from unsound(segment, self.root)

    # -- as the log has it -----------------------------------------------------------------------------------------

    def acquire(self, cell: str, writes: Sequence[str]) -> Lease:
        return self.log.acquire(cell, writes)

    def commit(self, lease: Lease, commit: Commit) -> int:
        return self.log.commit(lease, commit)

    def head(self, stream: str, producer: str) -> int:
        return self.log.head(stream, producer)

    def producers(self, stream: str) -> Sequence[str]:
        return self.log.producers(stream)

    def cells(self) -> Sequence[str]:
        return self.log.cells()

    def journal(self, cell: str, after: int) -> Sequence[JournalRow]:
        return self.log.journal(cell, after)

    def last_commit(self, cell: str) -> tuple[int, int]:
        return self.log.last_commit(cell)

    def cursor(self, cell: str) -> Cursor:
        return self.log.cursor(cell)

    def snapshots(self, cell: str) -> Sequence[SnapshotRef]:
        return self.log.snapshots(cell)

    def piece(self, cell: str, name: str) -> bytes:
        return self.log.piece(cell, name)

    def wait(self, after: Cursor, timeout_s: float) -> bool:
        return self.log.wait(after, timeout_s)

    def trim(self, stream: str, producer: str, below: int) -> None:
        self.log.trim(stream, producer, below)

    def close(self) -> None:
        self.log.close()
