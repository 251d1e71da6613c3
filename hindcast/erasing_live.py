"""Erasing while a system runs: it is asked by a socket, drains and stops itself, erases, and starts again.

The person's name goes by the socket and is never written down. Whoever may enter the folder of the socket, which is the
directory's owner, may ask.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec

from events import runtime_folder
from events.errors import Rejected, Transient
from hindcast.receipts import Receipt

logger = logging.getLogger(__name__)
MOST_BYTES = 64 << 10
ASK_S = 10.0


class Wanted(msgspec.Struct):
    """Who is to be erased, as for ``hindcast.erasing.erase``."""

    subject: str
    also: list[str] = []
    reference: str = ""
    tenant: str | None = None


class Answer(msgspec.Struct):
    """The receipt, or what was wrong; ``after``: what went wrong afterwards, as the system was to start again."""

    receipt: Receipt | None = None
    field: str = ""
    reason: str = ""
    after: str = ""


def _place(data: Path) -> Path:
    return runtime_folder.of_data(data) / "e"


class Door:
    """Where the system on ``data`` is asked; to be opened anew after each start, for a stop takes its folder away."""

    def __init__(self, data: Path) -> None:
        place = _place(data)
        place.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(place))
        self._socket.listen(1)
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    def serve(self, erase: Callable[[Wanted], Answer]) -> bool:
        """Carry out one request, where one is there; answers whether."""
        try:
            caller, _ = self._socket.accept()
        except BlockingIOError:
            return False
        with caller:
            caller.settimeout(ASK_S)
            try:
                wanted = msgspec.json.decode(_read(caller), type=Wanted)
            except (OSError, msgspec.MsgspecError) as error:
                logger.warning("a request to erase somebody cannot be read: %s", error)
                return False
            answer = erase(wanted)
            caller.settimeout(ASK_S)
            try:
                caller.sendall(msgspec.json.encode(answer))
            except OSError:
                logger.warning("whoever asked to erase somebody has gone; the receipt is in the data directory")
        return True


def ask(data: Path, wanted: Wanted) -> Receipt:
    """Have the system that runs on ``data`` erase somebody; returns once it runs again.

    Raises ``Rejected`` as ``hindcast.erasing.erase`` does, and ``Transient`` where nobody listens, or the system did not
    start again.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as there:
        try:
            there.connect(str(_place(data)))
            there.sendall(msgspec.json.encode(wanted))
            there.shutdown(socket.SHUT_WR)
            said = _read(there)
        except OSError as error:
            raise Transient(
                f"the program that runs the system does not listen ({error.strerror or error}): it is one of your own that "
                "does not call `system.wait()`; call `system.erase(…)` there, or stop it and erase then",
                5.0,
            ) from None
    if not said:
        raise Transient("the program that ran the system has ended; look at its terminal, and start it again", 5.0)
    answer = msgspec.json.decode(said, type=Answer)
    if answer.receipt is None:
        raise Rejected(answer.field, answer.reason) if answer.field else Transient(answer.reason, 5.0)
    if answer.after:
        raise Transient(f"erased, receipt {answer.receipt.id}; but the system did not start again: {answer.after}", 5.0)
    return answer.receipt


def _read(there: socket.socket) -> bytes:
    """All that the other one sends."""
    found = bytearray()
    while piece := there.recv(MOST_BYTES):
        found += piece
    return bytes(found)
