"""Reading: streams as they are in the log, metrics, alerts, dashboards. SQL has a module of its own."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel

from actors.definitions.inventory import Inventory
from actors.definitions.then import definitions_then
from actors.fold import Topic
from events.errors import Rejected, Transient
from events.nearest import did_you_mean
from events.tables import columns_of
from query import as_of as moments
from query.answers import Answer
from query.as_of import Moment
from query.bounds import Stop
from query.history import History
from query.rows import as_objects
from query.views import latest
from serve.gateway import Gateway, gateway_of, principal
from serve.moments import Asked, AsOf, ValidAt, asked
from serve.parameters import known_parameters, seconds_since
from serve.problems import REFUSALS, Missing

router = APIRouter(tags=["read"], responses=REFUSALS, dependencies=[Depends(known_parameters)])
Limit = Annotated[int, Query(ge=1, le=10_000)]
Since = Annotated[
    str, Query(description="ISO 8601 (UTC without a zone), seconds since 1970, or how long ago: `1h`", examples=["1h"])
]

LATEST = """
SELECT metric, key, start, width_us / 1e6 AS width_s, count, sum, mean, min, max, p50, p95, p99,
  distinct_count AS "distinct", revision
FROM ({samples}) latest
WHERE ({metric} = '' OR metric = {metric}) AND ({key} = '' OR key = {key}) AND epoch(start) >= {since}
ORDER BY start DESC, metric, key LIMIT {limit}
"""


class Producer(BaseModel):
    producer: str
    head: int


class StreamStatus(BaseModel):
    name: str
    about: str
    rows: int
    producers: list[Producer]
    columns: list[str]
    """As SQL names them."""


class Streams(BaseModel):
    streams: list[StreamStatus]


class Rows(BaseModel):
    stream: str
    rows: list[dict[str, Any]]
    next: dict[str, int]
    as_of: str = ""
    """The moment of this answer: asked `as_of` it, the same is answered."""


class ResultColumn(BaseModel):
    name: str
    type: str


class Result(BaseModel):
    columns: list[ResultColumn]
    rows: list[list[Any]]
    truncated: bool
    elapsed_ms: float
    as_of: str = ""
    """The moment of this answer: asked `as_of` it, the same is answered."""


class Objects(BaseModel):
    metrics: list[dict[str, Any]]
    as_of: str = ""


class Alerts(BaseModel):
    alerts: list[dict[str, Any]]
    as_of: str = ""


class TopicInfo(BaseModel):
    name: str
    policy: str
    cap: int


class Topics(BaseModel):
    topics: list[TopicInfo]


class TopicData(BaseModel):
    topic: str
    seq: int
    epoch: str
    data: dict[str, Any]
    stale: str = ""
    """Why this is not what the log has now; empty while it is."""
    as_of: str = ""


@router.get("/v1/streams", response_model=Streams)
async def streams(request: Request, as_of: AsOf = "") -> Streams:
    """Every stream, how many places it has, and where each of its producers stands."""
    await principal(request, "query")
    gateway = gateway_of(request)
    moment = (await asked(gateway, as_of)).moment
    found = await asyncio.to_thread(lambda: History(gateway.log, gateway.spec.tenant, moment=moment).streams())
    return Streams(
        streams=[
            StreamStatus(
                name=s.name,
                about=s.about,
                rows=s.rows,
                producers=[Producer(producer=p, head=h) for p, h in s.heads.items()],
                columns=columns_of(s.name).names,
            )
            for s in found
        ]
    )


@router.get("/v1/streams/{stream}", response_model=Rows)
async def stream_rows(
    request: Request,
    stream: Annotated[str, Path(examples=["user_interactions"])],
    last: Limit | None = None,
    producer: str | None = None,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Limit = 100,
    as_of: AsOf = "",
) -> Rows:
    """The newest ``last`` rows; or rows of one ``producer`` from offset ``after`` on. ``control`` takes scope admin."""
    who = await principal(request, "query")
    gateway = gateway_of(request)
    then = (await asked(gateway, as_of)).moment

    def read() -> Rows:
        moment = then or moments.now(gateway.log, gateway.spec.tenant)
        history = History(gateway.log, gateway.spec.tenant, commands=who.may("admin"), moment=moment)
        page = (
            history.last(stream, last or limit) if producer is None else history.after(stream, producer, after, limit)
        )
        return Rows(stream=stream, rows=as_objects(page.rows), next=page.next, as_of=moment.token)

    return await asyncio.to_thread(read)


async def sql_answer(
    request: Request, sql: str, limit: int | None, *, commands: bool = False, about: Asked | None = None
) -> Result:
    """The answer to ``sql`` over the streams; over ``control``, too, where ``commands``. ``about``: a moment, or now."""
    gateway = gateway_of(request)
    moment, valid_at = (about.moment, about.valid_at) if about else (None, None)

    def work(stop: Stop) -> Answer:
        return gateway.optimizer.sql(
            sql, rows=limit, commands=commands, stop=stop, moment=moment, valid_at=valid_at
        ).result

    answer = await gateway.queries.run(request, work)
    columns = [ResultColumn(name=c.name, type=c.type) for c in answer.columns]
    return Result(
        columns=columns,
        rows=answer.rows(),
        truncated=answer.truncated,
        elapsed_ms=answer.elapsed_ms,
        as_of=answer.as_of,
    )


@router.get("/v1/metrics", response_model=Objects)
async def metrics(
    request: Request,
    metric: str = "",
    key: str = "",
    since: Since = "",
    limit: Limit = 1000,
    as_of: AsOf = "",
    valid_at: ValidAt = "",
) -> Objects:
    """Samples of a metric, newest window first, each in its latest revision.

    A metric that was defined later is not defined `as_of` then; `valid_at` computes it.
    """
    await principal(request, "query")
    gateway = gateway_of(request)
    about = await asked(gateway, as_of, valid_at)
    start = seconds_since(since, about.now_s) if since else 0.0
    samples = latest(f"time > TIMESTAMPTZ '{moments.iso(int(start * 1e6))}'" if start else "")
    sql = LATEST.format(samples=samples, metric=_literal(metric), key=_literal(key), since=start, limit=limit)
    result = await sql_answer(request, sql, limit, about=about)
    if metric and not result.rows:
        if about.moment is not None:
            await asyncio.to_thread(_defined_then, gateway, metric, about.moment)
        elif metric not in _configured(gateway):
            await _known_metric(request, metric)
    names = [c.name for c in result.columns]
    return Objects(metrics=[dict(zip(names, row, strict=True)) for row in result.rows], as_of=result.as_of)


def _defined_then(gateway: Gateway, metric: str, moment: Moment) -> None:
    """Raises ``Rejected`` for a metric that was not defined at ``moment``."""
    log, tenant = gateway.log, gateway.spec.tenant
    then = Inventory.of(definitions_then(log, tenant, moment))
    if any(measure.names is None or metric in measure.names for measure in then.measures):
        return
    entries = definitions_then(log, tenant)
    entry = entries.get(f"metric/{metric}")
    if entry is not None:
        since = moments.iso(round(entry["at"] * 1e6))
        raise Rejected(
            "metric",
            f"{metric!r} was not defined then: it says what it says since {since}; ask with valid_at for its past",
        )
    known = sorted({name for measure in then.measures for name in measure.names or ()})
    listed = ", ".join(known) or "none"
    raise Rejected("metric", f"there was no metric {metric!r}{did_you_mean(metric, known)}; there were {listed}")


def _configured(gateway: Gateway) -> set[str]:
    """The metrics that are configured by name, also those without a sample yet."""
    return {name for measure in gateway.access.inventory.measures for name in measure.names or ()}


async def _known_metric(request: Request, metric: str) -> None:
    """Raises ``Rejected`` for a metric that is not configured and has no sample either."""
    found = await sql_answer(request, "SELECT DISTINCT metric FROM metrics ORDER BY 1", None)
    known = sorted({*_configured(gateway_of(request)), *(name for (name,) in found.rows)})
    if metric not in known:
        listed = ", ".join(known) or "none yet"
        raise Rejected("metric", f"there is no metric {metric!r}{did_you_mean(metric, known)}; there are {listed}")


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''").replace("\0", "") + "'"


@router.get("/v1/alerts", response_model=Alerts)
async def alerts(request: Request, active: bool = False, as_of: AsOf = "") -> Alerts:
    """Alerts that are pending, firing, or were resolved within a day; ``active``: only those that fire."""
    await principal(request, "query")
    topic = await topic_data(gateway_of(request), "alerts", as_of)
    shown = [alert for alert in topic.data.values() if not active or alert["state"] == "firing"]
    return Alerts(alerts=sorted(shown, key=lambda alert: (-alert["t"], alert["id"])), as_of=topic.as_of)


@router.get("/v1/dashboards", response_model=Topics)
async def dashboards(request: Request) -> Topics:
    """The topics that the page (or you, over ``/live``) can follow."""
    await principal(request, "query")
    topics: tuple[Topic, ...] = gateway_of(request).hosts.where.topics
    return Topics(topics=[TopicInfo(name=t.name, policy=t.policy, cap=t.cap) for t in topics])


@router.get("/v1/dashboards/{topic}", response_model=TopicData)
async def dashboard(
    request: Request, topic: Annotated[str, Path(examples=["user_activity"])], as_of: AsOf = ""
) -> TopicData:
    """A topic's whole data, as of a commit number of its cell."""
    await principal(request, "query")
    return await topic_data(gateway_of(request), topic, as_of)


