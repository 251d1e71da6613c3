"""Ingest: CloudEvents 1.0. An answer comes after the durable commit, with a verdict a row."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from serve.backstage import backstage, principal
from serve.ingest import decode_cloudevents, one_event, read_body
from serve.ingest.contract import CLOUD_EVENT
from serve.interactions import Receipt, now_us
from serve.problems import Failure
from serve.routes.plain import UNREADABLE, Plain, described, receipt_response

router = APIRouter(tags=["ingest"], route_class=Plain)
EVENT = CLOUD_EVENT.json_schema()


@router.post(
    "/v1/events",
    response_model=Receipt,
    responses={
        **UNREADABLE,
        207: {"model": Receipt, "description": "Some rows were refused"},
        400: {"model": Receipt | Failure, "description": "No row, or the body as a whole, can be read"},
    },
    openapi_extra=described(
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
    return receipt_response(receipt, 200 if not bad else 207 if receipt["accepted"] + receipt["duplicate"] else 400)
