"""Batching: one call for many requests. While a call is under way, the requests that arrive wait for the next call.

An idle system adds no delay; under load the calls become larger, not more. Two calls at once were measured: they halve
the size of each, and every commit costs all of its readers. Told what is ``Coming``, a call waits a moment for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import pyarrow as pa

from events.errors import Rejected, Transient
from serve.coming import Coming
from serve.hosts import Hosts

T = TypeVar("T")
R = TypeVar("R")
MAX_ROWS = 20_000
"""The most rows of one call to a collector."""


class Batching(Generic[T, R]):
    """Hands items to ``call`` in the order of their arrival, until those of one call weigh ``most``.

    ``call`` answers an item with a result or with the exception that its sender shall see.
    """

    def __init__(
        self,
        call: Callable[[list[T]], Awaitable[Sequence[R | Exception]]],
        weight: Callable[[T], int],
        most: int,
        coming: Coming | None = None,
    ) -> None:
        self._coming = coming
        self._call = call
        self._weight = weight
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._under_way: asyncio.Task[None] | None = None

    async def push(self, item: T) -> R:
        """Hand ``item`` to the next call and return its answer. Raises the exception of that call, or of this item."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        self._launch()
        return await answer

    def _launch(self) -> None:
        if self._under_way is not None or not self._waiting:
            return
        leaving = self._answer(self._gathered()) if self._coming is None else self._leave(self._coming)
        self._under_way = asyncio.create_task(leaving)
        self._under_way.add_done_callback(self._landed)

    def _gathered(self) -> list[tuple[T, asyncio.Future[R]]]:
        """Take those that go with the next call."""
        taken, weight = 0, 0
        while taken < len(self._waiting) and weight < self._most:
            weight += self._weight(self._waiting[taken][0])
            taken += 1
        gathered, self._waiting = self._waiting[:taken], self._waiting[taken:]
        return gathered

    def _landed(self, _: asyncio.Task[None]) -> None:
        self._under_way = None
        self._launch()

    async def _leave(self, coming: Coming) -> None:
        if sum(self._weight(item) for item, _ in self._waiting) < self._most:
            await coming.over()
        await self._answer(self._gathered())

    async def _answer(self, gathered: list[tuple[T, asyncio.Future[R]]]) -> None:
        answers: Sequence[R | Exception]
        try:
            answers = await self._call([item for item, _ in gathered])
            if len(answers) != len(gathered):
                raise RuntimeError(f"{len(answers)} answers to {len(gathered)} items")
        except Exception as error:  # noqa: BLE001 - every request learns it; the ASGI layer answers and logs bugs
            answers = [error] * len(gathered)
        for (_, future), answer in zip(gathered, answers, strict=True):
            if future.done():  # its sender went away
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer if isinstance(answer, Transient | Rejected) else _copied(answer))
            else:
                future.set_result(answer)


def _copied(error: Exception) -> Exception:
    """A copy of the exception for one request: a shared one would collect the tracebacks of all that wait."""
    return RuntimeError(f"{type(error).__name__}: {error}")


@dataclass(frozen=True, slots=True)
class Committed:
    """What became of one request's rows: uint8 verdicts, and the offset of its first accepted row (-1: none)."""

    verdict: np.ndarray
    offset: int
    places: np.ndarray | None = None
    """int64[rows]: the offset of each row in its own partition, where these are several."""

    @property
    def offsets(self) -> np.ndarray:
        """int64[rows]: the offset of each row in its producer's stream; it means nothing for rows that were not accepted."""
        return self.offset + np.cumsum(self.verdict == 0) - 1 if self.places is None else self.places


@dataclass(frozen=True, slots=True)
class _Request:
    rows: pa.RecordBatch
    refused: pa.RecordBatch | None


class CollectorBatching:
    """Commits the rows of many requests in one call to a collector's cell, so that calls and commits stay few under load."""

    def __init__(self, hosts: Hosts, cell: str, coming: Coming | None = None) -> None:
        """``coming``: requests whose rows will be for this cell, too."""
        self._hosts = hosts
        self._cell = cell
        self._requests = Batching(self._call, lambda request: request.rows.num_rows, MAX_ROWS, coming)

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
