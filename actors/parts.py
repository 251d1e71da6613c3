"""Parts: what a system is made of, each declared by one module.

A part brings any of: streams, kinds of sources, kinds of channels, cells (folds with what drives them), routes, definitions
that hold unless the configuration says otherwise, and a section of the configuration for its own settings. Hindcast's own
parts are in a list (``config.parts.BUILT_IN``); those of installed packages are found by the entry points of the group
``hindcast.parts``. Each process that needs them loads them; one that cannot be loaded is named, and the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from actors.collectors.pull import PullCollector
from actors.definitions.channel import SECTIONS
from actors.definitions.channel_section import ChannelSection
from actors.definitions.schema import Section, Word
from actors.definitions.source import SOURCE_SECTIONS
from actors.pulling import Pull
from actors.source import Source
from actors.topology import CellSpec
from analytics.features.plan import FOLDS, FeatureFold
from events import catalog
from events.errors import Rejected

if TYPE_CHECKING:
    from fastapi import APIRouter

logger = logging.getLogger(__name__)
GROUP = "hindcast.parts"
"""Of the entry points by which installed packages name their parts."""
ASKS_ITSELF = ""
"""As the scope of a part: its routes ask by themselves who it is, as a dialect of ingest does with its key in the body."""


class PartSection(Section):
    """The settings of a part, below ``parts.<name>``. A part with settings of its own declares a subclass."""

    enabled: bool = True


class SourceSection(Section):
    """The settings of one source, below ``sources.<name>``. A kind with settings of its own declares a subclass."""

    kind: Word
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Within:
    """What a part is told of the system that it is part of."""

    tenant: str
    data: Path
    """The system's own folder."""
    bound_us: int
    """How far out of order events may come."""
    secrets: Path = Path("secrets")
    """The folder of the secrets that ``file:NAME`` names."""
    allow_private: tuple[str, ...] = ()
    """Hosts that are no part of the public internet, and may be fetched from all the same."""


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source. Each entry of ``sources`` is an instance of one, with a name, a cell and a position of its own."""

    name: str
    stream: catalog.Stream
    """Where its rows go."""
    source: Callable[[Any, str, Within], Callable[[Callable[[], int]], Source]]
    """``source(section, name, within)`` answers what makes the source in the process that reads it, given that one's clock
    (microseconds UTC): a function at the top of a module with ``functools.partial``, for it must be picklable."""
    section: type[SourceSection] = SourceSection
    cell: str = ""
    """The cell's name of the instance that is called as the kind; others are called ``<stream>.<name>``."""
    refuses: bool = False
    """Whether it brings rows that cannot be read."""
    guarded: bool = True
    """Whether it is not read while the disk is nearly full."""
    standard: bool = False
    """Whether there is one without being asked for."""
    bound: bool = False
    """Whether its rows may come out of order by ``collectors.bound_s``; where not, they come in order."""
    chosen: Callable[[Any], catalog.Stream] | None = None
    """``chosen(section)`` answers the stream of an instance, where that is a choice of its settings."""

    def into(self, section: SourceSection) -> catalog.Stream:
        """Where the rows of the instance with these settings go."""
        return self.chosen(section) if self.chosen else self.stream

    def spec(self, section: SourceSection, name: str, within: Within) -> CellSpec:
        """The cell of one instance."""
        stream = self.into(section)
        called = self.cell if name == self.name and self.cell else f"{stream.name}.{name}"
        bound_us = within.bound_us if self.bound else 0
        collector = PullCollector(called, stream, bound_us, refuses=self.refuses)
        pull = Pull(self.source(section, name, within), name, self.name, self.guarded)
        return CellSpec("collectors", collector, within.tenant, pull)


class Channel(Protocol):
    """A way by which people are told: at least once, with a key that makes repeats harmless."""

    def send(self, key: str, body: str) -> None:
        """Deliver ``body`` (JSON). Raises ``actors.edges.channels.undelivered.Undelivered``; whatever else it raises is
        tried again."""
        ...


@runtime_checkable
class Conversation(Channel, Protocol):
    """A channel in which what follows of an alert can be said as an answer to what was said first."""

    def send_in(self, key: str, body: str, thread: str | None) -> str | None:
        """As ``send``, in ``thread`` where there is one. Answers the thread that it began, where it began one."""
        ...


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """A kind of channel: the schema of its settings, and what makes the channel of them."""

    name: str
    section: type[ChannelSection]
    make: Callable[[Any], Channel]
    """``make(section)`` answers the channel for a section, which has the secrets themselves; picklable. It is called at the
    start for what the configuration declares, and in the process that notifies for each message. May raise ``Rejected``."""


CHANNEL_KINDS: dict[str, ChannelKind] = {}
"""Those that plug-ins brought to this process, by name."""


def _no_cells(_: Any, __: Within) -> Iterable[CellSpec]:
    return ()


@dataclass(frozen=True, slots=True)
class Part:
    """One part, as its module declares it."""

    name: str
    streams: tuple[catalog.Stream, ...] = ()
    sources: tuple[SourceKind, ...] = ()
    channels: tuple[ChannelKind, ...] = ()
    section: type[PartSection] = PartSection
    cells: Callable[[Any, Within], Iterable[CellSpec]] = _no_cells
    """``cells(section, within)`` for the settings that hold."""
    routes: str = ""
    """``module:name`` of a FastAPI router, imported in the gateway alone."""
    scope: str = "query"
    """The scope that a key needs for each of the routes (``ingest | query | control | admin``). A route may ask for more.
    With ``ASKS_ITSELF`` each route asks by itself (``serve.gateway.principal``), or answers everybody."""
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """A configuration document (``metrics``, ``anomalies``, ``alerts``, ``dashboards``, ``cohorts``): what holds unless the
    user's has a definition of the same name."""

    features: Mapping[str, Callable[[], FeatureFold]] = field(default_factory=dict[str, Callable[[], FeatureFold]])
    """Folds for features, by the name that a definition's ``fold`` says; see ``analytics.features.plan.FeatureFold``."""

    def router(self) -> APIRouter | None:
        """The router that ``routes`` names, imported here."""
        return router_at(self.routes) if self.routes else None


