"""For operators and their tools: liveness, readiness, Prometheus metrics, status."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel
from ray.exceptions import RayError

from actors.workers import Health
from events.catalog import STREAMS
from events.errors import Rejected, Transient
from query.history import History
from serve.gateway import Gateway, gateway_of, principal
from serve.problems import REFUSALS, Missing
from serve.routes.read import topic_data

logger = logging.getLogger(__name__)
router = APIRouter(tags=["operation"])
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
"""Of label values, as the text format has them."""


class CellStatus(BaseModel):
    cell: str
    state: str
    detail: str
    commit: int
    rows_behind: int
    notes: tuple[str, ...] = ()
    """Definitions that began anew when the cell last started, and what became of their state."""
    progress: float | None = None
    """While the cell rebuilds its state: the share of its past that is folded, 0 to 1."""
    stale: str = ""
    """Of a cell that shows topics: why they are not what the log has now; empty while they are."""


class FollowerStatus(BaseModel):
    follower: str
    host: str
    state: str
    """`following`, or `retrying` after an error."""
    errors: int
    """Since it began, without mere waiting for a host that restarts."""
    last_error: str
    asked_s_ago: float


class LogStatus(BaseModel):
    bytes: int
    free_bytes: int | None = None
    """How much more the log can take, of disk or memory; null where it has no bound of its own."""


class TooLate(BaseModel):
    """Rows that no window of a metric counts, because they came too late; the stream ``late_rows`` lists them."""

    rows: int
    behind_s: float
    """The most that one was behind: a ``lateness_s`` greater than this would have taken them all."""
    t: float
    """When the newest was received, seconds UTC."""


class Peak(BaseModel):
    """``rows`` events whose lag is ``lag_h`` hours within a minute; negative is ahead of this server's clock."""

    lag_h: float
    rows: int


class SourceStatus(BaseModel):
    """The events of one source that were received in the last 24 hours.

    Lag is ``received - time``: an upper bound, in seconds, of that of half and of 95 % of the rows; null is more than a
    week. ``ahead`` rows came more than a second before their time. ``peaks`` are the multiples of a quarter of an hour
    at which most lags stand: many rows there are a wrong time zone. ``no_amount`` rows say money that cannot be read.
    """

    source: str
    rows: int
    lag_p50_s: float | None
    lag_p95_s: float | None
    ahead: int
    peaks: list[Peak]
    no_amount: int


class PulledStatus(BaseModel):
    """A source that is read, not sent. Counts are since its host started; ages in seconds, null: not since then."""

    name: str
    kind: str
    stream: str
    state: str
    """`reading`; `retrying` after an error; `starting`; or the state of its cell where that does not run."""
    rows: int
    refused: int
    errors: int
    last_error: str
    error_s_ago: float | None
    read_s_ago: float | None
    """When it last answered."""
    row_s_ago: float | None
    """When it last brought a row."""
    lag_s: float | None
    """By how much its newest row was older than the moment at which it was read."""
    behind: int | None
    """What it is known to have beyond what was read, in a unit of its own (bytes of a file); null: it cannot tell."""
    note: str


class PlugInStatus(BaseModel):
    """A part of an installed package; ``error`` says why it is not there, and is empty where it is."""

    name: str
    package: str
    version: str
    error: str
    lacks: str = ""
    """What of it is not there, and why."""
    installed: bool = True


class Status(BaseModel):
    version: str
    generation: str
    placement: str
    cells: list[CellStatus]
    followers: list[FollowerStatus]
    """Who follows the cells' topics: the gateway's lists of keys and rules, the live hubs behind the page."""
    log: LogStatus
    late_rows: dict[str, TooLate] | None
    """By metric; null while the dashboard that counts them does not answer."""
    sources: list[SourceStatus] | None
    """Busiest first; null while the dashboard that counts them does not answer."""
    pulled: list[PulledStatus]
    """The sources that are read: files, this machine's gauges, the clock."""
    plug_ins: list[PlugInStatus]


