"""Routes of plug-ins: the gateway asks who it is, as for its own, and one that fails harms no other."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import replace

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Message, Receive, Scope, Send

from actors import parts
from actors.parts import Part, PlugIn
from events.errors import Rejected, Transient
from serve.gateway import principal
from serve.keys import SCOPES
from serve.problems import answer

logger = logging.getLogger(__name__)
ANSWERED = (Rejected, Transient, HTTPException)
"""Errors that say themselves what is wrong; the gateway makes answers of them (see ``serve.problems``)."""


def include(app: FastAPI, plug_ins: Sequence[PlugIn]) -> tuple[PlugIn, ...]:
    """Join the plug-ins to this process, and serve their routes behind those of ``app``.

    Answers what is known of the plug-ins then: one whose routes cannot be served says so in ``lacks``.
    """
    found = dict(parts.loaded(p.where for p in plug_ins if p.runs))
    return tuple(_included(app, plug_in, found.get(plug_in.where)) for plug_in in plug_ins)


def _included(app: FastAPI, plug_in: PlugIn, part: Part | Exception | None) -> PlugIn:
    if part is None:
        return plug_in
    try:
        if isinstance(part, Exception):
            raise part
        routes = list(_routes(part, app))
        get_openapi(
            title=part.name, version="1", routes=routes
        )  # raises what would break the description of all routes
    except Exception as error:
        logger.exception("the routes of plug-in %s are not served; everything else runs", plug_in.name)
        return replace(plug_in, lacks=f"its routes are not served: {type(error).__name__}: {error}")
    app.router.routes.extend(routes)
    return plug_in


def _routes(part: Part, app: FastAPI) -> Iterator[APIRoute]:
    """Raises ``Rejected`` for what cannot be served, and whatever the module of the routes raises."""
    router = part.router()
    if router is None:
        return
    if part.scope not in SCOPES and part.scope != parts.ASKS_ITSELF:
        raise Rejected("scope", f"there is no scope {part.scope!r}; there are {', '.join(SCOPES)}")
    for route in router.routes:
        if not isinstance(route, APIRoute):
            raise Rejected(
                "routes", f"{route!r} cannot be served; declare routes with `@router.get`, `@router.post`, …"
            )
        for method in sorted(route.methods or ()):
            scope = {"type": "http", "method": method, "path": route.path, "root_path": "", "headers": []}
            if any(ours.matches(scope)[0] == Match.FULL for ours in app.router.routes):
                raise Rejected("routes", f"{method} {route.path} is there already; give this one a path of its own")
        yield _guarded(route, part)


def _guarded(route: APIRoute, part: Part) -> APIRoute:
    """The route for those who may ask it; what it raises is an answer that names the part."""
    inner = route.handle

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        if part.scope != parts.ASKS_ITSELF:
            await principal(Request(scope), part.scope)
        try:
            await inner(scope, receive, sent)
        except ANSWERED:
            raise
        except Exception as error:
            if begun:
                raise
            said = f"the plug-in {part.name!r} failed ({type(error).__name__}); the log has the details under this reference"
            response = answer(500, "", said)
            logger.exception("plug-in %s: %s -> %s", part.name, scope["path"], bytes(response.body).decode())
            await response(scope, receive, send)

    guarded = copy(route)
    setattr(guarded, "handle", handle)  # noqa: B010 - a method of its class; this one route has another
    return guarded
