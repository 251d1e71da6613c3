"""Objects between two processes of this machine: pickled, with large buffers (Arrow's columns) beside and not copied."""

from __future__ import annotations

import pickle
from multiprocessing.connection import Connection
from typing import Any


def send(to: Connection, said: Any) -> None:
    """Raises ``OSError`` where nobody is there any more."""
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(said, protocol=5, buffer_callback=buffers.append)
    to.send_bytes(len(buffers).to_bytes(4, "little") + body)
    for buffer in buffers:
        to.send_bytes(buffer.raw())


def receive(of: Connection) -> Any:
    """Waits for it. Raises ``EOFError`` or ``OSError`` where nobody is there any more."""
    said = of.recv_bytes()
    buffers = [of.recv_bytes() for _ in range(int.from_bytes(said[:4], "little"))]
    return pickle.loads(memoryview(said)[4:], buffers=buffers)
