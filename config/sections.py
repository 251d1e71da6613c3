"""The sections of a configuration that are no definitions. Every field has a unit in its name or its docstring; unknown
keys are refused. What users declare (metrics, rules, …) has its schemas in ``actors.definitions``."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, HttpUrl

from actors.definitions.schema import Section

DAY_S = 86_400
MOST_PARTITIONS = 64
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([^/?#@\s:\[\]]+|\[[0-9a-f:]+\])(:\d{1,5})?", re.ASCII)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def _origin(text: str) -> str:
    """An origin as browsers spell it, or ``*``: any other text would match none, and nobody would learn why."""
    match = _ORIGIN.fullmatch(text.lower())
    if match is None and text != "*":
        raise ValueError("must be a scheme, a host and maybe a port, such as https://shop.example; or * for all sites")
    return text.lower().removesuffix(_DEFAULT_PORTS.get(match.group(1), "/")) if match else text


Origin = Annotated[str, AfterValidator(_origin)]


class Server(Section):
    """The one HTTP port."""

    address: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    public_url: HttpUrl | None = None
    """Where people reach the page, for links in notifications; None: address and port."""
    cors_origins: tuple[Origin, ...] = ()
    """Sites whose pages may send events and ask with an API key, as `https://shop.example`; `*` for all. None by default."""
    max_body_bytes: int = Field(default=5_000_000, ge=1_000)
    max_ahead_s: float = Field(default=600.0, ge=0, le=86_400)
    """How far ahead of this machine's clock the time of an event may be; one that is further ahead is refused."""


class LogBounds(Section):
    """Where the log is, into how many parts it is divided, and when new work is refused instead of accepted."""

    place: str = ""
    """``sqlite``, ``valkey`` (embedded) or the URL of a Redis or Valkey server; empty: where the data directory has it."""
    name: str = "hindcast"
    """The log's name space on that server: everything of it begins so."""
    password: str = ""
    """Of that server; or where it is: ``env:NAME``, ``file:NAME`` (in ``secrets/`` of the data directory)."""
    wait_disk: bool = False
    """Answer only what that server has written to its disk. Not needed where it has ``appendfsync always``."""
    wait_replicas: int = Field(default=0, ge=0, le=16)
    """Answer only what so many of its replicas have written to their disks: a failover then loses nothing."""

    partitions: int = Field(default=1, ge=1, le=MOST_PARTITIONS)
    """Over how many collectors the products' events are spread, by subject. Fixed when a data directory is made."""
    min_free_mb: int = Field(default=256, ge=0)
    """Of disk, or of the server's ``maxmemory``, in MiB. A reader that lags holds nothing back."""


class Queries(Section):
    """Where one query ends, and how many each process that serves takes; those beyond are told to come again."""

    rows: int = Field(default=1_000_000, ge=1, le=100_000_000)
    """Rows of one answer at most; what is beyond is cut off, and the answer says so."""
    result_mb: int = Field(default=256, ge=1, le=65_536)
    """MiB of one answer at most, likewise."""
    seconds: float = Field(default=30.0, gt=0, le=86_400, allow_inf_nan=False)
    memory_mb: int = Field(default=512, ge=32, le=1_048_576)
    """MiB that one query may need meanwhile."""
    at_once: int = Field(default=4, ge=1, le=256)
    waiting: int = Field(default=16, ge=0, le=10_000)
    cache_mb: int = Field(default=64, ge=0, le=65_536)
    """MiB for answers that are given again while nothing they depend on has moved."""


class Collectors(Section):
    """What the collectors remember and wait for."""

    bound_s: float = Field(default=5.0, ge=0, le=30 * DAY_S, allow_inf_nan=False)
    """How far out of order events may come before they count as late."""
    dedup_window: int = Field(default=1 << 22, ge=1)
    """A repeated event is known as such among this many accepted rows at least, and among all of the last hour."""


class Fetching(Section):
    """Where sources may fetch from."""

    allow_private: tuple[str, ...] = ()
    """Hosts, as URLs name them, that may be fetched from though they are no part of the public internet; each with or
    without a port: ``localhost:9100``, ``10.0.0.7``, ``shop.internal``."""
