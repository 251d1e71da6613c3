"""OpenTelemetry's own paths: an exporter needs this server's address and an API key, nothing else."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from serve.gateway import gateway_of, principal
from serve.ingest import read_body
from serve.interactions import now_us
from serve.problems import Missing
from serve.routes.plain import UNREADABLE, described

_AT = "1785492600125000000"
_RESOURCE = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
_POINT = {"timeUnixNano": _AT, "asInt": "7"}
_SUM = {"isMonotonic": True, "aggregationTemporality": 1, "dataPoints": [_POINT]}
_SPAN = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "GET /cart", "kind": 2}
EXAMPLES: dict[str, dict[str, Any]] = {
    "logs": {"resourceLogs": [{"resource": _RESOURCE, "scopeLogs": [{"logRecords": [
        {"timeUnixNano": _AT, "severityNumber": 17, "body": {"stringValue": "no stock"}}]}]}]},
    "metrics": {"resourceMetrics": [{"resource": _RESOURCE, "scopeMetrics": [{"metrics": [
        {"name": "orders", "unit": "1", "sum": _SUM}]}]}]},
    "traces": {"resourceSpans": [{"resource": _RESOURCE, "scopeSpans": [{"spans": [
        {**_SPAN, "startTimeUnixNano": "1785492600100000000", "endTimeUnixNano": _AT}]}]}]},
}  # fmt: skip


def router(*, shown: bool) -> APIRouter:
    """The three paths; ``shown``: in the API's description. Where OTLP is off they say how to turn it on."""
    made = APIRouter(tags=["ingest"], responses=UNREADABLE)
    for signal, what in (("logs", "Log records"), ("metrics", "Data points"), ("traces", "Spans")):
        _route(made, signal, what, shown)
    return made


def _route(router: APIRouter, signal: str, what: str, shown: bool) -> None:
    @router.post(
        f"/v1/{signal}",
        include_in_schema=shown,
        name=f"otlp_{signal}",
        summary=f"OTLP {signal}",
        description=f"{what}, as OpenTelemetry's exporters send them over HTTP: protobuf or JSON, also as gzip. It "
        "answers once they are committed; `partial_success` counts records that cannot be taken.",
        openapi_extra=described(
            {
                "application/json": ({"type": "object"}, EXAMPLES[signal]),
                "application/x-protobuf": ({"type": "string", "format": "binary"}, ""),
            }
        ),
    )
    async def otlp(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        gateway = gateway_of(request)
        who = await principal(request, "ingest")
        if gateway.otlp is None:
            raise Missing("otlp", "is not taken here; set `parts: {otlp: {enabled: true}}` in the configuration")
        media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = read_body(await request.body(), request.headers.get("content-encoding", ""), gateway.spec.max_body_bytes)
        outcome = await gateway.otlp.take(signal, body, media, who.source or who.name, now_us())
        from serve.otlp.bodies import answer

        return Response(answer(signal, media, outcome.rejected, outcome.why), media_type=media)
