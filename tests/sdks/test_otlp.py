"""OpenTelemetry's own SDK as the sender: protobuf, JSON, retries, and what cannot be taken."""

from __future__ import annotations

import gzip
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from actors.topology import HostMap
from config.settings import Settings
from events.errors import Overloaded, Transient
from events.memory_log import MemorySpec
from hindcast.topology import cells
from serve.app import create_gateway
from serve.otlp.part import PART, OtlpSection
from serve.routes.otlp import EXAMPLES
from serve.spec import GatewaySpec
from tests import patient
from tests.sdks.collected import Collected

RESOURCE = Resource.create({"service.name": "shop", "host.name": "n1"})


class Telemetry(Collected):
    """The door before the collectors of ``system_logs`` and ``api_metrics``."""

    def __init__(self) -> None:
        super().__init__(PART, OtlpSection())

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": "Bearer secret"}


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Telemetry]:
    door = Telemetry()
    door.key("secret", "backend")
    with door.open(tmp_path):
        yield door


def readings(door: Telemetry) -> dict[str, tuple[str, float | None, float | None]]:
    told = door.told["api_metrics"]
    return {row["type"] + _own(row["labels"]): (row["kind"], row["value"], row["increase"]) for row in told}


def _own(labels: str) -> str:
    known = ("service.name", "host.name", "service.instance.id")  # the last is the SDK's own
    said = {name: value for name, value in json.loads(labels).items() if name not in known}
    return json.dumps(said) if said else ""


def meters(door: Telemetry, views: tuple[View, ...] = (), delta: bool = False) -> MeterProvider:
    preferred = dict.fromkeys((Counter, Histogram, UpDownCounter), AggregationTemporality.DELTA) if delta else None
    exporter = OTLPMetricExporter(f"{door.url}/v1/metrics", headers=door.headers, preferred_temporality=preferred)  # type: ignore[arg-type]
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=3_600_000)
    return MeterProvider([reader], resource=RESOURCE, views=views)


def test_logs(door: Telemetry) -> None:
    provider = LoggerProvider(RESOURCE)
    provider.add_log_record_processor(
        SimpleLogRecordProcessor(OTLPLogExporter(f"{door.url}/v1/logs", headers=door.headers))
    )
    logger = logging.Logger("orders")
    logger.addHandler(LoggingHandler(logger_provider=provider))
    logger.error("no stock of %s", "tea", extra={"sku": 7})
    logger.warning("slow")
    provider.shutdown()
    first, second = door.told["system_logs"]
    assert (first["severity"], first["message"], first["subject"], first["host"]) == (
        "error",
        "no stock of tea",
        "shop",
        "n1",
    )
    assert (json.loads(first["properties"])["sku"], first["source"], second["severity"]) == (7, "backend", "warning")
    assert abs(first["time"].timestamp() - time.time()) < 60


def test_traces(door: Telemetry) -> None:
    provider = TracerProvider(resource=RESOURCE)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{door.url}/v1/traces", headers=door.headers)))
    tracer = provider.get_tracer("t")
    with pytest.raises(ValueError, match="no"), tracer.start_as_current_span("GET /cart") as outer:
        with tracer.start_as_current_span("SELECT"):
            time.sleep(0.02)
        raise ValueError("no")
    inner_row, outer_row = door.told["api_metrics"]
    assert (inner_row["type"], inner_row["kind"], inner_row["unit"], outer_row["type"]) == (
        "SELECT",
        "span",
        "ms",
        "GET /cart",
    )
    assert 15 < inner_row["value"] <= outer_row["value"] < 60_000
    labels = json.loads(inner_row["labels"])
    assert labels["trace_id"] == f"{outer.get_span_context().trace_id:032x}"
    assert labels["parent_span_id"] == f"{outer.get_span_context().span_id:016x}"
    assert json.loads(outer_row["labels"])["status"] == "error"
    provider.shutdown()


def test_metrics_as_totals(door: Telemetry) -> None:
    provider = meters(door)
    meter = provider.get_meter("m")
    meter.create_counter("orders", unit="1").add(3, {"shop": "north"})
    meter.create_up_down_counter("open").add(-2)
    meter.create_gauge("temperature", unit="Cel").set(21.5)
    took = meter.create_histogram("took", unit="ms", explicit_bucket_boundaries_advisory=[10, 100])
    for value in (5, 50, 500):
        took.record(value)
    provider.shutdown()
    found = readings(door)
    assert found['orders{"shop": "north"}'] == ("counter", 3, None)
    assert found["open"] == ("gauge", -2, None)
    assert found["temperature"] == ("gauge", 21.5, None)
    assert [found[f'took_bucket{{"le": "{le}"}}'][1] for le in ("10.0", "100.0", "+Inf")] == [1, 2, 3]
    assert (found["took_count"][1], found["took_sum"][1], found["took_max"][1]) == (3, 555, 500)


def test_metrics_as_deltas_say_by_how_much_they_grew(door: Telemetry) -> None:
    provider = meters(door, delta=True)
    counter = provider.get_meter("m").create_counter("orders")
    for more in (3, 4):
        counter.add(more)
        provider.force_flush()
    provider.shutdown()
    orders = [(row["value"], row["increase"]) for row in door.told["api_metrics"] if row["type"] == "orders"]
    assert orders == [(None, 3), (None, 4)]


def test_exponential_histograms_as_buckets(door: Telemetry) -> None:
    view = View(instrument_name="took", aggregation=ExponentialBucketHistogramAggregation())
    provider = meters(door, (view,))
    took = provider.get_meter("m").create_histogram("took")
    values = [0, 0.5, 1, 3, 3, 70]
    for value in values:
        took.record(value)
    provider.shutdown()
    found = readings(door)
    buckets = {
        json.loads(key.removeprefix("took_bucket"))["le"]: said[1] for key, said in found.items() if "bucket" in key
    }
    assert buckets.pop("+Inf") == 6
    for bound, count in buckets.items():
        assert count == sum(value <= float(bound) * (1 + 1e-9) for value in values), bound
    assert len(buckets) == 5


