"""Routes of plug-ins: who may ask them, and what becomes of those that cannot be served, or that raise."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from actors.parts import PlugIn
from actors.topology import HostMap
from events.memory_log import MemorySpec
from serve.access import Access, Denied, NoKey, Principal
from serve.app import create_gateway
from serve.spec import GatewaySpec

HEAD = (
    "from fastapi import APIRouter, Request\nfrom starlette.responses import StreamingResponse\nrouter = APIRouter()\n"
)
WEATHER = """
from events.errors import Rejected
from serve.gateway import principal
@router.get("/v1/weather")
async def weather(place: str = "here") -> dict[str, str]:
    if place == "nowhere":
        raise Rejected("place", "is nowhere; name a town")
    return {"weather": "dry", "place": place}
@router.get("/v1/weather/storm")
async def storm() -> dict[str, str]:
    raise ZeroDivisionError("as ever")
@router.get("/v1/weather/mend")
async def mend(request: Request) -> dict[str, str]:
    return {"by": (await principal(request, "admin")).name}
"""
Serve = Callable[..., TestClient]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """``serve(routes, **said)``: a gateway with a plug-in ``sky`` that has these routes, and declares them so."""

    async def known(self: Access, key: str | None) -> Principal:
        if key is None:
            raise NoKey
        if key not in ("query", "ingest", "admin"):
            raise Denied("authorization", "this API key is not known")
        return Principal("key_1", "ada", frozenset({key}))

    def serve(routes: str, **said: Any) -> TestClient:
        (tmp_path / "sky_routes.py").write_text(HEAD + routes)
        (tmp_path / "sky.py").write_text(
            f"from actors.parts import ASKS_ITSELF, Part\nPART = Part('sky', routes='sky_routes:router', **{said!r})\n"
        )
        spec = GatewaySpec(
            "t",
            HostMap("nowhere", {}),
            MemorySpec("nowhere"),
            "g",
            "1",
            plug_ins=(PlugIn("sky", "p", "1", "sky:PART"),),
        )
        client = TestClient(create_gateway(spec), raise_server_exceptions=False)
        return client.__enter__()

    monkeypatch.setattr(Access, "principal", known)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield serve
    for name in ("sky", "sky_routes"):
        sys.modules.pop(name, None)


def asked(http: TestClient, path: str, key: str = "query") -> tuple[int, Any]:
    answer = http.get(path, headers={"authorization": f"Bearer {key}"} if key else {})
    return answer.status_code, answer.json()


def lacks(http: TestClient) -> str:
    app: Any = http.app
    return app.state.plug_ins[0].lacks


def test_a_route_is_served_to_keys_of_its_scope(serve: Serve) -> None:
    http = serve(WEATHER)
    assert lacks(http) == ""
    assert asked(http, "/v1/weather") == (200, {"weather": "dry", "place": "here"})
    assert asked(http, "/v1/weather", key="")[0] == 401
    assert asked(http, "/v1/weather", key="nobody's")[0] == 401
    assert asked(http, "/v1/weather", key="ingest")[0] == 403
    assert asked(http, "/v1/weather/mend")[0] == 403, "it asks for more by itself"
    assert "/v1/weather" in http.get("/openapi.json").json()["paths"]


def test_another_scope_may_be_asked_for_or_none(serve: Serve) -> None:
    assert asked(serve(WEATHER, scope="ingest"), "/v1/weather", key="ingest")[0] == 200


def test_a_part_whose_routes_ask_themselves(serve: Serve) -> None:
    http = serve(WEATHER, scope="")
    assert asked(http, "/v1/weather", key="")[0] == 200
    assert asked(http, "/v1/weather/mend", key="")[0] == 401


def test_a_route_that_is_made_by_hand_is_guarded_too(serve: Serve) -> None:
    """The routes of ingest go past FastAPI's own dependencies."""
    plain = """
from serve.routes.plain import Plain
from fastapi import Response
router = APIRouter(route_class=Plain)
@router.get("/v1/quick")
async def quick(request: Request) -> Response:
    return Response("{}")
"""
    http = serve(plain)
    assert asked(http, "/v1/quick", key="")[0] == 401
    assert asked(http, "/v1/quick") == (200, {})


def test_a_route_that_raises_is_named_and_the_others_answer(serve: Serve) -> None:
    http = serve(WEATHER)
    status, said = asked(http, "/v1/weather/storm")
    assert (status, "plug-in 'sky'" in said["error"]["reason"]) == (500, True)
    assert "ZeroDivisionError" in said["error"]["reason"] and said["error"]["ref"]
    status, said = asked(http, "/v1/weather?place=nowhere")
    assert (status, said["error"]["field"]) == (400, "place"), "what it refuses, it refuses as we do"
    assert asked(http, "/v1/weather")[0] == 200


@pytest.mark.parametrize(
    ("routes", "said", "why"),
    [
        ("raise RuntimeError('no sky today')", {}, "RuntimeError: no sky today"),
        ("router = 3", {}, "AttributeError"),
        (WEATHER, {"scope": "everybody"}, "scope: there is no scope 'everybody'; there are"),
        ('@router.get("/v1/status")\nasync def mine() -> int: return 1', {}, "GET /v1/status is there already"),
        ('@router.post("/v1/events")\nasync def mine() -> int: return 1', {}, "POST /v1/events is there already"),
        ('router.add_route("/raw", lambda _: None)', {}, "declare routes with `@router.get`"),
        ('@router.websocket("/feed")\nasync def mine(_) -> None: ...', {}, "declare routes with `@router.get`"),
    ],
)
def test_what_cannot_be_served_is_named_and_everything_else_is(
    serve: Serve, routes: str, said: dict[str, Any], why: str
) -> None:
    http = serve(routes, **said)
    assert lacks(http).startswith("its routes are not served: ") and why in lacks(http)
    assert asked(http, "/health") == (200, {"status": "ok"})
    assert asked(http, "/v1/weather")[0] == 404


def test_the_page_and_our_own_paths_come_before_a_route_that_takes_all(serve: Serve) -> None:
    http = serve('@router.get("/{path:path}")\nasync def all(path: str) -> str: return path')
    assert asked(http, "/v1/nothing") == (200, "v1/nothing")
    assert "<!doctype html>" in http.get("/").text.lower()
    assert asked(http, "/health") == (200, {"status": "ok"})
