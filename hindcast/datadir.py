"""The data directory: everything of one system, in known places, readable by its owner only."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from events.errors import Rejected
from serve.keys import new_key

CLAIM_S = 0.5
"""How long a claim tries again: whoever asks whether the directory is claimed holds its lock for a moment."""
STARTING_S = 60.0
"""How long a question to a system waits until it has started."""
_LOOK_S = 0.05


@dataclass(frozen=True, slots=True)
class Running:
    """What ``runtime.json`` says of the system that runs on the directory."""

    address: str
    """URL of the HTTP port."""
    pid: int
    ray_address: str
    namespace: str
    placement: str
    started: float
    version: str


class DataDir:
    """``log/`` the events, ``admin.key`` the first key, ``generation`` the log's identity, ``partitions`` how many the log
    has, ``streams/`` the forms of plug-ins' streams, ``cells.json`` the cells that were added, ``runtime.json`` who runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._runtime = path / "runtime.json"
        self._lock: IO[str] | None = None

    def claim(self) -> None:
        """Make the directory this process's own. Raises ``Rejected`` where another system runs on it."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self.path / "lock").open("a")
        deadline = time.monotonic() + CLAIM_S
        while not _locked(lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                lock.close()
                other = self.running()
                who = f"process {other.pid} at {other.address}" if other else "another process"
                raise Rejected(
                    "data_dir", f"{who} runs on {self.path}; stop it with `hindcast down`, or choose another directory"
                )
            time.sleep(_LOOK_S)
        self._lock = lock
        self._runtime.unlink(missing_ok=True)  # of a system that was killed: until `announce`, none runs here

    def release(self) -> None:
        self._runtime.unlink(missing_ok=True)
        if self._lock:
            self._lock.close()
            self._lock = None

    @property
    def admin_key(self) -> str:
        """The key with every scope that this directory's owner has; made at the first start."""
        return self._once("admin.key", new_key)

    @property
    def generation(self) -> str:
        """Identity of the log: live views of another log are another epoch."""
        return self._once("generation", lambda: secrets.token_hex(6))

    def keep_partitions(self, wanted: int, log_exists: bool) -> None:
        """The number of partitions is fixed when the directory is made: it says where each key's events are.

        ``log_exists``: whether there is a log already; one without a number is of a release that knew one partition only.
        Raises ``Rejected`` where the directory has another number than ``wanted``.
        """
        found = int(self._once("partitions", lambda: "1" if log_exists else str(wanted)))
        if found != wanted:
            raise Rejected(
                "log.partitions",
                f"is {wanted}, but {self.path} was made with {found}, and a log keeps its number; set log.partitions to "
                f"{found}, or choose another directory with --data-dir and send the history there again",
            )

    def _once(self, name: str, make: Callable[[], str]) -> str:
        path = self.path / name
        if not path.exists():
            write_private(path, make())
        return path.read_text().strip()

    def announce(self, running: Running) -> None:
        write_private(self._runtime, json.dumps(asdict(running), indent=1))

    def claimed(self) -> bool:
        """Whether a system runs on the directory, starts or stops there."""
        try:
            with (self.path / "lock").open() as lock:
                return not _locked(lock, fcntl.LOCK_SH)
        except FileNotFoundError:
            return False

    def started(self, timeout_s: float = STARTING_S) -> Running | None:
        """The system that runs on the directory; one that starts there is waited for, up to ``timeout_s``.

        Without the wait, whoever saw ``/ready`` answer would for a moment be told that no system runs.
        """
        deadline = time.monotonic() + timeout_s
        while True:
            claimed = self.claimed()
            found = self.running()
            if found or not claimed or time.monotonic() > deadline:
                return found
            time.sleep(_LOOK_S)

    def running(self) -> Running | None:
        """The system that runs on the directory; None where there is none, or it died without saying so."""
        try:
            found = Running(**json.loads(self._runtime.read_text()))
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            return None
        try:
            os.kill(found.pid, 0)
        except ProcessLookupError:
            return None
        except PermissionError:
            pass  # somebody else's process: it is there
        return found


def _locked(lock: IO[str], how: int) -> bool:
    """Whether the lock was to be had; it is held until ``lock`` is closed."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_private(path: Path, text: str) -> None:
    """Write a file whole and for its owner only; a reader sees the old content or the new."""
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    part.replace(path)
