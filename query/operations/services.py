"""The user's own services: requests, times and errors, from the measurements and logs that they send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from analytics.service_level import QUANTILES, burn_rate, histogram_quantile, trend_of
from query.engine import Session
from query.moments import at_us

STATUS = ("code", "status", "status_code", "http_status", "http.response.status_code", "http.status_code")
"""Labels that say how a request was answered; the first that is there counts."""
MOST = 50
SPARK = 12
_RESET = "CASE WHEN prev IS NULL THEN 0 WHEN value >= prev THEN value - prev ELSE value END"
_SERVED = "coalesce(kind = 'span' AND json_extract_string(labels, '/span.kind') = 'server', false)"
_FINGERPRINT = r"""regexp_replace(regexp_replace(message,
  '[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|0x[0-9a-fA-F]+|\b[0-9a-fA-F]{12,}\b', '#', 'g'), '\d+', '#', 'g')"""
"""A message without its ids and numbers: what is the same error has the same one."""


@dataclass(frozen=True)
class PerformanceTracker:
    """Reads the requests of every service from ``api_metrics``. ``objective``: the share of them that is to be good."""

    session: Session
    objective: float

    def get_performance_metrics(self, since_us: int, until_us: int) -> dict[str, dict[str, Any]]:
        """By service ``{response_time: {p50, p95, p99, n}, throughput, error_rate, availability, requests, failed}``.

        Counters called ``…requests_total`` or histograms of durations say how many requests there were, and with which
        status; the histograms' buckets, or the spans of servers, how long they took. Times in ms; a service of which only
        one is known has None for the other.
        """
        found: dict[str, dict[str, Any]] = {}
        seconds = (until_us - since_us) / 1e6
        rows = self.session.run(
            f"""WITH said AS (
                SELECT coalesce(json_extract_string(labels, '/service.name'), CAST(source AS VARCHAR)) AS service,
                  CAST(type AS VARCHAR) AS name, labels, CAST(unit AS VARCHAR) AS unit, CAST(kind AS VARCHAR) AS kind,
                  value, increase, time,
                  lag(value) OVER (PARTITION BY source, type, labels ORDER BY time, row_offset) AS prev
                FROM api_metrics WHERE time >= $before AND time < $until
                  AND (type LIKE '%requests_total' OR type LIKE '%duration%_bucket' OR type LIKE '%duration%_count'
                    OR kind = 'span'))
              SELECT service, name, unit, kind, coalesce({_status()}, '') AS status,
                json_extract_string(labels, '/le') AS le,
                {_SERVED} AS served, json_extract_string(labels, '/status') AS said,
                sum(coalesce(increase, {_RESET})) AS n, count(*) AS rows
              FROM said WHERE time >= $since GROUP BY ALL""",
            {"before": at_us(2 * since_us - until_us), "since": at_us(since_us), "until": at_us(until_us)},
        ).objects()
        spans = self.session.run(
            f"""SELECT coalesce(json_extract_string(labels, '/service.name'), CAST(source AS VARCHAR)) AS service,
                quantile_cont(value, [0.5, 0.95, 0.99]) AS times
              FROM api_metrics WHERE time >= $since AND time < $until AND {_SERVED} GROUP BY ALL""",
            {"since": at_us(since_us), "until": at_us(until_us)},
        ).objects()
        took = {row["service"]: dict(zip(QUANTILES, row["times"], strict=True)) for row in spans}
        services = sorted({row["service"] for row in rows if row["service"]})
        for service in services:
            found[service] = self._service(
                [row for row in rows if row["service"] == service], seconds, took.get(service)
            )
        return {service: figures for service, figures in found.items() if figures["requests"]}

    def _service(
        self, rows: list[dict[str, Any]], seconds: float, took: Mapping[str, float | None] | None
    ) -> dict[str, Any]:
        counted = [row for row in rows if row["name"].endswith("requests_total")]
        counted = counted or [row for row in rows if row["name"].endswith("_count")]
        spans = [row for row in rows if row["served"]]
        requests = sum(row["n"] or 0.0 for row in counted)
        refused = sum(row["n"] or 0.0 for row in counted if row["status"].startswith("4"))
        failed = sum(row["n"] or 0.0 for row in counted if row["status"].startswith("5"))
        if not counted and spans:
            requests = float(sum(row["rows"] for row in spans))
            failed = float(sum(row["rows"] for row in spans if row["said"] == "error" or row["status"].startswith("5")))
        times: dict[str, float | None] = dict.fromkeys(QUANTILES)
        buckets: dict[float, float] = {}
        for row in rows:
            if row["le"] is not None:
                bound = inf if row["le"] == "+Inf" else float(row["le"]) * _ms(row)
                buckets[bound] = buckets.get(bound, 0.0) + (row["n"] or 0.0)
        if buckets:
            times = {name: histogram_quantile(buckets.items(), q) for name, q in QUANTILES.items()}
        elif took:
            times = dict(took)
        valid = requests - refused
        rate = failed / valid if valid else None
        return performance(times, requests, requests / seconds, failed, rate, self.objective)


def performance(
    times: Mapping[str, float | None],
    requests: float,
    throughput: float | None,
    failed: float,
    error_rate: float | None,
    objective: float,
    burn_rates: Mapping[str, float | None] | None = None,
) -> dict[str, Any]:
    """The performance of one service as it is answered."""
    return {
        "response_time": {**times, "n": requests, "unit": "ms"},
        "throughput": throughput,
        "error_rate": error_rate,
        "availability": {
            "value": None if error_rate is None else 1 - error_rate,
            "objective": objective,
            "burn_rate": burn_rate(error_rate, objective),
            **({"burn_rates": dict(burn_rates)} if burn_rates else {}),
        },
        "requests": requests,
        "failed": failed,
    }


def _status() -> str:
    said = ", ".join(f"json_extract_string(labels, '/{name}')" for name in STATUS)
    return f"coalesce({said})"


def _ms(row: Mapping[str, Any]) -> float:
    """What one unit of a histogram's bounds is in ms: as it says, else by its name, else seconds."""
    unit, name = row["unit"] or "", row["name"]
    if unit in ("ms", "milliseconds") or "_ms_" in name or "milliseconds" in name:
        return 1.0
    return 0.001 if unit in ("us", "microseconds") or "microseconds" in name else 1000.0


