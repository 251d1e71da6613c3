"""Annotations: what happened when, in a few words, for charts to show beside their figures."""

from __future__ import annotations

import secrets
import time
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from events.catalog import ANNOTATIONS, rows
from events.errors import Rejected
from serve.access import Forbidden
from serve.gateway import Gateway, gateway_of, principal
from serve.parameters import known_parameters, seconds_since
from serve.problems import REFUSALS, Missing
from serve.routes.read import sql_answer

router = APIRouter(tags=["annotations"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
ADDED, REMOVED = "annotation.added", "annotation.removed"
MOST = 1_000
COLUMNS = ("id", "time", "end", "title", "kind", "about", "link", "dashboard", "author")
HELD = """
SELECT subject AS id, epoch("time") AS "time", epoch("until") AS "end", title, kind, about, link, dashboard, author
FROM (SELECT * FROM annotations QUALIFY row_number() OVER (PARTITION BY subject ORDER BY row_offset DESC) = 1)
WHERE type = 'annotation.added' AND epoch(coalesce("until", "time")) >= {since} AND epoch("time") < {until}
ORDER BY "time" DESC LIMIT {limit}
"""
Kind = Literal["release", "campaign", "incident", "change", "note"]
Moment = float | Annotated[str, Field(min_length=1, max_length=60)]


class NewAnnotation(BaseModel):
    """``time`` and ``end``: seconds UTC, ISO 8601, or how long ago (``5m``); no ``time`` is now, no ``end`` a moment.

    ``id``: the same id again is a new version of it; ``dashboard``: shown on that one only.
    """

    title: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*\S[^\x00-\x1f]*$")]
    time: Moment | None = None
    end: Moment | None = None
    kind: Kind = "note"
    about: Annotated[str, Field(max_length=2_000)] = ""
    link: Annotated[str, Field(max_length=1_000, pattern=r"^(https?://.*)?$")] = ""
    dashboard: Annotated[str, Field(max_length=64)] = ""
    id: Annotated[str, Field(min_length=1, max_length=120)] | None = None

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"title": "Release 2.1", "kind": "release"}]}
    )


class Annotation(BaseModel):
    """``time`` and ``end``: seconds UTC."""

    id: str
    time: float
    end: float | None = None
    title: str
    kind: str
    about: str = ""
    link: str = ""
    dashboard: str = ""
    author: str = ""


class Annotations(BaseModel):
    annotations: list[Annotation]


@router.post("/v1/annotations", response_model=Annotation, status_code=201)
async def annotate(request: Request, wanted: NewAnnotation) -> Annotation:
    """Say what happened: a release, a campaign, an incident. Takes a key with the scope ``ingest`` or ``control``."""
    who = await principal(request, "ingest") if await _may_only_send(request) else await principal(request, "control")
    now = time.time()
    at = _seconds(wanted.time, now, "time")
    end = None if wanted.end is None else _seconds(wanted.end, now, "end")
    if end is not None and end < at:
        raise Rejected("end", "lies before time; leave it out for a moment")
    made = Annotation(
        id=wanted.id or "ann_" + secrets.token_hex(8),
        time=at,
        end=end,
        author=who.name,
        **wanted.model_dump(include={"title", "kind", "about", "link", "dashboard"}),
    )
    await _tell(gateway_of(request), ADDED, made, at)
    return made


@router.get("/v1/annotations", response_model=Annotations)
async def list_annotations(
    request: Request,
    since: Annotated[str, Query(description="ISO 8601, seconds since 1970, or how long ago", examples=["7d"])] = "30d",
    until: str = "",
    limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
) -> Annotations:
    """The annotations of a span, newest first; one that lasts belongs to every span that it touches."""
    await principal(request, "query")
    now = time.time()
    span = {"since": seconds_since(since, now), "until": seconds_since(until, now, "until") if until else 4e9}
    return Annotations(annotations=await _held(request, limit=limit, **span))


@router.delete("/v1/annotations/{id}", status_code=204)
async def remove_annotation(request: Request, id: str) -> Response:
    """Take an annotation back; what it said stays in the stream."""
    await principal(request, "control")
    gateway = gateway_of(request)
    known = next((one for one in await _held(request, 0, 4e9, MOST) if one.id == id), None)
    if known is None:
        raise Missing("id", f"there is no annotation {id!r}")
    await _tell(gateway, REMOVED, known, known.time)
    return Response(status_code=204)


async def _may_only_send(request: Request) -> bool:
    """Whether the key may send events, and give no commands."""
    try:
        await principal(request, "control")
    except Forbidden:
        return True
    return False


def _seconds(said: float | str | None, now: float, field: str) -> float:
    if said is None:
        return now
    return seconds_since(str(said), now, field)


async def _held(request: Request, since: float, until: float, limit: int) -> list[Annotation]:
    answer = await sql_answer(request, HELD.format(since=since, until=until, limit=limit), limit)
    told = (dict(zip(COLUMNS, row, strict=True)) for row in answer.rows)
    return [Annotation.model_validate({k: v for k, v in one.items() if v is not None}) for one in told]


async def _tell(gateway: Gateway, type_: str, one: Annotation, at: float) -> None:
    now = time.time_ns() // 1000
    columns: dict[str, Any] = {
        "id": secrets.token_hex(16),
        "source": "gateway",
        "type": type_,
        "subject": one.id,
        "partition_key": one.id,
        "time": round(at * 1e6),
        "received": now,
        "title": one.title,
        "kind": one.kind,
        "about": one.about or None,
        "link": one.link or None,
        "until": None if one.end is None else round(one.end * 1e6),
        "dashboard": one.dashboard or None,
        "author": one.author or None,
    }
    await gateway.collector(ANNOTATIONS.name).push(rows(ANNOTATIONS, columns, 1), None)
