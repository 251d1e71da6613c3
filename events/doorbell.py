"""Doorbells: a commit wakes the processes that wait, over Unix datagram sockets.

Each waiting process has one socket in the user's runtime folder and lists its path in the log's ``bells`` folder; a commit
sends the cell's name to every one that is listed.
A ring is a hint and may be lost (a full queue, a crash); a waiter looks for itself before it first sleeps and then every
second, so a lost ring costs at most that.
"""

from __future__ import annotations

import os
import secrets
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, time_ns
from typing import NamedTuple

from events import runtime_folder

POLL_S = 1.0
"""The safety net."""
SETTLED_NS = 100_000_000
"""A folder's mtime is coarse: one that is younger than this may yet change without showing it."""
_OVERFLOW = 8
"""So many rings at once, and more may have been dropped: look at everything."""
_LISTED = ".at"
"""Ends a file that holds the path of a socket."""

Rung = frozenset[str] | None
"""Cells that rang; None: any may have."""


class _Bell(NamedTuple):
    listed: Path
    socket: Path

    def remove(self) -> None:
        self.listed.unlink(missing_ok=True)
        self.socket.unlink(missing_ok=True)


class Doorbell:
    """One process's bell, and its way to ring the others'. ``folder`` None: only threads of this process."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._changed = threading.Condition()
        self._heard: dict[int, set[str] | None] = {}
        """By waiting thread: who rang since it last looked (None: too many to tell)."""
        self._listening = False
        self._socket: socket.socket | None = None
        self._own: _Bell | None = None
        self._sender: socket.socket | None = None
        self._listed: tuple[int, list[_Bell]] = (-1, [])
        self._closed = False
        self._wakes = 0

    # -- ringing -------------------------------------------------------------------------------------------------

    def ring(self, cell: str) -> None:
        """Wake everybody who waits on this folder; never blocks."""
        self._tell([cell])
        if self._folder is not None and not self._closed:
            for bell in self._bells(self._folder):
                self._send(bell, cell.encode())

    def _bells(self, folder: Path) -> list[_Bell]:
        stamp = folder.stat().st_mtime_ns
        if stamp != self._listed[0]:
            bells: list[_Bell] = []
            for path in folder.glob(f"*{_LISTED}"):
                with suppress(FileNotFoundError):  # taken down meanwhile
                    bells.append(_Bell(path, Path(path.read_text())))
            self._listed = (stamp if time_ns() - stamp > SETTLED_NS else -1, bells)
        return self._listed[1]

    def _send(self, bell: _Bell, message: bytes) -> None:
        sender = self._sender
        if sender is None:
            sender = self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            sender.setblocking(False)
        try:
            sender.sendto(message, str(bell.socket))
        except BlockingIOError:
            pass  # its queue is full: it will look at everything
        except (ConnectionRefusedError, FileNotFoundError):
            bell.remove()  # its process is gone
        except OSError:
            if not self._closed:
                raise

    # -- waiting -------------------------------------------------------------------------------------------------

    def wait(self, ready: Callable[[Rung], bool], timeout_s: float) -> bool:
        """True as soon as ``ready`` is; it is asked at once, after rings (with who rang) and every second."""
        now = monotonic()
        deadline, look = now + timeout_s, now
        me = threading.get_ident()
        with self._changed:
            wakes = self._wakes
            self._heard[me] = set()
            self._open()
        try:
            while not self._closed:
                rung: Rung = self._take(me)
                if now >= look:
                    rung, look = None, now + POLL_S
                if ready(rung):
                    return True
                if (now := monotonic()) >= deadline or self._wakes != wakes:
                    return False
                self._sleep(me, wakes, min(deadline, look) - now)
                now = monotonic()
            return False
        finally:
            with self._changed:
                del self._heard[me]

    def _take(self, me: int) -> Rung:
        with self._changed:
            heard, self._heard[me] = self._heard[me], set()
        return None if heard is None else frozenset(heard)

    def _sleep(self, me: int, wakes: int, seconds: float) -> None:
        """Until somebody rings, for ``seconds`` at most. One thread listens to the socket, the others to that thread."""
        with self._changed:
            self._changed.wait_for(lambda: self._disturbed(me, wakes) or self._may_listen(), seconds)
            if self._disturbed(me, wakes) or not self._may_listen():
                return
            self._listening = True
            sock = self._socket
        cells: list[str] = []
        try:
            cells = _listen(sock, seconds) if sock else []
        finally:
            with self._changed:
                self._listening = False
            self._tell(cells)

    def _disturbed(self, me: int, wakes: int) -> bool:
        return self._heard[me] != set() or self._wakes != wakes

    def wake(self) -> None:
        """End every ``wait`` that is under way on this bell; one that finds nothing answers False."""
        with self._changed:
            self._wakes += 1
            self._changed.notify_all()
            own = self._own if self._listening else None
        if own is not None:
            self._send(own, b"")  # wakes the thread that listens for the others

    def _may_listen(self) -> bool:
        return self._closed or (self._socket is not None and not self._listening)

    def _tell(self, cells: list[str]) -> None:
        """Let every waiting thread of this process know who rang."""
        with self._changed:
            for waiter, heard in self._heard.items():
                if len(cells) >= _OVERFLOW:
                    self._heard[waiter] = None
                elif heard is not None:
                    heard.update(cells)
            self._changed.notify_all()

    def _open(self) -> None:
        """Hang up the bell, when somebody first waits."""
        if self._folder is None or self._socket is not None or self._closed:
            return
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.setblocking(False)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._own = _Bell(self._folder / f"{name}{_LISTED}", runtime_folder.of_bells() / name)
        sock.bind(str(self._own.socket))
        draft = self._folder / f"{name}.new"
        draft.touch(mode=0o600)
        draft.write_text(str(self._own.socket))
        draft.rename(self._own.listed)
        self._socket = sock

    def close(self) -> None:
        """Take the bell down; whoever waits gets False at once."""
        with self._changed:
            self._closed = True
            if self._socket is not None:
                with suppress(OSError):  # not connected; but it wakes the listener
                    self._socket.shutdown(socket.SHUT_RDWR)
            self._changed.notify_all()
            if self._own is not None:
                self._own.remove()
            for sock in (self._socket, self._sender):
                if sock is not None:
                    sock.close()
            self._socket = self._sender = self._own = None


def _listen(sock: socket.socket, seconds: float) -> list[str]:
    """Cells that rang, at once or within ``seconds``."""
    cells: list[str] = []
    with suppress(OSError, ValueError):  # nothing there yet or any more, or another thread closed it
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        poll.poll(seconds * 1000)
        while message := sock.recv(1024):
            cells.append(message.decode())
    return cells
