"""The host: a Ray actor that runs one or more cells, and answers for them.

Ray restarts a killed host with the same arguments; its cells then take themselves over (a new epoch) and recover from the
log. No guarantee rests on Ray's own retries.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pyarrow as pa

from actors import parts
from actors.admission import Admission
from actors.cell import Cell
from actors.collectors.arrivals import Arrivals
from actors.edges.intake import Ack, PushWorker
from actors.followers import Followed, Follower, Followers
from actors.topology import CellSpec, HostSpec, Surroundings
from actors.views import Frame, Place
from actors.workers import Health, StreamWorker, Worker
from events.errors import Rejected, Transient

READY_S = 30.0
LOOK_S = 1.0
"""A view that lags tells nobody by itself: those who wait for changes look so often whether it is current."""


def wall_clock() -> int:
    """Microseconds UTC. Only edges may look."""
    return time.time_ns() // 1000


class Host:
    """Runs the cells of ``spec``. Its methods are called through Ray; each is safe to call from several callers at once."""

    def __init__(self, spec: HostSpec) -> None:
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
        parts.load(spec.plug_ins)
        self._spec = spec
        self._log = spec.log.open()
        self._admission = Admission(self._log, min_free_bytes=spec.min_free_bytes)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._moved = asyncio.Event()
        self._followers = Followers(spec.name)
        self._workers = {cell.name: self._worker(cell) for cell in spec.cells}
        for worker in self._workers.values():
            worker.start()

    def _worker(self, spec: CellSpec) -> Worker:
        cell = Cell(spec.fold, self._log, tenant=spec.tenant, partition=spec.partition, now=wall_clock)
        around = Surroundings(self._log, self._spec.generation, wall_clock, self._admission, self._changed)
        return spec.drive.worker(cell, around)

    # -- intake --------------------------------------------------------------------------------------------------

    async def push(self, cell: str, arrivals: bytes, refused: bytes | None) -> Ack:
        """Commit rows (Arrow IPC streams) and answer a verdict a row. Raises ``Transient`` or ``Overloaded``."""
        worker = self._workers.get(cell)
        if not isinstance(worker, PushWorker):
            raise Rejected("cell", f"{cell} takes no requests on host {self._spec.name}")
        batch = Arrivals(unpack(arrivals), unpack(refused) if refused else None)
        return await asyncio.wrap_future(worker.push(batch))

    # -- views ---------------------------------------------------------------------------------------------------

    async def changes(
        self, tenant: str, places: Mapping[str, Place | None], timeout_s: float, follower: Follower | None = None
    ) -> list[Frame]:
        """What subscribers at ``places`` have not seen, as soon as there is something; empty after ``timeout_s``."""
        self._loop = asyncio.get_running_loop()
        if follower:
            self._followers.heard(follower)
        deadline = time.monotonic() + timeout_s
        while True:
            moved = self._moved
            frames = await asyncio.to_thread(self._frames, tenant, places)
            left = deadline - time.monotonic()
            if frames or left <= 0:
                return frames
            with suppress(TimeoutError):
                await asyncio.wait_for(moved.wait(), min(left, LOOK_S))

    def _frames(self, tenant: str, places: Mapping[str, Place | None]) -> list[Frame]:
        prefix = f"{tenant}/"
        viewed = [w for n, w in self._workers.items() if n.startswith(prefix) and isinstance(w, StreamWorker)]
        return [frame for worker in viewed for frame in worker.frames(places)]

    async def followers(self) -> list[Followed]:
        """Who follows this host's topics, and how they fare."""
        return self._followers.listed()

    def _changed(self) -> None:
        loop = self._loop
        if loop is not None:
            loop.call_soon_threadsafe(self._announce)

    def _announce(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    # -- operation -----------------------------------------------------------------------------------------------

    async def ready(self) -> bool:
        """True once there is nothing to wait for: every cell runs, rebuilds its state, or says why it does not.

        Raises ``Transient`` where a cell that may still come has not within 30 s (a full disk, a locked file).
        """
        for name, worker in self._workers.items():
            if not await asyncio.to_thread(worker.settled.wait, READY_S):
                raise Transient(f"{name} has not recovered within {READY_S:.0f} s: {worker.detail}")
        return True

    async def health(self) -> list[Health]:
        return [worker.health() for worker in self._workers.values()]

    async def drain(self) -> None:
        """Finish what is at hand, save snapshots, release the log. The host answers nothing after it."""
        # All at once: each may wait a second or more for its next look at the log, or for its source.
        await asyncio.gather(*(asyncio.to_thread(worker.stop) for worker in self._workers.values()))
        self._log.close()


def pack(batch: pa.RecordBatch) -> bytes:
    """A batch as an Arrow IPC stream, the form in which rows cross between processes."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def unpack(data: bytes) -> pa.RecordBatch:
    return pa.ipc.open_stream(data).read_next_batch()


def options(spec: HostSpec, namespace: str) -> dict[str, Any]:
    """Ray options of a host: named, detached, restarted without limit, and taking no CPU slot from tuning."""
    return {
        "name": spec.name,
        "namespace": namespace,
        "lifetime": "detached",
        "max_restarts": -1,
        "max_task_retries": 0,
        "num_cpus": 0,
        "max_concurrency": 1000,
        "get_if_exists": True,
    }
