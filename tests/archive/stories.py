"""Words for the stories that archive tests tell."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from events.archive.job import Range, archive
from events.archive.log import ArchivedLog
from events.archive.segments import Segment, told
from events.catalog import SEGMENTS, USER_INTERACTIONS, rows
from events.entry import EMPTY, Entry, encode
from events.log import Commit, EventLog, Output, Source
from events.memory_log import MemoryLog

PRODUCER = "demo/user_interactions/0"
SOURCE: Source = ("user_interactions", PRODUCER)
ARCHIVER = "demo/archiver/0"
SECOND = 1_000_000
BEGIN = 1_790_000_000_000_000


def opened(folder: Path) -> ArchivedLog:
    return ArchivedLog(MemoryLog(), folder / "archive")


def put(log: EventLog, cell: str, *outputs: Output, at: int = BEGIN) -> None:
    """Commit ``outputs`` as ``cell``."""
    lease = log.acquire(cell, [output.stream for output in outputs])
    log.commit(lease, Commit(lease.commit, f"{lease.epoch}".encode(), at, outputs=outputs))


def events(n: int, first: int = 0, kinds: Sequence[str] = ("Page Viewed", "Signed Up", "Order Completed")) -> Output:
    """``n`` events, one a second, numbered from ``first``; their source is at ``first + n`` then."""
    numbers = range(first, first + n)
    columns = {
        "id": [f"e{k}" for k in numbers],
        "type": [kinds[k % len(kinds)] for k in numbers],
        "source": "shop",
        "subject": [f"u{k % 7}" if k % 5 else None for k in numbers],
        "time": [BEGIN + k * SECOND for k in numbers],
        "received": [BEGIN + k * SECOND + 1 for k in numbers],
        "amount": [k if k % 3 else None for k in numbers],
        "properties": [f'{{"n":{k}}}' for k in numbers],
    }
    payload = encode(USER_INTERACTIONS, rows(USER_INTERACTIONS, columns, n))
    return Output(USER_INTERACTIONS.name, payload, BEGIN + (first + n) * SECOND, f"{first + n}".encode())


def fill(log: EventLog, n: int, seed: int = 1, most: int = 7) -> int:
    """Some ``n`` events in entries of 1 to ``most`` rows, with watermarks alone between them; answers the next offset."""
    chance = random.Random(seed)
    at = log.head(*SOURCE)
    while at < n:
        if chance.random() < 0.1:
            put(log, PRODUCER, Output(USER_INTERACTIONS.name, EMPTY, BEGIN + at * SECOND))
        else:
            put(log, PRODUCER, events(chance.randint(1, most), at), at=BEGIN + at)
        at = log.head(*SOURCE)
    return at


def archived(log: ArchivedLog, first: int, end: int, step: int) -> list[Segment]:
    """Archive ``[first, end)`` in ranges of ``step`` offsets, and record it as the archiver does."""
    ranges = [Range(*SOURCE, at, at + step) for at in range(first, end, step)]
    segments = list(archive(log.log, log.root, ranges))
    record(log, segments)
    return segments


def record(log: ArchivedLog, segments: Sequence[Segment]) -> None:
    put(log, ARCHIVER, Output(SEGMENTS.name, encode(SEGMENTS, told(segments, BEGIN))))


def entries(log: EventLog, max_bytes: int = 1 << 12) -> list[Entry]:
    """All entries of the story's stream, in steps."""
    found: list[Entry] = []
    while more := log.read(*SOURCE, found[-1].header.end if found else 0, max_bytes):
        found += more
    return found


def plain(entry: Entry) -> tuple[object, ...]:
    """An entry but for its payload's bytes, which are encoded anew, and the chain of those."""
    head = entry.header
    said = (head.stream, head.producer, head.tenant, head.first, head.rows, head.commit, head.committed, head.epoch)
    return (*said, head.watermark, head.version, head.encrypted, head.position, entry.batch().to_pylist())
