"""The gateway's way to the cells: which host runs which, and calls that survive a host's restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import ray
from ray.actor import ActorHandle
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError
from ray.util import list_named_actors

from actors.collectors.arrivals import Part
from actors.edges.intake import Ack
from actors.followers import Followed, Follower
from actors.packing import pack
from actors.topology import HostMap
from actors.views import Frame, Place
from actors.workers import Health
from events.errors import Elsewhere, Fenced, Rejected, Transient
from serve.following import Following

if TYPE_CHECKING:
    from actors.analyzers.features import Told

R = TypeVar("R")
OURS = (Rejected, Transient, Fenced)
RETRY_S = 0.25
ANSWER_S = 30.0
"""How long a call may take, beyond what it was asked to wait: a durable commit needs milliseconds."""
HEALTH_S = 5.0
FOLLOW_S = 20.0
"""How long a question for changes waits."""
MOVE_S = 20.0
"""How long a request waits for a cell that is on its way to another host."""


class Hosts:
    """Calls to host actors by cell name. A host that is being restarted is ``Transient``, not an error of ours.

    Where cells run changes while the system does: ``follow`` keeps ``where`` up to date.
    """

    def __init__(self, where: HostMap) -> None:
        self.where = where
        self._handles: dict[str, ActorHandle[Any]] = {}
        self._turned = asyncio.Event()

    # -- where cells run -------------------------------------------------------------------------------------------

    async def follow(self) -> None:
        """Run for the life of the replica: learn of every cell that comes, moves or goes."""
        await Following("where cells run", self._step).run()

    async def _step(self, me: Follower) -> None:
        await self._learn(FOLLOW_S)

    async def _learn(self, timeout_s: float) -> None:
        """Take in a newer map from the first host that answers within ``timeout_s``. Raises ``Transient`` if none does."""
        async for name in self._known():
            asked = self._call(
                name, lambda h: h.whereabouts.remote(self.where.version, timeout_s), timeout_s + HEALTH_S
            )
            with suppress(Transient):
                return self.take(await asked)
        raise Transient("no host says where the cells run", RETRY_S)

    async def _known(self) -> AsyncGenerator[str]:
        """The hosts to ask: those of the map, then all others that run. The map may be older than each of them."""
        told = self.where.hosts
        for name in told:
            yield name
        if ray.is_initialized():
            actors: Any = await asyncio.to_thread(list_named_actors, all_namespaces=True)
            for actor in actors:
                if actor["namespace"] == self.where.namespace and actor["name"] not in told:
                    yield actor["name"]

    def take(self, where: HostMap | None) -> None:
        """Use ``where`` from now on if it is newer, and wake everybody who waits for a change of the map."""
        if where is not None and where.version > self.where.version:
            self.where = where
            turned, self._turned = self._turned, asyncio.Event()
            turned.set()

    async def turned(self, timeout_s: float) -> bool:
        """True as soon as the map has changed; False after ``timeout_s``."""
        try:
            await asyncio.wait_for(self._turned.wait(), timeout_s)
        except TimeoutError:
            return False
        return True

    # -- calls -----------------------------------------------------------------------------------------------------

    async def push(
        self, cell: str, arrivals: pa.RecordBatch, refused: pa.RecordBatch | None, part: Part | None = None
    ) -> Ack:
        """Commit rows; see ``Host.push``.

        While the cell is on its way to another host the call waits for it, for nothing was done. It is not tried again
        after anything else: only the caller knows whether that is safe.
        """
        rows, dead = pack(arrivals), pack(refused) if refused is not None else None
        deadline = time.monotonic() + MOVE_S
        while True:
            try:
                return await self._call(
                    self.where.host_of(cell), lambda host: host.push.remote(cell, rows, dead, part), ANSWER_S
                )
            except Elsewhere as error:
                if time.monotonic() > deadline:
                    raise
                if not await self.turned(error.retry_after_s):
                    with suppress(Transient):
                        await self._learn(0.0)

    async def changes(
        self,
        host: str,
        tenant: str,
        places: Mapping[str, Place | None],
        timeout_s: float,
        follower: Follower | None = None,
    ) -> list[Frame]:
        """Frames that the topics of ``host`` have beyond ``places``; waits at most ``timeout_s`` for the first.

        ``follower``: who asks again and again, and how it fared so far. A wait ends, with nothing, when the map changes.
        """
        asked = self._call(
            host, lambda h: h.changes.remote(tenant, dict(places), timeout_s, follower), timeout_s + ANSWER_S
        )
        if not timeout_s:
            return await asked
        answer, turned = asyncio.ensure_future(asked), asyncio.ensure_future(self._turned.wait())
        try:
            await asyncio.wait({answer, turned}, return_when=asyncio.FIRST_COMPLETED)
            return answer.result() if answer.done() else []
        finally:
            answer.cancel()
            turned.cancel()

    async def view_at(self, cell: str, topic: str, commit: int) -> Mapping[str, Any]:
        """What a topic of ``cell`` showed at a commit. Raises ``Transient`` where its host does not answer in time."""
        host = self.where.host_of(cell)
        return await self._call(host, lambda h: h.view_at.remote(cell, topic, commit), ANSWER_S)

    async def features(
        self, cell: str, subjects: Sequence[str], names: Sequence[str] | None = None
    ) -> tuple[int, Told]:
        """The features of ``subjects`` as they are live, and the moment (us UTC); see ``Host.features``."""
        host = self.where.host_of(cell)
        return await self._call(host, lambda h: h.features.remote(cell, list(subjects), names), ANSWER_S)

    async def followers(self) -> list[Followed]:
        """Everybody who follows a host's topics, as those hosts say that answer."""
        answers = await asyncio.gather(*(self._followers(name) for name in self.where.hosts))
        return sorted(followed for answer in answers for followed in answer)

    async def _followers(self, host: str) -> list[Followed]:
        try:
            return await self._call(host, lambda h: h.followers.remote(), HEALTH_S)
        except Transient:
            return []

    async def health(self) -> list[Health]:
        """Every cell's health; the cells of a host that does not answer are ``unreachable``."""
        where = self.where
        answers = await asyncio.gather(*(self._health(where, name) for name in where.hosts))
        return [health for answer in answers for health in answer]

    async def _health(self, where: HostMap, host: str) -> list[Health]:
        cells = [cell for cell, name in where.cells.items() if name == host]
        try:
            told = {h.cell: h for h in await self._call(host, lambda h: h.health.remote(), HEALTH_S)}
        except Transient as error:
            return [Health(cell, "unreachable", str(error), 0, 0) for cell in cells]
        coming = f"host {host} is about to run it"
        return [told.get(cell) or Health(cell, "moving", coming, 0, 0, settled=True) for cell in cells]

    async def _call(self, host: str, call: Callable[[Any], Awaitable[R]], timeout_s: float) -> R:
        """Call a host. Raises ``Transient`` if it does not answer in time: the call may have had an effect, or not."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._asked(host, call)
        except TimeoutError as error:
            raise Transient(f"host {host} has not answered within {timeout_s:g} s; try again", RETRY_S) from error

    async def _asked(self, host: str, call: Callable[[Any], Awaitable[R]]) -> R:
        handle = self._handles.get(host)
        if handle is None:
            if not ray.is_initialized():  # asking for an actor would start a cluster of its own
                raise Transient("this process is not connected to Ray", RETRY_S)
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
