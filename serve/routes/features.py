"""Features of a subject, live or as of a moment; and datasets, to learn from."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from actors.definitions.feature import LABEL
from query import as_of as moments
from query.answers import Answer, Column
from query.apart import deeds
from query.as_of import iso
from query.features.asked import DatasetAsked, Subject
from query.features.choosing import features_of, label_of
from query.features.dataset import MadeDataset
from query.point_in_time.making import LIMITS
from query.questions.mistakes import refused
from query.rows import as_rows
from serve import featuring
from serve.gateway import gateway_of, principal
from serve.moments import AsOf, asked
from serve.parameters import known_parameters
from serve.problems import REFUSALS
from serve.routes.query import JSON, WRITERS, form_of
from serve.routes.tables import FORMS

router = APIRouter(tags=["features"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
Names = Annotated[list[str] | None, Query(alias="feature", description="Only these; several times for several")]


class Featured(BaseModel):
    """``features`` by name, null where there is nothing; ``at`` is their moment. ``source``: ``live`` where they were kept
    live, ``log`` where they were worked out from the log."""

    subject: str
    at: str
    features: dict[str, Any]
    source: Literal["live", "log"]
    heard: str | None
    """When the newest event was received that the live state has; a state that lags is behind."""


class Several(BaseModel):
    """``features``: only these."""

    subjects: Annotated[list[Subject], Field(min_length=1, max_length=featuring.MOST_SUBJECTS)]
    features: list[str] | None = None

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"subjects": ["learner-00042"]}]})


class AllFeatured(BaseModel):
    subjects: list[Featured]


class WantedDataset(BaseModel):
    """The fields of a dataset, see docs/features.md: ``label``, ``features``, ``horizon``, ``every``, ``at``, …"""

    model_config = ConfigDict(
        extra="allow", json_schema_extra={"examples": [{"label": "churn_prediction", "horizon": "30d", "every": "7d"}]}
    )


class Dataset(BaseModel):
    """``report``: what was kept out, and what looks as if it knew the label. ``said``: asks for the same table again."""

    columns: list[dict[str, str]]
    rows: list[list[Any]]
    as_of: str
    digest: str
    report: dict[str, Any]
    said: dict[str, Any]


@router.get("/v1/features/{subject:path}", response_model=Featured)
async def features(
    request: Request,
    subject: Annotated[str, Path(min_length=1, max_length=1_000)],
    names: Names = None,
    as_of: AsOf = "",
) -> Response:
    """The features of a subject now, from the live state; with `as_of` as they were known then, from the log."""
    await principal(request, "query")
    gateway = gateway_of(request)
    if as_of:
        await gateway.access.refresh()
        about = await asked(gateway, as_of)
        rules = features_of(names, featuring.specs(gateway))
        at = round(about.now_s * 1e6)
        found = featuring.Featured(
            subject, at, await featuring.then(gateway, request, subject, rules, about, at), "log", 0
        )
    else:
        (found,) = await featuring.live(gateway, request, [subject], names)
    return Response(orjson.dumps(_told(found)), media_type="application/json")


@router.post("/v1/features", response_model=AllFeatured)
async def several(request: Request, wanted: Several) -> Response:
    """The features of several subjects now, in their order."""
    await principal(request, "query")
    found = await featuring.live(gateway_of(request), request, wanted.subjects, wanted.features)
    return Response(orjson.dumps({"subjects": [_told(one) for one in found]}), media_type="application/json")


def _told(one: featuring.Featured) -> dict[str, Any]:
    return {**one._asdict(), "at": iso(one.at), "heard": iso(one.heard) if one.heard > 0 else None}


@router.post("/v1/datasets", response_model=Dataset, responses=FORMS)
async def dataset(request: Request, wanted: WantedDataset) -> Response:
    """Make a dataset of a label: subjects at moments of the past, their features as known then, and what became of them."""
    await principal(request, "query")
    form = form_of(request.headers.get("accept", ""))
    gateway = gateway_of(request)
    said = _read(wanted.model_extra or {})
    await gateway.access.refresh()
    label = label_of(said.label, featuring.specs(gateway, LABEL))
    rules = tuple(features_of(said.features, featuring.specs(gateway)))
    about = await asked(gateway, said.as_of)
    moment = about.moment or await asyncio.to_thread(moments.now, gateway.log, gateway.spec.tenant)
    deed = partial(
        deeds.dataset,
        asked=said,
        label=label,
        features=rules,
        moment=moment,
        now_us=round(about.now_s * 1e6),
        folds=featuring.folds(rules),
    )
    limits = replace(LIMITS, memory_bytes=gateway.queries.limits.memory_bytes)
    made = await gateway.queries.run(request, lambda stop: gateway.apart.do(deed, stop, limits))
    return await asyncio.to_thread(_answer, made, form)


def _read(said: dict[str, Any]) -> DatasetAsked:
    try:
        return DatasetAsked.model_validate(said)
    except ValidationError as error:
        raise refused(error, DatasetAsked, "a dataset") from None


def _answer(made: MadeDataset, form: str) -> Response:
    told = {"as_of": made.as_of, "digest": made.digest, "report": made.report, "said": made.said}
    table = made.table.replace_schema_metadata({f"hindcast.{k}": json.dumps(v) for k, v in told.items()})
    columns = [Column(field.name, str(field.type)) for field in table.schema]
    if form == JSON:
        body = orjson.dumps({"columns": [column._asdict() for column in columns], "rows": as_rows(table), **told})
    else:
        body = WRITERS[form](Answer(columns, table, truncated=False, elapsed_ms=0.0, as_of=made.as_of))
    return Response(body, media_type=form, headers={"hindcast-as-of": made.as_of, "hindcast-digest": made.digest})
