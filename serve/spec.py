"""What a gateway is told: the one thing that crosses from the composition root to its replicas."""

from __future__ import annotations

from dataclasses import dataclass

from actors.fold import Topic
from actors.topology import HostMap
from events.log import LogSpec


@dataclass(frozen=True, slots=True)
class GatewaySpec:
    """All that the gateway needs to know; it reads no settings of its own."""

    tenant: str
    hosts: HostMap
    log: LogSpec
    generation: str
    placement: str
    version: str
    topics: tuple[Topic, ...] = ()
    """What the dashboards show."""
    cors_origins: tuple[str, ...] = ()
    max_body_bytes: int = 5_000_000
    max_ahead_us: int = 600_000_000
    """How far ahead of this machine's clock the time of an event may be."""
