"""A running system as its operator sees it: is it up, what does it say of itself, who can reach it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from hindcast.client import Client
from tests import patient
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
             "user_activity", "system_health", "alert_system", "clock", "directory", "backfill", "archiver"}  # fmt: skip
    cells = running.get("/v1/placement").json()["cells"]
    assert {place["cell"] for place in cells} == {cell["cell"] for cell in status["cells"]}
    assert {place["cell"].split("/")[1] for place in cells} >= kinds
    hosts = {place["host"] for place in cells}
    assert len(hosts) == 5 if status["placement"] == "packed" else len(hosts) > 10
    running.until(lambda: len(running.named("ray::Host")), len(hosts))
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

    running.until(lambda: (row := shown()) and row["rows"], 10)
    row = shown()
    assert (row["no_amount"], row["peaks"]) == (10, [{"lag_h": 2.0, "rows": 9}])
    line = f'hindcast_source_peak_rows{{source="{source}",lag_h="2"}} 9'
    running.until(lambda: line in running.get("/metrics").text)
    assert source not in patient.get(f"{running.url}/metrics", headers={"host": "elsewhere.example"}).text


@only_packed
def test_a_page_of_an_origin_that_is_not_configured_is_told_so(running: Running) -> None:
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    answer = patient.options(f"{running.url}/v1/t", headers=asked)
    assert (answer.status_code, answer.json()["error"]["field"]) == (403, "origin")
    assert "server.cors_origins" in answer.json()["error"]["reason"]


def test_rows_that_no_window_counts_are_shown_and_listed(running: Running) -> None:
    """A phone that was offline for ten minutes, beside one that was not."""

    def counted() -> int:
        return (running.get("/v1/status").json()["late_rows"] or {}).get("events", {"rows": 0})["rows"]

    before = counted()
    late = event(time=(datetime.now(UTC) - timedelta(minutes=10)).isoformat())
    running.post("/v1/events", json=[event(), late], headers=BATCH).raise_for_status()
    asked = f"SELECT event, stream, list_contains(metrics, 'events') FROM late_rows WHERE id = '{late['id']}'"
    running.until(lambda: running.sql(asked), [["thing.done", "user_interactions", True]])
    running.until(lambda: counted() > before)
    assert running.get("/v1/status").json()["late_rows"]["events"]["behind_s"] > 500
    running.until(lambda: f'hindcast_late_rows_total{{metric="events"}} {counted()}' in running.get("/metrics").text)
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
        sockets: list[Any] = []
        with suppress(psutil.NoSuchProcess):  # Ray's workers come and go
            sockets = process.net_connections("inet")
        for socket in sockets:
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
    """The page's cookie counts for the page only: not for another site, nor for another port of this machine."""
    with patient.Client(base_url=running.url) as visitor:
        assert visitor.get(f"/?token={token(running)}").status_code == 303
        assert visitor.get("/v1/status").status_code == 200
        for headers in (
            {"origin": "https://evil.example"},
            {"origin": "http://localhost:3000", "sec-fetch-site": "same-site"},
            {"sec-fetch-site": "cross-site"},
        ):
            assert visitor.get("/v1/status", headers=headers).status_code == 401
            assert visitor.post("/v1/query", json={"sql": "SELECT 1"}, headers=headers).status_code == 401
        assert visitor.get("/v1/keys").status_code == 403
        assert visitor.post("/v1/events", content=json.dumps([event()]), headers=BATCH).status_code == 403


def test_a_loopback_name_in_the_host_header_opens_nothing(running: Running) -> None:
    """A proxy in front, as most are set up, asks for 127.0.0.1, whoever is behind it."""
    for host in ("127.0.0.1", "localhost", "[::1]"):
        for path in ("/v1/status", "/v1/alerts", "/v1/streams", "/v1/streams/user_interactions"):
            answer = patient.get(running.url + path, headers={"host": host})
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == 'Bearer realm="hindcast"'
            assert "hindcast link" in answer.json()["error"]["reason"]
            assert "Authorization: Bearer" in answer.json()["error"]["reason"]


def test_the_link_of_the_start_opens_the_page_once(running: Running) -> None:
    found = running.until(lambda: re.search(r"http://127.0.0.1:\d+/\?token=\S+", running.output.read_text()))
    with patient.Client(base_url=running.url) as browser:
        guessed = browser.get(found[0], headers={"sec-purpose": "prefetch;prerender"})
        assert guessed.status_code == 503, "a browser that guesses does not use the link up"
        opened = browser.get(found[0])
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert browser.get("/v1/status").status_code == 200
        assert browser.get(found[0]).status_code == 303, "who is in already is let in again"
    again = patient.get(found[0])
    assert again.status_code == 401
    assert "has been used" in again.text
    assert "hindcast link" in again.text
    assert patient.post(f"{running.url}/v1/session", json={"key": found[0].partition("=")[2]}).status_code == 401


def test_a_link_is_opened_by_one_of_many_that_come_at_once(running: Running) -> None:
    address = f"{running.url}/?token={token(running)}"
    with ThreadPoolExecutor(8) as many:
        found = [answer.status_code for answer in many.map(patient.get, [address] * 8)]
    assert sorted(found) == [303] + [401] * 7


@only_packed
def test_the_command_line_and_python_print_another_link(running: Running) -> None:
    command = [sys.executable, "-m", "hindcast", "link", "--data-dir", str(running.data)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    with Client.local(running.data) as client:
        for link in (said.stdout.strip(), client.create_link()):
            assert patient.get(link).status_code == 303


def test_a_session_can_be_seen_and_revoked(running: Running) -> None:
    with patient.Client(base_url=running.url) as browser:
        assert browser.post("/v1/session", json={"key": token(running)}).status_code == 204
        assert browser.get("/v1/alerts").status_code == 200
        newest = max(running.get("/v1/keys").json(), key=lambda key: key["created"])
        assert (newest["name"], newest["scopes"]) == ("page", ["query", "control"])
        assert newest["expires"] > newest["created"]
        assert running.http.delete(f"/v1/keys/{newest['id']}").status_code == 204
        assert browser.get("/v1/alerts").status_code == 401


def test_commands_are_for_admins_to_read(running: Running) -> None:
    made = running.post("/v1/keys", json={"name": "reader", "scopes": ["query"]}).json()
    with patient.Client(base_url=running.url, headers={"authorization": f"Bearer {made['key']}"}) as reader:
        asked = ("SELECT count(*) FROM control", "WITH c AS (FROM control) SELECT data FROM c", "SUMMARIZE control")
        answers = [reader.post("/v1/query", json={"sql": sql}) for sql in asked]
        for answer in (reader.get("/v1/streams/control"), *answers):
            assert answer.status_code == 403, answer.text
            assert "scope admin" in answer.json()["error"]["reason"]
        theirs = "SELECT count(*) FROM dead_letters WHERE stream = 'control'"
        assert reader.post("/v1/query", json={"sql": theirs}).json()["rows"] == [[0]]
        assert reader.post("/v1/query", json={"sql": "SELECT count(*) FROM metrics"}).status_code == 200
    assert running.get("/v1/streams/control?last=1").json()["rows"]
    assert running.sql("SELECT count(*) > 0 FROM control") == [[True]]


def token(running: Running) -> str:
    """Of a new link."""
    return running.link().partition("=")[2]
