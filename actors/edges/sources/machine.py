"""This machine's gauges, by psutil: the source of ``system_metrics``."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psutil
import pyarrow as pa
from pydantic import Field

from actors.gauges import UNITS
from actors.parts import Part, SourceKind, SourceSection, Within
from actors.source import Read, next_beat
from events.catalog import SYSTEM_METRICS, rows


class MachineSection(SourceSection):
    """This machine's gauges."""

    kind: str = "machine"
    every_s: float = Field(default=1.0, ge=0.1)


class Machine:
    """Samples CPU, memory, disk, network, load and uptime; rates are over the time since the last sample.

    It has no position: a gauge says what is now. ``now`` gives microseconds UTC.
    """

    def __init__(self, disk: Path, every_s: float, now: Callable[[], int]) -> None:
        self._disk = disk
        self._every_us = int(every_s * 1_000_000)
        self._now = now
        self._host = socket.gethostname()
        self._network = self._bytes()
        self._at = time.monotonic()
        psutil.cpu_percent()

    def open(self, position: bytes | None) -> Machine:
        return self

    def close(self) -> None:
        """Nothing to let go of."""

    def read(self) -> Read:
        """One row a gauge, of now."""
        now_us = self._now()
        return Read(self._sampled(now_us), wake_at_us=next_beat(now_us, self._every_us))

    def _sampled(self, now_us: int) -> pa.RecordBatch:
        at, network = time.monotonic(), self._bytes()
        rate = max(0, network - self._network) / max(at - self._at, 1e-3)
        self._network, self._at = network, at
        values = {
            "cpu.percent": psutil.cpu_percent(),
            "memory.percent": psutil.virtual_memory().percent,
            "disk.percent": psutil.disk_usage(str(self._disk)).percent,
            "network.bytes_per_s": rate,
            "load.1m": psutil.getloadavg()[0],
            "uptime.s": now_us / 1e6 - psutil.boot_time(),
        }
        columns = {
            "source": self._host,
            "type": list(values),
            "subject": self._host,
            "time": now_us,
            "received": now_us,
            "partition_key": self._host,
            "value": list(values.values()),
            "unit": [UNITS[gauge] for gauge in values],
        }
        return rows(SYSTEM_METRICS, columns, len(values))

    def _bytes(self) -> int:
        total = psutil.net_io_counters()
        return total.bytes_sent + total.bytes_recv if total else 0


def _source(section: MachineSection, name: str, within: Within) -> Callable[[Callable[[], int]], Machine]:
    return partial(Machine, within.data, section.every_s)


KIND = SourceKind(
    "machine",
    SYSTEM_METRICS,
    _source,
    MachineSection,
    cell="system_metrics",
    guarded=False,
    standard=True,
)
PART = Part("machine", sources=(KIND,))
