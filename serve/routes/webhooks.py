"""Webhooks that others send: no API key, but a signature that only who knows the secret can make."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel

from serve.gateway import gateway_of
from serve.problems import REFUSALS, Missing

router = APIRouter(tags=["ingest"], responses=REFUSALS)


class Taken(BaseModel):
    """What became of a webhook; it is committed."""

    success: bool
    outcome: Literal["accepted", "duplicate", "confirmed"]
    """``confirmed``: it was Amazon's question whether we want what it tells."""


@router.post("/v1/webhooks/{endpoint}", response_model=Taken)
async def webhook(request: Request, endpoint: str) -> dict[str, object]:
    """An event of another service (or several, as it has them), signed and sent to an endpoint of the configuration.

    A wrong, stale or repeated signature is answered with 401 and recorded in `dead_letters` as `signature.refused`.
    """
    door = gateway_of(request).webhooks
    if endpoint not in door.endpoints:
        raise Missing("endpoint", f"there is no endpoint {endpoint!r}; declare it in `parts.webhooks.endpoints`")
    headers = {name.lower(): value for name, value in request.headers.items()}
    outcome = await door.take(endpoint, headers, await request.body())
    return {"success": True, "outcome": outcome}
