"""The registry over HTTP: models and their versions, aliases, deployments, experiments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from actors.models.registry import CHAMPION
from serve.gateway import gateway_of, principal
from serve.model_telling import number_of, predictor_of
from serve.moments import AsOf
from serve.parameters import known_parameters
from serve.problems import REFUSALS, Missing
from serve.routes.read import topic_data

router = APIRouter(tags=["models"], responses=REFUSALS, dependencies=[Depends(known_parameters)])


class Model(BaseModel):
    """``live``: the deployment that requests go to; ``wanted``: the newest one. ``history``: earlier ones, oldest first."""

    model_config = ConfigDict(extra="allow", protected_namespaces=())

    name: str
    versions: list[dict[str, Any]]
    aliases: dict[str, int]
    wanted: dict[str, Any] | None
    live: dict[str, Any] | None
    history: list[dict[str, Any]]
    last_rollback: dict[str, Any] | None
    degraded: dict[str, Any] | None
    health: dict[str, Any] = Field(default_factory=dict)
    """By number of the version, of those that are watched: see docs/models.md."""


class Summary(BaseModel):
    """A line of the list. ``score`` is that of the champion, on rows that it had not seen."""

    model_config = ConfigDict(protected_namespaces=())

    name: str
    versions: int
    champion: int | None
    metric: str
    score: float | None
    trained_at: float
    deployed: list[dict[str, Any]]
    """The variants that answer: name, number, weight, shadow."""
    rows: int
    """Predictions since it is watched."""
    error_rate: float
    drifted: list[str]
    accuracy: str
    """``measured``, ``labels_pending``, or empty where nothing is watched."""
    degraded: bool


class Models(BaseModel):
    models: list[Summary]
    as_of: str


class Comparison(BaseModel):
    """``versions``: number, when, by which experiment; ``scores``: by metric, one value a version; ``differs``: settings
    of the training that are not the same in all."""

    versions: list[dict[str, Any]]
    scores: dict[str, list[float | None]]
    differs: dict[str, list[Any]]
    better: int | None
    """The number with the best registered score, where all have one metric."""


class Experiments(BaseModel):
    experiments: list[dict[str, Any]]
    as_of: str


@router.get("/v1/models", response_model=Models)
async def models(request: Request, as_of: AsOf = "") -> Models:
    """Every model: how good its champion is, which versions answer, how they fare. `as_of`: what was in production then."""
    await principal(request, "query")
    gateway = gateway_of(request)
    predictor_of(gateway)
    topic = await topic_data(gateway, "models", as_of)
    health = await topic_data(gateway, "model_health", as_of)
    listed = [_summary(model, health.data.get(name)) for name, model in sorted(topic.data.items())]
    return Models(models=listed, as_of=topic.as_of)


@router.get("/v1/models/{name}", response_model=Model)
async def model(request: Request, name: str, as_of: AsOf = "") -> Model:
    """One model with its versions, aliases, deployments and health; `as_of`: as it was then."""
    await principal(request, "query")
    gateway = gateway_of(request)
    if as_of:
        found = (await topic_data(gateway, "models", as_of)).data.get(name)
        if found is None:
            raise Missing("model", f"there was no model {name!r} then")
    else:
        found = await predictor_of(gateway).model(name)
    health = (await topic_data(gateway, "model_health", as_of)).data.get(name) or {}
    return Model(**{**found, "health": health.get("versions", {})})


@router.get("/v1/models/{name}/compare", response_model=Comparison)
async def compare(
    request: Request, name: str, versions: Annotated[str, Query(description="Numbers or aliases, with commas")] = ""
) -> Comparison:
    """Versions side by side; without `versions` the champion and the newest."""
    await principal(request, "query")
    found = await predictor_of(gateway_of(request)).model(name)
    newest = len(found["versions"])
    asked = [one.strip() for one in versions.split(",") if one.strip()] or [CHAMPION, str(newest)]
    numbers = list(dict.fromkeys(number_of(found, one) for one in asked))
    return _compared([found["versions"][number - 1] for number in numbers])


@router.get("/v1/experiments", response_model=Experiments)
async def experiments(request: Request, model: str = "", as_of: AsOf = "") -> Experiments:
    """Training runs, the newest first, without their trials; `GET /v1/experiments/{id}` has these."""
    await principal(request, "query")
    gateway = gateway_of(request)
    predictor_of(gateway)
    topic = await topic_data(gateway, "experiments", as_of)
    found = [{k: v for k, v in one.items() if k != "trials"} for one in topic.data.values()]
    listed = sorted((one for one in found if not model or one["model"] == model), key=lambda one: -one["started"])
    return Experiments(experiments=listed, as_of=topic.as_of)


@router.get("/v1/experiments/{id}", response_model=dict[str, Any])
async def experiment(request: Request, id: str, as_of: AsOf = "") -> dict[str, Any]:
    """One training run with its trials, the best first."""
    await principal(request, "query")
    gateway = gateway_of(request)
    predictor_of(gateway)
    found = (await topic_data(gateway, "experiments", as_of)).data.get(id)
    if found is None:
        raise Missing("experiment", f"there is no experiment {id!r}; `GET /v1/experiments` lists them")
    return found


def _summary(model: Mapping[str, Any], watched: Mapping[str, Any] | None) -> Summary:
    versions, live = model["versions"], model["live"]
    champion = model["aliases"].get(CHAMPION)
    best = versions[champion - 1] if champion else versions[-1]
    health = list((watched or {}).get("versions", {}).values())
    rows = sum(one["rows"] for one in health)
    errors = sum(one["errors"] for one in health)
    return Summary(
        name=model["name"],
        versions=len(versions),
        champion=champion,
        metric=best.get("metric", ""),
        score=best.get("score"),
        trained_at=best["at"],
        deployed=live["variants"] if live else [],
        rows=rows,
        error_rate=errors / rows if rows else 0.0,
        drifted=sorted({name for one in health for name in one["drift"]["drifted"]}),
        accuracy="" if not health else max(one["accuracy"]["status"] for one in health),
        degraded=model["degraded"] is not None,
    )


def _compared(versions: list[Mapping[str, Any]]) -> Comparison:
    about = ("number", "version", "model_id", "at", "by", "approved", "bytes", "kind")
    metrics = dict.fromkeys(name for v in versions for name in {v["metric"]: v["score"], **v["scores"]})
    scores = {m: [v["scores"].get(m, v["score"] if v["metric"] == m else None) for v in versions] for m in metrics if m}
    settings = [_flat({"data": v["data"], "recipe": v["recipe"], "environment": v["environment"]}) for v in versions]
    names = dict.fromkeys(name for one in settings for name in one)
    differs = {n: [one.get(n) for one in settings] for n in names if len({str(one.get(n)) for one in settings}) > 1}
    one_metric = len({v["metric"] for v in versions}) == 1
    better = max(versions, key=lambda v: v["score"])["number"] if one_metric else None
    told = [{name: v.get(name) for name in about} for v in versions]
    return Comparison(versions=told, scores=scores, differs=differs, better=better)


def _flat(document: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    return dict(_leaves(document, above))


def _leaves(document: Mapping[str, Any], above: str) -> Iterable[tuple[str, Any]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{above}{name}.")
        elif not isinstance(value, datetime):
            yield f"{above}{name}", value
