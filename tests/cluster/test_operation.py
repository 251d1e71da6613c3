"""A running system as its operator sees it: is it up, what does it say of itself, who can reach it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.cluster.words import BATCH, event, fresh, only_packed
from tests.running import Running

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]


def test_it_is_alive_and_ready(running: Running) -> None:
    assert running.get("/health").json() == {"status": "ok"}
    ready = running.get("/ready")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "waiting": {}})


def test_every_cell_runs_where_its_placement_says(running: Running, request: pytest.FixtureRequest) -> None:
    status = running.get("/v1/status").json()
    assert status["placement"] == request.node.callspec.params["running"]
    assert {cell["state"] for cell in status["cells"]} == {"running"}
    kinds = {"user_interactions", "system_metrics", "control", "metrics", "anomaly", "alert_evaluator", "notifier",
             "user_activity", "system_health", "alert_system", "clock", "directory"}  # fmt: skip
    assert {cell["cell"].split("/")[1] for cell in status["cells"]} == kinds
    hosts = len(running.named("ray::Host"))
    assert hosts == (5 if status["placement"] == "packed" else len(kinds))
    assert status["log"]["bytes"] > 0


def test_prometheus_can_read_its_metrics(running: Running) -> None:
    running.post("/v1/events", json=event()).raise_for_status()
    answer = running.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    samples: dict[str, float] = {}
    for line in answer.text.split("\n"):
        if line and not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            samples[name] = float(value)
    assert samples['hindcast_rows_total{verdict="accepted"}'] >= 1
    assert samples['hindcast_stream_head{stream="user_interactions",producer="main/user_interactions/0"}'] >= 1
    assert samples['hindcast_cell_up{cell="main/metrics/0"}'] == 1
    families = {line.split()[2] for line in answer.text.splitlines() if line.startswith("# TYPE ")}
    assert {name.partition("{")[0] for name in samples} <= families


def test_a_source_that_takes_local_time_for_utc_is_seen_by_its_lags(running: Running) -> None:
    source = fresh("shop")
    now = datetime.now(UTC)
    times = [now - timedelta(hours=2)] * 9 + [now]
    told = [event(source=source, time=time.isoformat(), data={"revenue": 1, "currency": "coins"}) for time in times]
    running.post("/v1/events", json=told, headers=BATCH).raise_for_status()

    def shown() -> Any:
        return next((row for row in running.get("/v1/status").json()["sources"] if row["source"] == source), None)

    row = running.until(shown)
    assert (row["rows"], row["no_amount"], row["peaks"]) == (10, 10, [{"lag_h": 2.0, "rows": 9}])
    assert f'hindcast_source_peak_rows{{source="{source}",lag_h="2"}} 9' in running.get("/metrics").text
    assert source not in httpx.get(f"{running.url}/metrics", headers={"host": "elsewhere.example"}).text


@only_packed
def test_a_page_of_an_origin_that_is_not_configured_is_told_so(running: Running) -> None:
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    answer = httpx.options(f"{running.url}/v1/t", headers=asked)
    assert (answer.status_code, answer.json()["error"]["field"]) == (403, "origin")
    assert "server.cors_origins" in answer.json()["error"]["reason"]


def test_rows_that_no_window_counts_are_shown_and_listed(running: Running) -> None:
    """A phone that was offline for ten minutes, beside one that was not."""
    before = (running.get("/v1/status").json()["late_rows"] or {}).get("events", {"rows": 0})["rows"]
    late = event(time=(datetime.now(UTC) - timedelta(minutes=10)).isoformat())
    running.post("/v1/events", json=[event(), late], headers=BATCH).raise_for_status()
    running.until(lambda: running.get("/v1/status").json()["late_rows"].get("events", {"rows": 0})["rows"], before + 1)
    assert running.get("/v1/status").json()["late_rows"]["events"]["behind_s"] > 500
    line = 'hindcast_late_rows_total{metric="events"} '
    assert f"{line}{before + 1}" in running.get("/metrics").text
    listed = running.sql(
        f"SELECT event, stream, list_contains(metrics, 'events') FROM late_rows WHERE id = '{late['id']}'"
    )
    assert listed == [["thing.done", "user_interactions", True]]
    rows = running.get("/v1/streams/late_rows", params={"last": 50}).json()["rows"]
    assert late["id"] in [row["id"] for row in rows]


@only_packed
def test_the_api_describes_itself(running: Running) -> None:
    document = running.get("/openapi.json").json()
    assert document["info"]["title"] == "Hindcast"
    assert {"/v1/track", "/v1/batch", "/v1/events", "/v1/query", "/v1/alerts/rules", "/metrics"} <= set(
        document["paths"]
    )
    assert "swagger" in running.get("/docs").text.lower()


@only_packed
def test_the_page_is_served_with_a_policy_of_its_own_origin(running: Running) -> None:
    page = running.get("/")
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]


def test_nobody_outside_this_machine_can_reach_any_of_its_ports(running: Running) -> None:
    """Ray's, HAProxy's and our own."""
    listening: dict[str, set[int]] = {}
    for process in [psutil.Process(running.process.pid), *running.processes()]:
        for socket in process.net_connections("inet"):
            if socket.status == psutil.CONN_LISTEN:
                address = ip_address(socket.laddr.ip)
                mapped = getattr(address, "ipv4_mapped", None)
                listening.setdefault(str(mapped or address), set()).add(socket.laddr.port)
    assert set(listening) <= {"127.0.0.1", "::1"}, listening
    assert httpx.URL(running.url).port in listening["127.0.0.1"]


@only_packed
def test_its_files_are_its_owners_only(running: Running) -> None:
    for secret in ("admin.key", "ray.token", "runtime.json"):
        assert (running.data / secret).stat().st_mode & 0o077 == 0
    assert running.data.stat().st_mode & 0o077 == 0


def test_a_page_of_another_site_may_not_ask(running: Running) -> None:
    """The local viewer's rights end where a request comes from elsewhere, or names another host."""
    with httpx.Client(base_url=running.url) as visitor:
        assert visitor.get("/v1/status").status_code == 200
        assert visitor.get("/v1/status", headers={"origin": "https://evil.example"}).status_code == 401
        assert visitor.get("/v1/status", headers={"host": "evil.example"}).status_code == 401
        assert visitor.get("/v1/keys").status_code == 403
        assert visitor.post("/v1/events", content=json.dumps([event()]), headers=BATCH).status_code == 403
