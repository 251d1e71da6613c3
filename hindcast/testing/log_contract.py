"""What every log promises, whatever stores it: the suite that a backend passes.

A test module of the backend imports everything of this one, and has a fixture ``log`` that makes an empty log.
"""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from events.entry import EMPTY, chain
from events.errors import Conflict, Corrupt, Fenced, Rejected
from events.log import EventLog, Output
from hindcast.testing.log_words import (
    CELL,
    FEED,
    STREAMS,
    Writer,
    ate,
    commands,
    punctuation,
    saved,
    tick,
    ticks,
    times,
)

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


# -- reading ---------------------------------------------------------------------------------------------------------


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


def test_the_journal_keeps_order_places_and_skipped_rows(log: EventLog) -> None:
    other = ("control", "demo/rules/0")
    writer = Writer(log)
    writer.commit(tick(), ate=[ate(0, 5), type(ate(0, 1))(0, *other, 3, 4, 2), ate(5, 9, 6, 8)])
    writer.commit(tick())
    writer.commit(ate=[ate(9, 10)])
    rows = log.journal(CELL, 0)
    assert [(r.commit, r.stream, r.producer, r.start, r.end, r.version, r.skipped) for r in rows] == [
        (1, *FEED, 0, 5, 1, ()),
        (1, *other, 3, 4, 2, ()),
        (1, *FEED, 5, 9, 1, (6, 8)),
        (3, *FEED, 9, 10, 1, ()),
    ]
    assert [r.commit for r in log.journal(CELL, 1)] == [3]
    assert not log.journal(CELL, 3)


def test_the_two_newest_snapshots_are_kept(log: EventLog) -> None:
    writer = Writer(log)
    for n in range(5):
        writer.commit(tick(), saves=saved(b"state %d" % n))
        writer.commit(tick())
    refs = log.snapshots(CELL)
    assert [(ref.commit, ref.snapshot.data) for ref in refs] == [(7, b"state 3"), (9, b"state 4")]
    assert refs[0].snapshot == saved(b"state 3")


def test_a_piece_is_stored_once_and_stays_as_long_as_a_kept_snapshot_has_it(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick(), saves=saved(b"1", a=b"aaa"))
    writer.commit(tick(), saves=saved(b"2", a=None, b=b"bbb"))
    assert [ref.snapshot for ref in log.snapshots(CELL)] == [saved(b"1"), saved(b"2")]
    assert (log.piece(CELL, "a"), log.piece(CELL, "b")) == (b"aaa", b"bbb")
    writer.commit(tick(), saves=saved(b"3", b=None))
    assert log.piece(CELL, "a") == b"aaa"  # of the snapshot to fall back on
    again = writer.commit(tick(), saves=saved(b"4", b=None, c=b"ccc"))
    assert log.commit(writer.lease, again) == writer.number  # the answer was lost: it comes again, and says the same
    with pytest.raises(Corrupt, match="no snapshot has a piece a"):
        log.piece(CELL, "a")
    assert (log.piece(CELL, "b"), log.piece(CELL, "c")) == (b"bbb", b"ccc")


def test_a_snapshot_that_names_a_piece_nobody_has_is_refused_whole(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick(), saves=saved(b"1", a=b"aaa"))
    for commit in (writer.next(tick(), saves=saved(b"2", a=None, b=None)), writer.next(saves=saved(b"2", b=None))):
        with pytest.raises(Corrupt, match="no snapshot has a piece b"):
            log.commit(writer.lease, commit)
    assert log.last_commit(CELL)[0] == 1
    assert log.head(*SOURCE) == 1
    assert [ref.snapshot.data for ref in log.snapshots(CELL)] == [b"1"]
    with pytest.raises(Corrupt, match="no snapshot has a piece a"):
        log.piece("demo/nobody/0", "a")


def test_trimming_forgets_whole_entries_and_changes_no_offset(log: EventLog) -> None:
    writer = Writer(log)
    for n in range(4):
        writer.commit(tick(3, n * 3))
    log.trim(*SOURCE, 7)
    assert [e.header.first for e in log.read(*SOURCE, 0, 1 << 20)] == [6, 9]
    assert log.head(*SOURCE) == 12
    writer.commit(tick(1, 12))
    assert times(log) == [6, 7, 8, 9, 10, 11, 12]


def test_trimming_everything_leaves_the_newest_entry_for_its_watermark(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick(3, watermark=1))
    writer.commit(tick(3, watermark=2))
    log.trim(*SOURCE, 1_000)
    log.trim("clock", "demo/nobody/0", 1_000)
    log.trim("alerts", CELL, 1_000)
    (left,) = log.read(*SOURCE, 0, 1 << 20)
    assert left.header.watermark == 2


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


# -- waiting ---------------------------------------------------------------------------------------------------------


def test_waiting_ends_at_once_where_there_is_something(log: EventLog) -> None:
    Writer(log).commit(tick(3))
    assert log.wait({SOURCE: 2}, 10)
    assert log.wait({("clock", "demo/nobody/0"): 0, SOURCE: 0}, 10)


def test_waiting_for_nothing_new_ends_after_the_time(log: EventLog) -> None:
    Writer(log).commit(tick(3))
    start = monotonic()
    assert not log.wait({SOURCE: 3}, 0.1)
    assert not log.wait({}, 0.05)
    assert 0.15 <= monotonic() - start < 2


def test_a_commit_wakes_every_thread_that_waits_for_it(log: EventLog) -> None:
    writer = Writer(log)
    woken: dict[str, float] = {}

    def wait(name: str, cell: str, timeout_s: float) -> None:
        if log.wait({("clock", cell): 0}, timeout_s):
            woken[name] = monotonic()

    waits = [("a", CELL, 10), ("b", CELL, 10), ("c", CELL, 10), ("other", "demo/nobody/0", 0.6)]
    threads = [threading.Thread(target=wait, args=args) for args in waits]
    for thread in threads:
        thread.start()
    threads[-1].join(0.3)
    committed = monotonic()
    writer.commit(tick())
    for thread in threads:
        thread.join()
    assert sorted(woken) == ["a", "b", "c"]
    assert max(woken.values()) - committed < 0.2


def test_a_closed_log_takes_nothing_more(log: EventLog) -> None:
    writer = Writer(log)
    writer.commit(tick())
    log.close()
    with pytest.raises(RuntimeError):
        writer.commit(tick())
    with pytest.raises(RuntimeError):
        log.acquire(CELL, STREAMS)