async def topic_data(gateway: Gateway, topic: str, as_of: str = "") -> TopicData:
    """A topic's whole data, now or then: its state is folded again from the nearest snapshot that is kept.

    Raises ``Missing`` where there is no such topic, ``Transient`` while its cell starts.
    """
    where = gateway.hosts.where
    if topic not in where.shown_by:
        raise Missing("topic", f"there is no topic {topic!r}; there are {', '.join(t.name for t in where.topics)}")
    cell = where.shown_by[topic]
    moment = (await asked(gateway, as_of)).moment
    if moment is not None:
        number = moment.cut.get(cell, 0)
        data = await gateway.hosts.view_at(cell, topic, number)
        return TopicData(topic=topic, seq=number, epoch=gateway.spec.generation, data=dict(data), as_of=moment.token)
    log, tenant = gateway.log, gateway.spec.tenant
    for frame in await gateway.hosts.changes(where.host_showing(topic), tenant, {topic: None}, 0.0):
        now = (await asyncio.to_thread(moments.now, log, tenant)).until(cell, frame.seq)
        return TopicData(
            topic=topic, seq=frame.seq, epoch=frame.epoch, data=dict(frame.data), stale=frame.stale, as_of=now.token
        )
    raise Transient(f"{topic} is not there yet: its cell is starting")
