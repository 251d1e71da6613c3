"""What a newcomer types: plain events are taken, and a row with several faults is told of all of them at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from serve.ingest import AHEAD_US, Decoded, decode_cloudevents, decode_segment
from tests.sameness import contents, identities

NOW = 1_795_495_200_000_000
JSON = "application/json"


def sent(body: Any, content_type: str = JSON, ahead_us: int = AHEAD_US) -> Decoded:
    return decode_cloudevents(json.dumps(body).encode(), content_type, {}, NOW, "shop", ahead_us)


def faults(decoded: Decoded) -> list[dict[str, str]]:
    return [dict(refused.faults) for refused in decoded.refused]


def test_a_plain_event_is_taken() -> None:
    decoded = sent({"type": "order.placed", "subject": "ada", "data": {"amount": 29, "currency": "EUR"}})
    assert decoded.refused == []
    (row,) = decoded.batch.to_pylist()
    assert (row["type"], row["subject"], row["source"]) == ("order.placed", "ada", "shop")
    assert (row["amount"], row["currency"]) == (2900, "EUR")
    assert row["time"] == row["received"]


def test_two_plain_events_that_say_the_same_are_two() -> None:
    decoded = sent([{"type": "click"}, {"type": "click"}])
    assert len(set(decoded.batch["id"].to_pylist())) == len(set(identities(decoded))) == 2


def test_a_request_that_is_sent_again_under_its_name_brings_the_same_plain_events() -> None:
    body = json.dumps([{"type": "click"}, {"type": "click"}]).encode()
    ids = [
        decode_cloudevents(body, JSON, {}, NOW, "shop", AHEAD_US, name).batch["id"].to_pylist()
        for name in ("r", "r", "s")
    ]
    assert ids[0] == ids[1] != ids[2]
    assert len(set(ids[0])) == 2


def test_a_plain_event_with_an_id_is_the_same_when_it_is_sent_again() -> None:
    first, second = sent({"type": "click", "id": "c1"}), sent({"type": "click", "id": "c1"})
    assert identities(first) == identities(second)
    assert contents(first) == contents(second)


def test_plain_events_and_cloudevents_stand_side_by_side_in_lines() -> None:
    whole = {"specversion": "1.0", "id": "e", "source": "/web", "type": "a"}
    lines = "\n".join(map(json.dumps, (whole, {"type": "b", "source": "app"}, {"type": "c", "data": 7})))
    decoded = decode_cloudevents(lines.encode(), "application/x-ndjson", {}, NOW, "shop")
    assert decoded.refused == []
    assert decoded.batch["source"].to_pylist() == ["/web", "app", "shop"]
    assert json.loads(decoded.batch["properties"][2].as_py()) == {"data": 7}


@pytest.mark.parametrize("body", [{"type": "a", "user_id": "ada"}, {"event": "Seen", "userId": "ada"}])
def test_what_no_event_has_is_not_taken_in_silence(body: dict[str, Any]) -> None:
    decoded = sent(body)
    (said,) = faults(decoded)
    assert all("put it into data" in said[name] for name in body if name != "type")


def test_who_says_cloudevents_is_held_to_it() -> None:
    assert faults(sent({"type": "a"}, "application/cloudevents+json")) == [
        {"id": "is required", "source": "is required", "specversion": "is required"}
    ]


def test_all_faults_of_a_row_are_told_at_once() -> None:
    row = {"specversion": "1.0", "id": "", "source": 7, "time": "yesterday", "data": {"revenue": [1]}}
    (said,) = faults(sent([row], "application/cloudevents-batch+json"))
    assert list(said)[:3] == ["id", "source", "type"]
    assert set(said) >= {"id", "source", "type", "time"}
    assert "ISO 8601" in said["time"]


def test_all_faults_of_a_message_are_told_at_once() -> None:
    body = {"event": "", "userId": 5, "timestamp": "2100-01-01T00:00:00Z", "properties": "none"}
    (said,) = faults(decode_segment("track", json.dumps(body).encode(), NOW))
    assert set(said) == {"event", "userId", "properties", "timestamp"}


def test_a_faulty_row_among_good_ones_is_left_out_alone() -> None:
    decoded = sent([{"type": "a"}, {"subject": "ada", "time": "no"}, {"type": "b"}])
    assert decoded.batch["type"].to_pylist() == ["a", "b"]
    assert decoded.index.tolist() == [0, 2]
    assert faults(decoded) == [{"type": "is required", "time": decoded.refused[0].faults[1].reason}]


@pytest.mark.parametrize(
    ("minutes", "ahead_us", "taken"), [(9, AHEAD_US, True), (11, AHEAD_US, False), (11, 900_000_000, True)]
)
def test_how_far_ahead_an_event_may_be(minutes: int, ahead_us: int, taken: bool) -> None:
    time = f"2026-11-24T04:{40 + minutes}:00Z"
    decoded = sent({"type": "a", "time": time}, ahead_us=ahead_us)
    assert bool(decoded.batch.num_rows) == taken
    assert taken or "10 minutes ahead" in decoded.refused[0].reason


@pytest.mark.parametrize(
    ("data", "amount", "currency"),
    [
        ({"amount": 29.99, "currency": "eur"}, 2999, "EUR"),
        ({"amount": "29.99", "currency": "EUR", "total": 5}, 2999, "EUR"),
        ({"amount": 500, "currency": "JPY"}, 500, "JPY"),
        ({"amount": 3}, None, None),
        ({"revenue": 7, "amount": 3, "currency": "USD"}, 700, "USD"),
        ({"amount": "a lot", "total": 5, "currency": "USD"}, 500, "USD"),
    ],
)
def test_an_amount_beside_a_currency_is_money(data: dict[str, Any], amount: int | None, currency: str | None) -> None:
    (row,) = sent({"type": "order.placed", "data": data}).batch.to_pylist()
    assert (row["amount"], row["currency"]) == (amount, currency)
