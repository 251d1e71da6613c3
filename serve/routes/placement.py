"""Which host runs which cell, and orders to change it. An order is one event on ``control``; the system carries it out."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from actors.placement import ARRANGED, PLACED, host_named
from actors.topology import HostMap
from events.errors import Transient
from serve.gateway import Gateway, gateway_of, principal
from serve.problems import REFUSALS, Missing
from serve.telling import Command, tell

router = APIRouter(tags=["operation"], responses=REFUSALS)
DONE_S = 60.0
"""How long an order may take: a new host has a process to start."""


class CellPlace(BaseModel):
    cell: str
    kind: str
    host: str


class Placement(BaseModel):
    """``placement`` is ``packed`` (a host for each kind), ``spread`` (one for each cell), or ``mixed``."""

    placement: str
    cells: list[CellPlace]


class Move(BaseModel):
    model_config = ConfigDict(extra="forbid")

    host: str = Field(examples=["own", "dashboards"])
    """A host's name, or ``own`` for one that runs nothing but this cell. One that is not there is started."""


class Arrangement(BaseModel):
    model_config = ConfigDict(extra="forbid")

    placement: Literal["packed", "spread"]


@router.get("/v1/placement", response_model=Placement)
async def placement(request: Request) -> Placement:
    """Which host runs which cell. A host is one process."""
    await principal(request, "query")
    return _shown(gateway_of(request).hosts.where)


@router.put("/v1/placement", response_model=Placement)
async def arrange(request: Request, wanted: Arrangement) -> Placement:
    """Give each kind of cell a host (`packed`), or each cell its own (`spread`); answers once it is done.

    Each cell pauses while it moves. It holds until the next start, which goes by the configuration.
    """
    who, gateway = await principal(request, "admin"), gateway_of(request)
    await tell(gateway, [Command(ARRANGED, wanted.placement, {"placement": wanted.placement, "by": who.name})])
    return await _once(gateway, lambda where: where.placement == wanted.placement)


@router.put("/v1/placement/{cell:path}", response_model=Placement)
async def move(request: Request, cell: str, wanted: Move) -> Placement:
    """Let a cell go on on another host; answers once it is there. Nothing is lost, and no other cell pauses.

    It holds until the next start, which goes by the configuration.
    """
    who, gateway = await principal(request, "admin"), gateway_of(request)
    where = gateway.hosts.where
    if cell not in where.cells:
        raise Missing("cell", f"there is no cell {cell!r}; there are {', '.join(sorted(where.cells))}")
    host = host_named(wanted.host, where.kinds[cell], cell)
    await tell(gateway, [Command(PLACED, cell, {"host": host, "by": who.name})])
    return await _once(gateway, lambda where: where.cells.get(cell) == host)


def _shown(where: HostMap) -> Placement:
    cells = [CellPlace(cell=c, kind=where.kinds[c], host=host) for c, host in sorted(where.cells.items())]
    return Placement(placement=where.placement, cells=cells)


async def _once(gateway: Gateway, done: Callable[[HostMap], bool]) -> Placement:
    """The placement, as soon as it is ``done``. Raises ``Transient`` where it is not in a minute."""
    deadline = time.monotonic() + DONE_S
    while not done(gateway.hosts.where):
        if time.monotonic() > deadline:
            raise Transient("accepted, but not yet done; look at GET /v1/placement in a moment", 1.0)
        await gateway.hosts.turned(1.0)
    return _shown(gateway.hosts.where)
