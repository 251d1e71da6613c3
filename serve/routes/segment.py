"""Segment's HTTP API under all of its paths, and the settings that its SDKs of browsers and phones fetch first."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from serve.access import Denied
from serve.gateway import bearer, gateway_of, principal
from serve.ingest import KINDS, PATHS, SEGMENT_BYTES, decode_segment, read_body, write_key
from serve.ingest.contract import MESSAGES
from serve.interactions import Receipt, now_us
from serve.problems import REFUSALS, Missing
from serve.routes.plain import UNREADABLE, Plain, described, receipt_response, request_name, size_told

router = APIRouter(tags=["ingest"], route_class=Plain)
_EXAMPLES: dict[str, dict[str, Any]] = {
    "track": {"userId": "ada", "event": "Order Completed", "properties": {"revenue": 29, "currency": "EUR"}},
    "identify": {"userId": "ada", "traits": {"plan": "pro"}},
    "page": {"userId": "ada", "name": "Pricing", "properties": {"url": "https://example.com/pricing"}},
    "screen": {"userId": "ada", "name": "Lesson"},
    "group": {"userId": "ada", "groupId": "acme", "traits": {"seats": 12}},
    "alias": {"userId": "ada", "previousId": "visitor-7"},
    "batch": {"batch": [{"type": "track", "userId": "ada", "event": "Course Viewed", "properties": {"course": "ml"}}]},
}
settings_router = APIRouter(tags=["ingest"], responses=REFUSALS)


def _messages(kind: str) -> dict[str, Any]:
    """JSON schema of a Segment body."""
    if kind != "batch":
        schema = MESSAGES[kind].json_schema()
        return {**schema, "required": [name for name in schema["required"] if name != "type"]}
    any_of = {"anyOf": [message.json_schema() for message in MESSAGES.values()]}
    return {"type": "object", "required": ["batch"], "properties": {"batch": {"type": "array", "items": any_of}}}


def _route(path: str, kind: str) -> None:
    names = ", ".join(f"/v1/{other}" for other, means in PATHS.items() if means == kind and other not in KINDS)

    @router.post(
        f"/v1/{path}",
        response_model=Receipt,
        responses=UNREADABLE,
        summary=f"Segment {kind}",
        description=f"One request of Segment's HTTP API; its SDKs also send it to {names}. Messages without "
        "`messageId` are new events each time, unless the request is sent again under the same `Idempotency-Key`.",
        openapi_extra=described({"application/json": (_messages(kind), _EXAMPLES[kind])}),
        include_in_schema=path in KINDS,
    )
    async def segment(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        gateway = gateway_of(request)
        with gateway.interactions.coming.one(size_told(request)):
            body = read_body(await request.body(), request.headers.get("content-encoding", ""), SEGMENT_BYTES)
            who = await principal(request, "ingest", _write_key(request, body))
            ahead_us = gateway.spec.max_ahead_us
            decoded = decode_segment(kind, body, now_us(), who.source, ahead_us, request=request_name(request))
        return receipt_response(await gateway.interactions.take(decoded, who.source), 200)


for _path, _kind in PATHS.items():
    _route(_path, _kind)
_route("import/", "batch")  # as the SDK for Java writes it; a redirect would cost it the body


@router.post("/v1/m", status_code=204, include_in_schema=False)
async def telemetry(request: Request) -> Response:
    """Take and forget what an SDK tells its maker of its own health; it counts as an error where nobody takes it."""
    return Response(status_code=204)


@settings_router.get("/v1/projects/{write_key}/settings")
async def settings(request: Request, write_key: str) -> dict[str, Any]:
    """What Segment's SDKs of browsers and phones fetch before they send: where to send, and that nothing is to be loaded."""
    try:
        await principal(request, "ingest", write_key)
    except Denied:
        raise Missing("writeKey", "this write key is not known or was revoked; create one of scope ingest") from None
    scheme = request.headers.get("x-forwarded-proto", request.url.scheme).partition(",")[0].strip()
    here = {
        "apiKey": write_key,
        "apiHost": f"{request.headers.get('host', request.url.netloc)}/v1",
        "protocol": scheme if scheme in ("http", "https") else "https",
        "type": "browser",
        "bundlingStatus": "bundled",
        "unbundledIntegrations": [],
        "addBundledMetadata": True,
        "maybeBundledConfigIds": {},
        "versionSettings": {"componentTypes": ["browser"]},
    }
    everything = {"__default": {"enabled": True, "integrations": {}}}
    return {
        "integrations": {"Segment.io": here},
        "plan": {"track": everything, "identify": everything, "group": everything},
        "edgeFunction": {},
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "remotePlugins": [],
        "metrics": {"sampleRate": 0, "host": here["apiHost"]},
        "analyticsNextEnabled": True,
        "legacyVideoPluginsEnabled": False,
    }


def _write_key(request: Request, body: bytes) -> str | None:
    """Segment's write key: that of the header, else ``writeKey`` in the body."""
    return bearer(request) or write_key(body)