@dataclass(frozen=True)
class ErrorTracker:
    """Groups the errors of ``system_logs``: lines of the severity error or critical."""

    session: Session

    def get_error_summary(self, since_us: int, until_us: int) -> dict[str, Any]:
        """``{total, before, top_errors, trends}``: by service and fingerprint, against the span of the same length before.

        Of each error ``{service, fingerprint, message, count, before, trend, first, last, spark}``; ``trend`` is new, up,
        flat or down beyond chance.
        """
        width = until_us - since_us
        rows = self.session.run(
            f"""SELECT coalesce(CAST(subject AS VARCHAR), CAST(source AS VARCHAR), '') AS service,
                coalesce({_FINGERPRINT}, '') AS fingerprint, arg_max(message, time) AS message,
                count(*) FILTER (time >= $since) AS n, count(*) FILTER (time < $since) AS before,
                epoch(min(time)) AS first, epoch(max(time)) AS last,
                list((epoch_us(time) - {since_us}) * {SPARK} // {width}) FILTER (time >= $since) AS places
              FROM system_logs WHERE severity IN ('error', 'critical') AND time >= $before AND time < $until
              GROUP BY ALL ORDER BY n DESC, before DESC, service, fingerprint""",
            {"before": at_us(since_us - width), "since": at_us(since_us), "until": at_us(until_us)},
        ).objects()
        errors = [_error(row) for row in rows]
        total, before = sum(row["count"] for row in errors), sum(row["before"] for row in errors)
        spark = [sum(row["spark"][i] for row in errors) for i in range(SPARK)]
        return {
            "total": total,
            "before": before,
            "top_errors": [row for row in errors if row["count"]][:MOST],
            "trends": {"now": total, "before": before, "direction": trend_of(total, before), "spark": spark},
        }


def _error(row: Mapping[str, Any]) -> dict[str, Any]:
    places = row["places"] or []
    return {
        "service": row["service"],
        "fingerprint": row["fingerprint"],
        "message": row["message"] or "",
        "count": row["n"],
        "before": row["before"],
        "trend": trend_of(row["n"], row["before"]),
        "first": row["first"],
        "last": row["last"],
        "spark": [places.count(i) for i in range(SPARK)],
    }
