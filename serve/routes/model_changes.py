"""What changes the registry over HTTP: artifacts, versions, aliases, deployments, and the facts of experiments."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from math import isfinite
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from actors.models.deployment import Deployment, Name
from actors.models.registry import CHAMPION
from analytics.monitoring.profile import Profile
from events.errors import Rejected
from serve.gateway import gateway_of, principal
from serve.model_telling import Fact, approved, number_of, predictor_of, shown, tell
from serve.parameters import known_parameters
from serve.predicting.artifacts import Artifacts
from serve.predicting.judging import judged
from serve.problems import REFUSALS, Missing
from serve.routes.models import Model

router = APIRouter(tags=["models"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
Asked = Annotated[str | int, Field(union_mode="left_to_right")]
MOST_FACTS = 5_000
TOLD = ("experiment.", "trial.", "model.registered", "model.refused")


class Registered(BaseModel):
    """``version`` is the experiment that made it. A ``score`` that is not above ``threshold`` is refused."""

    model_config = ConfigDict(
        extra="forbid",
        protected_namespaces=(),
        allow_inf_nan=False,
        json_schema_extra={
            "examples": [{"sha256": "0" * 64, "version": "run-1", "metric": "auc", "score": 0.81, "threshold": 0.7}]
        },
    )

    sha256: str
    version: Annotated[str, Field(min_length=1, max_length=200)]
    model_id: Annotated[str, Field(max_length=200)] = ""
    metric: Annotated[str, Field(max_length=64)] = ""
    score: float
    threshold: float
    scores: dict[str, float | None] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)
    """What it was trained on: offsets or ``as_of``, rows, hash."""
    code: Annotated[str, Field(max_length=200)] = ""
    environment: dict[str, str] = Field(default_factory=dict)
    recipe: dict[str, Any] = Field(default_factory=dict)
    """How to train it again."""
    profile: Profile = Field(default_factory=dict)
    """Of its training rows, and of its predictions for them: ``analytics.monitoring.profile_of``."""
    reference: str = ""
    """SHA-256 of a sample of its training rows, which drift is tested against."""
    report: str = ""
    """SHA-256 of its report (``result.json``)."""
    usual: float | None = None
    """What a model without knowledge would say of a value."""


class Kept(BaseModel):
    sha256: str
    bytes: int


class Version(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"version": 2}]})

    version: Asked = CHAMPION
    alias: Name = CHAMPION
    reason: Annotated[str, Field(max_length=500)] = ""


class Deploy(Deployment):
    """``version``: of the short form (``mode``, ``share``); left out where ``variants`` are given."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"version": 2, "mode": "canary", "share": 0.1}]})

    version: Asked = CHAMPION
    reason: Annotated[str, Field(max_length=500)] = ""


class Reason(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "slower than before"}]})

    reason: Annotated[str, Field(max_length=500)] = ""


NO_REASON = Reason()


class Told(BaseModel):
    """One fact of an experiment: see ``tuning.recorder``. ``time`` in µs UTC."""

    model_config = ConfigDict(extra="forbid")

    type: Annotated[str, Field(pattern=r"^[a-z_]+(\.[a-z_]+)+$")]
    experiment: Annotated[str, Field(min_length=1, max_length=200)]
    time: int | None = None
    data: dict[str, Any] = Field(default_factory=dict)


class Facts(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"events": [{"type": "experiment.started", "experiment": "run-1"}]}]},
    )

    events: Annotated[list[Told], Field(max_length=MOST_FACTS)]


