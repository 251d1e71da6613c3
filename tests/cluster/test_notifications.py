"""A channel that takes nothing more: what it lost is listed, an alert says so, and it is sent again on command."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.cluster.test_alerts import rule, trading
from tests.cluster.words import only_packed
from tests.receiver import Receiver
from tests.running import Running

pytestmark = pytest.mark.cluster
EVERYTHING = 1_000_000


def alerts_about(running: Running, channel: str) -> list[str]:
    found: list[dict[str, Any]] = running.get("/v1/alerts").json()["alerts"]
    return [a["state"] for a in found if a["title"] == f"Channel does not deliver · {channel}"]


def given_up(running: Running, rule: str) -> list[dict[str, Any]]:
    """The messages about ``rule`` that its channel did not take."""
    lost: list[dict[str, Any]] = running.get("/v1/notifications/failed").json()["notifications"]
    return [message for message in lost if rule in message["body"]]


@only_packed
def test_a_message_that_was_given_up_can_be_sent_again(running: Running, receiver: Receiver) -> None:
    name = rule(running, "HUF")
    receiver.refusal, receiver.refuse = 410, EVERYTHING  # what other tests still send, too: one that is taken ends it
    with trading(running, "HUF"):
        try:
            running.until(lambda: len(given_up(running, name)), 1)
            running.until(lambda: alerts_about(running, "ops"), ["firing"])
            running.until(lambda: any("given up" in c["detail"] for c in running.get("/v1/status").json()["cells"]))
            (failed,) = given_up(running, name)
        finally:
            receiver.refusal, receiver.refuse = 503, 0
    assert (failed["channel"], failed["attempts"]) == ("ops", 1)
    assert "410" in failed["error"]
    assert not receiver.about("Channel does not deliver"), "a dead channel is not told that it is dead"

    command = [
        sys.executable,
        "-m",
        "hindcast",
        "notifications",
        "resend",
        failed["key"],
        "--data-dir",
        str(running.data),
    ]
    sent = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert sent.returncode == 0, sent.stderr
    running.until(lambda: [d.id for d in receiver.about(name)][:1], [failed["key"]])
    assert receiver.about(name)[0].signed
    running.until(lambda: given_up(running, name), [])
    running.until(lambda: alerts_about(running, "ops"), ["resolved"])
    assert running.post(f"/v1/notifications/{failed['key']}/resend").status_code == 404


@only_packed
def test_retry_after_is_honoured(running: Running, receiver: Receiver) -> None:
    name = rule(running, "RON")
    receiver.refusal, receiver.retry_after, receiver.refuse = 429, "4", 1
    receiver.refuse_only = name
    try:
        with trading(running, "RON"):
            running.until(lambda: len(receiver.about(name)), 1)
    finally:
        receiver.refusal, receiver.retry_after, receiver.refuse = 503, "", 0
        receiver.refuse_only = ""
    asked_of = f"""
        SELECT epoch(d.due) - epoch(d.time), epoch(n.time) - epoch(d.time), d.hold
        FROM deliveries d JOIN notifications n USING (idempotency_key)
        WHERE d.idempotency_key = '{receiver.about(name)[0].id}'
    """
    running.until(lambda: len(running.sql(asked_of)), 1)
    ((asked, waited, hold),) = running.sql(asked_of)
    assert hold
    assert asked == pytest.approx(4, abs=0.01)
    assert waited >= 4
