"""What was once written is read for ever: the golden files decode to what was recorded beside them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest

from analytics.models.blob import MOVED, TRUSTED, from_bytes
from events.catalog import STREAMS
from events.entry import Entry, chain
from events.sqlite_log import SqliteLog
from events.sqlite_schema import file_name
from tests.golden.generate import CELL, HERE, journaled, main, plain_header, plain_rows, told
from tests.golden.models import answers, types_in
from tests.golden.states import PRODUCTS, definitions_of, keeps
from tests.laws.folds import Case

TOLD = ("metrics", "anomaly")
"""Folds whose definitions came to stand in their state; ``former`` says what the older states meant."""
ENTRIES = sorted((HERE / "entries").glob("*.entry"))
STATES = sorted((HERE / "states").glob("*.state"))
MODELS = sorted((HERE / "models").glob("*.skops"))


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


def test_every_fold_has_a_golden_state_of_its_version() -> None:
    there = {path.stem for path in STATES}
    missing = {f"{f.name}.v{f.version}" for f in (case.make() for case in PRODUCTS)} - there
    assert not missing, f"`python -m tests.golden.generate` writes the states of {sorted(missing)}"


def test_a_field_that_was_renamed_is_found_out() -> None:
    saved = msgspec.msgpack.encode({"rules": {"a": [1, 2]}, "now": 7})
    assert keeps(saved, msgspec.msgpack.encode({"rules": {"a": [1, 2]}, "now": 7, "added": {}}))
    assert not keeps(saved, msgspec.msgpack.encode({"policies": {"a": [1, 2]}, "now": 7}))
    assert not keeps(saved, msgspec.msgpack.encode({"rules": {"a": [1, 3]}, "now": 7}))


def test_no_fold_that_ever_saved_a_state_has_another_name_now() -> None:
    """A cell is found by its fold's name: under another one it would begin anew, and say nothing."""
    recorded = {path.stem.rpartition(".v")[0] for path in STATES}
    assert recorded <= {case.make().name for case in PRODUCTS}


@pytest.mark.parametrize("case", PRODUCTS, ids=lambda c: c.name)
def test_a_state_that_was_saved_under_this_version_is_read_as_it_was_meant(case: Case) -> None:
    """Where this fails, raise the fold's ``version``: its cells then fold their past anew. Or keep the state's shape.

    A field may be added, with a default that means what held before.
    """
    fold = case.make()
    path = HERE / "states" / f"{fold.name}.v{fold.version}.state"
    saved = path.read_bytes()
    if fold.name in TOLD:  # the definitions stood in no state then: what is loaded is what the configuration says
        assert fold.load(saved) == fold.load(saved)
        return
    assert keeps(saved, fold.dump(fold.load(saved)))
    known = json.loads(path.with_suffix(".json").read_text())
    assert definitions_of(fold) == known["definitions"]


@pytest.mark.parametrize("path", MODELS, ids=lambda p: p.stem)
def test_an_old_stored_model_answers_as_it_did(path: Path) -> None:
    recorded = json.loads(path.with_suffix(".json").read_text())
    said = answers(from_bytes(path.read_bytes()), recorded["columns"])
    assert said.keys() == recorded["answers"].keys()
    numbers = recorded["answers"].keys() - {"labels", "sets"}
    to_the_bit = all(said[what] == recorded["answers"][what] for what in numbers)
    for what, value in recorded["answers"].items():
        if what in numbers:
            same = np.allclose(said[what], value, rtol=1e-9, atol=0.0)
        elif what == "sets" and not to_the_bit:
            # A row's draw hangs on the bits of its probabilities, whose last one hangs on the number of threads that add.
            same = np.shape(said[what]) == np.shape(value)
        else:
            same = said[what] == value
        assert same, f"{what}: {said[what]}, recorded was {value}"


def test_every_type_that_a_stored_model_may_hold_is_in_a_golden_one() -> None:
    """A type that is new joins a new golden model, so that it can be moved later, and the old files are still read."""
    held = set[str]()
    for path in MODELS:
        held |= {MOVED.get(name, name) for name in types_in(path.read_bytes())}
    assert held >= set(TRUSTED)


@pytest.mark.slow
def test_the_generator_refuses_to_write_over_golden_files() -> None:
    before = {path: path.read_bytes() for path in HERE.rglob("*.v*")}
    with pytest.raises(FileExistsError):
        main()
    assert {path: path.read_bytes() for path in HERE.rglob("*.v*")} == before
