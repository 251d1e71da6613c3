"""A range of metrics in buckets, as a tile or a chart shows it: quick over months, for it is read from roll-ups."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel

from query.apart import deeds
from query.apart.deeds import When
from query.rolled import Range
from serve.gateway import gateway_of, principal
from serve.moments import AsOf, ValidAt, asked
from serve.parameters import known_parameters, seconds_since
from serve.problems import REFUSALS

router = APIRouter(tags=["read"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
POINTS = 60
_STEPS_S = (1, 10, 60, 300, 600, 1_800, 3_600, 7_200, 21_600, 43_200)
_DAY_S = 86_400
COLUMNS = ["metric", "key", "now", "place", "count", "sum", "min", "max", "distinct"]


class MetricRange(BaseModel):
    """``since``, ``until``, ``bucket``: seconds; ``until`` is not included. A row is a bucket of a series that has windows:
    ``place`` counts buckets, and ``now`` is false for those of the span before. ``rollups``: the stream that was read, empty
    where only windows were; ``reread``: buckets of it that had to be read from their windows."""

    since: float
    until: float
    bucket: float
    before: float | None
    columns: list[str]
    rows: list[list[Any]]
    rollups: str
    reread: int
    as_of: str = ""


@router.get("/v1/metrics/range", response_model=MetricRange)
async def metric_range(
    request: Request,
    metric: Annotated[list[str], Query(min_length=1, max_length=200, examples=[["orders"]])],
    since: Annotated[str, Query(description="As everywhere: ISO 8601, seconds since 1970, or a time ago")] = "24h",
    until: str = "",
    bucket: Annotated[float | None, Query(ge=1, le=4e9, description="Seconds; without it about sixty buckets")] = None,
    before: Annotated[
        float | None, Query(ge=0, le=4e9, description="The same span so many seconds earlier, too")
    ] = None,
    as_of: AsOf = "",
    valid_at: ValidAt = "",
) -> MetricRange:
    """Metrics over a range: the figures of their windows put together in buckets, for each series.

    A window belongs to the bucket in which it starts. Where ``since`` and ``bucket`` are whole minutes, hours or days (UTC),
    roll-ups answer; without ``bucket`` the beginning is moved back so that they are.
    """
    await principal(request, "query")
    gateway = gateway_of(request)
    about = await asked(gateway, as_of, valid_at)
    start = seconds_since(since, about.now_s)
    end = seconds_since(until, about.now_s, "until") if until else about.now_s
    if bucket is None:
        bucket = bucket_of(end - start)
        edge = next(step for step in (_DAY_S, 3_600, 60, 1) if bucket % step == 0)
        start = start // edge * edge
    shift = round((before or 0) * 1e6)
    wanted = Range(tuple(dict.fromkeys(metric)), round(start * 1e6), round(end * 1e6), round(bucket * 1e6))
    spans = [wanted] if before is None else [wanted, wanted.earlier(shift)]
    deed = partial(deeds.ranges, asked=spans, when=When(about.moment, about.valid_at))
    found = await gateway.queries.run(request, lambda stop: gateway.apart.do(deed, stop))
    rows = [[*row[:2], not n, *row[2:]] for n, one in enumerate(found.spans) for row in one.answer.rows()]
    return MetricRange(
        since=start,
        until=end,
        bucket=bucket,
        before=before,
        columns=COLUMNS,
        rows=rows,
        rollups=found.spans[0].level,
        reread=sum(one.reread for one in found.spans),
        as_of=found.as_of,
    )


def bucket_of(seconds: float) -> int:
    """Seconds of a bucket of which about sixty make the span: a length that clocks have."""
    for step in _STEPS_S:
        if seconds <= step * POINTS:
            return step
    return max(1, round(seconds / POINTS / _DAY_S)) * _DAY_S
