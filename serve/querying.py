"""Queries of this replica: so many at once, each stopped when whoever asked is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import Request

from events.errors import Transient
from query.bounds import Limits, Stop, Stopped
from serve.spec import QueryBounds

T = TypeVar("T")
LOOK_S = 0.1
"""How often is looked whether whoever asked is still there."""
AGAIN_S = 1.0


def limits_of(bounds: QueryBounds) -> Limits:
    """Where one query ends."""
    return Limits(bounds.rows, bounds.result_mb << 20, bounds.seconds, bounds.memory_mb << 20)


class Gone(Exception):
    """Whoever asked has gone; nobody reads the answer."""


class Queries:
    """Runs queries in threads of their own, so that they keep nothing else waiting."""

    def __init__(self, bounds: QueryBounds) -> None:
        self.limits = limits_of(bounds)
        self._most = bounds.at_once + bounds.waiting
        self._there = 0
        self._threads = ThreadPoolExecutor(bounds.at_once, thread_name_prefix="query")

    async def run(self, request: Request, work: Callable[[Stop], T]) -> T:
        """What ``work`` returns; it is handed what stops it. Raises ``Transient`` while too many queries are there, and
        ``Gone`` once the client has closed the connection."""
        if self._there >= self._most:
            raise Transient(f"{self._there} queries run or wait already; ask again in a moment", AGAIN_S)
        stop = Stop()
        self._there += 1
        running = asyncio.get_running_loop().run_in_executor(self._threads, work, stop)
        running.add_done_callback(self._left)
        try:
            while not (await asyncio.wait({running}, timeout=LOOK_S))[0]:
                if await request.is_disconnected():
                    raise Gone
            return running.result()
        except Stopped:
            raise Gone from None
        finally:
            if not running.done():
                stop.now()
                running.cancel()  # where it has not begun yet

    def _left(self, running: asyncio.Future[T]) -> None:
        self._there -= 1
        if not running.cancelled():
            running.exception()  # known: where nobody waits any more, it is no news
