"""What a gateway is told: the one thing that crosses from the composition root to its replicas."""

from __future__ import annotations

from dataclasses import dataclass

from actors.parts import PlugIn
from actors.topology import HostMap
from events.log import LogSpec


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
    plug_ins: tuple[PlugIn, ...] = ()
    """The parts of installed packages, those that failed included."""
