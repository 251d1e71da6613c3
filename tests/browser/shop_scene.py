"""Topics of somebody's own package, and a dashboard with every kind of widget that draws any topic."""

from __future__ import annotations

import time
from typing import Any

from .fake_live import FakeLive, FakeTopic
from .scenes import columns, server

CITIES = [("Lisbon", 412, 0.031), ("Porto", 305, 0.022), ("Braga", 96, 0.051), ("Faro", 41, 0.0)]
COURIERS = [("ada", 14), ("grace", 11)]
TEXT = """Orders are counted when they are paid.

Ask [the shop's team](https://example.org/shop) about late ones, or look at [all events](#/events)."""


def orders(now: float) -> list[FakeTopic]:
    """Fields, rows by key, and columns."""
    newest = [{"who": f"user-{i}@example.org", "what": f"{i + 2} books", "worth": 4900 + 700 * i} for i in range(6)]
    told = {
        "today": {"n": 854, "worth": 1_284_300, "late": 0.0274, "median_s": 92.5},
        "yesterday": {"n": 790},
        "trend": [10, 12, 9, 14, 17, 16, 21],
        "by_city": [{"city": city, "n": n, "late": late} for city, n, late in CITIES],
        "newest": newest,
    }
    couriers = {name: {"deliveries": n, "last": now - 90 * n} for name, n in COURIERS}
    return [
        FakeTopic("orders", "latest", told),
        FakeTopic("couriers", "upsert", couriers),
        FakeTopic("kitchen", "append", columns(now, {"oven": (230, 2.0), "fridge": (4, 0.1)}, 300), cap=300),
    ]


def widget(id: str, type: str, title: str, topic: str | None = None, **options: Any) -> dict[str, Any]:
    return {"id": id, "type": type, "title": title, "options": options} | ({"topic": topic} if topic else {})


MONEY = {"format": "money", "unit": "EUR"}
REVENUE = {"metric": "revenue", "options": {"aggregate": "sum", "unit": "money"}}
CITY_COLUMNS = [{"field": "city"}, {"field": "n", "title": "Orders"}, {"field": "late", "format": "percent"}]
COURIER_COLUMNS = [
    {"field": "key", "title": "Courier", "format": "user"},
    {"field": "deliveries"},
    {"field": "last", "format": "time"},
]
WIDGETS = [
    widget("n", "number", "Orders today", "orders", value="today.n", before="yesterday.n", trend="trend"),
    widget("w", "number", "Worth", "orders", value="today.worth", **MONEY),
    widget("l", "number", "Late", "orders", value="today.late", format="percent", better="lower"),
    widget("m", "number", "To the door", "orders", value="today.median_s", format="duration"),
    widget("o", "number", "Oven", "kitchen", value="oven", unit="°C"),
    widget("k", "line", "Kitchen", "kitchen", unit="°C"),
    widget("c", "bar", "By city", "orders", rows="by_city", label="city", value="n"),
    widget("t", "table", "Cities", "orders", rows="by_city", sort="-late", columns=CITY_COLUMNS),
    widget("r", "table", "Couriers", "couriers", columns=COURIER_COLUMNS),
    widget(
        "p",
        "list",
        "Newest orders",
        "orders",
        rows="newest",
        label="who",
        detail="what",
        value="worth",
        opens="user",
        **MONEY,
    ),
    {"id": "v", "type": "line", "title": "Revenue", **REVENUE},
    {"id": "b", "type": "bar", "title": "Revenue by currency", **REVENUE},
    widget("a", "text", "About the shop", text=TEXT),
]
SHOP: dict[str, Any] = {"name": "shop", "spec": {"name": "The shop", "layout": "grid", "widgets": WIDGETS}}


def shop(now: float | None = None) -> FakeLive:
    """A server with a package's topics, and a dashboard that draws them."""
    now = now or time.time()
    fake = server(now)
    fake.topics |= {topic.name: topic for topic in orders(now)}
    fake.only(SHOP)
    return fake
