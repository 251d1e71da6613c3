"""Words for the stories that log tests tell."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from events.catalog import CLOCK, CONTROL, rows
from events.entry import EMPTY, NO_WATERMARK, Payload, encode
from events.log import Commit, EventLog, JournalRow, Output, Piece, Snapshot, Source

CELL = "demo/clock/0"
FEED: Source = ("user_interactions", "demo/user_interactions/0")
STREAMS = [CLOCK.name, CONTROL.name]


@cache
def ticks(n: int, first: int = 0) -> Payload:
    """``n`` clock rows whose times count up from ``first``."""
    return encode(CLOCK, rows(CLOCK, {"type": "clock.ticked", "time": list(range(first, first + n))}, n))


@cache
def commands(n: int) -> Payload:
    return encode(CONTROL, rows(CONTROL, {"type": "rule.created", "data": [f'{{"n":{i}}}' for i in range(n)]}, n))


def tick(n: int = 1, first: int = 0, watermark: int = NO_WATERMARK) -> Output:
    return Output(CLOCK.name, ticks(n, first), watermark)


def punctuation(watermark: int) -> Output:
    return Output(CLOCK.name, EMPTY, watermark)


def ate(start: int, end: int, *skipped: int) -> JournalRow:
    return JournalRow(0, *FEED, start, end, 1, skipped)


def saved(data: bytes, **pieces: bytes | None) -> Snapshot:
    return Snapshot(1, "x86_64", data, tuple(Piece(name, piece) for name, piece in pieces.items()))


class Writer:
    """A cell's instance: holds a lease and the number of its last commit."""

    def __init__(self, log: EventLog, cell: str = CELL, writes: Sequence[str] = STREAMS) -> None:
        self.log = log
        self.lease = log.acquire(cell, writes)
        self.number = self.lease.commit

    def commit(
        self, *outputs: Output, ate: Sequence[JournalRow] = (), saves: Snapshot | None = None, at: int | None = None
    ) -> Commit:
        """Commit and answer what was committed."""
        commit = self.next(*outputs, ate=ate, saves=saves, at=at)
        self.number = self.log.commit(self.lease, commit)
        return commit

    def next(
        self, *outputs: Output, ate: Sequence[JournalRow] = (), saves: Snapshot | None = None, at: int | None = None
    ) -> Commit:
        """What ``commit`` would send."""
        nonce = f"{self.lease.epoch}:{self.number + 1}".encode()
        return Commit(self.number, nonce, self.number if at is None else at, tuple(ate), outputs, saves)


def times(log: EventLog, cell: str = CELL) -> list[int]:
    """Every clock row of ``cell``, from the beginning."""
    entries = log.read(CLOCK.name, cell, 0, 1 << 30)
    return [value for e in entries for value in e.batch().column("time").cast("int64").to_pylist()]
