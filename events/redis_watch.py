"""A process's ear on a log in Redis: one subscription, which hears of every commit of every process.

What is published is a hint and may be lost (a slow reader, a failover): whoever waits looks for himself when he begins to
and then every second, so a lost hint costs at most that. Redis sends it after the commit is written to its disk, when it is
set to write always.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from time import monotonic
from typing import Any

import msgspec
from redis.exceptions import RedisError

from events.doorbell import Doorbell
from events.errors import Transient
from events.log import Room
from events.redis_server import Server

LOOK_S = 1.0
"""How often the server is asked for its room, and how long a start waits for the subscription."""
_Heads = dict[str, int]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[str, _Heads | None]).decode


def message(cell: str, heads: _Heads | None) -> bytes:
    """What is published: a cell's next offsets, or that it declared to write something new."""
    return _encode((cell, heads))


class Watch:
    """Rings ``bell`` for what is committed elsewhere. ``start`` it when somebody first waits."""

    def __init__(self, server: Server, bell: Doorbell) -> None:
        self._server = server
        self._bell = bell
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()
        self._hears = threading.Event()
        self._heads: dict[str, _Heads] = {}
        self._subscription: Any = None
        self._wants_room = False
        self._room: Room | None = None
        self.declared = 0
        """Counts up with every cell that declares to write a stream, and whenever one may have been missed."""

    @property
    def hears(self) -> bool:
        """Whether every commit from now on is heard of."""
        return self._hears.is_set()

    def start(self) -> None:
        with self._mutex:
            if self._thread is not None or self._closed.is_set():
                return
            self._thread = threading.Thread(target=self._run, name="redis-watch", daemon=True)
            self._thread.start()
        self._hears.wait(LOOK_S)

    def tell(self, cell: str, heads: _Heads) -> None:
        """A commit of this process, or one that was heard of."""
        with self._mutex:
            self._heads[cell] = heads
        self._bell.ring(cell)

    def head(self, cell: str, stream: str) -> int:
        """As far as was heard."""
        return self._heads.get(cell, {}).get(stream, 0)

    def room(self) -> Room | None:
        """As of about a second ago; None where it is not known yet."""
        self._wants_room = True
        return self._room

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                self._subscription = self._server.subscription()
                self._listen(self._subscription)
            except (RedisError, OSError, Transient):
                pass  # the server is gone: it is tried again
            except Exception:
                if not self._closed.is_set():  # closed under the reader: any error may come of it
                    raise
            self._hears.clear()
            with self._mutex:
                self._heads.clear()
            self._hang_up()
            self._closed.wait(0.2)

    def _hang_up(self) -> None:
        """Ends what listens, in whatever thread."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            with suppress(RedisError, OSError, AttributeError):
                subscription.connection.disconnect()

    def _listen(self, subscription: Any) -> None:
        asked = 0.0
        while not self._closed.is_set():
            heard = subscription.get_message(timeout=LOOK_S)
            if heard is not None:
                self._heard(heard)
            if self._wants_room and monotonic() - asked > LOOK_S:
                self._room = room_of(self._server.infos("memory"))
                asked = monotonic()

    def _heard(self, heard: dict[str, Any]) -> None:
        if heard["type"] == "subscribe":
            self.declared += 1
            self._hears.set()
            return
        with suppress(msgspec.MsgspecError):  # another program's message on our channel
            cell, heads = _decode(heard["data"])
            if heads is None:
                self.declared += 1
            else:
                self.tell(cell, heads)

    def close(self) -> None:
        self._closed.set()
        self._hang_up()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(LOOK_S)


def room_of(infos: list[dict[str, Any]]) -> Room:
    """What the fullest server of those has left; None where none has a bound."""
    bounds = [info["maxmemory"] - info["used_memory"] for info in infos if info.get("maxmemory")]
    return Room(max(0, min(bounds)) if bounds else None, "memory")
