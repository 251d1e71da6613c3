"""The live hub: WebSockets that follow the dashboards' topics, snapshot then deltas.

The hub keeps no queue a client, only the place last sent of each topic: while a client is slow its deltas merge on their
own. Any replica can resume any client, for a place is a commit number of the dashboard's cell.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import msgspec
import orjson
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from actors.followers import Follower
from actors.views import Frame, Place
from events.errors import Rejected, Transient
from serve.following import Following
from serve.gateway import Gateway, foreign
from serve.routes.shares import look_up, topics_of
from serve.spec import GatewaySpec

logger = logging.getLogger(__name__)
HEARTBEAT_S = 5.0
WINDOW = 8
"""Frames that a client may have unacknowledged before the hub waits for it."""
DEFAULT_HZ = 10.0
POLL_S = 20.0
AGAIN_S = 5.0
"""After an error of ours a client's topics are asked for again so much later."""
UNAUTHORISED, FORBIDDEN_ORIGIN, BROKEN = 4401, 4403, 1011
MAX_TOPICS = 64


@dataclass(slots=True)
class Subscription:
    id: int
    place: Place | None


@dataclass(eq=False)
class Client:
    """One socket: what it follows, and how much it has acknowledged."""

    socket: WebSocket
    topics: dict[str, Subscription] = field(default_factory=dict[str, Subscription])
    sent: int = 0
    acked: int = 0
    hz: float = DEFAULT_HZ
    only: frozenset[str] | None = None
    """The topics that it may follow; None: all."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent += 1
        message["n"] = self.sent
        await self.socket.send_bytes(orjson.dumps(message))

    async def show(self, frame: Frame) -> None:
        """Send a frame of a topic, unless the client has left it meanwhile."""
        subscription = self.topics.get(frame.topic)
        if subscription is None:
            return
        message: dict[str, Any] = {"op": frame.op, "id": subscription.id, "seq": frame.seq, "epoch": frame.epoch}
        if frame.op == "snap":
            message |= {"policy": frame.policy, "cap": frame.cap, "data": frame.data}
        elif frame.op == "delta":
            message |= {"prev": frame.prev, "data": frame.data}
        if frame.stale != (subscription.place.stale if subscription.place else ""):
            message["stale"] = frame.stale
        subscription.place = Place(frame.epoch, frame.seq, frame.stale)
        await self.send(message)


class Subscribe(msgspec.Struct):
    id: int
    topic: str
    after: int | None = None
    epoch: str | None = None


class Hub:
    """Follows the hosts that have topics, once for all clients, and wakes the clients when something moved."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._clients: set[Client] = set()
        self._at: dict[str, Place | None] = {}
        self._wanted: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        """By host: set while somebody follows a topic of it."""

    async def follow(self, host: str) -> None:
        """Learn of every commit on ``host`` that moved a topic somebody follows, until it is cancelled."""
        await Following("live hub", partial(self._step, host)).run()

    async def _step(self, host: str, me: Follower) -> None:
        await self._wanted[host].wait()
        topics = {t for client in self._clients for t in client.topics if self._places.get(t) == host}
        if not topics:
            self._wanted[host].clear()
            return
        frames = await self._gateway.hosts.changes(
            host, self._gateway.spec.tenant, {t: self._at.get(t) for t in topics}, POLL_S, me
        )
        for frame in frames:
            self._at[frame.topic] = Place(frame.epoch, frame.seq, frame.stale)
        moved = {frame.topic for frame in frames}
        for client in self._clients:
            if moved & client.topics.keys():
                client.woken.set()

    @property
    def _places(self) -> dict[str, str]:
        """The host of each topic that the page can follow."""
        where = self._gateway.hosts.where
        return {topic: where.cells[cell] for topic, cell in where.shown_by.items() if cell in where.cells}

    async def run(self) -> None:
        """Follow every host that has topics, for the life of the replica; hosts come and go."""
        following: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                hosts = set(self._places.values())
                for host in following.keys() - hosts:
                    following.pop(host).cancel()
                for host in hosts - following.keys():
                    following[host] = asyncio.create_task(self.follow(host))
                if await self._gateway.hosts.turned(POLL_S):
                    self._look_anew()
        finally:
            for task in following.values():
                task.cancel()

    def _look_anew(self) -> None:
        """What clients follow may have moved: it is asked for where it is now."""
        for wanted in self._wanted.values():
            wanted.set()
        for client in self._clients:
            for topic in client.topics:
                self._want(topic)
            client.woken.set()

    def _want(self, topic: str) -> None:
        host = self._places.get(topic)
        if host is not None:
            self._wanted[host].set()

    async def serve(self, socket: WebSocket) -> None:
        """One client, from its greeting to its end."""
        await socket.accept()
        if code := await self._refusal(socket):
            await socket.close(code)
            return
        client = Client(socket, only=await self._only(socket))
        self._clients.add(client)
        await client.send({"op": "welcome", "hb": HEARTBEAT_S, "win": WINDOW})
        tasks = [asyncio.create_task(deed(client)) for deed in (self._listen, self._write, self._beat)]
        try:
            ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._clients.discard(client)
            for task in tasks:
                task.cancel()
        for error in [task.exception() for task in ended]:
            if not isinstance(error, WebSocketDisconnect | RuntimeError):  # else it went away
                logger.error("live: a client is cut off and will come again", exc_info=error)
                await client.socket.close(BROKEN)

    async def _listen(self, client: Client) -> None:
        while True:
            await self._hear(client, await client.socket.receive_text())

    async def _refusal(self, socket: WebSocket) -> int | None:
        if (
            socket.query_params.get("share") is None
            and foreign(socket)
            and socket.headers.get("origin") not in self._gateway.spec.cors_origins
        ):
            return FORBIDDEN_ORIGIN
        try:
            await self._may_look(socket)
        except (Rejected, Transient):
            return UNAUTHORISED
        return None

    async def _may_look(self, socket: WebSocket) -> None:
        """Raises ``Rejected`` where its key, or the link that it was opened by, may not look (any more)."""
        token = socket.query_params.get("share")
        if token is not None:
            await look_up(self._gateway, token)
        else:
            (await self._gateway.access.principal(self._gateway.key_of(socket))).require("query")

    async def _only(self, socket: WebSocket) -> frozenset[str] | None:
        """The topics that the link of a socket shows; None where it was opened by a key."""
        token = socket.query_params.get("share")
        if token is None:
            return None
        return topics_of(self._gateway, await look_up(self._gateway, token))

    async def _hear(self, client: Client, text: str) -> None:
        try:
            message = orjson.loads(text)
            match message["op"]:
                case "sub":
                    await self._subscribe(client, msgspec.convert(message, Subscribe))
                case "unsub":
                    client.topics = {t: s for t, s in client.topics.items() if s.id != message["id"]}
                case "ack":
                    client.acked = min(client.sent, int(message["n"]))
                    client.woken.set()
                case "rate":
                    client.hz = max(0.2, min(60.0, float(message["hz"])))
                case "ping":
                    await client.send({"op": "pong", "t": message["t"]})
                case op:
                    await client.send(
                        {"op": "error", "code": "unknown_op", "message": f"there is no op {str(op)[:40]!r}"}
                    )
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
            await client.send({"op": "error", "code": "bad_message", "message": str(error)[:200]})

    async def _subscribe(self, client: Client, wanted: Subscribe) -> None:
        if len(client.topics) >= MAX_TOPICS:
            return await client.send({"op": "error", "code": "too_many_topics", "message": f"{MAX_TOPICS} at most"})
        hidden = client.only is not None and wanted.topic not in client.only
        if hidden or wanted.topic not in self._gateway.hosts.where.shown_by:
            message = f"there is no topic {wanted.topic[:80]!r}"
            return await client.send(
                {"op": "error", "code": "unknown_topic", "message": message, "topic": wanted.topic}
            )
        place = Place(wanted.epoch, wanted.after) if wanted.epoch and wanted.after is not None else None
        client.topics[wanted.topic] = Subscription(wanted.id, place)
        self._want(wanted.topic)
        client.woken.set()
        return None

    async def _write(self, client: Client) -> None:
        """Send what the client has not seen, at its rate, and never further ahead than it acknowledges."""
        while True:
            await client.woken.wait()
            client.woken.clear()
            if client.sent - client.acked >= WINDOW + 4:
                continue
            began = time.monotonic()
            for frame in await self._news(client):
                await client.show(frame)
            await asyncio.sleep(max(0.0, 1 / client.hz - (time.monotonic() - began)))

    async def _news(self, client: Client) -> list[Frame]:
        by_host: dict[str, dict[str, Place | None]] = {}
        places = self._places
        for topic, subscription in client.topics.items():
            if topic in places:
                by_host.setdefault(places[topic], {})[topic] = subscription.place
        frames: list[Frame] = []
        for host, seen in by_host.items():
            try:
                frames += await self._gateway.hosts.changes(host, self._gateway.spec.tenant, seen, 0.0)
            except Transient as error:
                logger.info("live: %s", error)
                asyncio.get_running_loop().call_later(error.retry_after_s, client.woken.set)
            except Exception:
                logger.exception("live: host %s", host)
                asyncio.get_running_loop().call_later(AGAIN_S, client.woken.set)
        return frames

    async def _beat(self, client: Client) -> None:
        """Say that the socket lives, for as long as its key may look: a revoked key or an ended session sees no more."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            try:
                await self._may_look(client.socket)
            except Rejected as error:
                await client.socket.close(UNAUTHORISED)
                raise WebSocketDisconnect(UNAUTHORISED) from error
            except Transient:
                pass  # who may look is not known just now; what was known stands
            await client.send({"op": "hb", "t": time.time()})


def install(app: FastAPI) -> None:
    """Add the socket's route; the hub is in ``app.state.hub`` once the application has started."""

    @app.websocket("/")
    async def live(socket: WebSocket) -> None:  # pyright: ignore[reportUnusedFunction]
        await socket.app.state.hub.serve(socket)


def create_live(spec: GatewaySpec) -> ASGIApp:
    """The live hub, deployed apart so that sockets and ingest do not wait for each other."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        gateway = Gateway(spec)
        hub = app.state.hub = Hub(gateway)
        tasks = [asyncio.create_task(deed) for deed in (gateway.hosts.follow(), gateway.access.follow(), hub.run())]
        yield
        for task in tasks:
            task.cancel()
        gateway.log.close()

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    install(app)

    async def at_prefix(scope: Scope, receive: Receive, send: Send) -> None:
        """Deployed under ``/live``, what is left of that very path is nothing; routes begin with a slash."""
        if scope["type"] == "websocket" and scope["path"] == scope.get("root_path"):
            scope = {**scope, "path": scope["path"] + "/"}
        await app(scope, receive, send)

    return at_prefix
