"""Where on a Redis or Valkey server a log is, and how durable its commits are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from events.errors import Rejected

SCHEMES = ("redis", "rediss", "unix", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, repr=False)
class RedisPlace:
    """A log in one name space of a server, of a primary that Sentinel names, or of a Redis Cluster.

    ``url``: ``redis://user:password@host:6379/0``, ``rediss://…`` (TLS; ``?ssl_ca_certs=FILE``), ``unix:///path``,
    ``redis+sentinel://host:26379,host:26379/primary``, ``redis+cluster://host:6379``.
    ``wait_disk``, ``wait_replicas``: a commit is answered only when it is on the server's disk, and on the disks of so many
    replicas. Raises ``Rejected`` for a URL or a name that cannot be used.
    """

    url: str
    name: str = "hindcast"
    wait_disk: bool = False
    wait_replicas: int = 0

    def __post_init__(self) -> None:
        scheme = self.url.partition("://")[0]
        if scheme not in SCHEMES:
            raise Rejected("log.place", f"{scheme!r} is no kind of log; write sqlite, valkey or redis://host:6379")
        if not _NAME.fullmatch(self.name):
            raise Rejected("log.name", f"{self.name!r} must be 1 to 64 letters, digits, dots, dashes and underscores")
        try:
            _ = urlsplit(self.url).port if "," not in self.url else 0
        except ValueError as error:
            raise Rejected("log.place", f"the port cannot be read: {error}") from error

    def __str__(self) -> str:
        """Without user, password and options."""
        parts = urlsplit(self.url)
        place = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
        return f"{place} ({self.name})"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"
