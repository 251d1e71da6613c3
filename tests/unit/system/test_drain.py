"""A host stops its cells together: what one waits for, the others do not wait for again."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from actors.host import Host
from actors.topology import HostSpec
from actors.workers import Worker
from events.sqlite_log import SqliteSpec


class Slow(Worker):
    """Stops once all others are stopping, too."""

    def __init__(self, others: threading.Barrier) -> None:
        self._others = others
        self.asked = self.stopped = False

    def ask_stop(self) -> None:
        self.asked = True

    def stop(self, timeout_s: float = 10.0) -> None:
        assert self.asked
        self._others.wait(60)
        self.stopped = True


def test_a_host_drains_as_fast_as_its_slowest_cell(tmp_path: Path) -> None:
    host = Host(HostSpec("dashboards", SqliteSpec(tmp_path), "g", 0))
    together = threading.Barrier(8)
    slow = [Slow(together) for _ in range(8)]
    host._workers.update({str(n): worker for n, worker in enumerate(slow)})
    asyncio.run(host.drain())
    assert all(worker.stopped for worker in slow)
