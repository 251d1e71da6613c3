"""Followers and calls of the gateway: an error is told, tried again and shown; no call lasts for ever."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient

from actors.fold import Topic
from actors.followers import Follower, Followers
from actors.topology import HostMap
from actors.views import Frame, Place
from actors.workers import Health
from events.errors import Corrupt, Transient
from events.sqlite_log import SqliteSpec
from serve.access import Access, Denied, Forbidden, Principal
from serve.app import create_gateway
from serve.following import Following
from serve.hosts import Hosts
from serve.live import create_live
from serve.spec import GatewaySpec

WHERE = HostMap("nowhere", {"t/board/0": "dashboards", "t/directory/0": "edges", "t/user_interactions/0": "collectors"})
Answer = Callable[[Mapping[str, Place | None]], list[Frame]]


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks may look: the directory of these tests has no keys."""

    async def principal(self: Access, key: str | None) -> Principal:
        return Principal("key_1", "test", frozenset({"query"}))

    monkeypatch.setattr(Access, "principal", principal)


def spec(folder: Path) -> GatewaySpec:
    where = replace(WHERE, topics=(Topic("board", "latest"),), shown_by={"board": "t/board/0"})
    return GatewaySpec("t", where, SqliteSpec(folder), "g", "1")


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve.following.FIRST_S", 0.01)
    monkeypatch.setattr("serve.live.AGAIN_S", 0.01)


