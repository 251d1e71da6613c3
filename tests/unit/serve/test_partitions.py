"""Rows go to the partition of their key, and their sender notices nothing of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from actors.edges.intake import Ack
from events.catalog import DEAD_LETTERS, USER_INTERACTIONS, rows
from events.envelope import CellName, partition_of
from events.errors import Transient
from serve.batching import Committed
from serve.hosts import Hosts
from serve.partitions import PartitionedCollector

CELLS = tuple(f"t/user_interactions/{p}" for p in range(4))


class Collectors:
    """Stand in for the hosts: each partition accepts an id once."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken
        self.rows: dict[str, list[str]] = {cell: [] for cell in CELLS}
        self.keys: dict[str, set[str]] = {cell: set() for cell in CELLS}
        self.dead = 0

    async def push(self, cell: str, arrivals: pa.RecordBatch, refused: pa.RecordBatch | None) -> Ack:
        await asyncio.sleep(0)
        if cell == self.broken:
            raise Transient("host has died")
        offset, verdict = len(self.rows[cell]), list[int]()
        for row in arrivals.to_pylist():
            verdict.append(int(row["id"] in self.rows[cell]))
            if row["id"] not in self.rows[cell]:
                self.rows[cell].append(row["id"])
                self.keys[cell].add(row["partition_key"])
        self.dead += refused.num_rows if refused is not None else 0
        return Ack(np.array(verdict, np.uint8).tobytes(), offset)


def pushed(collectors: Collectors, ids: Sequence[int], refused: int = 0, cells: Sequence[str] = CELLS) -> Committed:
    table = rows(
        USER_INTERACTIONS, {"id": [f"e{i}" for i in ids], "partition_key": [f"u{i % 9}" for i in ids]}, len(ids)
    )
    dead = rows(DEAD_LETTERS, {"type": "row.rejected"}, refused) if refused else None
    return asyncio.run(PartitionedCollector(cast("Hosts", collectors), cells).push(table, dead))


def test_each_row_goes_to_the_partition_of_its_key_and_is_answered_in_its_place() -> None:
    collectors = Collectors()
    first = pushed(collectors, range(0, 60, 2), refused=3)
    assert first.verdict.tolist() == [0] * 30
    second = pushed(collectors, range(60))
    assert second.verdict.tolist() == [1 - i % 2 for i in range(60)]
    for i in range(1, 60, 2):
        cell = CELLS[partition_of("t", f"u{i % 9}", 4)]
        assert collectors.rows[cell][int(second.offsets[i])] == f"e{i}"
    assert second.offset == second.offsets[1]
    assert collectors.dead == 3, "what was refused is kept once"
    keys: list[Any] = [key for cell in CELLS for key in collectors.keys[cell]]
    assert sorted(keys) == sorted(set(keys)), "a key is at home in one partition"


def test_what_was_refused_is_kept_where_no_row_is_good() -> None:
    collectors = Collectors()
    answer = pushed(collectors, (), refused=2)
    assert (answer.verdict.tolist(), answer.offset, collectors.dead) == ([], -1, 2)


def test_a_request_of_which_a_part_failed_is_sent_again_whole_and_nothing_comes_twice() -> None:
    collectors = Collectors(broken=CELLS[2])
    with pytest.raises(Transient):
        pushed(collectors, range(40))
    collectors.broken = ""
    pushed(collectors, range(40))
    ids: list[str] = [id for cell in CELLS for id in collectors.rows[cell]]
    assert sorted(ids) == sorted(f"e{i}" for i in range(40))


def test_one_partition_takes_all() -> None:
    collectors = Collectors()
    answer = pushed(collectors, range(5), cells=CELLS[:1])
    assert (answer.offset, answer.offsets.tolist()) == (0, [0, 1, 2, 3, 4])
    assert CellName.parse(CELLS[0]).partition == 0
