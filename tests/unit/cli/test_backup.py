"""``hindcast verify | backup | restore``: from a file that went bad to a system that is whole again."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from click.testing import CliRunner, Result

from events.archive.job import Range, archive
from hindcast.cli import main
from hindcast.log_place import log_of
from tests.archive.stories import SOURCE, fill, record


def hindcast(*words: object) -> Result:
    return CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)


def archived_system(data: Path) -> Path:
    """A data directory with 700 events, of which the log has forgotten 512; answers the file of the archive."""
    log = log_of(data).open(woken=False)
    fill(log, 700, most=40)
    (segment,) = archive(log.log, log.root, [Range(*SOURCE, 0, 512)])
    record(log, [segment])
    log.trim(*SOURCE, 512)
    log.close()
    return data / "archive" / segment.file


def test_a_damaged_file_is_named_and_comes_back_from_the_backup(tmp_path: Path) -> None:
    data, kept, again = tmp_path / "data", tmp_path / "backup", tmp_path / "again"
    file = archived_system(data)
    assert hindcast("verify", "--data-dir", data).output.count("ok  ") == 2
    assert hindcast("backup", kept, "--data-dir", data).exit_code == 0
    file.write_bytes(b"x" + file.read_bytes()[1:])

    told = hindcast("verify", "--data-dir", data)
    assert told.exit_code == 1
    assert str(file) in told.output
    assert "hindcast restore" in told.output
    (bad,) = [
        cell
        for cell in json.loads(hindcast("verify", "--data-dir", data, "--json").output)["cells"]
        if cell["problems"]
    ]
    assert (bad["cell"], bad["segments"]) == (SOURCE[1], 1)

    assert hindcast("restore", kept, "--data-dir", again).exit_code == 0
    whole = hindcast("verify", "--data-dir", again)
    assert (whole.exit_code, "Everything is as it was written" in whole.output) == (0, True)


def test_an_archive_that_is_not_of_this_log_is_told(tmp_path: Path) -> None:
    log = log_of(tmp_path / "data").open(woken=False)
    fill(log, 700)
    (segment,) = archive(log.log, log.root, [Range(*SOURCE, 0, 512)])
    record(log, [msgspec.structs.replace(segment, chain="00" * 16)])
    log.close()
    told = hindcast("verify", "--data-dir", tmp_path / "data")
    assert told.exit_code == 1
    assert "log and archive differ at offset 511" in told.output


def test_what_cannot_be_done_is_one_sentence(tmp_path: Path) -> None:
    archived_system(tmp_path / "data")
    for words, said in (
        (("backup", tmp_path / "b", "--data-dir", tmp_path / "nowhere"), "there is no log"),
        (("restore", tmp_path / "data", "--data-dir", tmp_path / "new"), "no whole backup"),
        (("restore", tmp_path / "nowhere", "--data-dir", tmp_path / "new"), "no whole backup"),
        (("verify", "--data-dir", tmp_path / "nowhere"), "there is no log"),
    ):
        told = hindcast(*words)
        assert told.exit_code == 2
        assert said in told.output
        assert len(told.output.splitlines()) == 1
