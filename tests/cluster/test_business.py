"""The business and the operation of a running system: by HTTP, by the client, by the command line, and live."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hindcast.client import Client
from hindcast.client.exchange import ApiError
from tests.cluster.test_command_line import run
from tests.cluster.words import BATCH, event, fresh, only_packed
from tests.running import Running

pytestmark = pytest.mark.cluster


@only_packed
def test_a_business_that_is_defined_has_a_summary_a_live_view_and_a_report(running: Running, tmp_path: Path) -> None:
    firm = fresh("firm")
    paid, trial, won, sent = (f"{firm}-{what}" for what in ("paid", "trial", "won", "sent"))
    spec = {"domain": "marketing", "where": [{"name": "source", "value": firm}], "revenue": paid, "eligible": trial,
            "converted": won, "active": [trial, paid], "currency": "ILS", "segments": [{"name": "plan", "of": "plan"}],
            "campaigns": {"sent": {"event": sent, "of": "n"}}}  # fmt: skip
    with Client(running.url, running.key) as client:
        client.define("business", firm, spec)
        now = datetime.now(UTC)
        told: list[tuple[str, str, float, dict[str, Any]]] = [
            ("ada", trial, 30, {}), ("bob", trial, 20, {}), ("ada", won, 10, {}),
            ("ada", paid, 5, {"plan": "pro", "revenue": 10.5, "currency": "ILS"}),
            ("bob", paid, 60 * 26, {"plan": "free", "revenue": 4.25, "currency": "ILS"}),
            ("x", sent, 1, {"campaign": f"{firm}-spring", "n": 12}),
        ]  # fmt: skip
        events = [
            event(source=firm, subject=f"{firm}-{user}", type=type_, data=data,
                  time=(now - timedelta(minutes=minutes)).isoformat())
            for user, type_, minutes, data in told
        ]  # fmt: skip
        running.post("/v1/events", json=events, headers=BATCH).raise_for_status()
        said = client.generate_executive_summary("1d", business=firm, zone="Asia/Jerusalem")
        assert said["overview"]["total_revenue"] == 1_050 and said["overview"]["active_users"] == 2
        assert said["kpis"]["revenue"]["previous"] == 425 and said["overview"]["conversion_rate"] == 0.5
        assert said["definition"]["spec"]["currency"] == "ILS" and firm in {one["name"] for one in said["businesses"]}
        plans = said["comparisons"]["segments"]["plan"]["revenue"]["rows"]
        assert {row["value"]: row["change"] for row in plans} == {"pro": 1_050, "free": -425}
        later = event(source=firm, subject=f"{firm}-eve", type=paid, data={"revenue": 99, "currency": "ILS"})
        running.post("/v1/events", json=later).raise_for_status()
        again = client.generate_executive_summary("1d", business=firm, as_of=said["as_of"])
        assert again["overview"]["total_revenue"] == 1_050, "what was known then"
        assert client.generate_executive_summary("1d", business=firm)["overview"]["total_revenue"] == 10_950
        with pytest.raises(ApiError, match="did you mean"):
            client.generate_executive_summary("1d", business=firm[:-1])

        def live(topic: str) -> Any:
            return client.dashboard(topic)["data"].get(firm, {})

        running.until(lambda: live("campaign_performance").get("total"), {"sent": 12})
        running.until(lambda: "ILS" in live("revenue_tracking").get("currencies", {}), True)
        running.until(lambda: "ILS" in live("business_metrics").get("revenue", {}), True)
        path = tmp_path / "firm.html"
        run(running, "report", "executive", "--business", firm, "--period", "1d", "--output", str(path))
        assert "₪110" in path.read_text() and firm in path.read_text()
        run(running, "report", "system", "--period", "1d", "--output", str(path))
        assert "System" in path.read_text()
        assert firm in run(running, "summary", "1d", "--business", firm).stdout
        client.remove_definition("business", firm)
    running.until(lambda: firm in running.get("/v1/dashboards/business_metrics").json()["data"], False)


@only_packed
def test_the_operation_is_measured(running: Running) -> None:
    running.get("/v1/nothing")
    with Client(running.url, running.key) as client:
        client.query("SELECT 1")
        running.until(
            lambda: client.generate_operational_metrics("15m")["system_health"]["cpu_usage"] is not None, True
        )
        said = client.generate_operational_metrics("15m", objective=0.9)
    health, did, errors = said["system_health"], said["performance"], said["errors"]
    for name in ("cpu_usage", "memory_usage", "disk_usage"):
        value = health[name]
        assert value is not None and 0 <= value <= 100
    assert health["network_latency"] is not None and 0 < health["network_latency"] < 2_000
    assert health["uptime"] is not None and health["uptime"] > 0
    assert did["response_time"]["p50"] <= did["response_time"]["p99"] and did["throughput"] > 0
    assert did["error_rate"] == errors["error_rate"] and did["availability"]["objective"] == 0.9
    ours = said["hindcast"]
    assert len([node for node in ours["nodes"] if node["alive"]]) == 1 and ours["actors"] >= 1
    assert {"cell", "host", "state", "rows_behind"} <= ours["cells"][0].keys()
    assert json.loads(run(running, "operational", "--json").stdout)["performance"]["requests"] > 0
    written = run(running, "operational").stdout
    assert "Hindcast" in written
    assert "{" not in written  # each machine is a row that people read
