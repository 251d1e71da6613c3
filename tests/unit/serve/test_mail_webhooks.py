"""Webhooks of services that send mail: each with its documented check and its documented payloads."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from actors.collectors.arrivals import Arrivals
from actors.edges.intake import Ack
from actors.parts import Within
from events.errors import Rejected
from serve.access import Denied
from serve.hosts import Hosts
from serve.webhooks import door as doors
from serve.webhooks.door import WebhookDoor
from serve.webhooks.part import PART, Endpoint

TOPIC = "arn:aws:sns:eu-west-1:123456789012:mail"
SENDGRID = ec.generate_private_key(ec.SECP256R1())
AMAZON = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-abc.pem"
SUBSCRIBE = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
ENDPOINTS = {
    "sendgrid": Endpoint(scheme="sendgrid", secret="file:sendgrid"),
    "mailgun": Endpoint(scheme="mailgun", secret="file:mailgun"),
    "postmark": Endpoint(scheme="postmark", secret="file:postmark"),
    "ses": Endpoint(scheme="ses", topic=TOPIC),
    "brevo": Endpoint(scheme="brevo", secret="file:brevo"),
    "brevo-header": Endpoint(scheme="brevo", secret="file:brevo", header="X-Hindcast"),
}
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=30)


def certificate() -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(AMAZON.public_key())
    made = made.serial_number(1).not_valid_before(NOW - timedelta(days=1)).not_valid_after(NOW + timedelta(days=1))
    return made.sign(AMAZON, hashes.SHA256()).public_bytes(Encoding.PEM)


class World:
    """The door before the collector's own fold; ``rows`` and ``dead`` are what was committed."""

    def __init__(self, folder: Path) -> None:
        key = SENDGRID.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        secrets = {
            "sendgrid": base64.b64encode(key).decode(),
            "mailgun": "key-1",
            "postmark": "ada:s3cret",
            "brevo": "t0ken",
        }
        for name, secret in secrets.items():
            (folder / name).write_text(secret)
        (spec,) = PART.cells(
            PART.section.model_validate({"endpoints": {"a": ENDPOINTS["ses"]}}), Within("t", folder, 0)
        )
        assert spec.name == "t/email_campaigns/0"
        self._fold: Any = spec.fold
        self._state = self._fold.initial()
        self.rows: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []
        self.fetched: list[str] = []
        self._door = WebhookDoor(cast("Hosts", self), "t", ENDPOINTS, folder, self.fetch)

    async def push(self, cell: str, arrivals: pa.RecordBatch, refused: pa.RecordBatch | None) -> Ack:
        assert cell == "t/email_campaigns/0"
        self._state, outputs, verdict = self._fold.admit(self._state, Arrivals(arrivals, refused))
        for stream, emission in outputs.items():
            kept = self.rows if stream == "email_campaigns" else self.dead
            kept.extend(row for batch in emission.batches for row in batch.to_pylist())
        return Ack(verdict.tobytes(), 0)

    def fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        return certificate() if url == CERTIFICATE else b"<ConfirmSubscriptionResponse/>"

    def send(self, name: str, body: bytes, headers: dict[str, str] | None = None) -> str:
        return asyncio.run(self._door.take(name, headers or {}, body))


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(doors, "AUDIT_EVERY_S", 0.0)
    return World(tmp_path)


def sendgrid(events: object, at: float | None = None) -> tuple[bytes, dict[str, str]]:
    body, t = json.dumps(events).encode(), str(int(at or time.time()))
    signature = base64.b64encode(SENDGRID.sign(t.encode() + body, ec.ECDSA(hashes.SHA256()))).decode()
    prefix = "x-twilio-email-event-webhook"
    return body, {f"{prefix}-signature": signature, f"{prefix}-timestamp": t}


def mailgun(data: dict[str, Any], at: float | None = None) -> bytes:
    t, token = str(int(at or time.time())), "ae466a1e0ab1a66b4a7c1e1e2bd0b0b2"
    signature = hmac.new(b"key-1", f"{t}{token}".encode(), hashlib.sha256).hexdigest()
    said = {"signature": {"timestamp": t, "token": token, "signature": signature}, "event-data": data}
    return json.dumps(said).encode()


