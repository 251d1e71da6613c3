"""The gateway's own application on a loopback port, before a collector's own fold: all of the door, and no Ray behind it."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import uvicorn
from fastapi import FastAPI

from actors.collectors.arrivals import Arrivals, Part
from actors.collectors.imports import ImportCollector
from actors.collectors.push import user_interactions
from actors.edges.intake import Ack
from actors.topology import HostMap
from actors.views import Frame, Place
from events.sqlite_log import SqliteSpec
from serve.access import Access
from serve.app import create_gateway
from serve.gateway import Gateway
from serve.hosts import Hosts
from serve.interactions import Interactions
from serve.keys import key_hash
from serve.otlp.door import OtlpDoor
from serve.posthog import part as posthog
from serve.spec import GatewaySpec
from serve.website import part as website

CELLS = {"t/user_interactions/0": "host", "t/control/0": "host", "t/directory/0": "host"}


@contextmanager
def serving(app: Any) -> Generator[str]:
    """Serve an ASGI application until the context ends; its address."""
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


class Door:
    """``rows`` and ``dead`` are what was committed, in order; ``refusals`` are raised first, one a push."""

    def __init__(self, *origins: str) -> None:
        self.keys: dict[str, dict[str, Any]] = {}
        self.rows: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []
        self.pushes: list[int] = []
        """Rows of each push, those that were refused included."""
        self.refusals: list[Exception] = []
        self.url = ""
        self.where = HostMap("test", CELLS)
        self._origins = origins
        self._fold = user_interactions(least=4096)
        self._state = self._fold.initial()
        self._importer = ImportCollector(4096)
        self._imports = self._importer.initial()
        self.told: list[dict[str, Any]] = []
        """What else was said: imports that are finished."""

    def key(self, name: str, source: str) -> str:
        """Make a write key known."""
        self.keys[key_hash(name)] = {"id": f"key_{name}", "name": name, "scopes": ["ingest"], "source": source}
        return name

    async def push(
        self, cell: str, arrivals: pa.RecordBatch, refused: pa.RecordBatch | None, part: Part | None = None
    ) -> Ack:
        """As ``Hosts.push``."""
        if part is None or part.end > part.first:
            self.pushes.append(arrivals.num_rows)
        if self.refusals:
            raise self.refusals.pop(0)
        place = None
        if part is None:
            self._state, outputs, verdict = self._fold.admit(self._state, Arrivals(arrivals, refused))
        else:
            taken = self._importer.admit(self._imports, Arrivals(arrivals, refused, part), part, 0)
            self._imports, outputs, verdict = taken
            place = self._importer.progress(self._imports, part.name)
        offset = len(self.rows)
        for stream, emission in outputs.items():
            kept = {"user_interactions": self.rows, "dead_letters": self.dead}.get(stream, self.told)
            kept.extend(row for batch in emission.batches for row in batch.to_pylist())
        return Ack(verdict.tobytes(), offset, place)

    async def changes(
        self, host: str, tenant: str, places: Mapping[str, Place | None], timeout_s: float
    ) -> list[Frame]:
        """As ``Hosts.changes``."""
        return [Frame("snap", "keys", 0, "g", self.keys)] if "keys" in places else []

    @contextmanager
    def open(self, folder: Path) -> Generator[None]:
        """Serve it until the context ends."""
        with serving(self._app(folder)) as self.url:
            yield

    def _app(self, folder: Path) -> FastAPI:
        routes = (posthog.PART.routes, website.PART.routes)
        more: dict[str, Any] = {"cors_origins": self._origins, "routes": routes, "secrets": folder / "secrets"}
        spec = GatewaySpec("t", self.where, SqliteSpec(folder), "g", "1", **more)
        app = create_gateway(spec)

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
            gateway = app.state.gateway = Gateway(spec)
            hosts = cast("Hosts", self)
            gateway.hosts, gateway.access = hosts, Access(hosts, "t")
            gateway.interactions = Interactions(hosts, ("t/user_interactions/0",))
            gateway.otlp = OtlpDoor(hosts, "t")
            yield
            gateway.apart.close()
            gateway.log.close()

        app.router.lifespan_context = lifespan
        return app
