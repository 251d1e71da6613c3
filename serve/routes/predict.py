"""Predictions over HTTP, and what came of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import orjson
import pyarrow as pa
from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from actors.models.monitor import ALERT, RAISED, alarm
from actors.models.registry import CHAMPION
from events.catalog import PREDICTIONS, rows
from events.errors import Rejected
from serve.gateway import gateway_of, principal
from serve.model_asking import Body, question_of
from serve.model_telling import Fact, number_of, predictor_of, tell
from serve.parameters import known_parameters
from serve.predicting.door import Predicted
from serve.predicting.monitoring import monitored
from serve.problems import REFUSALS
from serve.routes.commands import command
from serve.routes.plain import described
from serve.routes.read import sql_answer

router = APIRouter(tags=["models"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
ARROW = "application/vnd.apache.arrow.stream"
EXAMPLE = {"user_id": "user-1"}
MOST_EXPLAINED = 100
MOST_OUTCOMES = 10_000


class Outcome(BaseModel):
    """What came of a prediction: ``prediction`` is its id; or ``key``, whom it was about (the newest answer counts)."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    prediction: Annotated[str, Field(max_length=200)] | None = None
    key: Annotated[str, Field(max_length=1_000)] | None = None
    outcome: bool | float | str
    """A number; of classes the class, or true and false for the second and the first of two."""


class NewData(BaseModel):
    """``target``: the column with outcomes, where it is not called as the label is."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"rows": [{"plan": "pro", "logins_30d": 4, "churned": "no"}]}]}
    )

    rows: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=100_000)]
    target: Annotated[str, Field(max_length=200)] = ""


class Monitored(BaseModel):
    """See docs/models.md. ``alert``: what was raised."""

    model_config = ConfigDict(protected_namespaces=())

    model_id: str
    performance_metrics: dict[str, Any]
    drift_detection: dict[str, Any]
    accuracy_metrics: dict[str, Any]
    degraded: bool
    reason: str
    alert: dict[str, Any] | None = None


class Outcomes(BaseModel):
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"outcomes": [{"prediction": "6af21a1f8b48462b-0", "outcome": True}]}]},
    )

    outcomes: Annotated[list[Outcome], Field(min_length=1, max_length=MOST_OUTCOMES)]


@router.post(
    "/v1/predict/{name}",
    response_model=dict[str, Any],
    openapi_extra=described({"application/json": ({"type": "object"}, EXAMPLE), ARROW: ({"type": "string"}, "")}),
)
async def predict(
    request: Request,
    name: str,
    level: Annotated[float, Query(gt=0, lt=1, description="Of the intervals: the share that they are to hold")] = 0.9,
    explain: Annotated[bool, Query(description="Also what each feature adds, of up to 100 rows")] = False,
    key: Annotated[str, Query(description="Of an Arrow table: the column that says whom a row is about")] = "",
) -> Response:
    """Ask a model: one row as an object, many as `{"rows": […]}` or as Arrow's stream.

    A row has the model's features; or `user_id`, and the features are those of the log at this moment. A bad row is told
    with its column and reason, and the others are answered.
    """
    await principal(request, "query")
    gateway = gateway_of(request)
    predictor, bounds = predictor_of(gateway), gateway.spec.models
    assert bounds is not None
    started = time.perf_counter()
    body = Body(await request.body(), request.headers.get("content-type", ""), key)
    question = await question_of(gateway, request, await predictor.deployed(name), body, level, bounds.max_rows)
    found = await predictor.predict(name, question)
    if ARROW in request.headers.get("accept", ""):
        return _as_arrow(found)
    why = None
    if explain:
        if found.answer.rows > MOST_EXPLAINED:
            raise Rejected("explain", f"is for up to {MOST_EXPLAINED} rows; these are {found.answer.rows}")
        why = await predictor.explain(name, question, found.version)
    told = {
        "model": name,
        "version": found.version,
        "variant": found.variant,
        **({"feature_cut": question.cut} if question.cut else {}),
        **_shown(found, body.one, why),
        "latency_ms": round((time.perf_counter() - started) * 1000, 3),
    }
    return Response(orjson.dumps(told), media_type="application/json")


@router.post("/v1/models/{name}/outcomes", status_code=202, response_model=dict[str, int])
async def outcomes(request: Request, name: str, told: Outcomes) -> dict[str, int]:
    """Say what came of predictions; they are joined by the prediction's id, or by whom it was about."""
    await principal(request, "ingest")
    gateway = gateway_of(request)
    await predictor_of(gateway).model(name)
    for one in told.outcomes:
        if one.prediction is None and one.key is None:
            raise Rejected("outcomes", "each needs `prediction`, the id of an answer, or `key`, whom it was about")
    values = [float(o.outcome) if not isinstance(o.outcome, str) else None for o in told.outcomes]
    columns = {
        "type": "outcome.recorded",
        "id": [f"{o.prediction or o.key}-{time.time_ns()}-{i}" for i, o in enumerate(told.outcomes)],
        "cause": [o.prediction for o in told.outcomes],
        "subject": [o.key for o in told.outcomes],
        "partition_key": [o.key for o in told.outcomes],
        "source": "outcomes",
        "time": time.time_ns() // 1000,
        "received": time.time_ns() // 1000,
        "model": name,
        "value": values,
        "label": [_label(o.outcome) for o in told.outcomes],
    }
    await gateway.collector(PREDICTIONS.name).push(rows(PREDICTIONS, columns, len(values)), None)
    return {"recorded": len(values)}


