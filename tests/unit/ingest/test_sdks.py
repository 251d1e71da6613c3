"""What the real SDKs put on the wire is what we read: their own bytes, no network."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import segment.analytics.request as segment_request
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from segment.analytics.client import Client

from serve.ingest import SEGMENT_BYTES, decode_cloudevents, decode_segment, read_body, write_key

NOW = 1_795_495_200_000_000  # 2026-11-24T04:40:00Z
THEN = datetime(2026, 11, 24, 4, 39, 58, 500_000, tzinfo=UTC)


class Wire:
    """Stands where the SDK's HTTP session stands, and keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, dict[str, str]]] = []

    def post(self, url: str, data: Any, headers: dict[str, str], **_: Any) -> Any:
        self.sent.append((url, data.encode() if isinstance(data, str) else data, headers))
        return type("Response", (), {"status_code": 200})()


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    wire = Wire()
    monkeypatch.setattr(segment_request, "_session", wire)
    return wire


@pytest.mark.parametrize("gzip", [False, True])
def test_every_call_of_the_segment_sdk(wire: Wire, gzip: bool) -> None:
    sdk = Client("wk_1", host="http://localhost", sync_mode=True, gzip=gzip)
    sdk.track("u1", "Order Completed", {"revenue": 39.95, "currency": "EUR"}, timestamp=THEN, message_id="m-1")
    sdk.page("u1", "Docs", "Pricing", {"path": "/pricing"}, anonymous_id="a1", timestamp=THEN)
    sdk.screen("u1", name="Home", timestamp=THEN)
    sdk.identify("u1", {"plan": "pro"}, timestamp=THEN)
    sdk.group("u1", "g1", {"seats": 4}, timestamp=THEN)
    sdk.alias("old", "u1", timestamp=THEN)
    rows = []
    for url, data, headers in wire.sent:
        body = read_body(data, headers.get("Content-Encoding", ""), SEGMENT_BYTES)
        assert url.endswith("/v1/batch")
        assert write_key(body) == "wk_1"
        decoded = decode_segment("batch", body, NOW)
        assert decoded.refused == []
        rows += decoded.batch.to_pylist()
    assert [row["type"] for row in rows] == [
        "Order Completed", "page.viewed", "screen.viewed", "user.identified", "user.grouped", "user.aliased",
    ]  # fmt: skip
    assert (rows[0]["id"], rows[0]["amount"], rows[0]["currency"]) == ("m-1", 3995, "EUR")
    assert json.loads(rows[1]["properties"]) == {"path": "/pricing", "name": "Pricing", "category": "Docs"}
    assert rows[1]["anonymous_id"] == "a1"
    assert json.loads(rows[4]["properties"]) == {"seats": 4, "groupId": "g1"}
    assert json.loads(rows[5]["properties"]) == {"previousId": "old"}
    assert all(row["subject"] == row["partition_key"] == "u1" for row in rows)
    assert all(json.loads(row["context"])["library"]["name"] == "analytics-python" for row in rows)


def test_a_nan_that_the_segment_sdk_lets_through_costs_only_its_own_row(wire: Wire) -> None:
    sdk = Client("wk_1", host="http://localhost", sync_mode=True)
    sdk.track("u1", "Good", {"x": 1}, timestamp=THEN)
    sdk.track("u2", "Bad", {"x": float("nan")}, timestamp=THEN)
    messages = [json.dumps(json.loads(data)["batch"][0]) for _, data, _ in wire.sent]
    spaced = f'{{"batch": [{", ".join(messages)}], "sentAt": "2026-11-24T04:40:00Z", "writeKey": "wk_1"}}'
    for body in (spaced.encode(), spaced.replace(" ", "").encode()):
        decoded = decode_segment("batch", body, NOW)
        assert decoded.batch["type"].to_pylist() == ["Good"]
        (bad,) = decoded.refused
        assert (bad.index, bad.field) == (1, "properties")
        assert bad.reason.startswith("NaN is not a number in JSON")
        assert write_key(body) == "wk_1"


def event(data: Any = None, **attributes: Any) -> CloudEvent:
    known = {"id": "e1", "source": "/shop", "type": "order.placed", "specversion": "1.0", "time": THEN, "subject": "u1"}
    return CloudEvent(attributes={**known, **attributes}, data=data)


def both_modes(sent: CloudEvent) -> list[dict[str, Any]]:
    rows = []
    for message in (to_structured_event(sent), to_binary_event(sent)):
        body = message.body if isinstance(message.body, bytes) else message.body.encode()
        content_type = {name.lower(): value for name, value in message.headers.items()}.get("content-type", "")
        decoded = decode_cloudevents(body, content_type, message.headers, NOW)
        assert decoded.refused == []
        rows += decoded.batch.to_pylist()
    return rows


def test_structured_and_binary_mode_of_the_cloudevents_sdk_say_the_same() -> None:
    sent = event({"revenue": "12.5", "city": "Zürich"}, datacontenttype="application/json", traceparent="00-ab")
    structured, binary = both_modes(sent)
    assert structured == binary
    assert structured["time"] == THEN
    assert (structured["amount"], structured["currency"]) == (1250, "USD")
    assert json.loads(structured["properties"]) == {"revenue": "12.5", "city": "Zürich"}
    assert json.loads(structured["context"]) == {"traceparent": "00-ab"}


def test_data_that_is_no_object_is_kept_under_data() -> None:
    structured, binary = both_modes(event([1, 2], datacontenttype="application/json"))
    assert structured["properties"] == binary["properties"] == '{"data":[1,2]}'


def test_binary_data_is_kept_as_base64() -> None:
    for row in both_modes(event(b"\xff\xfe\x00", datacontenttype="application/octet-stream")):
        assert row["properties"] == '{"data_base64":"//4A"}'


def test_a_batch_of_the_cloudevents_sdk() -> None:
    texts = [to_structured_event(event({"n": n}, id=f"e{n}")).body.decode() for n in range(3)]
    batch = f"[{','.join(texts)}]".encode()
    decoded = decode_cloudevents(batch, "application/cloudevents-batch+json; charset=UTF-8", {}, NOW)
    lines = decode_cloudevents("\n".join(texts).encode(), "application/x-ndjson", {}, NOW)
    assert decoded.batch["id"].to_pylist() == ["e0", "e1", "e2"]
    assert lines.batch.equals(decoded.batch)
