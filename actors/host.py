"""The host: a Ray actor that runs cells, and answers for them.

Cells come and go while it runs: ``start`` and ``stop``. A killed host is restarted by Ray with none, and is then told which
ones it should have now; they take themselves over (a new epoch) and recover from the log. No guarantee rests on Ray's own
retries.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from copy import deepcopy
from typing import TYPE_CHECKING, Any, NamedTuple

from actors import parts
from actors.admission import Admission
from actors.cell import Cell
from actors.collectors.arrivals import Arrivals, Part
from actors.edges.intake import Ack, PushWorker
from actors.fold import Fold
from actors.followers import Followed, Follower, Followers
from actors.looking_back import view_at
from actors.packing import unpack
from actors.topology import CellSpec, HostMap, HostSpec, Surroundings
from actors.views import Frame, Place
from actors.workers import Health, StreamWorker, Telling, Worker
from events import catalog
from events.errors import Elsewhere, Overloaded, Rejected, Transient

if TYPE_CHECKING:
    from actors.analyzers.features import Told

logger = logging.getLogger(__name__)
READY_S = 30.0
DRAIN_S = 25.0
"""For what a cell has at hand when its host ends, and for its last snapshot."""
MOST_LOOKS_BACK = 2
"""Of past states that a host folds at once: its cells go on meanwhile, and share its time."""
LOOK_S = 1.0
"""A view that lags tells nobody by itself: those who wait for changes look so often whether it is current."""


def wall_clock() -> int:
    """Microseconds UTC. Only edges may look."""
    return time.time_ns() // 1000


class Running(NamedTuple):
    """What a host says of itself when its cells are compared with those that it should have."""

    cells: tuple[str, ...]
    map_version: int | None
    """Of the map that it was last told; None: it has just (re)started."""


class Host:
    """Runs the cells that it is given. Its methods are called through Ray, and each may be called by several at once."""

    def __init__(self, spec: HostSpec) -> None:
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
        for left in spec.left:
            catalog.join(left)
        parts.load(spec.plug_ins)
        self._spec = spec
        self._log = spec.log.open()
        self._admission = Admission(self._log, min_free_bytes=spec.min_free_bytes)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._moved = asyncio.Event()
        self._turned = asyncio.Event()
        self._followers = Followers(spec.name)
        self._workers: dict[str, Worker] = {}
        self._failed: dict[str, str] = {}
        """Cells that could not be made, and why."""
        self._where: HostMap | None = None
        self._folds: dict[str, Fold[Any]] = {}
        """Of each cell, as it came: a look back takes a fold of its own."""
        self._looking_back = 0

    # -- cells that come and go ------------------------------------------------------------------------------------

    async def start(self, spec: CellSpec) -> None:
        """Run a cell; one that runs already goes on. What makes it impossible is shown in the health of the cell."""
        await asyncio.to_thread(self._start, spec)

    def _start(self, spec: CellSpec) -> None:
        running = self._workers.get(spec.name)
        if running is not None and running.state not in ("fenced", "stopped"):
            return
        self._failed.pop(spec.name, None)
        try:
            fold = deepcopy(spec.fold)
            worker = self._worker(spec)
        except Exception as error:  # a part that raises as its cell is made: named, and the other cells run
            logger.exception("%s cannot be made", spec.name)
            self._failed[spec.name] = f"cannot be made: {type(error).__name__}: {error}"
            return
        self._folds[spec.name] = fold
        self._workers[spec.name] = worker
        worker.start()

    async def stop(self, cell: str) -> None:
        """Let a cell finish the step at hand, save a snapshot and end; harmless where it does not run here.

        Returns within about 10 s, whatever the cell does: whoever takes it over fences this instance.
        """
        self._failed.pop(cell, None)
        worker = self._workers.get(cell)
        if worker is None:
            return
        await asyncio.to_thread(worker.stop)
        if self._workers.get(cell) is worker:
            del self._workers[cell]
        await asyncio.to_thread(self._log.release, cell)
        self._changed()

    async def cannot(self, cell: str, why: str) -> None:
        """Show ``cell`` as one that could not be brought here."""
        self._failed[cell] = why

    async def expect(self, spec: CellSpec) -> None:
        """Have a cell's code at hand: what it imports costs more than its start. Nothing runs yet."""

    async def running(self) -> Running:
        return Running((*self._workers, *self._failed), self._where.version if self._where else None)

    async def told(self, where: HostMap) -> None:
        """Where all cells run now."""
        if self._where is None or where.version > self._where.version:
            self._where = where
            turned, self._turned = self._turned, asyncio.Event()
            turned.set()

    async def whereabouts(self, after: int, timeout_s: float) -> HostMap | None:
        """Where all cells run, as soon as the map is newer than version ``after``; None after ``timeout_s``."""
        deadline = time.monotonic() + timeout_s
        while self._where is None or self._where.version <= after:
            try:
                await asyncio.wait_for(self._turned.wait(), deadline - time.monotonic())
            except TimeoutError:
                return None
        return self._where

    async def watch(self) -> None:
        """Never returns: whoever awaits it learns at once that this process has ended."""
        await asyncio.Event().wait()

    def _worker(self, spec: CellSpec) -> Worker:
        cell = Cell(spec.fold, self._log, tenant=spec.tenant, partition=spec.partition, now=wall_clock)
        around = Surroundings(
            self._log, self._spec.generation, wall_clock, self._admission, self._changed, self._spec.log
        )
        return spec.drive.worker(cell, around)

    # -- intake --------------------------------------------------------------------------------------------------

    async def push(self, cell: str, arrivals: bytes, refused: bytes | None, part: Part | None = None) -> Ack:
        """Commit rows (Arrow IPC streams) and answer a verdict a row; ``part``: which rows of which import they are.

        Raises ``Elsewhere`` (not here; nothing was done), ``Transient`` or ``Overloaded``.
        """
        worker = self._workers.get(cell)
        if worker is None:
            raise Elsewhere(f"{cell} does not run on host {self._spec.name}", 0.1)
        if not isinstance(worker, PushWorker):
            raise Rejected("cell", f"{cell} takes no requests")
        batch = Arrivals(unpack(arrivals), unpack(refused) if refused else None, part)
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
        viewed = [w for n, w in list(self._workers.items()) if n.startswith(prefix) and isinstance(w, StreamWorker)]
        return [frame for worker in viewed for frame in worker.frames(places)]

    async def view_at(self, cell: str, topic: str, commit: int) -> Mapping[str, Any]:
        """What a topic showed once its cell had made that commit: its state then, folded again.

        Raises ``Elsewhere`` (not here), ``Overloaded`` while as much of the past is being folded as there may be at once.
        """
        fold = self._folds.get(cell)
        if cell not in self._workers or fold is None:
            raise Elsewhere(f"{cell} does not run on host {self._spec.name}", 0.1)
        if self._looking_back >= MOST_LOOKS_BACK:
            raise Overloaded("others look back already; try again in a moment", 1.0)
        self._looking_back += 1
        try:
            return await asyncio.to_thread(view_at, self._log, cell, deepcopy(fold), topic, commit)
        finally:
            self._looking_back -= 1

    async def features(
        self, cell: str, subjects: Sequence[str], names: Sequence[str] | None = None
    ) -> tuple[int, Told]:
        """The features of ``subjects`` now, and the moment (us UTC); ``names``: only these. See ``Telling``.

        Raises ``Elsewhere`` (not here), ``Rejected`` or ``Transient``.
        """
        worker = self._workers.get(cell)
        if not isinstance(worker, Telling):
            raise Elsewhere(f"{cell} does not run on host {self._spec.name}", 0.1)
        return worker.tell(subjects, names)

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
        for name, worker in list(self._workers.items()):
            if not await asyncio.to_thread(worker.settled.wait, READY_S):
                raise Transient(f"{name} has not recovered within {READY_S:.0f} s: {worker.detail}")
        return True

    async def health(self) -> list[Health]:
        if self._where is None:
            raise Transient("it has just started, and does not know its cells yet", 0.1)
        workers = list(self._workers.values())
        running = await asyncio.to_thread(lambda: [worker.health() for worker in workers])  # it asks the log
        return running + [Health(cell, "halted", why, 0, 0, settled=True) for cell, why in self._failed.items()]

    async def drain(self) -> None:
        """Finish what is at hand, save snapshots, release the log. The host answers nothing after it."""
        # All are asked before any is waited for: they look at the log, or at their source, a second or more apart.
        workers = list(self._workers.values())
        for worker in workers:
            worker.ask_stop()
        with ThreadPoolExecutor(max(1, len(workers)), "drain") as pool:
            loop = asyncio.get_running_loop()
            await asyncio.gather(*(loop.run_in_executor(pool, worker.stop, DRAIN_S) for worker in workers))
        self._log.close()


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