@router.post("/v1/models/{name}/monitor", response_model=Monitored)
async def monitor(request: Request, name: str, wanted: NewData, version: str = CHAMPION) -> dict[str, Any]:
    """How a version fares on rows at hand: their quality, drift against its training rows, how right it is on them.

    A row may have the outcome beside the features, in the column that was predicted. Where none is known, `status` is
    `labels_pending`, and there is an estimate but no score. A model that has become worse raises an alert.
    """
    who = await principal(request, "query")
    gateway = gateway_of(request)
    predictor, bounds = predictor_of(gateway), gateway.spec.models
    assert bounds is not None
    model = await predictor.model(name)
    about = model["versions"][number_of(model, version) - 1]
    profile = await _profile(request, name, about)
    question = {"folder": str(bounds.artifacts), "version": {**about, "profile": profile}, "rows": wanted.rows}
    found = await monitored({**question, "target": wanted.target or about["label"]["name"]})
    if found["degraded"]:
        who.require("control")
        metrics = {key: found["accuracy_metrics"][key] for key in ("metric", "score", "low", "high", "labels")}
        alert = {"type": ALERT, "model_id": about["model_id"], "metrics": metrics, "severity": "high"}
        told = {**alert, "number": about["number"], "reason": found["reason"]}
        await tell(gateway, [Fact("model.degraded", name, told)], who.name)
        said = alarm(name, about["number"], alert, found["reason"], ("dashboard",))
        await command(gateway, RAISED, ALERT, said)
        found["alert"] = alert
    return found


async def _profile(request: Request, name: str, version: Mapping[str, Any]) -> dict[str, Any]:
    """The profile of a version's training rows, which only its event has."""
    sql = f"SELECT data FROM models WHERE type = 'version.registered' AND subject = '{name}' ORDER BY time"
    for (data,) in (await sql_answer(request, sql, None)).rows:
        said = orjson.loads(data)
        if (said["version"], said["sha256"]) == (version["version"], version["sha256"]):
            return said.get("profile") or {}
    return {}


def _label(outcome: bool | float | str) -> str | None:
    return outcome if isinstance(outcome, str) else None


def _shown(found: Predicted, one: bool, why: list[dict[str, float]] | None) -> dict[str, Any]:
    answer = found.answer
    good = answer.good if answer.good is not None else range(answer.rows)
    told: list[dict[str, Any]] = [{} for _ in range(answer.rows)]
    names = [name for name, values in answer.columns.items() if any(v is not None for v in values)]
    for at, row in enumerate(good):
        told[row] = {name: answer.columns[name][at] for name in names}
        if found.ids[at]:
            told[row]["id"] = found.ids[at]
        if why is not None and at < len(why):
            told[row]["why"] = _largest(why[at])
    if one:
        return told[0]
    for wrong in answer.wrong:
        told[wrong.row or 0] = {"error": {"field": wrong.field, "reason": wrong.reason}}
    return {"predictions": told, "answered": answer.rows - len(answer.wrong), "refused": len(answer.wrong)}


def _largest(why: Mapping[str, float]) -> dict[str, float]:
    return dict(sorted(why.items(), key=lambda one: (-abs(one[1]), one[0])))


def _as_arrow(found: Predicted) -> Response:
    """As many rows as were asked about, in their order; what is wrong with one is in the column ``error``."""
    answer = found.answer
    place = {row: at for at, row in enumerate(answer.good)} if answer.good is not None else None
    columns: dict[str, Any] = {}
    for name, values in answer.columns.items():
        spread = values if place is None else [values[place[r]] if r in place else None for r in range(answer.rows)]
        columns[name] = pa.array(spread)
    if answer.wrong:
        errors = {w.row: f"{w.field}: {w.reason}" for w in answer.wrong}
        columns["error"] = pa.array([errors.get(row) for row in range(answer.rows)])
    table = pa.table(columns)
    about = {"hindcast.model": found.model, "hindcast.version": str(found.version), "hindcast.variant": found.variant}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema.with_metadata(about)) as writer:
        writer.write_table(table.replace_schema_metadata(about))
    return Response(sink.getvalue().to_pybytes(), media_type=ARROW)