def answering(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> list[Follower]:
    """Every host answers so; the list gets the followers that ask."""
    asked: list[Follower] = []

    async def changes(_: Hosts, host: str, __: str, places: Any, timeout_s: float, me: Any = None) -> list[Frame]:
        if me:
            asked.append(me)
        await asyncio.sleep(0.005 if timeout_s else 0)
        return answer(places) if host == "dashboards" else []

    monkeypatch.setattr(Hosts, "changes", changes)
    return asked


# -- supervision -------------------------------------------------------------------------------------------------------


def follow(*steps: Exception | None) -> list[Follower]:
    """What a follower says of itself at each step; the steps end so."""
    seen: list[Follower] = []

    async def story() -> None:
        done = asyncio.Event()
        left = list(steps)

        async def step(me: Follower) -> None:
            seen.append(me)
            if not left:
                done.set()
                await asyncio.sleep(60)
            error = left.pop(0)
            if error:
                raise error

        task = asyncio.create_task(Following("hub", step).run())
        await asyncio.wait_for(done.wait(), 120)
        task.cancel()

    asyncio.run(story())
    return seen


@pytest.mark.parametrize("error", [Corrupt("it has no state; recover it first"), KeyError("x"), ValueError("a bug")])
def test_a_follower_lives_through_any_error_and_tells_of_it(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    seen = follow(None, error, error, None)
    assert [(me.failing, me.errors) for me in seen] == [(0, 0), (0, 0), (1, 1), (2, 2), (0, 2)]
    assert seen[-1].last_error == f"{type(error).__name__}: {error}"
    assert seen[-1].name == f"hub (pid {os.getpid()})"
    assert caplog.text.count("fails and is tried again") == 2


def test_a_host_that_restarts_is_no_error_of_a_follower(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        seen = follow(Transient("host is restarting", 0.01), None)
    assert [(me.failing, me.errors) for me in seen] == [(0, 0), (1, 0), (0, 0)]
    assert not caplog.text


def test_a_host_knows_who_follows_it_and_how_they_fare(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("actors.followers.time.monotonic", lambda: now[0])
    followers = Followers("dashboards")
    followers.heard(Follower("hub (pid 1)", failing=3, errors=3, last_error="KeyError: x"))
    followers.heard(Follower("hub (pid 2)"))
    now[0] += 100
    followers.heard(Follower("hub (pid 2)"))
    assert [(f.follower, f.state, f.asked_s_ago) for f in followers.listed()] == [
        ("hub (pid 1)", "retrying", 100.0),
        ("hub (pid 2)", "following", 0.0),
    ]
    now[0] += 50
    assert [f.follower for f in followers.listed()] == ["hub (pid 2)"]


# -- the page and the access list --------------------------------------------------------------------------------------


def test_a_page_goes_on_after_errors_of_its_host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    errors = iter([Corrupt("t/board/0 has no state; recover it first")] * 6)
    moved = threading.Event()

    def answer(places: Mapping[str, Place | None]) -> list[Frame]:
        for error in errors:
            raise error
        place = places["board"]
        if place is None:
            return [Frame("snap", "board", 5, "g.1", {"rows": 5}, policy="latest", stale="rebuilding, 40%")]
        if place.seq == 5 and moved.is_set():
            return [Frame("delta", "board", 6, "g.1", {"rows": 6}, prev=5)]
        return []

    asked = answering(monkeypatch, answer)
    with TestClient(create_live(spec(tmp_path))) as http, http.websocket_connect("/") as live:
        assert live.receive_json(mode="binary")["op"] == "welcome"
        live.send_json({"op": "sub", "id": 1, "topic": "board"})
        snap = live.receive_json(mode="binary")
        assert (snap["op"], snap["data"], snap["stale"]) == ("snap", {"rows": 5}, "rebuilding, 40%")
        moved.set()
        delta = live.receive_json(mode="binary")
        assert (delta["op"], delta["prev"], delta["data"], delta["stale"]) == ("delta", 5, {"rows": 6}, "")
    assert max(me.errors for me in asked if me.name.startswith("live hub")) >= 1


def test_a_topic_is_asked_of_the_host_that_has_it_and_keys_are_nobodys_to_see(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: set[tuple[str, str]] = set()

    async def changes(_: Hosts, host: str, __: str, places: Any, timeout_s: float, me: Any = None) -> list[Frame]:
        await asyncio.sleep(0.005)
        asked.update((host, topic) for topic in places if topic not in ("keys", "links") or me is None)
        mine = {"board": "dashboards", "definitions": "edges"}
        new = [topic for topic, place in places.items() if mine.get(topic) == host and place is None]
        return [Frame("snap", topic, 5, "g.1", {"of": topic}, policy="upsert") for topic in new]

    monkeypatch.setattr(Hosts, "changes", changes)
    cells = {"board": "t/board/0", "definitions": "t/directory/0"}
    topics = (Topic("board", "latest"), Topic("definitions", "upsert"))
    followed = GatewaySpec("t", replace(WHERE, topics=topics, shown_by=cells), SqliteSpec(tmp_path), "g", "1")
    with TestClient(create_live(followed)) as http, http.websocket_connect("/") as live:
        live.receive_json(mode="binary")
        for id, topic in enumerate(("board", "definitions", "keys")):
            live.send_json({"op": "sub", "id": id, "topic": topic})
        told = [live.receive_json(mode="binary") for _ in range(3)]
    assert {frame["data"]["of"] for frame in told if frame["op"] == "snap"} == {"board", "definitions"}
    assert [frame["code"] for frame in told if frame["op"] == "error"] == ["unknown_topic"]
    assert asked == {("dashboards", "board"), ("edges", "definitions")}


def test_a_page_is_told_that_what_it_has_became_stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lags = threading.Event()

    def answer(places: Mapping[str, Place | None]) -> list[Frame]:
        place = places["board"]
        if place is None:
            return [Frame("snap", "board", 5, "g.1", {"rows": 5}, policy="latest")]
        if not place.stale and lags.is_set():
            return [Frame("stale", "board", 5, "g.1", {}, stale="over 9,000 rows behind")]
        return []

    answering(monkeypatch, answer)
    with TestClient(create_live(spec(tmp_path))) as http, http.websocket_connect("/") as live:
        live.receive_json(mode="binary")
        live.send_json({"op": "sub", "id": 1, "topic": "board"})
        snap = live.receive_json(mode="binary")
        lags.set()
        stale = live.receive_json(mode="binary")
        assert "stale" not in snap
        assert (stale["op"], stale["id"], stale["stale"]) == ("stale", 1, "over 9,000 rows behind")
        assert "data" not in stale


def test_a_socket_whose_writer_breaks_is_closed_so_that_its_client_comes_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answering(monkeypatch, lambda places: [Frame("snap", "board", 5, "g.1", {"rows": object()}, policy="latest")])
    with TestClient(create_live(spec(tmp_path))) as http, http.websocket_connect("/") as live:
        live.receive_json(mode="binary")
        live.send_json({"op": "sub", "id": 1, "topic": "board"})
        assert live.receive() == {"type": "websocket.close", "code": 1011, "reason": ""}


@pytest.mark.parametrize("trouble", [Denied("authorization", "it was revoked"), Forbidden("key", "no scope")])
def test_a_socket_is_closed_once_its_key_may_look_no_more(
    trouble: Exception, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("serve.live.HEARTBEAT_S", 0.05)
    monkeypatch.setattr(Hosts, "changes", nothing_new)
    said: list[Exception] = [Transient("the directory starts"), trouble]

    async def principal(self: Access, key: str | None) -> Principal:
        raise said.pop(0) if len(said) > 1 else said[0]

    with TestClient(create_live(spec(tmp_path))) as http, http.websocket_connect("/") as live:
        live.receive_json(mode="binary")
        monkeypatch.setattr(Access, "principal", principal)
        while (message := live.receive())["type"] == "websocket.send":
            assert orjson.loads(message["bytes"])["op"] == "hb", "an outage of the directory closes no socket"
        assert message == {"type": "websocket.close", "code": 4401, "reason": ""}


async def nothing_new(*_: Any, **__: Any) -> list[Frame]:
    """As ``Hosts.changes``, of a system in which nothing happens."""
    await asyncio.sleep(0.05)
    return []


def test_the_access_list_learns_of_a_key_after_an_error() -> None:
    async def story() -> None:
        told: list[Any] = [
            Corrupt("t/directory/0 has no state; recover it first"),
            [Frame("snap", "keys", 3, "g.1", {"a": {"id": "1", "name": "n", "scopes": []}}, policy="upsert")],
            [Frame("stale", "keys", 3, "g.1", {}, stale="waiting: disk full")],
            [Frame("delta", "keys", 4, "g.1", {"b": {"id": "2", "name": "m", "scopes": []}, "a": None}, prev=3)],
        ]
        places: list[Place | None] = []

        class Host:
            where = WHERE

            async def changes(self, host: str, tenant: str, asked: Any, timeout_s: float, me: Any = None) -> Any:
                places.append(asked["keys"])
                if not told:
                    await asyncio.sleep(60)
                answer = told.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return answer

        access = Access(Host(), "t")  # type: ignore[arg-type]
        task = asyncio.create_task(access.follow())
        while "b" not in access.keys:
            await asyncio.sleep(0.01)
        task.cancel()
        assert list(access.keys) == ["b"]
        assert places[:4] == [None, None, Place("g.1", 3), Place("g.1", 3, "waiting: disk full")]

    asyncio.run(asyncio.wait_for(story(), 120))


# -- calls -------------------------------------------------------------------------------------------------------------


def silent(*_: Any) -> Awaitable[Any]:
    return asyncio.sleep(60)


def test_a_call_that_is_not_answered_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve.hosts.ANSWER_S", 0.05)
    monkeypatch.setattr("serve.hosts.HEALTH_S", 0.05)

    async def story() -> None:
        hosts = Hosts(WHERE)
        remote = SimpleNamespace(remote=silent)
        actor: Any = SimpleNamespace(push=remote, changes=remote, health=remote, followers=remote)
        hosts._handles = dict.fromkeys(WHERE.cells.values(), actor)
        rows = pa.record_batch({"id": ["a"]})
        with pytest.raises(Transient, match=r"host collectors has not answered within 0\.05 s"):
            await hosts.push("t/user_interactions/0", rows, None)
        with pytest.raises(Transient, match="host dashboards has not answered"):
            await hosts.changes("dashboards", "t", {}, 0.01)
        assert {(h.state, h.settled) for h in await hosts.health()} == {("unreachable", False)}
        assert await hosts.followers() == []

    asyncio.run(asyncio.wait_for(story(), 120))


# -- readiness ---------------------------------------------------------------------------------------------------------


def health(cell: str, state: str, *, door: bool = False, settled: bool = True) -> Health:
    return Health(f"t/{cell}/0", state, "" if state == "running" else "why", 1, 0, door=door, settled=settled)


WELL = health("user_interactions", "running", door=True)


@pytest.mark.parametrize(
    ("cells", "status", "said"),
    [
        ([WELL, health("board", "running")], 200, {"ready": True, "waiting": {}}),
        (
            [WELL, health("board", "halted")],
            200,
            {"ready": True, "waiting": {}, "down": {"t/board/0": "halted why"}},
        ),
        (
            [WELL, health("board", "rebuilding")],
            200,
            {"ready": True, "waiting": {}, "rebuilding": {"t/board/0": "rebuilding why"}},
        ),
        (
            [WELL, health("board", "unreachable", settled=False)],
            503,
            {"ready": False, "waiting": {"t/board/0": "unreachable why"}},
        ),
        (
            [health("user_interactions", "halted", door=True), health("board", "running")],
            503,
            {"ready": False, "waiting": {}, "down": {"t/user_interactions/0": "halted why"}},
        ),
        (
            [health("user_interactions", "rebuilding", door=True)],
            503,
            {"ready": False, "waiting": {}, "rebuilding": {"t/user_interactions/0": "rebuilding why"}},
        ),
    ],
    ids=[
        "well",
        "a board is halted",
        "a board is rebuilt",
        "a host is gone",
        "the door is halted",
        "the door is rebuilt",
    ],
)
def test_readiness_is_whether_what_is_sent_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cells: list[Health], status: int, said: dict[str, Any]
) -> None:
    async def answer(_: Hosts) -> list[Health]:
        return cells

    monkeypatch.setattr(Hosts, "health", answer)
    answering(monkeypatch, lambda _: [])
    with TestClient(create_gateway(spec(tmp_path))) as http:
        found = http.get("/ready")
        assert (found.status_code, found.json()) == (status, said)


def test_the_status_shows_followers_stale_views_and_how_far_a_rebuild_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def cells(_: Hosts) -> list[Health]:
        return [
            Health("t/board/0", "rebuilding", "40%: …", 7, 12, ("m: it is new",), 0.4, "rebuilding, 40%", False, True)
        ]

    async def followers(_: Hosts) -> Any:
        known = Followers("dashboards")
        known.heard(Follower("live hub (pid 7)", 2, 5, "KeyError: x"))
        return known.listed()

    monkeypatch.setattr(Hosts, "health", cells)
    monkeypatch.setattr(Hosts, "followers", followers)
    answering(monkeypatch, lambda _: [])
    with TestClient(create_gateway(spec(tmp_path))) as http:
        status = http.get("/v1/status", headers={"host": "localhost"}).json()
        metrics = http.get("/metrics").text
    (cell,), (follower,) = status["cells"], status["followers"]
    assert (cell["progress"], cell["stale"], cell["notes"]) == (0.4, "rebuilding, 40%", ["m: it is new"])
    assert (follower["state"], follower["errors"], follower["last_error"]) == ("retrying", 5, "KeyError: x")
    assert 'hindcast_cell_stale{cell="t/board/0"} 1' in metrics
