"""The two ASGI applications that Ray Serve deploys: the gateway and the live hub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from serve import live, page, problems
from serve.backstage import Backstage
from serve.limits import BodyLimit
from serve.routes import commands, ingest, operation, read
from serve.spec import GatewaySpec

ABOUT = """Events in, dashboards, alerts and answers out: all from one log.

Send an API key as `Authorization: Bearer hc_…`; Segment's SDKs send it as their write key."""


def create_gateway(spec: GatewaySpec) -> FastAPI:
    """Routes, errors and the page. Its backstage is made when the application starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        stage = app.state.backstage = Backstage(spec)
        following = asyncio.create_task(stage.access.follow())
        yield
        following.cancel()
        stage.log.close()

    app = FastAPI(title="Hindcast", version=spec.version, description=ABOUT, lifespan=lifespan, redoc_url=None)
    app.add_middleware(BodyLimit, most=spec.max_body_bytes)
    if spec.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(spec.cors_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["authorization", "content-type", "content-encoding", "idempotency-key"],
        )
    problems.install(app)
    for routes in (ingest, commands, read, operation):
        app.include_router(routes.router)
    page.install(app)
    return app


def create_live(spec: GatewaySpec) -> ASGIApp:
    """The live hub, deployed apart so that sockets and ingest do not wait for each other."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        stage = Backstage(spec)
        hub = app.state.hub = live.Hub(stage)
        tasks = [asyncio.create_task(stage.access.follow()), *hub.start()]
        yield
        for task in tasks:
            task.cancel()
        stage.log.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    live.install(app)

    async def at_prefix(scope: Scope, receive: Receive, send: Send) -> None:
        """Deployed under ``/live``, what is left of that very path is nothing; routes begin with a slash."""
        if scope["type"] == "websocket" and scope["path"] == scope.get("root_path"):
            scope = {**scope, "path": scope["path"] + "/"}
        await app(scope, receive, send)

    return at_prefix
