"""The log port: everything that a backend must do, and the types that cross it.

A *cell* (``tenant/fold/partition``) is the single writer of its outputs, journal and snapshots. A commit is all or
nothing: outputs, journal rows, cursor and snapshot together, and only if the lease's epoch is the newest and the commit
stands on the cell's last one.

Three small protocols, by who needs what: ``LogReader`` (whoever answers questions), ``LogWriter`` (a cell, beside the
reader), ``LogUpkeep`` (operators and their tools). ``EventLog`` is all three. A ``LogSpec`` says where a log is: it crosses
between processes, and each process opens the log for itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from events.entry import NO_WATERMARK, Entry, Payload

JOURNAL_COMMITS = 100_000
"""Of so many commits the journal is answered at once: a cell's whole past may have hundreds of millions."""

Source = tuple[str, str]
"""(stream, producer): one producer's log of one stream."""

Cursor = Mapping[Source, int]
"""A cell's place in all its inputs: the next offset to read of each."""


class Lease(msgspec.Struct, frozen=True):
    """The right to write for a cell, and where to resume."""

    cell: str
    epoch: int
    commit: int
    """Number of the cell's last commit; 0 before the first."""
    committed: int
    """Time of that commit, microseconds UTC; 0 before the first."""
    cursor: dict[Source, int]
    heads: dict[str, int]
    """Next offset of each stream that the cell writes."""


class JournalRow(msgspec.Struct, frozen=True):
    """One slice that a commit consumed: rows ``[start, end)`` of a producer's stream, less the skipped offsets."""

    commit: int
    stream: str
    producer: str
    start: int
    end: int
    version: int
    skipped: tuple[int, ...] = ()


class Output(msgspec.Struct, frozen=True):
    """What a commit appends to one stream: a payload, or none and only a watermark (a punctuation)."""

    stream: str
    payload: Payload
    watermark: int = NO_WATERMARK
    position: bytes = b""
    """Where the rows' source is to be read on; see ``EntryHeader.position``."""


class Piece(NamedTuple):
    """A part of saved states that never changes: stored with the first snapshot that has it, named by those after it."""

    name: str
    """Stands for the content within the cell."""
    data: bytes | None
    """None: a snapshot that is still kept has it."""


class Snapshot(msgspec.Struct, frozen=True):
    """A saved state: only a fold of the same version on the same CPU architecture may load it."""

    fold_version: int
    arch: str
    data: bytes
    pieces: tuple[Piece, ...] = ()
    """All that belong to it. ``LogReader.snapshots`` leaves them out; ``LogReader.piece`` reads one."""
    lasting: bool = False
    """Whether it is also kept for looks back; then it has no pieces. ``events.append.thinned`` says for how long."""


class SnapshotRef(NamedTuple):
    """A stored snapshot and the commit number it stands at, newest last."""

    commit: int
    snapshot: Snapshot


class Commit(msgspec.Struct, frozen=True):
    """One step of a cell. ``nonce`` makes a retry after a lost reply harmless."""

    after: int
    """The commit number it stands on (compare and set)."""
    nonce: bytes
    at: int
    """Wall-clock time at the edge, microseconds UTC; the log stores the larger of it and the last commit's."""
    journal: tuple[JournalRow, ...] = ()
    outputs: tuple[Output, ...] = ()
    snapshot: Snapshot | None = None


class Room(NamedTuple):
    """How much more a log can take."""

    free_bytes: int | None
    """None: it has no bound of its own."""
    of: str
    """What would be full: ``disk | memory``."""


class Tombstone(NamedTuple):
    """An entry from which somebody was erased: ``was`` and ``now`` are its chain hashes before and after, hexadecimal."""

    stream: str
    first: int
    was: str
    now: str


class Verdict(msgspec.Struct):
    """What ``LogUpkeep.verify`` counted of a cell, and what is wrong with it (the first hundred problems, in words)."""

    cell: str
    commits: int = 0
    entries: int = 0
    rows: int = 0
    payload_bytes: int = 0
    journal_rows: int = 0
    snapshots: int = 0
    segments: int = 0
    """Ranges of what it wrote that are in the archive."""
    problems: list[str] = []
    tombstones: list[Tombstone] = []

    @property
    def sound(self) -> bool:
        return not self.problems


