"""The gateway's way to the cells: which host runs which, and calls that survive a host's restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import pyarrow as pa
import ray
from ray.actor import ActorHandle
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from actors.edges.intake import Ack
from actors.followers import Followed, Follower
from actors.host import pack
from actors.topology import HostMap
from actors.views import Frame, Place
from actors.workers import Health
from events.errors import Fenced, Overloaded, Rejected, Transient

R = TypeVar("R")
OURS = (Rejected, Transient, Overloaded, Fenced)
RETRY_S = 0.25
ANSWER_S = 30.0
"""How long a call may take, beyond what it was asked to wait: a durable commit needs milliseconds."""
HEALTH_S = 5.0


class Hosts:
    """Calls to host actors by cell name. A host that is being restarted is ``Transient``, not an error of ours."""

    def __init__(self, where: HostMap) -> None:
        self.where = where
        self._handles: dict[str, ActorHandle[Any]] = {}

    async def push(self, cell: str, arrivals: pa.RecordBatch, refused: pa.RecordBatch | None) -> Ack:
        """Commit rows; see ``Host.push``. Never tried again here: only the caller knows whether that is safe."""
        dead = pack(refused) if refused is not None else None
        return await self._call(
            self.where.cells[cell], lambda host: host.push.remote(cell, pack(arrivals), dead), ANSWER_S
        )

    async def changes(
        self,
        host: str,
        tenant: str,
        places: Mapping[str, Place | None],
        timeout_s: float,
        follower: Follower | None = None,
    ) -> list[Frame]:
        """Frames that the topics of ``host`` have beyond ``places``; waits at most ``timeout_s`` for the first.

        ``follower``: who asks again and again, and how it fared so far.
        """
        return await self._call(
            host, lambda h: h.changes.remote(tenant, dict(places), timeout_s, follower), timeout_s + ANSWER_S
        )

    async def followers(self) -> list[Followed]:
        """Who follows the hosts, as the hosts that answer know them."""
        names = sorted(set(self.where.cells.values()))
        answers = await asyncio.gather(*(self._followers(name) for name in names))
        return sorted(followed for answer in answers for followed in answer)

    async def _followers(self, host: str) -> list[Followed]:
        try:
            return await self._call(host, lambda h: h.followers.remote(), HEALTH_S)
        except Transient:
            return []

    async def health(self) -> list[Health]:
        """Every cell's health; the cells of a host that does not answer are ``unreachable``."""
        names = sorted(set(self.where.cells.values()))
        answers = await asyncio.gather(*(self._health(name) for name in names))
        return [health for answer in answers for health in answer]

    async def _health(self, host: str) -> list[Health]:
        try:
            return await self._call(host, lambda h: h.health.remote(), HEALTH_S)
        except Transient as error:
            cells = [cell for cell, where in self.where.cells.items() if where == host]
            return [Health(cell, "unreachable", str(error), 0, 0) for cell in cells]

    async def _call(self, host: str, call: Callable[[Any], Awaitable[R]], timeout_s: float) -> R:
        """Raises ``Transient`` where there is no answer in time: what was asked for may have been done, or not."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._asked(host, call)
        except TimeoutError as error:
            raise Transient(f"host {host} has not answered within {timeout_s:g} s; try again", RETRY_S) from error

    async def _asked(self, host: str, call: Callable[[Any], Awaitable[R]]) -> R:
        handle = self._handles.get(host)
        if handle is None:
            try:
                handle = self._handles[host] = await asyncio.to_thread(
                    ray.get_actor, host, namespace=self.where.namespace
                )
            except ValueError as error:
                raise Transient(f"host {host} is not there yet", RETRY_S) from error
        try:
            return await call(handle)
        except ActorDiedError as error:
            self._handles.pop(host, None)
            raise Transient(f"host {host} has died", RETRY_S) from error
        except ActorUnavailableError as error:
            raise Transient(f"host {host} is restarting", RETRY_S) from error
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, OURS):
                raise cause from None
            raise
