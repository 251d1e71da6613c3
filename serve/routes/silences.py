"""Silences: of whose alerts nobody is told for a while."""

from __future__ import annotations

import secrets
import time
from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from actors.alerts import matching
from events.errors import Rejected
from serve.gateway import gateway_of, principal
from serve.problems import REFUSALS, Missing
from serve.routes.commands import command
from serve.routes.read import topic_data

router = APIRouter(tags=["commands"], responses=REFUSALS)


class NewSilence(BaseModel):
    """``matchers`` of labels (``rule``, ``severity``, ``metric``, ``key``, and those of the rule), all of which must hold;
    and its end: ``until``, ``for_s``, or ``until_resolved``."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"matchers": ['rule="Many refunds"'], "for_s": 3600, "comment": "sale"}]},
    )

    matchers: Annotated[list[Annotated[str, Field(max_length=300)]], Field(min_length=1, max_length=matching.MOST)]
    until: AwareDatetime | None = None
    for_s: Annotated[float, Field(gt=0, le=86_400 * 366, allow_inf_nan=False)] | None = None
    until_resolved: bool = False
    """It ends as soon as nothing that it matches fires any more."""
    comment: Annotated[str, Field(max_length=500)] = ""


class Silence(BaseModel):
    """``t`` and ``until`` in seconds UTC; ``until`` null: until what it matches is resolved."""

    id: str
    matchers: list[str]
    by: str
    comment: str
    t: float
    until: float | None


class Silences(BaseModel):
    silences: list[Silence]


@router.get("/v1/silences", response_model=Silences)
async def silences(request: Request) -> Silences:
    """The silences that hold, newest first."""
    await principal(request, "query")
    topic = await topic_data(gateway_of(request), "silences", "")
    found = [Silence.model_validate(silence) for silence in topic.data.values()]
    return Silences(silences=sorted(found, key=lambda silence: (-silence.t, silence.id)))


@router.post("/v1/silences", response_model=Silence, status_code=201)
async def create_silence(request: Request, wanted: NewSilence) -> Silence:
    """Tell nobody of alerts that match, until an end that is said. Alerts go on firing, and the page shows them."""
    who = await principal(request, "control")
    for number, matcher in enumerate(wanted.matchers):
        try:
            matching.read(matcher)
        except ValueError as error:
            raise Rejected(f"matchers.{number}", str(error)) from None
    now = time.time()
    ends = [wanted.until is not None, wanted.for_s is not None, wanted.until_resolved]
    if sum(ends) != 1:
        raise Rejected(
            "until", "say one of `until`, `for_s` and `until_resolved`: a silence without an end is forgotten"
        )
    until = wanted.until.timestamp() if wanted.until else now + wanted.for_s if wanted.for_s else None
    if until is not None and until <= now:
        raise Rejected("until", "is over already")
    id_ = f"silence_{secrets.token_hex(6)}"
    made = Silence(id=id_, matchers=wanted.matchers, comment=wanted.comment, by=who.name, t=now, until=until)
    said = made.model_dump(include={"matchers", "comment", "by"})
    await command(gateway_of(request), "silence.created", id_, {**said, "until_us": until and int(until * 1e6)})
    return made


@router.delete("/v1/silences/{id}", status_code=204)
async def end_silence(request: Request, id: str) -> Response:
    """End a silence: what fires still, and nobody was told of, is told now."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    if id not in (await topic_data(gateway, "silences", "")).data:
        raise Missing("id", f"there is no silence {id!r}; GET /v1/silences lists those that hold")
    await command(gateway, "silence.ended", id, {"by": who.name})
    return Response(status_code=204)
