"""A whole system: processor time an event from the request until every cell has folded it, and what came a second.

Three loads in turn, each of 4 connections: CloudEvents as JSON batches of 500, the same as Segment batches, and Arrow
streams of 20,000 rows (where the system takes them). The processor time is that of all the system's processes; the time of
the sender is in none of the figures. Prints JSON lines ``{name, value, unit, against, ratio}``;
``python -m benchmarks.end_to_end [--events 100000]``

``python -m benchmarks.side_by_side end_to_end`` runs it in turns with another checkout: it uses only what both have.
"""

from __future__ import annotations

import argparse
import secrets
import tempfile
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import httpx
import orjson
import psutil
import pyarrow as pa

from benchmarks.service import report, settled
from tests.running import Running, start

CONNECTIONS, BATCH, TABLE = 4, 500, 20_000
TYPES = ("order.placed", "page.viewed", "cart.updated")
ARROW = "application/vnd.apache.arrow.stream"


def cloud_events(run: str, begin: int) -> tuple[str, str, bytes]:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    rows = [
        {
            "specversion": "1.0", "id": f"{run}-{n:012d}", "source": "/shop/web", "type": TYPES[n % 3],
            "subject": f"user-{n % 97}", "time": now, "datacontenttype": "application/json", "data": _data(n),
        }
        for n in range(begin, begin + BATCH)
    ]  # fmt: skip
    return "/v1/events", "application/cloudevents-batch+json", orjson.dumps(rows)


def segment(run: str, begin: int) -> tuple[str, str, bytes]:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    rows = [
        {
            "type": "track", "event": TYPES[n % 3], "userId": f"user-{n % 97}", "messageId": f"{run}-{n:012d}",
            "timestamp": now, "properties": _data(n), "context": {"library": {"name": "python", "version": "2.4.0"}},
        }
        for n in range(begin, begin + BATCH)
    ]  # fmt: skip
    return "/v1/batch", "application/json", orjson.dumps({"batch": rows, "sentAt": now})


def arrow(run: str, begin: int) -> tuple[str, str, bytes]:
    rows = range(begin, begin + TABLE)
    table = pa.table(
        {
            "id": [f"{run}-{n:012d}" for n in rows],
            "source": pa.array(["/shop/web"] * TABLE).dictionary_encode(),
            "type": pa.array([TYPES[n % 3] for n in rows]).dictionary_encode(),
            "subject": pa.array([f"user-{n % 97}" for n in rows]).dictionary_encode(),
            "time": pa.array([datetime.now(UTC)] * TABLE),
            "plan": pa.array(["pro"] * TABLE).dictionary_encode(),
            "value": [n * 1.5 for n in rows],
            "path": pa.array(["/courses/intro"] * TABLE).dictionary_encode(),
            "step": list(rows),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(table)
    return "/v1/events", ARROW, sink.getvalue().to_pybytes()


def _data(n: int) -> dict[str, Any]:
    return {"plan": "pro", "value": n * 1.5, "path": "/courses/intro", "step": n}


def used(system: Running) -> dict[tuple[str, int], float]:
    """Processor seconds so far of each of its processes, by name and pid."""
    found: dict[tuple[str, int], float] = {}
    for process in [psutil.Process(system.process.pid), *system.processes()]:
        with suppress(psutil.NoSuchProcess):
            title = " ".join(process.cmdline())
            name = title.split(".")[0].strip() if title.startswith("ray::") else process.name()
            found[name, process.pid] = sum(process.cpu_times()[:2])
    return found


def by_process(before: dict[tuple[str, int], float], after: dict[tuple[str, int], float]) -> dict[str, float]:
    """Processor seconds between the two, the busiest first; processes of one name are numbered."""
    each = sorted(((seconds - before.get(one, 0.0), one[0]) for one, seconds in after.items()), reverse=True)
    seen, found = Counter[str](), dict[str, float]()
    for seconds, name in each:
        seen[name] += 1
        found[f"{name} {seen[name]}"] = seconds
    return found


def left(bodies: SimpleQueue[tuple[str, str, bytes]]) -> Iterator[tuple[str, str, bytes]]:
    with suppress(Empty):
        while True:
            yield bodies.get_nowait()


def measured(
    system: Running, make: Callable[[str, int], tuple[str, str, bytes]], size: int, events: int
) -> float | None:
    """Processor seconds of ``events``; None where the system does not take them."""
    run = secrets.token_hex(6)
    bodies: SimpleQueue[tuple[str, str, bytes]] = SimpleQueue()
    for begin in range(0, events, size):
        bodies.put(make(run, begin))

    basic = f"Basic {b64encode(f'{system.key}:'.encode()).decode()}"

    def connection() -> bool:
        with httpx.Client(base_url=system.url, timeout=120) as http:
            for path, kind, body in left(bodies):
                said = basic if path == "/v1/batch" else f"Bearer {system.key}"  # as Segment's SDKs send it
                while True:
                    answer = http.post(path, content=body, headers={"content-type": kind, "authorization": said})
                    if answer.status_code != 429:
                        break
                    time.sleep(float(answer.headers.get("retry-after", 1)))
                if answer.status_code == 415:
                    return False
                answer.raise_for_status()
        return True

    settled(system)
    before, begun = used(system), time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        taken = all(list(pool.map(lambda _: connection(), range(CONNECTIONS))))
    if not taken:
        return None
    settled(system)
    each, seconds = by_process(before, used(system)), time.perf_counter() - begun
    took = sum(each.values())
    report(f"{make.__name__}, events a second until folded", events / seconds, "events/s")
    report(f"{make.__name__}, processor time an event", took / events * 1e6, "us")
    for process, spent in list(each.items())[:7]:
        report(f"{make.__name__}, processor time an event, {process}", spent / events * 1e6, "us")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hc-") as folder:
        system = start(Path(folder), "demo", "--placement", "packed")
        try:
            measured(system, cloud_events, BATCH, 10_000)  # everything is loaded, and the caches are warm
            for _ in range(options.rounds):
                for make, size in ((cloud_events, BATCH), (segment, BATCH), (arrow, TABLE)):
                    measured(system, make, size, options.events)
        finally:
            system.stop()


if __name__ == "__main__":
    main()