def sns(message: object, version: str = "1", **more: str) -> bytes:
    """As Amazon documents what is signed: names and values, by the names, each on a line of its own."""
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z"  # of this moment: an older one is refused
    said = {"Type": "Notification", "MessageId": "m-1", "TopicArn": TOPIC, "Timestamp": at}
    said |= {"Message": message if isinstance(message, str) else json.dumps(message), **more}
    text = "".join(f"{name}\n{said[name]}\n" for name in sorted(said))
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    signature = base64.b64encode(AMAZON.sign(text.encode(), PKCS1v15(), digest)).decode()
    return json.dumps(
        {**said, "SignatureVersion": version, "Signature": signature, "SigningCertURL": CERTIFICATE}
    ).encode()


def told(world: World) -> list[tuple[Any, ...]]:
    names = ("type", "subject", "campaign", "url", "reason", "permanent", "automatic")
    return [tuple(row[name] for name in names) for row in world.rows]


def test_sendgrid(world: World) -> None:
    """https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event#event-objects"""
    at = int(NOW.timestamp())
    common = {
        "email": "ada@example.com",
        "timestamp": at,
        "sg_message_id": "14c5d75ce93.dfd.64b469",
        "category": ["spring"],
    }
    body, headers = sendgrid(
        [
            {**common, "event": "processed", "sg_event_id": "e1"},
            {**common, "event": "bounce", "sg_event_id": "e2", "reason": "500 unknown recipient", "type": "bounce"},
            {**common, "event": "bounce", "sg_event_id": "e3", "reason": "554 blocked", "type": "blocked"},
            {**common, "event": "open", "sg_event_id": "e4", "sg_machine_open": True},
            {**common, "event": "click", "sg_event_id": "e5", "url": "https://shop.example/tea"},
            {**common, "event": "group_unsubscribe", "sg_event_id": "e6", "asm_group_id": 10},
            {"event": "click", "sg_event_id": "e7"},
        ]
    )
    assert world.send("sendgrid", body, headers) == "accepted"
    ada = "ada@example.com"
    assert told(world) == [
        ("email.sent", ada, "spring", None, None, None, None),
        ("email.bounced", ada, "spring", None, "500 unknown recipient", True, None),
        ("email.bounced", ada, "spring", None, "554 blocked", False, None),
        ("email.opened", ada, "spring", None, None, None, True),
        ("email.clicked", ada, "spring", "https://shop.example/tea", None, None, None),
        ("email.unsubscribed", ada, "spring", None, None, None, None),
    ]
    assert {row["time"] for row in world.rows} == {NOW}
    assert [(row["type"], row["field"], row["id"]) for row in world.dead] == [("row.rejected", "email", "e7")]
    assert world.send("sendgrid", *sendgrid(json.loads(body)[:6], time.time() - 5)) == "duplicate"


def test_mailgun(world: World) -> None:
    """https://documentation.mailgun.com/docs/mailgun/user-manual/events/events#event-structure"""
    common = {"recipient": "alice@example.com", "timestamp": NOW.timestamp() + 0.329, "tags": ["my_tag_1", "my_tag_2"]}
    data = {
        **common,
        "event": "failed",
        "id": "G9Bn5sl1TC6nu79C8C0bwg",
        "severity": "permanent",
        "reason": "suppress-bounce",
    }
    data |= {
        "delivery-status": {"code": 605, "message": "", "description": "Not delivering to previously bounced address"}
    }
    assert world.send("mailgun", mailgun(data)) == "accepted"
    later = {**common, "event": "failed", "id": "i2", "severity": "temporary", "reason": "generic"}
    assert world.send("mailgun", mailgun(later, time.time() - 2)) == "accepted"
    clicked = {**common, "event": "clicked", "id": "i3", "url": "http://mailgun.com", "client-info": {"bot": ""}}
    assert world.send("mailgun", mailgun(clicked, time.time() - 4)) == "accepted"
    alice = "alice@example.com"
    assert told(world) == [
        ("email.bounced", alice, "my_tag_1", None, "Not delivering to previously bounced address", True, None),
        ("email.deferred", alice, "my_tag_1", None, "generic", False, None),
        ("email.clicked", alice, "my_tag_1", "http://mailgun.com", None, None, False),
    ]


