"""Drive a whole system from Python: start it, make a rule, send events, see the alert and the numbers, ask SQL, stop.

    python examples/driver.py

Takes about a minute, most of it for starting. Everything it writes is in a temporary folder that is gone afterwards.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from config.settings import Settings
from hindcast.client import Client
from hindcast.system import System

T = TypeVar("T")

# What to count: refunds, in windows of one second so that this example need not wait long. A window closes once the
# collector is sure that nothing earlier comes any more: `bound_s` after it, in the time of the events themselves.
REFUNDS = {"name": "refunds", "stream": "user_interactions", "types": ["order.refunded"], "width_s": 1, "lateness_s": 5}
RULE = {
    "name": "Many refunds",
    "condition": "refunds.count > threshold",  # metric.aggregate, judged for every window
    "threshold": 5,
    "channels": ["dashboard"],
    "severity": "high",
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hindcast-") as folder:
        settings = Settings.load(
            "base", data_dir=folder, server={"port": 0}, metrics=[REFUNDS], collectors={"bound_s": 0.5}
        )
        began = time.monotonic()
        # `System` owns all that it starts, Ray included; leaving the block drains and stops it.
        with System(settings) as system, system.client as client:
            print(f"started in {time.monotonic() - began:.1f} s: {system.url}")
            use(client)
    print("stopped")


def use(client: Client) -> None:
    """The walk from an event to an alert and a number on the page."""
    client.set_rule(RULE)

    # Every event says when it happened. The answer comes once all of them are durable.
    events = orders()
    receipt = client.send(events, source="example-shop")
    print(f"accepted {receipt['accepted']}, duplicates {receipt['duplicate']}, refused {receipt['rejected_total']}")
    assert receipt["accepted"] == 212

    # The same ids again count as duplicates: retrying is always safe.
    again = client.send(events, source="example-shop")
    assert (again["accepted"], again["duplicate"]) == (0, 212), again

    alert = eventually("the alert", lambda: firing(client))
    print(f"alert: {alert['title']} ({alert['severity']}), {alert['detail']}")
    client.acknowledge(alert["id"])

    # The page shows this number; it is the state of a fold over the same events.
    total = eventually("the dashboard", lambda: shown(client, 212))
    print(f"dashboard: {total} events")

    # Streams are tables. Money is in minor units, so sums are exact.
    rows = client.query(
        "SELECT type, currency, count(*) AS n, sum(amount) / 100 AS amount "
        "FROM user_interactions GROUP BY ALL ORDER BY type"
    )
    for row in rows:
        print(f"  {row['type']:<16} {row['n']:>4} {row['amount']:>10} {row['currency']}")
    assert [(row["type"], row["n"]) for row in rows] == [("order.placed", 200), ("order.refunded", 12)]


def orders() -> list[dict[str, object]]:
    """200 orders within the last four seconds, and twelve refunds within one of them, in the order they happened."""
    start = datetime.now(UTC) - timedelta(seconds=4)
    events = [
        *(order("placed", n, start + timedelta(milliseconds=20 * n), 25.0) for n in range(200)),
        *(order("refunded", n, start + timedelta(milliseconds=2_000 + 50 * n), -25.0) for n in range(12)),
    ]
    return sorted(events, key=lambda event: str(event["time"]))


def order(what: str, number: int, at: datetime, revenue: float) -> dict[str, object]:
    return {
        "id": f"order-{number}-{what}",
        "type": f"order.{what}",
        "subject": f"customer-{number % 40}",
        "time": at.isoformat(),
        "data": {"order": number, "revenue": revenue, "currency": "EUR"},
    }


def firing(client: Client) -> dict[str, Any] | None:
    return next((a for a in client.alerts() if a["rule"] == RULE["name"] and a["state"] != "pending"), None)


def shown(client: Client, events: int) -> int | None:
    total = int(client.dashboard("user_activity")["data"]["events_total"]["v"])
    return total if total >= events else None


def eventually(what: str, look: Callable[[], T | None], timeout_s: float = 120.0) -> T:
    """What ``look`` finds, as soon as it finds something."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.1)
    raise TimeoutError(f"{what} did not come within {timeout_s:.0f} s")


if __name__ == "__main__":
    main()
