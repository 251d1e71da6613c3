"""The machines that report their gauges: the newest figures of each, from ``system_metrics``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from query.engine import Session
from query.moments import at_us

GAUGES = {"cpu": "cpu.percent", "memory": "memory.percent", "disk": "disk.percent", "uptime": "uptime.s"}


@dataclass(frozen=True)
class SystemMonitor:
    """Reads ``session``. ``network``: by target, the round trip of a probe in ms; None for one that does not answer."""

    session: Session
    network: Mapping[str, float | None]

    def get_health_metrics(self, since_us: int, until_us: int) -> dict[str, Any]:
        """``{cpu, memory, disk, network, uptime}`` of the busiest machine, and ``hosts`` with each of them.

        Percent, ms (the slowest probe that answers) and seconds. The newest value within ``[since_us, until_us)`` (us UTC)
        counts, with its mean and its maximum there; None: nothing was measured.
        """
        rows = self.session.run(
            """SELECT CAST(source AS VARCHAR) AS host, CAST(type AS VARCHAR) AS gauge, arg_max(value, time) AS now,
                 avg(value) AS mean, max(value) AS most, epoch(max(time)) AS at
               FROM system_metrics WHERE time >= $since AND time < $until AND value IS NOT NULL GROUP BY ALL ORDER BY ALL""",
            {"since": at_us(since_us), "until": at_us(until_us)},
        ).objects()
        hosts: dict[str, dict[str, Any]] = {}
        names = {gauge: name for name, gauge in GAUGES.items()}
        for row in rows:
            if row["gauge"] in names:
                figures = {"now": row["now"], "mean": row["mean"], "max": row["most"], "at": row["at"]}
                hosts.setdefault(row["host"], {})[names[row["gauge"]]] = figures
        found: dict[str, Any] = {}
        for name in GAUGES:
            values = [host[name]["now"] for host in hosts.values() if name in host]
            found[name] = (min if name == "uptime" else max)(values, default=None)
        answered = [rtt for rtt in self.network.values() if rtt is not None]
        found["network"] = max(answered, default=None)
        return {**found, "hosts": hosts, "probes": dict(self.network)}
