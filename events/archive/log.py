"""A log together with its archive: what was trimmed from the log is read from there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from events.archive.blocks import Blocks
from events.archive.segments import Segment, Segments, Shelf
from events.entry import Entry
from events.errors import Corrupt
from events.log import (
    Commit,
    Cursor,
    EventLog,
    JournalRow,
    Lease,
    LogReader,
    LogSpec,
    Room,
    SnapshotRef,
    Source,
    Verdict,
)

if TYPE_CHECKING:
    from events.archive.entries import ArchivedEntries


@dataclass(frozen=True, slots=True)
class ArchivedSpec:
    """``LogSpec`` of a log with its archive below ``root``."""

    log: LogSpec
    root: Path

    def __str__(self) -> str:
        return str(self.log)

    def exists(self) -> bool:
        return self.log.exists()

    def open(self, *, woken: bool = True) -> ArchivedLog:
        return ArchivedLog(self.log.open(woken=woken), self.root, self)


class ArchivedLog:
    """``EventLog`` of which old entries lie in the archive below ``root``. Whoever reads need not know which."""

    def __init__(self, log: EventLog, root: Path, spec: ArchivedSpec | None = None) -> None:
        self.log = log
        self.root = root
        self.spec = spec
        """How another process opens it; None of a log that is in this process alone."""
        self.segments = Segments(log, root)
        self.blocks = Blocks(root / "blocks")
        self._entries: ArchivedEntries | None = None

    def read(self, stream: str, producer: str, after: int, max_bytes: int) -> Sequence[Entry]:
        found = self.log.read(stream, producer, after, max_bytes)
        if not found or found[0].header.first <= max(after, 0):  # a log never forgets its newest entry
            return found
        self.segments.refresh()
        shelf = self.segments.of(stream, producer)
        if not shelf.end:
            return found
        after = max(after, shelf.first)
        if found[0].header.first <= after:
            return self.log.read(stream, producer, after, max_bytes)
        if after < shelf.end:
            archived = self._archived().read(shelf.segments, after, max_bytes)
            if archived:
                return archived
        raise Corrupt(
            f"{stream} of {producer}: offset {after} is wanted, the archive ends at {shelf.end}, and the log begins at "
            f"{found[0].header.first}; restore the log from a backup"
        )

    def _archived(self) -> ArchivedEntries:
        from events.archive.entries import ArchivedEntries  # needs Parquet, which takes its time to import

        self._entries = self._entries or ArchivedEntries(self.root)
        return self._entries

    def verify(self, cell: str) -> Verdict:
        """What ``LogUpkeep.verify`` finds, and what is wrong with the archive of what the cell wrote, or between the two."""
        verdict = self.log.verify(cell)
        try:
            self.segments.refresh()
        except Corrupt as error:
            verdict.problems.append(str(error))
        for (stream, producer), shelf in self.segments.shelves():
            if producer == cell:
                verdict.segments += len(shelf.segments)
                verdict.problems += self._unsound(shelf.segments)
                verdict.problems += self._unlisted(stream, shelf.segments)
                verdict.problems += self._apart(stream, producer, shelf)
        return verdict

    def _unsound(self, segments: Sequence[Segment]) -> Iterator[str]:
        """Files that are missing or damaged."""
        from events.archive.files import unsound

        for segment in segments:
            yield from (f"{problem}; restore it from a backup" for problem in unsound(segment, self.root))

    def _unlisted(self, stream: str, segments: Sequence[Segment]) -> Iterator[str]:
        """Where the Delta table is not what the log records."""
        if segments:
            from events.archive.delta import (
                lacking,
            )  # needs the library for Delta tables, which takes its time to import

            yield from lacking(self.root, stream, segments)

    def _apart(self, stream: str, producer: str, shelf: Shelf) -> Iterator[str]:
        """Where the archive is not of this log: the chain of hashes says what each segment ended with."""
        whose = f"{stream} of {producer}"
        oldest = self.log.read(stream, producer, 0, 1)
        if oldest and oldest[0].header.first > shelf.end:
            yield f"{whose}: offsets {shelf.end} to {oldest[0].header.first} are in neither log nor archive; restore both"
        for segment in shelf.segments:
            kept = self.log.read(stream, producer, segment.end - 1, 1)
            if kept and kept[0].header.first < segment.end and kept[0].header.chain.hex() != segment.chain:
                yield (
                    f"{whose}: log and archive differ at offset {segment.end - 1}; they are not of one system, restore both "
                    "from one backup"
                )

    # -- as the log has it -----------------------------------------------------------------------------------------

    def acquire(self, cell: str, writes: Sequence[str]) -> Lease:
        return self.log.acquire(cell, writes)

    def release(self, cell: str) -> None:
        self.log.release(cell)

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

    def commit_at(self, cell: str, at: int) -> int:
        return self.log.commit_at(cell, at)

    def cursor(self, cell: str) -> Cursor:
        return self.log.cursor(cell)

    def snapshots(self, cell: str) -> Sequence[SnapshotRef]:
        return self.log.snapshots(cell)

    def snapshot_at(self, cell: str, commit: int, fold_version: int, arch: str) -> SnapshotRef | None:
        return self.log.snapshot_at(cell, commit, fold_version, arch)

    def piece(self, cell: str, name: str) -> bytes:
        return self.log.piece(cell, name)

    def wait(self, after: Cursor, timeout_s: float) -> bool:
        return self.log.wait(after, timeout_s)

    def wake(self) -> None:
        self.log.wake()

    def size(self) -> int:
        return self.log.size()

    def room(self) -> Room:
        return self.log.room()

    def trim(self, stream: str, producer: str, below: int) -> None:
        self.log.trim(stream, producer, below)

    def close(self) -> None:
        self.log.close()


def kept_from(log: LogReader, source: Source) -> int:
    """Below which offset nothing of ``source`` is kept any more, by the archive's retention; 0 where all of it is."""
    return log.segments.of(*source).first if isinstance(log, ArchivedLog) else 0
