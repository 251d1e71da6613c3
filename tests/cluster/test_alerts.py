"""The alert walk: a rule, the breach, people told by a signed webhook, acknowledged, and the all-clear."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cluster.words import BATCH, fresh, only_packed, order
from tests.receiver import Receiver
from tests.running import Running

pytestmark = pytest.mark.cluster


AHEAD_S = 15
"""A trade is so far ahead of the clock: what comes in time counts, whatever holds this machine up for less."""


def trade(running: Running, currency: str, begin: datetime, seconds: int) -> datetime:
    """Nine orders in each second, which count once they have happened; answers where the next ones begin."""
    money = {"revenue": 1, "currency": currency}
    times = [begin + timedelta(seconds=s, milliseconds=i) for s in range(seconds) for i in range(9)]
    events = [order(1, time=at.isoformat()) | {"data": money} for at in times]
    running.post("/v1/events", json=events, headers=BATCH).raise_for_status()
    return begin + timedelta(seconds=seconds)


@contextmanager
def trading(running: Running, currency: str) -> Generator[None]:
    """Nine orders a second from now on, until the context ends and ``AHEAD_S`` more.

    On a busy machine the first seconds may come late, which is history (`alert.revised`) and no part of the walk.
    """
    ends = threading.Event()

    def go_on() -> None:
        told = datetime.now(UTC).replace(microsecond=0)
        while not ends.is_set():
            ahead = told - datetime.now(UTC)
            if ahead.total_seconds() < AHEAD_S:
                told = trade(running, currency, told, AHEAD_S + 1 - int(ahead.total_seconds()))
            ends.wait(0.5)

    with ThreadPoolExecutor(1) as pool:
        trades = pool.submit(go_on)
        try:
            yield
        finally:
            ends.set()
    trades.result()


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
    receiver.refuse, receiver.refuse_only = 1, name
    with trading(running, "SEK"):
        running.until(lambda: alert(running, name).get("state"), "firing")

        # The first delivery was refused: it is sent again, under the same key.
        running.until(lambda: len(receiver.about(name)), 1)
        receiver.refuse_only = ""
        fired, refused = receiver.about(name)[0], receiver.refused[-1]
        assert fired.signed
        assert fired.id == refused.id
        told = fired.alert
        assert (told["type"], told["value"], told["threshold"], told["severity"]) == ("alert.fired", 9, 5, "high")
        assert told["alert"] == alert(running, name)["id"]

        answer = running.post(f"/v1/alerts/{told['alert']}/acknowledge")
        assert answer.status_code == 204
        running.until(lambda: alert(running, name).get("acknowledged"))

    # Nobody buys any more, and nothing else need happen.
    running.until(lambda: alert(running, name).get("state"), "resolved")
    running.until(lambda: len(receiver.about(name)), 2)
    cleared = receiver.about(name)[1]
    assert cleared.signed
    assert cleared.id != fired.id
    assert cleared.alert["type"] == "alert.resolved"

    history = running.sql(
        f"SELECT type FROM alerts WHERE rule = '{name}' AND type <> 'alert.revised' ORDER BY row_offset"
    )
    assert [type_ for (type_,) in history] == ["alert.fired", "alert.acknowledged", "alert.resolved"]
    sent = f"SELECT channel, type, attempts FROM notifications WHERE idempotency_key LIKE '{told['alert']}:%'"
    wanted = [
        ["dashboard", "notification.sent", 1],
        ["dashboard", "notification.sent", 1],
        ["ops", "notification.sent", 1],
        ["ops", "notification.sent", 2],
    ]
    running.until(lambda: sorted(running.sql(sent)), wanted)  # what was sent is recorded a moment after it arrived


@only_packed
def test_a_breach_shorter_than_asked_tells_nobody(running: Running, receiver: Receiver) -> None:
    name = rule(running, "NOK", for_s=600)
    with trading(running, "NOK"):
        running.until(lambda: alert(running, name).get("state"), "pending")
    running.until(lambda: alert(running, name), {})
    history = running.sql(
        f"SELECT type FROM alerts WHERE rule = '{name}' AND type <> 'alert.revised' ORDER BY row_offset"
    )
    assert [type_ for (type_,) in history] == ["alert.pending", "alert.calmed"]
    assert receiver.about(name) == []


def test_a_shop_that_sells_nothing_is_told_until_it_sells(running: Running) -> None:
    """The key is known by the rule that names it, before its first row."""
    name = rule(running, "ISK", condition='orders.count{key="ISK"} < threshold', threshold=1, no_data="keep")
    assert [r["no_data"] for r in running.get("/v1/alerts/rules").json() if r["name"] == name] == ["keep"]
    trade(running, "CZK", datetime.now(UTC), 1)  # time passes on the stream
    running.until(lambda: alert(running, name).get("state"), "firing")
    with trading(running, "ISK"):
        running.until(lambda: alert(running, name).get("state"), "resolved")


def test_a_deleted_rule_ends_its_alert(running: Running) -> None:
    name = rule(running, "DKK")
    with trading(running, "DKK"):
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
