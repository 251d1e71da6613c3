"""Which cells there are, and which host runs each of them.

*Packed* gives one Ray actor to each kind (collectors, analyzers, dashboards, alerts, edges); *spread* gives every cell
an actor of its own. The cells, their names and their log are the same, so a system may change its placement between runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from actors.archiver import ArchiveBounds
from actors.edges.intake import Poll
from actors.fold import Fold
from events.envelope import CellName
from events.log import LogSpec

if TYPE_CHECKING:
    from actors.edges.channels import Channel

Kind = Literal["collectors", "analyzers", "dashboards", "alerts", "edges"]
Placement = Literal["auto", "packed", "spread"]
KINDS: tuple[Kind, ...] = ("collectors", "analyzers", "dashboards", "alerts", "edges")
SPREAD_FROM_CORES = 4


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
    """Those that the configuration declares."""
    secrets: Path
    """The folder of the secrets that definitions name."""


@dataclass(frozen=True, slots=True)
class Archive:
    """Drive the cell by how far the log has grown."""

    bounds: ArchiveBounds


@dataclass(frozen=True, slots=True)
class FoldPasts:
    """Drive the cell by the pasts of definitions that are wanted."""


Drive = Stream | Push | Polled | Notify | FoldPasts | Archive


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
    """One Ray actor and the cells it runs."""

    name: str
    log: LogSpec
    generation: str
    """Identity of the log: a live view of another log is another epoch."""
    cells: tuple[CellSpec, ...]
    min_free_bytes: int = 256 << 20
    """New work is refused while the log can take less."""


def placed(
    cells: Sequence[CellSpec], placement: Placement, *, cores: int, log: LogSpec, generation: str, min_free_bytes: int
) -> tuple[HostSpec, ...]:
    """The hosts for ``cells`` on a machine where this process may use so many ``cores``: ``auto`` is packed below four."""
    packed = placement == "packed" or (placement == "auto" and cores < SPREAD_FROM_CORES)
    ordered = sorted(cells, key=lambda c: KINDS.index(c.kind))
    groups = groupby(ordered, key=lambda c: c.kind if packed else f"{c.kind}:{c.name}")
    return tuple(HostSpec(name, log, generation, tuple(group), min_free_bytes) for name, group in groups)


@dataclass(frozen=True, slots=True)
class HostMap:
    """Names of the hosts, and of the cells that each one runs."""

    namespace: str
    cells: Mapping[str, str]
    """Cell name to host name."""
