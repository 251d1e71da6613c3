"""A query by its cheapest way, with what was found out about it: the optimizer's own door."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from query.answers import Answer
from query.optimizing.optimizer import Optimized
from serve.gateway import gateway_of, principal
from serve.parameters import known_parameters
from serve.problems import REFUSALS
from serve.routes.questions import about_of

router = APIRouter(tags=["read"], responses=REFUSALS, dependencies=[Depends(known_parameters)])


class Wanted(BaseModel):
    """``query``: SQL, or a typed question. ``data_size``: rows that it is about; null: measured."""

    query: Annotated[str, Field(min_length=1, max_length=100_000)] | dict[str, Any]
    data_size: Annotated[int | None, Field(ge=0, le=2**53)] = None

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"query": "SELECT count(*) FROM user_interactions"}]}
    )


class Touched(BaseModel):
    """Of one stream: rows to read at most, the columns that are needed, and the span of event time; null: open."""

    rows: int
    columns: list[str]
    since: str | None
    until: str | None


class Index(BaseModel):
    """Of one stream: its archived files, those of them that the query need not open (by their least and greatest event
    times), with their rows and bytes; and how many files lie over one moment at most."""

    files: int
    skipped: int
    rows_skipped: int
    bytes_skipped: int
    depth: int


class Result(BaseModel):
    """``result``: rows as objects for SQL, the answer for a question. ``way``: ``cached``, ``partitioned`` (above a million
    rows) or ``optimized``. ``streams``: what the query touches, as it was estimated before it ran; ``indexes``: what of
    the archive it need not read."""

    result: Any
    way: str
    data_size: int
    partitions: int
    streams: dict[str, Touched]
    indexes: dict[str, Index]
    elapsed_ms: float


@router.post("/v1/optimize", response_model=Result)
async def optimize(request: Request, wanted: Wanted) -> Result:
    """Answer SQL or a typed question, and say by which way: from the cache, in parts at the same time, or in one piece."""
    who = await principal(request, "query")
    gateway = gateway_of(request)
    query = wanted.query
    about = {"now": time.time(), "commands": who.may("admin")}
    if not isinstance(query, str):
        about = await about_of(gateway, query)
    optimize = gateway.optimizer.optimize_analytics_performance

    def work(stop: Any) -> Result:
        return _shown(optimize(query, wanted.data_size, stop=stop, **about))

    return await gateway.queries.run(request, work)


def _shown(found: Optimized) -> Result:
    result = found.result.objects() if isinstance(found.result, Answer) else found.result
    streams = {
        name: Touched(rows=t.rows, columns=list(t.columns), since=t.since, until=t.until)
        for name, t in found.analysis.streams.items()
    }
    return Result(
        result=result,
        way=found.way,
        data_size=found.rows,
        partitions=found.partitions,
        streams=streams,
        indexes={name: Index(**asdict(index)) for name, index in found.indexes.items()},
        elapsed_ms=found.elapsed_ms,
    )
