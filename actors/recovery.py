"""How a cell gets its state back: the newest snapshot that its fold can read, then what the journal names above it.

A fold of another version than the snapshots', or on another CPU architecture, refolds from the beginning: a new
*generation* of the state. That may take long, so it goes in bounded steps, saves where it is on the way (a kill costs the
work since then, no more), and says how far it has come. What the old generation last showed is kept until it is done.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterator, Mapping, Sequence
from heapq import merge
from itertools import groupby
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from actors.fold import Batch, Fold, Pieced, Placed, Recorded
from actors.slices import Ahead, journal_above, own_entries
from events.entry import Entry
from events.log import Cursor, JournalRow, LogReader, SnapshotRef, Source

S = TypeVar("S")
ARCH = platform.machine()
logger = logging.getLogger(__name__)


class Limits(NamedTuple):
    """How much one step takes in, and when a snapshot is due."""

    read_bytes: int = 4 << 20
    """Stored bytes read of each source in one step."""
    snapshot_rows: int = 400_000
    snapshot_commits: int = 3_600
    lasting_commits: int = 600
    """Of a cell whose views people look back on: what is between two snapshots has to be folded while they wait."""
    crashes: int = 3
    """The crash at one place that sets the guilty row aside."""
    refold_rows: int = 100_000
    """Rows, or commits, that a step of a recovery folds before others get their turn."""
    refold_commits: int = 1_000
    refolded_rows: int = 2_000_000
    """Rows, or commits, after which a recovery saves where it is."""
    refolded_commits: int = 100_000


class Shown(msgspec.Struct):
    """What the views of a fold showed when a snapshot was made: answers while there is no state to ask."""

    version: int
    """Of the fold."""
    commit: int
    at: int
    """us UTC."""
    topics: dict[str, Any]


class Saved(msgspec.Struct):
    """A snapshot's content: the state, and where the cell stood in its inputs and outputs."""

    state: bytes
    cursor: dict[str, int]
    heads: dict[str, int]
    stands_at: int | None = None
    """The commit that the state stands at, where that is not the snapshot's own: it was saved while refolding."""
    shown: Shown | None = None


class Progress(NamedTuple):
    """How far a recovery has come: offsets of the cell's past that are taken in, and all of them."""

    done: int
    total: int

    @property
    def share(self) -> float:
        return self.done / self.total if self.total else 1.0

    def __str__(self) -> str:
        return f"{self.share:.0%}: {self.done:,} of {self.total:,} rows of its past are folded"


