"""Which cells there are, and which host runs each of them.

*Packed* gives one Ray actor to each kind (collectors, analyzers, dashboards, alerts, edges); *spread* gives every cell
an actor of its own. The cells, their names and their log are the same, so a system may change its placement between runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Literal, Protocol

from actors.cell import AnyCell
from actors.fold import Fold
from actors.workers import StreamWorker, Worker
from events.envelope import CellName
from events.log import LogReader, LogSpec

Kind = Literal["collectors", "analyzers", "dashboards", "alerts", "edges"]
Placement = Literal["auto", "packed", "spread"]
KINDS: tuple[Kind, ...] = ("collectors", "analyzers", "dashboards", "alerts", "edges")
SPREAD_FROM_CORES = 4


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a host gives to the workers of its cells."""

    log: LogReader
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
    log: LogSpec
    generation: str
    """Identity of the log: a live view of another log is another epoch."""
    cells: tuple[CellSpec, ...]
    min_free_bytes: int = 256 << 20
    """New work is refused while the log can take less."""
    plug_ins: tuple[str, ...] = ()
    """Where the plug-ins are that this process is to know, as ``actors.parts.load`` takes them."""


def placed(
    cells: Sequence[CellSpec],
    placement: Placement,
    *,
    cores: int,
    log: LogSpec,
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
