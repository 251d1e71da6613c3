"""The script that a website includes, and the address that it sends to."""

from __future__ import annotations

import time
from pathlib import Path

from fastapi import APIRouter, Request, Response

from actors.collectors.arrivals import CONFLICT, REUSED
from events.collected import WEBSITE_ANALYTICS
from events.errors import Rejected
from serve.access import Forbidden
from serve.gateway import foreign, gateway_of, principal
from serve.interactions import now_us
from serve.problems import REFUSALS
from serve.routes.plain import described
from serve.website.reading import read, said, text
from serve.website.visitors import Visitors

router = APIRouter(tags=["ingest"], responses=REFUSALS)
SCRIPT = (Path(__file__).parents[1] / "website" / "script.js").read_bytes()
_EXAMPLE = {"id": "3f1c", "type": "page.viewed", "url": "https://shop.example/tea?utm_source=letter"}


@router.get("/script.js", include_in_schema=False)
async def script() -> Response:
    """The script; a browser keeps it for an hour."""
    headers = {"cache-control": "public, max-age=3600", "cross-origin-resource-policy": "cross-origin"}
    return Response(SCRIPT, media_type="text/javascript", headers=headers)


@router.post("/v1/site", status_code=202, openapi_extra=described({"text/plain": ({"type": "object"}, _EXAMPLE)}))
async def site(request: Request) -> Response:
    """What a visitor of a website did, as the script `/script.js` sends it. Neither the address nor a cookie is kept.

    The key stands in the page for all to read, so it must be of scope `ingest` alone. The page's origin must be in
    `server.cors_origins`, or be that of this server.
    """
    gateway = gateway_of(request)
    item = said(await request.body())
    who = await principal(request, "ingest", text(item, "key"))
    if who.scopes != frozenset({"ingest"}):
        raise Forbidden("key", "may do more than send, and all the world can read it; make one of scope ingest alone")
    origin, allowed = request.headers.get("origin"), gateway.spec.cors_origins
    if origin and foreign(request) and origin not in allowed and "*" not in allowed:
        raise Forbidden("origin", f"pages of {origin} may not send here; add it to server.cors_origins")
    agent = request.headers.get("user-agent", "")
    visitors = _visitors(request)
    visitor = visitors.name(time.time(), who.source, _address(request), agent)
    gathered = read(item, who.source, visitor, agent, now_us())
    committed = await gateway.collector(WEBSITE_ANALYTICS.name).push(gathered.batch(), None)
    if (committed.verdict == CONFLICT).any():
        raise Rejected("id", REUSED)
    return Response(status_code=202)


def _visitors(request: Request) -> Visitors:
    state = request.app.state
    if not hasattr(state, "visitors"):
        state.visitors = Visitors(gateway_of(request).spec.secrets)
    return state.visitors


def _address(request: Request) -> str:
    """Whose browser asks: a proxy in front of us says it."""
    forwarded = request.headers.get("x-forwarded-for", "").partition(",")[0].strip()
    return forwarded or (request.client.host if request.client else "")
