"""PostHog's paths: an SDK needs this server's address as its host, and an API key of scope ``ingest`` as its project key."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from events.errors import Overloaded, Rejected, Transient
from serve.access import Denied
from serve.gateway import bearer, gateway_of, principal
from serve.interactions import Receipt, now_us
from serve.posthog.bodies import Posted, key_in, posted, unpacked
from serve.posthog.decoding import CONTRACT, decode
from serve.posthog.told import NO_FLAGS, SETTINGS, script
from serve.problems import Missing
from serve.routes.plain import UNREADABLE, Plain, described, receipt_response, request_name

router = APIRouter(tags=["ingest"], route_class=Plain)
_EVENT = {"event": "$pageview", "distinct_id": "ada", "properties": {"$current_url": "https://example.com/pricing"}}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["batch"],
    "properties": {"batch": {"type": "array", "items": CONTRACT.json_schema()}, "api_key": {"type": "string"}},
}
EVENTS = ("batch", "capture", "e", "i/v0/e", "i/v0/ai/batch", "track", "engage")
"""The paths that take events: newer SDKs use the first ones, older ones the last."""
_PIXEL = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b")
"""An image of one transparent dot."""


class Told(Receipt):
    """A receipt, and the word that PostHog's own server says."""

    status: str


def _events_route(path: str) -> None:
    @router.post(
        path,
        response_model=Told,
        responses=UNREADABLE,
        summary="PostHog events",
        description="Events as PostHog's SDKs send them: a batch, an array or one event, as JSON, as gzip or in base64. "
        "The project's key is `api_key` or `token` in the body, or a header as everywhere. The answer is 200 also where "
        "events are refused, for the SDKs send a whole batch again after any other: `rejected` says which, and why.",
        openapi_extra=described({"application/json": (_SCHEMA, {"batch": [_EVENT]})}),
        include_in_schema=path == "/batch/",
    )
    async def events(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        return receipt_response({"status": "Ok", **await _taken(request, await _posted(request))}, 200)

    @router.get(path, include_in_schema=False)
    async def pixel(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Events in the address, as images and old browsers send them: ``?data=`` with JSON, or that in base64."""
        limit = gateway_of(request).spec.max_body_bytes
        said = request.query_params.get("data")
        if said is None:
            raise Rejected("data", "is required in the address: an event as JSON, or that in base64; or POST it")
        receipt = await _taken(request, posted(unpacked(said.encode(), "", "", limit)))
        if request.query_params.get("img"):
            return Response(_PIXEL, media_type="image/gif", headers={"cache-control": "no-store"})
        return receipt_response({"status": "Ok", **receipt}, 200)


async def _taken(request: Request, found: Posted) -> dict[str, Any]:
    gateway = gateway_of(request)
    try:
        who = await principal(request, "ingest", _key(request, found))
        sent_ms = request.query_params.get("sent_at") or request.query_params.get("_") or ""
        ahead_us = gateway.spec.max_ahead_us
        decoded = decode(found, now_us(), who.source, ahead_us, request_name(request), sent_ms)
        return await gateway.interactions.take(decoded)
    except Overloaded as error:  # posthog-js drops what is answered with 429, and sends again after a 503
        raise Transient(error.reason, error.retry_after_s) from error


def _flags_route(path: str, also: dict[str, Any]) -> None:
    @router.post(path, include_in_schema=False)
    async def flags(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """Feature flags: there are none."""
        found = await _posted(request)
        await principal(request, "ingest", _key(request, found))
        more = SETTINGS if request.query_params.get("config") == "true" else also
        return receipt_response({**NO_FLAGS, **more}, 200)


for _path in EVENTS:
    _events_route(f"/{_path}/")
    _events_route(f"/{_path}")  # a redirect to the other would cost the body
for _path, _also in (("flags", {}), ("decide", SETTINGS)):
    _flags_route(f"/{_path}/", _also)
    _flags_route(f"/{_path}", _also)


@router.get("/array/{token}/config", include_in_schema=False)
async def settings(request: Request) -> Response:
    """What posthog-js asks for where it loads no scripts."""
    return receipt_response({"token": await _known(request), **SETTINGS}, 200)


@router.get("/array/{token}/config.js", include_in_schema=False)
async def settings_script(request: Request) -> Response:
    """The same as a script, which posthog-js tries first."""
    return Response(script(await _known(request)), media_type="application/javascript")


async def _posted(request: Request) -> Posted:
    headers = request.headers
    limit = gateway_of(request).spec.max_body_bytes
    encoding = headers.get("content-encoding", "")
    return posted(unpacked(await request.body(), headers.get("content-type", ""), encoding, limit))


def _key(request: Request, found: Posted) -> str | None:
    return bearer(request) or found.key or key_in(request.query_params)


async def _known(request: Request) -> str:
    token: str = request.path_params["token"]
    try:
        await principal(request, "ingest", token)
    except Denied:
        raise Missing("token", "this project key is not known or was revoked; create one of scope ingest") from None
    return token
