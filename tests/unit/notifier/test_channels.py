"""Webhooks as the official library of Standard Webhooks verifies them, and secrets as it reads them."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from standardwebhooks import Webhook

from actors.edges.channels.undelivered import Undelivered
from actors.edges.channels.webhook import WebhookNotifier
from actors.webhook_signing import new_secret, secret_bytes
from tests.receiver import SECRET, Receiver

BODY = '{"alert": "a", "rule": "Zu viele Störungen", "message": "café is 203 €"}'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.mark.parametrize("secret", ["", SECRET, "whsec_" + base64.b64encode(bytes(range(24))).decode()])
def test_the_official_library_verifies_what_is_sent(receiver: Receiver, secret: str) -> None:
    secret = secret or new_secret()
    WebhookNotifier(receiver.url, secret).send("3f:alert.fired:1:ops", BODY)
    (sent,) = receiver.deliveries
    headers = {"webhook-id": sent.id, "webhook-timestamp": sent.timestamp, "webhook-signature": sent.signature}
    assert Webhook(secret).verify(sent.body, headers)["message"] == "café is 203 €"


@pytest.mark.parametrize(
    "secret",
    [
        "a plain text of mine, long enough to be one",
        "change-me-please-16",
        "whsec_",
        "whsec_not base64!",
        "whsec_c2hvcnQ=",
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        base64.b64encode(bytes(32)).decode(),
        "",
    ],
)
def test_a_secret_that_the_receiver_would_read_otherwise_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ValueError, match="hindcast notifications secret") as refused:
        secret_bytes(secret)
    assert len(secret) < 10 or secret not in str(refused.value)


def test_a_made_secret_is_one_and_no_two_are_alike() -> None:
    assert len(secret_bytes(new_secret())) == 32
    assert new_secret() != new_secret()


def test_a_channel_does_not_show_its_secret() -> None:
    assert SECRET not in repr(WebhookNotifier("http://localhost:1", SECRET))


@pytest.mark.parametrize(
    ("status", "header", "final", "hold_s"),
    [
        (503, "", False, None),
        (429, "120", False, 120.0),
        (500, "0", False, 0.0),
        (404, "", False, None),
        (410, "", True, None),
    ],
)
def test_a_refusal_says_whether_and_when_to_come_again(
    receiver: Receiver, status: int, header: str, final: bool, hold_s: float | None
) -> None:
    receiver.refuse, receiver.refusal, receiver.retry_after = 1, status, header
    with pytest.raises(Undelivered) as refused:
        WebhookNotifier(receiver.url, SECRET).send("k", BODY)
    assert (refused.value.final, refused.value.hold_s) == (final, hold_s)
