"""A stand-in for the server that speaks the live protocol, so that the client is tested alone.

It keeps topics in memory, and lets a test misbehave on purpose: drop sockets, skip a delta, start a new epoch, refuse
a command, demand a session.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import uuid
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles

from actors.definitions.checking import Wanted, read
from actors.definitions.kinds import KINDS
from config.settings import Settings
from events.catalog import STREAMS
from events.errors import Rejected
from events.tables import columns_of
from query.rows import as_csv

BUILT = Path(__file__).resolve().parents[2] / "serve" / "ui"

#: What the server sends with every page: nothing but the origin, no eval. Styles may be inline; charts size themselves.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
)

WINDOW = 8
HEARTBEAT_SECONDS = 10.0
UNAUTHENTICATED = 4401
KEY = "hc_test_key"

Data = dict[str, Any]


@dataclass
class FakeTopic:
    """A view with a policy, its log offset `seq`, and the last deltas a client may resume from."""

    name: str
    policy: str
    data: Data
    cap: int = 0
    seq: int = 100
    epoch: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    stale: str = ""
    deltas: deque[tuple[int, Data]] = field(default_factory=lambda: deque(maxlen=200))

    def push(self, delta: Data) -> None:
        self.seq += 1
        self.deltas.append((self.seq, delta))
        self.data = self._merged(self.data, delta)

    def since(self, after: int) -> Data | None:
        """All deltas in (after, seq] as one; None when the log no longer reaches back."""
        wanted = [delta for seq, delta in self.deltas if seq > after]
        if len(wanted) != self.seq - after:
            return None
        joined: Data = {}
        for delta in wanted:
            if self.policy == "append":
                joined = {k: joined.get(k, []) + v for k, v in delta.items()}
            else:
                joined = {**joined, **delta}
        return joined

    def _merged(self, data: Data, delta: Data) -> Data:
        if self.policy == "append":
            grown = {k: (data.get(k, []) + v) for k, v in delta.items()}
            return {**data, **{k: v[-self.cap :] if self.cap else v for k, v in grown.items()}}
        return {k: v for k, v in {**data, **delta}.items() if v is not None}


class FakeSocket:
    """One client: no queue, only the last offset sent of each topic; deltas merge while credit is spent."""

    def __init__(self, socket: WebSocket, topics: dict[str, FakeTopic]) -> None:
        self._socket = socket
        self._topics = topics
        self._subscribed: dict[int, FakeTopic] = {}
        self._sent: dict[int, tuple[str, int]] = {}
        self._acknowledged = 0
        self._wake = asyncio.Event()
        self.n = 0
        self.most_ahead = 0
        self.binary = False

    def wake(self) -> None:
        self._wake.set()

    async def send(self, **frame: Any) -> None:
        self.n += 1
        self.most_ahead = max(self.most_ahead, self.n - self._acknowledged)
        text = json.dumps({**frame, "n": self.n})
        await (self._socket.send_bytes(text.encode()) if self.binary else self._socket.send_text(text))

    async def write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for id, topic in list(self._subscribed.items()):
                if self.n - self._acknowledged >= WINDOW:
                    break
                await self._catch_up(id, topic)
            await asyncio.sleep(0.02)

    async def handle(self, frame: Data) -> None:
        match frame["op"]:
            case "sub":
                await self._subscribe(frame)
            case "unsub":
                self._subscribed.pop(frame["id"], None)
            case "ack":
                self._acknowledged = frame["n"]
                self.wake()
            case "ping":
                await self.send(op="pong", t=frame["t"])
            case _:
                pass

    async def _subscribe(self, frame: Data) -> None:
        topic = self._topics.get(frame["topic"])
        if topic is None:
            await self.send(op="error", code="unknown_topic", message="No such topic", topic=frame["topic"])
            return
        id = frame["id"]
        self._subscribed[id] = topic
        self._sent[id] = (str(frame.get("epoch")), frame.get("after", -1))
        await self._catch_up(id, topic)

    async def _catch_up(self, id: int, topic: FakeTopic) -> None:
        epoch, after = self._sent[id]
        if (epoch, after) == (topic.epoch, topic.seq):
            return
        delta = topic.since(after) if epoch == topic.epoch else None
        if delta is None:
            await self.send(
                op="snap",
                id=id,
                seq=topic.seq,
                epoch=topic.epoch,
                policy=topic.policy,
                cap=topic.cap or None,
                data=topic.data,
                **({"stale": topic.stale} if topic.stale else {}),
            )
        else:
            await self.send(op="delta", id=id, prev=after, seq=topic.seq, data=delta)
        self._sent[id] = (topic.epoch, topic.seq)

    async def tell_stale(self, topic: FakeTopic) -> None:
        for id, subscribed in self._subscribed.items():
            if subscribed is topic:
                await self.send(op="stale", id=id, seq=topic.seq, epoch=topic.epoch, stale=topic.stale)

    def pretend_sent(self, topic: FakeTopic) -> None:
        """Makes the client miss what was pushed: the next delta will not continue what it holds."""
        for id, subscribed in self._subscribed.items():
            if subscribed is topic:
                self._sent[id] = (topic.epoch, topic.seq)

    async def heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            await self.send(op="hb")

    async def close(self, code: int) -> None:
        await self._socket.close(code)


DEFINED_AT = 1_767_225_600.0


def definition(kind: str, name: str, spec: Data, version: int, owner: str = "api", by: str = "ada") -> Data:
    """An entry of the topic `definitions`."""
    return {"kind": kind, "name": name, "spec": spec, "version": version, "by": by, "at": DEFINED_AT, "owner": owner}


def configured() -> dict[str, Data]:
    """The definitions of the demo, as the directory shows them."""
    told = [(key, KINDS[key.kind].told(said)) for key, said in Settings.load("demo").definitions()]
    return {
        key.text: definition(key.kind, key.name, spec, i, "file:demo.yaml", "configuration")
        for i, (key, spec) in enumerate(told)
    }


class FakeLive:
    """The server and the levers a test pulls. Every method but `run` is safe to call from the test's thread."""

    def __init__(self, topics: list[FakeTopic], *, needs_session: bool = False) -> None:
        definitions = FakeTopic("definitions", "upsert", configured())
        self.topics = {topic.name: topic for topic in (*topics, definitions)}
        self.needs_session = needs_session
        self.binary = False
        #: Frames received from clients, in order.
        self.received: list[Data] = []
        #: Commands received: path, headers, body.
        self.commands: list[tuple[str, dict[str, str], bytes]] = []
        #: What the acknowledge endpoint answers; 204 acknowledges.
        self.acknowledge_answers = 204
        #: Cleared: the acknowledge endpoint waits until it is set.
        self.acknowledges = threading.Event()
        self.acknowledges.set()
        self.sockets: list[FakeSocket] = []
        self.refuse_sockets = False
        #: Earlier versions of a definition, by `kind/name`, oldest first; the one that holds is added to them.
        self.versions: dict[str, list[Data]] = {}
        #: Why a definition cannot be removed; empty: it can.
        self.keeps_definitions = ""
        #: Events that `/v1/interactions` searches, newest first.
        self.events: list[Data] = []
        #: Rows that `/v1/streams/{name}` has, oldest first.
        self.rows: dict[str, list[Data]] = {}
        #: What the SQL of a question is answered with, by a word in it; a status instead of rows refuses.
        self.answers: dict[str, list[list[Any]] | int] = {}
        #: The columns of such an answer, each a name and DuckDB's type, by a word in the question.
        self.columns: dict[str, list[tuple[str, str]]] = {}
        #: Seconds that SQL takes.
        self.query_takes = 0.0
        #: When the first row became known, and when the first one happened.
        self.reach: tuple[str | None, str | None] = (None, None)
        #: What topics were at a moment of the past, where they were otherwise than now.
        self.then: dict[str, Data] = {}
        #: What `/v1/explain` says, by the metric or the alert that is asked about.
        self.explained: dict[str, Data] = {}
        #: What may be a mistake in a definition, by `kind/name`.
        self.warned: dict[str, list[str]] = {}
        #: Sources that the system reads, and rows that were refused.
        self.sources: list[Data] = []
        self.letters: list[Data] = []
        #: What became of replayed letters.
        self.replayed: Data = {}
        #: Definitions that were saved over HTTP, in order.
        self.saved: list[Data] = []
        #: What happened when, newest first; links to dashboards; what such a link shows, and its widgets' figures.
        self.annotations: list[Data] = []
        self.shares: list[Data] = []
        self.shared: Data | None = None
        self.shared_answers: Data = {}
        self.keys: list[Data] = []
        #: What was asked: path and parameters, or SQL.
        self.asked: list[tuple[str, Data]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self.app = self._build()

    # -- levers -------------------------------------------------------------------------------------------------

    def push(self, name: str, delta: Data) -> None:
        self._call(self._push, name, delta)

    def define(self, kind: str, name: str, spec: Data, owner: str = "api") -> None:
        """Declares, or declares anew."""
        version = self.topics["definitions"].seq + 1
        self.push("definitions", {f"{kind}/{name}": definition(kind, name, spec, version, owner)})

    def undefine(self, kind: str, name: str) -> None:
        self.push("definitions", {f"{kind}/{name}": None})

    def only(self, *dashboards: Data) -> None:
        """No dashboards but these, from the start: each `{"name", "spec"}`."""
        topic = self.topics["definitions"]
        kept = {key: held for key, held in topic.data.items() if held["kind"] != "dashboard"}
        made = [definition("dashboard", each["name"], each["spec"], 900 + i) for i, each in enumerate(dashboards)]
        topic.data = kept | {f"dashboard/{each['name']}": each for each in made}

    def lose(self, name: str, delta: Data) -> None:
        """Pushes a delta that never reaches the clients."""
        self._call(self._lose, name, delta)

    def new_epoch(self, name: str, data: Data) -> None:
        """The view is rebuilt: other data at a lower offset."""
        self._call(self._new_epoch, name, data)

    def drop_sockets(self, code: int = 1011) -> None:
        assert self._loop
        for client in list(self.sockets):
            asyncio.run_coroutine_threadsafe(client.close(code), self._loop).result(5)

    def fail(self, name: str, message: str, ref: str) -> None:
        assert self._loop
        for client in list(self.sockets):
            error = client.send(op="error", code="failed", message=message, topic=name, ref=ref)
            asyncio.run_coroutine_threadsafe(error, self._loop).result(5)

    def stale(self, name: str, reason: str) -> None:
        """The view falls behind its log, for this reason; with an empty one it has caught up."""
        assert self._loop
        self.topics[name].stale = reason
        for client in list(self.sockets):
            asyncio.run_coroutine_threadsafe(client.tell_stale(self.topics[name]), self._loop).result(5)

    def subscriptions(self, name: str) -> list[Data]:
        return [frame for frame in self.received if frame["op"] == "sub" and frame["topic"] == name]

    # -- inside -------------------------------------------------------------------------------------------------

    def _call(self, function: Any, *arguments: Any) -> None:
        if self._loop is None:  # nobody is there yet
            function(*arguments)
            return
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (function(*arguments), done.set()))
        assert done.wait(5)

    def _push(self, name: str, delta: Data) -> None:
        self.topics[name].push(delta)
        for client in self.sockets:
            client.wake()

    def _lose(self, name: str, delta: Data) -> None:
        topic = self.topics[name]
        topic.push(delta)
        for client in self.sockets:
            client.pretend_sent(topic)

    def _new_epoch(self, name: str, data: Data) -> None:
        topic = self.topics[name]
        topic.epoch, topic.seq, topic.data = uuid.uuid4().hex[:8], 1, data
        topic.deltas.clear()

    def _build(self) -> FastAPI:
        app = FastAPI()

        @app.middleware("http")
        async def policy(request: Request, answer: Any) -> Response:
            response: Response = await answer(request)
            response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
            return response

        @app.post("/v1/session")
        async def session(request: Request) -> Response:
            if (await request.json()).get("key") != KEY:
                return Response(status_code=401)
            response = Response(status_code=204)
            response.set_cookie("session", "valid", httponly=True, samesite="strict")
            return response

        @app.post("/v1/alerts/{id}/acknowledge")
        async def acknowledge(id: str, request: Request) -> Response:
            self.commands.append((request.url.path, dict(request.headers), await request.body()))
            await asyncio.to_thread(self.acknowledges.wait, 300)
            if self.acknowledge_answers == 204:
                alert = {**self.topics["alerts"].data[id], "acknowledged": True, "acked_by": "ada"}
                self._push("alerts", {id: alert})
            return Response(status_code=self.acknowledge_answers)

        @app.get("/v1/definitions")
        async def definitions() -> JSONResponse:
            held = self.topics["definitions"].data
            return JSONResponse(
                {"definitions": [{**each, "warnings": self.warned.get(key, [])} for key, each in held.items()]}
            )

        @app.get("/v1/definitions/{kind}/{name:path}/versions")
        async def versions(kind: str, name: str) -> Response:
            held = self.topics["definitions"].data.get(f"{kind}/{name}")
            told = [*self.versions.get(f"{kind}/{name}", []), *([held] if held else [])]
            if not told:
                error = {"field": "name", "reason": f"there is no {kind} {name!r}", "ref": "404"}
                return JSONResponse({"error": error}, status_code=404)
            return JSONResponse({"versions": [{"differences": [], **each} for each in told]})

        @app.put("/v1/definitions/{kind}/{name:path}")
        async def define(kind: str, name: str, request: Request) -> JSONResponse:
            if self.keeps_definitions:
                return JSONResponse({"error": {"field": "name", "reason": self.keeps_definitions}}, status_code=409)
            spec, asked = await request.json(), dict(request.query_params)
            if kind == "dashboard":
                try:
                    read(Wanted(kind, name, spec))
                except Rejected as error:
                    told = {"field": error.field, "reason": error.reason, "ref": "400"}
                    return JSONResponse({"error": told}, status_code=400)
            if asked.get("dry_run"):
                return JSONResponse({"change": "changed", "warnings": []})
            held = self.topics["definitions"].data.get(f"{kind}/{name}")
            if asked.get("after") not in (None, str(held["version"] if held else -1)):
                reason = f"{kind} {name!r} was changed meanwhile, by {held['by'] if held else ''}"
                return JSONResponse({"error": {"field": "after", "reason": reason, "ref": "409"}}, status_code=409)
            version = self.topics["definitions"].seq + 1
            entry = definition(kind, name, {"name": name, **spec}, version)
            self.saved.append(entry)
            self._push("definitions", {f"{kind}/{name}": entry})
            return JSONResponse({"change": "changed", "warnings": [], "definition": entry})

        @app.get("/v1/dashboards")
        async def topics() -> JSONResponse:
            return JSONResponse({"topics": [{"name": name} for name in sorted(self.topics)]})

        @app.get("/v1/annotations")
        async def annotations() -> JSONResponse:
            return JSONResponse({"annotations": self.annotations})

        @app.post("/v1/annotations")
        async def annotate(request: Request) -> JSONResponse:
            said = {"id": f"a{len(self.annotations)}", "author": "ada", "link": "", "dashboard": "", "end": None}
            self.annotations.insert(0, said | await request.json())
            return JSONResponse(self.annotations[0], status_code=201)

        @app.get("/v1/shares")
        async def shares() -> JSONResponse:
            return JSONResponse({"shares": self.shares})

        @app.post("/v1/shares")
        async def share(request: Request) -> JSONResponse:
            plain = {"title": None, "filter": {}, "expires": None, "origins": [], "every_s": 30, "by": "ada", "made": 0}
            made = plain | {"id": f"s{len(self.shares)}", "path": "/shared/hcs_token"} | await request.json()
            self.shares.insert(0, made)
            return JSONResponse(made, status_code=201)

        @app.delete("/v1/shares/{id}")
        async def revoke(id: str) -> Response:
            self.shares = [each for each in self.shares if each["id"] != id]
            return Response(status_code=204)

        @app.get("/v1/shared")
        async def shared(request: Request) -> JSONResponse:
            if self.shared is None or request.headers.get("authorization") != "Bearer hcs_token":
                error = {"field": "authorization", "reason": "this link has ended", "ref": "401"}
                return JSONResponse({"error": error}, status_code=401)
            return JSONResponse(self.shared)

        @app.post("/v1/shared/answer")
        async def shared_answer(request: Request) -> JSONResponse:
            asked = await request.json()
            self.asked.append(("/v1/shared/answer", asked))
            return JSONResponse(self.shared_answers[asked["widget"]])

        @app.get("/shared/{token}")
        async def shared_page(token: str) -> FileResponse:
            return FileResponse(BUILT / "index.html")

        @app.get("/v1/keys")
        async def keys() -> JSONResponse:
            return JSONResponse(self.keys)

        @app.delete("/v1/definitions/{kind}/{name:path}")
        async def remove(kind: str, name: str, request: Request) -> Response:
            self.commands.append((request.url.path, dict(request.headers), b""))
            if self.keeps_definitions:
                error = {"field": "name", "reason": self.keeps_definitions, "ref": "409"}
                return JSONResponse({"error": error}, status_code=409)
            self._push("definitions", {f"{kind}/{name}": None})
            return JSONResponse({"kind": kind, "name": name, "change": "removed"})

        @app.get("/v1/interactions")
        async def interactions(request: Request) -> Response:
            asked = dict(request.query_params)
            many = {name: request.query_params.getlist(name) for name in ("type", "where")}
            self.asked.append(("/v1/interactions", {**asked, **many}))
            found = [event for event in self.events if self._matches(event, asked, **many)]
            return JSONResponse(
                {"events": found[: int(asked["limit"])], "looked_at": len(self.events), "complete": True}
            )

        @app.get("/v1/status")
        async def status() -> JSONResponse:
            return JSONResponse({"pulled": self.sources})

        @app.get("/v1/dead_letters")
        async def dead_letters() -> JSONResponse:
            return JSONResponse({"letters": self.letters, "total": len(self.letters)})

        @app.post("/v1/dead_letters/replay")
        async def replay(request: Request) -> JSONResponse:
            said = await request.json()
            self.commands.append((request.url.path, dict(request.headers), await request.body()))
            if not said["dry_run"]:
                self.letters = []
            return JSONResponse(self.replayed)

        @app.get("/v1/past")
        async def past() -> JSONResponse:
            known, happened = self.reach
            return JSONResponse({"known_since": known, "happened_since": happened, "now": ""})

        @app.get("/v1/dashboards/{name}")
        async def topic_then(name: str, request: Request) -> JSONResponse:
            asked = dict(request.query_params)
            self.asked.append((f"/v1/dashboards/{name}", asked))
            return JSONResponse({"topic": name, "data": self.then.get(name, self.topics[name].data)})

        @app.get("/v1/explain")
        async def explain(request: Request) -> JSONResponse:
            asked = dict(request.query_params)
            self.asked.append(("/v1/explain", asked))
            told = self.explained.get(asked.get("metric") or asked.get("alert") or "")
            if told is None:
                error = {"field": "metric", "reason": "has no samples", "ref": "400"}
                return JSONResponse({"error": error}, status_code=400)
            return JSONResponse(told)

        @app.post("/v1/explain")
        async def explain_cell(request: Request) -> JSONResponse:
            asked = await request.json()
            self.asked.append(("/v1/explain", asked))
            return JSONResponse(self.explained[asked["column"]])

        @app.get("/v1/streams")
        async def streams() -> JSONResponse:
            told = [(name, STREAMS[name].about, columns_of(name).names) for name in STREAMS]
            return JSONResponse({"streams": [{"name": n, "about": a, "rows": 7, "columns": c} for n, a, c in told]})

        @app.get("/v1/streams/{name}")
        async def stream(name: str, request: Request) -> Response:
            asked = dict(request.query_params)
            self.asked.append((f"/v1/streams/{name}", asked))
            rows = self.rows.get(name, [])
            if name == "user_interactions":
                rows = [row for row in self.events if row["offset"] >= int(asked["after"])][-1:]
            return JSONResponse({"stream": name, "rows": rows, "next": {}})

        @app.get("/v1/metrics/range")
        async def metric_range(request: Request) -> Response:
            params = request.query_params
            self.asked.append(("/v1/metrics/range", {**params, "metric": params.getlist("metric")}))
            answer = self.answers.get("FROM metrics_latest", [])
            if isinstance(answer, int):
                error = {"field": "", "reason": "the query took more than 30 s", "ref": "7f3a"}
                return JSONResponse({"error": error}, status_code=answer)
            return JSONResponse({"rows": answer})

        @app.post("/v1/query")
        async def query(request: Request) -> Response:
            asked = await request.json()
            self.asked.append(("/v1/query", asked))
            await asyncio.sleep(self.query_takes)
            answer = next((rows for word, rows in self.answers.items() if word in asked["sql"]), [])
            if isinstance(answer, int):
                error = {"field": "", "reason": "the query took more than 30 s", "ref": "7f3a"}
                return JSONResponse({"error": error}, status_code=answer)
            columns = next((known for word, known in self.columns.items() if word in asked["sql"]), [])
            told = [{"name": name, "type": type} for name, type in columns]
            form = request.headers["accept"]
            if form == "text/csv":
                return Response(as_csv([name for name, _ in columns], answer), media_type=form)
            if form.startswith("application/vnd"):
                return Response(form.encode(), media_type=form)
            found = {"columns": told, "rows": answer, "truncated": False, "elapsed_ms": 1.0, "as_of": "token"}
            return JSONResponse(found)

        @app.websocket("/live")
        async def live(socket: WebSocket) -> None:
            if self.refuse_sockets:
                await socket.close()  # before the handshake: the browser sees a failed connection
                return
            await socket.accept()
            if self.needs_session and socket.cookies.get("session") != "valid":
                await socket.close(UNAUTHENTICATED)
                return
            await self._serve(FakeSocket(socket, self.topics), socket)

        app.mount("/", StaticFiles(directory=BUILT, html=True))
        return app

    @staticmethod
    def _matches(event: Data, asked: Data, type: list[str], where: list[str]) -> bool:
        same = all(event[name] == asked[name] for name in ("source", "subject") if asked.get(name))
        same = same and (not type or event["type"] in type)
        same = same and all(event[column] == value for column, _, value in (said.partition("=") for said in where))
        return same and asked.get("text", "").lower() in json.dumps(event).lower()

    async def _serve(self, client: FakeSocket, socket: WebSocket) -> None:
        client.binary = self.binary
        self.sockets.append(client)
        tasks = [asyncio.create_task(client.write()), asyncio.create_task(client.heartbeat())]
        try:
            await client.send(op="welcome", hb=HEARTBEAT_SECONDS, win=WINDOW)
            while True:
                frame = json.loads(await socket.receive_text())
                self.received.append(frame)
                await client.handle(frame)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the client, or the test, hung up
        finally:
            self.sockets.remove(client)
            for task in tasks:
                task.cancel()

    @contextlib.contextmanager
    def run(self) -> Generator[str]:
        """Serves on a free loopback port until the block ends; yields the address."""
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(self.app, log_level="warning", timeout_graceful_shutdown=1))
        ready = threading.Event()

        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            ready.set()
            await server.serve([listener])

        thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
        thread.start()
        assert ready.wait(5)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)
            listener.close()
