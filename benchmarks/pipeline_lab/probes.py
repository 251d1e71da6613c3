"""Load, latency hop by hop, processor time, and the bare endpoint beside it."""

import asyncio
import json
import subprocess
import sys
import time
from typing import Any


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
