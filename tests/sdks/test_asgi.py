"""The middleware in real applications: what it tells of their requests, and that they notice nothing of it."""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route

from events.errors import Overloaded, Transient
from hindcast.asgi import RequestMetrics
from serve.otlp.part import PART, OtlpSection
from tests import patient
from tests.sdks.collected import Collected
from tests.sdks.door import serving
from tests.sdks.site import until


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Collected]:
    door = Collected(PART, OtlpSection())
    door.key("wk_shop", "shop")
    with door.open(tmp_path):
        yield door


def fast(more: dict[str, Any]) -> FastAPI:
    app = FastAPI()
    router = APIRouter(prefix="/shop")

    @router.get("/items/{item_id}")
    async def item(item_id: int) -> dict[str, int]:
        return {"item": item_id}

    @app.post("/orders")
    def order() -> None:
        raise HTTPException(402, "no money")

    @app.get("/broken")
    async def broken() -> None:
        raise ZeroDivisionError

    inner = FastAPI()

    @inner.get("/users/{name}")
    async def user(name: str) -> str:
        return name

    app.include_router(router)
    app.mount("/inner", inner)
    app.add_middleware(RequestMetrics, **more)
    return app


def star(more: dict[str, Any]) -> Starlette:
    async def item(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(request.path_params["item_id"]))

    async def slowly(_: Request) -> StreamingResponse:
        def pieces() -> Generator[bytes]:
            yield b"a"
            time.sleep(0.05)
            yield b"b"

        return StreamingResponse(pieces())

    routes = [Route("/items/{item_id:int}", item), Mount("/inner", routes=[Route("/slowly", slowly)])]
    app = Starlette(routes=routes)
    app.add_middleware(RequestMetrics, **more)
    return app


@contextmanager
def running(make: Callable[[dict[str, Any]], Any], url: str, **more: Any) -> Generator[str]:
    with serving(make({"address": url, "key": "wk_shop", "service": "shop", **more})) as address:
        yield address


def told(door: Collected) -> list[tuple[str, int]]:
    rows = door.told["api_metrics"]
    return [(row["type"], json.loads(row["labels"])["http.response.status_code"]) for row in rows]


def test_fastapi(door: Collected) -> None:
    asked = [
        "/shop/items/7",
        "/shop/items/8",
        "/shop/items/x",
        "/inner/users/ada",
        "/nowhere/1",
        "/nowhere/2",
        "/broken",
    ]
    with running(fast, door.url) as app:
        statuses = [patient.get(app + path).status_code for path in asked] + [patient.post(f"{app}/orders").status_code]
        assert statuses == [200, 200, 422, 200, 404, 404, 500, 402]
        until(lambda: len(told(door)) == 8)
    assert sorted(told(door)) == [
        ("GET (no route)", 404),
        ("GET (no route)", 404),
        ("GET /broken", 500),
        ("GET /inner/users/{name}", 200),
        ("GET /shop/items/{item_id}", 200),
        ("GET /shop/items/{item_id}", 200),
        ("GET /shop/items/{item_id}", 422),
        ("POST /orders", 402),
    ]
    rows = door.told["api_metrics"]
    assert {(row["kind"], row["unit"], row["subject"], row["source"]) for row in rows} == {
        ("span", "ms", "shop", "shop")
    }
    assert all(0 < row["value"] < 60_000 for row in rows)
    broken = next(row for row in rows if row["type"] == "GET /broken")
    assert json.loads(broken["labels"])["status"] == "error"


def test_starlette_and_a_request_takes_until_its_last_byte(door: Collected) -> None:
    with running(star, door.url) as app:
        assert patient.get(f"{app}/items/7").text == "7"
        assert patient.get(f"{app}/inner/slowly").text == "ab"
    # The end of the application waits until they are told.
    assert told(door) == [("GET /items/{item_id}", 200), ("GET /inner/slowly", 200)]
    assert door.told["api_metrics"][1]["value"] >= 50


@pytest.mark.parametrize("refusal", [Overloaded("the disk is nearly full", 0.1), Transient("starting", 0.1)])
def test_what_could_not_be_told_is_told_later_and_once(door: Collected, refusal: Exception) -> None:
    door.refusals = [refusal, refusal]
    with running(star, door.url) as app:
        for number in range(3):
            patient.get(f"{app}/items/{number}")
        until(lambda: len(told(door)) == 3)
    assert len(told(door)) == 3


def nowhere() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def silent() -> socket.socket:
    """A place that takes connections and never answers."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    return listening


def test_while_the_system_is_away_or_silent_the_application_notices_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "hindcast.asgi")
    with silent() as listening:
        for url in (nowhere(), f"http://127.0.0.1:{listening.getsockname()[1]}"):
            with running(star, url, most_waiting=10) as app, patient.Client() as http:
                assert [http.get(f"{app}/items/{number}").text for number in range(50)] == [str(n) for n in range(50)]
    said = [record.getMessage() for record in caplog.records if "not told to Hindcast" in record.getMessage()]
    assert len(said) <= 2, "once, not for each request"


def test_a_key_that_is_wrong_is_said_and_nothing_is_kept_for_ever(
    door: Collected, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "hindcast.asgi")
    with running(star, door.url, key="nobody") as app:
        patient.get(f"{app}/items/1")
        until(lambda: "this API key is not known" in caplog.text)


def test_the_oldest_go_where_too_many_wait() -> None:
    app = Starlette(routes=[Route("/", lambda request: PlainTextResponse("ok"))])
    with silent() as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        measured = RequestMetrics(app, url, "wk_shop", most_waiting=10)
        with serving(measured) as address, patient.Client() as http:
            for _ in range(30):
                assert http.get(address).text == "ok"
            until(lambda: measured.dropped >= 10)
            assert measured.dropped <= 30
