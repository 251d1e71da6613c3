"""Webhooks of other services: each scheme as its vendor documents it, and signatures that are wrong, stale or used again."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from standardwebhooks import Webhook

from actors.collectors.arrivals import Arrivals
from actors.edges.intake import Ack
from actors.parts import Within
from actors.topology import HostMap
from config.settings import Settings
from events.errors import Rejected, Transient
from events.memory_log import MemorySpec
from hindcast.topology import cells, webhooks
from serve.access import Denied
from serve.app import create_gateway
from serve.hosts import Hosts
from serve.spec import GatewaySpec
from serve.webhooks import door as doors
from serve.webhooks.door import WebhookDoor
from serve.webhooks.part import PART, Endpoint

STANDARD = "whsec_YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcyE="
SECRETS = {"stripe": "whsec_of_stripe", "github": "It's a Secret to Everybody", "billing": STANDARD, "crm": "s3cret"}
ENDPOINTS = {
    "stripe": Endpoint(scheme="stripe", secret="file:stripe"),
    "github": Endpoint(scheme="github", secret="file:github"),
    "billing": Endpoint(scheme="standard", secret="file:billing"),
    "crm": Endpoint(
        scheme="hmac", secret="file:crm", header="X-Crm", prefix="sha256=", id="key", type_from="kind", source="old-crm"
    ),
    "timed": Endpoint(scheme="hmac", secret="file:crm", timestamp_header="X-Time", encoding="base64", algorithm="sha512"),
    "lost": Endpoint(scheme="github", secret="file:nowhere"),
}  # fmt: skip


class World:
    """The door before the collector's own fold; ``rows`` and ``dead`` are what was committed."""

    def __init__(self, folder: Path) -> None:
        for name, secret in SECRETS.items():
            (folder / name).write_text(secret + "\n")
        (spec,) = PART.cells(
            PART.section.model_validate({"endpoints": {"a": ENDPOINTS["crm"]}}), Within("t", folder, 0)
        )
        self._fold: Any = spec.fold
        self._state = self._fold.initial()
        self.rows: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []
        self.down = False
        self.door = WebhookDoor(cast("Hosts", self), "t", ENDPOINTS, folder)

    async def push(self, cell: str, arrivals: pa.RecordBatch, refused: pa.RecordBatch | None) -> Ack:
        assert cell == "t/business_events/0"
        if self.down:
            raise Transient("the disk is full")
        self._state, outputs, verdict = self._fold.admit(self._state, Arrivals(arrivals, refused))
        for stream, emission in outputs.items():
            kept = self.rows if stream == "business_events" else self.dead
            kept.extend(row for batch in emission.batches for row in batch.to_pylist())
        return Ack(verdict.tobytes(), 0)

    def send(self, name: str, body: bytes, headers: dict[str, str]) -> str:
        return asyncio.run(self.door.take(name, headers, body))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def stripe(
    event: dict[str, Any], at: float | None = None, secret: str = SECRETS["stripe"]
) -> tuple[bytes, dict[str, str]]:
    """As https://docs.stripe.com/webhooks#verify-manually has it; the first signature is of a secret that was replaced."""
    body, t = json.dumps(event, indent=2).encode(), int(at or time.time())
    signature = hmac.new(secret.encode(), f"{t}.".encode() + body, hashlib.sha256).hexdigest()
    return body, {"stripe-signature": f"t={t},v1={'0' * 64},v1={signature},v0=abc"}


def invoice(id: str = "evt_1", currency: str = "eur", amount: int = 2900, **more: Any) -> dict[str, Any]:
    about = {
        "id": "in_1",
        "object": "invoice",
        "customer": "cus_9",
        "amount_paid": amount,
        "amount_due": 1,
        "currency": currency,
    }
    return {"id": id, "type": "invoice.paid", "created": int(time.time()) - 5, "data": {"object": about}, **more}


def test_stripe(world: World) -> None:
    assert world.send("stripe", *stripe(invoice())) == "accepted"
    (row,) = world.rows
    assert (row["id"], row["type"], row["subject"], row["source"]) == ("evt_1", "invoice.paid", "cus_9", "stripe")
    assert (row["amount"], row["currency"]) == (2900, "EUR")
    assert json.loads(row["properties"])["id"] == "in_1"
    world.send("stripe", *stripe(invoice("evt_2", "jpy", 500)))
    world.send("stripe", *stripe(invoice("evt_3", "isk", 50_000)))
    assert [(row["amount"], row["currency"]) for row in world.rows[1:]] == [(500, "JPY"), (500, "ISK")]


def test_an_event_that_is_sent_again_is_there_once(world: World) -> None:
    event = invoice(pending_webhooks=1)
    assert world.send("stripe", *stripe(event, time.time() - 10)) == "accepted"
    assert world.send("stripe", *stripe({**event, "pending_webhooks": 0})) == "duplicate", "with a signature of its own"
    assert len(world.rows) == 1


def test_standard_webhooks_as_the_official_library_signs_them(world: World) -> None:
    now = datetime.now(UTC)
    body = json.dumps({"type": "user.created", "timestamp": now.isoformat(), "data": {"revenue": 5, "currency": "USD"}})
    headers = {
        "webhook-id": "msg_1", "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": "v1,AAAA " + Webhook(STANDARD).sign("msg_1", now, body),
    }  # fmt: skip
    assert world.send("billing", body.encode(), headers) == "accepted"
    (row,) = world.rows
    assert (row["id"], row["type"], row["amount"], row["time"]) == ("msg_1", "user.created", 500, now)


