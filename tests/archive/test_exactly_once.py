"""Whatever is killed, and whoever archives at the same time: each offset is in the archive once."""

from __future__ import annotations

import errno
import multiprocessing
import random
import resource
import shutil
import signal
import threading
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import duckdb
import pytest

from actors.archiver import ArchiveBounds, Archiver
from actors.cell import Cell
from actors.edges.archiving import ArchiverWorker
from events.archive import files
from events.archive.delta import StreamTable
from events.archive.job import Range, archive
from events.archive.log import ArchivedLog, ArchivedSpec
from events.errors import Conflict, Corrupt, Transient
from events.sqlite_log import SqliteSpec
from query.engine import Engine
from tests.archive.stories import PRODUCER, SOURCE, archived, entries, fill, opened, plain, record

STREAM = "user_interactions"


def in_table(log: ArchivedLog) -> list[int]:
    """The offsets in the Delta table, as any other program reads it."""
    from deltalake import DeltaTable

    paths = DeltaTable(log.root / STREAM).file_uris()
    return [row[0] for row in duckdb.sql(f"SELECT row_offset FROM read_parquet({paths!r}) ORDER BY 1").fetchall()]


def offsets(log: ArchivedLog) -> list[int]:
    return [
        offset for entry in entries(log) for offset in range(entry.header.first, entry.header.first + entry.header.rows)
    ]


def test_what_was_written_but_not_recorded_is_not_written_again(tmp_path: Path) -> None:
    log = opened(tmp_path)
    fill(log, 1_100)
    (lost,) = archive(log.log, log.root, [Range(*SOURCE, 0, 512)])  # killed before it was recorded
    written = (log.root / lost.file).stat().st_mtime_ns
    again = list(archive(log.log, log.root, [Range(*SOURCE, 0, 512), Range(*SOURCE, 512, 1_024)]))
    assert again[0] == lost
    assert (log.root / lost.file).stat().st_mtime_ns == written
    record(log, again)
    assert in_table(log) == [offset for offset in offsets(log) if offset < 1_024]


def test_what_was_written_but_not_committed_is_written_over(tmp_path: Path) -> None:
    log = opened(tmp_path)
    fill(log, 600)
    files.write(log.log, log.root, SOURCE, 0, 512)  # killed before the table had it
    archived(log, 0, 512, 512)
    assert in_table(log) == [offset for offset in offsets(log) if offset < 512]


def test_an_archiver_that_slept_meanwhile_is_refused(tmp_path: Path) -> None:
    log = opened(tmp_path)
    fill(log, 600)
    slow, quick = StreamTable(log.root, STREAM), StreamTable(log.root, STREAM)
    segment = files.write(log.log, log.root, SOURCE, 0, 512)
    quick.add(segment, 1)
    with pytest.raises(Conflict, match="another archiver"):
        slow.add(segment, 1)
    assert in_table(log) == [offset for offset in offsets(log) if offset < 512]


def test_two_archivers_at_once_are_told_so(tmp_path: Path) -> None:
    log = opened(tmp_path)
    fill(log, 1_100)
    first = archive(log.log, log.root, [Range(*SOURCE, 0, 512), Range(*SOURCE, 512, 1_024)])
    one = next(first)
    with pytest.raises(Transient, match="another process archives"):
        next(archive(log.log, log.root, [Range(*SOURCE, 0, 512)]))
    record(log, [one, *first])
    assert in_table(log) == [offset for offset in offsets(log) if offset < 1_024]


def test_an_archive_of_another_log_is_refused_and_not_added_to(tmp_path: Path) -> None:
    log, other = opened(tmp_path), opened(tmp_path)
    fill(log, 600)
    fill(other, 600, seed=2)
    archived(log, 0, 512, 512)
    with pytest.raises(Corrupt, match="not of one system"):
        list(archive(other.log, other.root, [Range(*SOURCE, 0, 512)]))


def test_a_full_disk_leaves_no_halves_and_costs_nothing_but_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened(tmp_path)
    fill(log, 600)

    def full(*_: object, **__: object) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("events.archive.files.os.fsync", full)
        with pytest.raises(Transient, match="make room"):
            list(archive(log.log, log.root, [Range(*SOURCE, 0, 512)]))
    assert [path for path in log.root.rglob("*") if path.suffix in (".part", ".parquet")] == []
    archived(log, 0, 512, 512)
    assert in_table(log) == [offset for offset in offsets(log) if offset < 512]


def test_a_disk_that_is_really_full_keeps_no_half_of_a_file(tmp_path: Path) -> None:
    """Closing a file writes what is held back, and fails for a second time."""
    log = ArchivedSpec(SqliteSpec(tmp_path / "log"), tmp_path / "archive").open(woken=False)
    fill(log, 600)
    archived(log, 0, 256, 256)
    left = log.root / f"{files.file_of(*SOURCE, 256, 512)}.1.part"
    left.write_bytes(b"of an attempt that was killed")
    process = spawn.Process(target=archive_where_files_are_small, args=(log.spec,))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    assert list(log.root.rglob("*.part")) == []
    archived(log, 256, 512, 256)
    assert in_table(log) == [offset for offset in offsets(log) if offset < 512]
    log.close()


def archive_where_files_are_small(spec: ArchivedSpec) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
    log = spec.open(woken=False)
    with pytest.raises(Transient, match="make room"):
        list(archive(log.log, log.root, [Range(*SOURCE, 256, 512)]))


