"""One collector call for many requests, so that actor calls and durable commits stay bounded under load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from serve.gathering import Gathering
from serve.hosts import Hosts

MAX_ROWS = 20_000
"""Rows gathered into one call."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of one request's rows: uint8 verdicts, and the offset of its first accepted row (-1: none)."""

    verdict: np.ndarray
    offset: int


@dataclass(frozen=True, slots=True)
class _Request:
    rows: pa.RecordBatch
    refused: pa.RecordBatch | None


class Coalescer:
    """Pushes requests to one collector cell."""

    def __init__(self, hosts: Hosts, cell: str) -> None:
        self._hosts = hosts
        self._cell = cell
        self._requests = Gathering(self._call, lambda request: request.rows.num_rows, MAX_ROWS)

    async def push(self, rows: pa.RecordBatch, refused: pa.RecordBatch | None) -> Committed:
        """Commit the rows. Raises ``Transient`` or ``Overloaded``: nothing is known to be committed, send it again."""
        return await self._requests.push(_Request(rows, refused))

    async def _call(self, requests: list[_Request]) -> list[Committed]:
        refused = [r.refused for r in requests if r.refused is not None]
        ack = await self._hosts.push(
            self._cell, _joined([r.rows for r in requests]), _joined(refused) if refused else None
        )
        verdict, offset, at = np.frombuffer(ack.verdict, np.uint8), ack.offset, 0
        found: list[Committed] = []
        for request in requests:
            mine = verdict[at : at + request.rows.num_rows]
            accepted = int((mine == 0).sum())
            found.append(Committed(mine, offset if accepted else -1))
            offset, at = offset + accepted, at + len(mine)
        return found


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)
