"""PostHog's dialect: every form that a body may have, and rows that are not as they should be."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any
from urllib.parse import quote

import pytest

from events.errors import Rejected
from serve.ingest import Decoded, TooLarge
from serve.posthog.bodies import posted, unpacked
from serve.posthog.decoding import decode

NOW = 1_795_000_000_000_000  # 2026-11-18T11:06:40Z
ONE = {
    "event": "tea bought",
    "uuid": "e1",
    "properties": {"token": "k", "distinct_id": "ada", "revenue": 3, "currency": "INR"},
}
TEXT = json.dumps(ONE).encode()
FORM = "application/x-www-form-urlencoded"


def read(body: bytes, content_type: str = "application/json", encoding: str = "", **more: Any) -> Decoded:
    return decode(posted(unpacked(body, content_type, encoding, 100_000)), NOW, "shop", **more)


def rows(body: object, **more: Any) -> list[dict[str, Any]]:
    return read(json.dumps(body).encode(), **more).batch.to_pylist()


@pytest.mark.parametrize(
    ("body", "content_type", "encoding"),
    [
        (TEXT, "application/json", ""),
        (b"[" + TEXT + b"]", "text/plain", ""),
        (b'{"api_key": "k", "batch": [' + TEXT + b"]}", "application/json", ""),
        (gzip.compress(TEXT), "application/json", "gzip"),
        (gzip.compress(TEXT), "text/plain", ""),
        (b"data=" + quote(TEXT).encode(), FORM, ""),
        (b"data=" + quote(base64.b64encode(TEXT)).encode() + b"&ip=1", FORM, ""),
        (b"data=" + base64.b64encode(TEXT).rstrip(b"="), "text/plain", ""),
        (base64.b64encode(TEXT), "text/plain", ""),
        (base64.b64encode(gzip.compress(TEXT)), "text/plain", ""),
        (b"\xef\xbb\xbf" + TEXT, "application/json; charset=utf-8", ""),
    ],
)
def test_every_form_of_a_body_is_the_same_event(body: bytes, content_type: str, encoding: str) -> None:
    request = posted(unpacked(body, content_type, encoding, 100_000))
    assert request.key == "k"
    (row,) = decode(request, NOW, "shop").batch.to_pylist()
    assert (row["id"], row["type"], row["subject"], row["amount"]) == ("e1", "tea bought", "ada", 300)
    assert json.loads(row["properties"]) == {"distinct_id": "ada", "revenue": 3, "currency": "INR"}


def test_base64_with_a_plus_that_was_not_escaped() -> None:
    text = json.dumps({**ONE, "event": "ÿ~ÿ>>>???"}, ensure_ascii=False).encode()
    encoded = base64.b64encode(text)
    assert b"+" in encoded
    assert read(b"data=" + encoded, FORM).batch.column("type").to_pylist() == ["ÿ~ÿ>>>???"]


@pytest.mark.parametrize(
    ("body", "content_type", "encoding", "field"),
    [
        (b"", "application/json", "", "body"),
        (b"null", "application/json", "", "body"),
        (b"%%%", "text/plain", "", "body"),
        (b"ip=1", FORM, "", "data"),
        (b"\x1f\x8bno gzip", "text/plain", "", "body"),
        (b'{"batch": 7}', "application/json", "", "batch"),
        (b'{"batch": [', "application/json", "", "body"),
        (b"[" * 50_000, "application/json", "", "body"),
    ],
)
def test_a_body_that_is_none_says_so(body: bytes, content_type: str, encoding: str, field: str) -> None:
    with pytest.raises(Rejected) as error:
        read(body, content_type, encoding)
    assert error.value.field == field


def test_a_body_never_inflates_beyond_the_limit() -> None:
    for bomb in (gzip.compress(b"[" + b" " * 10_000_000), base64.b64encode(gzip.compress(b" " * 10_000_000))):
        with pytest.raises(TooLarge):
            read(bomb, "text/plain")


def test_one_event_that_is_no_event_spoils_no_other() -> None:
    events = b"""[{"event": "a", "distinct_id": 7}, {"event": NaN}, 5, {"distinct_id": "x"}, {"event": "b"},
        {"event": "c", "distinct_id": "y", "properties": [1]}]"""
    body = b'{"api_key": "k", "batch": ' + events + b"}"
    request = posted(body)
    assert request.key == "k"
    found = decode(request, NOW, "shop")
    assert [(row["type"], row["subject"]) for row in found.batch.to_pylist()] == [("a", "7")]
    assert [(refused.index, refused.field) for refused in found.refused] == [
        (1, "event"),
        (2, "row"),
        (3, "event"),
        (4, "distinct_id"),
        (5, "properties"),
    ]
    assert found.rows == 6


def test_times() -> None:
    def time(said: dict[str, Any], **more: Any) -> str:
        (row,) = rows({"event": "e", "distinct_id": "a", **said}, **more)
        return row["time"].isoformat()

    at = "2026-11-18T10:00:00"
    assert time({}) == "2026-11-18T11:06:40+00:00"
    assert time({"timestamp": f"{at}+02:00"}) == "2026-11-18T08:00:00+00:00"
    assert time({"timestamp": at}) == "2026-11-18T10:00:00+00:00", "PostHog reads a time without a zone as UTC"
    assert time({"offset": 60_000}) == "2026-11-18T11:05:40+00:00"
    # The sender's clock is an hour and more behind: ours says when it arrived.
    assert time({"timestamp": f"{at}Z", "sent_at": "2026-11-18T10:00:01.000Z"}) == "2026-11-18T11:06:39+00:00"
    assert time({"timestamp": f"{at}Z"}, sent_ms="1794996001000") == "2026-11-18T11:06:39+00:00"
    assert time({"timestamp": f"{at}Z", "sent_at": "soon"}) == f"{at}+00:00"
    ignoring = {"timestamp": f"{at}Z", "properties": {"$ignore_sent_at": True}}
    assert time(ignoring, sent_ms="1794996001000") == f"{at}+00:00"


def test_what_stands_beside_the_properties_is_kept_with_them() -> None:
    said = {"event": "$identify", "distinct_id": "ada", "$set": {"plan": "pro"}, "$set_once": {"came": "letter"}}
    (row,) = rows({**said, "properties": {"$anon_distinct_id": "v7", "$set": {"seats": 2}}})
    assert (row["type"], row["subject"], row["anonymous_id"]) == ("user.identified", "ada", "v7")
    assert json.loads(row["properties"]) == {
        "came": "letter",
        "seats": 2,
        "plan": "pro",
        "$anon_distinct_id": "v7",
        "$set": {"seats": 2, "plan": "pro"},
        "$set_once": {"came": "letter"},
    }


def test_two_people_at_one_machine_stay_two() -> None:
    """`$device_id` outlives a `reset()`: it is nobody's name."""
    (row,) = rows({"event": "e", "distinct_id": "ada", "properties": {"$device_id": "d1", "$is_identified": True}})
    assert (row["subject"], row["anonymous_id"]) == ("ada", None)


@pytest.mark.parametrize(
    ("event", "properties", "type"),
    [
        ("$autocapture", {"$event_type": "click"}, "element.clicked"),
        ("$autocapture", {"$event_type": "submit"}, "element.submitted"),
        ("$autocapture", {"$event_type": "copy"}, "element.copy"),
        ("$autocapture", {"$event_type": 7}, "element.7"),
        ("$pageleave", {}, "page.left"),
        ("$exception", {}, "$exception"),
    ],
)
def test_names(event: str, properties: dict[str, Any], type: str) -> None:
    (row,) = rows({"event": event, "distinct_id": "a", "properties": properties})
    assert row["type"] == type
