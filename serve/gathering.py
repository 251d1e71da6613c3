"""One call for many requests: while calls are under way, what arrives is gathered for the next one.

An idle system adds no delay; under load the number of calls stays bounded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from events.errors import Rejected, Transient

T = TypeVar("T")
R = TypeVar("R")

IN_FLIGHT = 2
"""Calls under way at once: one commits while the next one is being built."""


class Gathering(Generic[T, R]):
    """Hands items to ``call`` in the order of their arrival, until those of one call weigh ``most``.

    ``call`` answers an item with a result or with the exception that its sender shall see.
    """

    def __init__(
        self, call: Callable[[list[T]], Awaitable[Sequence[R | Exception]]], weight: Callable[[T], int], most: int
    ) -> None:
        self._call = call
        self._weight = weight
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._calls: set[asyncio.Task[None]] = set()

    async def push(self, item: T) -> R:
        """The answer to ``item``. Raises what ``call`` raised, or answered it with."""
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        self._launch()
        return await answer

    def _launch(self) -> None:
        while self._waiting and len(self._calls) < IN_FLIGHT:
            taken, weight = 0, 0
            while taken < len(self._waiting) and weight < self._most:
                weight += self._weight(self._waiting[taken][0])
                taken += 1
            gathered, self._waiting = self._waiting[:taken], self._waiting[taken:]
            call = asyncio.create_task(self._answer(gathered))
            self._calls.add(call)
            call.add_done_callback(self._landed)

    def _landed(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._launch()

    async def _answer(self, gathered: list[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            answers = await self._call([item for item, _ in gathered])
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
    """An exception per waiter: one shared instance would gather the tracebacks of all of them."""
    return RuntimeError(f"{type(error).__name__}: {error}")
