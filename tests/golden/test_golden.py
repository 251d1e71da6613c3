"""What was once written is read for ever: the golden files decode to what was recorded beside them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from events.catalog import STREAMS
from events.entry import Entry, chain
from events.sqlite_log import SqliteLog
from events.sqlite_schema import file_name
from tests.golden.generate import CELL, HERE, journaled, main, plain_header, plain_rows, told

ENTRIES = sorted((HERE / "entries").glob("*.entry"))


@pytest.mark.parametrize("path", ENTRIES, ids=lambda p: p.stem)
def test_an_old_entry_decodes_to_what_was_recorded(path: Path) -> None:
    recorded = json.loads(path.with_suffix(".json").read_text())
    entry = Entry.from_bytes(path.read_bytes())
    known = plain_header(entry.header)
    assert {field: known[field] for field in recorded["header"]} == recorded["header"]
    batch = entry.batch()
    assert batch.schema.equals(STREAMS[entry.header.stream].schema)
    decoded = plain_rows(batch)
    assert {column: decoded[column] for column in recorded["rows"]} == recorded["rows"]
    assert chain(b"0123456789abcdef", entry.payload) == entry.header.chain


def test_every_stream_has_a_golden_entry_of_each_version() -> None:
    there = {path.stem for path in ENTRIES}
    assert there >= {f"{s.name}.v{v}" for s in STREAMS.values() for v in range(1, s.version + 1)}


def test_an_old_file_of_a_cell_tells_its_story(tmp_path: Path) -> None:
    cells = tmp_path / "cells"
    cells.mkdir()
    shutil.copy(HERE / "journal.v1.db", cells / f"{file_name(CELL)}.db")
    log = SqliteLog(tmp_path)
    assert told(log) == json.loads((HERE / "journal.v1.json").read_text())
    assert log.verify(CELL).problems == []
    lease = log.acquire(CELL, [])
    assert (lease.epoch, lease.commit, lease.heads) == (2, 5, {"clock": 10, "control": 1})
    log.close()


def test_todays_log_tells_the_same_story(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path)
    journaled(log)
    assert told(log) == json.loads((HERE / "journal.v1.json").read_text())
    log.close()


def test_the_generator_refuses_to_write_over_golden_files() -> None:
    before = {path: path.read_bytes() for path in HERE.rglob("*.v*")}
    with pytest.raises(FileExistsError):
        main()
    assert {path: path.read_bytes() for path in HERE.rglob("*.v*")} == before
