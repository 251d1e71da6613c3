"""Shares: links to dashboards for those without a key, and what such a link is told."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from actors.definitions.checking import Wanted
from actors.definitions.dashboard import Dashboard
from actors.definitions.inventory import Key
from actors.definitions.share import Share
from events.errors import Rejected
from serve.access import Denied
from serve.defining import define, found, remove
from serve.gateway import Gateway, bearer, gateway_of, principal
from serve.parameters import known_parameters, seconds_since
from serve.problems import REFUSALS, Missing
from serve.routes.questions import about_of
from serve.shared_answers import (
    Over,
    joined,
    metric_over,
    query_over,
    question_over,
    shown,
    widget_of,
    withheld,
)
from serve.sharing import FORGED, Shared, is_share_token, opened, refuse_past, secret_of, signed, system_secret

router = APIRouter(tags=["dashboards"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
MOST_ROWS = 10_000
VIEWS: Mapping[str, tuple[str, ...]] = {
    "user_activity": ("user_activity", "activity_series"),
    "measure": ("user_activity",),
    "top_events": ("top_events",),
    "heat": ("activity_heat",),
    "ingest": ("ingest",),
    "system_health": ("system_health",),
    "alert_system": ("alerts",),
    "late_rows": ("late_rows",),
    "business_metrics": ("business_metrics",),
    "campaign_performance": ("campaign_performance",),
    "revenue_tracking": ("revenue_tracking",),
}
"""The topics that widgets with a view of their own follow."""


class NewShare(BaseModel):
    """``expires``: seconds UTC, or ISO 8601; ``filter``: values by property, which who has the link cannot lift."""

    dashboards: Annotated[list[str], Field(min_length=1, max_length=20)]
    title: str | None = None
    filter: dict[str, str] = {}
    expires: float | str | None = None
    origins: list[str] = []
    every_s: float = 30.0
    range: str | None = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"dashboards": ["overview"], "title": "For the board", "filter": {"plan": "pro"}}]
        },
    )


class MadeShare(BaseModel):
    """``path``: what to open, below the system's address."""

    id: str
    dashboards: list[str]
    title: str | None = None
    filter: dict[str, str]
    expires: float | None = None
    origins: list[str]
    every_s: float
    range: str | None = None
    by: str = ""
    made: float
    path: str


class Shares(BaseModel):
    shares: list[MadeShare]


class Secret(BaseModel):
    """``secret``: signs tokens for this share (docs/dashboards.md has the recipe). Keep it on a server."""

    id: str
    secret: str


class SharedView(BaseModel):
    """What a link shows: the dashboards, the metrics that they are of, and until when."""

    title: str | None = None
    dashboards: list[dict[str, Any]]
    metrics: dict[str, dict[str, Any]]
    filtered: list[str]
    expires: float | None = None
    every_s: float
    range: str | None = None


class Asked(Over):
    dashboard: str
    widget: str

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"dashboard": "overview", "widget": "revenue", "from": 1767225600, "to": 1767312000, "bucket": 3600}
            ]
        }
    )


@router.post("/v1/shares", response_model=MadeShare, status_code=201)
async def create_share(request: Request, wanted: NewShare) -> MadeShare:
    """Make a link to dashboards; who has it may look at them, without a key, until it expires or is revoked."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    spec = wanted.model_dump(exclude_none=True)
    if isinstance(wanted.expires, str):
        spec["expires"] = seconds_since(wanted.expires, time.time(), "expires")
    refuse_past(spec.get("expires"))
    (change,) = await define(gateway, [Wanted("share", "shr_" + secrets.token_hex(8), spec)], who.name)
    return _made(gateway, found(gateway, Key("share", change.name)))


@router.get("/v1/shares", response_model=Shares)
async def list_shares(request: Request) -> Shares:
    """The links that hold. Whoever may see this list may open them, so it takes the scope ``control``."""
    await principal(request, "control")
    gateway = gateway_of(request)
    await gateway.access.refresh()
    held = [entry for entry in gateway.access.definitions.values() if entry["kind"] == "share"]
    return Shares(shares=[_made(gateway, entry) for entry in sorted(held, key=lambda entry: -entry["version"])])


@router.get("/v1/shares/{id}/secret", response_model=Secret)
async def share_secret(request: Request, id: str) -> Secret:
    """The secret by which a site signs tokens for its own readers, each with a filter of theirs."""
    await principal(request, "control")
    gateway = gateway_of(request)
    found(gateway, Key("share", id))
    return Secret(id=id, secret=secret_of(_secret(gateway), id))


@router.delete("/v1/shares/{id}", status_code=204)
async def revoke_share(request: Request, id: str) -> Response:
    """Revoke a link: from now on it opens nothing, and who looks at it is cut off."""
    who = await principal(request, "control")
    await remove(gateway_of(request), Key("share", id), who.name)
    return Response(status_code=204)


@router.get("/v1/shared", response_model=SharedView)
async def shared_view(request: Request) -> SharedView:
    """What a link shows. The link's token is sent as `Authorization: Bearer hcs_…`."""
    gateway = gateway_of(request)
    what = await share_of(request)
    metrics = _metrics(gateway)
    boards = [_dashboard(gateway, id) for id in what.share.dashboards]
    named = {widget.metric for board in boards for widget in board.widgets if widget.metric}
    return SharedView(
        title=what.share.title,
        dashboards=[shown(board, what.filter, metrics) for board in boards],
        metrics={name: dict(metrics[name]) for name in named if name in metrics},
        filtered=sorted(what.filter),
        expires=what.expires,
        every_s=what.share.every_s,
        range=what.share.range,
    )


