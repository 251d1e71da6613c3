"""The executive summary over HTTP: which businesses there are, and how one of them does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict

from actors.definitions.then import definitions_then
from events.errors import Rejected
from events.nearest import did_you_mean
from query.apart import deeds
from query.as_of import Moment
from query.business.meaning import Business
from query.business.summary import LIMITS
from serve.gateway import Gateway, gateway_of, principal
from serve.ingest.money import CURRENCY_EXPONENT
from serve.moments import AsOf, ValidAt, asked
from serve.parameters import known_parameters
from serve.problems import REFUSALS

router = APIRouter(tags=["business"], responses=REFUSALS, dependencies=[Depends(known_parameters)])


class Overview(BaseModel):
    """Money in minor units of the summary's currency; growth and rates as fractions, null where nothing can be divided."""

    total_revenue: int
    revenue_growth: float | None
    active_users: int
    user_growth: float | None
    conversion_rate: float | None
    conversion_trend: str | None


class KeyMetrics(BaseModel):
    customer_acquisition_cost: float | None
    lifetime_value: int | None
    churn_rate: float | None
    engagement_score: float | None


class Summary(BaseModel):
    """docs/executive.md has every field. ``as_of``: the token of its moment: asked as of that, the same is answered."""

    business: str
    title: str
    domain: str
    period: dict[str, str]
    currency: str
    currency_digits: int
    overview: Overview
    key_metrics: KeyMetrics
    kpis: dict[str, dict[str, Any]]
    trends: dict[str, dict[str, Any]]
    comparisons: dict[str, Any]
    drivers: dict[str, Any]
    recommendations: list[dict[str, Any]]
    warnings: list[str]
    definition: dict[str, Any]
    """Of the business, as it held then: its spec, version, owner, and since when."""
    businesses: list[dict[str, str]]
    """All that there are, each with name, title and domain."""
    asked_at: float
    as_of: str

    model_config = ConfigDict(extra="allow")


@router.get("/v1/executive", response_model=Summary)
async def executive(
    request: Request,
    period: Annotated[
        str,
        Query(description="`7d`, `month`, `last_month`, `2026-11-01/2026-11-08`, …", examples=["30d"], max_length=200),
    ] = "30d",
    business: Annotated[str, Query(description="Its name; without it, the first one", max_length=64)] = "",
    zone: Annotated[str, Query(description="Where days begin: `Europe/Berlin`", max_length=64)] = "UTC",
    currency: Annotated[str, Query(description="To answer in; without it, as the business says", max_length=3)] = "",
    as_of: AsOf = "",
    valid_at: ValidAt = "",
) -> dict[str, Any]:
    """How a business does: its KPIs, their trends, what moved them, and what to do; all from the log."""
    await principal(request, "query")
    gateway = gateway_of(request)
    about = await asked(gateway, as_of, valid_at)
    held = await asyncio.to_thread(_held, gateway, about.moment)
    entry = _chosen(held, business)
    spec = Business.model_validate(entry["spec"])
    limits = replace(LIMITS, memory_bytes=gateway.queries.limits.memory_bytes)
    deed = partial(
        deeds.summary,
        business=spec,
        digits=CURRENCY_EXPONENT,
        time_period=period,
        now=about.now_s,
        zone=zone,
        currency=currency or None,
        when=deeds.When(about.moment, about.valid_at),
    )
    said = await gateway.queries.run(request, lambda stop: gateway.apart.do(deed, stop, limits))
    told = {name: entry.get(name) for name in ("kind", "name", "spec", "version", "owner", "by", "at")}
    named = [{k: str(one["spec"].get(k) or one["name"]) for k in ("name", "title", "domain")} for one in held.values()]
    return {**said, "definition": told, "businesses": named}


def _held(gateway: Gateway, moment: Moment | None) -> dict[str, Mapping[str, Any]]:
    """The businesses that hold now, or held at a moment, by name."""
    held = gateway.access.definitions if moment is None else definitions_then(gateway.log, gateway.spec.tenant, moment)
    return {entry["name"]: entry for entry in held.values() if entry["kind"] == "business"}


def _chosen(held: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    if not held:
        raise Rejected(
            "business",
            "there is none: say which events mean what, with `businesses` in a configuration file, or "
            "PUT /v1/definitions/business/NAME; docs/executive.md shows one",
        )
    if not name:
        return next(iter(held.values()))
    if name not in held:
        known = ", ".join(held)
        raise Rejected("business", f"there is no business {name!r}{did_you_mean(name, held)}; there are {known}")
    return held[name]
