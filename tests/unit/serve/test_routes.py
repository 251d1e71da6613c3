"""What the gateway answers before any handler of ours is asked: methods, unknown paths, the page's files."""

from __future__ import annotations

import re
from typing import cast

import pytest
from fastapi.testclient import TestClient

from actors.topology import HostMap
from actors.workers import Health
from events.errors import Rejected
from events.memory_log import MemorySpec
from serve.app import create_gateway
from serve.gateway import Gateway
from serve.hosts import Hosts
from serve.page import HEADERS
from serve.parameters import seconds_since
from serve.spec import GatewaySpec


@pytest.fixture(scope="module")
def http() -> TestClient:
    spec = GatewaySpec("t", HostMap("nowhere", {}), MemorySpec("nowhere"), "g", "1")
    return TestClient(create_gateway(spec))  # not entered: nothing is started


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/v1/events", 405, "POST"),
        ("PUT", "/v1/batch", 405, "POST"),
        ("POST", "/health", 405, "GET"),
        ("POST", "/", 405, "GET"),
        ("GET", "/v1/nothing", 404, None),
        ("POST", "/nothing", 404, None),
        ("GET", "/assets/nothing.js", 404, None),
        ("GET", "/assets/%2e%2e/%2e%2e/app.py", 404, None),
    ],
)
def test_a_wrong_method_or_path_is_said_to_be(
    http: TestClient, method: str, path: str, status: int, allow: str | None
) -> None:
    answer = http.request(method, path)
    assert answer.status_code == status
    assert set((answer.headers.get("allow") or "").split(", ")) - {"HEAD"} == {allow or ""}
    assert answer.json()["error"]["reason"]


def test_every_file_of_the_page_is_served_and_hashed_ones_are_kept(http: TestClient) -> None:
    page = http.get("/")
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(files) >= 3
    for path in ["/", *files]:
        answer = http.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-security-policy"] == HEADERS["content-security-policy"]
        kept = "immutable" in answer.headers["cache-control"]
        assert kept == path.startswith("/assets/"), path


def test_the_page_of_the_api_comes_from_here_alone(http: TestClient) -> None:
    page = http.get("/docs")
    files = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(files) >= 3
    assert all(path.startswith("/") for path in files)
    for path in files:
        assert http.get(path).status_code == 200, path


def test_the_api_says_how_one_signs_in_and_shows_what_to_send(http: TestClient) -> None:
    document = http.get("/openapi.json").json()
    assert {s["scheme"] for s in document["components"]["securitySchemes"].values()} == {"bearer", "basic"}
    assert document["paths"]["/v1/track"]["post"]["security"] == [{"key": []}, {"keyAsUser": []}]
    assert document["paths"]["/health"]["get"]["security"] == []
    for path, operations in document["paths"].items():
        for content_type, body in operations.get("post", {}).get("requestBody", {}).get("content", {}).items():
            schema = body["schema"]
            named = document["components"]["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
            assert "example" in body or named.get("examples") or path in ("/v1/session",), (path, content_type)


@pytest.mark.parametrize("query", ["metrik=events", "metric=events&sinse=1h", "Metric=events"])
def test_a_parameter_that_is_misspelt_is_refused(http: TestClient, query: str) -> None:
    answer = http.get(f"/v1/metrics?{query}")
    assert answer.status_code == 400
    assert "did you mean" in answer.json()["error"]["reason"]


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("1h", NOW - 3600),
        ("90s", NOW - 90),
        ("30m", NOW - 1800),
        ("1.5h", NOW - 5400),
        ("7d", NOW - 604_800),
        ("1767268800", 1_767_268_800.0),
        ("2026-01-01T12:00:00Z", 1_767_268_800.0),
        ("2026-01-01T13:00:00+01:00", 1_767_268_800.0),
        ("2026-01-01T13:00:00 01:00", 1_767_268_800.0),
        ("2026-01-01T12:00:00", 1_767_268_800.0),
        ("2026-01-01", 1_767_225_600.0),
    ],
)
def test_a_moment_is_read_as_people_write_it(said: str, at: float) -> None:
    assert seconds_since(said, NOW) == at


@pytest.mark.parametrize("said", ["yesterday", "1y", "-5", "nan", "1e300", "2026-13-01", "h"])
def test_what_is_no_moment_is_refused_with_what_is(said: str) -> None:
    with pytest.raises(Rejected, match="since"):
        seconds_since(said, NOW)


class NoHosts:
    """Stand in for hosts of which none answers."""

    where = HostMap("nowhere", {})

    async def health(self) -> list[Health]:
        return []


def test_who_reads_the_metrics_of_one_tenant_learns_nothing_of_another_on_the_same_log() -> None:
    cells = {f"t/{fold}/0": "h" for fold in ("directory", "user_interactions", "control")}
    spec = GatewaySpec("t", HostMap("nowhere", cells), MemorySpec("two tenants"), "g", "packed", "1")
    app = create_gateway(spec)
    gateway = app.state.gateway = Gateway(spec)
    gateway.hosts = cast("Hosts", NoHosts())
    for tenant in ("t", "tt", "other"):
        spec.log.open().acquire(f"{tenant}/user_interactions/0", ["user_interactions"])
    found = TestClient(app).get("/metrics").text
    assert re.findall(r'hindcast_stream_head\{[^}]*producer="([^"]*)"', found) == ["t/user_interactions/0"]
