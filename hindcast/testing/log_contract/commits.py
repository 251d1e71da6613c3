"""What a log promises of commits: who may make one, that it is whole or not there, and that a retry adds nothing."""

from __future__ import annotations

import threading

import pytest

from events.entry import EMPTY, chain
from events.errors import Conflict, Corrupt, Fenced
from events.log import EventLog, Output
from hindcast.testing.log_words import CELL, FEED, STREAMS, Writer, ate, commands, saved, tick, ticks, times

SOURCE = ("clock", CELL)


def test_a_new_cell_starts_at_nothing(log: EventLog) -> None:
    lease = log.acquire(CELL, STREAMS)
    assert (lease.epoch, lease.commit, lease.committed, lease.cursor) == (1, 0, 0, {})
    assert lease.heads == {"clock": 0, "control": 0}
    assert log.last_commit(CELL) == (0, 0)


def test_what_was_committed_is_read_back(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick(3, watermark=7), ate=[ate(0, 5, 2)], at=100)
    (entry,) = log.read(*SOURCE, 0, 1 << 20)
    head = entry.header
    assert (head.stream, head.producer, head.tenant) == ("clock", CELL, "demo")
    assert (head.first, head.rows, head.end) == (0, 3, 3)
    assert (head.commit, head.committed, head.epoch, head.version, head.watermark) == (1, 100, 1, 1, 7)
    assert head.chain == chain(b"", ticks(3).data)
    assert times(log) == [0, 1, 2]


def test_a_lease_resumes_where_the_last_commit_stood(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick(3), Output("control", commands(2)), ate=[ate(0, 5)], at=100)
    lease = log.acquire(CELL, STREAMS)
    assert (lease.epoch, lease.commit, lease.committed) == (2, 1, 100)
    assert lease.cursor == {FEED: 5}
    assert lease.heads == {"clock": 3, "control": 2}


def test_several_entries_of_one_stream_in_one_commit_follow_each_other(log: EventLog) -> None:
    Writer(log).commit(tick(2), tick(3, 2), tick(1, 5))
    entries = log.read(*SOURCE, 0, 1 << 20)
    assert [(e.header.first, e.header.commit) for e in entries] == [(0, 1), (2, 1), (5, 1)]
    assert times(log) == [0, 1, 2, 3, 4, 5]


def test_offsets_are_dense_over_commits_and_leases(log: EventLog) -> None:
    for _ in range(3):
        writer = Writer(log)
        writer.commit(tick(2))
        writer.commit(tick(1))
    spans = [(e.header.first, e.header.end) for e in log.read(*SOURCE, 0, 1 << 20)]
    assert spans == [(0, 2), (2, 3), (3, 5), (5, 6), (6, 8), (8, 9)]


# -- who may commit --------------------------------------------------------------------------------------------------


def test_a_replaced_instance_is_fenced(log: EventLog) -> None:
    old, new = Writer(log), Writer(log)
    with pytest.raises(Fenced):
        old.commit(tick(1, 66))
    new.commit(tick(1, 77))
    with pytest.raises(Fenced):
        old.commit(tick(1, 66))
    assert times(log) == [77]


def test_a_zombie_that_was_ahead_is_fenced_though_its_number_fits(log: EventLog) -> None:
    zombie = Writer(log)
    zombie.commit(tick())
    heir = Writer(log)
    heir.commit(tick())
    zombie.number = heir.number
    with pytest.raises(Fenced):
        zombie.commit(tick())


def test_a_commit_that_does_not_stand_on_the_last_one_conflicts(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick(1, 1))
    writer.commit(tick(1, 2))
    for number in (0, 1, 3):
        writer.number = number
        stray = writer.next(tick(1, 9))
        with pytest.raises(Conflict):
            log.commit(writer.lease, type(stray)(stray.after, b"another", stray.at, outputs=stray.outputs))
    assert times(log) == [1, 2]


def test_a_cell_that_nobody_acquired_cannot_commit(log: EventLog) -> None:
    writer = Writer(log)
    stray = type(writer.lease)("demo/other/0", 1, 0, 0, {}, {})
    with pytest.raises(Fenced):
        log.commit(stray, writer.next(tick()))


def test_a_retry_after_a_lost_reply_is_answered_and_adds_nothing(log: EventLog) -> None:
    writer = Writer(log)
    sent = writer.commit(tick(2), ate=[ate(0, 4)])
    assert log.commit(writer.lease, sent) == 1
    assert times(log) == [0, 1]
    assert len(log.journal(CELL, 0)) == 1


def test_a_late_retry_is_answered_though_the_cell_has_moved_on_and_changed_hands(log: EventLog) -> None:
    writer = Writer(log)
    sent = writer.commit(tick(2))
    writer.commit(tick(1))
    heir = Writer(log)
    heir.commit(tick(1))
    assert log.commit(writer.lease, sent) == 1
    assert log.commit(heir.lease, sent) == 1
    assert log.head(*SOURCE) == 4


def test_the_same_nonce_on_another_place_is_no_retry(log: EventLog) -> None:
    writer = Writer(log)
    sent = writer.commit(tick())
    again = type(sent)(1, sent.nonce, 0, outputs=(tick(1, 5),))
    assert log.commit(writer.lease, again) == 2


def test_many_threads_race_for_one_number_and_one_wins(log: EventLog) -> None:
    writer = Writer(log)
    won: list[int] = []
    lost: list[int] = []

    def race(me: int) -> None:
        commit = type(writer.next())(0, str(me).encode(), 0, outputs=(tick(1, me),))
        try:
            log.commit(writer.lease, commit)
            won.append(me)
        except Conflict:
            lost.append(me)

    threads = [threading.Thread(target=race, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1 and len(lost) == 7
    assert times(log) == won


# -- all or nothing --------------------------------------------------------------------------------------------------


def test_a_commit_that_fails_halfway_leaves_nothing(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick(2), ate=[ate(0, 2)])
    with pytest.raises(ValueError, match="did not declare"):
        writer.commit(tick(5), Output("alerts", EMPTY), ate=[ate(2, 4)], saves=saved(b"x"))
    assert log.head(*SOURCE) == 2
    assert [r.end for r in log.journal(CELL, 0)] == [2]
    assert not log.snapshots(CELL)
    writer.commit(tick(1, 2), ate=[ate(2, 4)])
    assert times(log) == [0, 1, 2]


def test_a_journal_with_a_hole_is_refused(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(ate=[ate(0, 10)])
    with pytest.raises(Corrupt, match="stood at 10"):
        writer.commit(ate=[ate(12, 14)])
    writer.commit(ate=[ate(10, 12), ate(12, 14)])
    assert log.acquire(CELL, STREAMS).cursor == {FEED: 14}


def test_commit_times_never_step_back_though_the_clock_does(log: EventLog) -> None:
    writer = Writer(log)
    for at in (100, 90, 50, 101):
        writer.commit(tick(), at=at)
    assert [e.header.committed for e in log.read(*SOURCE, 0, 1 << 20)] == [100, 100, 100, 101]
    assert log.last_commit(CELL) == (4, 101)


def test_the_commit_of_a_time_is_the_last_one_that_is_not_after_it(log: EventLog) -> None:
    writer = Writer(log)
    assert log.commit_at(CELL, 1 << 60) == 0
    for at in (100, 100, 200, 150, 300):
        writer.commit(tick(), at=at)
    assert [log.commit_at(CELL, at) for at in (0, 99, 100, 199, 200, 299, 300, 1 << 60)] == [0, 0, 2, 2, 4, 4, 5, 5]
    assert log.commit_at("demo/nobody/0", 200) == 0
