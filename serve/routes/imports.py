"""Imports: files of the past, part by part, each row once however often it is sent."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel

from actors.collectors.arrivals import Part
from events.catalog import USER_INTERACTIONS
from events.envelope import IMPORTER
from events.errors import Rejected
from serve.batching import Committed
from serve.gateway import Gateway, gateway_of, principal
from serve.ingest import decode_import, read_body
from serve.interactions import Receipt, dead_letters, now_us
from serve.parameters import known_parameters
from serve.problems import REFUSALS

router = APIRouter(tags=["ingest"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
Name = Annotated[
    str,
    Path(pattern=r"^[A-Za-z0-9._-]{1,120}$", description="Of the import: made of the content of what is imported"),
]
_NONE: pa.RecordBatch = pa.RecordBatch.from_arrays(
    [pa.nulls(0, field.type) for field in USER_INTERACTIONS.schema], schema=USER_INTERACTIONS.schema
)


class ImportProgress(BaseModel):
    """How far an import is: ``rows`` were judged, ``accepted`` of these are in the log. ``finished``: these are all."""

    name: str
    rows: int
    accepted: int
    finished: bool


@router.get("/v1/imports/{name}", response_model=ImportProgress)
async def import_progress(request: Request, name: Name) -> ImportProgress:
    """How far an import is: it goes on with the row after the last one that was judged."""
    await principal(request, "ingest")
    return await _pushed(gateway_of(request), Part(name, 0, 0))


@router.post("/v1/imports/{name}", response_model=Receipt)
async def import_rows(
    request: Request, name: Name, first: Annotated[int, Query(ge=0, le=2**62, description="The number of rows before")]
) -> dict[str, Any]:
    """Up to 20,000 rows of an import, as a table in Arrow or Parquet. They begin where the last ones ended.

    The columns are those of a table for `/v1/events`; `id` is required. `known` is when a row became known,
    `anonymous_id` who somebody was before they had a name, `context` a JSON object. Rows that were sent before are
    answered as duplicates, however long ago that was. They are of the past: no window waits for them, and nobody is told.
    """
    await principal(request, "ingest")
    gateway = gateway_of(request)
    body = read_body(await request.body(), request.headers.get("content-encoding", ""), gateway.spec.max_body_bytes)
    decoded = decode_import(body, request.headers.get("content-type", ""), now_us(), gateway.spec.max_ahead_us)
    refused = dead_letters(decoded.refused, now_us()) if decoded.refused else None
    part = Part(name, first, first + decoded.rows)
    ack = await gateway.hosts.push(_cell(gateway), decoded.batch, refused, part)
    return gateway.interactions.receipt(decoded, Committed(np.frombuffer(ack.verdict, np.uint8), ack.offset))


@router.post("/v1/imports/{name}/finish", response_model=ImportProgress)
async def finish_import(
    request: Request,
    name: Name,
    rows: Annotated[int, Query(ge=0, le=2**62, description="How many rows it has in all")],
    file: Annotated[str, Query(max_length=500, description="What it was made of, for people")] = "",
) -> ImportProgress:
    """All rows are there. The windows of the past that they belong to are now counted anew; nobody is notified."""
    await principal(request, "ingest")
    found = await _pushed(gateway_of(request), Part(name, 0, 0))
    if found.rows != rows:
        raise Rejected("rows", f"is {rows}, but {found.rows} were judged: send the others first")
    return await _pushed(gateway_of(request), Part(name, rows, rows, finished=file))


async def _pushed(gateway: Gateway, part: Part) -> ImportProgress:
    ack = await gateway.hosts.push(_cell(gateway), _NONE, None, part)
    assert ack.place is not None, "the collector of imports says how far it is"
    return ImportProgress(name=part.name, **ack.place._asdict())


def _cell(gateway: Gateway) -> str:
    return f"{gateway.spec.tenant}/{IMPORTER}/0"
