"""What a log promises of reads: entries and their offsets, streams and producers, and names that are none."""

from __future__ import annotations

import pytest

from events.errors import Rejected
from events.log import EventLog, Output
from hindcast.testing.log_words import CELL, STREAMS, Writer, commands, punctuation, tick, ticks, times

SOURCE = ("clock", CELL)


def test_a_read_begins_with_the_entry_that_holds_the_offset(log: EventLog) -> None:
    writer = Writer(log)
    for _ in range(3):
        writer.commit(tick(4))
    firsts = {after: [e.header.first for e in log.read(*SOURCE, after, 1 << 20)] for after in range(13)}
    assert firsts[0] == firsts[3] == [0, 4, 8]
    assert firsts[4] == firsts[7] == [4, 8]
    assert firsts[8] == firsts[11] == [8]
    assert firsts[12] == []


def test_a_read_gives_one_entry_at_least_and_else_keeps_to_the_bytes(log: EventLog) -> None:
    writer = Writer(log)
    size = len(ticks(10).data)
    for _ in range(5):
        writer.commit(tick(10))
    assert len(log.read(*SOURCE, 0, 1)) == 1
    assert len(log.read(*SOURCE, 0, size * 2 - 1)) == 1
    assert len(log.read(*SOURCE, 0, size * 3)) == 3
    assert len(log.read(*SOURCE, 0, size * 100)) == 5


def test_streams_of_one_cell_do_not_run_into_each_other(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick(3), Output("control", commands(2)))
    writer.commit(Output("control", commands(1)), tick(1))
    assert [e.header.rows for e in log.read("clock", CELL, 0, 1 << 20)] == [3, 1]
    assert [e.header.rows for e in log.read("control", CELL, 0, 1 << 20)] == [2, 1]
    assert (log.head("clock", CELL), log.head("control", CELL)) == (4, 3)


def test_a_producer_or_stream_that_is_not_there_is_empty(log: EventLog) -> None:
    log.acquire(CELL, STREAMS)
    for source in (("clock", "demo/nobody/0"), ("alerts", CELL)):
        assert not log.read(*source, 0, 1)
        assert log.head(*source) == 0
    assert log.last_commit("demo/nobody/0") == (0, 0)
    assert not log.journal("demo/nobody/0", 0)
    assert not log.snapshots("demo/nobody/0")


def test_a_punctuation_takes_one_offset_and_has_no_rows(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick(2), punctuation(50))
    writer.commit(punctuation(60))
    writer.commit(tick(1, 2))
    entries = log.read(*SOURCE, 0, 1 << 20)
    assert [(e.header.first, e.header.end, e.header.rows) for e in entries] == [
        (0, 2, 2),
        (2, 3, 0),
        (3, 4, 0),
        (4, 5, 1),
    ]
    assert [e.header.watermark for e in entries[1:3]] == [50, 60]
    assert entries[1].batch().num_rows == 0
    assert times(log) == [0, 1, 2]


def test_producers_are_known_before_they_have_written(log: EventLog) -> None:
    assert log.producers("clock") == []
    log.acquire("demo/clock/1", ["clock"])
    log.acquire("acme/clock/0", ["clock"])
    log.acquire("demo/rules/0", ["control"])
    assert log.producers("clock") == ["acme/clock/0", "demo/clock/1"]
    assert log.producers("alerts") == []


def test_a_cell_that_learns_to_write_another_stream_keeps_the_old_one(log: EventLog) -> None:
    Writer(log, writes=["clock"]).commit(tick(2))
    assert log.producers("control") == []
    writer = Writer(log, writes=["control"])
    writer.commit(Output("control", commands(1)))
    assert log.producers("control") == log.producers("clock") == [CELL]
    assert writer.lease.heads == {"clock": 2, "control": 0}
    assert times(log) == [0, 1]


@pytest.mark.parametrize("name", ["clock", "demo/clock", "demo//0", "/clock/0", "demo/clock/x", ""])
def test_a_name_that_is_no_cell_is_refused(log: EventLog, name: str) -> None:
    with pytest.raises(Rejected):
        log.acquire(name, STREAMS)


@pytest.mark.parametrize("tenant", ["../..", "a b", "50%", "straße", "a+b", ".", "A"])
def test_a_tenant_may_be_called_anything(log: EventLog, tenant: str) -> None:
    cell = f"{tenant}/clock/0"
    Writer(log, cell).commit(tick(2))
    assert log.producers("clock") == [cell]
    assert times(log, cell) == [0, 1]
