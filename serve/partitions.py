"""A collector with several partitions: each row goes to the one that its key belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from actors.collectors.arrivals import ACCEPTED
from events.envelope import CellName, partition_of
from serve.batching import CollectorBatching, Committed
from serve.coming import Coming
from serve.hosts import Hosts


class PartitionedCollector:
    """Commits rows in the cells of one collector, given by partition. All rows of a key go to one cell, in their order."""

    def __init__(self, hosts: Hosts, cells: Sequence[str], coming: Coming | None = None) -> None:
        self._cells = tuple(cells)
        self._collectors = [CollectorBatching(hosts, cell, coming) for cell in cells]

    async def push(self, rows: pa.RecordBatch, refused: pa.RecordBatch | None) -> Committed:
        """Commit the rows. Raises ``Transient`` or ``Overloaded``: some may be committed, send all of them again.

        ``offset`` of the answer is that of the first accepted row, in its own partition.
        """
        if len(self._collectors) == 1:
            return await self._collectors[0].push(rows, refused)
        partition = self._partitions(rows)
        chosen = [(p, np.flatnonzero(partition == p)) for p in range(len(self._collectors))]
        first = next((p for p, places in chosen if len(places)), 0)
        parts = [(p, places) for p, places in chosen if len(places) or (p == first and refused is not None)]
        calls = [
            self._collectors[p].push(rows.take(pa.array(places)), refused if p == first else None)
            for p, places in parts
        ]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        verdict, offsets = np.zeros(rows.num_rows, np.uint8), np.full(rows.num_rows, -1, np.int64)
        for (_, places), answer in zip(parts, answers, strict=True):
            if isinstance(answer, BaseException):
                raise answer
            verdict[places], offsets[places] = answer.verdict, answer.offsets
        accepted = np.flatnonzero(verdict == ACCEPTED)
        return Committed(verdict, int(offsets[accepted[0]]) if len(accepted) else -1, offsets)

    def _partitions(self, rows: pa.RecordBatch) -> np.ndarray:
        """int64[rows]: the partition of each row's key."""
        tenant, among = CellName.parse(self._cells[0]).tenant, len(self._cells)
        keys = rows.column("partition_key").dictionary_encode()
        names = [partition_of(tenant, key or "", among) for key in keys.dictionary.to_pylist()]
        without = partition_of(tenant, "", among)
        return np.array([*names, without], np.int64)[keys.indices.fill_null(len(names)).to_numpy()]
