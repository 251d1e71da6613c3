"""A backup is the system as of one moment, and a restored one is that system again."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from time import monotonic, sleep

import msgspec
import pytest

from actors.cell import Cell, Limits
from actors.fold import Batch, Outputs
from events.archive.job import Range, alone, archive
from events.archive.log import ArchivedLog
from events.catalog import USER_INTERACTIONS
from events.errors import Corrupt, Rejected, Transient
from hindcast import backup
from hindcast.backup import MANIFEST, back_up, restore
from hindcast.log_place import log_of
from query.engine import Engine
from tests.archive.stories import PRODUCER, SOURCE, entries, events, fill, plain, put, record
from tests.laws.toys import Toy

spawn = multiprocessing.get_context("spawn")


class Counts(Toy):
    """State: how many events there were."""

    reads = (USER_INTERACTIONS.name,)

    def initial(self) -> list[int]:
        return [0]

    def fold(self, state: list[int], batch: Batch) -> tuple[list[int], Outputs]:
        return [state[0] + batch.rows], Outputs()


def system(data: Path, n: int = 1_300) -> ArchivedLog:
    """A data directory with ``n`` events, of which a thousand are archived and forgotten by the log."""
    log = log_of(data).open(woken=False)
    fill(log, n, most=40)
    record(log, list(archive(log.log, log.root, [Range(*SOURCE, 0, 512), Range(*SOURCE, 512, 1_024)])))
    log.trim(*SOURCE, 1_024)
    (data / "admin.key").write_text("k")
    (data / "generation").write_text("g")
    (data / "secrets").mkdir()
    (data / "secrets" / "hook").write_text("s")
    return log


def test_what_is_restored_is_what_was_there(tmp_path: Path) -> None:
    log = system(tmp_path / "data")
    before = [plain(entry) for entry in entries(log)]
    made = back_up(tmp_path / "data", tmp_path / "backup")
    put(log, PRODUCER, events(3, log.head(*SOURCE)))
    log.close()
    assert restore(tmp_path / "backup", tmp_path / "again") == made
    again = log_of(tmp_path / "again").open(woken=False)
    assert [plain(entry) for entry in entries(again)] == before
    assert [again.verify(cell).problems for cell in again.cells()] == [[], []]
    assert (tmp_path / "again" / "secrets" / "hook").read_text() == "s"
    assert not (tmp_path / "again" / "generation").exists(), "it goes on otherwise than the log before"
    put(again, PRODUCER, events(800, again.head(*SOURCE)))
    record(again, list(archive(again.log, again.root, [Range(*SOURCE, 1_024, 1_536)])))
    counted = Engine(again).run("SELECT count(*), count(DISTINCT row_offset) FROM user_interactions", tenant="demo")
    rows = sum(entry.header.rows for entry in entries(again))
    assert counted.rows() == [[rows, rows]]
    again.close()


def write_and_read(data: Path) -> None:
    """A producer, and a cell that follows it, until they are killed."""
    log = log_of(data).open(woken=False)
    cell: Cell[object] = Cell(Counts("counts"), log, tenant="demo", now=lambda: 1, limits=Limits(snapshot_rows=200))
    cell.recover()
    while True:
        put(log, PRODUCER, events(7, log.head(*SOURCE)))
        cell.advance()


@pytest.mark.slow
def test_a_backup_of_a_running_system_is_of_one_moment(tmp_path: Path) -> None:
    data = tmp_path / "data"
    writer = spawn.Process(target=write_and_read, args=(data,), daemon=True)
    writer.start()
    log = log_of(data).open(woken=False)
    deadline = monotonic() + 120
    while log.cursor("demo/counts/0").get(SOURCE, 0) < 300 and monotonic() < deadline:
        sleep(0.05)
    log.close()
    for n in range(5):
        back_up(data, tmp_path / f"b{n}")
        restore(tmp_path / f"b{n}", tmp_path / f"r{n}")
        log = log_of(tmp_path / f"r{n}").open(woken=False)
        assert [log.verify(cell).problems for cell in log.cells()] == [[] for _ in log.cells()]
        assert log.head(*SOURCE) >= log.cursor("demo/counts/0").get(SOURCE, 0), "what was read is in the copy"
        cell: Cell[list[int]] = Cell(Counts("counts"), log, tenant="demo", now=lambda: 1)
        cell.recover()
        while cell.advance():
            pass
        assert cell.state == [log.head(*SOURCE)]
        log.close()
    assert writer.is_alive()
    writer.kill()
    writer.join()
    log = log_of(data).open(woken=False)
    assert log.verify(PRODUCER).problems == [], "whom it copied it did not harm"
    log.close()


@pytest.mark.parametrize("harm", ["a flipped bit", "a file gone", "no manifest"])
def test_a_damaged_backup_is_refused_and_leaves_nothing(tmp_path: Path, harm: str) -> None:
    system(tmp_path / "data").close()
    back_up(tmp_path / "data", tmp_path / "backup")
    (file,) = (tmp_path / "backup" / "archive").glob("user_interactions/*/*-000000000000512.parquet")
    wanted: type[Exception] = Corrupt
    if harm == "a flipped bit":
        data = bytearray(file.read_bytes())
        data[100] ^= 1
        file.write_bytes(data)
    elif harm == "a file gone":
        file.unlink()
    else:
        (tmp_path / "backup" / MANIFEST).unlink()
        wanted = Rejected
    with pytest.raises(wanted, match=r"another backup|no whole backup"):
        restore(tmp_path / "backup", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert not list(tmp_path.glob("*.restoring"))


def test_nothing_is_written_over(tmp_path: Path) -> None:
    log = system(tmp_path / "data")
    with pytest.raises(Rejected, match="not empty"):
        back_up(tmp_path / "data", tmp_path / "data" / "archive")
    with pytest.raises(Rejected, match="lies in the data directory"):
        back_up(tmp_path / "data", tmp_path / "data" / "backup")
    back_up(tmp_path / "data", tmp_path / "backup")
    with pytest.raises(Rejected, match="not empty"):
        back_up(tmp_path / "data", tmp_path / "backup")
    with pytest.raises(Rejected, match="not empty"):
        restore(tmp_path / "backup", tmp_path / "data")
    with pytest.raises(Rejected, match="there is no log"):
        back_up(tmp_path / "nowhere", tmp_path / "other")
    assert entries(log)
    log.close()


def test_an_archiver_at_work_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = system(tmp_path / "data")
    monkeypatch.setattr(backup, "ARCHIVER_S", 0.3)
    with alone(log.root), pytest.raises(Transient, match="another process archives"):
        back_up(tmp_path / "data", tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    log.close()


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = system(tmp_path / "data")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hindcast.backup.shutil.copy2", full)
    with pytest.raises(Transient, match="make room"):
        back_up(tmp_path / "data", tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
    log.close()


def test_a_folder_that_cannot_be_written_is_told_otherwise_than_a_full_disk(tmp_path: Path) -> None:
    system(tmp_path / "data").close()
    back_up(tmp_path / "data", tmp_path / "backup")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Rejected, match=r"file/backup cannot be written .*name a folder"):
        back_up(tmp_path / "data", tmp_path / "file" / "backup")
    with pytest.raises(Rejected, match=r"file/again cannot be written .*name a folder"):
        restore(tmp_path / "backup", tmp_path / "file" / "again")


def test_a_backup_writes_nothing_beside_the_data_directory(tmp_path: Path) -> None:
    system(tmp_path / "data").close()
    made = back_up(tmp_path / "data", tmp_path / "backup")
    (tmp_path / "stray").write_bytes((tmp_path / "backup" / "admin.key").read_bytes())
    harmed = msgspec.structs.replace(made, files={**made.files, "../stray": made.files["admin.key"]})
    (tmp_path / "backup" / MANIFEST).write_bytes(msgspec.json.encode(harmed))
    (tmp_path / "there").mkdir()
    with pytest.raises(Corrupt, match="no file of a backup"):
        restore(tmp_path / "backup", tmp_path / "there" / "again")
    assert list((tmp_path / "there").iterdir()) == []
