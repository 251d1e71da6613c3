"""Workers: the threads of a host, each driving one cell. Errors end in one of four ways, by who must read them.

``Fenced``: a newer instance runs, stop quietly. ``Corrupt``: stop and show it. ``Transient``: back off and reload.
Anything else is a bug: it is logged with its traceback, the cell reloads, and the status shows it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from actors.cell import AnyCell
from actors.fold import Noted, Viewed
from actors.source import SourceHealth
from actors.views import Frame, Place, Views
from events.errors import Corrupt, Fenced, Transient
from events.log import LogReader

if TYPE_CHECKING:
    from actors.analyzers.features import Told

logger = logging.getLogger(__name__)
WAIT_S = 1.0
PACE_S = 0.05
"""A cell that keeps up begins its steps at least so far apart: each has a commit to pay for."""
BULK_ROWS = 20_000
"""A step of so many rows is catching up, and the next one follows at once."""
STALE_S = 5.0
"""A view that has not had everything there was for so long is shown as stale."""
VIEW_S = 2.0
"""How long to wait for the step at hand before a topic is left out of an answer."""
MAX_BACKOFF_S = 10.0
PATIENCE_S = 2.0
"""A recovery of so long is a rebuild: nobody waits for it any more, what can be answered without it is."""
ENDED = ("halted", "fenced", "stopped")
CLOSED = (*ENDED, "rebuilding")
"""States in which a cell takes nothing in."""


class Health(NamedTuple):
    """One cell as its operator sees it."""

    cell: str
    state: str
    """``starting | rebuilding | running | waiting | halted | fenced | stopped | moving | unreachable``"""
    detail: str
    commit: int
    rows_behind: int
    notes: tuple[str, ...] = ()
    """What an operator should know besides: definitions whose past is being folded."""
    progress: float | None = None
    """While it rebuilds: the share of its past that is folded, 0 to 1."""
    stale: str = ""
    """Why what it shows is not what the log has now."""
    door: bool = False
    """Requests come in by it: without it the system is not ready."""
    settled: bool = False
    """Nothing is gained by waiting for it: it runs, or says why it does not."""
    source: SourceHealth | None = None
    """Of a cell that reads a source: how that one fares."""


class Worker:
    """A supervised thread around one cell. Subclasses give ``step``: do what is there, or wait a bounded time."""

    door = False

    def __init__(self, cell: AnyCell, log: LogReader) -> None:
        self.cell = cell
        self.log = log
        self.lock = threading.Lock()
        """Held while the state and the log disagree: what is read under it is committed."""
        self.loaded = False
        """Whether the cell has a state; only under the lock is it certain."""
        self.settled = threading.Event()
        self.stopping = threading.Event()
        self.state, self.detail = "starting", ""
        self._behind = 0
        self._thread = threading.Thread(target=self._run, name=cell.name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def ask_stop(self) -> None:
        """Let it finish the step at hand, save a snapshot and stop; returns at once."""
        self.stopping.set()
        self.wake()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Ask it to stop, and wait until it has."""
        self.ask_stop()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def wake(self) -> None:
        """Cut a wait short."""
        self.log.wake()

    def step(self) -> None:
        raise NotImplementedError

    def finish(self) -> None:
        """Called once, after the last step of a worker that is told to stop: bring in what is still under way."""

    def recovered(self) -> None:
        """Called with the lock held, whenever the cell has (re)loaded its state."""

    def failed(self, reason: str) -> None:
        """Called whenever the state was lost, or is not there soon."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What an operator should know besides."""
        return ()

    def stale(self) -> str:
        """Why what the cell shows is not what the log has now; empty where it is, or shows nothing."""
        return ""

    def health(self) -> Health:
        progress = self.cell.progress if self.state == "rebuilding" else None
        with suppress(Transient):  # the log cannot be asked now: as it was
            self._behind = self.behind()
        return Health(
            self.cell.name,
            self.state,
            str(progress) if progress else self.detail,
            self.cell.seq,
            self._behind,
            self.notes,
            progress.share if progress else None,
            self.stale(),
            self.door,
            self.settled.is_set(),
        )

    def behind(self) -> int:
        """Rows that the cell has yet to read."""
        if self.state == "starting":
            return 0  # where it stands is not known yet
        cursor = self.log.cursor(self.cell.name)
        return sum(max(0, self.log.head(*source) - cursor.get(source, 0)) for source in self.cell.sources())

    def _run(self) -> None:
        backoff_s = 0.1
        while not self.stopping.is_set():
            try:
                if not self.loaded and not self._load():
                    break
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
                self.loaded = False
                self.state, self.detail = "waiting", f"{type(error).__name__}: {error}"
                if not isinstance(error, Transient):
                    logger.exception("%s reloads", self.cell.name)
                    self.settled.set()  # it will not pass by itself: shown, not waited for
                self.failed(self.detail)
                self.stopping.wait(backoff_s)
                backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
        if self.loaded:
            self._finished()
        self._end("stopped", "")

    def _finished(self) -> None:
        try:
            self.finish()
        except Exception as error:  # noqa: BLE001 - the log has the truth: whoever goes on with the cell finds what is left to do
            logger.warning("%s: not all was finished at its stop: %s", self.cell.name, error)
            self.loaded = False
            self.state = "waiting"

    def _load(self) -> bool:
        """Recover, in steps between which the state can be asked about; False where it is told to stop before the end."""
        begun = time.monotonic()
        while True:
            with self.lock:
                if not self.cell.recover_some():
                    self.recovered()
                    self.loaded = True
                    self.state, self.detail = "running", ""
                    self.settled.set()
                    return True
            if self.stopping.is_set():
                return False
            if self.state != "rebuilding" and time.monotonic() - begun > PATIENCE_S:
                self.state, self.detail = "rebuilding", ""
                logger.warning("%s rebuilds its state: %s", self.cell.name, self.cell.progress)
                self.settled.set()
                self.failed("its state is being rebuilt from the log")

    def _end(self, state: str, detail: str) -> None:
        if state == "stopped" and self.state in ("running", "rebuilding"):
            try:
                with self.lock:
                    self.cell.save()
            except Exception as error:  # whatever it is: those who wait must be answered, and the log has the truth
                known = isinstance(error, Fenced | Transient | Corrupt)
                logger.warning("%s: no snapshot at stop: %s", self.cell.name, error, exc_info=None if known else error)
        self.loaded = False
        self.state, self.detail = state, detail
        self.settled.set()
        self.failed(detail or state)


