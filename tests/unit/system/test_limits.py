"""A body beyond the bound: refused with its reason, and never kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from serve import problems
from serve.limits import BodyLimit

MOST = 1000


@pytest.fixture
def client() -> Iterator[TestClient]:
    """An application that answers how long the body was."""
    app = FastAPI()
    app.add_middleware(BodyLimit, most=MOST)
    problems.install(app)

    @app.post("/")
    async def length(request: Request) -> int:
        return len(await request.body())

    with TestClient(app) as client:
        yield client


def chunks(n: int) -> Iterator[bytes]:
    return iter([b"x" * 100] * (n // 100))


def test_a_body_up_to_the_bound_is_read(client: TestClient) -> None:
    assert client.post("/", content=b"x" * MOST).json() == MOST
    assert client.post("/", content=chunks(MOST)).json() == MOST


@pytest.mark.parametrize("n", [MOST + 100, 100 * MOST])
def test_a_longer_one_is_refused_with_its_reason(client: TestClient, n: int) -> None:
    for body in (b"x" * n, chunks(n)):
        answer = client.post("/", content=body)
        assert answer.status_code == 413
        assert answer.json()["error"]["field"] == "body"
        assert "1,000 bytes" in answer.json()["error"]["reason"]
    assert client.post("/", content=b"x").json() == 1
