"""Operational metrics: what was measured, and what was not; errors counted once, by what they are."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from analytics.service_level import ServiceLevel, burn_rate, histogram_quantile, trend_of
from events.catalog import SYSTEM_METRICS
from events.collected import API_METRICS, SYSTEM_LOGS
from events.errors import Rejected
from query.operations.dashboard import OperationalDashboard, operated_of
from serve.cluster import round_trips
from serve.measuring import Measuring
from tests.unit.query.questions.words import Shop

NOW = 1_780_000_000.0
US = round(NOW * 1e6)
MINUTE = 60_000_000


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "log", NOW)


def asked(
    shop: Shop,
    own: ServiceLevel | None = None,
    window: str = "1h",
    objective: float = 0.99,
    network: dict[str, float | None] | None = None,
    alerts: list[dict[str, Any]] | None = None,
) -> Any:
    dashboard = OperationalDashboard(own or ServiceLevel(), NOW - 10_000, alerts or [])
    return dashboard.generate_operational_metrics(
        window,
        NOW,
        objective,
        lambda since, until: operated_of(shop.log, "shop", network or {}, since, until, objective),
    )


def served(*answers: tuple[float, float, int]) -> ServiceLevel:
    """(seconds ago, ms, status)"""
    level = ServiceLevel()
    for ago, ms, status in answers:
        level.add(NOW - ago, ms, status, f"GET /v1/query {status}" if status >= 500 else "")
    return level


def test_nothing_measured_is_nothing_said(shop: Shop) -> None:
    said = asked(shop)
    assert said["system_health"]["cpu_usage"] is None and said["system_health"]["network_latency"] is None
    assert said["performance"]["error_rate"] is None and said["performance"]["availability"]["value"] is None
    assert said["performance"]["response_time"] == {"p50": None, "p95": None, "p99": None, "n": 0, "unit": "ms"}
    assert (said["errors"]["total_errors"], said["alerts"], said["services"]) == (0, [], [])


def test_both_error_rates_agree_and_the_callers_faults_are_none_of_ours(shop: Shop) -> None:
    own = served(*[(60, 10.0, 200)] * 97, *[(60, 5.0, 404)] * 50, *[(60, 400.0, 500)] * 3, (7_000, 1.0, 500))
    said = asked(shop, own)
    did = said["performance"]
    assert did["error_rate"] == said["errors"]["error_rate"] == 0.03
    assert did["availability"]["value"] == 0.97
    assert did["availability"]["burn_rate"] == pytest.approx(3.0)
    assert did["availability"]["burn_rates"]["5m"] == pytest.approx(3.0)
    assert did["throughput"] == pytest.approx(150 / 3600)
    assert did["response_time"]["p50"] == pytest.approx(10.0, rel=0.02)
    assert did["response_time"]["p99"] == pytest.approx(400.0, rel=0.02)
    (top,) = said["errors"]["top_errors"]
    assert (top["fingerprint"], top["count"], top["before"]) == ("GET /v1/query 500", 3, 1)


def test_gauges_are_the_newest_of_the_busiest_machine(shop: Shop) -> None:
    kinds = ["cpu.percent", "memory.percent", "disk.percent", "uptime.s"]
    for host, ago, values in (("a", 30, [90.0, 10.0, 20.0, 500.0]), ("a", 10, [40.0, 11.0, 21.0, 520.0]),
                              ("b", 20, [60.0, 5.0, 22.0, 9_000.0]), ("c", 9_000, [99.0] * 4)):  # fmt: skip
        shop.told(
            SYSTEM_METRICS, 4, "shop/system_metrics/0", type=kinds, source=host, value=values, time=US - ago * 1_000_000
        )
    health = asked(shop, network={"node x": 0.4, "node y": None})["system_health"]
    assert (health["cpu_usage"], health["memory_usage"], health["disk_usage"]) == (60.0, 11.0, 22.0)
    assert health["uptime"] == 520.0, "since the last restart of any"
    assert health["hosts"]["a"]["cpu"] == {"now": 40.0, "mean": 65.0, "max": 90.0, "at": NOW - 10}
    assert "c" not in health["hosts"] and health["network_latency"] == 0.4


def test_services_are_known_by_their_counters_and_histograms(shop: Shop) -> None:
    def sent(name: str, kind: str, increase: float, **labels: str) -> None:
        shop.told(API_METRICS, 1, "shop/api_metrics/0", type=name, kind=kind, source="shop-api", increase=increase,
                  value=0.0, labels=json.dumps(labels), time=US - MINUTE)  # fmt: skip

    for code, n in (("200", 960.0), ("404", 100.0), ("500", 40.0)):
        sent("http_requests_total", "counter", n, code=code)
    for le, n in (("0.1", 500.0), ("0.5", 1_000.0), ("+Inf", 1_100.0)):
        sent("http_request_duration_seconds_bucket", "histogram", n, le=le)
    (service,) = asked(shop)["services"]
    did = service["performance"]
    assert (service["name"], did["requests"], did["failed"]) == ("shop-api", 1_100.0, 40.0)
    assert did["error_rate"] == pytest.approx(0.04) and did["availability"]["burn_rate"] == pytest.approx(4.0)
    assert did["response_time"]["p50"] == pytest.approx(100 + 400 * 50 / 500)
    assert did["response_time"]["p99"] == 500.0, "beyond the last bound it is that bound"


def test_totals_without_an_increase_are_counted_by_their_growth_through_a_restart(shop: Shop) -> None:
    for ago, total in ((90, 100.0), (40, 130.0), (30, 150.0), (20, 5.0), (10, 9.0)):
        shop.told(API_METRICS, 1, "shop/api_metrics/0", type="requests_total", kind="counter", source="otlp", value=total,
                  labels=json.dumps({"service.name": "pay", "status": "200"}), time=US - ago * MINUTE)  # fmt: skip
    (service,) = asked(shop)["services"]
    assert (service["name"], service["performance"]["requests"]) == ("pay", 30 + 20 + 5 + 4)


def test_spans_of_servers_are_requests_where_nothing_else_tells_of_them(shop: Shop) -> None:
    for ms, status, kind in ((10.0, "ok", "server"), (30.0, "error", "server"), (500.0, "ok", "client")):
        labels = {"service.name": "pay", "span.kind": kind, "status": status}
        shop.told(API_METRICS, 1, "shop/api_metrics/0", type="GET /pay", kind="span", source="otlp", value=ms, unit="ms",
                  labels=json.dumps(labels), time=US - MINUTE)  # fmt: skip
    (service,) = asked(shop)["services"]
    did = service["performance"]
    assert (did["requests"], did["failed"], did["response_time"]["p50"]) == (2.0, 1.0, 20.0)


def test_logged_errors_are_grouped_by_what_they_are_and_their_trend_is_tested(shop: Shop) -> None:
    def logged(message: str, ago_min: float, severity: str = "error", n: int = 1) -> None:
        about = {"type": "log.written", "source": "nginx", "subject": "pay", "severity": severity}
        texts = [f"{message} {i}" for i in range(n)]
        at = US - round(ago_min * MINUTE)
        shop.told(SYSTEM_LOGS, n, "shop/system_logs/0", **about, message=texts, time=at)

    logged("order 17 of user 4f2d9a0c11be77 not found:", 30, n=30)
    logged("order 18 of user aaaa9a0c11be00 not found:", 90, n=5)
    logged("disk full at", 10, "critical", n=2)
    logged("all is well", 10, "info", n=9)
    errors = asked(shop)["errors"]
    first, second = errors["top_errors"]
    assert (first["fingerprint"], first["count"], first["before"]) == ("order # of user # not found: #", 30, 5)
    assert (first["trend"], second["trend"]) == ("up", "new")
    assert first["service"] == "pay" and sum(first["spark"]) == 30
    assert (errors["total_errors"], errors["error_trends"]["before"]) == (32, 5)
    assert errors["error_trends"]["direction"] == "up" and sum(errors["error_trends"]["spark"]) == 32


def test_only_alerts_that_are_open_are_there(shop: Shop) -> None:
    alerts = [{"id": str(i), "state": state} for i, state in enumerate(("firing", "resolved", "pending"))]
    assert [alert["id"] for alert in asked(shop, alerts=alerts)["alerts"]] == ["0", "2"]


@pytest.mark.parametrize(
    ("window", "objective", "field"),
    [
        ("1s", 0.9, "window"),
        ("7h", 0.9, "window"),
        ("x", 0.9, "window"),
        ("1h", 1.0, "objective"),
        ("1h", 0.0, "objective"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_field(shop: Shop, window: str, objective: float, field: str) -> None:
    with pytest.raises(Rejected) as error:
        asked(shop, window=window, objective=objective)
    assert error.value.field == field


def test_the_measures_by_themselves() -> None:
    assert burn_rate(0.001, 0.999) == pytest.approx(1.0) and burn_rate(None, 0.9) is None
    with pytest.raises(ValueError, match="objective"):
        burn_rate(0.1, 1.0)
    assert [trend_of(*pair) for pair in ((0, 0), (5, 0), (10, 9), (40, 10), (10, 40))] == [
        "flat",
        "new",
        "flat",
        "up",
        "down",
    ]
    assert histogram_quantile([], 0.5) is None and histogram_quantile([(1.0, 0.0)], 0.5) is None
    assert histogram_quantile([(1.0, 10.0), (2.0, 20.0)], 0.75) == 1.5


def test_every_answer_is_measured_and_an_exception_is_an_error_of_its_kind() -> None:
    level = ServiceLevel()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/broken":
            raise KeyError("plan")
        await send({"type": "http.response.start", "status": 404 if scope["path"] == "/no" else 200})
        await send({"type": "http.response.body", "body": b""})

    async def asked_for(path: str) -> None:
        async def send(_: Any) -> None: ...

        await Measuring(app, level)({"type": "http", "path": path, "method": "GET"}, None, send)  # pyright: ignore[reportArgumentType]

    async def all_of_it() -> None:
        for path in ("/yes", "/no", "/health"):
            await asked_for(path)
        with pytest.raises(KeyError):
            await asked_for("/broken")

    asyncio.run(all_of_it())
    (minute, *rest) = level.minutes.values()
    found = [minute, *rest]
    assert [sum(getattr(m, n) for m in found) for n in ("good", "refused", "failed")] == [1, 1, 1]
    assert list(level.messages) == ["GET /broken 500 KeyError"]


def test_a_probe_measures_a_round_trip_and_says_who_does_not_answer() -> None:
    async def probed() -> dict[str, float | None]:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            there = await round_trips([("here", "127.0.0.1", port)])
        return there | await round_trips([("gone", "127.0.0.1", port)])

    found = asyncio.run(probed())
    assert found["here"] is not None and found["here"] > 0 and found["gone"] is None
