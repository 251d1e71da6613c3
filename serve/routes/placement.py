"""Which host runs which cell, and orders to change it. An order is one event on ``control``; the system carries it out."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from actors.placement import ARRANGED, PLACED, host_named
from actors.topology import HostMap
from serve.gateway import Gateway, gateway_of, principal
from serve.problems import REFUSALS, Missing
from serve.telling import Command, tell

router = APIRouter(tags=["operation"], responses=REFUSALS)


class CellPlace(BaseModel):
    cell: str
    kind: str
    host: str
    going: str | None = None
    """While the cell is on its way: the host that it goes to."""


class Placement(BaseModel):
    """``placement`` is ``packed`` (a host for each kind), ``spread`` (one for each cell), or ``mixed``."""

    placement: str
    cells: list[CellPlace]
    done: int
    """Every order up to this number has been carried out, as far as it can be; -1: none since the start."""
    failed: str
    """Why the last one could not be carried out, or not yet; empty where it was."""


class Ordered(Placement):
    """The placement as the order found it. It is carried out once ``done`` of `GET /v1/placement` has come to ``order``."""

    order: int
    """The number of this order: its place on `control`."""


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


@router.put("/v1/placement", response_model=Ordered, status_code=202)
async def arrange(request: Request, wanted: Arrangement) -> Ordered:
    """Order that each kind of cell gets a host (`packed`), or each cell its own (`spread`); answers at once.

    `GET /v1/placement` shows how far it is. Each cell pauses while it moves. It holds until the next start, which goes by
    the configuration.
    """
    who, gateway = await principal(request, "admin"), gateway_of(request)
    return await _ordered(gateway, Command(ARRANGED, wanted.placement, {"placement": wanted.placement, "by": who.name}))


@router.put("/v1/placement/{cell:path}", response_model=Ordered, status_code=202)
async def move(request: Request, cell: str, wanted: Move) -> Ordered:
    """Order that a cell goes on on another host; answers at once. Nothing is lost, and no other cell pauses.

    `GET /v1/placement` shows when it is there. It holds until the next start, which goes by the configuration.
    """
    who, gateway = await principal(request, "admin"), gateway_of(request)
    where = gateway.hosts.where
    if cell not in where.cells:
        raise Missing("cell", f"there is no cell {cell!r}; there are {', '.join(sorted(where.cells))}")
    host = host_named(wanted.host, where.kinds[cell], cell)
    return await _ordered(gateway, Command(PLACED, cell, {"host": host, "by": who.name}))


async def _ordered(gateway: Gateway, command: Command) -> Ordered:
    committed = await tell(gateway, [command])
    return Ordered(**_shown(gateway.hosts.where).model_dump(), order=committed.offset)


def _shown(where: HostMap) -> Placement:
    cells = [
        CellPlace(cell=cell, kind=where.kinds[cell], host=host, going=where.going.get(cell))
        for cell, host in sorted(where.cells.items())
    ]
    return Placement(placement=where.placement, cells=cells, done=where.done, failed=where.failed)
