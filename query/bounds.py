"""Where a query ends: its limits, its deadline, and whoever stops it."""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

_LOOK_S = 0.1
"""How often it is looked whether a query is to end."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a query ends. Beyond ``rows`` or ``result_bytes`` the answer is cut; beyond the others it is refused."""

    rows: int = 10_000
    result_bytes: int = 64 << 20
    seconds: float = 30.0
    memory_bytes: int = 512 << 20
    threads: int = 2


class Stop:
    """Ends queries from another thread: when whoever asked is gone, nobody needs the answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[duckdb.DuckDBPyConnection] = set()
        self.asked = False

    def now(self) -> None:
        """Interrupt what runs; what begins later ends at once."""
        with self._lock:
            self.asked = True
            for db in self._running:
                db.interrupt()

    @contextmanager
    def over(self, db: duckdb.DuckDBPyConnection) -> Generator[None, None, None]:
        """While this lasts, ``now`` interrupts ``db``. Raises ``Stopped`` where that was asked for already."""
        with self._lock:
            if self.asked:
                raise Stopped
            self._running.add(db)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(db)


class Stopped(Exception):
    """The query was stopped from outside; there is nobody to tell."""


@contextmanager
def deadline(db: duckdb.DuckDBPyConnection, seconds: float, stop: Stop) -> Generator[threading.Event, None, None]:
    """Interrupt what runs in ``db`` after ``seconds``, or once ``stop`` is asked for; the event tells whether time is over.

    An interruption holds for what runs at that moment only, and is forgotten where a statement is about to begin: so it is
    repeated until this ends.
    """
    late, done, end = threading.Event(), threading.Event(), monotonic() + seconds

    def interrupt() -> None:
        while not done.wait(_LOOK_S):
            if monotonic() >= end:
                late.set()
            if late.is_set() or stop.asked:
                db.interrupt()

    watching = threading.Thread(target=interrupt, name="deadline", daemon=True)
    watching.start()
    try:
        yield late
    finally:
        done.set()
        watching.join()
