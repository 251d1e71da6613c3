"""Links in messages: a page on which an alert is acknowledged without signing in."""

from __future__ import annotations

import asyncio
import time
from html import escape
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from actors.edges.acknowledging import Acknowledgement, verified
from events.errors import Rejected
from serve.gateway import gateway_of
from serve.routes.commands import command
from serve.routes.read import sql_answer

router = APIRouter(include_in_schema=False)
Token = Annotated[str, Query(max_length=2_000)]
HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'",
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex"><title>{title}</title><style>
:root{{color-scheme:light dark}}body{{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.5rem}}
h1{{font-size:1.3rem}}
button{{font:inherit;padding:.6rem 1.2rem;border-radius:8px;border:1px solid currentColor;cursor:pointer}}
</style></head><body><main><h1>{title}</h1><p>{text}</p>{more}</main></body></html>"""
BUTTON = '<form method="post"><button type="submit">Acknowledge</button></form>'


@router.get("/acknowledge")
async def ask(request: Request, token: Token = "") -> HTMLResponse:
    """Show what the link is about. Nothing changes: mail programs open links by themselves."""
    found = _read(request, token)
    if isinstance(found, HTMLResponse):
        return found
    if await _used(request, found):
        return _page("This alert is acknowledged", "The link has been used already.")
    return _page("Do you take care of this alert?", f"The others will see that somebody does ({found.alert}).", BUTTON)


@router.post("/acknowledge")
async def acknowledge(request: Request, token: Token = "") -> HTMLResponse:
    """Acknowledge the alert, once."""
    found = _read(request, token)
    if isinstance(found, HTMLResponse):
        return found
    if not await _used(request, found):
        by = f"a link on {found.channel}"
        await command(gateway_of(request), "alert.acknowledged", found.alert, {"by": by}, found.once)
    return _page("Thank you, the alert is acknowledged", "You can close this page.")


def _read(request: Request, token: str) -> Acknowledgement | HTMLResponse:
    try:
        return verified(token, time.time_ns() // 1000, gateway_of(request).spec.secrets)
    except Rejected as error:
        return _page("This link does not work", f"It {error.reason}.", status=403)


async def _used(request: Request, found: Acknowledgement) -> bool:
    """Whether the log has an acknowledgement by this link."""
    sql = f"SELECT 1 FROM control WHERE type = 'alert.acknowledged' AND id = '{found.once}'"
    answer = await asyncio.wait_for(sql_answer(request, sql, 1, commands=True), 20.0)
    return bool(answer.rows)


def _page(title: str, text: str, more: str = "", status: int = 200) -> HTMLResponse:
    return HTMLResponse(PAGE.format(title=escape(title), text=escape(text), more=more), status, HEADERS)
