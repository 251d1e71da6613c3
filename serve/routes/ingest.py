"""Ingest: Segment's HTTP API and CloudEvents 1.0. An answer comes after the durable commit, with a verdict a row."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from serve.access import Denied
from serve.backstage import backstage, bearer, principal
from serve.ingest import SEGMENT_BYTES, decode_cloudevents, decode_segment, one_event, read_body, write_key
from serve.ingest.contract import CLOUD_EVENT, MESSAGES
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
EVENT = CLOUD_EVENT.json_schema()


def _messages(kind: str) -> dict[str, Any]:
    """JSON schema of a Segment body."""
    if kind != "batch":
        schema = MESSAGES[kind].json_schema()
        return {**schema, "required": [name for name in schema["required"] if name != "type"]}
    any_of = {"anyOf": [message.json_schema() for message in MESSAGES.values()]}
    return {"type": "object", "required": ["batch"], "properties": {"batch": {"type": "array", "items": any_of}}}


def _body(schemas: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """OpenAPI's description of a body that the route reads by itself."""
    return {"requestBody": {"required": True, "content": {kind: {"schema": s} for kind, s in schemas.items()}}}


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
            "application/cloudevents+json": EVENT,
            "application/cloudevents-batch+json": {"type": "array", "items": EVENT},
            "application/json": {"anyOf": [EVENT, {"type": "array", "items": EVENT}]},
            "application/x-ndjson": {"type": "string"},
        }
    ),
)
async def events(request: Request) -> Response:
    """CloudEvents 1.0: structured, batched or binary mode; NDJSON in bulk. 207 where some rows are refused."""
    stage = backstage(request)
    await principal(request, "ingest")
    limit = stage.spec.max_body_bytes
    body = read_body(await request.body(), request.headers.get("content-encoding", ""), limit)
    content_type = request.headers.get("content-type", "")
    event = one_event(body, content_type, request.headers)
    if event is not None:
        receipt = await stage.interactions.take_event(event)
    else:
        receipt = await stage.interactions.take(decode_cloudevents(body, content_type, request.headers, now_us()))
    bad = receipt["rejected_total"]
    return _json(receipt, 200 if not bad else 207 if receipt["accepted"] + receipt["duplicate"] else 400)


def _segment_route(kind: str) -> None:
    @router.post(
        f"/v1/{kind}",
        response_model=Receipt,
        responses=UNREADABLE,
        summary=f"Segment {kind}",
        openapi_extra=_body({"application/json": _messages(kind)}),
    )
    async def segment(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        stage = backstage(request)
        body = read_body(await request.body(), request.headers.get("content-encoding", ""), SEGMENT_BYTES)
        who = await principal(request, "ingest", _write_key(request, body))
        receipt = await stage.interactions.take(decode_segment(kind, body, now_us(), source=who.name))
        return _json(receipt, 200)


for _kind in ("track", "identify", "page", "screen", "group", "alias", "batch"):
    _segment_route(_kind)


def _write_key(request: Request, body: bytes) -> str | None:
    """Segment's write key: the user name of basic auth, else ``writeKey`` in the body."""
    header = request.headers.get("authorization", "")
    if header.lower().startswith("basic "):
        try:
            return base64.b64decode(header[6:], validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            raise Denied("authorization", "is not valid basic authentication") from None
    return None if bearer(request) else write_key(body)


def _json(receipt: Answer, status: int) -> Response:
    return Response(orjson.dumps(receipt), status, media_type="application/json")
