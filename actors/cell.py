"""A cell: one fold at one partition, the single writer of its outputs, journal and snapshots.

``advance`` is read -> fold -> commit, sans-IO apart from the log port, so the same class runs in a Ray host, in a unit
test, under the fault simulator and in a backtest. After any failed commit the state is thrown away and reloaded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby
from typing import Any, Generic, TypeVar

import msgspec
import pyarrow as pa

from actors.fold import Batch, Choosing, Fold, Outputs, Pieced, Recorded, Viewed
from actors.quarantine import Poison, isolate, quarantined
from actors.recovery import ARCH, Limits, Progress, Recovery, Saved, Shown, last_shown
from actors.slices import gapless, slices_of
from events.catalog import QUARANTINE, STREAMS
from events.entry import EMPTY, NO_WATERMARK, encode
from events.envelope import CellName
from events.errors import Corrupt
from events.log import CellLog, Commit, JournalRow, Lease, Output, Piece, Snapshot, Source

S = TypeVar("S")
R = TypeVar("R")
logger = logging.getLogger(__name__)


class Cell(Generic[S]):
    """Runs ``fold`` for one tenant and partition on ``log``.

    ``now`` gives wall-clock microseconds for commit times only; no fold sees it. Errors that leave a method mean that
    the state is gone: call ``recover`` before anything else (``Fenced``: a newer instance runs; stop).
    """

    def __init__(
        self,
        fold: Fold[S],
        log: CellLog,
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
        self._viewed = fold if isinstance(fold, Viewed) else None
        self._choosing = fold if isinstance(fold, Choosing) else None
        self._wanted = tuple(fold.reads)
        """The streams to read, in the order of ``reads``."""
        self._writes = (*fold.writes, QUARANTINE.name)
        self._crashes: dict[tuple[Source, int], int] = {}
        self._turn = 0
        self._consumed = 0
        self._skipped = 0
        self._state: S | None = None
        self._lease: Lease | None = None
        self._recovery: Recovery[S] | None = None
        self._target = 0
        """The last commit, which a recovery under way leads to."""
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
    def has_state(self) -> bool:
        """Whether there is a committed state to look at: not before ``recover``, and not during a step."""
        return self._state is not None

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
        self._recovery = None
        while self.recover_some():
            pass

    def recover_some(self) -> bool:
        """A bounded part of ``recover``; False once the state is there.

        Now and then it saves how far it is: after an error, or in another process, the next call goes on from there.
        """
        try:
            recovery = self._recovery = self._recovery or self._begun()
            if recovery.step():
                if recovery.worth_saving:
                    self._keep(recovery)
                return True
            self._take_over(recovery)
        except BaseException:
            self._recovery = None
            raise
        self._recovery = None
        return False

    def _begun(self) -> Recovery[S]:
        self._state = None
        if self._lease is None:
            self._lease = self._log.acquire(self.name, self._writes)
            self._target = self._lease.commit
        else:
            self._target, _ = self._log.last_commit(self.name)
        recovery = Recovery(self.name, self.fold, self._log, self._limits)
        self._stored = recovery.stored
        return recovery

    def _take_over(self, recovery: Recovery[S]) -> None:
        # Heads come last: should a commit of ours still land while this runs, the next one conflicts and nothing is lost.
        self._heads = {stream: self._log.head(stream, self.name) for stream in self._held().heads}
        self._watermarks = {s: self._last_watermark(s, head) for s, head in self._heads.items() if head}
        self._state, self._cursor, self.seq = recovery.state, recovery.cursor, self._target
        self._since_snapshot = (recovery.rows, recovery.commits)
        self._choose(recovery.state)

    def _choose(self, state: S) -> None:
        if self._choosing:
            wanted = self._choosing.wants(state)
            self._wanted = tuple(stream for stream in self.fold.reads if stream in wanted)

    def _keep(self, recovery: Recovery[S]) -> None:
        """Save a state that is on its way, with the commit that it stands at, and what the views showed before."""
        saved = self._place(recovery.cursor, recovery.heads)
        saved.stands_at, saved.shown = recovery.commit, self.last_shown
        snapshot = self._with_state(saved, recovery.state)
        self._target = self._log.commit(
            self._held(), Commit(self._target, self._nonce(), self._now(), snapshot=snapshot)
        )
        self._note_stored(snapshot)
        recovery.was_saved()

    @property
    def last_shown(self) -> Shown | None:
        """What the views showed at the newest snapshot that has kept it: an answer while there is no state."""
        return last_shown(self._log, self.name) if self._viewed else None

    @property
    def progress(self) -> Progress | None:
        """How far a recovery under way has come."""
        recovery = self._recovery
        return recovery.progress if recovery else None

    def _last_watermark(self, stream: str, head: int) -> int:
        return self._log.read(stream, self.name, head - 1, 1)[-1].header.watermark

    # -- steps ---------------------------------------------------------------------------------------------------

    def sources(self) -> list[Source]:
        """Every producer of the fold's streams (those it wants now) within the cell's tenant, in reading order."""
        prefix = f"{self.tenant}/"
        return [(s, p) for s in self._wanted for p in self._log.producers(s) if p.startswith(prefix)]

    def waiting_for(self) -> dict[Source, int]:
        """What ``LogReader.wait`` needs to wake this cell."""
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
            by_stream = groupby(sources, key=lambda source: source[0])
            return [batch for _, several in by_stream for batch in self._by_watermark(several)]
        self._turn += 1
        turn = self._turn % len(sources)
        firsts = (next(self._unread(source), None) for source in sources[turn:] + sources[:turn])
        return [batch for batch in firsts if batch is not None][:1]

    def _by_watermark(self, sources: Iterable[Source]) -> Iterator[Batch]:
        """What is unread of the producers of one stream: next comes the one with the least watermark, so that none of them
        is read far ahead of another."""
        return merge(*map(self._unread, sources), key=lambda batch: batch.header.watermark)

    def _unread(self, source: Source) -> Iterator[Batch]:
        after = self._cursor.get(source, 0)
        for entry in gapless(self._log, source, after, self._limits.read_bytes):
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
        most = self._limits.lasting_commits if self._viewed else self._limits.snapshot_commits
        due = rows >= self._limits.snapshot_rows or commits + 1 >= min(most, self._limits.snapshot_commits)
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
        self._choose(state)
        self._since_snapshot = (0, 0) if due else (rows, commits + 1)
        self._note_stored(commit.snapshot)
        self._consumed += sum(r.end - r.start for r in journal)

    def save(self) -> None:
        """Commit a snapshot now (on drain), so that the next start has no tail to fold, or less to refold."""
        if self._recovery is not None:
            if self._recovery.unsaved:
                self._keep(self._recovery)
            return
        if self._since_snapshot == (0, 0):
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
        saved = self._place(cursor, heads)
        if self._viewed:
            topics = {topic.name: self._viewed.view(state, topic.name) for topic in self._viewed.topics}
            saved.shown = Shown(self.fold.version, self.seq + 1, self._now(), topics)
        return self._with_state(saved, state)

    def _place(self, cursor: dict[Source, int], heads: dict[str, int]) -> Saved:
        """A snapshot's content, still without the state."""
        places = {f"{stream} {producer}": offset for (stream, producer), offset in cursor.items()}
        return Saved(b"", places, heads)

    def _with_state(self, saved: Saved, state: S) -> Snapshot:
        saved.state, pieces = self._pieced.dump_apart(state) if self._pieced else (self.fold.dump(state), {})
        brought = tuple(Piece(name, None if name in self._stored else piece) for name, piece in pieces.items())
        lasting = self._viewed is not None and self._pieced is None and saved.stands_at is None
        return Snapshot(self.fold.version, ARCH, msgspec.msgpack.encode(saved), brought, lasting)

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
            elif watermark > self._watermarks.get(stream, NO_WATERMARK) or emission.position:
                payload = EMPTY
            else:
                continue
            self._watermarks[stream] = watermark
            yield Output(stream, payload, watermark, emission.position)

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


def _journal_row(batch: Batch) -> JournalRow:
    end = batch.header.end if batch.last else batch.first + batch.rows
    return JournalRow(0, batch.stream, batch.producer, batch.first, end, batch.header.version)


AnyCell = Cell[Any]
