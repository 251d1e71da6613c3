"""A cell: one fold at one partition, the single writer of its outputs, journal and snapshots.

``advance`` is read -> fold -> commit, sans-IO apart from the log port, so the same class runs in a Ray host, in a unit
test, under the fault simulator and in a backtest. After any failed commit the state is thrown away and reloaded.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
import pyarrow as pa

from actors.fold import Batch, Fold, Outputs, Pieced, Recorded
from actors.quarantine import Poison, isolate, quarantined
from actors.slices import gapless, journaled, own_entries, slices_of
from events.catalog import QUARANTINE, STREAMS
from events.entry import EMPTY, NO_WATERMARK, encode
from events.envelope import CellName
from events.errors import Corrupt
from events.log import Commit, EventLog, JournalRow, Lease, Output, Piece, Snapshot, Source

S = TypeVar("S")
R = TypeVar("R")
ARCH = platform.machine()
logger = logging.getLogger(__name__)


class Limits(NamedTuple):
    """How much one step takes in, and when a snapshot is due."""

    read_bytes: int = 4 << 20
    """Stored bytes read of each source in one step."""
    snapshot_rows: int = 400_000
    snapshot_commits: int = 3_600
    crashes: int = 3
    """The crash at one place that sets the guilty row aside."""


class Saved(msgspec.Struct):
    """A snapshot's content: the state, and where the cell stood in its inputs and outputs."""

    state: bytes
    cursor: dict[str, int]
    heads: dict[str, int]


