"""How a browser gets in: a link that opens the page once, or an API key; either becomes a cookie."""

from __future__ import annotations

import secrets
import time
from html import escape
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field

from events.errors import Rejected
from serve.access import SIGN_IN, Denied, NoKey
from serve.gateway import Gateway, foreign, gateway_of, principal
from serve.keys import is_link_token, key_hash, new_key, new_link
from serve.problems import REFUSALS
from serve.routes.commands import command

router = APIRouter(tags=["commands"], responses=REFUSALS)
SESSION_S = 30 * 86_400
USED = f"this link has been used, or it is too old; {SIGN_IN}"
NO_STORE = {"cache-control": "no-store", "referrer-policy": "no-referrer"}


class Session(BaseModel):
    key: Annotated[str, Field(min_length=1, max_length=200)]


class MadeLink(BaseModel):
    """``path``: what to open, below the system's address; it works once, until ``expires`` (seconds UTC)."""

    path: str
    expires: float


@router.post("/v1/links", response_model=MadeLink, status_code=201)
async def create_link(request: Request) -> MadeLink:
    """Make a link that opens the page once, without a key."""
    await principal(request, "admin")
    gateway = gateway_of(request)
    token, link = new_link(time.time())
    await command(gateway, "link.created", key_hash(token), link)
    await gateway.access.until("links", key_hash(token), present=True)
    return MadeLink(path=f"/?token={token}", expires=link["expires"])


@router.post("/v1/session", status_code=204)
async def sign_in(request: Request, session: Session) -> Response:
    """Exchange an API key, or the token of a link, for a cookie that the page uses."""
    if foreign(request):
        raise NoKey("origin", "this request comes from a page of another site; sign in on the system's own page")
    gateway, response = gateway_of(request), Response(status_code=204)
    if is_link_token(session.key):
        _keep(gateway, request, response, await _opened(gateway, session.key), SESSION_S)
        return response
    (await gateway.access.principal(session.key)).require("query")
    _keep(gateway, request, response, session.key, None)
    return response


async def open_link(request: Request, token: str) -> Response:
    """Answer the address of a link: on to the page with a cookie; or say why not, and what to do."""
    if "prefetch" in request.headers.get("sec-purpose", request.headers.get("purpose", "")):
        return Response(status_code=503, headers=NO_STORE)  # the browser guesses; the link is for whoever means it
    gateway, response = gateway_of(request), RedirectResponse("/", 303, NO_STORE)
    try:
        _keep(gateway, request, response, await _opened(gateway, token), SESSION_S)
    except Denied as error:
        if await _signed_in(gateway, request):
            return response
        body = f"<!doctype html><meta charset=utf-8><title>Hindcast</title><p>{escape(error.reason)}.</p>"
        return HTMLResponse(body, 401, NO_STORE)
    return response


async def _signed_in(gateway: Gateway, request: Request) -> bool:
    try:
        return (await gateway.access.principal(request.cookies.get(gateway.cookie))).may("query")
    except Denied:
        return False


async def _opened(gateway: Gateway, token: str) -> str:
    """The key of a new session. Raises ``Denied`` for a link that was opened before, is too old or none of ours."""
    hashed = key_hash(token)
    if hashed not in gateway.access.links:
        await gateway.access.refresh()
    link = gateway.access.links.get(hashed)
    if link is None or link["expires"] < time.time():
        raise Denied("token", USED)
    session = new_key()
    data = {"session": key_hash(session), "id": "ses_" + secrets.token_hex(6), "name": "page"}
    try:  # of two that come at once, on whatever replica, the second one bears an id that is taken
        await command(gateway, "link.opened", hashed, {**data, "expires": time.time() + SESSION_S}, f"link {hashed}")
    except Rejected:
        raise Denied("token", USED) from None
    await gateway.access.until("keys", data["session"], present=True)
    return session


def _keep(gateway: Gateway, request: Request, response: Response, key: str, max_age_s: int | None) -> None:
    response.set_cookie(
        gateway.cookie, key, max_age=max_age_s, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
