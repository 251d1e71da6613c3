"""What a log promises of what it keeps beside the entries: journal, snapshots and their pieces; and of trimming."""

from __future__ import annotations

import pytest

from events.errors import Corrupt, Fenced
from events.log import EventLog, Snapshot, SnapshotRef
from hindcast.testing.log_words import CELL, FEED, Writer, ate, saved, tick, times

SOURCE = ("clock", CELL)


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


def test_lasting_snapshots_are_kept_for_looks_back_and_thinned_as_they_age(log: EventLog) -> None:
    writer, minute = Writer(log), 60_000_000
    for n in range(40):  # one in five minutes
        writer.commit(tick(), saves=Snapshot(1, "x86_64", b"state %d" % n, (), True), at=n * 5 * minute)
    assert log.snapshot_at(CELL, 0, 1, "x86_64") is None
    found = [log.snapshot_at(CELL, commit, 1, "x86_64") for commit in range(1, 41)]
    assert [ref and ref.snapshot.data for ref in found[:4]] == [b"state 0", b"state 0", b"state 2", b"state 2"]
    assert {ref.commit for ref in found if ref} == set(range(1, 41, 2))
    assert log.snapshot_at(CELL, 40, 2, "x86_64") is None
    assert log.snapshot_at(CELL, 40, 1, "arm64") is None
    assert len(log.snapshots(CELL)) == 2
    writer.commit(tick(), saves=Snapshot(1, "x86_64", b"a week later", (), True), at=7 * 1440 * minute)
    assert {ref.commit for n in range(1, 42) if (ref := log.snapshot_at(CELL, n, 1, "x86_64"))} == {
        *range(1, 41, 4),
        41,
    }
    writer.commit(tick(), saves=Snapshot(1, "x86_64", b"a year later", (), True), at=365 * 1440 * minute)
    assert [log.snapshot_at(CELL, n, 1, "x86_64") is None for n in (40, 41, 42)] == [True, True, False]


def test_a_commit_that_is_refused_leaves_no_lasting_snapshot(log: EventLog) -> None:
    old, new = Writer(log), Writer(log)
    state = Snapshot(1, "x86_64", b"of a zombie", (), True)
    with pytest.raises(Fenced):
        old.commit(tick(), saves=state)
    new.commit(tick())
    assert log.snapshot_at(CELL, 9, 1, "x86_64") is None
    sent = new.commit(tick(), saves=state)
    assert log.commit(new.lease, sent) == 2  # a retry
    assert log.snapshot_at(CELL, 9, 1, "x86_64") == SnapshotRef(2, state)


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