class Recovery(Generic[S]):
    """One cell's way to its last commit, or to commit ``until``. ``step`` until it answers False; then ``state`` and
    ``cursor`` are whole."""

    def __init__(self, cell: str, fold: Fold[S], log: LogReader, limits: Limits, *, until: int | None = None) -> None:
        self._until = until
        self._cell = cell
        self._fold = fold
        self._log = log
        self._limits = limits
        self._recorded = fold if isinstance(fold, Recorded) else None
        self.stored: frozenset[str] = frozenset()
        """Pieces of the snapshot that the state came from."""
        self.state, self.commit, self.saved = self._loaded()
        """``commit``: the one that the state stands at so far."""
        self.cursor = cursor_of(self.saved)
        self.heads = dict(self.saved.heads)
        self.rows = self.commits = 0
        """Folded since the snapshot."""
        self._unsaved = (0, 0)
        self._ahead = Ahead(log)
        self._history = self._past()

    def _loaded(self) -> tuple[S, int, Saved]:
        """(state, commit number, content) of the newest snapshot that this fold can use, or of the beginning."""
        for ref in reversed(self._saved()):
            if (ref.snapshot.fold_version, ref.snapshot.arch) == (self._fold.version, ARCH):
                try:
                    saved = content_of(ref)
                    at = ref.commit if saved.stands_at is None else saved.stands_at
                    return self._placed(self._opened(saved.state), saved), at, saved
                except Exception:  # whatever damage makes of it: the log has the truth, an older snapshot may do
                    logger.exception("%s: snapshot %d is unreadable; refolding", self._cell, ref.commit)
        return self._fold.initial(), 0, Saved(b"", {}, {})

    def _saved(self) -> Sequence[SnapshotRef]:
        """The snapshots to begin with, the best one last."""
        if self._until is None:
            return self._log.snapshots(self._cell)
        found = self._log.snapshot_at(self._cell, self._until, self._fold.version, ARCH)
        return [] if found is None else [found]

    def _opened(self, data: bytes) -> S:
        if not isinstance(self._fold, Pieced):
            return self._fold.load(data)
        taken: list[str] = []

        def piece(name: str) -> bytes:
            taken.append(name)
            return self._log.piece(self._cell, name)

        state: S = self._fold.load_apart(data, piece)
        self.stored = frozenset(taken)
        return state

    def _placed(self, state: S, saved: Saved) -> S:
        return self._fold.stands(state, cursor_of(saved)) if isinstance(self._fold, Placed) else state

    @property
    def progress(self) -> Progress:
        heads = {stream: self._log.head(stream, self._cell) for stream in self._fold.writes}
        total = self._size(self._log.cursor(self._cell), heads)
        return Progress(min(self._size(self.cursor, self.heads), total), total)

    def _size(self, cursor: Cursor, heads: Mapping[str, int]) -> int:
        return sum(cursor.values()) + (sum(heads.get(s, 0) for s in self._fold.writes) if self._recorded else 0)

    @property
    def worth_saving(self) -> bool:
        """Whether so much was folded since the last snapshot that it should not be lost."""
        rows, commits = self._unsaved
        return rows >= self._limits.refolded_rows or commits >= self._limits.refolded_commits

    @property
    def unsaved(self) -> bool:
        return self._unsaved != (0, 0)

    def was_saved(self) -> None:
        self._unsaved = (0, 0)

    def step(self) -> bool:
        """Take in some more whole commits; False once there is none left."""
        rows = commits = 0
        while rows < self._limits.refold_rows and commits < self._limits.refold_commits:
            found = next(self._history, None)
            if found is None:
                return False
            number, took = self._take(*found)
            self.commit = number
            rows += took
            commits += 1
            self.rows += took
            self.commits += 1
            self._unsaved = (self._unsaved[0] + took, self._unsaved[1] + 1)
        return True

    def _take(self, number: int, consumed: tuple[JournalRow, ...], emitted: tuple[Entry, ...]) -> tuple[int, int]:
        """(commit, rows) taken in: what it consumed, or what it recorded; never both (see ``Fold``)."""
        rows = 0
        for row in consumed:
            for batch in self._ahead.journaled(row):
                self.state = self._fold.fold(self.state, batch)[0]
                rows += batch.rows
            self.cursor[row.stream, row.producer] = row.end
        for entry in emitted:
            # The fold's own emission while it read is not absorbed: folding the input again has made its state.
            if not consumed and self._recorded:
                self.state = self._recorded.absorb(
                    self.state, Batch(entry.header, entry.header.first, entry.batch(), True)
                )
                rows += entry.header.rows
            self.heads[entry.header.stream] = entry.header.end
        return number, rows

    def _past(self) -> Iterator[tuple[int, tuple[JournalRow, ...], tuple[Entry, ...]]]:
        """(number, what it consumed, the fold's own rows of it) of each commit above the snapshot, in order."""
        journal = journal_above(self._log, self._cell, self.commit)
        writes = self._fold.writes if self._recorded else ()
        own = own_entries(self._log, self._cell, writes, dict(self.heads), self.commit)
        read = ((n, 0, tuple(rows)) for n, rows in groupby(journal, key=lambda row: row.commit))
        told = ((n, 1, tuple(entries)) for n, entries in groupby(own, key=lambda entry: entry.header.commit))
        both = merge(read, told, key=lambda part: part[:2])
        for number, parts in groupby(both, key=lambda part: part[0]):
            if self._until is not None and number > self._until:
                return
            found: dict[int, tuple[Any, ...]] = {kind: items for _, kind, items in parts}
            yield number, found.get(0, ()), found.get(1, ())


def content_of(ref: SnapshotRef) -> Saved:
    """Raises ``msgspec.MsgspecError`` for a damaged one."""
    return msgspec.msgpack.decode(ref.snapshot.data, type=Saved)


def last_shown(log: LogReader, cell: str) -> Shown | None:
    """What the cell's views showed when the newest snapshot was made that has kept it, of whatever generation."""
    for ref in reversed(log.snapshots(cell)):
        try:
            shown = content_of(ref).shown
        except msgspec.MsgspecError:
            continue
        if shown is not None:
            return shown
    return None


def cursor_of(saved: Saved) -> dict[Source, int]:
    places = ((*key.split(" ", 1), offset) for key, offset in saved.cursor.items())
    return {(stream, producer): offset for stream, producer, offset in places}