def test_postmark(world: World) -> None:
    """https://postmarkapp.com/developer/webhooks/bounce-webhook and its neighbours"""
    headers = {"authorization": "Basic " + base64.b64encode(b"ada:s3cret").decode()}
    at = f"{NOW:%Y-%m-%dT%H:%M:%S}.0000000Z"
    said: list[dict[str, Any]] = [
        {"RecordType": "Delivery", "MessageID": "m1", "Recipient": "john@example.com", "DeliveredAt": at, "Tag": "welcome"},
        {"RecordType": "Bounce", "MessageID": "m2", "Email": "john@example.com", "BouncedAt": at, "Type": "HardBounce",
         "TypeCode": 1, "Description": "The server was unable to deliver your message", "Metadata": {"campaign": "spring"}},
        {"RecordType": "Click", "MessageID": "m3", "Recipient": "john@example.com", "ReceivedAt": at,
         "OriginalLink": "https://example.com/a"},
        {"RecordType": "SubscriptionChange", "MessageID": "m4", "Recipient": "john@example.com", "ChangedAt": at,
         "SuppressSending": True},
    ]  # fmt: skip
    for item in said:
        assert world.send("postmark", json.dumps(item).encode(), headers) == "accepted"
        assert world.send("postmark", json.dumps(item, indent=1).encode(), headers) == "duplicate"
    john, why = "john@example.com", "The server was unable to deliver your message"
    assert told(world) == [
        ("email.delivered", john, "welcome", None, None, None, None),
        ("email.bounced", john, "spring", None, why, True, None),
        ("email.clicked", john, None, "https://example.com/a", None, None, None),
        ("email.unsubscribed", john, None, None, None, None, None),
    ]


@pytest.mark.parametrize("version", ["1", "2"])
def test_amazon(world: World, version: str) -> None:
    """https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html"""
    at = f"{NOW:%Y-%m-%dT%H:%M:%S}.000Z"
    mail = {"timestamp": at, "messageId": "EXAMPLE7c191be45", "destination": ["a@example.com", "b@example.com"]}
    mail["tags"] = {"ses:configuration-set": ["ConfigSet"], "campaign": ["spring"]}
    gone = {"emailAddress": "a@example.com", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}
    bounce = {"bounceType": "Permanent", "bounceSubType": "General", "timestamp": at}
    bounce["bouncedRecipients"] = [gone, {"emailAddress": "b@example.com"}]
    message = {"eventType": "Bounce", "bounce": bounce, "mail": mail}
    assert world.send("ses", sns(message, version)) == "accepted"
    click = {"eventType": "Click", "click": {"link": "https://shop.example", "timestamp": at}, "mail": mail}
    click["mail"] = {**mail, "destination": ["a@example.com"]}
    assert world.send("ses", sns(click, version, MessageId="m-2")) == "accepted"
    assert told(world) == [
        ("email.bounced", "a@example.com", "spring", None, "smtp; 550 5.1.1 user unknown", True, None),
        ("email.bounced", "b@example.com", "spring", None, None, True, None),
        ("email.clicked", "a@example.com", "spring", "https://shop.example", None, None, None),
    ]
    assert world.fetched == [CERTIFICATE], "fetched once"


