"""The past, again: backtests of rules and watches, and where a number comes from."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from actors.alerts.wording import Wording
from actors.backtest.asked import Asked
from actors.backtest.budget import Budget
from events.errors import Overloaded, Rejected
from query import as_of as moments
from serve.gateway import gateway_of, principal
from serve.ingest.money import CURRENCY_EXPONENT
from serve.moments import AsOf, ValidAt, asked
from serve.parameters import NO_HINDSIGHT, known_parameters, seconds_since
from serve.problems import REFUSALS
from serve.routes.read import sql_answer

router = APIRouter(tags=["past"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
_one_at_a_time = asyncio.Semaphore(1)
DAY_S = 86_400
REACHES_S = 90 * DAY_S
"""How far back the earliest event is looked for: one whose clock was years off must not stretch the span."""


class Past(BaseModel):
    """Times in ISO 8601. ``known_since``: of the first commit; ``as_of`` reaches back to it. ``happened_since``: of the
    first event of the last 90 days; ``valid_at`` shows something from there on. Null: there is none yet. ``now``: the
    server's clock."""

    known_since: str | None
    happened_since: str | None
    now: str


class Figures(BaseModel):
    """``fit``: precision and recall against the incidents; null without any."""

    pages: int
    pages_per_week: float | None
    firing_s: float
    fit: dict[str, Any] | None


class RuleFigures(Figures):
    rule: str


class Against(Figures):
    what: str


class Difference(BaseModel):
    both: int
    only_here: list[dict[str, str]]
    only_there: list[dict[str, str]]


class Backtest(Figures):
    """``from`` and ``to``: the span that the figures are about."""

    model_config = ConfigDict(extra="allow")

    fold: str
    samples: int
    timeline: list[dict[str, Any]]
    truncated: bool
    rules: list[RuleFigures]
    against: Against
    difference: Difference


@router.get("/v1/past", response_model=Past)
async def past(request: Request) -> Past:
    """The span that `as_of` and `valid_at` can be asked about."""
    await principal(request, "query")
    gateway = gateway_of(request)
    now_us = time.time_ns() // 1000
    since = moments.iso((now_us // 1_000_000 - REACHES_S) // DAY_S * DAY_S * 1_000_000)
    earliest = f"SELECT min(time) FROM user_interactions WHERE time >= '{since}'"
    ((happened,),) = (await sql_answer(request, earliest, None)).rows
    known_us = await asyncio.to_thread(moments.first_commit, gateway.log, gateway.spec.tenant)
    return Past(
        known_since=None if known_us is None else moments.iso(known_us),
        happened_since=happened,
        now=moments.iso(now_us),
    )


class Proposal(BaseModel):
    threshold: float
    pages: int
    pages_per_week: float | None


class Tuned(BaseModel):
    """``threshold``: the one that calls as often as it may and no more; null where none of them does."""

    model_config = ConfigDict(populate_by_name=True)

    rule: str
    pages_per_week: float
    start: Annotated[str, Field(alias="from")]
    end: Annotated[str, Field(alias="to")]
    samples: int
    threshold: float | None
    pages: int | None
    proposals: list[Proposal]


@router.post("/v1/backtest", response_model=Backtest)
async def backtest(request: Request, asked: Asked) -> dict[str, Any]:
    """What alert rules, or anomaly watches, would have done in the past. Nothing is written, and nobody is told.

    One at a time in each gateway: a second one is 429.
    """
    await principal(request, "query")
    gateway = gateway_of(request)
    if _one_at_a_time.locked():
        raise Overloaded("a backtest is running already; try again when it is done", 5.0)

    def run() -> dict[str, Any]:
        from actors.backtest import tasks
        from actors.backtest.run import backtest

        parts, runs = tasks.shared_out(gateway.spec.log, gateway.log)
        wording = Wording({}, CURRENCY_EXPONENT)
        return backtest(gateway.log, gateway.spec.tenant, asked, wording=wording, parts=parts, runs=runs)

    async with _one_at_a_time:
        return await asyncio.to_thread(run)


@router.post("/v1/backtest/tune", response_model=Tuned)
async def tune(request: Request, budget: Budget) -> dict[str, Any]:
    """The threshold with which a rule would have called somebody at most so often a week, from history.

    Takes its turn with backtests: while one runs it is 429.
    """
    await principal(request, "query")
    gateway = gateway_of(request)
    if _one_at_a_time.locked():
        raise Overloaded("a backtest is running already; try again when it is done", 5.0)

    def run() -> dict[str, Any]:
        from actors.backtest.tuning import tuned

        return tuned(gateway.log, gateway.spec.tenant, budget)

    async with _one_at_a_time:
        return await asyncio.to_thread(run)


class Cell(BaseModel):
    """``row`` counts from 0. ``as_of``: the one of the answer, so that it is the same answer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"sql": "SELECT count(*) AS n FROM user_interactions", "row": 0, "column": "n"}]
        },
    )

    sql: Annotated[str, Field(min_length=1, max_length=100_000)]
    row: Annotated[int, Field(ge=0)] = 0
    column: Annotated[str, Field(max_length=1_000)]
    as_of: Annotated[str | None, Field(max_length=100_000)] = None
    valid_at: Annotated[str | None, Field(max_length=100)] = None


@router.post("/v1/explain", response_model=dict[str, Any])
async def explain_cell(request: Request, cell: Cell) -> dict[str, Any]:
    """Where a cell of a query's answer comes from: the statement, how far each stream was read, and the rows behind it.

    Of a statement that joins or nests, `untold` says why its rows cannot be told.
    """
    who = await principal(request, "query")
    gateway = gateway_of(request)
    about = await asked(gateway, cell.as_of, cell.valid_at)

    from actors.explaining.sql import explained  # here: it needs DuckDB, which a gateway does without

    deed = partial(explained, sql=cell.sql, row=cell.row, column=cell.column, moment=about.moment, valid_at=about.valid_at,
                   commands=who.may("admin"))  # fmt: skip
    return await gateway.queries.run(request, lambda stop: gateway.apart.do(deed, stop))


@router.get("/v1/explain", response_model=dict[str, Any])
async def explain(
    request: Request,
    metric: str = "",
    key: str | None = None,
    start: Annotated[str, Query(description="Of the window; without it, the newest")] = "",
    alert: str = "",
    as_of: AsOf = "",
    valid_at: ValidAt = "",
) -> dict[str, Any]:
    """Where a value of a metric comes from: its definition and version, the rows that sum up to it, and what came later.

    Or, with `alert`, the turns of an alert, the rule as it was then, and the windows that were judged.
    """
    await principal(request, "query")
    gateway = gateway_of(request)
    if bool(metric) == bool(alert):
        raise Rejected("metric", "name a metric (with key and start, if you like), or an alert, and not both")
    if alert and valid_at:
        raise Rejected("valid_at", f"does not go with an alert: {NO_HINDSIGHT['alerts']}")
    about = await asked(gateway, as_of, valid_at)
    start_us = round(seconds_since(start, about.now_s, "start") * 1e6) if start else None

    def run() -> dict[str, Any]:
        from actors.explaining.alerts import AlertExplainer
        from actors.explaining.metrics import MetricExplainer

        if alert:
            return AlertExplainer(gateway.log, gateway.spec.tenant, about.moment).alert(alert)
        explainer = MetricExplainer(gateway.log, gateway.spec.tenant, about.moment, valid_at=about.valid_at)
        return explainer.metric(metric, key, start_us)

    return await asyncio.to_thread(run)