@router.get("/health")
async def health() -> dict[str, str]:
    """Say that the gateway itself runs."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"description": "A cell is awaited, or one that takes requests is not there"}})
async def ready(request: Request) -> JSONResponse:
    """Say whether the system is ready: events that are sent now are accepted, and questions are answered where they can be.

    `waiting`: cells that may still come; `down`: cells that are halted, or fail again and again; `rebuilding`: cells
    whose state is rebuilt from the log, how far; `moving`: cells on their way to another host. Only a cell that takes
    requests in makes the system unready by `down` or `rebuilding`: every other one is behind, and its views say so.
    """
    cells = await gateway_of(request).hosts.health()
    found: dict[str, dict[str, str]] = {"waiting": {}, "rebuilding": {}, "moving": {}, "down": {}}
    for h in cells:
        if h.state != "running":
            kind = "waiting" if not h.settled else h.state if h.state in ("rebuilding", "moving") else "down"
            found[kind][h.cell] = f"{h.state} {h.detail}".strip()
    able = not found["waiting"] and all(h.state == "running" for h in cells if h.door)
    others = {kind: named for kind, named in found.items() if named and kind != "waiting"}
    return JSONResponse({"ready": able, "waiting": found["waiting"], **others}, 200 if able else 503)


@router.get("/v1/status", response_model=Status, responses=REFUSALS)
async def status(request: Request) -> Status:
    """Each cell's state, its last commit and how many rows it has yet to read; who follows them; rows that came too late,
    by metric; how late each source's events come; how the sources fare that are read."""
    await principal(request, "query")
    gateway = gateway_of(request)
    cells, followers = await asyncio.gather(gateway.hosts.health(), gateway.hosts.followers())
    spec = gateway.spec
    return Status(
        version=spec.version,
        generation=spec.generation,
        placement=gateway.hosts.where.placement,
        cells=[CellStatus.model_validate(h._asdict()) for h in cells],
        followers=[FollowerStatus.model_validate(f._asdict()) for f in followers],
        log=await asyncio.to_thread(_log_status, gateway),
        late_rows=await _too_late(gateway),
        sources=await _sources(gateway),
        pulled=_pulled(cells),
        plug_ins=[PlugInStatus.model_validate(plug_in, from_attributes=True) for plug_in in request.app.state.plug_ins],
    )


def _pulled(cells: Sequence[Health]) -> list[PulledStatus]:
    found = [
        PulledStatus.model_validate(h.source._asdict() | ({} if h.state == "running" else {"state": h.state}))
        for h in cells
        if h.source
    ]
    return sorted(found, key=lambda source: source.name)


async def shown_or_none(gateway: Gateway, topic: str) -> Mapping[str, Any] | None:
    """A dashboard's topic; None while it does not answer: the rest of the status is wanted all the more."""
    try:
        return (await asyncio.wait_for(topic_data(gateway, topic), 5.0)).data
    except (Transient, Missing, TimeoutError, RayError) as error:
        logger.info("%s: %s", topic, error)
        return None


async def _too_late(gateway: Gateway) -> dict[str, TooLate] | None:
    found = await shown_or_none(gateway, "late_rows")
    return None if found is None else {m: TooLate.model_validate(late) for m, late in sorted(found.items())}


