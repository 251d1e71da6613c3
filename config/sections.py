"""The sections of a configuration that are no definitions. Every field has a unit in its name or its docstring; unknown
keys are refused. What users declare (metrics, rules, …) has its schemas in ``actors.definitions``."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, HttpUrl, model_validator

from actors.definitions.schema import Section
from events.catalog import (
    ANOMALIES,
    CLOCK,
    DEAD_LETTERS,
    LATE_ROWS,
    METRICS,
    QUARANTINE,
    SYSTEM_METRICS,
    USER_INTERACTIONS,
)

DAY_S = 86_400
MOST_PARTITIONS = 64
FORGETTABLE = (
    *(USER_INTERACTIONS.name, SYSTEM_METRICS.name, METRICS.name, LATE_ROWS.name, ANOMALIES.name),
    *(CLOCK.name, DEAD_LETTERS.name, QUARANTINE.name),
)
"""Streams of which old rows may go. The others say what holds now: definitions, keys, alerts, what is owed to people."""
_IN_A_FILE = r"^(file:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$"
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
    objective: float = Field(default=0.999, gt=0, lt=1)
    """The share of requests that is to be good; the burn rate of `hindcast operational` is measured by it."""
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


class Retention(Section):
    """How much is kept of one stream: what is beyond either bound goes, the oldest first, whole files of the archive."""

    days: float | None = Field(default=None, gt=0, le=36_600)
    gb: float | None = Field(default=None, gt=0)
    """Of files, in GB."""

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.days is None and self.gb is None:
            raise ValueError("says neither `days` nor `gb`; leave the stream out to keep all of it")
        return self


class ObjectStore(Section):
    """An S3-compatible server that keeps every file of the archive, too."""

    url: str = Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]+(/[^/\s]+)*$")
    """``s3://BUCKET`` or ``s3://BUCKET/FOLDER``; the bucket has to be there."""
    endpoint: str = Field(default="", pattern=r"^(https?://[^/\s]+)?$")
    """``https://HOST:PORT`` of a server that is not Amazon's."""
    region: str = Field(default="us-east-1", min_length=1, max_length=64)
    access_key: str = Field(default="", pattern=_IN_A_FILE)
    """``file:NAME``, in ``secrets/`` of the data directory; without it the usual places of AWS are looked at."""
    secret_key: str = Field(default="", pattern=_IN_A_FILE)
    keep_gb: float | None = Field(default=None, ge=0)
    """GB of files that stay on the disk, the newest; all without it. What is needed again is fetched."""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.access_key) != bool(self.secret_key):
            raise ValueError("access_key and secret_key belong together: name both, or none")
        return self


class ArchiveSection(Section):
    """When cold events go from the log into Parquet files. The archive lies in `archive/` of the data directory."""

    enabled: bool = True
    segment_rows: int = Field(default=262_144, ge=1_024, le=16_777_216, multiple_of=1_024)
    """Offsets in each file: a stream's rows are archived once so many more have come."""
    trim: bool = False
    """Whether the log forgets what is archived and every cell has read."""
    hot_h: float = Field(default=24.0, ge=0, le=24 * 3660)
    """How many hours the log has it nevertheless."""
    retention: dict[str, Retention] = Field(default_factory=dict[str, Retention])
    """By stream, what is kept; all of what is not named."""
    store: ObjectStore | None = None

    @model_validator(mode="after")
    def _can_forget(self) -> Self:
        if self.store is not None and self.store.keep_gb is not None and self.retention:
            raise ValueError("store.keep_gb and retention: choose one; what is dropped has to be on the disk")
        for stream in self.retention:
            if stream not in FORGETTABLE:
                raise ValueError(
                    f"retention: {stream!r} is kept whole; what can be bounded is {', '.join(FORGETTABLE)}"
                )
        if self.retention and not (self.enabled and self.trim):
            raise ValueError("retention needs `enabled: true` and `trim: true`: else the log has it all nevertheless")
        return self


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
