"""The suites that authors of plug-ins get: our own folds and sources pass them, and those that break a rule do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from actors.fold import NONE, Batch
from actors.source import Read
from events.catalog import USER_INTERACTIONS
from hindcast.testing import cut, keeps_the_fold_laws, keeps_the_source_rules
from serve.sources.ndjson import NdjsonFile
from tests.folds.test_pulling import Numbers, now, numbered
from tests.laws.feeds import batches, make
from tests.laws.folds import FOLDS, Case

READERS = [case for case in FOLDS if case.reads is not None]


@pytest.mark.parametrize("case", READERS, ids=lambda case: case.name)
def test_every_fold_of_ours_keeps_the_laws(case: Case) -> None:
    reads = case.make().reads
    keeps_the_fold_laws(case.make, list(batches(make(3, 12, 8, reads))))


class Batchwise:
    """Counts batches, which depends on how the rows were cut."""

    name, version, reads, writes = "batchwise", 1, ("clock",), ()

    def initial(self) -> int:
        return 0

    def fold(self, state: int, batch: Batch) -> Any:
        return state + 1, NONE

    def dump(self, state: int) -> bytes:
        return str(state).encode()

    def load(self, data: bytes) -> int:
        return int(data)


class Forgetful(Batchwise):
    """Counts rows, and loses its count when it is stored."""

    def fold(self, state: int, batch: Batch) -> Any:
        return state + batch.rows, NONE

    def load(self, data: bytes) -> int:
        return 0


@pytest.mark.parametrize(("fold", "said"), [(Batchwise, "one by one"), (Forgetful, "stored and loaded")])
def test_a_fold_that_breaks_a_law_is_told_which(fold: Any, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        keeps_the_fold_laws(fold, cut("clock", [[{"time": 1}, {"time": 2}], [{"time": 3}]]))


def test_a_file_of_lines_keeps_the_rules(tmp_path: Path) -> None:
    path = tmp_path / "events.ndjson"
    path.write_text("".join(json.dumps({"type": "a", "id": str(n)}) + "\n" for n in range(25)) + "no json\n")
    found = keeps_the_source_rules(lambda: NdjsonFile(path, "shop", 1.0, now), USER_INTERACTIONS)
    assert found == [(str(n),) for n in range(25)]


def test_a_source_of_our_tests_keeps_the_rules() -> None:
    assert len(keeps_the_source_rules(lambda: Numbers(10), USER_INTERACTIONS)) == 10


class OffByOne(Numbers):
    """Says where its last row stands, not where the next one does."""

    def open(self, position: bytes | None) -> Any:
        reader, total = super().open(position), self.total

        class Reader:
            def read(self) -> Read:
                read = reader.read()
                return read._replace(position=str(max(0, int(read.position or 0) - 1)).encode())

            def close(self) -> None:
                assert total

        return Reader()


class Ahead(Numbers):
    """Says a place behind rows that it has not given yet."""

    def open(self, position: bytes | None) -> Any:
        class Reader:
            def __init__(self) -> None:
                self.at = int(position or 0)

            def read(self) -> Read:
                found = numbered(self.at, min(10, self.at + 2))
                self.at += found.num_rows
                return Read(found, str(self.at + 1).encode())

            def close(self) -> None:
                """Nothing to let go of."""

        return Reader()


@pytest.mark.parametrize("source", [OffByOne, Ahead])
def test_a_source_that_is_off_by_one_is_told_where(source: Any) -> None:
    with pytest.raises(AssertionError, match="which is behind"):
        keeps_the_source_rules(lambda: source(10), USER_INTERACTIONS)
