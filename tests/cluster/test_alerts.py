"""The alert walk: a rule, the breach, people told by a signed webhook, acknowledged, and the all-clear."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cluster.words import BATCH, fresh, order
from tests.receiver import Receiver
from tests.running import Running

pytestmark = pytest.mark.cluster


def orders(running: Running, currency: str, n: int, ago_s: float) -> None:
    """``n`` orders within one second, that long ago."""
    second = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=ago_s)
    money = {"revenue": 1, "currency": currency}
    events = [order(1, time=(second + timedelta(milliseconds=i)).isoformat()) | {"data": money} for i in range(n)]
    running.post("/v1/events", json=events, headers=BATCH).raise_for_status()


def rule(running: Running, currency: str, **more: Any) -> str:
    """A rule about the orders in one currency; each test has its own."""
    name = fresh("Many orders")
    said = {"name": name, "condition": f'orders.count{{key="{currency}"}} > threshold', "threshold": 5,
            "channels": ["dashboard", "ops"], "severity": "high", **more}  # fmt: skip
    answer = running.post("/v1/alerts/rules", json=said)
    assert answer.status_code == 201, answer.text
    return name


def alert(running: Running, name: str) -> dict[str, Any]:
    found = [a for a in running.get("/v1/alerts").json()["alerts"] if a["rule"] == name]
    return found[0] if found else {}


def test_from_breach_to_all_clear(running: Running, receiver: Receiver) -> None:
    name = rule(running, "SEK")
    receiver.refuse = 1
    orders(running, "SEK", 9, ago_s=3)
    running.until(lambda: alert(running, name).get("state"), "firing")

    # The first delivery was refused: it is sent again, under the same key.
    running.until(lambda: len(receiver.about(name)), 1)
    fired, refused = receiver.about(name)[0], receiver.refused[-1]
    assert fired.signed
    assert fired.id == refused.id
    told = fired.alert
    assert (told["type"], told["value"], told["threshold"], told["severity"]) == ("alert.fired", 9, 5, "high")
    assert told["alert"] == alert(running, name)["id"]

    answer = running.post(f"/v1/alerts/{told['alert']}/acknowledge")
    assert answer.status_code == 204
    running.until(lambda: alert(running, name).get("acknowledged"))

    orders(running, "SEK", 2, ago_s=0)
    running.until(lambda: alert(running, name).get("state"), "resolved")
    running.until(lambda: len(receiver.about(name)), 2)
    cleared = receiver.about(name)[1]
    assert cleared.signed
    assert cleared.id != fired.id
    assert cleared.alert["type"] == "alert.resolved"

    history = running.sql(f"SELECT type FROM alerts WHERE rule = '{name}' ORDER BY row_offset")
    assert [type_ for (type_,) in history] == ["alert.fired", "alert.acknowledged", "alert.resolved"]
    sent = running.sql(
        f"SELECT channel, type, attempts FROM notifications WHERE idempotency_key LIKE '{told['alert']}:%'"
    )
    assert sorted(sent) == [
        ["dashboard", "notification.sent", 1],
        ["dashboard", "notification.sent", 1],
        ["ops", "notification.sent", 1],
        ["ops", "notification.sent", 2],
    ]


def test_a_breach_shorter_than_asked_tells_nobody(running: Running, receiver: Receiver) -> None:
    name = rule(running, "NOK", for_s=60)
    orders(running, "NOK", 9, ago_s=3)
    running.until(lambda: alert(running, name).get("state"), "pending")
    orders(running, "NOK", 1, ago_s=0)
    running.until(lambda: alert(running, name), {})
    history = running.sql(f"SELECT type FROM alerts WHERE rule = '{name}' ORDER BY row_offset")
    assert [type_ for (type_,) in history] == ["alert.pending", "alert.calmed"]
    assert receiver.about(name) == []


def test_a_deleted_rule_ends_its_alert(running: Running) -> None:
    name = rule(running, "DKK")
    orders(running, "DKK", 9, ago_s=3)
    running.until(lambda: alert(running, name).get("state"), "firing")
    assert running.http.delete(f"/v1/alerts/rules/{name}").status_code == 204
    running.until(lambda: alert(running, name).get("state"), "resolved")
    assert name not in [r["name"] for r in running.get("/v1/alerts/rules").json()]


def test_a_rule_that_cannot_be_judged_is_refused_with_its_reason(running: Running) -> None:
    for said, field in (
        ({"condition": "orders.count >"}, "condition"),
        ({"condition": "orders.median > 3"}, "condition"),
        ({"channels": ["pigeon"]}, "channels"),
        ({"threshold": "many"}, "threshold"),
        ({"for_s": -1}, "for_s"),
    ):
        whole = {"name": "bad", "condition": "orders.count > threshold", "threshold": 1, "channels": [], **said}
        answer = running.post("/v1/alerts/rules", json=whole)
        assert answer.status_code == 400
        assert answer.json()["error"]["field"] == field
