"""What a request means: identity, retries, clocks, money, bodies."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.catalog import USER_INTERACTIONS
from events.errors import Rejected
from serve.ingest import Decoded, TooLarge, UnsupportedMedia, decode_cloudevents, decode_segment, read_body
from serve.ingest.bodies import compacted, split_array
from serve.ingest.money import CURRENCY_EXPONENT
from serve.ingest.times import parse_times
from tests.sameness import contents, identities

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
    assert identities(sent()) != identities(sent(source="/b"))
    assert identities(sent()) == identities(sent(data={"n": 2}))
    assert contents(sent()) != contents(sent(data={"n": 2}))


def test_an_event_without_subject_is_its_own_key() -> None:
    assert only(sent())["partition_key"] == "e1"
    assert only(sent(subject="u9"))["partition_key"] == "u9"


def test_equal_clicks_without_id_and_time_are_as_many_events() -> None:
    clicks = [track(at=NOW + 2_000_000 * n) for n in range(3)]
    assert len({identities(click)[0] for click in clicks}) == len({only(click)["id"] for click in clicks}) == 3
    batch = {"batch": [{"type": "track", "event": "Click", "userId": "u1"}] * 3}
    together = decode_segment("batch", json.dumps(batch).encode(), NOW)
    assert len(set(identities(together))) == 3


def test_a_request_that_is_sent_again_under_its_name_is_the_same_events() -> None:
    body = json.dumps({"batch": [{"type": "track", "event": "Click", "userId": "u1"}] * 3}).encode()
    first, again, other = (decode_segment("batch", body, NOW + n, request=r) for n, r in enumerate(["r1", "r1", "r2"]))
    assert identities(first) == identities(again)
    assert contents(first) == contents(again)
    assert not set(identities(first)) & set(identities(other))


def test_a_message_is_known_by_its_id_whatever_batch_it_comes_in() -> None:
    """segment-python cuts its batches anew after a 429."""
    messages = [{"type": "track", "event": "Click", "userId": "u1", "messageId": f"m{n}"} for n in range(4)]

    def hashes(*cuts: list[dict[str, str]]) -> list[int]:
        decoded = [decode_segment("batch", json.dumps({"batch": cut}).encode(), NOW) for cut in cuts]
        columns = ([*identities(d), *contents(d)] for d in decoded)
        return sorted(h for column in columns for h in column)

    assert hashes(messages[:2], messages[2:]) == hashes(messages[1:], messages[:1])


@pytest.mark.parametrize("field", ["properties", "context"])
@pytest.mark.parametrize("empty", ["[]", "[ ]", "{}", "null"])
def test_phps_empty_list_is_an_empty_object(field: str, empty: str) -> None:
    body = f'{{"event":"Order","userId":"u1","{field}":{empty}}}'
    assert only(decode_segment("track", body.encode(), NOW))["properties"] == "{}"
    assert only(decode_segment("batch", f'{{"context":{empty},"batch":[{body[:-1]},"type":"track"}}]}}'.encode(), NOW))


def test_phps_empty_traits_are_an_empty_object() -> None:
    assert only(decode_segment("identify", b'{"userId":"u1","traits":[]}', NOW))["properties"] == "{}"
    named = decode_segment("page", b'{"userId":"u1","name":"Home","properties":[]}', NOW)
    assert json.loads(only(named)["properties"]) == {"name": "Home"}
    wrong = decode_segment("track", b'{"userId":"u1","properties":[],"event":7}', NOW)
    assert [refused.field for refused in wrong.refused] == ["event"]
    assert (
        decode_segment("track", b'{"userId":"u1","event":"E","properties":[1]}', NOW).refused[0].field == "properties"
    )


def test_spacing_does_not_change_what_a_message_says() -> None:
    spaced = b'{ "userId" : "u1",\n\t"event": "Order, please", "properties": {"a": [1, 2], "b": "x : y"} }'
    compact = b'{"userId":"u1","event":"Order, please","properties":{"a":[1,2],"b":"x : y"}}'
    one, other = decode_segment("track", spaced, NOW), decode_segment("track", compact, NOW)
    assert contents(one) == contents(other)
    assert only(one)["properties"] == '{"a":[1,2],"b":"x : y"}'


def test_a_clock_that_is_wrong_is_corrected_by_when_it_says_it_sent() -> None:
    row = only(track(timestamp="1971-05-01T00:00:00Z", sentAt="1971-05-01T00:00:10Z"))
    assert row["time"] == datetime(2026, 11, 24, 4, 39, 50, tzinfo=UTC)
    assert only(track(timestamp="2020-01-01T00:00:00Z"))["time"] == datetime(2020, 1, 1, tzinfo=UTC)
    assert only(track())["time"] == datetime(2026, 11, 24, 4, 40, tzinfo=UTC)


@pytest.mark.parametrize("minutes", [1, 10, 60 * 24 * 365])
def test_a_message_sent_before_it_happened_says_nothing_of_the_clock(minutes: int) -> None:
    happened = datetime(2026, 11, 24, 4, 39, tzinfo=UTC)
    row = only(track(timestamp=happened.isoformat(), sentAt=(happened - timedelta(minutes=minutes)).isoformat()))
    assert row["time"] == happened


def test_a_sent_at_that_is_cut_to_the_second_still_corrects_a_clock() -> None:
    """PHP's library sends it so, beside timestamps with milliseconds."""
    row = only(track(timestamp="1971-05-01T00:00:10.999Z", sentAt="1971-05-01T00:00:10+00:00"))
    assert row["time"] == datetime(2026, 11, 24, 4, 40, tzinfo=UTC)
    (refused,) = track(timestamp="1971-05-01T00:00:11.001Z", sentAt="1971-05-01T00:00:10+00:00").refused
    assert refused.field == "timestamp"


