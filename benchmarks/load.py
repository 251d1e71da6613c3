"""Load over loopback: closed loops of POSTs on raw sockets, so that the sender costs as little as it can.

``python -m benchmarks.load URL_PORT PATH KEY SHAPE CONNECTIONS SECONDS`` runs one and prints what it saw as JSON.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

import numpy as np
import orjson

DIGITS = 12
TYPES = ("order.placed", "page.viewed", "cart.updated")


@dataclass(frozen=True, slots=True)
class Load:
    """``shape``: rows of a request; ``pause_s``: what each connection waits between two requests."""

    port: int
    key: str
    rows: int
    connections: int
    seconds: float
    pause_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a load. Latencies in ms."""

    requests_per_s: float
    rows_per_s: float
    p50: float
    p99: float
    refused: dict[str, int]


class Body:
    """A request's JSON, whose ids are made new before each use: rows of about 270 bytes, four properties each."""

    def __init__(self, rows: int) -> None:
        self._run = secrets.token_hex(4)
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        events = [
            {
                "specversion": "1.0",
                "id": f"0193a5f0-7c1e-7000-{self._run}-{0:0{DIGITS}d}",
                "source": "/shop/web",
                "type": TYPES[n % 3],
                "subject": f"user-{n % 97}",
                "time": now,
                "datacontenttype": "application/json",
                "data": {"plan": "pro", "value": n * 1.5, "path": "/courses/intro", "step": n},
            }
            for n in range(rows)
        ]
        text = orjson.dumps(events if rows > 1 else events[0])
        self._bytes = np.frombuffer(bytearray(text), np.uint8)
        mark = f"-{self._run}-".encode()
        starts, at = [], text.find(mark)
        while at >= 0:
            starts.append(at + len(mark))
            at = text.find(mark, at + 1)
        self._places = np.array(starts)[:, None] + np.arange(DIGITS)
        self._next = 0
        kind = "application/cloudevents-batch+json" if rows > 1 else "application/cloudevents+json"
        self.head = f"content-type: {kind}\r\ncontent-length: {len(text)}\r\n"

    def fresh(self) -> bytes:
        numbers = self._next + np.arange(len(self._places))
        self._next += len(numbers)
        powers = 10 ** np.arange(DIGITS - 1, -1, -1)
        self._bytes[self._places] = (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)
        return self._bytes.tobytes()


async def run(load: Load) -> Seen:
    """Send for ``load.seconds``, each connection one request at a time."""
    took: list[float] = []
    refused: dict[str, int] = {}
    end = time.perf_counter() + load.seconds

    async def client() -> None:
        body = Body(load.rows)
        start = f"POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {load.key}\r\n{body.head}\r\n"
        head = start.encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
        while (begun := time.perf_counter()) < end:
            writer.write(head + body.fresh())
            await writer.drain()
            status = await answer(reader)
            took.append((time.perf_counter() - begun) * 1000)
            if status != 200:
                refused[str(status)] = refused.get(str(status), 0) + 1
            if load.pause_s:
                await asyncio.sleep(load.pause_s)
        writer.close()

    await asyncio.gather(*(client() for _ in range(load.connections)))
    took.sort()
    rate = len(took) / load.seconds
    return Seen(rate, rate * load.rows, took[len(took) // 2], took[int(len(took) * 0.99)], refused)


async def answer(reader: asyncio.StreamReader) -> int:
    """Read one response; its status."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(size)
    return int(head[9:12])


def start(load: Load) -> subprocess.Popen[str]:
    """The load in a process of its own: the figures of what it is sent to must not depend on this one."""
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load", json.dumps(asdict(load))], stdout=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> Seen:
    """What a started load saw. Raises where it failed."""
    said, _ = process.communicate(timeout=120)
    if process.returncode:
        raise RuntimeError(f"the load ended with {process.returncode}")
    return Seen(**json.loads(said))


def send(load: Load, **changes: float) -> Seen:
    """Run a load in a process of its own, and wait for it."""
    return finish(start(replace(load, **changes)))


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(run(Load(**json.loads(sys.argv[1])))))))
