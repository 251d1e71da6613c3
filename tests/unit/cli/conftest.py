"""A server on loopback that speaks the API, over a real log; and the refusals that a busy one gives."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from events.catalog import USER_INTERACTIONS, rows
from events.entry import encode
from events.errors import Rejected
from events.log import Commit, Output
from events.sqlite_log import SqliteLog
from query.engine import Engine
from query.history import History
from query.rows import as_objects

KEY = "hc_test"


class Served:
    """The server's memory: what came in, and what it says next."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.url = ""
        self.log = SqliteLog(data_dir / "log", doorbell=False)
        self.requests: list[tuple[str, str, bytes]] = []
        self.stored: dict[str, dict[str, Any]] = {}
        self.refusals: list[Callable[[], Response]] = []
        """Given out one by one before any request is heard."""
        self.keys: list[dict[str, Any]] = []

    def busy(self, status: int, after_s: float) -> None:
        error = {"error": {"field": "", "reason": "consumers lag", "ref": "x"}}
        self.refusals.append(lambda: JSONResponse(error, status, {"retry-after": str(after_s)}))

    def take(self, events: list[dict[str, Any]], id_name: str) -> dict[str, Any]:
        """Commit what is new to the log, as the collector does."""
        new: list[dict[str, Any]] = []
        rejected: list[dict[str, Any]] = []
        duplicate = 0
        for index, event in enumerate(events):
            id = event[id_name]
            if event.get("type") == "bad":
                rejected.append({"index": index, "id": id, "field": "type", "reason": "is bad"})
            elif id in self.stored:
                duplicate += 1
            else:
                self.stored[id] = event
                new.append(event)
        if new:
            columns = {
                "id": [e[id_name] for e in new],
                "type": [e["type"] for e in new],
                "source": [e.get("source") for e in new],
                "subject": [e.get("subject") for e in new],
                "time": 0,
                "properties": [json.dumps(e.get("data")) for e in new],
            }
            lease = self.log.acquire("demo/user_interactions/0", ["user_interactions"])
            payload = encode(USER_INTERACTIONS, rows(USER_INTERACTIONS, columns, len(new)))
            nonce = str(lease.commit).encode()
            self.log.commit(lease, Commit(lease.commit, nonce, 1, outputs=(Output("user_interactions", payload),)))
        return {
            "success": not rejected,
            "accepted": len(new),
            "duplicate": duplicate,
            "rejected": rejected[:100],
            "rejected_total": len(rejected),
            "warnings": [],
            "warnings_total": 0,
            "offset": 0 if new else None,
        }


def _app(served: Served) -> FastAPI:
    app = FastAPI()

    @app.middleware("http")
    async def guard(request: Request, call_next: Any) -> Response:
        served.requests.append((request.method, request.url.path, await request.body()))
        if served.refusals:
            return served.refusals.pop(0)()
        if request.url.path != "/ready" and request.headers.get("authorization") != f"Bearer {KEY}":
            return JSONResponse({"error": {"field": "key", "reason": "is not known", "ref": "r1"}}, 401)
        return await call_next(request)

    @app.exception_handler(Rejected)
    def rejected(_: Request, error: Rejected) -> Response:
        return JSONResponse({"error": {"field": error.field, "reason": error.reason, "ref": "r2"}}, 400)

    @app.post("/v1/events")
    async def events(request: Request) -> Response:
        receipt = served.take(await request.json(), "id")
        bad = receipt["rejected_total"]
        status = 200 if not bad else 207 if receipt["accepted"] + receipt["duplicate"] else 400
        return JSONResponse(receipt, status)

    @app.post("/v1/batch")
    async def batch(request: Request) -> Any:
        return served.take((await request.json())["batch"], "messageId")

    @app.post("/v1/track")
    async def track(request: Request) -> Any:
        return served.take([{"type": "track", **await request.json()}], "messageId")

    @app.get("/v1/streams")
    def streams() -> Any:
        found = History(served.log, "demo").streams()
        heads = [[{"producer": p, "head": h} for p, h in s.heads.items()] for s in found]
        return {
            "streams": [
                {"name": s.name, "about": s.about, "rows": s.rows, "producers": h}
                for s, h in zip(found, heads, strict=True)
            ]
        }

    @app.get("/v1/streams/{stream}")
    def stream_rows(stream: str, last: int = 0, producer: str = "", after: int = 0, limit: int = 100) -> Any:
        history = History(served.log, "demo")
        page = history.after(stream, producer, after, limit) if producer else history.last(stream, last)
        return {"stream": stream, "rows": as_objects(page.rows), "next": page.next}

    @app.post("/v1/query")
    async def query(request: Request) -> Any:
        wanted = await request.json()
        answer = Engine(served.log).run(wanted["sql"], tenant="demo", rows=wanted.get("limit"))
        columns = [c._asdict() for c in answer.columns]
        return {"columns": columns, "rows": answer.rows(), "truncated": answer.truncated, "elapsed_ms": 1.0}

    @app.get("/v1/keys")
    def keys() -> Any:
        return served.keys

    @app.post("/v1/keys")
    async def create_key(request: Request) -> Response:
        wanted = await request.json()
        made = {"id": f"key_{len(served.keys)}", "created": 0.0, **wanted, "source": wanted["source"] or wanted["name"]}
        served.keys.append(made)
        return JSONResponse({**made, "key": "hc_new"}, 201)

    @app.post("/v1/keys/{id}/rotate")
    def rotate(id: str) -> Response:
        known = next(key for key in served.keys if key["id"] == id)
        made = {**known, "id": f"key_{len(served.keys)}"}
        served.keys.append(made)
        return JSONResponse({**made, "key": "hc_next"}, 201)

    @app.delete("/v1/keys/{id}")
    def revoke(id: str) -> Response:
        served.keys[:] = [k for k in served.keys if k["id"] != id]
        return Response(status_code=204)

    @app.get("/v1/status")
    def status() -> Any:
        cell = {
            "cell": "demo/user_interactions/0",
            "state": "running",
            "detail": "",
            "commit": 3,
            "rows_behind": 0,
            "notes": [],
            "progress": None,
            "stale": "",
        }
        peaks = [{"lag_h": 2.0, "rows": 900}, {"lag_h": 5.5, "rows": 3}]
        lag = {"lag_p50_s": 7200.0, "lag_p95_s": None, "ahead": 0, "peaks": peaks, "no_amount": 0}
        return {
            "version": "0.1.0",
            "generation": "g",
            "placement": "packed",
            "cells": [cell],
            "followers": [],
            "log": {"bytes": 2048},
            "late_rows": {"events": {"rows": 3, "behind_s": 150.2, "t": 1.0}},
            "sources": [{"source": "shop", "rows": 1000, **lag}],
            "pulled": [],
            "plug_ins": [],
        }

    @app.get("/ready")
    def ready() -> Any:
        return {"ready": True, "waiting": {}}

    return app


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A data directory on which a system runs, as far as clients can tell."""
    data_dir = tmp_path / "data"
    served = Served(data_dir)
    server = uvicorn.Server(uvicorn.Config(_app(served), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    served.url = f"http://127.0.0.1:{port}"
    (data_dir / "admin.key").write_text(KEY + "\n")
    runtime = {"address": served.url, "pid": os.getpid(), "ray_address": "", "namespace": "hindcast"}
    (data_dir / "runtime.json").write_text(
        json.dumps({**runtime, "placement": "packed", "started": 0.0, "version": "0.1.0"})
    )
    yield served
    server.should_exit = True
    thread.join(10)
    served.log.close()