class Cell(Generic[S]):
    """Runs ``fold`` for one tenant and partition on ``log``.

    ``now`` gives wall-clock microseconds for commit times only; no fold sees it. Errors that leave a method mean that
    the state is gone: call ``recover`` before anything else (``Fenced``: a newer instance runs; stop).
    """

    def __init__(
        self,
        fold: Fold[S],
        log: EventLog,
        *,
        tenant: str,
        partition: int = 0,
        now: Callable[[], int],
        limits: Limits | None = None,
    ) -> None:
        self.fold = fold
        self.name = str(CellName(tenant, fold.name, partition))
        self.tenant = tenant
        self._log = log
        self._now = now
        self._limits = limits or Limits()
        self._recorded = fold if isinstance(fold, Recorded) else None
        self._pieced = fold if isinstance(fold, Pieced) else None
        self._stored: frozenset[str] = frozenset()
        """Pieces of the newest snapshot: the next one only names them."""
        self._writes = (*fold.writes, QUARANTINE.name)
        self._crashes: dict[tuple[Source, int], int] = {}
        self._turn = 0
        self._consumed = 0
        self._skipped = 0
        self._state: S | None = None
        self._lease: Lease | None = None
        self._attempts = 0
        self._cursor: dict[Source, int] = {}
        self._heads: dict[str, int] = {}
        self._watermarks: dict[str, int] = {}
        self.seq = 0
        """Number of the last commit that the state stands at."""
        self._since_snapshot = (0, 0)

    # -- state ---------------------------------------------------------------------------------------------------

    @property
    def state(self) -> S:
        """The committed state, to look at. Raises ``Corrupt`` before ``recover``."""
        if self._state is None:
            raise Corrupt(f"{self.name} has no state; recover it first")
        return self._state

    @property
    def cursor(self) -> dict[Source, int]:
        return dict(self._cursor)

    def head(self, stream: str) -> int:
        """The offset that the cell's next row of ``stream`` will have."""
        return self._heads.get(stream, 0)

    def recover(self) -> None:
        """Bring the state to the cell's last commit: newest usable snapshot, then the tail.

        The first call takes the cell over. Later ones, after an error, keep the lease: an instance that was replaced in
        the meantime learns it at its next commit (``Fenced``), and can never take the cell back.
        """
        self._state = None
        lease = self._lease or self._log.acquire(self.name, self._writes)
        number = lease.commit if self._lease is None else self._log.last_commit(self.name)[0]
        state, base, saved = self._load()
        cursor = _cursor(saved)
        rows = commits = 0
        for batch, of_own in self._history(base, saved.heads):
            if of_own and self._recorded:
                state = self._recorded.absorb(state, batch)
            else:
                state = self.fold.fold(state, batch)[0]
                cursor[batch.stream, batch.producer] = _end(batch)
            rows += batch.rows
            commits += 1
        # Heads come last: should a commit of ours still land while this runs, the next one conflicts and nothing is lost.
        self._heads = {stream: self._log.head(stream, self.name) for stream in lease.heads}
        self._watermarks = {s: self._last_watermark(s, head) for s, head in self._heads.items() if head}
        self._state, self._lease, self._cursor, self.seq = state, lease, cursor, number
        self._since_snapshot = (rows, commits)

    def _load(self) -> tuple[S, int, Saved]:
        """(state, commit number, content) of the newest snapshot that this fold can use, or of the beginning."""
        self._stored = frozenset()
        for ref in reversed(self._log.snapshots(self.name)):
            if (ref.snapshot.fold_version, ref.snapshot.arch) == (self.fold.version, ARCH):
                try:
                    saved = msgspec.msgpack.decode(ref.snapshot.data, type=Saved)
                    return self._opened(saved.state), ref.commit, saved
                except Exception:  # whatever damage makes of it: the log has the truth, an older snapshot may do
                    logger.exception("%s: snapshot %d is unreadable; refolding", self.name, ref.commit)
        return self.fold.initial(), 0, Saved(b"", {}, {})

    def _opened(self, data: bytes) -> S:
        if self._pieced is None:
            return self.fold.load(data)
        taken: list[str] = []

        def piece(name: str) -> bytes:
            taken.append(name)
            return self._log.piece(self.name, name)

        state: S = self._pieced.load_apart(data, piece)
        self._stored = frozenset(taken)
        return state

    def _last_watermark(self, stream: str, head: int) -> int:
        return self._log.read(stream, self.name, head - 1, 1)[-1].header.watermark

    def _history(self, base: int, heads: dict[str, int]) -> Iterator[tuple[Batch, bool]]:
        """What the commits above ``base`` consumed and (for a recorded fold) recorded, in commit order."""
        folded = 0
        journal = iter(self._log.journal(self.name, base))
        row = next(journal, None)
        writes = self.fold.writes if self._recorded else ()
        for entry in own_entries(self._log, self.name, writes, heads, base):
            while row is not None and row.commit <= entry.header.commit:
                yield from ((batch, False) for batch in journaled(self._log, row))
                row, folded = next(journal, None), row.commit
            if entry.header.commit == folded:
                continue  # the fold's own emission: folding the input again has made the state that goes with it
            yield Batch(entry.header, entry.header.first, entry.batch(), True), True
        while row is not None:
            yield from ((batch, False) for batch in journaled(self._log, row))
            row = next(journal, None)

    # -- steps ---------------------------------------------------------------------------------------------------

    def sources(self) -> list[Source]:
        """Every producer of the fold's streams within the cell's tenant, in reading order."""
        prefix = f"{self.tenant}/"
        return [(s, p) for s in self.fold.reads for p in self._log.producers(s) if p.startswith(prefix)]

    def waiting_for(self) -> dict[Source, int]:
        """What ``EventLog.wait`` needs to wake this cell."""
        return {source: self._cursor.get(source, 0) for source in self.sources()}

    def advance(self) -> int:
        """Consume what is there, one bounded read a source, in one commit. Answers the offsets consumed."""
        slices = self._next()
        if not slices:
            return 0
        outputs = Outputs()
        journal: list[JournalRow] = []
        state = self._taken()
        for batch in slices:
            try:
                state, emitted = self.fold.fold(state, batch)
            except Exception as error:  # noqa: BLE001 - a bug or a poisonous row: isolated, named, alerted
                return self._survive(batch, error)
            self._crashes.pop(_place(batch), None)
            outputs.extend(emitted)
            journal.append(_journal_row(batch))
        self._commit(state, outputs, journal)
        return sum(max(batch.rows, 1) for batch in slices)

    def record(self, step: Callable[[S], tuple[S, Outputs, R]]) -> R:
        """Commit a result from the world (a request, a poll, a sent message) together with what ``step`` makes of it.

        Nothing is committed where ``step`` emits nothing. The answer may leave the house only after this returns.
        """
        if not self._recorded:
            raise TypeError(f"{self.fold.name} records nothing: give it `absorb`, or put its input in the log")
        state, outputs, result = step(self._taken())
        self._commit(state, outputs, [])
        return result

    def _taken(self) -> S:
        """The state, to be changed: it is gone until the change is committed."""
        state, self._state = self.state, None
        return state

    def _next(self) -> list[Batch]:
        """What to fold in this step. After a crash: one slice, each source in turn, so that the crash stands alone."""
        sources = self.sources()
        if not self._crashes:
            return [batch for source in sources for batch in self._unread(source)]
        self._turn += 1
        turn = self._turn % len(sources)
        firsts = (next(self._unread(source), None) for source in sources[turn:] + sources[:turn])
        return [batch for batch in firsts if batch is not None][:1]

    def _unread(self, source: Source) -> Iterator[Batch]:
        after = self._cursor.get(source, 0)
        for entry in gapless(self._log.read(*source, after, self._limits.read_bytes), source, after):
            yield from slices_of(entry, after, entry.header.end)

    def _commit(self, state: S, outputs: Outputs, journal: Sequence[JournalRow]) -> None:
        written = tuple(self._encode(outputs))
        if not written and not journal:
            self._state = state
            return
        heads = dict(self._heads)
        for o in written:
            heads[o.stream] = heads.get(o.stream, 0) + max(o.payload.rows, 1)
        cursor = dict(self._cursor)
        for row in journal:
            cursor[row.stream, row.producer] = row.end
        rows, commits = self._since_snapshot
        rows += sum(r.end - r.start for r in journal) + sum(o.payload.rows for o in written if not journal)
        due = rows >= self._limits.snapshot_rows or commits + 1 >= self._limits.snapshot_commits
        commit = Commit(
            after=self.seq,
            nonce=self._nonce(),
            at=self._now(),
            journal=tuple(msgspec.structs.replace(r, commit=self.seq + 1) for r in journal),
            outputs=written,
            snapshot=self._snapshot(state, cursor, heads) if due else None,
        )
        self.seq = self._log.commit(self._held(), commit)
        self._state, self._cursor, self._heads = state, cursor, heads
        self._since_snapshot = (0, 0) if due else (rows, commits + 1)
        self._note_stored(commit.snapshot)
        self._consumed += sum(r.end - r.start for r in journal)

    def save(self) -> None:
        """Commit a snapshot now (on drain), so that the next start has no tail to fold."""
        if self._since_snapshot[1] == 0:
            return
        state = self._taken()
        snapshot = self._snapshot(state, self._cursor, self._heads)
        commit = Commit(after=self.seq, nonce=self._nonce(), at=self._now(), snapshot=snapshot)
        self.seq = self._log.commit(self._held(), commit)
        self._state, self._since_snapshot = state, (0, 0)
        self._note_stored(snapshot)

    def _held(self) -> Lease:
        if self._lease is None:
            raise Corrupt(f"{self.name} holds no lease; recover it first")
        return self._lease

    def _nonce(self) -> bytes:
        """Names one attempt of this instance: what it tries after a reload is never taken for what it tried before."""
        self._attempts += 1
        return f"{self._held().epoch}:{self._attempts}".encode()

    def _snapshot(self, state: S, cursor: dict[Source, int], heads: dict[str, int]) -> Snapshot:
        data, pieces = self._pieced.dump_apart(state) if self._pieced else (self.fold.dump(state), {})
        saved = Saved(data, {f"{s} {p}": o for (s, p), o in cursor.items()}, heads)
        new = tuple(Piece(name, None if name in self._stored else piece) for name, piece in pieces.items())
        return Snapshot(self.fold.version, ARCH, msgspec.msgpack.encode(saved), new)

    def _note_stored(self, snapshot: Snapshot | None) -> None:
        if snapshot is not None:
            self._stored = frozenset(piece.name for piece in snapshot.pieces)

    def _encode(self, outputs: Outputs) -> Iterator[Output]:
        for stream, emission in outputs.items():
            if stream not in self._writes:
                raise Corrupt(f"{self.fold.name} emits to {stream}, which it does not declare in `writes`")
            watermark = max(emission.watermark, self._watermarks.get(stream, NO_WATERMARK))
            if emission.batches:
                payload = encode(STREAMS[stream], _joined(emission.batches))
            elif watermark > self._watermarks.get(stream, NO_WATERMARK):
                payload = EMPTY
            else:
                continue
            self._watermarks[stream] = watermark
            yield Output(stream, payload, watermark)

    # -- poison --------------------------------------------------------------------------------------------------

    def _survive(self, batch: Batch, error: Exception) -> int:
        """A fold crashed: reload and let the caller try again; at the third crash set the guilty rows aside."""
        place = _place(batch)
        self._crashes[place] = self._crashes.get(place, 0) + 1
        self.recover()
        if self._crashes[place] < self._limits.crashes:
            raise Poison(self.name, batch, error) from error
        del self._crashes[place]
        tolerable = max(10, (self._consumed + batch.rows) // 100) - self._skipped
        good, poison = isolate(self, batch, tolerable)
        self.recover()
        state, outputs = self._taken(), Outputs()
        for part in good:
            state, emitted = self.fold.fold(state, part)
            outputs.extend(emitted)
        outputs.emit(QUARANTINE.name, quarantined(self.fold.name, batch, poison))
        row = _journal_row(batch)
        self._commit(state, outputs, [msgspec.structs.replace(row, skipped=tuple(o for o, _ in poison))])
        self._skipped += len(poison)
        return 1


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()[0]


def _place(batch: Batch) -> tuple[Source, int]:
    return (batch.stream, batch.producer), batch.first


def _end(batch: Batch) -> int:
    return batch.header.end if batch.last else batch.first + batch.rows


def _journal_row(batch: Batch) -> JournalRow:
    return JournalRow(0, batch.stream, batch.producer, batch.first, _end(batch), batch.header.version)


def _cursor(saved: Saved) -> dict[Source, int]:
    places = ((*key.split(" ", 1), offset) for key, offset in saved.cursor.items())
    return {(stream, producer): offset for stream, producer, offset in places}


AnyCell = Cell[Any]
