"""Data for the fake server: a busy afternoon, and a first start with nothing in it. Seeded, so pictures compare."""

from __future__ import annotations

import json
import math
import random
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from .fake_live import FakeLive, FakeTopic

PANE = 10
CAP = 600


def measure(value: float, prev: float | None, start: float, noise: float = 0.04, seed: int = 1) -> dict[str, Any]:
    rng, level, spark = random.Random(seed), start, []
    for i in range(40):
        level += (value - level) / (40 - i) + rng.gauss(0, noise * abs(value))
        spark.append(round(max(0.0, level), 2))
    to = time.time() // PANE * PANE
    return {"v": value, "prev": prev, "spark": [*spark[:-1], value], "from": to - 60, "to": to}


def activity(now: float, panes: int = 360) -> dict[str, Any]:
    rng = random.Random(7)
    last = int(now // PANE) * PANE
    series: dict[str, Any] = {}
    for i in range(panes):
        start = last - (panes - 1 - i) * PANE
        expected = 410 + 60 * math.sin(i / 43) + 35 * math.sin(i / 11)
        count = max(0.0, expected + rng.gauss(0, 17))
        if i == panes - 52:
            count *= 1.55
        if i in (panes - 121, panes - 120):
            count *= 0.45
        score = abs(count - expected) / 17
        series[str(start)] = {
            "y": round(count),
            "open": i == panes - 1,
            "exp": round(expected, 1),
            "lo": round(expected - 55, 1),
            "hi": round(expected + 55, 1),
            "score": round(score, 2),
            "anom": score > 6,
        }
    series[str(last)] = {**series[str(last)], "y": 130, "score": None, "anom": False}
    return series


def heat() -> dict[str, int]:
    rng = random.Random(3)
    counts: dict[str, int] = {}
    for day in range(7):
        for hour in range(24):
            shape = 420 * math.exp(-((hour - 10.5) ** 2) / 14) + 380 * math.exp(-((hour - 15.5) ** 2) / 18)
            shape += 120 * math.exp(-((hour - 20.5) ** 2) / 6)
            counts[f"{day}-{hour}"] = round(max(0.0, shape * (1 if day < 5 else 0.42) * (1 + rng.gauss(0, 0.09))))
    return counts


def columns(now: float, levels: dict[str, tuple[float, float]], points: int = CAP) -> dict[str, list[float]]:
    """Wandering series, one point a second up to now; levels are (mean, step)."""
    rng = random.Random(11)
    table: dict[str, list[float]] = {"t": [round(now - points + 1 + i, 3) for i in range(points)]}
    for name, (mean, step) in levels.items():
        value, series = mean, []
        for _ in range(points):
            value = max(0.0, value + 0.05 * (mean - value) + rng.gauss(0, step))
            series.append(round(value, 2))
        table[name] = series
    return table


def alert(
    id: str, severity: str, title: str, detail: str, at: float, state: str, by: str | None = None
) -> dict[str, Any]:
    return {
        "id": id,
        "rule": id,
        "severity": severity,
        "title": title,
        "detail": detail,
        "t": at,
        "state": state,
        "acknowledged": by is not None,
        "acked_by": by,
    }


def busy(now: float | None = None) -> list[FakeTopic]:
    now = now or time.time()
    alerts = [
        alert("a1", "critical", "Ingest lag above 500 ms", "p95 742 ms > 500 ms for 2 min", now - 180, "firing"),
        alert("a2", "high", "Activity below what is expected", "−55 % vs expected, score 13.2", now - 1260, "firing"),
        alert("a3", "medium", "Memory above 85 %", "87.4 % > 85 % for 5 min", now - 5400, "firing"),
        alert("a4", "medium", "Rejected rows above 1 %", "1.8 % > 1 % for 10 min", now - 8100, "firing", by="grace"),
        alert("a5", "low", "Disk at 81 %", "81 % > 80 %", now - 30, "pending"),
        alert("a6", "low", "Late events from ios-sdk 4.1", "p99 lateness 42 min", now - 26500, "resolved"),
    ]
    top = [
        ("Lesson Completed", "courses", 18412, 17120),
        ("Page Viewed", "courses", 14903, 15544),
        ("Campaign Sent", "marketing", 9120, 7004),
        ("Email Opened", "marketing", 6433, 6390),
        ("Course Purchased", "courses", 812, 790),
        ("Trial Started", "marketing", 164, None),
    ]
    return [
        FakeTopic(
            "user_activity",
            "latest",
            {
                "active_users": measure(8412, 7967, 7400, seed=2),
                "events_per_minute": measure(2471, 2602, 2650, seed=3),
                "events_total": {
                    k: v for k, v in measure(1284310, None, 1.2e6, 0.0, seed=4).items() if k in ("v", "spark")
                },
                "rejected": measure(37, 21, 18, 0.1, seed=5),
            },
        ),
        FakeTopic("activity_series", "upsert", activity(now)),
        FakeTopic("activity_heat", "upsert", heat()),
        FakeTopic(
            "top_events",
            "latest",
            {
                "rows": [
                    {"name": n, "source": s, "n": v, "prev": p, "spark": measure(v, p, p or 0, 0.06, seed=v)["spark"]}
                    for n, s, v, p in top
                ]
            },
        ),
        FakeTopic(
            "system_health",
            "append",
            columns(now, {"cpu": (46, 3.1), "mem": (63, 0.3), "disk": (71, 0.02), "net": (840, 90)}),
            cap=CAP,
        ),
        FakeTopic("ingest", "append", columns(now, {"rate": (1240, 60), "lag": (12, 1.2)}), cap=CAP),
        FakeTopic("alerts", "upsert", {row["id"]: row for row in alerts}),
        FakeTopic("insights", "upsert", insights(now)),
        FakeTopic("forecasts", "upsert", forecasts(now)),
        FakeTopic("late_rows", "upsert", {}),
    ]


def insights(now: float) -> dict[str, Any]:
    """A trend up, one down, two series that move together, and one of which too little is known."""
    nothing = dict.fromkeys(
        ("with_metric", "with_aggregate", "with_key", "since", "value", "lower", "upper", "change", "lag", "p", "n")
    )
    trend = {**nothing, "kind": "trend", "watch": "events.count", "metric": "events", "aggregate": "count", "key": ""}
    figures = {"value": 360.0, "lower": 290.5, "upper": 421.0, "p": 0.00002, "n": 120, "since": now - 1200}
    pair = {
        "with_metric": "api_errors",
        "with_aggregate": "count",
        "with_key": "",
        "lag": 20.0,
        "lower": 0.62,
        "upper": 0.8,
    }
    return {
        "a": {**trend, **figures, "status": "rising", "t": now - 30, "change": 0.21,
              "message": "events.count rises by 21 % of its mean in 20 min"},
        "b": {**trend, **figures, "status": "falling", "t": now - 400, "change": -0.4, "metric": "revenue",
              "aggregate": "sum", "key": "EUR", "value": -92.0, "lower": -120.0, "upper": -51.0, "watch": "revenue.sum",
              "message": "revenue.sum of EUR falls by 40 % of its mean in 60 min"},
        "c": {**trend, **pair, "kind": "correlation", "watch": "Traffic and trouble", "status": "together", "t": now - 90,
              "since": now - 2400, "p": 0.0004, "n": 238,
              "message": "events.count and api_errors.count move together (coefficient 0.72); api_errors.count follows "
              "events.count by 20 s"},
        "d": {**trend, "status": "learning", "t": now, "metric": "trials", "n": 7, "message": "not enough data"},
    }  # fmt: skip


def forecasts(now: float) -> dict[str, Any]:
    """One of events by the hour, and a metric of which too little is known."""
    hour = now // 3600 * 3600
    nothing = {"level": 80.0, "made": now - 300, "width": 3600.0, "error": None, "naive_error": None}
    nothing |= {name: [] for name in ("past", "known", "t", "expected", "lower", "upper")}
    course = [40.0 + 20 * math.sin(n / 4) for n in range(72)]
    return {
        "events.count\t": {
            **nothing, "watch": "events.count", "metric": "events", "aggregate": "count", "key": "", "n": 1344,
            "message": "events.count: 52 expected next, 41 to 63; 12 % more over the next 24 h than over the last",
            "error": 3.2, "naive_error": 4.0,
            "past": [hour - 3600 * (48 - n) for n in range(48)], "known": course[:48],
            "t": [hour + 3600 * n for n in range(24)], "expected": course[48:],
            "lower": [value - 8 for value in course[48:]], "upper": [value + 8 for value in course[48:]],
        },
        "trials.count\t": {
            **nothing, "watch": "trials.count", "metric": "trials", "aggregate": "count", "key": "", "n": 7,
            "message": "no forecast: 7 steps are known, at least 24 are needed",
        },
    }  # fmt: skip


def server(now: float | None = None) -> FakeLive:
    """A busy afternoon with everything that can be asked of it: metrics, events, streams, the life of an alert."""
    now = now or time.time()
    fake = FakeLive(busy(now))
    fake.answers["epoch(start) AS start"] = [
        [now - 60 * i, "EUR", 9, 44_100.0, 4900.0, 4900.0, None, 0] for i in range(1, 4)
    ]
    fake.answers["FROM metrics_latest"] = metrics()
    fake.answers["GROUPING SETS"] = summed()
    fake.answers["frequent AS"] = frequent()
    fake.answers["hour // 24"] = [[int(key[0]), int(key[2:]), n] for key, n in heat().items()]
    fake.answers["arg_max(rule"] = past_alerts(now)
    fake.answers["FROM alerts"] = [
        [now - 180, "alert.fired", 9.0, 12.0, "revenue.sum is €9, limit €12", "revenue", None, "EUR", "Revenue falls"],
        [
            now - 300,
            "alert.pending",
            11.0,
            12.0,
            "revenue.sum is €11, limit €12",
            "revenue",
            None,
            "EUR",
            "Revenue falls",
        ],
    ]
    fake.events = events(now)
    fake.rows["late_rows"] = [late(now - 40 * i, i) for i in range(3, 0, -1)]
    return fake


def metrics() -> list[list[Any]]:
    """Thirty buckets of each business metric, and as many before them: what the page's SQL is answered."""
    rng, rows = random.Random(5), list[list[Any]]()
    levels = [("revenue", "EUR", 9, 4900), ("revenue", "USD", 3, 5900), ("sign_ups", "", 14, 0)]
    levels += [("enrolments", "", 31, 0), ("trials", "", 5, 0), ("events", "", 4900, 0)]
    levels += [("cpu.percent", "host", 12, 46), ("memory.percent", "host", 12, 63), ("disk.percent", "host", 12, 71)]
    for metric, key, level, amount in [*levels, ("network.bytes_per_s", "host", 12, 840_000)]:
        for now in (True, False):
            for at in range(30):
                n = max(0, round(rng.gauss(level * (1 + 0.2 * math.sin(at / 4)) * (1 if now else 0.94), level**0.5)))
                rows.append([metric, key, now, at, n, float(n * amount), float(amount), float(amount), None])
    return rows


def events(now: float, n: int = 120) -> list[dict[str, Any]]:
    """Events of a few users, newest first."""
    rng, made = random.Random(13), list[dict[str, Any]]()
    kinds = [
        ("Lesson Completed", "courses", {"course": "Linear algebra", "lesson": 4}),
        ("Quiz Submitted", "courses", {"course": "Linear algebra", "quiz": "Eigenvalues"}),
        ("Payment Succeeded", "courses", {"plan": "pro"}),
        ("Email Opened", "marketing", {"campaign": "November", "device": "phone"}),
        ("Trial Started", "marketing", {"plan": "team"}),
    ]
    for i in range(n):
        type, source, properties = rng.choice(kinds)
        at = datetime.fromtimestamp(now - i * 23 - (4000 if i > 60 else 0), UTC)
        paid = type == "Payment Succeeded"
        made.append(
            {
                "id": f"e{n - i}",
                "source": source,
                "type": type,
                "subject": f"user-{rng.randrange(6)}@example.org",
                "anonymous_id": None,
                "time": at.isoformat().replace("+00:00", "Z"),
                "received": (at + timedelta(milliseconds=240)).isoformat().replace("+00:00", "Z"),
                "amount": 4900 if paid else None,
                "currency": "EUR" if paid else None,
                "value": 0.85 if type == "Quiz Submitted" else None,
                "properties": json.dumps(properties),
                "context": json.dumps({"library": {"name": "analytics.js", "version": "2.1"}}),
                "producer": "main/user_interactions/0",
                "offset": n - i,
            }
        )
    return made


def late(at: float, offset: int) -> dict[str, Any]:
    """A row of the stream `late_rows`."""
    time = datetime.fromtimestamp(at - 150, UTC).isoformat().replace("+00:00", "Z")
    return {"id": f"l{offset}", "type": "row.late", "time": time, "subject": "user-1@example.org", "event": "Quiz Submitted",
            "stream": "user_interactions", "metrics": ["events"], "behind_s": 150.0, "producer": "main/metrics/0",
            "offset": offset, "tenant": "main"}  # fmt: skip


def first_start() -> list[FakeTopic]:
    """Topics as a server publishes them before the first event."""
    nothing = {"v": 0, "prev": None, "spark": []}
    return [
        FakeTopic(
            "user_activity",
            "latest",
            {
                "active_users": nothing,
                "events_per_minute": nothing,
                "events_total": {"v": 0, "spark": []},
                "rejected": nothing,
            },
        ),
        FakeTopic("activity_series", "upsert", {}),
        FakeTopic("activity_heat", "upsert", {}),
        FakeTopic("top_events", "latest", {"rows": []}),
        FakeTopic("system_health", "append", {"t": [], "cpu": [], "mem": [], "disk": [], "net": []}, cap=CAP),
        FakeTopic("ingest", "append", {"t": [], "rate": [], "lag": []}, cap=CAP),
        FakeTopic("alerts", "upsert", {}),
        FakeTopic("insights", "upsert", {}),
        FakeTopic("forecasts", "upsert", {}),
        FakeTopic("late_rows", "upsert", {}),
    ]


def summed() -> list[list[Any]]:
    """Events, people and refused rows of a long range and of the one before: in all, and by bucket."""
    rng, rows = random.Random(21), list[list[Any]]()
    for what, level, people in (("event", 5200, 880), ("refused", 4, 0)):
        for now in (True, False):
            buckets = [round(level * (1 + 0.35 * math.sin(i / 9)) * rng.uniform(0.93, 1.07)) for i in range(120)]
            rows += [[what, now, i, n, round(people * rng.uniform(0.9, 1.1))] for i, n in enumerate(buckets)]
            rows.append([what, now, None, sum(buckets), people * 24])
    return rows


def frequent() -> list[list[Any]]:
    """What happens most in a long range: type, source, whether it is of now, bucket, count."""
    types = [
        ("Lesson Completed", "courses", 410),
        ("Email Opened", "marketing", 205),
        ("Course Purchased", "courses", 12),
    ]
    return [[*name, now, i, n + i % 7] for *name, n in types for now in (True, False) for i in range(30)]


def past_alerts(now: float) -> list[list[Any]]:
    return [
        [
            "p1",
            "API requests fail",
            None,
            "high",
            "api_errors.count is 31, limit 12",
            now - 90_000,
            "alert.fired",
            None,
        ],
        [
            "p2",
            "CPU is busy",
            "host",
            "high",
            "cpu.percent.mean is 93 %, limit 90 %",
            now - 95_000,
            "alert.resolved",
            "ada",
        ],
    ]
