"""Routes of ingest: they read their requests and make their answers by themselves, for speed."""

from __future__ import annotations

from typing import Any

import orjson
import xxhash
from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from serve.interactions import Answer
from serve.problems import REFUSALS, Failure

UNREADABLE: dict[int | str, dict[str, Any]] = {
    **REFUSALS,
    415: {"model": Failure, "description": "A content type or encoding that is not read here"},
}


class Plain(APIRoute):
    """A route that reads its request and makes its answer by itself: FastAPI's part would cost more than an event."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in self.methods:
            return await super().handle(scope, receive, send)  # 405
        response: Response = await self.endpoint(Request(scope, receive, send))
        return await response(scope, receive, send)


def described(schemas: dict[str, tuple[dict[str, Any], Any]]) -> dict[str, Any]:
    """OpenAPI's description of a body that the route reads by itself: by content type, its schema and an example."""
    content = {kind: {"schema": schema, "example": example} for kind, (schema, example) in schemas.items()}
    return {"requestBody": {"required": True, "content": content}}


def receipt_response(receipt: Answer, status: int) -> Response:
    """A receipt as JSON."""
    return Response(orjson.dumps(receipt), status, media_type="application/json")


def size_told(request: Request) -> int:
    """Bytes that a request says its body has; 0 where it does not say."""
    told = request.headers.get("content-length", "")
    return int(told) if told.isdecimal() else 0


def request_name(request: Request) -> str | None:
    """What names a request over its retries, where its sender says so."""
    key = request.headers.get("idempotency-key")
    return xxhash.xxh3_128_hexdigest(key.encode()) if key else None