class LogReader(Protocol):
    """To read a log. Readers never block writers; no read transaction outlives one ``read``. Safe for several threads."""

    def read(self, stream: str, producer: str, after: int, max_bytes: int) -> Sequence[Entry]:
        """Committed entries that hold offset ``after`` or a later one, oldest first; at least one if there is one."""
        ...

    def head(self, stream: str, producer: str) -> int:
        """The next offset that the producer will write; 0 where it has written none."""
        ...

    def producers(self, stream: str) -> Sequence[str]:
        """Every cell that ever declared to write ``stream``, sorted."""
        ...

    def cells(self) -> Sequence[str]:
        """Every cell that was ever acquired, sorted."""
        ...

    def journal(self, cell: str, after: int) -> Sequence[JournalRow]:
        """Journal rows of the commits above ``after``, in the order consumed; none where no commit above it has any.

        Of ``JOURNAL_COMMITS`` commits at most, each whole: ask again from the last one.
        """
        ...

    def last_commit(self, cell: str) -> tuple[int, int]:
        """(number, time) of the cell's last commit; (0, 0) for a cell that never committed."""
        ...

    def commit_at(self, cell: str, at: int) -> int:
        """Number of the cell's last commit whose time is not after ``at`` (microseconds UTC); 0: there is none."""
        ...

    def cursor(self, cell: str) -> Cursor:
        """How far the cell has read each of its sources; empty for a cell that never committed."""
        ...

    def snapshots(self, cell: str) -> Sequence[SnapshotRef]:
        """Stored snapshots, oldest first and without their pieces: the newest two, and the newest of the generation before.

        A generation is what a fold of one version makes on one CPU architecture.
        """
        ...

    def snapshot_at(self, cell: str, commit: int, fold_version: int, arch: str) -> SnapshotRef | None:
        """The newest lasting snapshot of that generation that stands at ``commit`` or below; None where none is left.

        A log may keep fewer than ``events.append.thinned`` says; what is missing is folded.
        """
        ...

    def piece(self, cell: str, name: str) -> bytes:
        """A piece of one of the stored snapshots. Raises ``Corrupt`` where none has it."""
        ...

    def wait(self, after: Cursor, timeout_s: float) -> bool:
        """True as soon as one of the sources has an entry at or beyond its offset; False after ``timeout_s``."""
        ...

    def wake(self) -> None:
        """End every ``wait`` on this handle that is under way; one that finds nothing new answers False."""
        ...

    def close(self) -> None:
        """Release files and sockets; a commit after it raises."""
        ...


class LogWriter(Protocol):
    """To write for a cell: take it over, then commit."""

    def acquire(self, cell: str, writes: Sequence[str]) -> Lease:
        """Take the cell over: epoch + 1. Whoever held it is fenced from here on. ``writes`` names its streams."""
        ...

    def release(self, cell: str) -> None:
        """Let go of what this handle keeps open to write for ``cell``, which goes on elsewhere. Its lease stays as it is."""
        ...

    def commit(self, lease: Lease, commit: Commit) -> int:
        """Append everything or nothing; answers the commit number, also when the same commit comes again.

        Raises ``Fenced`` (a newer epoch), ``Conflict`` (not on the last commit), ``Transient`` (full disk), ``Corrupt``
        (a journal row does not begin where the last one of its source ended, or a piece that the snapshot only names is
        not stored) and ``ValueError`` (a stream that the cell did not declare); nothing of the commit is kept then.
        """
        ...


class LogUpkeep(Protocol):
    """To look after a log: what it holds, whether that is whole, how much more it takes, and what it may forget."""

    def size(self) -> int:
        """Bytes that the log takes up."""
        ...

    def room(self) -> Room:
        """How much more it can take. Cheap enough to be asked once a second."""
        ...

    def verify(self, cell: str) -> Verdict:
        """Read all that is stored of ``cell``: are offsets dense, chain hashes right, entries readable, the journal whole?

        It holds up nobody; what is committed meanwhile is not looked at. Raises ``Rejected`` for a cell that is not there.
        """
        ...

    def trim(self, stream: str, producer: str, below: int) -> None:
        """Forget entries that lie wholly below offset ``below``, but never the newest: it carries the watermark.

        Offsets do not change; a read from below gives the oldest entry that is left.
        Whoever calls this keeps what readers still need: their cursors and snapshots, and the past below each cut that
        is wanted on ``past_requests`` until it was taken or dropped.
        """
        ...


class CellLog(LogReader, LogWriter, Protocol):
    """What a cell needs: to read its inputs, and to write its own."""


class EventLog(CellLog, LogUpkeep, Protocol):
    """The whole port, as a backend implements it."""


class LogSpec(Protocol):
    """Where a log is. Small and picklable: what is handed to hosts and gateways, which open the log for themselves.

    As text it is what people are told of the place, without secrets.
    """

    def exists(self) -> bool:
        """Whether there is a log; ``open`` makes one where there is none."""
        ...

    def open(self, *, woken: bool = True) -> EventLog:
        """The log, for this process. ``woken``: commits of other processes end a ``wait`` at once; else it looks once a
        second."""
        ...
