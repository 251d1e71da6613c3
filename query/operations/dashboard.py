"""The operational dashboard: machine, requests, errors and alerts as one answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from analytics.service_level import MINUTES, ServiceLevel, trend_of
from events.errors import Rejected
from events.log import LogReader
from query.bounds import Stop
from query.engine import Engine
from query.moments import length_s
from query.operations.machine import SystemMonitor
from query.operations.services import MOST, ErrorTracker, PerformanceTracker, performance

OURS = "Hindcast"
LONGEST_S = MINUTES * 60 / 2
SPARK = 12


class Operated(NamedTuple):
    """What the log says: of the machines, of each service, and of the errors in logs."""

    health: dict[str, Any]
    services: dict[str, dict[str, Any]]
    errors: dict[str, Any]


def operated_of(
    log: LogReader,
    tenant: str,
    network: Mapping[str, float | None],
    since_us: int,
    until_us: int,
    objective: float,
    stop: Stop | None = None,
) -> Operated:
    """Read it, of ``[since_us, until_us)`` in us UTC. ``network``: probes, as ``SystemMonitor`` takes them."""
    with Engine(log).open(tenant=tenant, commands=False, stop=stop) as session:
        return Operated(
            SystemMonitor(session, network).get_health_metrics(since_us, until_us),
            PerformanceTracker(session, objective).get_performance_metrics(since_us, until_us),
            ErrorTracker(session).get_error_summary(since_us, until_us),
        )


Read = Callable[[int, int], Operated]
"""Reads the log of a span in us UTC, here or in another process."""


@dataclass(frozen=True)
class OperationalDashboard:
    """``own``: what this process has answered, since ``started_s``."""

    own: ServiceLevel
    started_s: float
    alerts: Sequence[Mapping[str, Any]] = ()

    def get_active_alerts(self) -> list[dict[str, Any]]:
        """Those that are pending or firing."""
        return [dict(alert) for alert in self.alerts if alert["state"] in ("pending", "firing")]

    def generate_operational_metrics(self, window: str, now_s: float, objective: float, read: Read) -> dict[str, Any]:
        """``{system_health, performance, errors, alerts}`` of the newest ``window`` (``15m``, ``1h``; up to 6 h), and
        ``services``: the same of every service whose measurements come in. ``performance.error_rate`` and
        ``errors.error_rate`` are one figure. Raises ``Rejected``.
        """
        window_s = length_s(window)
        if window_s is None or not 60 <= window_s <= LONGEST_S:
            raise Rejected("window", f"must be a length from 1m to 6h such as 15m, got {window[:40]!r}")
        if not 0 < objective < 1:
            raise Rejected("objective", f"must be between 0 and 1, such as 0.999; got {objective:g}")
        until = round(now_s * 1e6)
        since = until - round(window_s * 1e6)
        health, services, logged = read(since, until)
        ours = self.own.counts(now_s, window_s)
        lived_s = max(1.0, min(window_s, now_s - self.started_s))
        requests = ours.valid + ours.refused
        did = performance(ours.times, requests, requests / lived_s, ours.failed, ours.error_rate, objective,
                          self.own.burn_rates(now_s, objective))  # fmt: skip
        return {
            "system_health": {
                "cpu_usage": health["cpu"],
                "memory_usage": health["memory"],
                "disk_usage": health["disk"],
                "network_latency": health["network"],
                "uptime": health["uptime"],
                "hosts": health["hosts"],
                "probes": health["probes"],
            },
            "performance": did,
            "errors": self._errors(ours.error_rate, logged, now_s, window_s),
            "alerts": self.get_active_alerts(),
            "services": [{"name": name, "performance": figures} for name, figures in services.items()],
            "window_s": window_s,
            "asked_at": now_s,
        }

    def _errors(self, rate: float | None, logged: Mapping[str, Any], now_s: float, window_s: float) -> dict[str, Any]:
        """Our own failed requests, and what the logs of all services say."""
        now, before = self.own.counts(now_s, window_s), self.own.counts(now_s - window_s, window_s)
        steps = [self.own.counts(now_s - (SPARK - 1 - i) * window_s / SPARK, window_s / SPARK) for i in range(SPARK)]
        own: list[dict[str, Any]] = [
            {
                "service": OURS,
                "fingerprint": kind,
                "message": self.own.messages.get(kind, kind) or kind,
                "count": n,
                "before": before.kinds.get(kind, 0),
                "trend": trend_of(n, before.kinds.get(kind, 0)),
                "first": None,
                "last": None,
                "spark": [step.kinds.get(kind, 0) for step in steps],
            }
            for kind, n in now.kinds.items()
        ]
        top = sorted([*own, *logged["top_errors"]], key=lambda e: (-e["count"], e["service"], e["fingerprint"]))
        total, earlier = now.failed + logged["total"], before.failed + logged["before"]
        spark = [step.failed + n for step, n in zip(steps, logged["trends"]["spark"], strict=True)]
        return {
            "total_errors": total,
            "error_rate": rate,
            "top_errors": top[:MOST],
            "error_trends": {"now": total, "before": earlier, "direction": trend_of(total, earlier), "spark": spark},
            "failed_requests": now.failed,
            "logged_errors": logged["total"],
        }