def test_a_subscription_is_confirmed_and_only_of_the_topic_that_is_meant(world: World) -> None:
    asked = {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": SUBSCRIBE}
    assert world.send("ses", sns("You have chosen to subscribe", **asked)) == "confirmed"
    assert world.fetched == [CERTIFICATE, SUBSCRIBE]
    assert world.send("ses", sns("Successfully validated SNS topic for Amazon SES event publishing.")) == "confirmed"
    with pytest.raises(Denied, match="not the topic"):
        world.send("ses", sns("…", **asked, TopicArn="arn:aws:sns:eu-west-1:666666666666:evil"))
    with pytest.raises(Denied, match=r"https://sns\.<region>\.amazonaws\.com/"):
        world.send("ses", sns("…", **{**asked, "SubscribeURL": "https://evil.example/"}))
    assert world.rows == []


def test_brevo(world: World) -> None:
    """https://developers.brevo.com/docs/transactional-webhooks"""
    at = int(NOW.timestamp())
    said = {"event": "soft_bounce", "email": "example@domain.com", "id": 26224, "date": "2020-10-09 00:00:00", "ts": at}
    said |= {"message-id": "<xxx@domain.com>", "ts_event": at, "tags": ["transac_messages"], "reason": "server is down"}
    bearer = {"authorization": "Bearer t0ken"}
    assert world.send("brevo", json.dumps(said).encode(), bearer) == "accepted"
    opened = {**said, "event": "unique_proxy_open", "reason": None}
    assert world.send("brevo", json.dumps(opened).encode(), bearer) == "accepted", "with the same `id`"
    marketing = {
        "event": "listAddition",
        "email": "x@domain.com",
        "camp_id": 7,
        "campaign name": "Spring",
        "ts_event": at,
    }
    assert world.send("brevo-header", json.dumps(marketing).encode(), {"x-hindcast": "t0ken"}) == "accepted"
    assert told(world) == [
        ("email.bounced", "example@domain.com", "transac_messages", None, "server is down", False, None),
        ("email.opened", "example@domain.com", "transac_messages", None, None, None, True),
        ("email.list_addition", "x@domain.com", "Spring", None, None, None, None),
    ]


def changed(body: bytes, **more: object) -> bytes:
    return json.dumps({**json.loads(body), **more}).encode()


REFUSED: list[tuple[str, Callable[[], tuple[bytes, dict[str, str]]]]] = [
    ("sendgrid", lambda: (b"[]", {})),
    ("sendgrid", lambda: (b"[ ]", sendgrid([])[1])),
    ("sendgrid", lambda: sendgrid([], time.time() - 400)),
    ("mailgun", lambda: (b"{}", {})),
    ("mailgun", lambda: (changed(mailgun({}), signature={"timestamp": "1", "token": "a", "signature": "é"}), {})),
    ("mailgun", lambda: (mailgun({}, time.time() - 400), {})),
    ("postmark", lambda: (b"{}", {"authorization": "Basic " + base64.b64encode(b"ada:wrong").decode()})),
    ("brevo", lambda: (b"{}", {"authorization": "Bearer é"})),
    ("brevo-header", lambda: (b"{}", {"authorization": "Bearer t0ken"})),
    ("ses", lambda: (b'{"eventType": "Click"}', {})),
    ("ses", lambda: (changed(sns({}), Message="{} "), {})),
    ("ses", lambda: (changed(sns({}), SignatureVersion="3"), {})),
    ("ses", lambda: (changed(sns({}), SigningCertURL="https://sns.eu-west-1.amazonaws.com.evil.example/c.pem"), {})),
    ("ses", lambda: (changed(sns({}), SigningCertURL="http://sns.eu-west-1.amazonaws.com/c.pem"), {})),
    ("ses", lambda: (sns({}, Timestamp="2020-01-01T00:00:00.000Z"), {})),
]


@pytest.mark.parametrize(("name", "request_of"), REFUSED)
def test_what_is_not_proven_is_denied_and_recorded(
    world: World, name: str, request_of: Callable[[], tuple[bytes, dict[str, str]]]
) -> None:
    body, headers = request_of()
    with pytest.raises(Denied):
        world.send(name, body, headers)
    assert world.rows == []
    assert [(row["type"], row["stream"]) for row in world.dead] == [("signature.refused", "email_campaigns")]
    assert [url for url in world.fetched if "evil" in url or url.startswith("http:")] == []


def test_a_signature_that_says_its_time_is_taken_once(world: World) -> None:
    body = mailgun({"event": "delivered", "id": "i1", "recipient": "a@example.com", "timestamp": NOW.timestamp()})
    assert world.send("mailgun", body) == "accepted"
    other = changed(body, **{"event-data": {"event": "complained", "id": "i2", "recipient": "b@example.com"}})
    with pytest.raises(Denied, match="was taken before"):
        world.send("mailgun", other)
    assert len(world.rows) == 1


def test_a_body_that_is_no_event_says_so(world: World) -> None:
    with pytest.raises(Rejected, match="is not JSON"):
        world.send("brevo", b"{", {"authorization": "Bearer t0ken"})
    with pytest.raises(Rejected, match="what happened"):
        world.send("brevo", b"{}", {"authorization": "Bearer t0ken"})
    assert [(row["type"], row["field"]) for row in world.dead] == [("row.rejected", "event")]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"scheme": "ses"}, "`topic`"),
        ({"scheme": "ses", "topic": TOPIC, "secret": "env:S"}, "`secret`"),
        ({"scheme": "brevo"}, "`secret` is required"),
        ({"scheme": "brevo", "secret": "env:S", "subject": "email"}, "`subject` cannot be mapped"),
        ({"scheme": "stripe", "secret": "env:S", "topic": TOPIC}, "`topic`"),
        ({"scheme": "sendgrid", "secret": "env:S", "header": "X"}, "`header` is of the scheme hmac"),
    ],
)
def test_an_endpoint_that_cannot_be_says_why(said: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Endpoint.model_validate(said)
