"""Which cells there are, and which host runs each of them.

*Packed* gives one Ray actor to each kind (collectors, analyzers, dashboards, alerts, edges); *spread* gives every cell
an actor of its own. The cells, their names and their log are the same, so a system may change its placement between runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from actors.cell import AnyCell
from actors.fold import Fold
from actors.intake import PushWorker
from actors.pulling import PullWorker
from actors.source import Source
from actors.workers import StreamWorker, Worker
from events.envelope import CellName
from events.log import EventLog

if TYPE_CHECKING:
    from actors.channels import Channel

Kind = Literal["collectors", "analyzers", "dashboards", "alerts", "edges"]
Placement = Literal["auto", "packed", "spread"]
KINDS: tuple[Kind, ...] = ("collectors", "analyzers", "dashboards", "alerts", "edges")
SPREAD_FROM_CORES = 4


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a host gives to the workers of its cells."""

    log: EventLog
    generation: str
    now: Callable[[], int]
    """Microseconds UTC."""
    admission: Callable[[], None]
    """Raises ``Overloaded`` while nothing new is taken in."""
    changed: Callable[[], None]
    """To be called when a view has moved."""


class Drive(Protocol):
    """What makes a cell go. A part may bring one of its own: any picklable object that makes a worker for a cell."""

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        """The worker, not yet started. Called within the host's process."""
        ...


@dataclass(frozen=True, slots=True)
class Stream:
    """Drive the cell by what comes in its streams."""

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        return StreamWorker(cell, host.log, host.generation, host.changed)


@dataclass(frozen=True, slots=True)
class Push:
    """Drive the cell by requests; ``guarded``: subject to back-pressure."""

    guarded: bool = True

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        return PushWorker(cell, host.log, host.now, host.admission if self.guarded else lambda: None)


@dataclass(frozen=True, slots=True)
class Pull:
    """Drive the cell by reading a source, which ``source`` makes within the host; ``guarded``: subject to back-pressure."""

    source: Callable[[Callable[[], int]], Source]
    """Called with the host's clock (microseconds UTC)."""
    name: str = ""
    kind: str = ""
    guarded: bool = False

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        return PullWorker(
            cell,
            host.log,
            partial(self.source, host.now),
            host.now,
            name=self.name,
            kind=self.kind,
            admission=host.admission if self.guarded else lambda: None,
        )


@dataclass(frozen=True, slots=True)
class Notify:
    """Drive the cell by the outbox, through ``channels``."""

    channels: Mapping[str, Channel]

    def worker(self, cell: AnyCell, host: Surroundings) -> Worker:
        from actors.delivery import NotifierWorker  # here: its HTTP client takes 11 MB that no other host needs

        return NotifierWorker(cell, host.log, self.channels, host.now)


@dataclass(frozen=True, slots=True)
class CellSpec:
    """One cell: its fold, whose it is, what kind of actor it belongs to, what drives it."""

    kind: Kind
    fold: Fold[Any]
    tenant: str
    drive: Drive = field(default_factory=Stream)
    partition: int = 0
    part: str = ""
    """The plug-in that brings it. Its cells have a process of their own, so that what goes wrong there harms no other."""

    @property
    def packed_host(self) -> str:
        """The host that runs it where the parts of one kind share one."""
        return f"parts:{self.part}" if self.part else self.kind

    @property
    def name(self) -> str:
        return str(CellName(self.tenant, self.fold.name, self.partition))


@dataclass(frozen=True, slots=True)
class HostSpec:
    """One Ray actor and the cells it runs."""

    name: str
    log: Path
    generation: str
    """Identity of the log: a live view of another log is another epoch."""
    cells: tuple[CellSpec, ...]
    min_free_bytes: int = 256 << 20
    """New work is refused while the disk has less."""
    plug_ins: tuple[str, ...] = ()
    """Where the plug-ins are that this process is to know, as ``actors.parts.load`` takes them."""


def placed(
    cells: Sequence[CellSpec],
    placement: Placement,
    *,
    cores: int,
    log: Path,
    generation: str,
    min_free_bytes: int,
    plug_ins: tuple[str, ...] = (),
) -> tuple[HostSpec, ...]:
    """The hosts for ``cells`` on a machine where this process may use so many ``cores``: ``auto`` is packed below four."""
    packed = placement == "packed" or (placement == "auto" and cores < SPREAD_FROM_CORES)
    ordered = sorted(cells, key=lambda c: KINDS.index(c.kind))
    ordered.sort(key=lambda c: c.part)
    groups = groupby(ordered, key=lambda c: c.packed_host if packed else f"{c.kind}:{c.name}")
    return tuple(HostSpec(name, log, generation, tuple(group), min_free_bytes, plug_ins) for name, group in groups)


@dataclass(frozen=True, slots=True)
class HostMap:
    """Names of the hosts, and of the cells that each one runs."""

    namespace: str
    cells: Mapping[str, str]
    """Cell name to host name."""
