"""Worker processes that can be killed in the middle of a fit: a straggler costs itself, never the budget."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from types import TracebackType
from typing import Self

from tuning.fitting.jobs import Done, Job

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Failed:
    """A fit that failed, and the reason why."""

    reason: str
    timed_out: bool = False


@dataclass
class _Worker:
    channel: Connection
    pid: int
    job: Job | None = None
    deadline: float = 0.0


class Pool:
    """``size`` workers, a thread each, over the rows in ``folder``. Make it early: its processes import meanwhile."""

    def __init__(self, size: int, folder: Path) -> None:
        self.size = size
        ours, theirs = socket.socketpair()
        self._control = ours
        root = str(Path(__file__).parents[2])
        path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
        self._process = subprocess.Popen(
            # -P: a file `random.py` in the folder where somebody works is no module of ours
            [sys.executable, "-P", "-m", "tuning.fitting.worker", str(theirs.fileno()), str(folder)],
            pass_fds=[theirs.fileno()],
            env={**os.environ, **dict.fromkeys(_THREADS, "1"), "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        self._workers: list[_Worker] = []

    def _start(self) -> _Worker:
        ours, theirs = Pipe()
        with suppress(ConnectionError):  # the answer says why
            socket.send_fds(self._control, [b"fork"], [theirs.fileno()])
        theirs.close()
        return _Worker(ours, int(self._answer()))

    def _answer(self) -> bytes:
        try:
            answer = self._control.recv(64)
        except ConnectionError:
            answer = b""
        if not answer:
            raise RuntimeError(f"the worker process ended with code {self._process.wait()}; its errors are above")
        return answer

    def idle(self) -> int:
        """How many jobs could be taken now."""
        return self.size - len(self.running())

    def running(self) -> list[Job]:
        return [w.job for w in self._workers if w.job is not None]

    def submit(self, job: Job, within_s: float | None = None) -> None:
        """Give ``job`` to an idle worker; it is killed after ``within_s``."""
        worker = next((w for w in self._workers if w.job is None), None)
        if worker is None:
            worker = self._start()
            self._workers.append(worker)
        worker.job = job
        worker.deadline = float("inf") if within_s is None else time.monotonic() + within_s
        worker.channel.send(job)

    def finished(self, timeout_s: float) -> Iterator[tuple[Job, Done | Failed]]:
        """What ended within ``timeout_s`` (at least one, unless the time is over), in no promised order."""
        until = time.monotonic() + timeout_s
        found: list[tuple[Job, Done | Failed]] = []
        while not found and self.running():
            busy = [w for w in self._workers if w.job is not None]
            patience = min([until, *(w.deadline for w in busy)]) - time.monotonic()
            heard = wait([w.channel for w in busy], timeout=max(0.0, patience))
            now = time.monotonic()
            for worker in busy:
                if worker.job is None:
                    continue
                if worker.channel in heard:
                    found.append((worker.job, self._hear(worker)))
                elif now > worker.deadline:
                    found.append((worker.job, Failed("took longer than it may", timed_out=True)))
                    self._end(worker)
            if now >= until:
                break
        yield from found

    def _hear(self, worker: _Worker) -> Done | Failed:
        try:
            kind, content = worker.channel.recv()
        except (EOFError, OSError):
            self._end(worker)
            return Failed("its process was ended (out of memory?)")
        worker.job = None
        return content if kind == "done" else Failed(str(content))

    def drop(self) -> None:
        """Kill the workers whose fits are still running, because nobody wants their results any more."""
        for worker in [w for w in self._workers if w.job is not None]:
            self._end(worker)

    def _end(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._control.send(f"kill {worker.pid}".encode())
        self._answer()
        worker.channel.close()

    def close(self) -> None:
        """End all processes."""
        for worker in list(self._workers):
            self._end(worker)
        self._control.close()
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
