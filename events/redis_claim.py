"""Whose a name space is: a log belongs to one system, and that runs once.

What keeps the log right is the cells' epochs; this keeps people from starting two systems that take each other's cells.
"""

from __future__ import annotations

import logging
import secrets
import threading

import msgspec

from events.errors import Rejected, Transient
from events.redis_place import RedisPlace
from events.redis_server import Server

logger = logging.getLogger(__name__)
ALIVE_S = 15
"""A system that has not been heard of for so long does not run any more."""
RENEW_S = 4.0


class _Alive(msgspec.Struct):
    """Who works on the log now."""

    token: str
    where: str


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Alive).decode


class Claim:
    """``system``: the identity of a data directory; ``where``: its host and path, for people."""

    def __init__(self, spec: RedisPlace, system: str, where: str) -> None:
        self._spec = spec
        self._server = Server(spec)
        self._system = system
        self._where = where
        self._mine = _encode(_Alive(secrets.token_hex(8), where))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="log-claim", daemon=True)

    def take(self, *, new: bool) -> None:
        """Until ``end``. ``new``: the system has no log yet, and may have one that is nobody's.

        Raises ``Rejected`` where the name space is another system's, or the server cannot be used; ``Transient`` where it
        does not answer. What an operator should know of the server is logged.
        """
        for warning in self._server.judge():
            logger.warning("%s %s", self._spec, warning)
        keys = self._server.keys
        if new:
            self._server.call(lambda client: client.hsetnx(keys.owner, "system", self._system))
        owner, where = self._server.call(lambda client: client.hmget(keys.owner, "system", "where"))
        whose = (where or b"another directory").decode()
        if owner is None:
            raise Rejected(
                "log.place",
                f"{self._spec} has no log, or lost it; bring the server's data back, or begin another --data-dir",
            )
        if owner.decode() != self._system:
            raise Rejected(
                "log.name",
                f"{self._spec} holds the log of the system on {whose}; choose another log.name for this one. "
                f"If that directory is lost, write {owner.decode()} into the file `generation` of a new one and start there",
            )
        alive = self._server.call(lambda client: client.get(keys.alive))
        if alive is not None and (other := _decode(alive)).where != self._where:
            raise Rejected(
                "log.name",
                f"{self._spec} is in use by the system on {other.where}, of which this directory is a copy; stop that one "
                f"({ALIVE_S} s after its last sign of life it counts as stopped), or choose another log.name",
            )
        self._server.call(lambda client: client.hset(keys.owner, "where", self._where))
        self._sign()
        self._thread.start()

    def _sign(self) -> None:
        self._server.call(lambda client: client.set(self._server.keys.alive, self._mine, ex=ALIVE_S))

    def _renew(self) -> None:
        told = False
        while not self._ended.wait(RENEW_S):
            try:
                self._sign()
                told = False
            except Transient as error:
                if not told:
                    logger.warning("%s", error)
                told = True

    def end(self) -> None:
        """Somebody else may take it from here on."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join(RENEW_S)
            try:
                self._server.call(lambda client: client.delete(self._server.keys.alive))
            except Transient as error:
                logger.warning("%s", error)
        self._server.close()
