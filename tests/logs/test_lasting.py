"""Snapshots for looks back: kept by logs on disk and in memory, and thinned as they age."""

from __future__ import annotations

from pathlib import Path

import pytest

from events.log import EventLog, Snapshot
from events.memory_log import MemoryLog
from events.sqlite_log import SqliteLog
from hindcast.testing.log_words import CELL, Writer, tick

MINUTE = 60_000_000


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_they_are_thinned_as_they_age(kind: str, tmp_path: Path) -> None:
    log: EventLog = MemoryLog() if kind == "memory" else SqliteLog(tmp_path, doorbell=False)
    writer = Writer(log)
    for n in range(40):  # one in five minutes
        writer.commit(tick(), saves=Snapshot(1, "x86_64", b"state %d" % n, (), True), at=n * 5 * MINUTE)
    assert log.snapshot_at(CELL, 0, 1, "x86_64") is None
    found = [log.snapshot_at(CELL, commit, 1, "x86_64") for commit in range(1, 41)]
    assert [ref and ref.snapshot.data for ref in found[:4]] == [b"state 0", b"state 0", b"state 2", b"state 2"]
    assert {ref.commit for ref in found if ref} == set(range(1, 41, 2))
    assert len(log.snapshots(CELL)) == 2
    writer.commit(tick(), saves=Snapshot(1, "x86_64", b"a week later", (), True), at=7 * 1440 * MINUTE)
    assert {ref.commit for n in range(1, 42) if (ref := log.snapshot_at(CELL, n, 1, "x86_64"))} == {
        *range(1, 41, 4),
        41,
    }
    writer.commit(tick(), saves=Snapshot(1, "x86_64", b"a year later", (), True), at=365 * 1440 * MINUTE)
    assert [log.snapshot_at(CELL, n, 1, "x86_64") is None for n in (40, 41, 42)] == [True, True, False]
    log.close()
