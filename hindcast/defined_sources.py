"""Sources that are defined while the system runs: each has a cell, from its definition on until that is removed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from actors.definitions.inventory import Key
from actors.parts import SourceKind, Within
from actors.topology import CellSpec
from events.catalog import CONTROL
from events.errors import Rejected
from events.log import LogReader
from hindcast.placement import Reconciler

logger = logging.getLogger(__name__)
WAIT_S = 5.0


class _Running(NamedTuple):
    version: int
    cell: str
    """Empty: it is off, or cannot be."""


class DefinedSources:
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
        self._log = log
        self._placement = placement
        self._kinds = kinds
        self._within = within
        self._known = known
        self._running: dict[str, _Running] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="defined-sources", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._log.wake()
        if self._thread.ident is not None:
            self._thread.join(WAIT_S)
        self._log.close()

    def _run(self) -> None:
        """Level by level: what is to be is asked for anew after each row of ``control``, so nothing can be missed."""
        done = False
        at: dict[tuple[str, str], int] = {}
        while not self._ending.is_set():
            try:
                heads = {
                    (CONTROL.name, p): self._log.head(CONTROL.name, p)
                    for p in self._log.producers(CONTROL.name)
                    if p.startswith(f"{self._within.tenant}/")
                }
                if not done or heads != at:
                    self.bring(self._known())
                    done, at = True, heads
                self._log.wait(at, WAIT_S)
            except Exception:
                done = False
                logger.exception("the defined sources are looked at again")
                self._ending.wait(1.0)

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