def test_a_time_that_cannot_be_is_told_as_it_was_sent_and_as_it_was_corrected() -> None:
    (ahead,) = track(timestamp="2026-12-24T04:39:00Z", sentAt="2026-11-24T04:39:00Z").refused
    assert ahead.reason.startswith(
        "2026-12-24T04:39:00Z, which its earlier sentAt 2026-11-24T04:39:00Z cannot correct, is more than"
    )
    (old,) = track(timestamp="1971-05-01T00:00:00Z", sentAt="2026-11-24T04:39:00Z").refused
    assert "1971-05-01T00:00:00Z, which by its sentAt 2026-11-24T04:39:00Z was 1971-05-01T00:01:00Z" in old.reason
    (plain,) = track(timestamp="2026-12-24T04:39:00Z").refused
    assert plain.reason.startswith("2026-12-24T04:39:00Z is more than")


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
    times, there, faults = parse_times(pa.array(texts, pa.string()))
    assert there.all()
    for i, value in enumerate(values):
        if isinstance(value, datetime):
            assert times[i] == (value - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
        else:
            alone = parse_times(pa.array([value], pa.string()))
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
        ({"total": 9, "currency": None}, None, None, None),
        ({"value": 9, "currency": None}, None, None, 9.0),
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


@pytest.mark.parametrize(
    ("data", "amount", "currency", "field", "reason"),
    [
        (
            {"revenue": 5, "currency": "coins"},
            None,
            None,
            "currency",
            'must be an ISO 4217 code such as USD or EUR, got "coins"',
        ),
        ({"value": 5, "currency": "coins"}, None, None, "currency", "has no amount"),
        ({"revenue": 5, "currency": ""}, None, None, "currency", "has no amount"),
        ({"revenue": 5, "currency": 978}, None, None, "currency", "got 978"),
        ({"revenue": 5, "currency": {"code": "EUR"}}, None, None, "currency", "ISO 4217"),
        ({"revenue": 5, "currency": " EUR "}, 500, "EUR", "currency", "was read as EUR"),
        ({"revenue": 5, "currency": "eur\n"}, 500, "EUR", "currency", "was read as EUR"),
        ({"revenue": " 5.25 "}, 525, "USD", "revenue", "was read as 5.25"),
        ({"revenue": ""}, None, None, "revenue", "finite decimal"),
        ({"revenue": "free"}, None, None, "revenue", "finite decimal"),
        ({"revenue": "5,25"}, None, None, "revenue", "finite decimal"),
        ({"revenue": "NaN"}, None, None, "revenue", "finite decimal"),
        ({"revenue": [1]}, None, None, "revenue", "finite decimal"),
        ({"revenue": "٣"}, None, None, "revenue", "finite decimal"),
        ({"revenue": 1e18}, None, None, "revenue", "64-bit"),
        ({"revenue": 10**400}, None, None, "revenue", "finite decimal"),
        ({"value": 10**400}, None, None, "value", "64-bit float"),
        ({"value": 10**400, "revenue": 5}, 500, "USD", "value", "64-bit float"),
    ],
)
def test_money_that_cannot_be_read_does_not_cost_the_event(
    data: dict[str, Any], amount: int | None, currency: str | None, field: str, reason: str
) -> None:
    known = {"specversion": "1.0", "source": "/a", "type": "order.placed", "id": "x"}
    rows = [{**known, "id": "before", "data": {"revenue": 1}}, {**known, "data": data}, {**known, "id": "after"}]
    decoded = decode_cloudevents(json.dumps(rows).encode(), "application/json", {}, NOW)
    assert decoded.refused == []
    row = decoded.batch.to_pylist()[1]
    assert (row["amount"], row["currency"]) == (amount, currency)
    assert json.loads(row["properties"]) == data
    (warned,) = decoded.warned
    assert (warned.index, warned.id, warned.field) == (1, "x", f"data.{field}")
    assert reason in warned.reason


def test_only_rows_that_are_taken_are_warned_of() -> None:
    decoded = sent(time="never", data={"revenue": "free"})
    assert (len(decoded.refused), list(decoded.warned)) == (1, [])


@pytest.mark.parametrize(
    ("currency", "minor"), [("HRK", 1000), ("DEM", 1000), ("ITL", 10), ("BYR", 10), ("VEF", 1000), ("EEK", 1000)]
)
def test_currencies_of_the_past_are_money(currency: str, minor: int) -> None:
    row = only(sent(data={"revenue": 10, "currency": currency}))
    assert (row["amount"], row["currency"]) == (minor, currency)


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