@router.post("/v1/shared/answer")
async def shared_answer(request: Request, asked: Asked) -> dict[str, Any]:
    """The figures of one widget of a shared dashboard over a range: rows of its metric or query, or an answer."""
    gateway = gateway_of(request)
    what = await share_of(request)
    if asked.dashboard not in what.share.dashboards:
        raise Rejected("dashboard", f"this link does not show {asked.dashboard!r}")
    if asked.to <= asked.start:
        raise Rejected("to", "must be later than from")
    widget = widget_of(_dashboard(gateway, asked.dashboard), asked.widget)
    conditions = joined(what.filter, asked.filters)
    reason = withheld(widget, conditions, _metrics(gateway))
    if reason:
        raise Rejected("filters", reason)
    if widget.question is not None:
        said = question_over(widget, asked, conditions)
        about = await about_of(gateway, said)
        ask = gateway.optimizer.ask
        return await gateway.queries.run(request, lambda stop: ask(said, stop=stop, **about).result)
    if widget.metric is not None:
        sql = metric_over(widget.metric, asked, conditions)
    elif widget.query is not None:
        kept = found(gateway, Key("query", widget.query))["spec"]
        sql = query_over(kept["sql"], asked, conditions)
    else:
        raise Rejected("widget", f"{asked.widget!r} is not asked for: it follows a live topic, or is a text")
    run = gateway.optimizer.sql
    answer = await gateway.queries.run(request, lambda stop: run(sql, rows=MOST_ROWS, commands=False, stop=stop).result)
    return {
        "columns": [column._asdict() for column in answer.columns],
        "rows": answer.rows(),
        "truncated": answer.truncated,
        "elapsed_ms": answer.elapsed_ms,
        "as_of": "",
    }


async def share_of(request: Request) -> Shared:
    """What the token of a request opens. Raises ``Denied``."""
    token = bearer(request) or ""
    if not is_share_token(token):
        raise Denied("authorization", "takes the token of a shared link: `Authorization: Bearer hcs_…`")
    return await look_up(gateway_of(request), token)


async def look_up(gateway: Gateway, token: str) -> Shared:
    """What a token opens; a share that is not known is looked for anew once, for it may be new. Raises ``Denied``."""
    secret = _secret(gateway)
    try:
        return opened(token, secret, gateway.access.definitions)
    except Denied as error:
        if error.reason == FORGED:
            raise
        await gateway.access.refresh()
        return opened(token, secret, gateway.access.definitions)


async def open_shared(gateway: Gateway, token: str, page: Response, policy: str) -> Response:
    """The page for a link: with the sites that may show it within theirs; or why it opens nothing."""
    try:
        what = await look_up(gateway, token)
    except Denied as error:
        said = f"<!doctype html><meta charset=utf-8><title>Hindcast</title><p>{error.reason}.</p>"
        return HTMLResponse(said, 401, {"cache-control": "no-store", "referrer-policy": "no-referrer"})
    origins = " ".join(what.share.origins) or "'none'"
    page.headers["content-security-policy"] = policy.replace("frame-ancestors 'none'", f"frame-ancestors {origins}")
    page.headers["cache-control"] = "no-store"
    return page


def topics_of(gateway: Gateway, what: Shared) -> frozenset[str]:
    """The live topics that a link's dashboards show; none where it is filtered, for topics are not by any property."""
    if what.filter:
        return frozenset()
    boards = [_dashboard(gateway, id) for id in what.share.dashboards]
    widgets = [widget for board in boards for widget in board.widgets]
    fixed = [topic for widget in widgets for topic in VIEWS.get(widget.type, ())]
    return frozenset({*fixed, *(widget.topic for widget in widgets if widget.topic is not None)})


def _secret(gateway: Gateway) -> bytes:
    return system_secret(gateway.spec.secrets)


def _metrics(gateway: Gateway) -> dict[str, Mapping[str, Any]]:
    return {entry["name"]: entry["spec"] for entry in gateway.access.definitions.values() if entry["kind"] == "metric"}


def _dashboard(gateway: Gateway, id: str) -> Dashboard:
    entry = gateway.access.definitions.get(Key("dashboard", id).text)
    if entry is None:
        raise Missing("dashboard", f"there is no dashboard {id!r}")
    return Dashboard.model_validate(entry["spec"])


def _made(gateway: Gateway, entry: Mapping[str, Any]) -> MadeShare:
    share = Share.model_validate(entry["spec"])
    token = signed(secret_of(_secret(gateway), share.id), {"share": share.id})
    return MadeShare(**share.model_dump(mode="json"), by=entry["by"], made=entry["at"], path=f"/shared/{token}")
