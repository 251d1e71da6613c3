"""What is defined: for now the configured dashboards, which the page draws."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from serve.backstage import backstage, principal
from serve.parameters import known_parameters
from serve.problems import REFUSALS

router = APIRouter(tags=["read"], responses=REFUSALS, dependencies=[Depends(known_parameters)])


class Definition(BaseModel):
    """``owner`` is who declared it; ``version`` is 0 for what a file declares."""

    kind: str
    name: str
    spec: dict[str, Any]
    version: int
    by: str | None
    at: str | None
    owner: str


class Definitions(BaseModel):
    definitions: list[Definition]


@router.get("/v1/definitions", response_model=Definitions)
async def definitions(
    request: Request, kind: Annotated[Literal["dashboard"] | None, Query(description="Only those of this kind")] = None
) -> Definitions:
    """The dashboards in the order in which they are declared: each one's name, layout and widgets."""
    await principal(request, "query")
    found = backstage(request).spec.definitions
    return Definitions(definitions=[Definition(**d) for d in found if kind is None or d["kind"] == kind])
