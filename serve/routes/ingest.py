"""Ingest: Segment's HTTP API and CloudEvents 1.0. An answer comes after the durable commit, with a verdict a row."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from serve.backstage import backstage, bearer, principal
from serve.ingest import (
    SEGMENT_BYTES,
    decode_cloudevents,
    decode_segment,
    one_event,
    plain_source,
    read_body,
    write_key,
)
from serve.ingest.contract import CLOUD_EVENT, MESSAGES, PLAIN_EVENT
from serve.interactions import Answer, Receipt, now_us
from serve.problems import REFUSALS, Failure


class Plain(APIRoute):
    """A route that reads its request and makes its answer by itself: FastAPI's part would cost more than an event."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in self.methods:
            return await super().handle(scope, receive, send)  # 405
        response: Response = await self.endpoint(Request(scope, receive, send))
        return await response(scope, receive, send)


router = APIRouter(tags=["ingest"], route_class=Plain)
UNREADABLE: dict[int | str, dict[str, Any]] = {
    **REFUSALS,
    415: {"model": Failure, "description": "A content type or encoding that is not read here"},
}
_WHEN = "2026-01-31T09:30:00.125Z"
_PLAIN_EXAMPLE = {"type": "order.placed", "subject": "ada", "data": {"amount": 29, "currency": "EUR"}}
_EVENT_EXAMPLE = {"specversion": "1.0", "id": "order-1", "source": "/shop", "time": _WHEN, **_PLAIN_EXAMPLE}
_MESSAGE_EXAMPLES: dict[str, dict[str, Any]] = {
    "track": {"userId": "ada", "event": "Order Completed", "properties": {"revenue": 29, "currency": "EUR"}},
    "identify": {"userId": "ada", "traits": {"plan": "pro"}},
    "page": {"userId": "ada", "name": "Pricing", "properties": {"url": "https://example.com/pricing"}},
    "screen": {"userId": "ada", "name": "Lesson"},
    "group": {"userId": "ada", "groupId": "acme", "traits": {"seats": 12}},
    "alias": {"userId": "ada", "previousId": "visitor-7"},
    "batch": {"batch": [{"type": "track", "userId": "ada", "event": "Course Viewed", "properties": {"course": "ml"}}]},
}
EVENT = CLOUD_EVENT.json_schema()
PLAIN = PLAIN_EVENT.json_schema()


def _messages(kind: str) -> dict[str, Any]:
    """JSON schema of a Segment body."""
    if kind != "batch":
        schema = MESSAGES[kind].json_schema()
        return {**schema, "required": [name for name in schema["required"] if name != "type"]}
    any_of = {"anyOf": [message.json_schema() for message in MESSAGES.values()]}
    return {"type": "object", "required": ["batch"], "properties": {"batch": {"type": "array", "items": any_of}}}


def _body(schemas: dict[str, tuple[dict[str, Any], Any]]) -> dict[str, Any]:
    """OpenAPI's description of a body that the route reads by itself: by content type, its schema and an example."""
    content = {kind: {"schema": schema, "example": example} for kind, (schema, example) in schemas.items()}
    return {"requestBody": {"required": True, "content": content}}


@router.post(
    "/v1/events",
    response_model=Receipt,
    responses={
        **UNREADABLE,
        207: {"model": Receipt, "description": "Some rows were refused"},
        400: {"model": Receipt | Failure, "description": "No row, or the body as a whole, can be read"},
    },
    openapi_extra=_body(
        {
            "application/json": (
                {"anyOf": [PLAIN, EVENT, {"type": "array", "items": {"anyOf": [PLAIN, EVENT]}}]},
                _PLAIN_EXAMPLE,
            ),
            "application/cloudevents+json": (EVENT, _EVENT_EXAMPLE),
            "application/cloudevents-batch+json": ({"type": "array", "items": EVENT}, [_EVENT_EXAMPLE]),
            "application/x-ndjson": (
                {"type": "string"},
                "".join(orjson.dumps(_PLAIN_EXAMPLE | {"subject": who}).decode() + "\n" for who in ("ada", "grace")),
            ),
        }
    ),
)
async def events(request: Request) -> Response:
    """Events: plain ones (`type`, and what else is known), or CloudEvents 1.0 in structured, batched or binary mode.

    One, an array, or NDJSON in bulk. 207 where some rows are refused, each with all its faults.
    """
    stage = backstage(request)
    who = await principal(request, "ingest")
    limit = stage.spec.max_body_bytes
    body = read_body(await request.body(), request.headers.get("content-encoding", ""), limit)
    content_type = request.headers.get("content-type", "")
    event = one_event(body, content_type, request.headers)
    if event is not None:
        receipt = await stage.interactions.take_event(event, plain_source(content_type, who.source or who.name))
    else:
        ahead_us = stage.spec.max_ahead_us
        decoded = decode_cloudevents(body, content_type, request.headers, now_us(), who.source or who.name, ahead_us)
        receipt = await stage.interactions.take(decoded)
    bad = receipt["rejected_total"]
    return _json(receipt, 200 if not bad else 207 if receipt["accepted"] + receipt["duplicate"] else 400)


def _segment_route(kind: str) -> None:
    @router.post(
        f"/v1/{kind}",
        response_model=Receipt,
        responses=UNREADABLE,
        summary=f"Segment {kind}",
        openapi_extra=_body({"application/json": (_messages(kind), _MESSAGE_EXAMPLES[kind])}),
    )
    async def segment(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        stage = backstage(request)
        body = read_body(await request.body(), request.headers.get("content-encoding", ""), SEGMENT_BYTES)
        who = await principal(request, "ingest", _write_key(request, body))
        decoded = decode_segment(kind, body, now_us(), source=who.source or who.name, ahead_us=stage.spec.max_ahead_us)
        receipt = await stage.interactions.take(decoded)
        return _json(receipt, 200)


for _kind in ("track", "identify", "page", "screen", "group", "alias", "batch"):
    _segment_route(_kind)


def _write_key(request: Request, body: bytes) -> str | None:
    """Segment's write key: that of the header, else ``writeKey`` in the body."""
    return bearer(request) or write_key(body)


def _json(receipt: Answer, status: int) -> Response:
    return Response(orjson.dumps(receipt), status, media_type="application/json")