@pytest.mark.parametrize("harm", ["gone", "cut short", "of before"])
def test_a_table_that_is_not_what_was_written_is_named_and_questions_go_on(tmp_path: Path, harm: str) -> None:
    log = opened(tmp_path)
    fill(log, 1_100)
    archived(log, 0, 768, 256)
    assert log.verify(PRODUCER).problems == []
    folder = log.root / STREAM / "_delta_log"
    newest = max(folder.glob("*.json"))
    if harm == "gone":
        shutil.rmtree(folder)
    elif harm == "cut short":
        newest.write_bytes(newest.read_bytes()[:200])
    else:
        newest.unlink()
    (problem,) = log.verify(PRODUCER).problems
    assert f"restore {folder} from a backup" in problem
    assert "\n" not in problem
    with pytest.raises(Corrupt, match="from a backup"):
        list(archive(log.log, log.root, [Range(*SOURCE, 768, 1_024)]))
    whole = Engine(log).run("SELECT count(id) FROM user_interactions", tenant="demo")
    assert whole.rows() == [[len(offsets(log))]]


@pytest.mark.parametrize("harm", ["gone", "a flipped bit", "its entries gone"])
def test_a_damaged_segment_is_named_with_its_remedy_and_nothing_else_stops(tmp_path: Path, harm: str) -> None:
    log = ArchivedSpec(SqliteSpec(tmp_path / "log"), tmp_path / "archive").open(woken=False)
    fill(log, 600, most=40)
    first, second = archived(log, 0, 512, 256)
    log.trim(*SOURCE, 512)
    assert log.verify(PRODUCER).sound
    path = log.root / (first.entries_file if harm.startswith("its") else first.file)
    if harm == "a flipped bit":
        data = bytearray(path.read_bytes())
        data[300] ^= 1
        path.write_bytes(data)
    else:
        path.unlink()
    (problem,) = log.verify(PRODUCER).problems
    assert str(path) in problem
    assert "backup" in problem
    with pytest.raises(Corrupt, match="backup"):
        entries(log)
    whole = Engine(log).run("SELECT count(properties) FROM user_interactions WHERE row_offset >= 256", tenant="demo")
    assert whole.rows()[0][0] > 0
    assert second.first == 256
    log.close()


@pytest.mark.slow
def test_no_flipped_bit_anywhere_gives_other_rows(tmp_path: Path) -> None:
    log = opened(tmp_path)
    fill(log, 300, most=40)
    (segment,) = archived(log, 0, 256, 256)
    path = log.root / segment.file
    whole = path.read_bytes()

    def asked() -> list[list[object]]:
        return Engine(log).run("SELECT * FROM user_interactions ORDER BY row_offset", tenant="demo").rows()

    before, refused = asked(), 0
    for place in range(0, len(whole), len(whole) // 60):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        try:
            assert asked() == before, f"byte {place}"
        except Corrupt:
            refused += 1
    assert refused > 30


# -- the race ----------------------------------------------------------------------------------------------------------

spawn = multiprocessing.get_context("spawn")
BOUNDS = ArchiveBounds(segment_rows=1_024, every_s=0.02, trim=True, hot_s=0.0)


def archive_until_killed(spec: ArchivedSpec) -> None:
    """As a host does."""
    log = spec.open(woken=False)
    cell = Cell(Archiver(), log, tenant="demo", now=lambda: 2**60)
    worker = ArchiverWorker(cell, log, BOUNDS, lambda: 2**60)
    worker.start()
    threading.Event().wait()


def archived_to(log: ArchivedLog) -> int:
    log.segments.refresh()
    return log.segments.of(*SOURCE).end


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_readers_see_each_row_once_while_archiver_and_trimmer_run_and_are_killed(tmp_path: Path) -> None:
    spec = ArchivedSpec(SqliteSpec(tmp_path / "log"), tmp_path / "archive")
    log, chance = spec.open(woken=False), random.Random(7)
    asked = 0
    problems: list[object] = []
    stop = threading.Event()

    def read() -> None:
        nonlocal asked
        reader = spec.open(woken=False)
        sql = "SELECT count(*), count(DISTINCT row_offset), min(row_offset) FROM user_interactions"
        last = 0
        while not stop.is_set():
            try:
                n, distinct, least = Engine(reader).run(sql, tenant="demo").rows()[0]
                if n != distinct or n < last or (n and least != 0):
                    problems.append((n, distinct, least, last))
                last = n
                asked += 1
            except Exception as error:  # noqa: BLE001 - any error is what this test is about
                problems.append(error)
                return
        reader.close()

    reader = threading.Thread(target=read)
    fill(log, 500)
    reader.start()
    for attempt in range(5):
        process = spawn.Process(target=archive_until_killed, args=(spec,), daemon=True)
        before = archived_to(log)
        process.start()
        fill(log, log.head(*SOURCE) + 1_500, seed=chance.randrange(100), most=60)
        deadline = monotonic() + 120
        while attempt % 2 and archived_to(log) == before and monotonic() < deadline:
            sleep(0.1)
        sleep(4 * chance.random())
        process.kill()
        process.join()
    stop.set()
    reader.join()
    assert problems == []
    assert asked > 10
    assert archived_to(log) >= 2_048, "the archiver did something"
    assert log.log.read(*SOURCE, 0, 1)[0].header.first > 0, "so did the trimmer"
    told = [plain(entry) for entry in entries(log)]
    counted = Engine(log).run("SELECT count(*) FROM user_interactions", tenant="demo").rows()
    assert counted == [[sum(len(rows) for *_, rows in told)]]
    assert log.verify(PRODUCER).problems == []
    log.close()
