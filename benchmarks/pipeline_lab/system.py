"""Ray, both actors and Serve."""

import argparse
import asyncio
import json
import os
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect

from benchmarks.pipeline_lab.cells import Collector, Dashboard
from hindcast.ray_footprint import few_processes

NAMESPACE = "lab"


def start(options: argparse.Namespace, data: Path) -> dict[str, float]:
    """Seconds of each step."""
    import logging

    import ray
    from ray import serve
    from ray.serve.config import HTTPOptions, ProxyLocation

    marks = [time.perf_counter()]
    for name in ("ray", "ray.serve"):
        logging.getLogger(name).setLevel(logging.WARNING)
    with few_processes() if options.slim else nullcontext():
        ray.init(
            num_cpus=2,
            _node_ip_address="127.0.0.1",
            include_dashboard=False,
            object_store_memory=80 * 2**20,
            _temp_dir=str(data / "r"),
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level=logging.WARNING,
        )
    marks.append(time.perf_counter())
    cells = data / f"cells-{os.getpid()}"  # a fresh log: frames of an earlier run would be taken for ours
    cells.mkdir()
    actors = []
    for cls, name in ((Collector, "collectors"), (Dashboard, "dashboards")):
        remote = ray.remote(cls).options(
            name=name, lifetime="detached", max_restarts=-1, num_cpus=0, max_concurrency=1000, get_if_exists=True
        )
        actors.append(remote.remote(str(cells)))
    ray.get([a.pid.remote() for a in actors])
    marks.append(time.perf_counter())
    serve.start(
        proxy_location=ProxyLocation.HeadOnly,
        http_options=HTTPOptions(host="127.0.0.1", port=options.port),
    )
    marks.append(time.perf_counter())
    for app, name, prefix in applications(options):
        serve.run(
            app, name=name, route_prefix=prefix, logging_config={"enable_access_log": False, "log_level": "WARNING"}
        )
    marks.append(time.perf_counter())
    return {n: round(b - a, 2) for n, a, b in zip(("ray", "actors", "serve", "apps"), marks, marks[1:])}


def applications(options: argparse.Namespace) -> list[tuple[Any, str, str]]:
    """(application, name, route prefix) for this variant."""
    import ray
    from ray import serve

    coalesce = options.coalesce_ms / 1000

    def actor(name: str) -> Any:
        return ray.get_actor(name, namespace=NAMESPACE)

    class Batcher:
        def __init__(self) -> None:
            self.collector = actor("collectors")
            self.bodies: list[bytes] = []
            self.next: asyncio.Future[float] | None = None

        async def _flush(self, future: asyncio.Future[float]) -> None:
            if coalesce:
                await asyncio.sleep(coalesce)
            bodies, self.bodies, self.next = self.bodies, [], None
            try:
                future.set_result(await self.collector.append.remote(bodies))
            except ray.exceptions.RayError as error:
                future.set_exception(error)

        async def append(self, body: bytes) -> float:
            if options.coalesce_ms < 0:
                return await self.collector.append.remote([body])
            self.bodies.append(body)
            if self.next is None:
                self.next = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().create_task(self._flush(self.next))
            return await asyncio.shield(self.next)

    def build_ingest() -> Any:
        batcher = Batcher()
        if options.app == "starlette":
            from starlette.applications import Starlette
            from starlette.responses import JSONResponse
            from starlette.routing import Route

            async def post(request: Any) -> Any:
                return JSONResponse({"committed": await batcher.append(await request.body()), "pid": os.getpid()})

            return Starlette(routes=[Route("/v1/events", post, methods=["POST"])])
        app = FastAPI()

        @app.post("/v1/events")
        async def events(request: Request) -> dict[str, float]:
            body = await request.body()
            return {"committed": await batcher.append(body), "pid": os.getpid(), "size": len(body)}

        if options.hub == "ingress":
            live_socket(app, actor("dashboards"))
        return app

    def build_live() -> Any:
        app = FastAPI()
        live_socket(app, actor("dashboards"))
        return app

    events_options = dict(
        num_replicas=options.replicas,
        max_ongoing_requests=1000,
        ray_actor_options={"num_cpus": 0},
        health_check_period_s=1.0,
        health_check_timeout_s=5.0,
        graceful_shutdown_timeout_s=2.0,
        graceful_shutdown_wait_loop_s=0.1,
    )

    @serve.deployment(**events_options)
    @serve.ingress(build_ingest)
    class Ingest:
        pass

    apps = [(Ingest.bind(), "ingest", "/")]
    if options.hub == "own":

        @serve.deployment(**{**events_options, "num_replicas": 1})
        @serve.ingress(build_live)
        class Live:
            pass

        apps.append((Live.bind(), "live", "/live"))
    return apps


def live_socket(app: Any, dashboard: Any) -> None:
    """Adds /socket: one frame for each dashboard commit seen."""

    async def follow(ws: WebSocket) -> None:
        await ws.accept()
        seq = 0
        try:
            while True:
                now, times = await dashboard.changes.remote(seq, 10.0)
                if now != seq:
                    seq = now
                    await ws.send_text(json.dumps([seq, *times, time.time()]))
        except WebSocketDisconnect:
            return

    async def echo(ws: WebSocket) -> None:
        await ws.accept()
        try:
            while True:
                await ws.send_text(await ws.receive_text())
        except WebSocketDisconnect:
            return

    app.add_api_websocket_route("/socket", follow)
    app.add_api_websocket_route("/echo", echo)
