"""What the gateway answers before any handler of ours is asked: methods, unknown paths, the page's files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from actors.topology import HostMap
from serve.app import create_gateway
from serve.page import HEADERS
from serve.spec import GatewaySpec


@pytest.fixture(scope="module")
def http() -> TestClient:
    spec = GatewaySpec("t", HostMap("nowhere", {}), Path("nowhere"), "g", "packed", "1")
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
