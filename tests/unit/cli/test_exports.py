"""What exports of Segment, PostHog and Stripe become: rows in the shape of each product's documentation."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.test_import import Door, door, run

__all__ = ["door"]

SEGMENT = [
    {
        "anonymousId": "a1",
        "channel": "client",
        "context": {"library": {"name": "analytics.js", "version": "4.1.0"}, "app": {"name": "shop"}},
        "event": "Order Completed",
        "integrations": {},
        "messageId": "ajs-1",
        "originalTimestamp": "2025-03-01T09:30:04.000Z",
        "projectId": "p",
        "properties": {"revenue": 12.5, "currency": "AED"},
        "receivedAt": "2025-03-01T09:31:00.500Z",
        "sentAt": "2025-03-01T09:30:05.000Z",
        "timestamp": "2025-03-01T09:30:59.500Z",
        "type": "track",
        "userId": "ada",
        "version": 2,
    },
    {"type": "page", "name": "Home", "messageId": "ajs-2", "anonymousId": "a1", "timestamp": "2025-03-01T09:29:00Z"},
]
POSTHOG = [
    {
        "uuid": "0190-1",
        "event": "$pageview",
        "distinct_id": "device-1",
        "properties": {"$device_id": "device-1", "$current_url": "https://example.com/"},
        "timestamp": "2025-03-01T09:30:00.000Z",
        "created_at": "2025-03-01T09:30:01Z",
    },
    {
        "uuid": "0190-2",
        "event": "paid",
        "distinct_id": "ada",
        "properties": json.dumps({"$device_id": "device-1", "revenue": 3, "currency": "ARS"}),
        "timestamp": "2025-03-01 09:31:00.000000",
    },
]
STRIPE = {
    "object": "list",
    "data": [
        {
            "id": "evt_1",
            "object": "event",
            "created": 1_740_821_400,
            "type": "charge.succeeded",
            "data": {
                "object": {"id": "ch_1", "object": "charge", "amount": 1250, "currency": "aed", "customer": "cus_1"}
            },
        },
        {
            "id": "evt_2",
            "object": "event",
            "created": 1_740_821_401,
            "type": "charge.succeeded",
            "data": {"object": {"id": "ch_2", "object": "charge", "amount": 500, "currency": "jpy", "customer": None}},
        },
    ],
    "has_more": False,
}
PAYMENTS = """id,Created date (UTC),Amount,Amount Refunded,Currency,Status,Customer ID,Description
ch_3,2025-03-01 09:30:00,"1,250.00",0.00,aed,Paid,cus_1,A course
ch_4,2025-03-01 09:31:00,10.00,0.00,aed,Failed,cus_2,A course
"""
INVOICES = """id,Amount Due,Amount Paid,Currency,Customer,Date (UTC),Status,Number
in_1,29.00,29.00,ars,cus_1,2025-03-01 09:30,paid,A-1
in_2,29.00,0.00,ars,cus_2,2025-03-01 09:31,open,A-2
"""
AT = datetime(2025, 3, 1, 9, 30, tzinfo=UTC)


def lines(path: Path, rows: Iterable[Any]) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def test_segments_stored_messages(tmp_path: Path, door: Door) -> None:
    result = run(tmp_path, "segment", lines(tmp_path / "1740821400.abc.gz", SEGMENT), "--source", "shop")
    assert result.exit_code == 0, result.output
    order, page = door.rows["shop", "ajs-1"], door.rows["shop", "ajs-2"]
    assert (order["type"], order["subject"], order["anonymous_id"]) == ("Order Completed", "ada", "a1")
    assert (order["amount"], order["currency"]) == (1250, "AED")
    assert order["time"] == datetime(2025, 3, 1, 9, 30, 59, 500_000, tzinfo=UTC), "the time that Segment corrected"
    assert order["received"] == datetime(2025, 3, 1, 9, 31, 0, 500_000, tzinfo=UTC)
    assert json.loads(order["context"])["library"]["name"] == "analytics.js"
    assert page["type"] == "page.viewed"


def test_segments_warehouse(tmp_path: Path, door: Door) -> None:
    file = tmp_path / "tracks.csv"
    file.write_text(
        "id,received_at,sent_at,original_timestamp,timestamp,anonymous_id,user_id,event,event_text,context_ip,plan\n"
        "m1,2025-03-01 09:31:00,2025-03-01 09:30:59,2025-03-01 09:30:00,2025-03-01 09:30:00,a1,ada,signed_up,Signed Up,"
        "127.0.0.1,pro\n"
    )
    assert run(tmp_path, "segment", file).exit_code == 0
    (row,) = door.rows.values()
    assert (row["id"], row["type"], row["subject"], row["time"]) == ("m1", "Signed Up", "ada", AT)
    assert json.loads(row["properties"]) == {"plan": "pro"}
    assert json.loads(row["context"]) == {"ip": "127.0.0.1"}


@pytest.mark.parametrize("form", ["lines", "array", "answer"])
def test_posthogs_events(tmp_path: Path, door: Door, form: str) -> None:
    file = tmp_path / ("events.jsonl" if form == "lines" else "events.json")
    if form == "lines":
        lines(file, POSTHOG)
    else:
        file.write_text(json.dumps(POSTHOG if form == "array" else {"next": None, "results": POSTHOG}))
    result = run(tmp_path, "posthog", file)
    assert result.exit_code == 0, result.output
    viewed, paid = door.rows["posthog", "0190-1"], door.rows["posthog", "0190-2"]
    assert (viewed["type"], viewed["subject"], viewed["anonymous_id"]) == ("page.viewed", None, "device-1")
    assert viewed["received"] == datetime(2025, 3, 1, 9, 30, 1, tzinfo=UTC)
    assert (paid["subject"], paid["amount"], paid["currency"]) == ("ada", 300, "ARS")
    assert paid["time"] == datetime(2025, 3, 1, 9, 31, tzinfo=UTC)


def test_stripes_events(tmp_path: Path, door: Door) -> None:
    file = tmp_path / "events.json"
    file.write_text(json.dumps(STRIPE))
    result = run(tmp_path, "stripe", file)
    assert result.exit_code == 0, result.output
    first, second = door.rows["stripe", "evt_1"], door.rows["stripe", "evt_2"]
    assert (first["type"], first["subject"], first["time"]) == ("charge.succeeded", "cus_1", AT)
    assert (first["amount"], first["currency"]) == (1250, "AED")
    assert (second["amount"], second["currency"], second["subject"]) == (500, "JPY", "ch_2"), "a yen has no cents"


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (PAYMENTS, [("charge.succeeded", "cus_1", 125_000, "AED"), ("charge.failed", "cus_2", 1000, "AED")]),
        (INVOICES, [("invoice.paid", "cus_1", 2900, "ARS"), ("invoice.open", "cus_2", 2900, "ARS")]),
    ],
    ids=["payments", "invoices"],
)
def test_stripes_tables(tmp_path: Path, door: Door, table: str, told: list[tuple[Any, ...]]) -> None:
    file = tmp_path / "export.csv"
    file.write_text(table)
    result = run(tmp_path, "stripe", file)
    assert result.exit_code == 0, result.output
    rows = [*door.rows.values()]
    assert [(row["type"], row["subject"], row["amount"], row["currency"]) for row in rows] == told
    assert rows[0]["time"] == AT


def test_what_is_no_export_is_refused_row_by_row(tmp_path: Path, door: Door) -> None:
    file = lines(tmp_path / "x.ndjson", [{"a": 1}, POSTHOG[0]])
    result = run(tmp_path, "posthog", file)
    assert result.exit_code == 1
    assert "row 1: row has no field event" in result.stderr
    assert len(door.rows) == 1
