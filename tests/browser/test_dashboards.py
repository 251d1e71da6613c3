"""A dashboard made by hand: widgets added, dragged, resized, undone, saved; a conflict said; shared; read by those with a link."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import Request

from .fake_live import FakeLive, definition
from .scenes import server
from .shop_scene import orders
from .test_explore import ANSWERS

pytestmark = pytest.mark.slow

FUNNEL = {"ask": "funnel", "steps": ["Page Viewed", "Course Purchased"], "window": "7d"}
BY_PLAN = {"ask": "trends", "series": [{"measure": "count"}], "breakdown": "plan"}
WIDGETS: list[dict[str, Any]] = [
    {"id": "rate", "type": "number", "title": "Conversion", "question": FUNNEL},
    {"id": "people", "type": "number", "title": "Users", "question": {"ask": "users"}},
    {"id": "load", "type": "gauge", "title": "Orders of the day", "topic": "orders",
     "options": {"value": "today.n", "max": 1000, "warn": 800, "crit": 950}},
    {"id": "parts", "type": "stacked", "title": "By plan", "question": BY_PLAN},
    {"id": "steps", "type": "funnel", "title": "To a purchase", "question": FUNNEL},
    {"id": "back", "type": "retention", "title": "Who comes back", "question": {"ask": "retention"}},
    {"id": "slow", "type": "table", "title": "Slow pages", "query": "slow pages"},
    {"id": "when", "type": "heatmap", "title": "Pages by hour", "query": "pages by hour"},
    {"id": "week", "type": "heatmap", "title": "Revenue by hour", "metric": "revenue"},
]  # fmt: skip
FULL = {"name": "full", "spec": {"name": "Growth", "layout": "grid", "widgets": WIDGETS,
        "filters": [{"field": "plan", "values": ["pro", "team"]}, {"field": "source"}]}}  # fmt: skip
SERIES = [
    {"name": "any event", "breakdown": plan, "total": total,
     "points": [{"bucket": f"2026-11-2{i}T00:00:00Z", "value": total // 8 + i * step, "complete": True} for i in range(8)]}
    for plan, total, step in (("pro", 400, 6), ("team", 240, -3), ("free", 120, 2))
]  # fmt: skip
OTHER = {"series": SERIES}


def full() -> FakeLive:
    """A server with a dashboard of the kinds that ask questions and run queries."""
    now = time.time()
    fake = server(now)
    fake.topics |= {topic.name: topic for topic in orders(now)}
    fake.only(FULL, {"name": "wall", "spec": {"name": "The wall", "layout": "grid", "widgets": WIDGETS[:3]}})
    held = fake.topics["definitions"].data
    for i, (name, sql) in enumerate(
        [("slow pages", "SELECT page, ms FROM pages WHERE time >= $since"), ("pages by hour", "x")]
    ):
        held[f"query/{name}"] = definition("query", name, {"name": name, "sql": sql, "about": ""}, 800 + i)
    fake.answers = {
        "FROM pages": [["/checkout", 840.0], ["/cart", 310.0]],
        "metrics_latest": [[day, hour, 5.0, 100.0 * (day + hour)] for day in range(7) for hour in range(24)],
        "SELECT 'events' AS what": [["events", 12_840, 11_200, 930], ["refused", 12, 3, 12]],
        "ILIKE": [["user", "revenant@example.org", 41], ["event", "Report Opened", 12]],
        "FROM alerts": [["al1", "Many refunds", 2, "alert.fired", "refunds.count is 31, above 20"]],
        "SELECT 'event' AS what": [],
        "x": [["/", "08", 14], ["/", "09", 61], ["/cart", "08", 2], ["/cart", "09", 22]],
    }
    fake.columns = {"FROM pages": [("page", "VARCHAR"), ("ms", "DOUBLE")], "ILIKE": [], "metrics_latest": []}
    fake.columns["x"] = [("page", "VARCHAR"), ("hour", "VARCHAR"), ("n", "BIGINT")]
    fake.annotations = [
        {"id": "r21", "time": 1_795_219_200 - 86_400 * 3, "title": "Release 2.1", "kind": "release", "about": "", "link": "",
         "dashboard": "", "author": "ada"}
    ]  # fmt: skip
    fake.keys = [
        {"id": "key_1", "name": "website", "scopes": ["ingest"], "source": "website", "created": now, "expires": None},
        {
            "id": "ses_1",
            "name": "page",
            "scopes": ["control", "query"],
            "source": "x",
            "created": now,
            "expires": now + 9e5,
        },
    ]
    everything = ANSWERS | {"trends": OTHER}
    posts = [route for route in fake.app.router.routes if getattr(route, "path", "") == ""]

    @fake.app.post("/v1/questions")
    async def ask(request: Request) -> dict[str, Any]:
        question = await request.json()
        fake.asked.append(("/v1/questions", question))
        return {"warnings": [], "elapsed_ms": 3.0, "asked_at": 1.0, "cut": {}, **everything[question["ask"]]}

    for mounted in posts:  # the page's files answer every path, so they come last
        fake.app.router.routes.remove(mounted)
        fake.app.router.routes.append(mounted)
    view = {
        "title": "For the board",
        "dashboards": [{"id": "full", **FULL["spec"]}],
        "metrics": {},
        "filtered": ["plan"],
    }  # type: ignore[dict-item]
    fake.shared = view | {"expires": now + 86_400, "every_s": 30, "range": None}
    fake.shared_answers = {
        "rate": ANSWERS["funnel"], "people": ANSWERS["users"], "parts": OTHER, "steps": ANSWERS["funnel"],
        "back": ANSWERS["retention"], "week": {"columns": [], "rows": fake.answers["metrics_latest"]},
        "slow": {"columns": [{"name": "page", "type": "VARCHAR"}, {"name": "ms", "type": "DOUBLE"}], "rows": [["/pro", 8.0]]},
        "when": {"columns": [{"name": n, "type": "VARCHAR"} for n in ("page", "hour", "n")], "rows": fake.answers["x"]},
    }  # fmt: skip
    return fake


board: Callable[[], FakeLive] = full
