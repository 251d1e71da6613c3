"""The ASGI application that answers everything but the live socket; see ``serve.live`` for that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI

from actors.definitions.source import SOURCE_SECTIONS
from actors.parts import router_at
from analytics.service_level import ServiceLevel
from events import catalog
from serve import page, plug_ins, problems
from serve.description import described
from serve.gateway import Gateway
from serve.limits import BodyLimit
from serve.measuring import Measuring
from serve.origins import Origins
from serve.routes import (
    acknowledging,
    alerting,
    annotations,
    business,
    commands,
    dead_letters,
    definitions,
    features,
    identities,
    imports,
    ingest,
    interactions,
    model_changes,
    models,
    notifications,
    operation,
    operational,
    optimizing,
    otlp,
    past,
    placement,
    plans,
    predict,
    query,
    questions,
    ranges,
    read,
    segment,
    session,
    shares,
    silences,
    tables,
    webhooks,
)
from serve.spec import GatewaySpec

ABOUT = """Events in, dashboards, alerts and answers out: all from one log.

Send an API key as `Authorization: Bearer hc_…`, or as the user name of basic auth (`curl -u "$KEY:"`); Segment's SDKs
send it as their write key. **Authorize** on this page takes either."""


def create_gateway(spec: GatewaySpec) -> FastAPI:
    """Routes, errors and the page. What its routes work with is made when the application starts."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        gateway = app.state.gateway = Gateway(spec)
        deeds = [gateway.hosts.follow(), gateway.access.follow()]
        if gateway.predictor:
            deeds.append(gateway.predictor.follow())
        following = [asyncio.create_task(deed) for deed in deeds]
        yield
        for task in following:
            task.cancel()
        gateway.apart.close()
        gateway.log.close()

    app = FastAPI(
        title="Hindcast",
        version=spec.version,
        description=ABOUT,
        lifespan=lifespan,
        docs_url=None,  # served by the page, without a request to anybody else
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # its look-ups cost a thirtieth of an event
    )
    app.add_middleware(BodyLimit, most=spec.max_body_bytes)
    app.add_middleware(Origins, origins=spec.cors_origins)
    app.state.service_level = ServiceLevel()
    app.add_middleware(Measuring, level=app.state.service_level)
    problems.install(app)
    for first in (ingest, segment):
        app.router.routes.extend(first.router.routes)  # as its own: an included router is searched twice a request
    asked = (
        ranges,
        read,
        query,
        questions,
        business,
        features,
        identities,
        dead_letters,
        optimizing,
        interactions,
        past,
        tables,
    )
    told = (
        imports,
        annotations,
        shares,
        definitions,
        plans,
        operation,
        operational,
        placement,
        webhooks,
    )
    learned = (models, model_changes, predict)
    for routes in (commands, alerting, acknowledging, silences, notifications, session, *asked, *told, *learned):
        app.include_router(routes.router)
    app.include_router(otlp.router(shown=spec.otlp))
    app.include_router(segment.settings_router)
    for where in spec.routes:
        app.router.routes.extend(router_at(where).routes)
    page.install(app)
    SOURCE_SECTIONS.update(spec.source_sections)
    for left in spec.left:
        catalog.join(left)
    app.state.plug_ins = plug_ins.include(app, spec.plug_ins)
    app.openapi = partial(described, app)
    return app
