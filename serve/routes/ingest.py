"""Ingest: CloudEvents 1.0. An answer comes after the durable commit, with a verdict a row."""

from __future__ import annotations

import orjson
from fastapi import APIRouter, Request, Response

from serve.gateway import gateway_of, principal
from serve.ingest import decode_cloudevents, decode_table, is_table, one_event, plain_source, read_body
from serve.ingest.contract import CLOUD_EVENT, PLAIN_EVENT
from serve.interactions import Answer, Receipt, now_us
from serve.problems import Failure
from serve.routes.plain import UNREADABLE, Plain, described, receipt_response, request_name, size_told

router = APIRouter(tags=["ingest"], route_class=Plain)
_WHEN = "2026-01-31T09:30:00.125Z"
_PLAIN_EXAMPLE = {"type": "order.placed", "subject": "ada", "data": {"amount": 29, "currency": "EUR"}}
_EVENT_EXAMPLE = {"specversion": "1.0", "id": "order-1", "source": "/shop", "time": _WHEN, **_PLAIN_EXAMPLE}
EVENT = CLOUD_EVENT.json_schema()
PLAIN = PLAIN_EVENT.json_schema()


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

    One, an array, NDJSON in bulk, or up to 20,000 rows as a table in Arrow or Parquet: the columns `type`, `subject`,
    `time`, `id`, `source` and `data`, all others being properties. 207 where some rows are refused, each with all
    its faults.
    """
    gateway = gateway_of(request)
    interactions = gateway.interactions
    who = await principal(request, "ingest")
    limit, ahead_us = gateway.spec.max_body_bytes, gateway.spec.max_ahead_us
    content_type = request.headers.get("content-type", "")
    name = request_name(request)
    with interactions.coming.one(size_told(request)):
        body = read_body(await request.body(), request.headers.get("content-encoding", ""), limit)
        if is_table(content_type):
            read = decode_table(body, content_type, now_us(), who.source, ahead_us, name)
        elif name is None and (event := one_event(body, content_type, request.headers)) is not None:
            read = event
        else:
            read = decode_cloudevents(body, content_type, request.headers, now_us(), who.source, ahead_us, name)
    if isinstance(read, bytes):
        return _answer(await interactions.take_event(read, plain_source(content_type, who.source)))
    return _answer(await interactions.take(read, who.source))


def _answer(receipt: Answer) -> Response:
    bad = receipt["rejected_total"]
    return receipt_response(receipt, 200 if not bad else 207 if receipt["accepted"] + receipt["duplicate"] else 400)
