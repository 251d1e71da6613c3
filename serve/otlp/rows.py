"""Records of OTLP as rows: logs into ``system_logs``; data points and spans into ``api_metrics``."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from serve.ingest.times import range_fault
from serve.sources.gathered import Gathered, as_json

_SEVERITIES = ("trace", "debug", "info", "warning", "error", "critical")
"""By the number, four each (https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber)."""
_DELTA = 1
_SPAN_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")


class Taker:
    """Adds rows to ``gathered``; ``request`` names the request over its retries, and with a number each of its rows."""

    def __init__(self, gathered: Gathered, request: str) -> None:
        self.gathered, self._request = gathered, request
        self._number = 0
        self.rejected = 0
        """Records that could not be taken."""
        self.why = ""
        """The reason of the first of them."""

    def time(self, *said_ns: int) -> int | None:
        """The first time that is said, microseconds UTC; when it was received, where none is. None, and refused, where it
        cannot be true."""
        received_us = self.gathered.received_us
        us = next((ns // 1000 for ns in said_ns if ns), received_us)
        fault = range_fault(us, received_us, None)
        if fault is None:
            return us
        self.rejected += 1
        self.why = self.why or f"time {fault}"
        self.gathered.refuse("time", fault, {"time_unix_nano": [str(ns) for ns in said_ns]})
        return None

    def add(self, **columns: Any) -> None:
        self._number += 1
        self.gathered.add(id=f"{self._request}:{self._number}", **columns)


def take_logs(request: Any, taker: Taker) -> None:
    for resource, about in _resources(request.resource_logs):
        for scope in resource.scope_logs:
            for record in scope.log_records:
                time = taker.time(record.time_unix_nano, record.observed_time_unix_nano)
                if time is None:
                    continue
                number = record.severity_number
                body = _value(record.body)
                ids = _known(
                    {"trace_id": record.trace_id.hex(), "span_id": record.span_id.hex(), "scope": scope.scope.name}
                )
                taker.add(
                    type="log.written",
                    time=time,
                    subject=about.get("service.name"),
                    severity=_SEVERITIES[(number - 1) // 4] if 1 <= number <= 24 else None,
                    message=body if isinstance(body, str) else None if body is None else as_json(body),
                    host=about.get("host.name"),
                    properties=as_json({**about, **_attributes(record.attributes), **ids}),
                )


def take_traces(request: Any, taker: Taker) -> None:
    """A span is how long it took, in ms."""
    for resource, about in _resources(request.resource_spans):
        for scope in resource.scope_spans:
            for span in scope.spans:
                time = taker.time(span.end_time_unix_nano, span.start_time_unix_nano)
                if time is None:
                    continue
                said = {
                    "span.kind": _SPAN_KINDS[span.kind] if span.kind < len(_SPAN_KINDS) else str(span.kind),
                    "status": _STATUSES[span.status.code]
                    if span.status.code < len(_STATUSES)
                    else str(span.status.code),
                    "status.message": span.status.message,
                    "trace_id": span.trace_id.hex(),
                    "span_id": span.span_id.hex(),
                    "parent_span_id": span.parent_span_id.hex(),
                }
                taker.add(
                    type=span.name or "span",
                    time=time,
                    subject=about.get("service.name"),
                    kind="span",
                    value=max(0, span.end_time_unix_nano - span.start_time_unix_nano) / 1e6,
                    unit="ms",
                    labels=as_json({**about, **_attributes(span.attributes), **_known(said)}),
                )


def take_metrics(request: Any, taker: Taker) -> None:
    for resource, about in _resources(request.resource_metrics):
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                form = metric.WhichOneof("data")
                if form is not None:
                    _take_metric(metric, form, about, taker)


def _take_metric(metric: Any, form: str, about: Mapping[str, Any], taker: Taker) -> None:
    data = getattr(metric, form)
    delta = getattr(data, "aggregation_temporality", 0) == _DELTA
    read: Callable[[Any, bool], Iterator[_Reading]] = _READERS[form]
    kind = {"sum": "counter" if form == "sum" and data.is_monotonic else "gauge", "exponential_histogram": "histogram"}
    for point in data.data_points:
        if point.flags & 1:  # it says that there is no value
            continue
        time = taker.time(point.time_unix_nano)
        if time is None:
            continue
        labels = {**about, **_attributes(point.attributes)}
        for ending, more, number, total in read(point, delta):
            if not math.isfinite(number):
                continue
            taker.add(
                type=metric.name + ending,
                time=time,
                subject=about.get("service.name"),
                kind=kind.get(form, form),
                value=None if total and delta else number,
                increase=number if total and delta else None,
                unit=metric.unit or None,
                labels=as_json({**labels, **more}),
            )


_Reading = tuple[str, dict[str, str], float, bool]
"""Of a point: the ending of the name, more labels, the number, and whether it adds up over time."""


def _number(point: Any) -> float:
    return float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)


def _gauge(point: Any, _: bool) -> Iterator[_Reading]:
    yield "", {}, _number(point), False


def _sum(point: Any, _: bool) -> Iterator[_Reading]:
    yield "", {}, _number(point), True


def _whole(point: Any) -> Iterator[_Reading]:
    yield "_count", {}, float(point.count), True
    if point.HasField("sum"):
        yield "_sum", {}, point.sum, True
    for name in ("min", "max"):
        if point.HasField(name):
            yield f"_{name}", {}, getattr(point, name), False


def _histogram(point: Any, _: bool) -> Iterator[_Reading]:
    yield from _whole(point)
    below = 0
    for bound, count in zip([*point.explicit_bounds, math.inf], point.bucket_counts, strict=False):
        below += count
        yield "_bucket", {"le": _le(bound)}, float(below), True


def _exponential(point: Any, _: bool) -> Iterator[_Reading]:
    """Buckets by their upper bounds (https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram)."""
    yield from _whole(point)
    below = 0
    per_doubling = 2.0**-point.scale
    negative, positive = point.negative, point.positive
    for i in reversed(range(len(negative.bucket_counts))):
        below += negative.bucket_counts[i]
        if negative.bucket_counts[i]:
            yield "_bucket", {"le": _le(-(2.0 ** ((negative.offset + i) * per_doubling)))}, float(below), True
    if point.zero_count:
        below += point.zero_count
        yield "_bucket", {"le": _le(point.zero_threshold)}, float(below), True
    for i, count in enumerate(positive.bucket_counts):
        below += count
        if count:
            yield "_bucket", {"le": _le(2.0 ** ((positive.offset + i + 1) * per_doubling))}, float(below), True
    yield "_bucket", {"le": "+Inf"}, float(point.count), True


def _summary(point: Any, _: bool) -> Iterator[_Reading]:
    yield "_count", {}, float(point.count), True
    yield "_sum", {}, point.sum, True
    for quantile in point.quantile_values:
        yield "", {"quantile": f"{quantile.quantile:g}"}, quantile.value, False


_READERS: dict[str, Callable[[Any, bool], Iterator[_Reading]]] = {
    "gauge": _gauge,
    "sum": _sum,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}
TAKE: Mapping[str, Callable[[Any, Taker], None]] = {"logs": take_logs, "metrics": take_metrics, "traces": take_traces}


def _le(bound: float) -> str:
    return "+Inf" if math.isinf(bound) else repr(bound)


def _resources(said: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    for resource in said:
        about = _attributes(resource.resource.attributes)
        yield resource, {name: value for name, value in about.items() if not name.startswith("telemetry.sdk.")}


def _attributes(said: Any) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in said}


def _value(said: Any) -> Any:
    kind = said.WhichOneof("value")
    if kind is None:
        return None
    value = getattr(said, kind)
    if kind == "array_value":
        return [_value(item) for item in value.values]
    if kind == "kvlist_value":
        return _attributes(value.values)
    return base64.b64encode(value).decode() if kind == "bytes_value" else value


def _known(said: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in said.items() if value}
