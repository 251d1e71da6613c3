"""Junk in, verdicts out: every row is taken or refused with field and reason, and no row spoils another."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.errors import Rejected
from serve.ingest import KINDS, Decoded, TooLarge, UnsupportedMedia, decode_cloudevents, decode_segment
from serve.ingest.contract import CLOUD_EVENT, MESSAGES, explain
from tests.examples import up_to

NOW = 1_795_495_200_000_000
BATCH = "application/cloudevents-batch+json"
GOOD: dict[str, Any] = {
    "specversion": "1.0", "id": "e1", "source": "/shop", "type": "order.placed", "subject": "u1",
    "time": "2026-11-24T04:39:00Z", "data": {"n": 1},
}  # fmt: skip
TRACK: dict[str, Any] = {
    "type": "track", "event": "Order", "userId": "u1", "messageId": "m1", "timestamp": "2026-11-24T04:39:00Z",
    "properties": {"n": 1},
}  # fmt: skip

quick = settings(max_examples=up_to(150), deadline=None, suppress_health_check=list(HealthCheck))


def events(*rows: Any) -> Decoded:
    return decode_cloudevents(json.dumps(rows).encode(), BATCH, {}, NOW)


def messages(*rows: Any) -> Decoded:
    return decode_segment("batch", json.dumps({"batch": rows}).encode(), NOW)


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"id": 7}, "id", "must be a string, got 7"),
        ({"id": ""}, "id", "must not be empty"),
        ({"id": "x" * 257}, "id", "must have at most 256 characters, got 257"),
        ({"type": "x" * 201}, "type", "must have at most 200 characters, got 201"),
        ({"specversion": "0.3"}, "specversion", """must be '1.0', got "0.3\""""),
        ({"subject": ["u"]}, "subject", "must be a string"),
        ({"id": "a\0b"}, "id", "NUL"),
        ({"data": {"x": "a\0b"}}, "data", "NUL"),
        ({"data": {"x": "\ud800"}}, "data", "is not valid JSON"),
        ({"data": {"x": float("inf")}}, "data", "Infinity is not a number"),
        ({"data": {"x": -float("inf")}}, "data", "-Infinity is not a number"),
        ({"data": {"x": deep(32)}}, "data", "deeper than 32"),
        ({"data": {"x": "y" * 33_000}}, "data", "the limit is 32,768"),
        ({"data_base64": "AAA="}, "data_base64", "beside data"),
        ({"data": None, "data_base64": "@"}, "data_base64", "is not base64"),
        ({"time": "yesterday"}, "time", "ISO 8601"),
        ({"time": "2026-11-24T04:39:00"}, "time", "with an offset"),
        ({"time": "1795495200"}, "time", "as seconds since 1970 it would be 2026-11-24T04:40:00Z"),
        ({"time": "1795495200123"}, "time", "as milliseconds since 1970"),
        ({"time": 1795495200}, "time", "must be a string"),
        ({"time": "1970-01-21T18:44:55.200Z"}, "time", "seconds where milliseconds belong"),
        ({"time": "2100-01-01T00:00:00Z"}, "time", "more than 10 minutes ahead"),
        ({"time": "1999-12-31T23:59:59Z"}, "time", "before 2000-01-01"),
    ],
)
def test_a_bad_event_is_named_and_its_neighbours_stand(change: dict[str, Any], field: str, reason: str) -> None:
    decoded = events({**GOOD, "id": "before"}, {**GOOD, **change}, {**GOOD, "id": "after"})
    assert decoded.batch["id"].to_pylist() == ["before", "after"]
    assert decoded.index.tolist() == [0, 2]
    (refused,) = decoded.refused
    assert (refused.index, refused.field) == (1, field)
    assert reason in refused.reason
    assert 0 < len(refused.payload) <= 32_768


