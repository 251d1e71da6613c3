"""Archive and log are one: whoever reads cannot tell what lies where."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from events.archive.log import ArchivedLog
from events.errors import Corrupt
from query.engine import Engine
from query.history import History
from tests.archive.stories import BEGIN, PRODUCER, SECOND, SOURCE, archived, entries, events, fill, opened, plain, put

ALL = "SELECT * FROM user_interactions ORDER BY row_offset"
SUMS = "SELECT count(*), count(DISTINCT row_offset), min(row_offset), sum(amount), max(time) FROM user_interactions"


def told(log: ArchivedLog, sql: str) -> list[list[object]]:
    return Engine(log).run(sql, tenant="demo").rows()


@pytest.fixture
def log(tmp_path: Path) -> ArchivedLog:
    return opened(tmp_path)


@pytest.mark.parametrize("trimmed", [False, True])
@pytest.mark.parametrize("step", [32, 256, 1024])
def test_entries_come_out_of_the_archive_as_they_went_in(log: ArchivedLog, step: int, trimmed: bool) -> None:
    head = fill(log, 1_100)
    before = [plain(entry) for entry in entries(log)]
    archived(log, 0, head // step * step, step)
    if trimmed:
        log.trim(*SOURCE, head // step * step)
        assert log.log.read(*SOURCE, 0, 1)[0].header.first > 0, "the log itself has forgotten"
    assert [plain(entry) for entry in entries(log)] == before
    for after in (0, 1, step - 1, step, step + 1, head - 1):
        (first, *_) = log.read(*SOURCE, after, 1)
        assert first.header.first <= after < first.header.end


def test_an_entry_larger_than_several_segments_comes_back_whole(log: ArchivedLog) -> None:
    put(log, PRODUCER, events(5))
    put(log, PRODUCER, events(500, 5))
    put(log, PRODUCER, events(95, 505))
    before = [plain(entry) for entry in entries(log)]
    archived(log, 0, 576, 64)
    log.trim(*SOURCE, 576)
    assert [plain(entry) for entry in entries(log)] == before
    assert told(log, SUMS)[0][:3] == [600, 600, 0]


@pytest.mark.parametrize("sealed", [pytest.param(False, marks=pytest.mark.slow), True])
@pytest.mark.parametrize("trimmed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_sql_sees_the_same_rows_in_the_same_order_wherever_they_lie(
    log: ArchivedLog, sealed: bool, trimmed: bool
) -> None:
    head = fill(log, 6_000, most=40)
    before = told(log, ALL), told(log, SUMS), History(log, "demo").last("user_interactions", 6_000).rows
    if sealed:
        log.blocks.seal(log, SOURCE, 0, head)
        assert len(log.blocks.of(SOURCE)) > 3
        assert (told(log, ALL), told(log, SUMS)) == before[:2]
    archived(log, 0, 4_096, 2_048)
    if trimmed:
        log.trim(*SOURCE, 4_096)
    assert (told(log, ALL), told(log, SUMS)) == before[:2]
    unordered = told(log, "SELECT row_offset FROM user_interactions")
    assert unordered == sorted(unordered)
    history = History(log, "demo")
    assert history.last("user_interactions", 6_000).rows.to_pylist() == before[2].to_pylist()
    page = history.after("user_interactions", PRODUCER, 4_000, 200).rows
    assert page["offset"].to_pylist()[0] >= 4_000
    assert sum(rows.num_rows for rows, _ in history.backwards("user_interactions", PRODUCER)) == before[1][0][0]


def test_a_question_about_a_short_time_opens_only_the_files_that_may_have_it(log: ArchivedLog) -> None:
    fill(log, 1_100)
    segments = archived(log, 0, 1_024, 256)
    for segment in segments[:3]:
        (log.root / segment.file).unlink()  # to open them would be an error
    since = f"make_timestamptz({BEGIN + 900 * SECOND})"
    found = told(log, f"SELECT count(*), min(time) >= {since} FROM user_interactions WHERE time >= {since}")
    assert found[0][0] > 100
    assert found[0][1] is True
    with pytest.raises(Corrupt, match="No such file"):
        told(log, "SELECT max(amount) FROM user_interactions")


def test_more_scans_at_once_than_there_are_threads_do_not_wait_for_each_other(log: ArchivedLog) -> None:
    fill(log, 3_000, most=60)
    archived(log, 0, 2_048, 1_024)
    scans = pa.io_thread_count() + 4
    counted = " UNION ALL ".join(f"(SELECT {scan}, count(DISTINCT id) FROM user_interactions)" for scan in range(scans))
    answers: list[list[list[object]]] = []
    asking = threading.Thread(target=lambda: answers.append(told(log, counted)), daemon=True)
    asking.start()
    asking.join(60)
    assert answers, "it waits for ever"
    (rows,) = answers
    assert len(rows) == scans
    assert {row[1] for row in rows} == {sum(entry.header.rows for entry in entries(log))}


def test_rows_after_the_cut_are_not_in_it_even_if_they_are_archived_first(log: ArchivedLog) -> None:
    fill(log, 300)
    history = History(log, "demo")
    head = history.heads("user_interactions")[PRODUCER]
    fill(log, 1_100, seed=2)
    archived(log, 0, 1_024, 512)
    log.trim(*SOURCE, 1_024)
    parts = list(history.parts("user_interactions"))
    assert [(part.first, part.end) for part in parts] == [(0, head)]


def test_a_gap_between_archive_and_log_is_an_error_and_not_fewer_rows(log: ArchivedLog) -> None:
    fill(log, 1_100)
    archived(log, 0, 512, 512)
    log.trim(*SOURCE, 900)
    with pytest.raises(Corrupt, match="archive ends at 512"):
        told(log, SUMS)
    with pytest.raises(Corrupt, match="restore the log from a backup"):
        entries(log)


def test_a_block_that_is_damaged_or_gone_is_passed_over(log: ArchivedLog) -> None:
    head = fill(log, 4_000)
    before = told(log, ALL)
    log.blocks.seal(log, SOURCE, 0, head)
    gone, damaged, *_ = log.blocks.of(SOURCE).values()
    gone.path.unlink()
    data = bytearray(damaged.path.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.path.write_bytes(data)
    assert told(log, ALL) == before
    log.blocks.seal(log, SOURCE, 0, head)
    assert told(log, ALL) == before


@pytest.mark.slow
def test_blocks_of_another_log_are_passed_over_and_made_anew(log: ArchivedLog, tmp_path: Path) -> None:
    """As after a server that lost its last second, or where a log was put back and the archive was not."""
    fill(log, 17_000)
    log.blocks.seal(log, SOURCE, 0, log.head(*SOURCE))
    other = opened(tmp_path)
    while other.head(*SOURCE) < 17_000:
        put(other, PRODUCER, events(9, 1_000_000 + other.head(*SOURCE)))
    plain = ArchivedLog(other.log, tmp_path / "without blocks")
    assert log.blocks.of(SOURCE).keys() == {0}
    assert told(other, ALL) == told(plain, ALL)
    other.blocks.seal(other, SOURCE, 0, other.head(*SOURCE))
    assert told(other, ALL) == told(plain, ALL)
    assert all(block.of(other) for block in other.blocks.of(SOURCE).values())
    assert [block.first for block in other.blocks.of(SOURCE).values()] == [0]


def test_rows_are_counted_rightly_with_and_without_their_ids(log: ArchivedLog) -> None:
    fill(log, 3_000)
    log.blocks.seal(log, SOURCE, 0, log.head(*SOURCE))
    archived(log, 0, 1_024, 512)
    n = told(log, "SELECT count(id) FROM user_interactions")
    assert n[0][0] > 2_000
    for sql in (
        "SELECT count(*) FROM user_interactions",
        "SELECT COUNT( * ) FROM user_interactions",
        'SELECT count("ID") FROM user_interactions',
        "SELECT count(#1) FROM (FROM user_interactions)",
        "SELECT count(c) FROM (FROM user_interactions) AS t(c)",
        "SELECT count(*) FROM (SELECT DISTINCT id FROM user_interactions)",
        "SELECT count(COLUMNS('^i')) FROM user_interactions",
        "FROM user_interactions SELECT count(1)",
        "SELECT count(*) FROM user_interactions WHERE id IS NOT NULL",
        "select count(1) as n from user_interactions where time > '1970-01-01'",
        "SELECT count(*) FROM user_interactions t(c) WHERE c IS NOT NULL",
    ):
        assert told(log, sql) == n, sql
