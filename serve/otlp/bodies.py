"""Bodies of OTLP requests: protobuf, or JSON in OpenTelemetry's own form of it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces

from events.errors import Rejected
from serve.ingest.verdicts import UnsupportedMedia

PROTOBUF, JSON = "application/x-protobuf", "application/json"
REQUESTS: Mapping[str, type[Message]] = {
    "logs": logs.ExportLogsServiceRequest,
    "metrics": metrics.ExportMetricsServiceRequest,
    "traces": traces.ExportTraceServiceRequest,
}
_ANSWERS: Mapping[str, tuple[type[Message], str]] = {
    "logs": (logs.ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (metrics.ExportMetricsServiceResponse, "rejected_data_points"),
    "traces": (traces.ExportTraceServiceResponse, "rejected_spans"),
}
_IDS = frozenset(("traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"))
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*", re.ASCII)


def decoded(signal: str, body: bytes, media: str) -> Any:
    """The request of ``signal`` (``logs | metrics | traces``). Raises ``UnsupportedMedia`` and ``Rejected``."""
    request = REQUESTS[signal]()
    if media == PROTOBUF:
        try:
            request.ParseFromString(body)
        except DecodeError as error:
            raise Rejected("body", f"is no protobuf of OTLP {signal}: {error}") from None
        return request
    if media != JSON:
        raise UnsupportedMedia("content-type", f"must be {PROTOBUF} or {JSON}, got {media[:80]!r}")
    try:
        said = orjson.loads(body)
        if not isinstance(said, dict):
            raise ValueError("it must be an object")
        json_format.ParseDict(_plain(said), request, ignore_unknown_fields=True)
    except (ValueError, json_format.ParseError, RecursionError, AttributeError, TypeError) as error:
        raise Rejected("body", f"is no JSON of OTLP {signal}: {str(error)[:200]}") from None
    return request


def answer(signal: str, media: str, rejected: int, why: str) -> bytes:
    """The answer to a request of which ``rejected`` records could not be taken."""
    kind, field = _ANSWERS[signal]
    said: Any = kind()
    if rejected:
        setattr(said.partial_success, field, rejected)
        said.partial_success.error_message = why
    return json_format.MessageToJson(said).encode() if media == JSON else said.SerializeToString()


def _plain(said: Any) -> Any:
    """JSON of OTLP as protobuf's own reader wants it: ids are hex here, base64 there
    (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding)."""
    if isinstance(said, list):
        return [_plain(item) for item in said]
    if isinstance(said, dict):
        return {name: _id(value) if name in _IDS else _plain(value) for name, value in said.items()}
    return said


def _id(value: Any) -> str:
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise ValueError(f"an id must be hexadecimal, got {str(value)[:40]!r}")
    return base64.b64encode(bytes.fromhex(value)).decode()
