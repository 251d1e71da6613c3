"""Query processes from the side of whoever asks: lent for one query each, ended for sure where one does not end by itself.

Nothing runs before the first query. The processes are forked from one that is started then (``query.apart.nursery``); what
is not needed for a while ends again.
"""

from __future__ import annotations

import atexit
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from time import monotonic
from typing import TypeVar

from events import catalog
from events.errors import Rejected, Transient
from events.log import LogSpec
from query.apart.desk import Deed
from query.apart.nursery import ASKED, FORK, REAP, TOLD
from query.apart.wire import receive, send
from query.apart.worker import Done, Opening, Wanted, too_large, too_long
from query.bounds import Limits, Stop, Stopped

logger = logging.getLogger(__name__)
T = TypeVar("T")
_LOOK_S = 0.05
"""How often it is looked whether a query is to end."""
_GRACE_S = 0.5
"""So long after its deadline a query may still end by itself, with DuckDB's own words."""
_SLACK_BYTES = 128 << 20
"""Beside what DuckDB counts and the answer, so much may a query need."""
_SPARE_S, _IDLE_S = 20.0, 300.0
"""Idle processes but one end after the first, everything after the second."""
_STALE_BYTES = 96 << 20
"""A process that has grown by so much is not lent again."""
_AGAIN_S = 1.0