def router_at(where: str) -> APIRouter:
    """The FastAPI router at ``module:name``, imported here."""
    module, _, name = where.partition(":")
    return getattr(import_module(module), name)


@dataclass(frozen=True, slots=True)
class PlugIn:
    """What is known of a part of an installed package; ``where`` is its entry point, as ``module:name``."""

    name: str
    package: str
    version: str
    where: str
    error: str = ""
    """Why it is not there; empty where it is."""
    lacks: str = ""
    """What of it is not there, and why; empty where all of it is."""
    installed: bool = True
    """Whether its package is there: one that was there before, and is not any more, is named for what it left behind."""

    @property
    def runs(self) -> bool:
        """Whether a process is to load it."""
        return self.installed and not self.error


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that there are, by name, and what is known of those of installed packages."""

    by_name: Mapping[str, Part]
    plug_ins: dict[str, PlugIn] = field(default_factory=dict[str, PlugIn])

    @property
    def failed(self) -> Mapping[str, str]:
        """Why plug-ins are not there, by name."""
        return {name: plug_in.error for name, plug_in in self.plug_ins.items() if plug_in.error}

    def fails(self, name: str, error: Exception) -> None:
        """Note that a plug-in failed after it was loaded. One of Hindcast's own that fails is a bug, and is raised."""
        if name not in self.plug_ins:
            raise error
        self.plug_ins[name] = replace(self.plug_ins[name], error=f"{type(error).__name__}: {error}")

    @property
    def source_kinds(self) -> Mapping[str, SourceKind]:
        return {kind.name: kind for part in self.by_name.values() for kind in part.sources}

    @property
    def where(self) -> tuple[str, ...]:
        """Where the plug-ins are that other processes are to load, too."""
        return tuple(plug_in.where for plug_in in self.plug_ins.values() if plug_in.runs)


def installed(built_in: Sequence[Part]) -> Parts:
    """``built_in``, and the parts of installed packages. What a plug-in brings is known to this process from then on."""
    found = {part.name: part for part in built_in}
    plug_ins: dict[str, PlugIn] = {}
    for part in built_in:
        _join(part)
    for point in sorted(
        metadata.entry_points(group=GROUP), key=lambda point: (point.dist and point.dist.name, point.name)
    ):
        package, version = (point.dist.name, point.dist.version) if point.dist else ("?", "?")
        name = point.name
        try:
            part = _loaded(point.value)
            name = part.name
            if name in found:
                other = plug_ins[name].package if name in plug_ins else "Hindcast itself"
                raise Rejected("name", f"a part {name!r} is there already, of {other}; one of them must be renamed")
            _refuse_known(part, [*found.values()])
            _join(part)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            logger.exception("plug-in %s of %s cannot be loaded; everything else runs", name, package)
            key = name if name not in plug_ins and name not in found else f"{name} ({package})"
            plug_ins[key] = PlugIn(key, package, version, point.value, said)
            continue
        found[name] = part
        plug_ins[name] = PlugIn(name, package, version, point.value)
    return Parts(found, plug_ins)


def load(where: Iterable[str]) -> None:
    """Join the plug-ins at ``where`` to this process; one that cannot be loaded here is logged and left out."""
    for _ in loaded(where):
        pass


def loaded(where: Iterable[str]) -> Iterator[tuple[str, Part | Exception]]:
    """(place, the plug-in there) of each one of ``where``, joined to this process; or why it cannot be loaded here."""
    for place in where:
        try:
            part = _loaded(place)
            _join(part)
            yield place, part
        except Exception as error:
            logger.exception("plug-in %s cannot be loaded here", place)
            yield place, error


def _loaded(where: str) -> Part:
    module, _, name = where.partition(":")
    part: object = getattr(import_module(module), name or "PART")
    if not isinstance(part, Part):
        raise Rejected("entry point", f"{where} must be an `actors.parts.Part`, and is a {type(part).__name__}")
    return part


def _refuse_known(part: Part, others: Sequence[Part]) -> None:
    """Raises ``Rejected`` where ``part`` brings a kind of a name that is taken."""
    taken = {kind.name for other in others for kind in other.sources}
    for kind in part.sources:
        if kind.name in taken:
            raise Rejected("sources", f"there is a kind of source {kind.name!r} already; give this one another name")
    for name, fold in part.features.items():
        if FOLDS.get(name, fold) != fold:
            raise Rejected("features", f"there is a fold {name!r} already; give this one another name")
    for channel in part.channels:
        if SECTIONS.get(channel.name, channel.section) != channel.section:
            raise Rejected(
                "channels", f"there is a kind of channel {channel.name!r} already; give this one another name"
            )


def _join(part: Part) -> None:
    for stream in part.streams:
        catalog.join(stream)
    for source in part.sources:
        SOURCE_SECTIONS[source.name] = source.section
    FOLDS.update(part.features)
    for kind in part.channels:
        SECTIONS[kind.name] = kind.section
        CHANNEL_KINDS[kind.name] = kind
