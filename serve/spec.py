"""What a gateway needs to know: the only thing that the process which starts the system sends to its replicas."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from actors.parts import PlugIn, SourceSection
from actors.topology import HostMap
from events.catalog import Stream
from events.log import LogSpec
from serve.webhooks.part import Endpoint


@dataclass(frozen=True, slots=True)
class QueryBounds:
    """Where one query ends, and how many a replica runs ``at_once`` and keeps ``waiting``; MiB and seconds.

    ``cache_mb``: for answers that were given already.
    """

    rows: int = 1_000_000
    result_mb: int = 256
    seconds: float = 30.0
    memory_mb: int = 512
    at_once: int = 4
    waiting: int = 16
    cache_mb: int = 64


@dataclass(frozen=True, slots=True)
class ModelBounds:
    """Where stored models are, and what bounds a request for predictions."""

    artifacts: Path
    max_model_mb: int = 64
    max_rows: int = 100_000
    require_approval: bool = False


@dataclass(frozen=True, slots=True)
class GatewaySpec:
    """All that the gateway needs to know; it reads no settings of its own."""

    tenant: str
    hosts: HostMap
    """Where cells run at first; the gateway follows it from there on."""
    log: LogSpec
    generation: str
    version: str
    cors_origins: tuple[str, ...] = ()
    bound_s: float = 5.0
    """How far out of order rows normally come: a metric that is defined over HTTP says it."""
    max_body_bytes: int = 5_000_000
    max_ahead_us: int = 600_000_000
    """How far ahead of this machine's clock the time of an event may be."""
    queries: QueryBounds = QueryBounds()
    objective: float = 0.999
    """The share of requests that is to be good: what the burn rate is measured by."""
    otlp: bool = False
    """Whether OpenTelemetry may send here."""
    webhooks: tuple[tuple[str, Endpoint], ...] = ()
    """The endpoints that take webhooks, by name."""
    secrets: Path = Path("secrets")
    """The folder of the secrets that ``file:NAME`` names."""
    source_sections: tuple[tuple[str, type[SourceSection]], ...] = ()
    """The settings of each kind of source, by its name: sources that are defined are checked by them."""
    models: ModelBounds | None = None
    """None: the part ``models`` is off."""
    routes: tuple[str, ...] = ()
    """``module:name`` of the routers of our own parts that are on; each asks by itself who it is (``ASKS_ITSELF``)."""
    plug_ins: tuple[PlugIn, ...] = ()
    """The parts of installed packages, those that failed included."""
    left: tuple[Stream, ...] = ()
    """The streams of plug-ins that are not there any more: their rows are, and can be read."""