@router.post("/v1/experiments/events", status_code=202, response_model=dict[str, int])
async def record(request: Request, facts: Facts) -> dict[str, int]:
    """Record what happened in training runs; returns once it is durable."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    predictor_of(gateway)
    for fact in facts.events:
        if not fact.type.startswith(TOLD):
            raise Rejected("type", f"{fact.type!r} is told in another way; here are {', '.join(TOLD)}…")
    if facts.events:
        await tell(gateway, [Fact(f.type, f.experiment, f.data, f.time) for f in facts.events], who.name)
    return {"recorded": len(facts.events)}


@router.put("/v1/artifacts", status_code=201, response_model=Kept)
async def keep(request: Request, kind: Literal["skops", "arrow", "json"] = "skops") -> Kept:
    """Keep a file of a model by its hash: the stored model, a sample of its training rows, or its report."""
    await principal(request, "control")
    gateway = gateway_of(request)
    bounds = gateway.spec.models
    data = await request.body()
    if bounds is None or not data:
        raise Rejected("body", "is empty; send the file's bytes")
    if len(data) > bounds.max_model_mb << 20:
        raise Rejected("body", f"is larger than parts.models.max_model_mb, {bounds.max_model_mb} MiB")
    sha256 = await asyncio.to_thread(Artifacts(bounds.artifacts).put, data, kind)
    return Kept(sha256=sha256, bytes=len(data))


@router.post("/v1/models/{name}/versions", status_code=201, response_model=dict[str, Any])
async def register(request: Request, name: Name, wanted: Registered) -> dict[str, Any]:
    """Register a stored model as the next version of `name`; the first one is the champion.

    What is not the recorded file, or holds a type that is not on our list, is refused; so is a score that is not above its
    threshold.
    """
    who = await principal(request, "control")
    gateway = gateway_of(request)
    predictor, bounds = predictor_of(gateway), gateway.spec.models
    assert bounds is not None
    if not (isfinite(wanted.score) and wanted.score > wanted.threshold):
        raise Rejected(
            "score", f"{wanted.score:g} is not above the threshold {wanted.threshold:g}: it is not registered"
        )
    artifacts = Artifacts(bounds.artifacts)
    path = artifacts.path(wanted.sha256)
    if not path.exists():
        raise Missing("sha256", f"there is no artifact {wanted.sha256[:12]}… here; `PUT /v1/artifacts` keeps it")
    if path.stat().st_size > bounds.max_model_mb << 20:
        raise Rejected("sha256", f"the model is larger than parts.models.max_model_mb, {bounds.max_model_mb} MiB")
    about = await judged(path, wanted.sha256)
    model_id = wanted.model_id or f"model-{wanted.sha256[:16]}"
    said = {**about, **wanted.model_dump(), "model_id": model_id, "bytes": path.stat().st_size, "by": who.name}
    await tell(gateway, [Fact("version.registered", name, said)], who.name)

    def there(found: Mapping[str, Any]) -> bool:
        return any((v["version"], v["sha256"]) == (wanted.version, wanted.sha256) for v in found["versions"])

    found = await shown(predictor, name, there)
    return next(
        v for v in reversed(found["versions"]) if (v["version"], v["sha256"]) == (wanted.version, wanted.sha256)
    )


@router.post("/v1/models/{name}/approve", response_model=Model)
async def approve(request: Request, name: str, wanted: Version) -> Model:
    """Say that a version may be deployed; who and when is kept."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    predictor = predictor_of(gateway)
    number = number_of(await predictor.model(name), wanted.version)
    await tell(gateway, [Fact("version.approved", name, {"number": number, "by": who.name})], who.name)
    return Model(**await shown(predictor, name, lambda m: m["versions"][number - 1]["approved"] is not None))


@router.post("/v1/models/{name}/promote", response_model=Model)
async def promote(request: Request, name: str, wanted: Version) -> Model:
    """Give a version an alias, `champion` if none is named; deployments that ask for the alias follow at once."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    predictor = predictor_of(gateway)
    found = await predictor.model(name)
    number = number_of(found, wanted.version)
    if wanted.alias == CHAMPION:
        approved(gateway, found, [number])
    said = {"alias": wanted.alias, "number": number, "by": who.name, "reason": wanted.reason}
    await tell(gateway, [Fact("alias.moved", name, said)], who.name)
    return Model(**await shown(predictor, name, lambda m: m["aliases"].get(wanted.alias) == number))


@router.put("/v1/models/{name}/deployment", response_model=Model)
async def deploy(request: Request, name: str, wanted: Deploy) -> Model:
    """Serve versions of a model. Requests go there once they are watched; until then they go where they went."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    predictor = predictor_of(gateway)
    found = await predictor.model(name)
    variants = wanted.of(wanted.version, found["aliases"].get(CHAMPION))
    approved(gateway, found, [number_of(found, variant.version) for variant in variants])
    config = wanted.model_dump(mode="json", exclude={"variants", "version", "reason"})
    said = {"variants": [v.model_dump(mode="json") for v in variants], "config": config}
    place = await tell(
        gateway,
        [Fact("deployment.changed", name, {**said, "by": who.name, "reason": wanted.reason})],
        who.name,
    )
    return Model(**await shown(predictor, name, lambda m: _is_live(m, place)))


@router.delete("/v1/models/{name}/deployment", response_model=Model)
async def undeploy(request: Request, name: str) -> Model:
    """Serve the model no more."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    predictor = predictor_of(gateway)
    await predictor.model(name)
    await tell(gateway, [Fact("deployment.removed", name, {"by": who.name})], who.name)
    return Model(**await shown(predictor, name, lambda m: m["wanted"] is None))


@router.post("/v1/models/{name}/rollback", response_model=Model)
async def rollback(
    request: Request,
    name: str,
    wanted: Annotated[Reason, Body(examples=[{"reason": "slower than before"}])] = NO_REASON,
) -> Model:
    """Go back to the deployment before; its main version is the champion again."""
    who = await principal(request, "control")
    gateway = gateway_of(request)
    predictor = predictor_of(gateway)
    found = await predictor.model(name)
    if found["wanted"] is None:
        raise Missing("model", f"{name!r} is not deployed")
    before = found["wanted"]["place"]
    if not any(then["variants"] != found["wanted"]["variants"] for then in found["history"]):
        raise Rejected("model", f"{name!r} has no deployment before this one that was another")
    reason = wanted.reason
    await tell(gateway, [Fact("deployment.rolled_back", name, {"reason": reason, "by": who.name})], who.name)
    return Model(**await shown(predictor, name, lambda m: m["live"] == m["wanted"] and m["live"]["place"] != before))


def _is_live(model: Mapping[str, Any], place: str) -> bool:
    """Whether the deployment of that place, or a later one, is watched."""
    live = model["live"]
    return live is not None and (live["place"] == place or any(then["place"] == place for then in model["history"]))
