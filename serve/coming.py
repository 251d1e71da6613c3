"""Requests that are coming in: rows of several large requests shall go to the collector in one call, not in one each.

A call and its commit cost some milliseconds of processor time over all processes, whatever they hold. Without a look at
what is about to be there, the first of four senders would have a call to itself, and the other three the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

LARGE = 64_000
"""Bytes of a body from which it is worth waiting for: smaller ones are decoded at once."""
MOMENT_S = 0.005
"""How long at most a call waits for them: as long as a commit takes."""
_TURNS = 4
"""Turns of the event loop from the bytes of a request on its socket to its route."""


class Coming:
    """The large requests of which a part is there and which are yet to be handed on.

    A request holds up one call at most, and by a moment: whoever sends slowly is not waited for again.
    """

    def __init__(self, moment_s: float = MOMENT_S) -> None:
        self._moment_s = moment_s
        self._awaited = set[object]()
        self._turned: asyncio.Future[None] | None = None

    @contextmanager
    def one(self, size: int) -> Generator[None]:
        """A request of ``size`` bytes is received and decoded within this context; right after it, it is handed on."""
        if size < LARGE:
            yield
            return
        me = object()
        self._awaited.add(me)
        try:
            yield
        finally:
            self._awaited.discard(me)
            if self._turned is not None and not self._awaited and not self._turned.done():
                self._turned.set_result(None)

    async def over(self) -> None:
        """Returns once no request is coming, or after a moment; where none is, within some turns of the event loop."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._moment_s
        turns = 0
        while turns < _TURNS:
            if not self._awaited:
                turns += 1
                await asyncio.sleep(0)
                continue
            turns = 0
            self._turned = loop.create_future()
            await asyncio.wait({self._turned}, timeout=max(0.0, end - loop.time()))
            if loop.time() >= end:
                self._awaited.clear()
                return
