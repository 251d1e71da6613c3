"""Point-in-time tables: made as of a moment, kept under a name, and made again just as they were."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

import orjson
import pyarrow as pa
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

from actors.definitions.checking import Wanted
from actors.definitions.inventory import Key
from events.errors import Rejected
from query import as_of as moments
from query.answers import Answer, Column
from query.apart import deeds
from query.bounds import Stop
from query.forms import ARROW, CSV, JSON, WRITERS
from query.point_in_time.making import LIMITS, Made, table_of
from query.point_in_time.saved import Pin, State
from query.point_in_time.schema import Table
from query.questions.mistakes import refused
from serve.defining import define, found
from serve.gateway import Gateway, gateway_of, principal
from serve.moments import Asked, asked
from serve.parameters import known_parameters
from serve.problems import REFUSALS, Failure
from serve.routes.query import form_of

router = APIRouter(tags=["tables"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
KIND = "table"
ERASED = "subject.erased"
EXAMPLE: JsonDict = {
    "rows": [{"key": "user-1", "at": "2026-01-31T00:00:00Z", "label": 1}],
    "features": [
        {"name": "orders_30d", "event": "order.placed", "window": "30d"},
        {"name": "spent", "aggregate": "sum", "of": "value", "window": "30d"},
        {"name": "idle_days", "aggregate": "days_since"},
    ],
}


class WantedTable(BaseModel):
    """``rows``, or SQL as ``rows_from``; ``features``; ``given``: see docs/tables.md. ``pin``: the name to keep it under."""

    as_of: Annotated[str | None, Field(max_length=100_000)] = None
    pin: Annotated[str | None, Field(min_length=1, max_length=200)] = None
    about: Annotated[str, Field(max_length=1_000)] = ""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [EXAMPLE]})


class MadeTable(BaseModel):
    """``state``: ``live``; of a pinned table ``pinned``, ``erased`` (somebody in it was erased since) or ``changed``."""

    columns: list[dict[str, str]]
    rows: list[list[Any]]
    as_of: str
    digest: str
    state: State
    warnings: list[str]


FORMS: dict[int | str, dict[str, Any]] = {
    200: {"content": {CSV: {"schema": {"type": "string"}}, ARROW: {"schema": {"type": "string", "format": "binary"}}}},
    406: {"model": Failure, "description": "`Accept` asks for a form that there is not"},
}


@router.post("/v1/tables", response_model=MadeTable, responses=FORMS)
async def make(request: Request, wanted: WantedTable) -> Response:
    """Make a table: for each row (a key and a moment) what had happened and was known by then. `pin` takes scope control."""
    who = await principal(request, "query")
    form = form_of(request.headers.get("accept", ""))
    if wanted.pin is not None:
        who = await principal(request, "control")
    gateway = gateway_of(request)
    said: dict[str, Any] = {**(wanted.model_extra or {})}
    table = table_of(said)
    about = await asked(gateway, wanted.as_of)
    made = await _made(request, gateway, table, about)
    state: State = "live"
    if wanted.pin is not None:
        kept = {"about": wanted.about, "as_of": made.as_of, "made_us": _us(about), "digest": made.digest}
        spec = _pin({**table.model_dump(mode="json"), "name": wanted.pin, **kept}).model_dump(mode="json")
        await define(gateway, [Wanted(KIND, wanted.pin, spec)], who.name)
        state = "pinned"
    return _answer(made, state, form)


@router.get("/v1/tables/{name:path}", response_model=MadeTable, responses=FORMS)
async def show(request: Request, name: Annotated[str, Path(min_length=1, max_length=200)]) -> Response:
    """A table that is kept: a pinned one as of its moment, and what became of it; another one as of now."""
    await principal(request, "query")
    form = form_of(request.headers.get("accept", ""))
    gateway = gateway_of(request)
    await gateway.access.refresh()
    pin = _pin(found(gateway, Key(KIND, name))["spec"] or {})
    about = await asked(gateway, pin.as_of)
    if pin.made_us is not None:
        about = about._replace(now_s=pin.made_us / 1e6)
    made = await _made(request, gateway, pin, about)
    since = pin.made_us is not None and await _erased_since(request, gateway, pin.made_us)
    return _answer(made, pin.state(made.digest, since), form)


def _pin(said: dict[str, Any]) -> Pin:
    try:
        return Pin.model_validate(said)
    except ValidationError as error:
        raise refused(error, Pin, "a table") from None


def _us(about: Asked) -> int:
    return round(about.now_s * 1e6)


async def _made(request: Request, gateway: Gateway, table: Table, about: Asked) -> Made:
    limits = replace(LIMITS, memory_bytes=gateway.queries.limits.memory_bytes)
    moment = about.moment or await asyncio.to_thread(moments.now, gateway.log, gateway.spec.tenant)

    def work(stop: Stop) -> Made:
        deed = partial(deeds.table, asked=table, now_us=_us(about), moment=moment)
        return gateway.apart.do(deed, stop, limits)

    return await gateway.queries.run(request, work)


async def _erased_since(request: Request, gateway: Gateway, us: int) -> bool:
    sql = f"SELECT 1 FROM control WHERE type = '{ERASED}' AND epoch_us(time) >= {us} LIMIT 1"
    deed = partial(deeds.statement, sql=sql, commands=True)
    return bool((await gateway.queries.run(request, lambda stop: gateway.apart.do(deed, stop))).table.num_rows)


def _answer(made: Made, state: State, form: str) -> Response:
    told = {"as_of": made.as_of, "digest": made.digest, "state": state, "warnings": made.warnings}
    table = made.table.replace_schema_metadata({f"hindcast.{k}": json.dumps(v) for k, v in told.items()})
    columns = [Column(field.name, str(field.type)) for field in table.schema]
    if form == JSON:
        body = _json(columns, table, told)
    else:
        body = WRITERS[form](Answer(columns, table, truncated=False, elapsed_ms=0.0, as_of=made.as_of))
    headers = {"hindcast-as-of": made.as_of, "hindcast-digest": made.digest, "hindcast-state": state}
    return Response(body, media_type=form, headers=headers)


def _json(columns: list[Column], table: pa.Table, told: dict[str, Any]) -> bytes:
    from query.rows import as_rows

    try:
        return orjson.dumps({"columns": [column._asdict() for column in columns], "rows": as_rows(table), **told})
    except TypeError as error:
        raise Rejected("features", f"has values that JSON cannot hold ({error}); ask for Arrow") from None
