"""The past of a running system: what dashboards showed, where a number comes from, what other rules would have done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hindcast.client import ApiError, Client
from tests.cluster.test_alerts import trading
from tests.cluster.test_command_line import asked
from tests.cluster.words import BATCH, event, fresh, only_packed
from tests.running import Running

pytestmark = [pytest.mark.cluster, only_packed]


def paid(running: Running, currency: str, *amounts: float) -> datetime:
    """Orders of one second in a currency of their own; answers when."""
    second = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=2)
    events = [
        event(type="order.placed", time=second.isoformat(), data={"revenue": amount, "currency": currency})
        for amount in amounts
    ]
    running.post("/v1/events", json=events, headers=BATCH).raise_for_status()
    return second


@pytest.mark.parametrize("topic", ["user_activity", "alerts", "system_health"])
def test_a_dashboard_shows_again_what_it_showed(running: Running, topic: str) -> None:
    shown = running.get(f"/v1/dashboards/{topic}").json()
    source = fresh("s")
    running.post("/v1/events", json=[event(source=source) for _ in range(50)], headers=BATCH).raise_for_status()
    running.until(lambda: running.get(f"/v1/dashboards/{topic}").json()["seq"] > shown["seq"])
    again = running.get(f"/v1/dashboards/{topic}", params={"as_of": shown["as_of"]})
    assert again.status_code == 200, again.text
    assert (again.json()["seq"], again.json()["data"]) == (shown["seq"], shown["data"])


def test_a_value_is_explained_by_client_and_command(running: Running) -> None:
    second = paid(running, "MXN", 1.5, 2.5, 5.0)
    with Client.local(running.data) as client:
        running.until(lambda: client.metrics("orders", key="MXN"))
        token = client.result("SELECT 1")["as_of"]
        told = client.explain("orders", key="MXN")
        assert (told["figures"]["count"], told["figures"]["sum"], told["again"]["equal"]) == (3, 900, True)
        assert told["from"].startswith(second.isoformat()[:19])
        rows = client.query(told["rows"]["sql"])
        assert sum(row["amount"] for row in rows) == 900
        paid(running, "MXN", 9.0)
        assert client.explain("orders", key="MXN", as_of=token)["figures"]["count"] == 3
        assert client.metrics("orders", key="MXN", as_of=token)[0]["count"] == 3
    assert asked(running, "explain", "orders", "--series", "MXN", "--as-of", token)["figures"] == told["figures"]


def test_a_rule_is_tried_on_what_happened(running: Running, tmp_path: Any) -> None:
    """Its orders come in time: what comes late is told as history, then and now, and calls nobody."""
    began = datetime.now(UTC)
    rule = {"name": fresh("many"), "condition": 'orders.count{key="THB"} >= 4', "threshold": 4}
    with Client.local(running.data) as client:
        with trading(running, "THB"):
            running.until(lambda: client.backtest([rule])["pages"])
        incident = {"from": began, "to": datetime.now(UTC), "name": "too many"}
        answer = client.backtest([rule], incidents=[incident], start=began - timedelta(minutes=1))
        assert (answer["pages"], answer["fit"]["recall"]["value"], answer["against"]["pages"]) == (1, 1.0, 0)  # type: ignore[index]
        assert [page["rule"] for page in answer["difference"]["only_here"]] == [rule["name"]]
        assert client.query(f"SELECT count(*) AS n FROM alerts WHERE rule = '{rule['name']}'") == [{"n": 0}]
        with pytest.raises(ApiError, match="order"):
            client.backtest([{**rule, "condition": "oders.count > 1"}])
    file = tmp_path / "rules.yaml"
    file.write_text(f"alerts:\n- {{name: {rule['name']}, condition: 'orders.count > 999999', threshold: 1}}\n")
    assert asked(running, "backtest", str(file))["pages"] == 0
    assert asked(running, "backtest", "--fold", "anomaly", "--set", "false_alarms_per_week=1")["fold"] == "anomaly"
