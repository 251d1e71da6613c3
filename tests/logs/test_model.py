"""Any order of acquire, commit, retry, zombie and trim: the log agrees with a model that is a few plain lists."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import ClassVar, NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from events.errors import Conflict, Fenced
from events.log import Commit, EventLog, JournalRow, Lease, Output
from events.memory_log import MemoryLog
from events.sqlite_log import SqliteLog
from hindcast.testing.log_words import FEED, STREAMS, commands, punctuation, saved, tick
from tests.laws.machine import redis_spec

CELLS = ["demo/clock/0", "demo/clock/1"]
PAYLOADS = [tick(1), tick(5), punctuation(3), Output("control", commands(2)), Output("control", commands(1), 9)]


class Known(NamedTuple):
    """One accepted commit."""

    commit: Commit
    epoch: int
    at: int


class LogMachine(RuleBasedStateMachine):
    """The model: accepted commits in order, the newest epoch, and what was trimmed, of each cell."""

    backend: ClassVar[str]

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.log: EventLog = self.empty()
        self.done: dict[str, list[Known]] = {cell: [] for cell in CELLS}
        self.leases: list[Lease] = []
        self.epochs = dict.fromkeys(CELLS, 0)
        self.trimmed = {(stream, cell): 0 for stream in STREAMS for cell in CELLS}
        self.nonces = 0

    def empty(self) -> EventLog:
        if self.backend == "valkey":
            return redis_spec().open(woken=False)
        return MemoryLog() if self.backend == "memory" else SqliteLog(Path(self.folder.name))

    def teardown(self) -> None:
        if hasattr(self, "log"):
            self.log.close()
            self.folder.cleanup()

    def spans(self, cell: str, stream: str) -> list[tuple[int, int, int, int, int]]:
        """(first, end, commit, epoch, committed) of every entry."""
        found: list[tuple[int, int, int, int, int]] = []
        at = 0
        for number, known in enumerate(self.done[cell], 1):
            for output in known.commit.outputs:
                if output.stream == stream:
                    end = at + max(output.payload.rows, 1)
                    found.append((at, end, number, known.epoch, known.at))
                    at = end
        return found

    def cursor(self, cell: str) -> int:
        return max((r.end for k in self.done[cell] for r in k.commit.journal), default=0)

    @rule(cell=st.sampled_from(CELLS))
    def acquire(self, cell: str) -> None:
        lease = self.log.acquire(cell, STREAMS)
        self.epochs[cell] += 1
        ends = {stream: max((s[1] for s in self.spans(cell, stream)), default=0) for stream in STREAMS}
        last = self.done[cell][-1].at if self.done[cell] else 0
        cursor = {FEED: self.cursor(cell)} if any(k.commit.journal for k in self.done[cell]) else {}
        assert lease == Lease(cell, self.epochs[cell], len(self.done[cell]), last, cursor, ends)
        self.leases.append(lease)

    @precondition(lambda self: self.leases)
    @rule(
        back=st.integers(0, 3),
        off=st.sampled_from([0, 0, 0, -1, 1]),
        outputs=st.lists(st.sampled_from(PAYLOADS), max_size=3),
        eaten=st.integers(0, 4),
        snapshot=st.booleans(),
        at=st.integers(0, 50),
    )
    def commit(self, back: int, off: int, outputs: list[Output], eaten: int, snapshot: bool, at: int) -> None:
        lease = self.leases[-1 - back % len(self.leases)]
        done = self.done[lease.cell]
        start = self.cursor(lease.cell)
        self.nonces += 1
        commit = Commit(
            after=max(len(done) + off, 0),
            nonce=str(self.nonces).encode(),
            at=at,
            journal=(JournalRow(0, *FEED, start, start + eaten, 1, (start,)),) if eaten else (),
            outputs=tuple(outputs),
            snapshot=saved(b"%d" % self.nonces) if snapshot else None,
        )
        if lease.epoch != self.epochs[lease.cell]:
            with pytest.raises(Fenced):
                self.log.commit(lease, commit)
        elif commit.after != len(done):
            with pytest.raises(Conflict):
                self.log.commit(lease, commit)
        else:
            assert self.log.commit(lease, commit) == len(done) + 1
            done.append(Known(commit, lease.epoch, max(at, done[-1].at if done else 0)))

    @precondition(lambda self: any(self.done.values()))
    @rule(pick=st.integers(0, 100), back=st.integers(0, 3))
    def retry(self, pick: int, back: int) -> None:
        lease = self.leases[-1 - back % len(self.leases)]
        done = self.done[lease.cell]
        if done:
            number = pick % len(done)
            assert self.log.commit(lease, done[number].commit) == number + 1

    @rule(cell=st.sampled_from(CELLS), stream=st.sampled_from(STREAMS), below=st.integers(0, 30))
    def trim(self, cell: str, stream: str, below: int) -> None:
        self.log.trim(stream, cell, below)
        spans = self.spans(cell, stream)
        gone = [end for _, end, *_ in spans[:-1] if end <= below]
        self.trimmed[stream, cell] = max([self.trimmed[stream, cell], *gone])

    @invariant()
    def agrees(self) -> None:
        for cell, done in getattr(self, "done", {}).items():
            assert self.log.last_commit(cell) == (len(done), done[-1].at if done else 0)
            for stream in STREAMS:
                entries = self.log.read(stream, cell, 0, 1 << 30)
                spans = [s for s in self.spans(cell, stream) if s[1] > self.trimmed[stream, cell]]
                heads = [e.header for e in entries]
                assert [(h.first, h.end, h.commit, h.epoch, h.committed) for h in heads] == spans
                assert self.log.head(stream, cell) == max((s[1] for s in self.spans(cell, stream)), default=0)
            journal = [(n, r.start, r.end) for n, k in enumerate(done, 1) for r in k.commit.journal]
            assert [(r.commit, r.start, r.end) for r in self.log.journal(cell, 0)] == journal
            snapshots = [(n, k.commit.snapshot) for n, k in enumerate(done, 1) if k.commit.snapshot]
            assert [tuple(ref) for ref in self.log.snapshots(cell)] == snapshots[-2:]


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["memory", "sqlite", "valkey"])
def test_the_log_agrees_with_plain_lists(backend: str) -> None:
    class Machine(LogMachine):
        pass

    Machine.backend = backend
    slow = [HealthCheck.too_slow, HealthCheck.data_too_large]
    examples = 200 if backend == "memory" else 40
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Machine,
        settings=settings(max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=slow),
    )