class Nursery:
    """The process that others are forked from. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._door: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._children = 0

    def fork(self, fd: int) -> int:
        """A process that serves the connection ``fd``; its number. Raises ``Transient`` where there can be none."""
        with self._lock:
            for again in (True, False):
                try:
                    door = self._open()
                    socket.send_fds(door, [ASKED.pack(FORK, 0)], [fd])
                    pid = self._told(door)
                    self._children += 1
                    return pid
                except (OSError, EOFError) as error:
                    self._close()
                    if not again:
                        raise Transient(f"no process for queries can be started: {error}", _AGAIN_S) from error
            raise AssertionError

    def reap(self, pid: int) -> int | None:
        """Wait for a process that has ended or was killed: its wait status; None where that is not known any more."""
        with self._lock:
            if self._door is None:
                return None
            try:
                self._door.sendall(ASKED.pack(REAP, pid))
                status = self._told(self._door)
                self._children -= 1
                return status
            except (OSError, EOFError):
                self._close()
                return None

    def end(self) -> None:
        """End it, and every process that it forked."""
        with self._lock:
            self._close()

    def rest(self) -> None:
        """End it where no process is left of those that it forked."""
        with self._lock:
            if not self._children:
                self._close()

    def _open(self) -> socket.socket:
        if self._door is None:
            ours, theirs = socket.socketpair()
            with theirs:
                fd = theirs.fileno()
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "query.apart.nursery", str(fd)],
                    pass_fds=[fd],
                    stdin=subprocess.DEVNULL,
                )
            self._door = ours
            self._told(ours)
        return self._door

    @staticmethod
    def _told(door: socket.socket) -> int:
        said = door.recv(TOLD.size)
        if len(said) < TOLD.size:
            raise EOFError("it has ended")
        return TOLD.unpack(said)[0]

    def _close(self) -> None:
        if self._door is not None:
            self._door.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._door = self._process = None
        self._children = 0


class _Worker:
    """One query process."""

    def __init__(self, nursery: Nursery, opening: Opening) -> None:
        self._nursery = nursery
        ours, theirs = socket.socketpair()
        with theirs:
            self.pid = nursery.fork(theirs.fileno())
        self._connection = Connection(ours.detach())
        self.fresh_bytes: int | None = None
        self.idle_since = 0.0
        send(self._connection, opening)

    def ask(self, deed: bytes, limits: Limits, stop: Stop) -> Done:
        """Raises ``Stopped``, ``Rejected`` beyond a limit, and ``Transient`` where the process is gone."""
        end = monotonic() + limits.seconds + _GRACE_S
        before = self.fresh_bytes = self.fresh_bytes or self.bytes()
        most = before + limits.memory_bytes + 2 * limits.result_bytes + _SLACK_BYTES
        try:
            send(self._connection, Wanted(deed, limits))
            while not self._connection.poll(_LOOK_S):
                if stop.asked:
                    raise Stopped
                if monotonic() > end:
                    raise Rejected("sql", too_long(limits))
                if self.bytes() > most:
                    raise Rejected("sql", too_large(limits))
            return receive(self._connection)
        except (EOFError, OSError) as error:
            raise Transient("the query's process ended before it answered; ask again, or for less", _AGAIN_S) from error

    def bytes(self) -> int:
        """Of memory that it has for itself; 0 where it is gone."""
        try:
            _, resident, shared, *_ = map(int, Path(f"/proc/{self.pid}/statm").read_text().split())
        except (OSError, ValueError):
            return 0
        return (resident - shared) * _PAGE

    def end(self) -> None:
        with suppress(ProcessLookupError):  # not reaped yet, so the number is its own
            os.kill(self.pid, signal.SIGKILL)
        status = self._nursery.reap(self.pid)
        self._connection.close()
        if status is not None and os.WIFSIGNALED(status) and os.WTERMSIG(status) != signal.SIGKILL:
            logger.error("the query process %d ended by signal %d", self.pid, os.WTERMSIG(status))


_PAGE = os.sysconf("SC_PAGE_SIZE")


class Pool:
    """Does deeds over one log for one tenant, each in a process that it has for itself meanwhile. Safe for several threads;
    how many ask at once is up to them."""

    def __init__(self, log: LogSpec, tenant: str, limits: Limits | None = None, nursery: Nursery | None = None) -> None:
        self._log = log
        self._tenant = tenant
        self._limits = limits or Limits()
        self._nursery = nursery or _shared
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._dead: list[_Worker] = []
        """Processes that something else ended while they were idle."""
        self._lent = 0
        self._tidying: threading.Timer | None = None

    def do(self, deed: Deed[T], stop: Stop | None = None, limits: Limits | None = None) -> T:
        """What ``deed`` returns; it must be picklable. ``limits``: None for those of the pool.

        Raises what it raises; ``Rejected("sql", …)`` beyond a limit and ``Stopped`` once ``stop`` is asked for, whatever the
        process is doing then; ``Transient`` where the process is gone.
        """
        said = pickle.dumps(deed, protocol=5)
        limits, stop = limits or self._limits, stop or Stop()
        if stop.asked:
            raise Stopped
        worker = self._borrow()
        try:
            done = worker.ask(said, limits, stop)
        except BaseException:
            self._back(worker, sound=False)
            raise
        self._back(worker, sound=worker.bytes() <= (worker.fresh_bytes or 0) + _STALE_BYTES)
        if done.raised is not None:
            raise done.raised
        return done.result

    def close(self) -> None:
        """End the processes that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
            if self._tidying is not None:
                self._tidying.cancel()
        for worker in idle:
            worker.end()

    def _borrow(self) -> _Worker:
        with self._lock:
            self._lent += 1
            while self._idle:
                worker = self._idle.pop()
                if worker.bytes():
                    return worker
                self._dead.append(worker)
        try:
            streams = [stream for name, stream in catalog.STREAMS.items() if name not in catalog.OURS]
            return _Worker(self._nursery, Opening(self._log, self._tenant, streams))
        except BaseException:
            with self._lock:
                self._lent -= 1
            raise

    def _back(self, worker: _Worker, *, sound: bool) -> None:
        worker.idle_since = monotonic()
        with self._lock:
            self._lent -= 1
            if sound:
                self._idle.append(worker)
            self._look_again(_SPARE_S)
        if not sound:
            worker.end()

    def _look_again(self, after_s: float) -> None:
        if self._tidying is None or not self._tidying.is_alive():
            self._tidying = threading.Timer(after_s, self._tidy)
            self._tidying.daemon = True
            self._tidying.start()

    def _tidy(self) -> None:
        """End what has been idle for long."""
        now = monotonic()
        with self._lock:
            self._tidying = None
            spare = [w for w in self._idle[:-1] if now - w.idle_since > _SPARE_S]  # the last one was used last
            last = [w for w in self._idle[-1:] if now - w.idle_since > _IDLE_S]
            gone = spare + last + self._dead
            self._dead = []
            self._idle = [w for w in self._idle if w not in gone]
            if self._idle or self._lent:
                self._look_again(_SPARE_S)
            nothing = not self._idle and not self._lent
        for worker in gone:
            worker.end()
        if nothing:
            self._nursery.rest()


_shared = Nursery()
"""One for all pools of this process: it knows no log."""
atexit.register(_shared.end)
