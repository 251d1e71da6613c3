"""SQL over the streams, answered as JSON, CSV, Arrow or Parquet."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from query.forms import ARROW, CSV, JSON, PARQUET, WRITERS, Written
from serve.gateway import gateway_of, principal
from serve.moments import asked
from serve.parameters import known_parameters
from serve.problems import REFUSALS, Failure, NotAcceptable
from serve.routes.read import Result

router = APIRouter(tags=["read"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
ROWS = 10_000
"""Rows of JSON, where the request names no limit."""
BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
EXAMPLE: JsonDict = {"sql": "SELECT type, count(*) AS n FROM user_interactions GROUP BY type ORDER BY n DESC"}


class Sql(BaseModel):
    """``limit``: rows of the answer at most; without it 10,000 of JSON, else as many as ``queries.rows`` allows."""

    sql: Annotated[str, Field(min_length=1, max_length=100_000)]
    limit: Annotated[int | None, Field(ge=1, le=100_000_000)] = None
    as_of: Annotated[str | None, Field(max_length=100_000)] = None
    """What was known then: ISO 8601, seconds since 1970, how long ago (`1h`), or the `as_of` of an earlier answer."""
    valid_at: Annotated[str | None, Field(max_length=100)] = None
    """Only rows of events up to that time, whenever they became known."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})


@router.post(
    "/v1/query",
    response_model=Result,
    responses={
        200: {"content": {CSV: {"schema": {"type": "string"}}, ARROW: BINARY, PARQUET: BINARY}},
        406: {"model": Failure, "description": "`Accept` asks for a form that there is not"},
    },
)
async def query(request: Request, wanted: Sql) -> Response:
    """One read-only SQL statement over the streams (DuckDB's dialect). ``control`` takes scope admin.

    `Accept` chooses the form: JSON, `text/csv`, Arrow's stream format, or Parquet. The header `hindcast-truncated` says
    whether rows were cut off, and `hindcast-as-of` has the moment that the answer stands on: `as_of` takes it.
    """
    who = await principal(request, "query")
    form = form_of(request.headers.get("accept", ""))
    gateway = gateway_of(request)
    rows = wanted.limit if wanted.limit is not None or form != JSON else ROWS
    commands = who.may("admin")
    about = await asked(gateway, wanted.as_of, wanted.valid_at)

    def work(stop: Any) -> tuple[bytes, Written]:
        answer: Written = gateway.optimizer.sql(
            wanted.sql,
            rows=rows,
            commands=commands,
            stop=stop,
            moment=about.moment,
            valid_at=about.valid_at,
            form=form,
        ).result
        return answer.body, answer

    body, answer = await gateway.queries.run(request, work)
    headers = {"hindcast-truncated": str(answer.truncated).lower(), "hindcast-as-of": answer.as_of}
    return Response(body, media_type=form, headers=headers)


def form_of(accept: str) -> str:
    """The content type to answer with: the best of those that ``Accept`` names. Raises ``NotAcceptable`` (406)."""
    if not accept.strip():
        return JSON
    asked: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept.split(",")):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        asked.append((_quality(parameters), -place, name))
    for quality, _, name in sorted(asked, reverse=True):
        for form in WRITERS:
            if quality > 0 and name in (form, "*/*", f"{form.partition('/')[0]}/*"):
                return form
    raise NotAcceptable("accept", f"asks for {accept[:100]!r}; there are {', '.join(WRITERS)}")


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
