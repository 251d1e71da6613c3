"""Set a complete system up from one mapping, send it a day's orders, run the whole workflow once, and stop.

    python examples/complete.py

Setting up again with the same mapping changes nothing; with another one the system starts anew on the same data.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta

from hindcast.system import System

CONFIG = {
    "data_sources": ["user_interactions", "system_metrics"],
    "streams": {
        "user_interactions": {
            "metrics": [
                {"name": "orders", "types": ["order.placed"], "key": "source", "value": "amount", "width_s": 60}
            ]
        },
        "system_metrics": {"metrics": [{"name": "{type}", "key": "source", "value": "value", "width_s": 10}]},
    },
    "models": {},
    "dashboards": [
        {
            "id": "shop",
            "name": "Shop",
            "layout": "grid",
            "widgets": [{"id": "activity", "type": "user_activity"}, {"id": "alerts", "type": "alert_system"}],
        }
    ],
    "alerts": [
        {"name": "Busy", "condition": "orders.count > threshold", "threshold": 50, "channels": ["dashboard"]},
    ],
    "ml_config": {},
    "collectors": {"bound_s": 1},
}


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="hc-") as folder, System(data_dir=folder, port=0) as system:
        report = system.setup_complete_system(CONFIG)
        print(f"{report['status']}: {report['data_sources']} sources, {report['alert_rules']} rule")
        assert report["status"] == "initialized", report["problems"]
        address = system.url
        assert system.setup_complete_system(CONFIG) == report and system.url == address

        with system.client as client:
            client.send(orders(), source="shop")
        results = system.run_analytics_workflow()
        found = results["analytics_results"]
        print(f"{found['sources']['user_interactions']['rows']} rows, {len(found['metrics'])} series")
        busiest = next(sample for sample in found["metrics"] if sample["metric"] == "orders")
        print(f"newest closed minute: {busiest['count']} orders, {busiest['sum'] / 100:.2f} EUR")
        assert (busiest["count"], busiest["sum"]) == (60, 60 * 1250)
        print("alerts:", [(alert["rule"], alert["state"]) for alert in results["alerts"]], "at", results["timestamp"])
        assert [alert["rule"] for alert in results["alerts"]] == ["Busy"]


def orders() -> list[dict[str, object]]:
    """An order a second over three minutes that ended ten minutes ago, and one just now, which closes the windows since:
    the alert about the busy minutes has ended in the quiet ones."""
    start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=13)
    times = [*(start + timedelta(seconds=second) for second in range(180)), datetime.now(UTC)]
    money = {"revenue": 12.5, "currency": "EUR"}
    return [
        {"id": f"o{n}", "type": "order.placed", "time": at.isoformat(), "data": money} for n, at in enumerate(times)
    ]


if __name__ == "__main__":
    main()
