"""Which cells there are, what drives each of them, and where they run.

*Packed* gives one Ray actor to each kind (collectors, analyzers, dashboards, alerts, edges); *spread* gives every cell
an actor of its own. The cells, their names and their log are the same, so a cell may change its host while it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from actors.cell import AnyCell
from actors.fold import Fold, Topic
from actors.workers import StreamWorker, Worker
from events.catalog import Stream as EventStream
from events.envelope import CellName
from events.errors import Transient
from events.log import LogReader, LogSpec

Kind = Literal["collectors", "analyzers", "dashboards", "alerts", "edges"]
Placement = Literal["auto", "packed", "spread"]
KINDS: tuple[Kind, ...] = ("collectors", "analyzers", "dashboards", "alerts", "edges")


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
    place: LogSpec
    """Where the log is, for a process of a worker's own."""


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
    beside: str = ""
    """A cell in whose host this one begins, however all are placed: it does next to nothing."""
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
    """One Ray actor that runs cells. Which ones it is told while it runs: see ``actors.placement``."""

    name: str
    log: LogSpec
    generation: str
    """Identity of the log: a live view of another log is another epoch."""
    min_free_bytes: int = 256 << 20
    """New work is refused while the log can take less."""
    plug_ins: tuple[str, ...] = ()
    """Where the plug-ins are that this process is to know, as ``actors.parts.load`` takes them."""
    left: tuple[EventStream, ...] = ()
    """The streams of plug-ins that are not there any more: their rows are, and can be read."""


@dataclass(frozen=True, slots=True)
class HostMap:
    """Where the cells run. It changes while the system runs: the highest ``version`` holds."""

    namespace: str
    cells: Mapping[str, str]
    """Cell name to host name."""
    kinds: Mapping[str, Kind] = field(default_factory=dict[str, Kind])
    """Cell name to kind."""
    topics: tuple[Topic, ...] = ()
    """What the page can follow: what the dashboards show, and which definitions hold."""
    shown_by: Mapping[str, str] = field(default_factory=dict[str, str])
    """By name of such a topic: the cell that has it."""
    placement: str = "mixed"
    """``packed | spread``; ``mixed`` where cells were moved one by one."""
    going: Mapping[str, str] = field(default_factory=dict[str, str])
    """By cell that is on its way: the host that it goes to."""
    done: int = -1
    """Every order on ``control`` up to this offset has been carried out, as far as it can be; -1: none yet."""
    failed: str = ""
    """Why the last order could not be carried out, or not yet."""
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

    def host_showing(self, topic: str) -> str:
        """The host that runs the topic's cell. Raises ``Transient`` for what is no topic of the page, or not any more."""
        try:
            return self.cells[self.shown_by[topic]]
        except KeyError:
            raise Transient(f"the topic {topic!r} is shown nowhere just now") from None

    def partitions(self, tenant: str, fold: str) -> tuple[str, ...]:
        """The cells that run ``fold`` for ``tenant``, by partition."""
        found = (CellName.parse(name) for name in self.cells)
        return tuple(map(str, sorted(cell for cell in found if (cell.tenant, cell.fold) == (tenant, fold))))
