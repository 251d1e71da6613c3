"""The spec of a log on a Redis or Valkey server. Importing this module does not import ``redis``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from events.redis_place import RedisPlace

if TYPE_CHECKING:
    from events.redis_log import RedisLog


class RedisSpec(RedisPlace):
    """A log in one name space of a server, of a primary that Sentinel names, or of a Redis Cluster."""

    __slots__ = ()

    def exists(self) -> bool:
        """Raises ``Transient`` where the server does not answer."""
        from events.redis_server import Server

        server = Server(self)
        try:
            return server.holds_log()
        finally:
            server.close()

    def open(self, *, woken: bool = True) -> RedisLog:
        """Opens, or makes, the log. A server that does not answer is no error here, but one of each call until it does."""
        from events.redis_log import RedisLog

        return RedisLog(self, woken=woken)
