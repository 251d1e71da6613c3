"""A host stops its cells together: what one waits for, the others do not wait for again."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from actors.host import Host
from actors.topology import HostSpec
from actors.workers import Worker
from events.sqlite_log import SqliteSpec


class Slow(Worker):
    """Looks at the log once in half a second, as a cell does where nothing happens."""

    def __init__(self) -> None:
        self.stopped = False

    def stop(self, timeout_s: float = 10.0) -> None:
        time.sleep(0.5)
        self.stopped = True


def test_a_host_drains_as_fast_as_its_slowest_cell(tmp_path: Path) -> None:
    host = Host(HostSpec("dashboards", SqliteSpec(tmp_path), "g", 0))
    slow = [Slow() for _ in range(8)]
    host._workers.update({str(n): worker for n, worker in enumerate(slow)})
    began = time.monotonic()
    asyncio.run(host.drain())
    assert time.monotonic() - began < 2.5
    assert all(worker.stopped for worker in slow)