async def _sources(gateway: Gateway) -> list[SourceStatus] | None:
    found = await shown_or_none(gateway, "sources")
    return None if found is None else [SourceStatus.model_validate(row) for row in found.get("rows", [])]


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Prometheus text format 0.0.4. What names products (`hindcast_source_…`) is told to keys of scope `query` only."""
    gateway = gateway_of(request)
    try:
        await principal(request, "query")
        sources = await _sources(gateway) or []
    except Rejected:
        sources = []
    text = "".join(_exposition(gateway, await gateway.hosts.health(), await _too_late(gateway) or {}, sources))
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _exposition(
    gateway: Gateway, cells: list[Health], too_late: Mapping[str, TooLate], sources: list[SourceStatus]
) -> Iterator[str]:
    history = History(gateway.log, gateway.spec.tenant)  # another tenant's streams are none of this one's
    heads = [
        ({"stream": stream, "producer": producer}, head)
        for stream in STREAMS
        for producer, head in history.heads(stream).items()
    ]
    verdicts = [({"verdict": verdict}, n) for verdict, n in gateway.interactions.counts.items()]
    yield from _family("hindcast_rows_total", "counter", "Rows answered by this replica, by verdict", verdicts)
    up = [({"cell": h.cell}, int(h.state == "running")) for h in cells]
    yield from _family("hindcast_cell_up", "gauge", "1 while the cell runs", up)
    stale = [({"cell": h.cell}, int(bool(h.stale))) for h in cells]
    yield from _family("hindcast_cell_stale", "gauge", "1 while what the cell shows is not what the log has now", stale)
    lag = [({"cell": h.cell}, h.rows_behind) for h in cells]
    yield from _family("hindcast_cell_lag_rows", "gauge", "Rows that the cell has yet to read", lag)
    late = [({"metric": metric}, found.rows) for metric, found in too_late.items()]
    about = "Rows that came too late for their window, by metric"
    yield from _family("hindcast_late_rows_total", "counter", about, late)
    yield from _of_sources(sources)
    yield from _of_pulled(_pulled(cells))
    yield from _family("hindcast_stream_head", "gauge", "Next offset of each producer's stream", heads)
    log = _log_status(gateway)
    yield from _family("hindcast_log_bytes", "gauge", "Bytes that the log takes up", [({}, log.bytes)])
    free = [] if log.free_bytes is None else [({}, log.free_bytes)]
    yield from _family("hindcast_log_free_bytes", "gauge", "Bytes that the log can still take", free)


def _of_sources(sources: list[SourceStatus]) -> Iterator[str]:
    """How each source's events of the last 24 hours came."""
    rows = [({"source": s.source}, s.rows) for s in sources]
    yield from _family("hindcast_source_rows", "gauge", "Rows of the last 24 h by source", rows)
    told = [(s.source, share, lag) for s in sources for share, lag in (("0.5", s.lag_p50_s), ("0.95", s.lag_p95_s))]
    lags = [({"source": s, "quantile": share}, inf if lag is None else lag) for s, share, lag in told]
    yield from _family("hindcast_source_lag_seconds", "gauge", "Received less event time, at most; last 24 h", lags)
    peaks = [({"source": s.source, "lag_h": f"{p.lag_h:g}"}, p.rows) for s in sources for p in s.peaks]
    about = "Rows of the last 24 h whose lag is a multiple of a quarter of an hour: a peak is a wrong time zone"
    yield from _family("hindcast_source_peak_rows", "gauge", about, peaks)
    unread = [({"source": s.source}, s.no_amount) for s in sources]
    yield from _family(
        "hindcast_source_no_amount_rows", "gauge", "Rows of the last 24 h whose money is unreadable", unread
    )


def _of_pulled(pulled: list[PulledStatus]) -> Iterator[str]:
    """The sources that are read. An age that is not known has no sample."""
    told = [({"source": s.name, "kind": s.kind}, s) for s in pulled]
    up = [(labels, int(s.state == "reading")) for labels, s in told]
    yield from _family("hindcast_pulled_up", "gauge", "1 while the source is read without an error", up)
    rows = [(labels, s.rows) for labels, s in told]
    yield from _family("hindcast_pulled_rows_total", "counter", "Rows read since the host started", rows)
    errors = [(labels, s.errors) for labels, s in told]
    yield from _family("hindcast_pulled_errors_total", "counter", "Errors of the source since the host started", errors)
    ages = [(labels, s.row_s_ago) for labels, s in told if s.row_s_ago is not None]
    yield from _family("hindcast_pulled_age_seconds", "gauge", "Since the source last brought a row", ages)
    lags = [(labels, s.lag_s) for labels, s in told if s.lag_s is not None]
    yield from _family("hindcast_pulled_lag_seconds", "gauge", "Age of the newest row when it was read", lags)
    behind = [(labels, s.behind) for labels, s in told if s.behind is not None]
    yield from _family(
        "hindcast_pulled_behind", "gauge", "What the source is known to have beyond what was read", behind
    )


def _family(name: str, kind: str, about: str, samples: Sequence[tuple[dict[str, str], float]]) -> Iterator[str]:
    yield f"# HELP {name} {about}\n# TYPE {name} {kind}\n"
    for labels, value in samples:
        inner = ",".join(f'{label}="{text.translate(_ESCAPES)}"' for label, text in labels.items())
        value = "+Inf" if value == inf else value
        yield f"{name}{{{inner}}} {value}\n" if inner else f"{name} {value}\n"


def _log_status(gateway: Gateway) -> LogStatus:
    return LogStatus(bytes=gateway.upkeep.size(), free_bytes=gateway.upkeep.room().free_bytes)
