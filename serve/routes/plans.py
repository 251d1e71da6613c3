"""Tracking plans: one learned from what came. To set it, it is a definition like others."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from actors.definitions.inventory import Key
from query.apart.deeds import plan
from serve.gateway import gateway_of, principal
from serve.interactions import now_us
from serve.parameters import known_parameters, seconds_since
from serve.problems import REFUSALS

router = APIRouter(tags=["definitions"], responses=REFUSALS, dependencies=[Depends(known_parameters)])


class Learn(BaseModel):
    """``name``: of the plan; one of that name is widened. ``since``: from when on events are looked at."""

    name: Annotated[str, Field(min_length=1, max_length=64)] = "web"
    since: Annotated[str, Field(max_length=64)] = "30d"

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "web", "since": "7d"}]})


class Learned(BaseModel):
    """The plan as a section of a configuration file, for `hindcast apply`. Nothing holds by it yet."""

    plans: list[dict[str, Any]]


@router.post("/v1/plans/learn", response_model=Learned)
async def learn(request: Request, wanted: Learn) -> Learned:
    """A tracking plan that nothing is against that came: types of events, their properties, and the types of these."""
    await principal(request, "query")
    gateway = gateway_of(request)
    since_us = int(seconds_since(wanted.since, now_us() / 1e6) * 1e6)
    before = gateway.access.inventory.specs.get(Key("plan", wanted.name))

    deed = partial(plan, name=wanted.name, since_us=since_us, before=before)
    return Learned(plans=[await gateway.queries.run(request, lambda stop: gateway.apart.do(deed, stop))])
