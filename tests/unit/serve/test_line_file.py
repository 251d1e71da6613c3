"""A followed file: each line once, through rotation, truncation and restarts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from events.errors import Rejected
from serve.sources import line_file
from serve.sources.line_file import FollowedFile, Place
from serve.sources.ndjson import NdjsonFile


class Follower:
    """Reads a file and is restarted whenever the story asks for it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place: Place | None = None
        self.lines: list[str] = []
        self.notes: list[str] = []
        self.file = FollowedFile(path, None)

    def read(self, most: int = 1000) -> list[str]:
        """All that there is now."""
        fresh: list[str] = []
        for _ in range(50):
            found = self.file.read(most)
            self.place = self.file.place or self.place
            fresh += found.text.decode().split("\n")[:-1]
            self.notes += [found.note] if found.note else []
        self.lines += fresh
        return fresh

    def restart(self) -> None:
        self.file.close()
        self.file = FollowedFile(self.path, self.place)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def append(path: Path, *lines: str, end: str = "\n") -> None:
    with path.open("a") as file:
        file.write("\n".join(lines) + end)


def test_lines_are_read_as_they_come_and_an_unfinished_one_waits(log: Path) -> None:
    append(log, "one", "two")
    follower = Follower(log)
    assert follower.read() == ["one", "two"]
    append(log, "thr", end="")
    assert follower.read() == []
    append(log, "ee", "four")
    assert follower.read() == ["three", "four"]


def test_a_restart_goes_on_where_it_was(log: Path) -> None:
    append(log, "one", "two", "three")
    follower = Follower(log)
    found = follower.file.read(2)
    assert found.text == b"one\ntwo\n"
    assert found.behind == 6
    follower.place = follower.file.place
    follower.restart()
    append(log, "four")
    assert follower.read() == ["three", "four"]
    assert follower.notes == []


@pytest.mark.parametrize("restarted", [False, True])
def test_a_renamed_file_is_read_to_its_end_before_the_new_one(log: Path, restarted: bool) -> None:
    append(log, "one")
    follower = Follower(log)
    follower.read()
    append(log, "two", "the last, without an end", end="")
    log.rename(log.with_name("app.log.1"))
    append(log, "three")
    if restarted:
        follower.restart()
    assert follower.read() == ["two", "the last, without an end", "three"]
    assert follower.notes == []


@pytest.mark.parametrize("restarted", [False, True])
def test_a_file_that_was_cut_off_is_read_from_its_beginning_and_that_is_said(log: Path, restarted: bool) -> None:
    append(log, "one", "two")
    follower = Follower(log)
    follower.read()
    os.truncate(log, 0)
    if restarted:
        follower.restart()
    append(log, "three")
    assert follower.read() == ["three"]
    assert ["cut off" in note for note in follower.notes] == [True]


@pytest.mark.parametrize("restarted", [False, True])
def test_a_file_that_was_written_anew_and_is_longer_is_seen_by_its_beginning(log: Path, restarted: bool) -> None:
    append(log, "one")
    follower = Follower(log)
    follower.read()
    if restarted:
        follower.file.close()
    os.truncate(log, 0)
    append(log, "other", "and longer than before")
    if restarted:
        follower.restart()
    assert follower.read() == ["other", "and longer than before"]
    assert len(follower.notes) == 1


def test_a_file_that_is_gone_altogether_is_told_of(log: Path) -> None:
    append(log, "one")
    follower = Follower(log)
    follower.read()
    follower.file.close()
    log.unlink()
    keep = log.with_name("unrelated")
    append(keep, "x")
    append(log, "two, another file")
    follower.file = FollowedFile(log, follower.place and Place(1, 2, 4, 4, b"12345678"))
    assert follower.read() == ["two, another file"]
    assert "is gone" in follower.notes[0]


def test_a_line_without_bounds_is_stepped_over_once_it_ends(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_file, "STEP", 10)
    append(log, "x" * 35, end="")
    file = FollowedFile(log, None)
    assert (file.read(9).text, file.read(9).behind) == (b"", 35)
    append(log, "", "short")
    found = file.read(9)
    assert (found.too_long, found.text) == (36, b"x" * 10)
    assert file.read(9).text == b"short\n"


def test_lines_are_events_and_what_is_none_is_a_dead_letter(log: Path) -> None:
    append(log, '{"type": "order.placed", "subject": "ada"}', "", "no json", '{"type": "order.paid", "source": "till"}')
    reader = NdjsonFile(log, "shop", 1.0, lambda: 1_760_000_000_000_000).open(None)
    found = reader.read()
    assert found.rows.column("type").to_pylist() == ["order.placed", "order.paid"]
    assert found.rows.column("source").to_pylist() == ["shop", "till"]
    assert found.refused is not None
    assert found.refused.column("payload").to_pylist() == [b"no json"]
    assert (found.wake_at_us, reader.read().wake_at_us) == (None, 1_760_000_001_000_000)
    reader.close()
    again = NdjsonFile(log, "shop", 1.0, lambda: 1).open(found.position)
    assert again.read().rows.num_rows == 0


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    reader = NdjsonFile(tmp_path / "none.ndjson", "shop", 1.0, lambda: 1).open(None)
    with pytest.raises((FileNotFoundError, Rejected), match=r"none\.ndjson"):
        reader.read()
