"""Followers: tasks that learn of every change on a host, for the life of a replica. None of them dies of an error."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable

from actors.followers import Follower
from events.errors import Transient

logger = logging.getLogger(__name__)
FIRST_S, LONGEST_S = 0.25, 15.0


class Following:
    """Runs ``step`` again and again: one question to a host, and what is done with the answer.

    ``step`` is given the follower as it stands and tells the host of it. Any error is logged and shown in the status, and
    the step is tried again after a pause that doubles from a quarter of a second to 15 s.
    """

    def __init__(self, name: str, step: Callable[[Follower], Awaitable[None]]) -> None:
        self._step = step
        self._follower = Follower(f"{name} (pid {os.getpid()})")

    async def run(self) -> None:
        """Repeat ``step`` until the task is cancelled."""
        while True:
            me = self._follower
            try:
                await self._step(me)
            except Transient as error:
                logger.info("%s: %s", me.name, error)
                self._follower = me._replace(failing=me.failing + 1, last_error=str(error))
                await asyncio.sleep(max(error.retry_after_s, self._pause_s()))
            except Exception as error:
                logger.exception("%s fails and is tried again", me.name)
                said = f"{type(error).__name__}: {error}"
                self._follower = me._replace(failing=me.failing + 1, errors=me.errors + 1, last_error=said)
                await asyncio.sleep(self._pause_s())
            else:
                if me.failing:
                    logger.info("%s follows again", me.name)
                self._follower = me._replace(failing=0)

    def _pause_s(self) -> float:
        return min(LONGEST_S, FIRST_S * 2.0 ** min(self._follower.failing - 1, 16))
