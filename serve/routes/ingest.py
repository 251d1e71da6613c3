"""Ingest: Segment's HTTP API and CloudEvents 1.0. An answer comes after the durable commit, with a verdict a row."""

from __future__ import annotations

import base64
import binascii
import time
from typing import Any

import orjson
import pyarrow as pa
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from actors.collectors.arrivals import CONFLICT, DUPLICATE, REUSED
from events.catalog import DEAD_LETTERS, USER_INTERACTIONS, rows
from events.errors import Rejected
from serve.backstage import Backstage, backstage, bearer, principal
from serve.ingest import SEGMENT_BYTES, Decoded, Refused, decode_cloudevents, decode_segment, read_body, write_key
from serve.ingest.contract import CLOUD_EVENT, MESSAGES
from serve.problems import REFUSALS, Failure

router = APIRouter(tags=["ingest"])
UNREADABLE: dict[int | str, dict[str, Any]] = {
    **REFUSALS,
    415: {"model": Failure, "description": "A content type or encoding that is not read here"},
}
SHOWN = 100


class Verdict(BaseModel):
    """A row that was not accepted."""

    index: int
    id: str | None
    field: str
    reason: str


class Receipt(BaseModel):
    """What became of a request's rows. ``rejected`` shows the first 100; all are in ``dead_letters``."""

    success: bool
    accepted: int
    duplicate: int
    rejected: list[Verdict]
    rejected_total: int
    offset: int | None


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
        receipt = await _commit(stage, decode_segment(kind, body, _now(), source=who.name))
        return _json(receipt, 200)


for _kind in ("track", "identify", "page", "screen", "group", "alias", "batch"):
    _segment_route(_kind)


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
    receipt = await _commit(
        stage, decode_cloudevents(body, request.headers.get("content-type", ""), request.headers, _now())
    )
    bad = receipt["rejected_total"]
    return _json(receipt, 200 if not bad else 207 if receipt["accepted"] + receipt["duplicate"] else 400)


async def _commit(stage: Backstage, decoded: Decoded) -> dict[str, Any]:
    refused = dead_letters(decoded.refused, _now()) if decoded.refused else None
    accepted = duplicate = 0
    offset: int | None = None
    verdicts = [Verdict(index=r.index, id=r.id, field=r.field, reason=r.reason) for r in decoded.refused]
    if decoded.batch.num_rows or refused is not None:
        receipt = await stage.interactions.push(decoded.batch, refused)
        conflicts = (receipt.verdict == CONFLICT).nonzero()[0].tolist()
        duplicate = int((receipt.verdict == DUPLICATE).sum())
        accepted = len(receipt.verdict) - duplicate - len(conflicts)
        offset = receipt.offset if accepted else None
        ids = decoded.batch.column("id")
        verdicts += [
            Verdict(index=int(decoded.index[i]), id=ids[i].as_py(), field="id", reason=REUSED) for i in conflicts
        ]
    verdicts.sort(key=lambda verdict: verdict.index)
    for outcome, n in (("accepted", accepted), ("duplicate", duplicate), ("rejected", len(verdicts))):
        stage.counters.rows[outcome] += n
    return {
        "success": not verdicts,
        "accepted": accepted,
        "duplicate": duplicate,
        "rejected": [verdict.model_dump() for verdict in verdicts[:SHOWN]],
        "rejected_total": len(verdicts),
        "offset": offset,
    }


def dead_letters(refused: list[Refused], received_us: int) -> pa.RecordBatch:
    """Refused rows as ``dead_letters`` rows."""
    columns = {
        "id": [r.id for r in refused],
        "type": "row.rejected",
        "time": received_us,
        "received": received_us,
        "stream": USER_INTERACTIONS.name,
        "field": [r.field for r in refused],
        "reason": [r.reason for r in refused],
        "payload": [r.payload for r in refused],
    }
    return rows(DEAD_LETTERS, columns, len(refused))


def _write_key(request: Request, body: bytes) -> str | None:
    """Segment's write key: the user name of basic auth, else ``writeKey`` in the body."""
    header = request.headers.get("authorization", "")
    if header.lower().startswith("basic "):
        try:
            return base64.b64decode(header[6:], validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            raise Rejected("authorization", "is not valid basic authentication") from None
    return None if bearer(request) else write_key(body)


def _now() -> int:
    return time.time_ns() // 1000


def _json(receipt: dict[str, Any], status: int) -> Response:
    return Response(orjson.dumps(receipt), status, media_type="application/json")
