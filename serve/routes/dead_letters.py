"""Refused rows: look at them, mend them, and have them recorded after all."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from serve.gateway import Gateway, gateway_of, principal
from serve.ingest import mending
from serve.interactions import now_us
from serve.parameters import known_parameters, seconds_since
from serve.problems import REFUSALS
from serve.replaying import Letter, Mended, Wanted, letters, mend, replay

router = APIRouter(tags=["dead letters"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
Text = Annotated[str, Query(max_length=500)]
MOST = 1_000
SHOWN = 20


class DeadLetter(BaseModel):
    """A refused row. ``id`` names the letter; ``payload`` is what was sent; ``at``: when it was refused, seconds UTC."""

    id: str
    at: float
    stream: str
    field: str
    reason: str
    payload: str
    event_id: str | None
    source: str | None
    replayed: bool


class DeadLetters(BaseModel):
    """The newest first; ``total``: how many there are."""

    letters: list[DeadLetter]
    total: int


class Replay(BaseModel):
    """Which letters: one by its ``id``, or the newest with this ``field``, this part of the ``reason``, ``since`` then.
    ``set``: by dotted path of a field a JMESPath expression over what was sent; one that finds nothing takes it away."""

    id: Annotated[str, Field(max_length=500)] = ""
    field: Annotated[str, Field(max_length=200)] = ""
    reason: Annotated[str, Field(max_length=500)] = ""
    since: Annotated[str, Field(max_length=64)] = ""
    set: Annotated[dict[mending.Path, mending.Expression], Field(max_length=50)] = {}
    limit: Annotated[int, Field(ge=1, le=MOST)] = 100
    dry_run: bool = False

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"field": "time", "set": {"time": "data.when"}, "dry_run": True}]},
    )


class StillRefused(BaseModel):
    id: str
    field: str
    reason: str


class Replayed(BaseModel):
    """``accepted``: recorded now (with ``dry_run``: would be, unless they are known); ``duplicate``: were there already.
    ``refused`` (the first hundred): what is still wrong. ``events``: the first ones, as they are recorded."""

    accepted: int
    duplicate: int
    refused: list[StillRefused]
    refused_total: int
    events: list[dict[str, Any]]


@router.get("/v1/dead_letters", response_model=DeadLetters)
async def list_dead_letters(
    request: Request,
    id: Text = "",
    stream: Text = "",
    field: Text = "",
    reason: Annotated[Text, Query(description="Part of the reason")] = "",
    since: Text = "",
    replayed: Annotated[bool, Query(description="Those that were replayed, too")] = False,
    limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
) -> DeadLetters:
    """Refused rows that wait to be mended, newest first."""
    await principal(request, "query")
    start = seconds_since(since, now_us() / 1e6) if since else 0.0
    wanted = Wanted(id, stream, field, reason, int(start * 1e6), replayed)
    found, total = await _letters(request, wanted, limit)
    return DeadLetters(letters=[_shown(letter) for letter in found], total=total)


@router.post("/v1/dead_letters/replay", response_model=Replayed)
async def replay_dead_letters(request: Request, wanted: Replay) -> Replayed:
    """Mend refused rows and record them. Each is recorded once, however often this is asked."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    mending.check(wanted.set)
    start = seconds_since(wanted.since, now_us() / 1e6) if wanted.since else 0.0
    about = Wanted(wanted.id, "", wanted.field, wanted.reason, int(start * 1e6), bool(wanted.id))
    found, _ = await _letters(request, about, wanted.limit)
    mended = [mend(one, wanted.set, who.source, now_us(), gateway.spec.max_ahead_us) for one in reversed(found)]
    good = [one for one in mended if one.row is not None]
    if wanted.dry_run:
        accepted, duplicate, refused = len(good), 0, [one for one in mended if one.row is None]
    else:
        accepted, duplicate, refused = await replay(gateway.interactions.collector, mended, now_us())
    return Replayed(
        accepted=accepted,
        duplicate=duplicate,
        refused=[_refused(one) for one in refused[:100]],
        refused_total=len(refused),
        events=[dict(one.event or {}) for one in good[:SHOWN]],
    )


async def _letters(request: Request, wanted: Wanted, limit: int) -> tuple[list[Letter], int]:
    gateway: Gateway = gateway_of(request)
    return await gateway.queries.run(request, lambda stop: letters(gateway.apart, wanted, limit, stop))


def _shown(letter: Letter) -> DeadLetter:
    return DeadLetter(
        id=letter.place,
        at=letter.at / 1e6,
        stream=letter.stream,
        field=letter.field,
        reason=letter.reason,
        payload=(letter.payload or b"").decode("utf-8", "replace"),
        event_id=letter.id,
        source=letter.source,
        replayed=letter.replayed,
    )


def _refused(one: Mended) -> StillRefused:
    return StillRefused(id=one.letter.place, field=one.faults[0].field, reason=one.faults[0].reason)
