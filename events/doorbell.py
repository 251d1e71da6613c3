"""Doorbells: a commit wakes the processes that wait, over Unix datagram sockets.

Each waiting process has one socket in the log's ``bells`` folder; a commit sends the cell's name to every one of them.
A ring is a hint and may be lost (a full queue, a crash); a waiter looks for itself before it sleeps and again every
250 ms, so a lost ring costs at most that.
"""

from __future__ import annotations

import os
import secrets
import select
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic, time_ns

POLL_S = 0.25
"""The safety net."""
SETTLED_NS = 100_000_000
"""A folder's mtime is coarse: one that is younger than this may yet change without showing it."""
_PATH_BYTES = 100
"""Linux allows 107 bytes for a socket's path, macOS 103."""
_OVERFLOW = 8
"""So many rings at once, and more may have been dropped: look at everything."""
_FORWARD = ".at"

Rung = frozenset[str] | None
"""Cells that rang; None: any may have."""


class Doorbell:
    """One process's bell, and its way to ring the others'. ``folder`` None: only threads of this process."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._changed = threading.Condition()
        self._waiters: dict[int, set[str] | None] = {}
        self._listening = False
        self._socket: socket.socket | None = None
        self._own: list[Path] = []
        self._known: tuple[int, list[Path]] = (-1, [])
        self._sender: socket.socket | None = None
        self._closed = False

    # -- ringing -------------------------------------------------------------------------------------------------

    def ring(self, cell: str) -> None:
        """Wake every process that waits on this folder; never blocks."""
        self._publish([cell])
        if self._folder is None:
            return
        for bell in self._bells(self._folder):
            self._send(bell, cell.encode())

    def _bells(self, folder: Path) -> list[Path]:
        """Sockets in the folder; listed again when it has changed, or so lately that a change may not show yet."""
        stamp = folder.stat().st_mtime_ns
        if stamp != self._known[0]:
            bells = sorted(p for p in folder.iterdir() if p.suffix in (".sock", _FORWARD))
            self._known = (stamp if time_ns() - stamp > SETTLED_NS else -1, bells)
        return self._known[1]

    def _send(self, bell: Path, message: bytes) -> None:
        if self._sender is None:
            self._sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._sender.setblocking(False)
        try:
            target = bell.read_text() if bell.suffix == _FORWARD else str(bell)
            self._sender.sendto(message, target)
        except BlockingIOError:
            pass  # its queue is full: it will wake and look at everything
        except (ConnectionRefusedError, FileNotFoundError):
            bell.unlink(missing_ok=True)  # its process is gone

    # -- waiting -------------------------------------------------------------------------------------------------

    def wait(self, ready: Callable[[Rung], bool], timeout_s: float) -> bool:
        """True as soon as ``ready`` is; it is asked at once, after rings (with who rang) and every 250 ms."""
        deadline = monotonic() + timeout_s
        me = threading.get_ident()
        with self._changed:
            self._waiters[me] = set()
            self._open()
        try:
            rung: Rung = None
            while not ready(rung):
                left = deadline - monotonic()
                if left <= 0 or self._closed:
                    return False
                rung = self._sleep(me, min(left, POLL_S))
            return True
        finally:
            with self._changed:
                del self._waiters[me]

    def _sleep(self, me: int, seconds: float) -> Rung:
        """Until somebody rings or ``seconds`` are over. One thread listens to the socket, the others to it."""
        with self._changed:
            listen = self._socket is not None and not self._listening and self._waiters[me] == set()
            if listen:
                self._listening = True
            else:
                self._changed.wait_for(lambda: self._waiters[me] != set() or self._may_listen(), seconds)
        if listen:
            try:
                rung = self._listen(seconds)
            finally:
                with self._changed:
                    self._listening = False
            self._publish(rung)
        with self._changed:
            heard, self._waiters[me] = self._waiters[me], set()
            return None if not heard else frozenset(heard)

    def _may_listen(self) -> bool:
        return self._socket is not None and not self._listening

    def _listen(self, seconds: float) -> list[str]:
        sock = self._socket
        if sock is None:
            return []
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        poll.poll(seconds * 1000)
        heard: list[str] = []
        with suppress(BlockingIOError, OSError):  # empty, or closed by another thread
            while True:
                heard.append(sock.recv(1024).decode())
        return heard

    def _publish(self, cells: list[str]) -> None:
        with self._changed:
            for waiter, heard in self._waiters.items():
                if len(cells) >= _OVERFLOW:
                    self._waiters[waiter] = None
                elif heard is not None:
                    heard.update(cells)
            self._changed.notify_all()

    def _open(self) -> None:
        if self._folder is None or self._socket is not None or self._closed:
            return
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.setblocking(False)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        bell = self._folder.absolute() / f"{name}.sock"
        if len(os.fsencode(bell)) <= _PATH_BYTES:
            sock.bind(str(bell))
            self._own = [bell]
        else:
            short = Path(tempfile.mkdtemp(prefix="bell")) / "s"
            sock.bind(str(short))
            forward = self._folder / f"{name}{_FORWARD}"
            draft = forward.with_suffix(".new")
            draft.write_text(str(short))
            draft.rename(forward)
            self._own = [forward, short]
        self._own[-1].chmod(0o600)
        self._socket = sock

    def close(self) -> None:
        """Take the bell down; whoever waits gets False within 250 ms."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            for path in self._own:
                path.unlink(missing_ok=True)
            if len(self._own) > 1:
                self._own[-1].parent.rmdir()
            for sock in (self._socket, self._sender):
                if sock is not None:
                    sock.close()
            self._socket = self._sender = None
            self._own = []
