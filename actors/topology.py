"""Which cells there are, what drives each of them, and where they run.

*Packed* gives one Ray actor to each kind (collectors, analyzers, dashboards, alerts, edges); *spread* gives every cell
an actor of its own. The cells, their names and their log are the same, so a cell may change its host while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from actors.edges.intake import Poll
from actors.fold import Fold, Topic
from events.envelope import CellName
from events.errors import Transient
from events.log import LogSpec

if TYPE_CHECKING:
    from actors.edges.channels import Channel

Kind = Literal["collectors", "analyzers", "dashboards", "alerts", "edges"]
Placement = Literal["auto", "packed", "spread"]
KINDS: tuple[Kind, ...] = ("collectors", "analyzers", "dashboards", "alerts", "edges")


@dataclass(frozen=True, slots=True)
class Stream:
    """Drive the cell by what comes in its streams."""


@dataclass(frozen=True, slots=True)
class Push:
    """Drive the cell by requests; ``guarded``: subject to back-pressure."""

    guarded: bool = True


@dataclass(frozen=True, slots=True)
class Polled:
    """Drive the cell by polling a source; ``open`` makes the source within the host."""

    open: Callable[[], Poll]
    every_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Notify:
    """Drive the cell by the outbox, through ``channels``."""

    channels: Mapping[str, Channel]


Drive = Stream | Push | Polled | Notify


@dataclass(frozen=True, slots=True)
class CellSpec:
    """One cell: its fold, whose it is, what kind of actor it belongs to, what drives it."""

    kind: Kind
    fold: Fold[Any]
    tenant: str
    drive: Drive = field(default_factory=Stream)
    partition: int = 0

    @property
    def name(self) -> str:
        return str(CellName(self.tenant, self.fold.name, self.partition))


@dataclass(frozen=True, slots=True)
class HostSpec:
    """One Ray actor that runs cells. Which ones it is told while it runs: see ``actors.placement``."""

    name: str
    log: LogSpec
    generation: str
    """Identity of the log: a live view of another log is another epoch."""
    min_free_bytes: int = 256 << 20
    """New work is refused while the log can take less."""


@dataclass(frozen=True, slots=True)
class HostMap:
    """Where the cells run. It changes while the system runs: the highest ``version`` holds."""

    namespace: str
    cells: Mapping[str, str]
    """Cell name to host name."""
    kinds: Mapping[str, Kind] = field(default_factory=dict[str, Kind])
    """Cell name to kind."""
    topics: tuple[Topic, ...] = ()
    """What the dashboards show."""
    version: int = 0

    @property
    def hosts(self) -> list[str]:
        """Names of the hosts that run a cell, sorted."""
        return sorted(set(self.cells.values()))

    def host_of(self, cell: str) -> str:
        """Raises ``Transient`` where no host has it."""
        try:
            return self.cells[cell]
        except KeyError:
            raise Transient(f"{cell} runs nowhere just now") from None

    def of_kind(self, kind: Kind) -> list[str]:
        """Hosts that run a cell of that kind, sorted."""
        return sorted({host for cell, host in self.cells.items() if self.kinds.get(cell) == kind})

    @property
    def placement(self) -> str:
        """``packed | spread``; ``mixed`` where cells were moved one by one."""
        if all(host == self.kinds.get(cell) for cell, host in self.cells.items()):
            return "packed"
        return "spread" if all(host == f"{self.kinds.get(c)}:{c}" for c, host in self.cells.items()) else "mixed"
