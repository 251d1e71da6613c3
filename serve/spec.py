"""What a gateway is told: the one thing that crosses from the composition root to its replicas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.fold import Topic
from actors.parts import PlugIn
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
    """What the page can follow: what the dashboards show, and which definitions hold."""
    cells: Mapping[str, str] = field(default_factory=dict[str, str])
    """By name of such a topic: the cell that has it."""
    cors_origins: tuple[str, ...] = ()
    bound_s: float = 5.0
    """How far out of order rows normally come: a metric that is defined over HTTP says it."""
    max_body_bytes: int = 5_000_000
    max_ahead_us: int = 600_000_000
    """How far ahead of this machine's clock the time of an event may be."""
    plug_ins: tuple[PlugIn, ...] = ()
    """The parts of installed packages, those that failed included."""

    def host_of(self, topic: str) -> str:
        """The host that runs the topic's cell. Raises ``KeyError`` for what is no topic of the page."""
        return self.hosts.cells[self.cells[topic]]