def test_a_row_deeper_than_any_parser_goes_is_named_and_its_neighbours_stand() -> None:
    good = json.dumps(GOOD)
    abyss = good.replace('{"n": 1}', "[" * 50_000 + "]" * 50_000)
    decoded = decode_cloudevents(f"[{good},{abyss},{good}]".encode(), BATCH, {}, NOW)
    assert decoded.index.tolist() == [0, 2]
    assert [(r.field, r.reason) for r in decoded.refused] == [("data", "is nested deeper than 32 levels; flatten it")]


@pytest.mark.parametrize("missing", ["id", "source", "type", "specversion"])
def test_what_cloudevents_requires_is_required(missing: str) -> None:
    (refused,) = events({name: value for name, value in GOOD.items() if name != missing}).refused
    assert (refused.field, refused.reason) == (missing, "is required")
    assert refused.id == (None if missing == "id" else "e1")


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ({**TRACK, "type": "purchase"}, "type", "must be one of track, page"),
        ({"userId": "u1"}, "type", "is required"),
        ({**TRACK, "event": None}, "event", "must be a string, got null"),
        ({**TRACK, "userId": 5}, "userId", "must be a string, got 5"),
        ({**TRACK, "userId": ""}, "userId", "or an anonymousId"),
        ({**TRACK, "properties": "none"}, "properties", "must be a JSON object"),
        ({**TRACK, "context": [1]}, "context", "must be a JSON object"),
        ({**TRACK, "sentAt": "now"}, "sentAt", "ISO 8601"),
        ({"type": "identify", "userId": "u", "traits": {"x": "\0"}}, "traits", "NUL"),
        ({"type": "group", "userId": "u"}, "groupId", "is required"),
        ({"type": "alias", "userId": "u"}, "previousId", "is required"),
        (None, "row", "must be a JSON object"),
    ],
)
def test_a_bad_message_is_named_and_its_neighbours_stand(row: Any, field: str, reason: str) -> None:
    decoded = messages(TRACK, row, TRACK)
    assert decoded.index.tolist() == [0, 2]
    (refused,) = decoded.refused
    assert (refused.index, refused.field) == (1, field)
    assert reason in refused.reason


@pytest.mark.parametrize("body", [b"", b"null", b"7", b'"x"', b"[", b'[{"id":"x]', b"\xff\x00\x12", b"[" * 50_000])
def test_a_body_that_is_no_rows_at_all_is_rejected(body: bytes) -> None:
    with pytest.raises(Rejected, match="body"):
        decode_cloudevents(body, "application/json", {}, NOW)
    with pytest.raises(Rejected, match="body"):
        decode_segment("batch", body, NOW)


def test_too_much_is_too_large() -> None:
    with pytest.raises(TooLarge, match="10,001 rows"):
        decode_cloudevents(b"[" + b",".join([b"{}"] * 10_001) + b"]", BATCH, {}, NOW)
    with pytest.raises(TooLarge, match="500,000 bytes"):
        decode_segment("batch", b" " * 500_001, NOW)
    with pytest.raises(UnsupportedMedia, match="content-type"):
        decode_cloudevents(b"a,b", "text/csv", {}, NOW)


def test_a_line_of_two_rows_or_half_a_row_is_refused_as_a_line() -> None:
    good = json.dumps(GOOD, separators=(",", ":")).encode()
    body = b"\n".join([good, good + b"," + good, b'{"id":"a"},{"id"', b':"b"}', b"", good])
    decoded = decode_cloudevents(body, "application/x-ndjson", {}, NOW)
    assert decoded.index.tolist() == [0, 4]
    assert [refused.index for refused in decoded.refused] == [1, 2, 3]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
MONEY = st.fixed_dictionaries({}, optional=dict.fromkeys(("revenue", "total", "value", "currency"), json_values))
event_rows = st.fixed_dictionaries(
    {}, optional={name: st.just(value) | json_values | MONEY for name, value in {**GOOD, "trace": "x"}.items()}
)
whole_events = st.builds(lambda change: {**GOOD, **change}, event_rows)
message_rows = st.builds(
    lambda kind, change: {**TRACK, "groupId": "g", "previousId": "p", "type": kind, **change},
    st.sampled_from([kind for kind in KINDS if kind != "batch"]),
    st.fixed_dictionaries({}, optional={name: st.just(value) | json_values | MONEY for name, value in TRACK.items()}),
)


