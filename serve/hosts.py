"""The gateway's way to the cells: which host runs which, and calls that survive a host's restart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import pyarrow as pa
import ray
from ray.actor import ActorHandle
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from actors.host import pack
from actors.intake import Ack
from actors.topology import HostMap
from actors.views import Frame, Place
from actors.workers import Health
from events.errors import Fenced, Overloaded, Rejected, Transient

R = TypeVar("R")
OURS = (Rejected, Transient, Overloaded, Fenced)
RETRY_S = 0.25


class Hosts:
    """Calls to host actors by cell name. A host that is being restarted is ``Transient``, not an error of ours."""

    def __init__(self, where: HostMap) -> None:
        self.where = where
        self._handles: dict[str, ActorHandle[Any]] = {}

    async def push(self, cell: str, arrivals: pa.RecordBatch, refused: pa.RecordBatch | None) -> Ack:
        """Commit rows; see ``Host.push``. Never tried again here: only the caller knows whether that is safe."""
        dead = pack(refused) if refused is not None else None
        return await self._call(self.where.cells[cell], lambda host: host.push.remote(cell, pack(arrivals), dead))

    async def changes(
        self, host: str, tenant: str, places: Mapping[str, Place | None], timeout_s: float
    ) -> list[Frame]:
        """Frames that the topics of ``host`` have beyond ``places``; waits at most ``timeout_s`` for the first."""
        return await self._call(host, lambda h: h.changes.remote(tenant, dict(places), timeout_s))

    async def health(self) -> list[Health]:
        """Every cell's health; the cells of a host that does not answer are ``unreachable``."""
        names = sorted(set(self.where.cells.values()))
        answers = await asyncio.gather(*(self._health(name) for name in names))
        return [health for answer in answers for health in answer]

    async def _health(self, host: str) -> list[Health]:
        try:
            return await asyncio.wait_for(self._call(host, lambda h: h.health.remote()), 5.0)
        except (Transient, TimeoutError) as error:
            cells = [cell for cell, where in self.where.cells.items() if where == host]
            return [Health(cell, "unreachable", str(error) or "no answer in 5 s", 0, 0) for cell in cells]

    async def _call(self, host: str, call: Callable[[Any], Awaitable[R]]) -> R:
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
