"""What a request means: identity, retries, clocks, money, bodies."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalog import USER_INTERACTIONS
from events.errors import Rejected
from serve.ingest import Decoded, TooLarge, UnsupportedMedia, decode_cloudevents, decode_segment, read_body
from serve.ingest.bodies import compacted, split_array
from serve.ingest.money import CURRENCY_EXPONENT
from serve.ingest.times import parse_times

NOW = 1_795_495_200_000_000  # 2026-11-24T04:40:00Z


def track(kind: str = "track", at: int = NOW, **message: Any) -> Decoded:
    return decode_segment(kind, json.dumps({"event": "Order", "userId": "u1"} | message).encode(), at)


def sent(**attributes: Any) -> Decoded:
    known = {"specversion": "1.0", "id": "e1", "source": "/a", "type": "order.placed"}
    return decode_cloudevents(json.dumps(known | attributes).encode(), "application/json", {}, NOW)


def only(decoded: Decoded) -> dict[str, Any]:
    assert decoded.refused == []
    (row,) = decoded.batch.to_pylist()
    return row


def test_the_batch_has_the_schema_of_the_stream() -> None:
    assert sent().batch.schema.equals(USER_INTERACTIONS.schema)
    assert track().batch.schema.equals(USER_INTERACTIONS.schema)
    empty = decode_cloudevents(b"[]", "application/json", {}, NOW)
    assert (empty.rows, empty.batch.num_rows, empty.batch.schema) == (0, 0, USER_INTERACTIONS.schema)


def test_the_identity_of_a_cloudevent_is_its_source_and_id_together() -> None:
    assert sent().id_hash != sent(source="/b").id_hash
    assert sent().id_hash == sent(data={"n": 2}).id_hash
    assert sent().content_hash != sent(data={"n": 2}).content_hash


def test_an_event_without_subject_is_its_own_key() -> None:
    assert only(sent())["partition_key"] == "e1"
    assert only(sent(subject="u9"))["partition_key"] == "u9"


def test_a_retry_of_a_message_without_id_is_known_as_the_same_event() -> None:
    first = track(timestamp="2026-11-24T04:39:00Z", sentAt="2026-11-24T04:39:01Z")
    again = track(timestamp="2026-11-24T04:39:00Z", sentAt="2026-11-24T04:39:31Z", at=NOW + 30_400_000)
    other = track(timestamp="2026-11-24T04:39:02Z", sentAt="2026-11-24T04:39:03Z")
    assert first.id_hash == again.id_hash != other.id_hash
    assert first.content_hash == again.content_hash
    assert only(first)["id"].startswith("content-")


def test_spacing_does_not_change_what_a_message_says() -> None:
    spaced = b'{ "userId" : "u1",\n\t"event": "Order, please", "properties": {"a": [1, 2], "b": "x : y"} }'
    compact = b'{"userId":"u1","event":"Order, please","properties":{"a":[1,2],"b":"x : y"}}'
    one, other = decode_segment("track", spaced, NOW), decode_segment("track", compact, NOW)
    assert one.id_hash == other.id_hash
    assert only(one)["properties"] == '{"a":[1,2],"b":"x : y"}'


def test_a_clock_that_is_wrong_is_corrected_by_when_it_says_it_sent() -> None:
    row = only(track(timestamp="1971-05-01T00:00:00Z", sentAt="1971-05-01T00:00:10Z"))
    assert row["time"] == datetime(2026, 11, 24, 4, 39, 50, tzinfo=UTC)
    assert only(track(timestamp="2020-01-01T00:00:00Z"))["time"] == datetime(2020, 1, 1, tzinfo=UTC)
    assert only(track())["time"] == datetime(2026, 11, 24, 4, 40, tzinfo=UTC)


def test_a_batch_lends_its_context_to_its_messages() -> None:
    body = {
        "context": {"ip": "::1", "locale": "en"},
        "batch": [
            {"type": "track", "event": "A", "userId": "u", "context": {"locale": "de"}, "channel": "server"},
            {"type": "track", "event": "B", "userId": "u"},
        ],
    }
    contexts = decode_segment("batch", json.dumps(body).encode(), NOW).batch["context"].to_pylist()
    assert json.loads(contexts[0]) == {"channel": "server", "ip": "::1", "locale": "de"}
    assert json.loads(contexts[1]) == {"ip": "::1", "locale": "en"}


def test_a_message_on_the_route_of_another_kind_is_refused() -> None:
    (refused,) = track("page", type="track").refused
    assert (refused.field, refused.reason) == ("type", 'must be page on /v1/page, got "track"')


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-24T04:00:00.123456789Z", "2026-11-24T04:00:00.123456+00:00"),
        ("2026-11-24t06:00:00+02:00", "2026-11-24T04:00:00+00:00"),
        ("2026-11-24T04:00:00.5-0030", "2026-11-24T04:30:00.500000+00:00"),
    ],
)
def test_times_in_all_their_spellings(text: str, utc: str) -> None:
    assert only(sent(time=text))["time"].isoformat() == utc


@given(
    st.lists(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)) | st.text(max_size=25))
)
def test_the_reading_of_a_time_does_not_depend_on_its_neighbours(values: list[datetime | str]) -> None:
    texts = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    times, there, faults = parse_times(texts)
    assert there.all()
    for i, value in enumerate(values):
        if isinstance(value, datetime):
            assert times[i] == (value - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
        else:
            alone = parse_times([value])
            assert (times[i], faults.get(i)) == (alone[0][0], alone[2].get(0))


@pytest.mark.parametrize(
    ("data", "amount", "currency", "value"),
    [
        ({"revenue": 39.95}, 3995, "USD", None),
        ({"revenue": 0.1 + 0.2}, 30, "USD", None),
        ({"revenue": "1000", "currency": "jpy"}, 1000, "JPY", None),
        ({"revenue": 1.2345, "currency": "KWD"}, 1234, "KWD", None),
        ({"revenue": -5, "total": 9, "currency": "EUR"}, -500, "EUR", None),
        ({"total": 9.5, "currency": "EUR"}, 950, "EUR", None),
        ({"value": 7, "currency": "EUR"}, 700, "EUR", 7.0),
        ({"total": 9}, None, None, None),
        ({"value": 2.5}, None, None, 2.5),
        ({"value": True}, None, None, None),
        ({"value": "high", "currency": "gold"}, None, None, None),
        ({"revenue": "90071992547409.93"}, 9007199254740993, "USD", None),
        ({"revenue": None}, None, None, None),
        ({"revenue": "1e-300"}, 0, "USD", None),
    ],
)
def test_money(data: dict[str, Any], amount: int | None, currency: str | None, value: float | None) -> None:
    row = only(sent(data=data))
    assert (row["amount"], row["currency"], row["value"]) == (amount, currency, value)


def test_money_is_found_behind_an_escaped_key() -> None:
    body = b'{"specversion":"1.0","id":"1","source":"/a","type":"t","data":{"re\\u0076enue":5}}'
    assert only(decode_cloudevents(body, "application/json", {}, NOW))["amount"] == 500


@given(st.decimals(-(10**12), 10**12, places=4), st.sampled_from(sorted(CURRENCY_EXPONENT)))
def test_money_is_exact_to_the_minor_unit(revenue: Decimal, currency: str) -> None:
    amount = only(sent(data={"revenue": str(revenue), "currency": currency}))["amount"]
    assert abs(Decimal(amount) - revenue * 10 ** CURRENCY_EXPONENT[currency]) <= Decimal("0.5")


def test_gzip_is_read_within_bounds() -> None:
    assert read_body(gzip.compress(b"abc") + gzip.compress(b"def"), "gzip", 100) == b"abcdef"
    with pytest.raises(TooLarge):
        read_body(gzip.compress(b"\0" * 50_000_000), "gzip", 500_000)
    with pytest.raises(Rejected, match="not valid gzip"):
        read_body(b"plain", "gzip", 100)
    with pytest.raises(Rejected, match="middle of its gzip"):
        read_body(gzip.compress(b"abc" * 50)[:-9], "gzip", 1000)
    with pytest.raises(UnsupportedMedia):
        read_body(b"abc", "br", 100)


@given(st.lists(st.dictionaries(st.text(max_size=4), st.text(max_size=6) | st.integers() | st.none(), max_size=4)))
def test_brackets_and_quotes_alone_find_the_rows(rows: list[dict[str, Any]]) -> None:
    text = json.dumps({"a": "[", "batch": rows, "z": [1]}).encode()
    head, found = split_array(text, b"batch")
    assert [json.loads(row) for row in found] == rows
    assert json.loads(head) == {"a": "[", "batch": [], "z": [1]}
    assert compacted(text) == json.dumps(json.loads(text), separators=(",", ":")).encode()