@runtime_checkable
class Telling(Protocol):
    """A worker whose fold tells the features of subjects."""

    def tell(self, subjects: Sequence[str], names: Sequence[str] | None) -> tuple[int, Told]:
        """The moment (us UTC) and the features of ``subjects`` then; ``names``: only these. Raises ``Rejected``,
        ``Transient``."""
        ...


class StreamWorker(Worker):
    """Drives a cell that reads the log; keeps the live views of one that is looked at."""

    def __init__(self, cell: AnyCell, log: LogReader, generation: str, changed: Callable[[], None]) -> None:
        super().__init__(cell, log)
        self._viewed = cell.fold if isinstance(cell.fold, Viewed) else None
        self._noted = cell.fold if isinstance(cell.fold, Noted) else None
        self._notes: tuple[str, ...] = ()
        self._views = Views(self._viewed, generation, cell.fold.version) if self._viewed else None
        self._changed = changed
        self._current_at = time.monotonic()
        """When it had last read all there was."""

    def recovered(self) -> None:
        if self._views:
            self._views.recovered(self.cell.state, self.cell.seq)
            self._changed()

    def failed(self, reason: str) -> None:
        if self._views:
            try:
                shown = self.cell.last_shown
            except (Transient, Corrupt):  # the log cannot be read now: what was known of it still holds
                shown = self._views.shown
            self._views.lost(shown)
            self._changed()

    def step(self) -> None:
        begun = time.monotonic()
        with self.lock:
            consumed = self.cell.advance()
            moved = bool(consumed and self._views and self._views.moved(self.cell.state, self.cell.seq))
        if moved:
            self._changed()
        if consumed < BULK_ROWS or self.behind() < BULK_ROWS:
            self._current_at = begun
        if self.stopping.is_set():
            return
        if not consumed:
            self.log.wait(self.cell.waiting_for(), WAIT_S)
        elif consumed < BULK_ROWS:
            self.stopping.wait(max(0.0, begun + PACE_S - time.monotonic()))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the fold says of the committed state; as it last was, while a step is at work."""
        if self._noted and self.lock.acquire(blocking=False):
            try:
                if self.loaded and self.cell.has_state:
                    self._notes = tuple(self._noted.notes(self.cell.state))
            finally:
                self.lock.release()
        return self._notes

    def stale(self) -> str:
        if not self._views or self.state == "starting":
            return ""
        shown = self._views.shown
        as_of = f"; shown as of {_iso(shown.at)}" if shown else ""
        if self.state == "rebuilding":
            progress = self.cell.progress
            return f"rebuilding, {progress.share if progress else 1.0:.0%}{as_of}"
        if self.state != "running":
            return f"{self.state}: {self.detail}{as_of}"
        if time.monotonic() - self._current_at > STALE_S + WAIT_S:
            return f"{_about(self.behind())} rows behind"
        return ""

    def frames(self, places: Mapping[str, Place | None]) -> list[Frame]:
        """What subscribers at ``places`` have not seen; topics that this cell does not have are left out."""
        return self._views.frames(places, self._look, self.stale) if self._views else []

    def _look(self, topic: str) -> tuple[int, Mapping[str, Any]] | None:
        if not self._viewed or not self.lock.acquire(timeout=VIEW_S):
            return None
        try:
            if not self.loaded or not self.cell.has_state:  # it ends, or its last step failed
                return None
            return self.cell.seq, self._viewed.view(self.cell.state, topic)
        finally:
            self.lock.release()


def _iso(us: int) -> str:
    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _about(n: int) -> str:
    """A number whose first digit is enough: it is told anew whenever it changes."""
    scale = 10 ** max(0, len(str(n)) - 1)
    return f"over {n // scale * scale:,}" if n else "0"
