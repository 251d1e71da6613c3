"""This machine's gauges, by psutil: the source of ``system_metrics``."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import psutil
import pyarrow as pa

from actors.gauges import UNITS
from events.catalog import SYSTEM_METRICS, rows


class Machine:
    """Samples CPU, memory, disk, network, load and uptime; rates are over the time since the last sample."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._host = socket.gethostname()
        self._network = self._bytes()
        self._at = time.monotonic()
        psutil.cpu_percent()

    def poll(self, now_us: int) -> pa.RecordBatch:
        """One row a gauge at ``now_us`` (microseconds UTC)."""
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
