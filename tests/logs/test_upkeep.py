"""What every log answers its operator, and how it is opened: the other half of the contract."""

from __future__ import annotations

import pickle
import threading
from time import monotonic

import pytest

from events.archive.log import ArchivedLog
from events.errors import Fenced, Rejected
from events.log import EventLog, LogSpec, Output
from events.sqlite_log import SqliteLog
from hindcast.testing.log_words import CELL, FEED, Writer, ate, commands, punctuation, saved, tick, times


def test_there_is_no_log_until_it_is_opened(spec: LogSpec) -> None:
    assert not spec.exists()
    spec.open().close()
    assert spec.exists()
    assert str(spec)


def test_whoever_is_told_of_the_place_has_the_same_log(spec: LogSpec) -> None:
    told: LogSpec = pickle.loads(pickle.dumps(spec))
    log, other = spec.open(), told.open(woken=False)
    try:
        Writer(log).commit(tick(3))
        assert times(other) == [0, 1, 2]
        assert list(other.cells()) == [CELL]
    finally:
        log.close()
        other.close()


def test_one_that_closes_its_log_closes_it_for_nobody_else(spec: LogSpec) -> None:
    log, other = spec.open(), spec.open()
    writer = Writer(log)
    other.close()
    writer.commit(tick(1))
    assert times(log) == [0]
    log.close()


def test_a_cell_that_is_taken_over_elsewhere_is_fenced_here(spec: LogSpec) -> None:
    log, other = spec.open(), spec.open()
    here, there = Writer(log), Writer(other)
    there.commit(tick(1))
    with pytest.raises(Fenced):
        here.commit(tick(1))
    log.close()
    other.close()


def test_a_commit_elsewhere_wakes_one_that_waits(spec: LogSpec) -> None:
    log, other = spec.open(), spec.open()
    writer = Writer(log)
    writer.commit(tick(1))
    timer = threading.Timer(0.2, lambda: writer.commit(tick(1, 1)))
    timer.start()
    began = monotonic()
    assert other.wait({("clock", CELL): 1}, 120.0)
    assert monotonic() - began < 100.0
    timer.join()
    log.close()
    other.close()


def test_size_grows_with_what_is_committed(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick(1))
    before = log.size()
    for n in range(30):
        writer.commit(tick(5_000, n * 5_000), Output("control", commands(500)))
    stored = sum(len(e.payload) for s in ("clock", "control") for e in log.read(s, CELL, 0, 1 << 40))
    assert log.size() >= max(stored, before + 1)


def test_room_says_what_of_and_how_much(log: EventLog) -> None:
    room = log.room()
    bounded = isinstance(log, (SqliteLog, ArchivedLog))  # the test's servers have no `maxmemory`
    assert (room.of, room.free_bytes is None) == (("disk", False) if bounded else ("memory", True))
    assert room.free_bytes is None or room.free_bytes > 0


def test_a_whole_log_is_found_sound_and_counted(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick(3), ate=[ate(0, 5)])
    writer.commit(tick(2, 3), Output("control", commands(4)), ate=[ate(5, 9, 6)], saves=saved(b"state", a=b"piece"))
    writer.commit(punctuation(7))
    verdict = log.verify(CELL)
    assert verdict.problems == []
    assert verdict.sound
    counted = (verdict.commits, verdict.entries, verdict.rows, verdict.journal_rows, verdict.snapshots)
    assert counted == (3, 4, 9, 2, 1)
    assert verdict.payload_bytes == sum(
        len(e.payload) for s in ("clock", "control") for e in log.read(s, CELL, 0, 1 << 40)
    )


def test_what_was_trimmed_is_not_missing(log: EventLog) -> None:
    writer = Writer(log)
    for n in range(4):
        writer.commit(tick(2, 2 * n), ate=[ate(n, n + 1)])
    log.trim("clock", CELL, 5)
    verdict = log.verify(CELL)
    assert verdict.sound, verdict.problems
    assert verdict.rows == 4
    assert log.read("clock", CELL, 0, 1)[0].header.first == 4
    assert log.cursor(CELL) == {FEED: 4}


def test_a_cell_that_is_not_there_cannot_be_verified(log: EventLog) -> None:
    with pytest.raises(Rejected, match="not in this log"):
        log.verify("demo/nobody/0")
