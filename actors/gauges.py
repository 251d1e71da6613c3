"""The gauges of a machine: their names, which are types of ``system_metrics``, and their units."""

from __future__ import annotations

UNITS = {
    "cpu.percent": "%",
    "memory.percent": "%",
    "disk.percent": "%",
    "network.bytes_per_s": "B/s",
    "load.1m": "1",
    "uptime.s": "s",
}
