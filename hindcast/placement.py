"""The reconciler: brings the cells that hosts run to those that are wanted, again and again.

The wanted cells are the configuration's, and what was added since; where each one runs may be changed at any time. A cell
that moves is stopped (it finishes its step and saves its state), then started on its new host: it pauses for that long, and
no other cell does. Whatever goes wrong on the way, the cell's epoch sees to it that only the newer instance commits.

Cells that come later (of a plug-in, of a definition, of a model) run with ``Reconciler.add``, and end with ``remove``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from actors.directory import DEFINITIONS
from actors.fold import Topic, Viewed
from actors.host import Running
from actors.placement import Steps, arranged, arrangement, host_named, located, steps
from actors.topology import CellSpec, HostMap, Kind, Placement
from events.errors import Rejected, Transient
from hindcast.fleet import Ask

logger = logging.getLogger(__name__)
CHANGE_S = 60.0
"""How long a change may take: a new host has a process to start."""
ANSWER_S = 10.0
LOOK_ANSWER_S = 3.0
"""A host that does not say within so long what it runs does not answer."""
AGAIN_S = 0.1
"""The pause between tries to reach a host that does not answer."""
STOP_S = 15.0
"""A cell stops within about 10 s, or is fenced."""
LOOK_S = 5.0
"""What hosts run is compared with what they should run at least so often."""
LINGER_S = 5.0
"""A host that has no cells any more ends so much later: calls that are under way to it find out where to go."""


class Hosts(Protocol):
    """What the reconciler needs of ``hindcast.fleet.Fleet``."""

    @property
    def names(self) -> list[str]: ...

    def make(self, host: str) -> None: ...

    def ask(self, asks: Sequence[Ask], timeout_s: float) -> list[Any]: ...

    def lost(self, timeout_s: float) -> list[str]: ...

    def end(self, hosts: Sequence[str], timeout_s: float) -> int: ...


class Reconciler:
    """Where the cells of one system run. Every method may be called from any thread; changes are made one by one.

    A change returns once it is done, or raises ``Transient`` where a host does not answer: it is then still wanted, and
    tried again until it is done.
    """

    def __init__(
        self,
        fleet: Hosts,
        cells: Iterable[CellSpec],
        placement: Placement,
        *,
        cores: int,
        namespace: str,
        hosts: Mapping[str, str] | None = None,
    ) -> None:
        """``hosts``: by cell, hosts on which cells are to begin though the placement has another one for them."""
        self._hosts = fleet
        self._cores = cores
        self._cells = {cell.name: cell for cell in cells}
        self._placement: Placement = placement
        self._where = HostMap(namespace, {})
        self._wanted = arranged([*self._cells.values()], placement, cores=cores) | dict(hosts or {})
        """Cell name to host name."""
        self._done, self._order_failed, self._late = -1, "", False
        """The place on ``control`` of the last order that was carried out, and why it was not."""
        self._empty_since: dict[str, float] = {}
        self._failed: dict[str, str] = {}
        """Cells that could not be made where they were to run, and why."""
        self._changing = threading.RLock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="placement", daemon=True)

    # -- changes -------------------------------------------------------------------------------------------------------

    def start(self, timeout_s: float) -> None:
        """Start the hosts and their cells, and watch over them from now on.

        Raises ``Transient`` where a host does not answer in time; that of a plug-in is not waited for.
        """
        self._bring([cell.name for cell in self._cells.values() if not cell.part], timeout_s)
        self._thread.start()

    def add(self, cell: CellSpec, host: str | None = None) -> None:
        """Run a cell from now on, on the host that the placement has for it, or on ``host`` (see ``move``).

        The cell must be picklable, and its code importable where Ray's workers run. It reads the log from where it last
        stood, or from the beginning. It runs until this system stops: ``System.add_cell`` remembers one. Raises ``Rejected``
        where there is one of that name.
        """
        with self._changing:
            if cell.name in self._cells:
                raise Rejected("cell", f"{cell.name} runs already; remove it first")
            at = arranged([cell], self._placement, cores=self._cores)[cell.name]
            self._wanted[cell.name] = host_named(host, cell.kind, cell.name) if host else at
            self._cells[cell.name] = cell
            self._bring([cell.name])

    def give_up(self, part: str) -> None:
        """Want the cells of a plug-in no more, and end its hosts though they may not answer."""
        with self._changing:
            gone = [name for name, cell in self._cells.items() if cell.part == part]
            for name in gone:
                del self._cells[name], self._wanted[name]
            self._bring([])

    def remove(self, cell: str) -> None:
        """Let a cell finish what is at hand, save its state, and end. What it wrote stays. Raises ``Rejected``."""
        with self._changing:
            self._known(cell)
            del self._cells[cell], self._wanted[cell]
            self._bring([])

    def move(self, cell: str, host: str) -> None:
        """Let a cell go on on another host: one that there is, a new one of that name, or ``own``. Raises ``Rejected``."""
        with self._changing:
            self._wanted[cell] = host_named(host, self._known(cell).kind, cell)
            self._bring([cell])

    def arrange(self, placement: Placement) -> None:
        """Place all cells as *packed* or *spread* has it. Each pauses while it moves."""
        with self._changing:
            self._placement = placement
            self._wanted = arranged([*self._cells.values()], placement, cores=self._cores)
            self._bring(self._wanted)

    def carried_out(self, order: int, failed: str = "", *, late: bool = False) -> None:
        """Let everybody know that the order at this place on ``control`` is done with; ``failed``: why it is not done.

        ``late``: it is still being done, and holds no error any more once every cell is where it is to be.
        """
        with self._changing:
            self._done, self._order_failed, self._late = order, failed, late
            self._reconcile()

    def _known(self, cell: str) -> CellSpec:
        try:
            return self._cells[cell]
        except KeyError:
            raise Rejected("cell", f"there is no cell {cell!r}; there are {', '.join(sorted(self._cells))}") from None

    def _bring(self, cells: Iterable[str], timeout_s: float = CHANGE_S) -> None:
        """Reconcile until the hosts that ``cells`` go to have answered."""
        deadline, needed = time.monotonic() + timeout_s, {self._wanted[cell] for cell in cells}
        while awaited := needed & set(self._reconcile()):
            if time.monotonic() > deadline:
                said = ", ".join(sorted(awaited))
                raise Transient(f"no answer from host {said}; it is tried again until what is wanted is done")
            time.sleep(AGAIN_S)

    @property
    def failed(self) -> list[tuple[CellSpec, str]]:
        """Wanted cells whose code could not be loaded where they were to run, and why."""
        return [(self._cells[name], why) for name, why in self._failed.items() if name in self._cells]

    @property
    def cells(self) -> frozenset[str]:
        """The names of the wanted cells."""
        return frozenset(self._cells)

    def cells_of(self, host: str) -> list[CellSpec]:
        """The cells that are wanted on a host."""
        return [self._cells[name] for name, at in self._wanted.items() if at == host]

    @property
    def where(self) -> HostMap:
        """Where cells run, as all hosts were last told."""
        return self._where

    def stop(self) -> None:
        """Change and watch nothing any more; what runs goes on."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join(LOOK_S + 1)

    # -- reconciling ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        looked = time.monotonic()
        awaited: list[str] = []
        while not self._ending.is_set():
            try:
                lost = self._hosts.lost(AGAIN_S if awaited else 1.0)
                for host in lost:
                    logger.warning("host %s has ended; it is started again", host)
                if lost or awaited or time.monotonic() - looked > LOOK_S:
                    awaited, looked = self._reconcile(), time.monotonic()
            except Exception:
                logger.exception("cells are not where they should be; tried again")
                self._ending.wait(1.0)

    def _reconcile(self) -> list[str]:
        """One round. Answers the hosts that did not answer: what they lack comes with a later round."""
        with self._changing:
            if self._ending.is_set():
                return []
            wanted = dict(self._wanted)
            for host in sorted(set(wanted.values())):
                self._hosts.make(host)
            names = self._hosts.names
            answers = self._hosts.ask([Ask(name, "running") for name in names], LOOK_ANSWER_S)
            found = {name: told for name, told in zip(names, answers, strict=True) if isinstance(told, Running)}
            running = {name: told.cells for name, told in found.items()}
            todo = steps(wanted, running)
            versions = {name: told.map_version for name, told in found.items()}
            if moving := {cell for cells in todo.stop.values() for cell in cells} & wanted.keys():
                now = located(wanted, running)
                still = {cell: host for host, cells in running.items() for cell in cells if cell in moving}
                versions = dict.fromkeys(versions, self._tell({**now, **still}, versions))
            self._do(todo)
            self._tell(located(wanted, running), versions)
            self._end_empty()
            return sorted(set(names) - running.keys())

    def _do(self, todo: Steps) -> None:
        starts = [Ask(host, "start", (self._cells[cell],)) for host, cells in todo.start.items() for cell in cells]
        stops = [Ask(host, "stop", (cell,)) for host, cells in todo.stop.items() for cell in cells]
        if stops and starts:  # while the cells still run where they are, their code is loaded where they go to
            self._hosts.ask([ask._replace(method="expect") for ask in starts], CHANGE_S)
        self._hosts.ask(stops, STOP_S)
        failed: list[Ask] = []
        for ask, answer in zip(starts, self._hosts.ask(starts, CHANGE_S), strict=True):
            if isinstance(answer, Exception):
                cell: CellSpec = ask.arguments[0]
                logger.warning("%s does not start on host %s: %s", cell.name, ask.host, answer)
                if not isinstance(answer, Transient):
                    self._failed[cell.name] = f"{type(answer).__name__}: {answer}"
                    failed.append(Ask(ask.host, "cannot", (cell.name, self._failed[cell.name])))
        self._hosts.ask(failed, ANSWER_S)

    def _tell(self, cells: Mapping[str, str], versions: Mapping[str, int | None]) -> int:
        """Tell every host where the cells are, where that is news to it; answers the version of the map."""
        going = {cell: host for cell, host in self._wanted.items() if cells.get(cell) != host}
        if self._late and not going:
            self._order_failed, self._late = "", False
        kinds: dict[str, Kind] = {name: self._cells[name].kind for name in cells}
        placed = [self._cells[name] for name in cells]
        topics = topics_of(placed)
        now = HostMap(
            self._where.namespace,
            cells,
            kinds,
            tuple(topic for _, topic in topics),
            {topic.name: cell for cell, topic in topics},
            arrangement(placed, cells),
            going,
            self._done,
            self._order_failed,
            self._where.version,
        )
        if now != self._where:
            self._where = replace(now, version=now.version + 1)
        behind = [host for host, version in versions.items() if version != self._where.version]
        self._hosts.ask([Ask(host, "told", (self._where,)) for host in behind], ANSWER_S)
        return self._where.version

    def _end_empty(self) -> None:
        now, used = time.monotonic(), {*self._wanted.values(), *self._where.cells.values()}
        self._empty_since = {h: self._empty_since.get(h, now) for h in self._hosts.names if h not in used}
        over = [host for host, since in self._empty_since.items() if now - since >= LINGER_S]
        if over:
            self._hosts.end(over, STOP_S)


def topics_of(cells: Iterable[CellSpec]) -> list[tuple[str, Topic]]:
    """What the page can follow, each with its cell. Of the directory that is the definitions: keys are nobody's to see."""
    viewed = [(cell, topic) for cell in cells if isinstance(cell.fold, Viewed) for topic in cell.fold.topics]
    return [(cell.name, topic) for cell, topic in viewed if cell.kind == "dashboards" or topic.name == DEFINITIONS]
