"""The newest events, with filters: what the page's Events list and a user's timeline ask for."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from events.errors import Rejected
from events.nearest import did_you_mean
from query.history import History
from query.recent import TEXTS, Wanted, recent
from query.rows import as_objects
from serve.gateway import gateway_of, principal
from serve.moments import AsOf, asked
from serve.parameters import known_parameters, seconds_since
from serve.problems import REFUSALS

router = APIRouter(tags=["read"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
Text = Annotated[str, Query(max_length=500)]
MOST_TYPES = 200
NONE: list[str] = []
WHERE = f"`COLUMN=VALUE`: a column of text and the value that it has; columns are {', '.join(TEXTS)}"
AHEAD_S = 86_400.0
"""How far ahead of now ``until`` is where it is not given: events may be ahead of the clock."""


class Interactions(BaseModel):
    """``events``: received last first, each with its place (``producer``, ``offset``). ``complete``: whether all of the span
    was looked through, or ``limit`` were found before that; else ``looked_at`` rows were, and older ones may match too."""

    events: list[dict[str, Any]]
    looked_at: int
    complete: bool


@router.get("/v1/interactions", response_model=Interactions)
async def interactions(
    request: Request,
    type: Annotated[list[str], Query(max_length=MOST_TYPES, description="One of these types")] = NONE,
    source: Text = "",
    subject: Text = "",
    text: Annotated[Text, Query(description="Part of an id, a type, a subject or the properties")] = "",
    where: Annotated[list[str], Query(max_length=10, description=WHERE, examples=[["currency=EUR"]])] = NONE,
    since: Annotated[str, Query(description="As for `/v1/metrics`", examples=["1h"])] = "1h",
    until: str = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    as_of: AsOf = "",
) -> Interactions:
    """The newest events of `user_interactions` that match, read backwards from the end of the log: never all of it."""
    await principal(request, "query")
    gateway = gateway_of(request)
    moment, _, now = await asked(gateway, as_of)
    start = seconds_since(since, now)
    end = seconds_since(until, now, "until") if until else now + AHEAD_S
    if end <= start:
        raise Rejected("until", f"must be later than since; got since={since!r}, until={until!r}")
    types = tuple(name for name in type if name)
    wanted = Wanted(int(start * 1e6), int(end * 1e6), types, source, subject, text, tuple(map(_column, where)))
    history = History(gateway.log, gateway.spec.tenant, commands=False, moment=moment)
    found = await asyncio.to_thread(recent, history, wanted, limit)
    return Interactions(events=as_objects(found.rows), looked_at=found.looked_at, complete=found.complete)


def _column(said: str) -> tuple[str, str]:
    """(column, value) of one ``where``. Raises ``Rejected``."""
    column, equals, value = said.partition("=")
    if not equals or not value:
        raise Rejected("where", f"must be COLUMN=VALUE, such as currency=EUR; got {said[:80]!r}")
    if column not in TEXTS:
        hint, known = did_you_mean(column, TEXTS), ", ".join(TEXTS)
        raise Rejected("where", f"names {column[:40]!r}, which is no column of text{hint}; columns are {known}")
    return column, value
