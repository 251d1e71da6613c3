"""A whole system over HTTP beside a bare FastAPI endpoint on uvicorn that parses the same body with orjson.

Both get the same requests from the same sender, in turns. Prints JSON lines ``{name, value, unit, against, ratio}``;
``python -m benchmarks.service [--seconds 5] [--rounds 3] [--idle 20]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import psutil
import websockets

from benchmarks.load import Load, Seen, finish, send, start
from tests.running import Running, free_port
from tests.running import start as start_system

BARE = """
import orjson, uvicorn
from fastapi import FastAPI, Request
app = FastAPI()
@app.post("/v1/events")
async def events(request: Request):
    rows = orjson.loads(await request.body())
    return {"accepted": len(rows)}
uvicorn.run(app, host="127.0.0.1", port=%d, log_level="error")
"""
BATCH, SINGLE = 500, 1


def report(name: str, value: float, unit: str, against: str = "", ratio: float | None = None) -> None:
    line = {"name": name, "value": round(value, 3), "unit": unit, "against": against}
    print(json.dumps({**line, "ratio": None if ratio is None else round(ratio, 3)}), flush=True)


def bare_endpoint() -> tuple[subprocess.Popen[bytes], int]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", BARE % port])
    while True:
        try:
            httpx.get(f"http://127.0.0.1:{port}/", timeout=1.0)
            return process, port
        except httpx.TransportError:
            time.sleep(0.1)


def settled(system: Running) -> None:
    """Wait until every cell has read what there is."""

    def behind() -> int:
        return sum(cell["rows_behind"] for cell in system.get("/v1/status").json()["cells"])

    system.until(lambda: behind() == 0, timeout_s=120)


def throughput(system: Running, port: int, rows: int, connections: int, rounds: int, seconds: float) -> Seen:
    """Ours and the bare endpoint in turns; answers the median round of ours."""
    ours: list[Seen] = []
    bare: list[Seen] = []
    for _ in range(rounds):
        ours.append(send(Load(int(system.url.rsplit(":", 1)[1]), system.key, rows, connections, seconds)))
        settled(system)
        bare.append(send(Load(port, "none", rows, connections, seconds)))
    ratio = median(a.requests_per_s / b.requests_per_s for a, b in zip(ours, bare, strict=True))
    mine = sorted(ours, key=lambda seen: seen.requests_per_s)[rounds // 2]
    yardstick = median(b.rows_per_s for b in bare)
    what = f"{connections} connections, {rows} event{'s' if rows > 1 else ''} a request"
    against = f"bare FastAPI + uvicorn + orjson.loads: {yardstick:,.0f} events/s"
    report(f"HTTP ingest, {what}", mine.rows_per_s, "events/s", against, ratio)
    report(f"HTTP ingest, {what}, latency p50", mine.p50, "ms")
    report(f"HTTP ingest, {what}, latency p99", mine.p99, "ms", f"bare: {median(b.p99 for b in bare):.1f} ms")
    if refused := {s: n for seen in ours for s, n in seen.refused.items()}:
        report(
            f"HTTP ingest, {what}, requests refused for load ({', '.join(refused)})", sum(refused.values()), "requests"
        )
    return mine


async def frames(system: Running, samples: int) -> list[float]:
    """ms from sending a single event to the frame that counts it."""
    took: list[float] = []
    url = system.url.replace("http", "ws") + "/live"
    headers = {"authorization": f"Bearer {system.key}"}
    async with (
        websockets.connect(url, additional_headers=headers, max_size=None) as socket,
        httpx.AsyncClient(base_url=system.url, headers=headers, timeout=30.0) as http,
    ):
        await socket.send(json.dumps({"op": "sub", "id": 1, "topic": "top_events"}))
        await socket.send(json.dumps({"op": "rate", "hz": 60}))
        counted = await _probes(socket, -1)
        for n in range(samples):
            event = {"specversion": "1.0", "id": f"probe-{time.time_ns()}", "source": "/probe", "type": "probe.sent"}
            begun = time.perf_counter()
            posted = asyncio.create_task(http.post("/v1/events", json=event))
            counted = await _probes(socket, counted)
            took.append((time.perf_counter() - begun) * 1000)
            (await posted).raise_for_status()
            await asyncio.sleep(0.05 + 0.013 * (n % 7))
    return sorted(took)


async def _probes(socket: Any, beyond: int) -> int:
    """The first number of probes shown that is greater than ``beyond``, whatever else comes in; acknowledges each frame."""
    while True:
        message = json.loads(await asyncio.wait_for(socket.recv(), 30))
        await socket.send(json.dumps({"op": "ack", "n": message["n"]}))
        if message["op"] not in ("snap", "delta"):
            continue
        shown = sum(row["n"] for row in message["data"]["rows"] if row["name"] == "probe.sent")
        if shown > beyond:
            return int(shown)


def latency(system: Running, name: str, samples: int) -> None:
    took = asyncio.run(frames(system, samples))
    report(f"POST to WebSocket frame, {name}, p50", took[len(took) // 2], "ms", "aim: 60 ms idle")
    report(f"POST to WebSocket frame, {name}, p99", took[int(len(took) * 0.99)], "ms", "aim: 250 ms idle")


def footprint(system: Running, seconds: float) -> None:
    """Memory and idle CPU of the system: its own process and everything below it."""
    processes = [psutil.Process(system.process.pid), *system.processes()]
    before = {p.pid: sum(p.cpu_times()[:2]) for p in processes}
    time.sleep(seconds)
    used = sum(sum(p.cpu_times()[:2]) - before[p.pid] for p in processes if p.is_running())
    pss = sum(p.memory_full_info().pss for p in processes if p.is_running())
    report("whole system, packed, PSS", pss / 1e6, "MB", "aim: 2,000 MB")
    report("whole system, idle CPU", used / seconds * 100, "% of a core", "aim: 10 %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--idle", type=float, default=20.0)
    parser.add_argument("--samples", type=int, default=200)
    parser.add_argument("--config", default="demo")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hc-") as folder:
        begun = time.perf_counter()
        system = start_system(Path(folder), options.config, "--placement", "packed")
        report("start to ready, packed, warm", time.perf_counter() - begun, "s")
        bare, port = bare_endpoint()
        try:
            time.sleep(5)
            footprint(system, options.idle)
            latency(system, "idle", options.samples)
            batch = throughput(system, port, BATCH, 4, options.rounds, options.seconds)
            throughput(system, port, SINGLE, 64, options.rounds, options.seconds)
            half = Load(int(system.url.rsplit(":", 1)[1]), system.key, BATCH, 4, 30.0)
            pause = 4 * BATCH / batch.rows_per_s  # as long again as a request takes: half the load
            background = start(Load(half.port, half.key, BATCH, 4, 20.0, pause))
            time.sleep(2)
            latency(system, "at half of the batch load", options.samples // 2)
            finish(background)
            settled(system)
            footprint(system, options.idle)
        finally:
            bare.terminate()
            bare.wait()
            system.stop()


if __name__ == "__main__":
    main()
