"""What a collector remembers of the last hour: known to the row, saved once, and found again by whoever takes over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors.cell import Cell, Limits
from actors.collectors.arrivals import ACCEPTED, DUPLICATE, Arrivals
from actors.collectors.push import PushCollector, user_interactions
from events.catalog import USER_INTERACTIONS, rows
from events.log import Commit, EventLog, Lease
from events.memory_log import MemoryLog
from events.sqlite_log import SqliteLog

MINUTE_US = 60_000_000
NOON = 1_790_000_000_000_000
ROWS = 5_000
"""A minute's: enough for a segment of its own."""


class Watched(MemoryLog):
    """Notes what each snapshot brings along."""

    def __init__(self) -> None:
        super().__init__()
        self.brought: list[tuple[int, int, int]] = []
        """(pieces with their content, pieces that are only named, bytes of all that is written)"""

    def commit(self, lease: Lease, commit: Commit) -> int:
        if saved := commit.snapshot:
            new = [piece.data for piece in saved.pieces if piece.data is not None]
            written = len(saved.data) + sum(map(len, new))
            self.brought.append((len(new), len(saved.pieces) - len(new), written))
        return super().commit(lease, commit)


def collector(log: EventLog, **limits: int) -> Cell[Any]:
    cell: Cell[Any] = Cell(user_interactions(least=1), log, tenant="t", now=lambda: NOON, limits=Limits(**limits))
    cell.recover()
    return cell


def sent(cell: Cell[Any], minute: int, n: int = ROWS, first: int = 0) -> np.ndarray:
    """Verdicts on the minute's rows, from ``first`` on: they are the same rows each time."""
    received = NOON + minute * MINUTE_US
    ids = [f"{minute}-{i}" for i in range(first, first + n)]
    batch = rows(USER_INTERACTIONS, {"id": ids, "type": "a", "source": "s", "time": received, "received": received}, n)
    fold: PushCollector = cell.fold
    return cell.record(lambda state: fold.admit(state, Arrivals(batch, None)))


def test_a_row_of_an_hour_ago_is_known_however_many_came_after_it() -> None:
    """700,000 came after it, which was more than were remembered."""
    cell = collector(MemoryLog())
    for minute in range(60):
        assert (sent(cell, minute, 12_000) == ACCEPTED).all()
    assert (sent(cell, 0, 12_000) == DUPLICATE).all()
    assert (sent(cell, 31, 12_000) == DUPLICATE).all()


def test_a_snapshot_writes_only_what_is_new_since_the_last_one() -> None:
    log = Watched()
    cell = collector(log, snapshot_rows=3 * ROWS)
    for minute in range(40):
        sent(cell, minute)
    assert len(log.brought) == 13
    assert max(new for new, _, _ in log.brought) <= 3
    assert log.brought[-1][1] >= 33
    assert max(written for _, _, written in log.brought) < 4 * ROWS * 12
    cell = collector(log, snapshot_rows=3 * ROWS)  # another instance, from the snapshot: it need not write it all again
    for minute in range(40, 44):
        sent(cell, minute)
    assert log.brought[-1][0] <= 4
    assert (sent(cell, 0) == DUPLICATE).all()


def test_pieces_that_are_forgotten_leave_the_log(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path)
    cell = collector(log, snapshot_rows=5 * ROWS)
    for minute in range(150):
        sent(cell, minute)
    cell.save()
    verdict = log.verify(cell.name)
    assert verdict.sound, verdict.problems
    names = {each.segment.name for each in cell.state.seen.sealed}
    assert 60 <= len(names) <= 62
    assert all(log.piece(cell.name, name) for name in names)
    again = collector(log)
    assert cell.fold.dump(again.state) == cell.fold.dump(cell.state)
    assert (sent(again, 95, 100) == DUPLICATE).all()
    assert (sent(again, 60, 100) == ACCEPTED).all()
    log.close()


def test_a_damaged_piece_costs_a_refold_and_no_row() -> None:
    log = MemoryLog()
    cell = collector(log)
    for minute in range(20):
        sent(cell, minute)
    cell.save()
    stored = log._cells[cell.name].pieces
    name = next(iter(stored))
    stored[name] = stored[name][:-1] + b"?"
    again = collector(log)
    assert cell.fold.dump(again.state) == cell.fold.dump(cell.state)
    assert (sent(again, 0) == DUPLICATE).all()


@pytest.mark.slow
def test_a_file_from_before_there_were_pieces_is_read_and_goes_on(tmp_path: Path) -> None:
    log = SqliteLog(tmp_path)
    cell = collector(log)
    sent(cell, 0)
    log.close()
    import sqlite3

    (file,) = (tmp_path / "cells").glob("*.db")
    with sqlite3.connect(file) as db:
        db.executescript("DROP TABLE piece; DROP TABLE has_piece;")
    db.close()
    log = SqliteLog(tmp_path)
    assert log.verify("t/user_interactions/0").sound
    cell = collector(log)
    for minute in range(1, 5):
        sent(cell, minute)
    cell.save()
    assert log.verify(cell.name).sound
    assert (sent(collector(log), 1) == DUPLICATE).all()
    log.close()