def every_row_has_one_verdict(decoded: Decoded, rows: int) -> None:
    taken, refused = decoded.index.tolist(), [r.index for r in decoded.refused]
    assert decoded.rows == rows
    assert sorted(taken + refused) == list(range(rows))
    assert taken == sorted(taken)
    assert refused == sorted(refused)
    assert all(r.field and r.reason for r in decoded.refused)
    assert decoded.batch.num_rows == len(taken)
    decoded.batch.validate(full=True)


@quick
@given(st.lists(whole_events | event_rows | json_values, max_size=6))
def test_any_events_get_their_verdicts_and_the_same_as_alone(rows: list[Any]) -> None:
    together = events(*rows)
    every_row_has_one_verdict(together, len(rows))
    alone = [events(row) for row in rows]
    assert [r for d in alone for r in d.batch.to_pylist()] == together.batch.to_pylist()
    assert [(r.field, r.id) for d in alone for r in d.refused] == [(r.field, r.id) for r in together.refused]


def said(row: dict[str, Any]) -> dict[str, Any]:
    """A row without the id that its request gave it."""
    return {**row, "id": None} if row["id"].startswith("request-") else row


@quick
@given(st.lists(message_rows | json_values, max_size=6))
def test_any_messages_get_their_verdicts_and_the_same_as_alone(rows: list[Any]) -> None:
    together = messages(*rows)
    every_row_has_one_verdict(together, len(rows))
    alone = [messages(row) for row in rows]
    assert [said(r) for d in alone for r in d.batch.to_pylist()] == [said(r) for r in together.batch.to_pylist()]
    assert [(w.field, w.id) for d in alone for w in d.warned] == [(w.field, w.id) for w in together.warned]
    assert [(r.field, r.id) for d in alone for r in d.refused] == [(r.field, r.id) for r in together.refused]


@quick
@given(
    st.binary(max_size=60)
    | st.builds(lambda rows, cut: json.dumps(rows).encode()[cut:-1], st.lists(event_rows), st.integers(0, 5))
)
def test_binary_junk_is_never_a_crash(body: bytes) -> None:
    for media in (BATCH, "application/x-ndjson", "application/json"):
        try:
            decoded = decode_cloudevents(body, media, {}, NOW)
            every_row_has_one_verdict(decoded, decoded.rows)
        except Rejected as rejected:
            assert rejected.reason
    for headers in ({"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-specversion": "1.0"}, {"CE-id": "%ff\0"}):
        try:
            every_row_has_one_verdict(decode_cloudevents(body, "text/plain", headers, NOW), 1)
            every_row_has_one_verdict(decode_cloudevents(body, "", headers, NOW), 1)
        except Rejected as rejected:
            assert rejected.field in ("body", "ce-id")
    for kind in KINDS:
        try:
            decode_segment(kind, body, NOW)
        except Rejected as rejected:
            assert rejected.field in ("body", "batch")


@quick
@given(whole_events)
def test_what_the_fast_path_accepts_the_contract_accepts_with_equal_values(row: dict[str, Any]) -> None:
    decoded = events(row)
    if decoded.batch.num_rows:
        (got,) = decoded.batch.to_pylist()
        said = CLOUD_EVENT.validate_json(json.dumps(row))
        assert [got[name] for name in ("id", "source", "type")] == [said[name] for name in ("id", "source", "type")]
        assert got["subject"] == (said.get("subject") or None)
        data = said.get("data")
        kept = json.loads(got["properties"])
        if isinstance(data, dict):
            assert kept == data
        elif data is not None:
            assert kept == {"data": data}


@quick
@given(message_rows)
def test_what_the_fast_path_accepts_of_segment_the_contract_accepts(row: dict[str, Any]) -> None:
    if messages(row).batch.num_rows:
        assert explain(MESSAGES[row["type"]], json.dumps(row).encode()) == []
