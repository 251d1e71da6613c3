"""Alerts that programs send, rules held against figures, and channels that are tried out: on a system that runs."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx
import pytest

from actors.edges.acknowledging import signed
from hindcast.client import ApiError, Client
from hindcast.engine import AlertSystem
from tests.cluster.words import fresh, only_packed
from tests.running import Running

pytestmark = pytest.mark.cluster


@pytest.fixture
def client(running: Running) -> Generator[Client]:
    with Client.local(running.data) as client:
        yield client


def active(client: Client, name: str) -> list[dict[str, Any]]:
    return [alert for alert in client.get_active_alerts() if alert["rule"] == name]


@only_packed
def test_an_alert_that_a_program_sends_is_shown_until_it_says_that_it_is_over(running: Running, client: Client) -> None:
    name = fresh("model_performance_degradation")
    alert = {"type": name, "model_id": "churn", "metrics": {"accuracy": 0.61}, "severity": "high"}
    system = AlertSystem(client)
    assert system.send_alert(alert)["message"] == "metrics.accuracy 0.61, model_id churn"
    running.until(lambda: [(a["severity"], a["state"]) for a in active(client, name)], [("high", "firing")])
    system.send_alert(alert)
    (shown,) = active(client, name)
    client.acknowledge(shown["id"])
    system.send_alert({**alert, "status": "resolved"})
    running.until(lambda: active(client, name), [])
    said = client.query(f"SELECT type FROM alerts WHERE rule = '{name}' ORDER BY row_offset")
    assert [row["type"] for row in said] == ["alert.fired", "alert.acknowledged", "alert.resolved"]


@only_packed
def test_what_is_wrong_with_an_alert_is_said_with_its_field(client: Client) -> None:
    for wrong, field in [
        ({"severity": "high"}, "type"),
        ({"type": "x", "severity": "huge"}, "severity"),
        ({"type": "x", "channels": ["nobody"]}, "channels"),
        ({"type": "x", "resolve_after_s": -1}, "resolve_after_s"),
    ]:
        with pytest.raises(ApiError, match=field):
            client.send_alert(wrong)
    assert active(client, "x") == []


@only_packed
def test_figures_that_meet_a_rule_are_an_alert_until_they_do_not(running: Running, client: Client) -> None:
    system = AlertSystem(client)
    name = fresh("Slow")
    rule = system.create_alert_rule(
        {"name": name, "condition": "events.count > threshold", "threshold": 1e9, "channels": ["dashboard"]}
    )
    assert (rule.severity, rule in system.rules.get_active_rules()) == ("medium", True)
    with pytest.raises(ApiError, match="number"):
        system.check_alerts({"events.count": "many"})
    assert name not in {alert.rule_id for alert in system.check_alerts({"events": {"count": 5}})}
    (alert,) = [alert for alert in system.check_alerts({"events.count": 2e9}) if alert.rule_id == name]
    assert (alert.severity, alert.data) == ("medium", {"events.count": 2e9})
    running.until(lambda: len(active(client, name)), 1)
    keys = system.send_notifications(alert, ["dashboard"])
    running.until(
        lambda: client.query(f"SELECT type FROM notifications WHERE idempotency_key = '{keys['dashboard']}'"),
        [{"type": "notification.sent"}],
    )
    system.check_alerts({"events.count": 3})
    running.until(lambda: active(client, name), [])
    client.delete_rule(name)


@only_packed
def test_a_channel_is_tried_out_and_says_what_came_of_it(running: Running, client: Client) -> None:
    assert client.test_channel("dashboard")["outcome"] == "sent"
    name = fresh("deaf").replace(" ", "-").lower()
    secret = "env:HINDCAST_NO_SUCH_SECRET"
    client.define("channel", name, {"kind": "webhook", "url": "http://127.0.0.1:9/", "secret": secret})
    tried = client.test_channel(name)
    assert (tried["outcome"], "HINDCAST_NO_SUCH_SECRET" in tried["error"]) == ("failed", True)
    assert active(client, "Channel does not deliver") == []
    with pytest.raises(ApiError, match="there is no channel"):
        client.test_channel("nobody")
    client.remove_definition("channel", name)


@only_packed
def test_a_link_in_a_message_acknowledges_once_and_opening_it_changes_nothing(running: Running, client: Client) -> None:
    name = fresh("Acknowledge by link")
    client.send_alert({"type": name, "channels": ["dashboard"]})
    running.until(lambda: len(active(client, name)), 1)
    (shown,) = active(client, name)
    secret = (running.data / "secrets" / "acknowledge.key").read_bytes()
    token = signed(secret, shown["id"], f"{name} k", "mail", 2**53)
    with httpx.Client(base_url=client.address) as anybody:
        assert "Do you take care" in anybody.get("/acknowledge", params={"token": token}).text
        assert active(client, name)[0]["acknowledged"] is False
        forged = anybody.post("/acknowledge", params={"token": token[:-3] + "AAA"})
        assert (forged.status_code, "does not work" in forged.text) == (403, True)
        assert "Thank you" in anybody.post("/acknowledge", params={"token": token}).text
        running.until(lambda: [a["acked_by"] for a in active(client, name)], ["a link on mail"])
        assert "used already" in anybody.get("/acknowledge", params={"token": token}).text
        assert anybody.post("/acknowledge", params={"token": token}).status_code == 200
    said = client.query(f"SELECT count(*) AS n FROM alerts WHERE rule = '{name}' AND type = 'alert.acknowledged'")
    assert said == [{"n": 1}]
    client.send_alert({"type": name, "status": "resolved"})
