"""What the laws are tried on: a log that fails when told to, a pump of inputs, and a host that does as hosts do."""

from __future__ import annotations

import atexit
import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest

from actors.cell import Cell, Limits
from actors.fold import Batch, Outputs
from events.archive import segments
from events.archive.files import write
from events.archive.log import ArchivedLog
from events.catalog import SEGMENTS, STREAMS
from events.entry import EMPTY, encode
from events.errors import Conflict, Transient
from events.log import Commit, EventLog, Lease, Output, Source
from events.memory_log import MemoryLog
from events.redis_spec import RedisSpec
from events.sqlite_log import SqliteLog
from tests.laws.feeds import Feed, plain
from tests.laws.folds import Case
from tests.servers import RedisServer

BACKENDS = ("memory", "sqlite", *(pytest.param(name, marks=pytest.mark.slow) for name in ("valkey", "archived")))
FAULTS = ("calm", "calm", "refused", "lost", "before", "after")


@contextmanager
def a_log(backend: str) -> Iterator[EventLog]:
    if backend == "memory":
        yield MemoryLog()
        return
    if backend == "valkey":
        log = redis_spec().open(woken=False)
        try:
            yield log
        finally:
            log.close()
        return
    with tempfile.TemporaryDirectory() as folder:
        if backend == "archived":
            yield Forgetful(Path(folder))
            return
        log = SqliteLog(folder, doorbell=False)
        try:
            yield log
        finally:
            log.close()


class Forgetful(ArchivedLog):
    """A log that archives four offsets as soon as they are there, and forgets them."""

    RANGE = 4

    def __init__(self, folder: Path) -> None:
        super().__init__(MemoryLog(), folder)
        self._archived_to: dict[Source, int] = {}
        self._lease = self.log.acquire("t/archiver/0", [SEGMENTS.name])

    def commit(self, lease: Lease, commit: Commit) -> int:
        number = super().commit(lease, commit)
        for output in commit.outputs:
            self._archive((output.stream, lease.cell))
        return number

    def _archive(self, source: Source) -> None:
        first, head = self._archived_to.get(source, 0), self.head(*source)
        while first + self.RANGE <= head:
            segment = write(self.log, self.root, source, first, first + self.RANGE)
            first = self._archived_to[source] = segment.end
            at, nonce = self._lease.commit, f"{source} {first}".encode()
            output = Output(SEGMENTS.name, encode(SEGMENTS, segments.told([segment], 1)))
            self._lease = msgspec.structs.replace(
                self._lease, commit=self.log.commit(self._lease, Commit(at, nonce, 1, outputs=(output,)))
            )
            self.trim(*source, first)


@cache
def _valkey() -> RedisServer:
    """One server for all that are asked for in this process: each log has a name space of its own."""
    server = RedisServer(appendfsync="everysec")
    atexit.register(server.close)
    return server


def redis_spec() -> RedisSpec:
    """An empty log of its own."""
    return RedisSpec(_valkey().url, f"t{secrets.token_hex(6)}")


class Crash(BaseException):
    """The process is gone."""


class Unlucky:
    """A log whose next commits end as ``faults`` says."""

    def __init__(self, log: EventLog, faults: Sequence[str]) -> None:
        self._log = log
        self._faults = list(faults)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def commit(self, lease: Lease, commit: Commit) -> int:
        fault = self._faults.pop(0) if self._faults else "calm"
        if fault == "before":
            raise Crash
        if fault == "refused":
            raise Transient("refused")
        number = self._log.commit(lease, commit)
        if fault == "after":
            raise Crash
        if fault == "lost":
            raise Transient("the answer was lost")
        return number


class Pump:
    """Writes feeds to the log as their producers."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._leases: dict[str, tuple[Lease, int]] = {}

    def put(self, feed: Feed) -> None:
        if feed.producer not in self._leases:
            self._leases[feed.producer] = (self._log.acquire(feed.producer, [feed.stream]), 0)
        lease, number = self._leases[feed.producer]
        payload = encode(STREAMS[feed.stream], feed.table) if feed.table.num_rows else EMPTY
        outputs = (Output(feed.stream, payload, feed.watermark),)
        commit = Commit(number, f"{number}".encode(), feed.committed, outputs=outputs)
        self._leases[feed.producer] = (lease, self._log.commit(lease, commit))


class Runner:
    """A host of one cell: reloads after an error, starts another instance after a crash."""

    def __init__(self, case: Case, log: Any, snapshot_every: int) -> None:
        self.case = case
        self._log = log
        self._limits = Limits(snapshot_commits=snapshot_every)
        self.cell = self.start()

    def start(self) -> Cell[Any]:
        cell: Cell[Any] = Cell(self.case.make(), self._log, tenant="t", now=lambda: 1, limits=self._limits)
        cell.recover()
        return cell

    def tell(self, feed: Feed) -> Any:
        """Repeat a request until it is answered, as clients do."""
        record = self.case.record
        assert record
        return self._insist(lambda: self.cell.record(lambda state: record(self.cell.fold, state, feed)))

    def advance(self) -> int:
        return self._insist(lambda: self.cell.advance())

    def _insist(self, deed: Any) -> Any:
        while True:
            try:
                return deed()
            except (Transient, Conflict):
                self.cell.recover()
            except Crash:
                self.cell = self.start()


def run(fold: Any, slices: Iterator[Batch]) -> tuple[bytes, dict[str, Any], dict[str, int]]:
    """(state, rows, watermark of each stream) after folding ``slices``."""
    state, outputs = fold.initial(), Outputs()
    for batch in slices:
        state, emitted = fold.fold(state, batch)
        outputs.extend(emitted)
    return fold.dump(state), *emitted_of(outputs)


def told(case: Case, requests: Sequence[Feed]) -> tuple[bytes, dict[str, Any], dict[str, int]]:
    """As ``run``, for what a recorded fold is told."""
    assert case.record
    fold, outputs = case.make(), Outputs()
    state = fold.initial()
    for feed in requests:
        state, emitted, _ = case.record(fold, state, feed)
        outputs.extend(emitted)
    return fold.dump(state), *emitted_of(outputs)


def emitted_of(outputs: Outputs) -> tuple[dict[str, Any], dict[str, int]]:
    rows = {stream: plain(e.batches) for stream, e in outputs.items() if e.batches}
    return rows, {stream: e.watermark for stream, e in outputs.items()}


class Twisted:
    """A fold of other code: whatever it emits, it emits twice."""

    def __init__(self, fold: Any) -> None:
        self._fold = fold

    def __getattr__(self, name: str) -> Any:
        return getattr(self._fold, name)

    def fold(self, state: Any, batch: Batch) -> tuple[Any, Outputs]:
        state, outputs = self._fold.fold(state, batch)
        return state, twice(outputs)


def twice(outputs: Outputs) -> Outputs:
    doubled = Outputs()
    for stream, emission in outputs.items():
        for batch in (*emission.batches, *emission.batches):
            doubled.emit(stream, batch)
        doubled.emit(stream, watermark=emission.watermark)
    return doubled


def rebatched(feed: Feed, start: int, end: int) -> Feed:
    part = feed.table.slice(start, end - start)
    return feed._replace(table=pa.record_batch(part.columns, schema=part.schema))
