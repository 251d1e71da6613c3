"""The processes that fit models.

``python -m tuning.fitting.worker FD FOLDER`` imports the libraries once and forks a worker for each request that it reads on
FD, so that a killed worker is replaced within milliseconds. The process itself runs no threads and no fits, which makes
forking safe.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import socket
import sys
import threading
import time
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path


def main() -> None:
    """Serve ``fork`` (with a descriptor for the worker's channel; answers its pid) and ``kill PID`` until FD is closed."""
    control = socket.socket(fileno=int(sys.argv[1]))
    folder = Path(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _warm()
    gc.freeze()
    children: set[int] = set()
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 64, 1)
        if not message:
            break
        if message == b"fork":
            pid = os.fork()
            if pid == 0:
                control.close()
                _work(Connection(descriptors[0]), folder)
                os._exit(0)
            os.close(descriptors[0])
            children.add(pid)
            control.send(str(pid).encode())
        else:
            pid = int(message.split()[1])
            _end(pid)
            children.discard(pid)
            control.send(b"ended")
    for pid in children:
        _end(pid)
    os._exit(0)


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _warm() -> None:
    """Import what the first fits need, while the parent still prepares the table."""
    modules = (
        "sklearn.ensemble",
        "sklearn.linear_model",
        "sklearn.neural_network",
        "lightgbm",
        "skops.io",
        "tuning.fitting.jobs",
    )
    for name in modules:
        import_module(name)


def _work(channel: Connection, folder: Path) -> None:
    from tuning.fitting.jobs import Job, Rows

    threading.Thread(target=_end_with_parent, daemon=True).start()
    rows: Rows | None = None
    custom: object = None
    while True:
        try:
            job: Job | None = channel.recv()
            if job is None:
                return
            if rows is None:
                rows = Rows.read(folder)
                custom = _custom(folder)
            channel.send(("done", rows.run(job, custom)))
        except (EOFError, BrokenPipeError):
            return
        except Exception as error:  # noqa: BLE001 - any estimator may fail on any data: the trial fails, not the run
            channel.send(("failed", f"{type(error).__name__}: {str(error)[:300]}"))
        gc.collect()


def _custom(folder: Path) -> object:
    """The caller's own estimator, which the parent wrote for this run."""
    if not (folder / "custom.bin").exists():
        return None
    import cloudpickle

    return cloudpickle.loads((folder / "custom.bin").read_bytes())


def _end_with_parent() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    main()
