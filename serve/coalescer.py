"""One collector call for many requests: while a call is under way, what arrives is gathered for the next one.

An idle system adds no delay; under load the number of actor calls and of durable commits stays bounded.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from events.errors import Transient
from serve.hosts import Hosts

MAX_ROWS = 20_000
"""Rows gathered into one call."""
IN_FLIGHT = 2
"""Calls under way at once: one commits while the next one is being built."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one request's rows: uint8 verdicts, and the offset of its first accepted row (-1: none)."""

    verdict: np.ndarray
    offset: int


@dataclass(frozen=True, slots=True)
class _Request:
    rows: pa.RecordBatch
    refused: pa.RecordBatch | None
    answer: asyncio.Future[Receipt]


class Coalescer:
    """Pushes requests to one collector cell."""

    def __init__(self, hosts: Hosts, cell: str) -> None:
        self._hosts = hosts
        self._cell = cell
        self._waiting: list[_Request] = []
        self._calls: set[asyncio.Task[None]] = set()

    async def push(self, rows: pa.RecordBatch, refused: pa.RecordBatch | None) -> Receipt:
        """Commit the rows. Raises ``Transient`` or ``Overloaded``: nothing is known to be committed, send it again."""
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Request(rows, refused, answer))
        self._launch()
        return await answer

    def _launch(self) -> None:
        while self._waiting and len(self._calls) < IN_FLIGHT:
            requests, n = [], 0
            while self._waiting and n < MAX_ROWS:
                requests.append(self._waiting.pop(0))
                n += requests[-1].rows.num_rows
            call = asyncio.create_task(self._call(requests))
            self._calls.add(call)
            call.add_done_callback(self._landed)

    def _landed(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._launch()

    async def _call(self, requests: list[_Request]) -> None:
        try:
            refused = [r.refused for r in requests if r.refused is not None]
            ack = await self._hosts.push(
                self._cell, _joined([r.rows for r in requests]), _joined(refused) if refused else None
            )
            verdict, offset, at = np.frombuffer(ack.verdict, np.uint8), ack.offset, 0
            for request in requests:
                mine = verdict[at : at + request.rows.num_rows]
                accepted = int((mine == 0).sum())
                if not request.answer.done():
                    request.answer.set_result(Receipt(mine, offset if accepted else -1))
                offset, at = offset + accepted, at + len(mine)
        except Exception as error:  # noqa: BLE001 - every request learns it; the ASGI layer answers and logs bugs
            for request in requests:
                if not request.answer.done():
                    request.answer.set_exception(error if isinstance(error, Transient) else _copied(error))


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def _copied(error: Exception) -> Exception:
    """An exception per waiter: one shared instance would gather the tracebacks of all of them."""
    return RuntimeError(f"{type(error).__name__}: {error}")