def test_github_by_the_example_of_its_documentation(world: World) -> None:
    """https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries#testing-the-webhook-payload-validation"""
    documented = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    with pytest.raises(Rejected, match="is signed, but is not JSON"):
        world.send("github", b"Hello, World!", {"x-hub-signature-256": f"sha256={documented}"})
    body = json.dumps({"action": "opened", "repository": {"full_name": "a/b"}, "sender": {"login": "ada"}}).encode()
    signature = hmac.new(SECRETS["github"].encode(), body, hashlib.sha256).hexdigest()
    headers = {"x-hub-signature-256": f"sha256={signature}", "x-github-delivery": "d1", "x-github-event": "issues"}
    assert [world.send("github", body, headers) for _ in range(2)] == ["accepted", "duplicate"]
    assert [(row["id"], row["type"], row["subject"]) for row in world.rows] == [("d1", "github.issues.opened", "a/b")]


def test_any_other_hmac(world: World) -> None:
    body = b'{"key": 7, "kind": "deal.won", "amount": 10, "currency": "EUR"}'
    signature = hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert world.send("crm", body, {"x-crm": f"sha256={signature}"}) == "accepted"
    assert [(row["id"], row["type"], row["source"], row["amount"]) for row in world.rows] == [
        ("7", "deal.won", "old-crm", 1000)
    ]
    t = str(int(time.time()))
    digest = base64.b64encode(hmac.new(b"s3cret", t.encode() + b"." + body, hashlib.sha512).digest()).decode()
    assert world.send("timed", body, {"x-time": t, "x-signature": digest}) == "accepted"
    assert world.rows[1]["type"] == "webhook.received"


def test_wrong_stale_and_repeated_signatures_are_denied_and_recorded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "AUDIT_EVERY_S", 0.0)
    body, headers = stripe(invoice())
    bad = [
        (body, {}, "is not there"),
        (body + b" ", headers, "is not the signature of this body"),
        (*stripe(invoice(), secret="another"), "is not the signature of this body"),
        (*stripe(invoice(), at=time.time() - 400), "s ago; 300 s are allowed"),
        (*stripe(invoice(), at=time.time() + 400), "s ahead; 300 s are allowed"),
        (body, {"stripe-signature": "t=soon,v1=00"}, "must say the time"),
        (body, {"stripe-signature": "t=²,v1=é"}, "must say the time"),
    ]
    for said, with_headers, reason in bad:
        with pytest.raises(Denied, match=reason):
            world.send("stripe", said, with_headers)
    assert world.send("stripe", body, headers) == "accepted"
    with pytest.raises(Denied, match="was taken before"):
        world.send("stripe", body, headers)
    assert len(world.rows) == 1
    assert [(row["type"], row["source"], row["stream"]) for row in world.dead] == [
        ("signature.refused", "stripe", "business_events")
    ] * (len(bad) + 1)


def test_a_flood_of_wrong_signatures_fills_no_disk(world: World) -> None:
    for _ in range(200):
        with pytest.raises(Denied):
            world.send("github", b"{}", {"x-hub-signature-256": "sha256=00"})
    assert len(world.dead) < 10


def test_what_could_not_be_committed_can_be_sent_again_as_it_is(world: World) -> None:
    body, headers = stripe(invoice())
    world.down = True
    with pytest.raises(Transient):
        world.send("stripe", body, headers)
    world.down = False
    assert world.send("stripe", body, headers) == "accepted"


def test_a_secret_that_is_not_there_loses_nothing(world: World) -> None:
    with pytest.raises(Transient, match="which is not there; write the secret into it"):
        world.send("lost", b"{}", {})


def test_a_signed_body_that_is_no_row_is_kept_with_its_reason(world: World) -> None:
    with pytest.raises(Rejected, match="no number of seconds"):
        world.send("stripe", *stripe({**invoice(), "created": 17}))
    assert [(row["type"], row["field"]) for row in world.dead] == [("row.rejected", "time")]


def test_over_http(tmp_path: Path) -> None:
    spec = GatewaySpec("t", HostMap("nowhere", {}), MemorySpec("nowhere"), "g", "1")
    app = create_gateway(spec)
    app.state.gateway = type("G", (), {"webhooks": World(tmp_path).door, "spec": spec})()
    http = TestClient(app)
    body, headers = stripe(invoice())
    assert http.post("/v1/webhooks/stripe", content=body, headers=headers).json() == {
        "success": True,
        "outcome": "accepted",
    }
    again = http.post("/v1/webhooks/stripe", content=body, headers=headers)
    assert (again.status_code, again.json()["error"]["field"]) == (401, "signature")
    nowhere = http.post("/v1/webhooks/nobody", content=body)
    assert (nowhere.status_code, "parts.webhooks.endpoints" in nowhere.text) == (404, True)
    assert http.post("/v1/webhooks/lost", content=b"{}").status_code == 503


def test_the_configuration_declares_them_and_without_any_there_is_no_cell(tmp_path: Path) -> None:
    name = "main/business_events/0"
    assert name not in {spec.name for spec in cells(Settings.load("base"), tmp_path)}
    (tmp_path / "mine.yaml").write_text("parts: {webhooks: {endpoints: {pay: {scheme: stripe, secret: env:S}}}}")
    settings = Settings.load(tmp_path / "mine.yaml")
    assert name in {spec.name for spec in cells(settings, tmp_path)}
    assert [(name, endpoint.scheme) for name, endpoint in webhooks(settings)] == [("pay", "stripe")]
    with pytest.raises(ValidationError, match="`prefix` is of the scheme hmac alone"):
        Endpoint(scheme="stripe", secret="env:S", prefix="x")
