"""Sources that are defined while the system runs: each has a cell, from its definition on until that is removed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from actors.definitions.inventory import Key
from actors.parts import SourceKind, Within
from actors.topology import CellSpec
from events.catalog import CONTROL
from events.errors import Rejected
from events.log import LogReader, Source
from hindcast.log_thread import WAIT_S, LogThread
from hindcast.placement import Reconciler

logger = logging.getLogger(__name__)
AGAIN_S = 0.3
DIRECTORY = "directory"
"""The fold that shows what is defined."""


class _Running(NamedTuple):
    version: int
    cell: str
    """Empty: it is off, or cannot be."""


class DefinedSources(LogThread):
    """Brings the cells to what the definitions say, in a thread of its own. ``log`` is closed at the end.

    ``known`` answers the topic ``definitions`` as it is now; it may raise, and is asked again.
    """

    def __init__(
        self,
        log: LogReader,
        placement: Reconciler,
        kinds: Mapping[str, SourceKind],
        within: Within,
        known: Callable[[], Mapping[str, Mapping[str, Any]]],
    ) -> None:
        super().__init__(log, "defined-sources")
        self._placement = placement
        self._kinds = kinds
        self._within = within
        self._known = known
        self._running: dict[str, _Running] = {}
        self._brought: dict[Source, int] | None = None
        """Where ``control`` stood when the cells were last brought to what it says."""
        self._read: dict[Source, int] | None = None
        """Up to where the directory had read it a step before."""

    def step(self) -> None:
        """Level by level: what is to be is asked for anew after each row of ``control``, so nothing can be missed.

        The directory reads that row a moment after us, and shows it a moment later: it is asked until it had read up to
        here before it was asked, twice.
        """
        prefix = f"{self._within.tenant}/"
        at = {
            (CONTROL.name, p): self._log.head(CONTROL.name, p)
            for p in self._log.producers(CONTROL.name)
            if p.startswith(prefix)
        }
        if at == self._brought:
            self._log.wait(at, WAIT_S)
            return
        cursor = self._log.cursor(f"{self._within.tenant}/{DIRECTORY}/0")
        read = {source: cursor.get(source, 0) for source in at}
        self.bring(self._known())
        if all(read[source] >= head for source, head in at.items()) and self._read == read:
            self._brought = at
        self._read = read
        self._ending.wait(AGAIN_S)

    def bring(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        """End what is not defined any more, begin what is new, and begin anew what was changed."""
        wanted = {Key.of(text).name: entry for text, entry in definitions.items() if Key.of(text).kind == "source"}
        for name, running in list(self._running.items()):
            entry = wanted.get(name)
            if entry is None or entry["version"] != running.version:
                del self._running[name]
                if running.cell:
                    self._placement.remove(running.cell)
        for name, entry in wanted.items():
            if name not in self._running:
                cells = [*self._cell(name, entry["spec"])]
                for cell in cells:
                    self._placement.add(cell)
                self._running[name] = _Running(entry["version"], cells[0].name if cells else "")

    def _cell(self, name: str, spec: Mapping[str, Any]) -> Iterator[CellSpec]:
        """The cell of a definition; none where it is off, or cannot be here, which is logged."""
        kind = self._kinds.get(str(spec.get("kind")))
        if kind is None:
            logger.error("source %s is not read: there is no kind %r here any more", name, spec.get("kind"))
            return
        try:
            section = kind.section.model_validate({key: value for key, value in spec.items() if key != "name"})
            cell = kind.spec(section, name, self._within)
        except (ValueError, Rejected) as error:
            logger.error("source %s is not read: %s", name, error)
            return
        if not section.enabled:
            return
        if cell.name in self._placement.cells:
            logger.error("source %s is not read: %s runs already; give it another name", name, cell.name)
            return
        yield cell
