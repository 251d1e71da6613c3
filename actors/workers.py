"""Workers: the threads of a host, each driving one cell. Errors end in one of four ways, by who must read them.

``Fenced``: a newer instance runs, stop quietly. ``Corrupt``: stop and show it. ``Transient``: back off and reload.
Anything else is a bug: it is logged with its traceback, the cell reloads, and the status shows it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from actors.cell import AnyCell
from actors.fold import Viewed
from actors.views import Frame, Place, Ring
from events.errors import Corrupt, Fenced, Transient
from events.log import EventLog

logger = logging.getLogger(__name__)
WAIT_S = 1.0
PACE_S = 0.05
"""A cell that keeps up begins its steps at least so far apart: each has a commit to pay for."""
BULK_ROWS = 20_000
"""A step of so many rows is catching up, and the next one follows at once."""
MAX_BACKOFF_S = 10.0


class Health(NamedTuple):
    """One cell as its operator sees it."""

    cell: str
    state: str
    """``starting | running | waiting | halted | fenced | stopped``"""
    detail: str
    commit: int
    rows_behind: int
    notes: tuple[str, ...] = ()
    """What an operator should know besides: definitions that began anew."""


class Worker:
    """A supervised thread around one cell. Subclasses give ``step``: do what is there, or wait a bounded time."""

    def __init__(self, cell: AnyCell, log: EventLog) -> None:
        self.cell = cell
        self.log = log
        self.lock = threading.Lock()
        """Held while the state and the log disagree: what is read under it is committed."""
        self.ready = threading.Event()
        self.stopping = threading.Event()
        self.state, self.detail = "starting", ""
        self._thread = threading.Thread(target=self._run, name=cell.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Finish the step at hand, save a snapshot, stop."""
        self.stopping.set()
        self.wake()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def wake(self) -> None:
        """Cut a wait short, where the worker can."""

    def step(self) -> None:
        raise NotImplementedError

    def recovered(self) -> None:
        """Called with the lock held, whenever the cell has (re)loaded its state."""

    def failed(self, reason: str) -> None:
        """Called whenever the state was lost."""

    def health(self) -> Health:
        behind = 0
        if self.state == "running":
            cursor = self.cell.cursor
            behind = sum(max(0, self.log.head(*source) - cursor.get(source, 0)) for source in self.cell.sources())
        return Health(self.cell.name, self.state, self.detail, self.cell.seq, behind, self.cell.notes)

    def _run(self) -> None:
        backoff_s = 0.1
        loaded = False
        while not self.stopping.is_set():
            try:
                if not loaded:
                    with self.lock:
                        self.cell.recover()
                        self.recovered()
                    loaded = True
                    self.state, self.detail = "running", ""
                    self.ready.set()
                self.step()
                backoff_s = 0.1
            except Fenced as error:
                self._end("fenced", str(error))
                return
            except Corrupt as error:
                logger.critical("%s halted: %s", self.cell.name, error)
                self._end("halted", str(error))
                return
            except Exception as error:
                if not isinstance(error, Transient):
                    logger.exception("%s reloads", self.cell.name)
                loaded = False
                self.state, self.detail = "waiting", f"{type(error).__name__}: {error}"
                self.failed(self.detail)
                self.stopping.wait(backoff_s)
                backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
        self._end("stopped", "")

    def _end(self, state: str, detail: str) -> None:
        if state == "stopped" and self.state == "running":
            try:
                self.cell.save()
            except (Fenced, Transient) as error:
                logger.warning("%s: no snapshot at stop: %s", self.cell.name, error)
        self.state, self.detail = state, detail
        self.failed(detail or state)


class StreamWorker(Worker):
    """Drives a cell that reads the log; keeps the live views of one that is looked at."""

    def __init__(self, cell: AnyCell, log: EventLog, generation: str, changed: Callable[[], None]) -> None:
        super().__init__(cell, log)
        self._viewed = cell.fold if isinstance(cell.fold, Viewed) else None
        self._changed = changed
        self._epoch = f"{generation}.{cell.fold.version}"
        self._rings: dict[str, Ring] = {}

    def recovered(self) -> None:
        if self._viewed:
            self._viewed.changes(self.cell.state)
            self._rings = {t.name: Ring(t, self.cell.seq) for t in self._viewed.topics}
            self._changed()

    def step(self) -> None:
        begun = time.monotonic()
        with self.lock:
            consumed = self.cell.advance()
            moved = bool(consumed) and self._publish()
        if moved:
            self._changed()
        if self.stopping.is_set():
            return
        if not consumed:
            self.log.wait(self.cell.waiting_for(), WAIT_S)
        elif consumed < BULK_ROWS:
            self.stopping.wait(max(0.0, begun + PACE_S - time.monotonic()))

    def _publish(self) -> bool:
        if not self._viewed:
            return False
        changes = self._viewed.changes(self.cell.state)
        for topic, delta in changes.items():
            self._rings[topic].push(self.cell.seq, delta)
        return bool(changes)

    def frames(self, places: Mapping[str, Place | None]) -> list[Frame]:
        """What subscribers at ``places`` have not seen; topics that this cell does not have are left out."""
        frames: list[Frame] = []
        for topic, place in places.items():
            ring = self._rings.get(topic)
            if ring is None:
                continue
            if place and place.epoch == self._epoch and place.seq == ring.seq:
                continue
            delta = ring.since(place.seq) if place and place.epoch == self._epoch else None
            if delta is None:
                frames.append(self._snap(ring))
            elif delta:
                assert place
                frames.append(Frame("delta", topic, ring.seq, self._epoch, delta, prev=place.seq))
        return frames

    def _snap(self, ring: Ring) -> Frame:
        assert self._viewed
        with self.lock:
            data = self._viewed.view(self.cell.state, ring.topic.name)
            seq = ring.seq
        return Frame("snap", ring.topic.name, seq, self._epoch, data, policy=ring.topic.policy, cap=ring.topic.cap)