@pytest.mark.parametrize("refusal", [Overloaded("the disk is nearly full", 60.0), Transient("the host restarts", 30.0)])
def test_what_could_not_be_taken_now_is_asked_for_again_soon_and_nothing_is_lost(
    door: Telemetry, refusal: Exception
) -> None:
    door.refusals = [refusal]
    provider = meters(door)
    provider.get_meter("m").create_counter("orders").add(3)
    began = time.monotonic()
    provider.force_flush(30_000)  # a shutdown would cut the wait short, and lose the batch
    provider.shutdown()
    assert readings(door)["orders"] == ("counter", 3, None)
    assert door.pushes[0] == 1
    assert len(door.told["api_metrics"]) in (1, 2)
    assert time.monotonic() - began < 50, "the exporter waited as long as it was asked to: two seconds, not sixty"


def request(value: float = 1.5, at: int | None = None) -> bytes:
    said: Any = metrics_service_pb2.ExportMetricsServiceRequest()
    metric = said.resource_metrics.add().scope_metrics.add().metrics.add(name="speed")
    for ns in (time.time_ns() if at is None else at, time.time_ns()):
        metric.gauge.data_points.add(as_double=value, time_unix_nano=ns)
    return said.SerializeToString()


def post(
    door: Telemetry, signal: str, body: bytes, media: str = "application/x-protobuf", **headers: str
) -> httpx.Response:
    said = {"content-type": media, **door.headers, **headers}
    return patient.post(f"{door.url}/v1/{signal}", content=body, headers=said)


def test_a_request_that_is_sent_again_adds_nothing(door: Telemetry) -> None:
    body = request()
    for _ in range(3):
        assert post(door, "metrics", gzip.compress(body), **{"content-encoding": "gzip"}).status_code == 200
    assert len(door.told["api_metrics"]) == 2


def test_a_point_that_cannot_be_true_is_counted_as_rejected_and_costs_only_itself(door: Telemetry) -> None:
    answer = post(door, "metrics", request(at=17))
    said = metrics_service_pb2.ExportMetricsServiceResponse.FromString(answer.content)
    assert (answer.status_code, said.partial_success.rejected_data_points) == (200, 1)
    assert "before 2000-01-01" in said.partial_success.error_message
    assert (len(door.told["api_metrics"]), len(door.told["dead_letters"])) == (1, 1)


def test_json_with_ids_in_hex(door: Telemetry) -> None:
    now = str(time.time_ns())
    record = {
        "timeUnixNano": now,
        "severityNumber": 17,
        "body": {"stringValue": "no"},
        "traceId": "5B8EFFF798038103D269B633813FC60C",
    }
    body = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record, {"timeUnixNano": now, "unheardOf": 1}]}]}]}
    answer = post(door, "logs", json.dumps(body).encode(), "application/json")
    assert (answer.status_code, answer.json()) == (200, {})
    first, second = door.told["system_logs"]
    assert json.loads(first["properties"])["trace_id"] == "5b8efff798038103d269b633813fc60c"
    assert (first["severity"], second["message"]) == ("error", None)


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"\xff\xff\xff", "application/x-protobuf", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"resourceLogs": 7}', "application/json", 400),
        (b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"traceId": "xyz"}]}]}]}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"x", "text/plain", 415),
        (b"", "application/x-protobuf", 200),
        (b"{}", "application/json", 200),
    ],
)
def test_bad_bodies_are_refused_and_never_answered_with_500(
    door: Telemetry, body: bytes, media: str, status: int
) -> None:
    assert post(door, "logs", body, media).status_code == status
    assert door.told["system_logs"] == []


def test_a_bug_of_ours_is_no_500_either(door: Telemetry, monkeypatch: pytest.MonkeyPatch) -> None:
    door.refusals = [ZeroDivisionError("a bug")]
    answer = post(door, "metrics", request())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_without_a_key_nothing_is_taken(door: Telemetry) -> None:
    assert (
        patient.post(f"{door.url}/v1/logs", content=b"", headers={"content-type": "application/x-protobuf"}).status_code
        == 401
    )


def test_the_examples_of_the_api_can_be_sent(door: Telemetry) -> None:
    for signal, example in EXAMPLES.items():
        answer = post(door, signal, json.dumps(example).encode(), "application/json")
        assert (answer.status_code, answer.json()) == (200, {}), signal
    assert [row["message"] for row in door.told["system_logs"]] == ["no stock"]
    assert [(row["type"], row["increase"], row["value"]) for row in door.told["api_metrics"]] == [
        ("orders", 7, None),
        ("GET /cart", None, 25),
    ]


def test_where_it_is_off_it_says_how_to_turn_it_on(tmp_path: Path) -> None:
    assert "otlp" not in {part.name for part, _ in Settings.load("base").asked_parts()}
    (tmp_path / "on.yaml").write_text("parts: {otlp: {enabled: true}}")
    on = Settings.load(tmp_path / "on.yaml")
    assert {"main/system_logs/0", "main/api_metrics/0"} <= {spec.name for spec in cells(on, tmp_path)}
    assert not {"main/system_logs/0"} & {spec.name for spec in cells(Settings.load("base"), tmp_path)}
    http = TestClient(create_gateway(GatewaySpec("t", HostMap("nowhere", {}), MemorySpec("nowhere"), "g", "1")))
    assert "/v1/logs" not in http.get("/openapi.json").json()["paths"]
