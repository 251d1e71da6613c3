"""Retention: what is too old, or too much, goes a segment at a time; what is left reads as one table, and cells go on."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from deltalake import DeltaTable

from actors.archiver import Retention
from actors.cell import Cell
from actors.edges.retaining import expired
from actors.fold import Batch, Outputs
from config.settings import Settings
from events.archive.job import dropping, sweep
from events.archive.log import ArchivedLog
from events.archive.segments import DROPPED, Segment, told
from events.catalog import SEGMENTS, USER_INTERACTIONS
from events.entry import encode
from events.errors import Rejected
from events.log import Output
from query.engine import Engine
from query.history import History
from tests.archive.stories import (
    ARCHIVER,
    BEGIN,
    PRODUCER,
    SECOND,
    SOURCE,
    archived,
    entries,
    events,
    fill,
    opened,
    plain,
    put,
)
from tests.laws.toys import Toy


class Counts(Toy):
    """State: how many events there were, and the first offset of them."""

    reads = (USER_INTERACTIONS.name,)

    def initial(self) -> list[int]:
        return [0, -1]

    def fold(self, state: list[int], batch: Batch) -> tuple[list[int], Outputs]:
        return [state[0] + batch.rows, batch.first if state[1] < 0 else state[1]], Outputs()


def counted(log: ArchivedLog, version: int = 1) -> Cell[list[int]]:
    cell: Cell[list[int]] = Cell(Counts("counts", version), log, tenant="demo", now=lambda: BEGIN)
    cell.recover()
    while cell.advance():
        pass
    return cell


def drop(log: ArchivedLog, segments: list[Segment]) -> None:
    """As the archiver does."""
    gone = list(dropping(log, segments))
    put(log, ARCHIVER, Output(SEGMENTS.name, encode(SEGMENTS, told(gone, BEGIN, DROPPED))))


@pytest.fixture
def log(tmp_path: Path) -> ArchivedLog:
    return opened(tmp_path)


@pytest.mark.parametrize("dropped", [1, 3, 4])
def test_what_is_left_reads_as_one_table(log: ArchivedLog, dropped: int) -> None:
    fill(log, 1_300, most=40)
    before = [plain(entry) for entry in entries(log)]
    segments = archived(log, 0, 1_024, 256)
    log.trim(*SOURCE, 1_024)
    drop(log, segments[:dropped])
    again = ArchivedLog(log.log, log.root)
    left = [plain(entry) for entry in entries(again)]
    assert left == before[-len(left) :]
    first = entries(again)[0].header.first
    assert 256 * dropped <= first < 256 * dropped + 40, "whole entries from the first one on that was not touched"
    sql = "SELECT min(row_offset), count(*), count(DISTINCT row_offset) FROM user_interactions"
    ((least, n, distinct),) = Engine(again).run(sql, tenant="demo").rows()
    rows = sum(entry.header.rows for entry in entries(again))
    assert (n, distinct) == (rows, rows)
    assert least >= first
    page = History(again, "demo").after("user_interactions", PRODUCER, 0, 10)
    assert page.rows["offset"][0].as_py() == least
    assert History(again, "demo").last("user_interactions", 10_000).rows.num_rows == rows


def test_a_question_under_way_still_has_the_files(log: ArchivedLog) -> None:
    fill(log, 600, most=40)
    segments = archived(log, 0, 512, 256)
    log.trim(*SOURCE, 512)
    parts = History(log, "demo").parts("user_interactions")
    next(parts)
    drop(log, segments[:1])
    log.segments.refresh()
    assert sum(1 for _ in parts) > 0
    assert (log.root / segments[0].file).exists(), "swept later"


def test_files_go_and_other_programs_see_the_rest(log: ArchivedLog) -> None:
    fill(log, 1_100, most=40)
    segments = archived(log, 0, 1_024, 256)
    log.trim(*SOURCE, 1_024)
    drop(log, segments[:2])
    assert list(sweep(log.root, segments[:2])) == segments[:2]
    assert list(sweep(log.root, segments[:2])) == segments[:2], "again, after a crash, is harmless"
    files = {Path(path).name for path in DeltaTable(log.root / "user_interactions").file_uris()}
    assert files == {Path(segment.file).name for segment in segments[2:]}
    assert log.verify(PRODUCER).problems == []
    fill(log, 1_400, seed=3)
    archived(log, 1_024, 1_280, 256)
    assert log.verify(PRODUCER).segments == 3


def test_what_was_dropped_before_a_restart_is_still_known(log: ArchivedLog) -> None:
    fill(log, 600, most=40)
    segments = archived(log, 0, 512, 256)
    log.trim(*SOURCE, 512)
    drop(log, segments[:1])
    again = ArchivedLog(log.log, log.root)
    again.segments.refresh()
    assert [one.file for one in again.segments.of(*SOURCE).dropped] == [segments[0].file]


def test_a_file_that_is_missing_for_another_reason_stays_in_the_table(log: ArchivedLog) -> None:
    fill(log, 1_100, most=40)
    segments = archived(log, 0, 1_024, 256)
    (log.root / segments[3].file).unlink()
    log.trim(*SOURCE, 1_024)
    drop(log, segments[:1])
    assert list(sweep(log.root, segments[:1])) == segments[:1]
    files = {Path(path).name for path in DeltaTable(log.root / "user_interactions").file_uris()}
    assert Path(segments[3].file).name in files, "it may come back from a backup"


@pytest.mark.parametrize("version", [1, 2])
def test_cells_go_on_and_one_that_begins_anew_begins_with_what_is_left(log: ArchivedLog, version: int) -> None:
    fill(log, 1_100, most=40)
    whole = counted(log).state[0]
    segments = archived(log, 0, 1_024, 256)
    log.trim(*SOURCE, 1_024)
    drop(log, segments[:2])
    put(log, PRODUCER, events(5, log.head(*SOURCE)))
    cell = counted(ArchivedLog(log.log, log.root), version)
    left = entries(ArchivedLog(log.log, log.root))
    n = sum(entry.header.rows for entry in left)
    assert cell.state[0] == n < whole
    assert cell.state[1] >= 512
    assert log.cursor("demo/counts/0")[SOURCE] == log.head(*SOURCE)
    assert log.verify("demo/counts/0").problems == []


def test_a_cell_that_comes_later_begins_with_what_is_left(log: ArchivedLog) -> None:
    fill(log, 1_100, most=40)
    segments = archived(log, 0, 1_024, 256)
    log.trim(*SOURCE, 1_024)
    drop(log, segments)
    fresh = ArchivedLog(log.log, log.root)
    assert counted(fresh).state[0] == sum(entry.header.rows for entry in entries(fresh))


def segment(producer: str, first: int, received_s: int | None, size: int = 100) -> Segment:
    at = None if received_s is None else BEGIN + received_s * SECOND
    return Segment(
        *("user_interactions", producer, first, first + 10, 10, f"f{first}", size, "", ""),
        *(at, at, at, at, ""),
    )


def names(segments: list[Segment], bounds: Retention, now_s: int) -> list[tuple[str, int]]:
    return [(one.producer, one.first) for one in expired(segments, bounds, BEGIN + now_s * SECOND)]


def test_the_oldest_go_by_age_and_by_size() -> None:
    kept = [segment("a", 0, 10), segment("a", 10, 30), segment("b", 0, 20), segment("b", 10, 40)]
    assert names(kept, Retention(age_s=75), 100) == [("a", 0), ("b", 0)]
    assert names(kept, Retention(bytes=300), 100) == [("a", 0)]
    assert names(kept, Retention(bytes=299), 100) == [("a", 0), ("b", 0)]
    assert names(kept, Retention(age_s=65, bytes=399), 100) == [("a", 0), ("b", 0), ("a", 10)]
    assert names(kept, Retention(age_s=1_000, bytes=1_000), 100) == []


def test_none_goes_before_an_older_one_of_its_producer() -> None:
    late = msgspec.structs.replace(segment("a", 0, 10), latest_received=None)
    assert names([late, segment("a", 10, 20)], Retention(age_s=1), 100) == []


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"trim": True, "retention": {"control": {"days": 1}}}, "is kept whole"),
        ({"trim": True, "retention": {"metrics": {}}}, "neither `days` nor `gb`"),
        ({"retention": {"metrics": {"days": 1}}}, "needs `enabled: true` and `trim: true`"),
        ({"trim": True, "retention": {"metrics": {"days": 0}}}, "greater than 0"),
        ({"trim": True, "retention": {"metrics": {"hours": 1}}}, "is not a key"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(section: dict[str, object], said: str) -> None:
    with pytest.raises(Rejected, match="archive") as refused:
        Settings.load("base", archive=section)
    assert said in str(refused.value)
