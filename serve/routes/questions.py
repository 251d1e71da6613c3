"""Typed questions over HTTP: ask one, and see the users and the events behind a cell of its answer."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from actors.definitions.then import definitions_then
from query.apart import deeds
from query.apart.deeds import When
from query.as_of import Moment
from query.questions.asking import MOST_SHOWN, question_of, schemas
from serve.gateway import Gateway, gateway_of, principal
from serve.moments import asked
from serve.parameters import known_parameters
from serve.problems import REFUSALS

router = APIRouter(tags=["questions"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
FUNNEL: JsonDict = {"ask": "funnel", "steps": ["page", "order.placed"], "window": "7d", "since": "30d"}


class Question(BaseModel):
    """``ask`` says which question it is; ``GET /v1/questions`` has the fields of each."""

    ask: Any = None

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [{"ask": "trends", "series": ["page"], "since": "7d", "zone": "Europe/Berlin"}, FUNNEL]
        },
    )


class Answer(BaseModel):
    """The figures of an answer depend on the question; each has these fields besides. ``cut``: how far the log was read."""

    ask: str
    since: str
    until: str
    zone: str
    warnings: list[str]
    asked_at: float
    cut: dict[str, dict[str, int]]
    elapsed_ms: float

    model_config = ConfigDict(extra="allow")


class Drill(BaseModel):
    """``cell``: which figure, by the fields that the question's cells have. ``asked_at`` and ``cut``: of the answer, so that
    exactly its rows are shown."""

    question: dict[str, Any]
    cell: dict[str, Any] = {}
    show: Literal["users", "events"] = "users"
    limit: Annotated[int, Field(ge=1, le=MOST_SHOWN)] = 100
    asked_at: Annotated[float | None, Field(ge=0, le=4e9)] = None
    cut: dict[str, dict[str, int]] | None = None

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"question": FUNNEL, "cell": {"step": 1, "outcome": "dropped"}}]},
    )


class Behind(BaseModel):
    """``users`` (with how many events each, the first and the last), or ``events`` as the stream has them."""

    cell: dict[str, Any]
    users_total: int
    events_total: int
    users: list[dict[str, Any]] | None = None
    events: list[dict[str, Any]] | None = None
    truncated: bool


class Kinds(BaseModel):
    questions: dict[str, dict[str, Any]]
    """The JSON schema of each."""


@router.get("/v1/questions", response_model=Kinds)
async def list_questions(request: Request) -> Kinds:
    """The questions that can be asked, each with its fields."""
    await principal(request, "query")
    return Kinds(questions=schemas())


@router.post("/v1/questions", response_model=Answer)
async def ask(request: Request, question: Question) -> dict[str, Any]:
    """Ask a question: trends, a funnel, retention, paths, distinct users, or who is in a cohort."""
    await principal(request, "query")
    gateway = gateway_of(request)
    said = question.model_dump(exclude_unset=True)
    about = await about_of(gateway, said)
    ask = gateway.optimizer.ask
    return await gateway.queries.run(request, lambda stop: ask(said, stop=stop, **about).result)


@router.post("/v1/questions/drill", response_model=Behind, response_model_exclude_none=True)
async def drill(request: Request, wanted: Drill) -> dict[str, Any]:
    """The users or the events behind one cell of an answer."""
    await principal(request, "query")
    gateway = gateway_of(request)
    about = await about_of(gateway, wanted.question)
    deed = partial(
        deeds.drill,
        said=wanted.question,
        cell=wanted.cell,
        now=about["now"] if wanted.asked_at is None else wanted.asked_at,
        cohorts=about["cohorts"],
        show=wanted.show,
        limit=wanted.limit,
        when=When(about["moment"], about["valid_at"], wanted.cut),
    )
    return await gateway.queries.run(request, lambda stop: gateway.apart.do(deed, stop))


async def about_of(gateway: Gateway, said: dict[str, Any]) -> dict[str, Any]:
    """What a question is answered with: the time that it counts from, the moment of the log, and the cohorts of then.

    Raises ``Rejected`` for what is no question, and for a moment that cannot be.
    """
    question = question_of(said)
    about = await asked(gateway, question.as_of, question.valid_at)
    cohorts = await asyncio.to_thread(_cohorts, gateway, about.moment)
    return {"now": about.now_s, "moment": about.moment, "valid_at": about.valid_at, "cohorts": cohorts}


def _cohorts(gateway: Gateway, moment: Moment | None) -> dict[str, dict[str, Any]]:
    """The cohorts that hold now, or held at a moment, by name."""
    held = gateway.access.definitions if moment is None else definitions_then(gateway.log, gateway.spec.tenant, moment)
    return {entry["name"]: entry["spec"] for entry in held.values() if entry["kind"] == "cohort"}
