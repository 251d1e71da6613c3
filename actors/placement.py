"""Which host runs which cell: what is wanted, and the steps that lead there. Pure; see ``hindcast.placement``.

Cells and their log are the same wherever they run, so where each one runs may change while the system does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from actors.topology import CellSpec, Kind, Placement
from events.errors import Rejected

SPREAD_FROM_CORES = 4
PLACED, ARRANGED = "cell.placed", "cells.arranged"
"""Types of the commands on ``control`` that change where cells run."""
PLACEMENTS: tuple[Placement, ...] = ("packed", "spread")
OWN = "own"
"""As the name of a host: one that runs nothing but this cell."""
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}")


def arranged(cells: Sequence[CellSpec], placement: Placement, *, cores: int) -> dict[str, str]:
    """The host of each cell, by name. *Packed* gives one host to each kind and to each plug-in, *spread* one to each cell.

    ``auto`` is packed where this process may use fewer than four ``cores``. A cell that is ``beside`` another goes with it.
    """
    packed = placement == "packed" or (placement == "auto" and cores < SPREAD_FROM_CORES)
    return {cell.name: cell.packed_host if packed else own_host(cell.kind, cell.beside or cell.name) for cell in cells}


def arrangement(cells: Sequence[CellSpec], where: Mapping[str, str]) -> str:
    """What ``where`` (cell name to host name) amounts to: ``packed | spread``, or ``mixed``."""
    for placement in PLACEMENTS:
        if arranged(cells, placement, cores=1) == where:
            return placement
    return "mixed"


def own_host(kind: Kind, cell: str) -> str:
    """The name of the host that runs only ``cell``."""
    return f"{kind}:{cell}"


def host_named(name: str, kind: Kind, cell: str) -> str:
    """The host that is meant by ``name`` for ``cell``: ``own``, or a host's name. Raises ``Rejected``."""
    if name == OWN:
        return own_host(kind, cell)
    if not _HOST.fullmatch(name):
        raise Rejected("host", f"must be `{OWN}`, or letters, digits and _ . : / - (at most 100), got {name[:100]!r}")
    return name


class Steps(NamedTuple):
    """What is to be done, by host. Stops come first: a cell that moves is stopped before it is started."""

    stop: dict[str, list[str]]
    start: dict[str, list[str]]


def steps(wanted: Mapping[str, str], running: Mapping[str, Collection[str]]) -> Steps:
    """From the cells that hosts are ``running`` to the ``wanted`` host of each cell.

    A host that does not answer is left out of ``running``. Nothing is asked of it; a cell that should go there stays where
    it is until it answers, and one that should leave it is started elsewhere at once: whoever takes a cell over fences
    the instance before.
    """
    stop: dict[str, list[str]] = {}
    start: dict[str, list[str]] = {}
    for host, cells in running.items():
        for cell in sorted(cells):
            to = wanted.get(cell)
            if to is None or (to != host and to in running):
                stop.setdefault(host, []).append(cell)
    for cell, host in wanted.items():
        if host in running and cell not in running[host]:
            start.setdefault(host, []).append(cell)
    return Steps(stop, start)


def located(wanted: Mapping[str, str], running: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Where each wanted cell is to be found once ``steps`` are done: its host, or the one that it could not leave yet."""
    still = {cell: host for host, cells in running.items() for cell in cells}
    return {cell: host if host in running else still.get(cell, host) for cell, host in wanted.items()}
