"""The process that query processes are forked from: `python -m query.apart.nursery FD`.

It has loaded all that a query needs, and shares that memory with each of them; a new one is there after some milliseconds.
It has one thread and opens nothing, so that a fork is safe. It ends when whoever started it is gone, and all with it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import struct
import sys
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

FORK, REAP = b"f", b"r"
ASKED = struct.Struct("<cq")
TOLD = struct.Struct("<q")
_NICE = 5
"""What is collected goes first: a question may take a little longer."""
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Fork a process for each connection that is handed over, and wait for those that have ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started this: it ends us by leaving
    door = socket.socket(fileno=int(sys.argv[1]))
    load()
    libc = ctypes.CDLL(None)
    gc.collect()
    gc.freeze()
    door.sendall(TOLD.pack(os.getpid()))
    while True:
        said, fds, _, _ = socket.recv_fds(door, ASKED.size, 1)
        if not said:
            return
        what, pid = ASKED.unpack(said)
        if what == REAP:
            door.sendall(TOLD.pack(os.waitpid(pid, 0)[1]))
            continue
        child = os.fork()
        if child == 0:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            door.close()
            _serve(fds[0])
        os.close(fds[0])
        door.sendall(TOLD.pack(child))


def load() -> None:
    """Import what queries need, without pandas: Arrow looks for it at its first conversion, and never again."""
    hiding: Any = _NoPandas()
    sys.meta_path.insert(0, hiding)
    import pyarrow as pa

    pa.array([0]).to_numpy()
    sys.meta_path.remove(hiding)
    for name in ("query.apart.deeds", "query.apart.worker", "query.scan"):
        import_module(name)


class _NoPandas:
    """A finder for which there is no pandas."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "pandas":
            raise ImportError(name)


def _serve(fd: int) -> None:
    """What a query process does from its birth on; it does not return."""
    from query.apart.worker import work

    try:
        os.nice(_NICE)
        Path("/proc/self/oom_score_adj").write_text("900")  # where memory is short, a question goes
        work(Connection(fd))
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
