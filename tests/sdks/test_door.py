"""Segment's HTTP API under all of its paths: what each SDK says on the wire is taken, and only once."""

from __future__ import annotations

import gzip
import json
from typing import Any

import httpx
import pytest

from tests import patient
from tests.sdks.conftest import ORIGIN
from tests.sdks.door import Door

SHOP = ("wk_shop", "")
TRACK = {"type": "track", "event": "Order", "userId": "u1", "messageId": "m1"}
LETTERS = {
    "t": ({"event": "Order"}, "Order"),
    "p": ({"name": "Home"}, "page.viewed"),
    "s": ({"name": "Home"}, "screen.viewed"),
    "i": ({"traits": {"plan": "pro"}}, "user.identified"),
    "g": ({"groupId": "g1"}, "user.grouped"),
    "a": ({"previousId": "old"}, "user.aliased"),
}


def post(door: Door, path: str, body: Any, auth: tuple[str, str] | None = SHOP, **headers: str) -> httpx.Response:
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    return patient.post(
        f"{door.url}{path}", content=text, auth=auth, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@pytest.mark.parametrize("letter", LETTERS)
@pytest.mark.parametrize("with_type", [True, False])
def test_a_browser_posts_each_kind_to_its_letter(door: Door, letter: str, with_type: bool) -> None:
    more, type_ = LETTERS[letter]
    kind = {"t": "track", "p": "page", "s": "screen", "i": "identify", "g": "group", "a": "alias"}[letter]
    body = {"userId": "u1", "messageId": "m1", "writeKey": "wk_shop", **({"type": kind} if with_type else {}), **more}
    answer = post(door, f"/v1/{letter}", body, auth=None, content_type="text/plain")
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text
    assert [(row["type"], row["source"]) for row in door.rows] == [(type_, "shop")]


@pytest.mark.parametrize("path", ["/v1/b", "/v1/batch", "/v1/import", "/v1/import/"])
def test_phones_and_older_servers_post_batches_elsewhere(door: Door, path: str) -> None:
    answer = post(
        door, path, {"batch": [TRACK], "sentAt": "2026-01-01T00:00:00.000Z", "writeKey": "wk_shop"}, auth=None
    )
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text
    assert post(door, path, {"batch": [TRACK]}, auth=("wk_nobody", "")).status_code == 401


def test_a_phone_streams_its_batch_zipped_as_plain_text(door: Door) -> None:
    """As analytics-kotlin does: no length, and a content type that says nothing."""
    zipped = gzip.compress(
        json.dumps({"batch": [TRACK], "sentAt": "2026-01-01T00:00:00.000Z", "writeKey": "wk_shop"}).encode()
    )
    headers = {"content-type": "text/plain", "content-encoding": "gzip"}
    answer = patient.post(f"{door.url}/v1/b", content=iter([zipped[:20], zipped[20:]]), headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text


def test_an_sdk_is_told_where_to_send_and_to_load_nothing_else(door: Door) -> None:
    answer = patient.get(f"{door.url}/v1/projects/wk_shop/settings", headers={"origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    found = answer.json()
    assert list(found["integrations"]) == ["Segment.io"]
    here = found["integrations"]["Segment.io"]
    assert f"{here['protocol']}://{here['apiHost']}" == f"{door.url}/v1"
    assert here["apiKey"] == "wk_shop"
    assert found["metrics"]["sampleRate"] == 0
    behind_tls = patient.get(f"{door.url}/v1/projects/wk_shop/settings", headers={"x-forwarded-proto": "https"})
    assert behind_tls.json()["integrations"]["Segment.io"]["protocol"] == "https"
    unknown = patient.get(f"{door.url}/v1/projects/wk_nobody/settings")
    assert (unknown.status_code, unknown.json()["error"]["field"]) == (404, "writeKey")


def test_what_an_sdk_says_of_its_own_health_is_no_event(door: Door) -> None:
    assert patient.post(f"{door.url}/v1/m", content='{"series":[]}', headers={"origin": ORIGIN}).status_code == 204
    assert door.rows == []


def preflight(door: Door, origin: str, path: str = "/v1/t") -> httpx.Response:
    asked = {"origin": origin, "access-control-request-method": "POST",
             "access-control-request-headers": "authorization,content-type,x-retry-count,x-mine"}  # fmt: skip
    return patient.options(f"{door.url}{path}", headers=asked)


@pytest.mark.parametrize("path", ["/v1/t", "/v1/b", "/v1/events", "/v1/query"])
def test_a_page_of_a_configured_origin_may_send(door: Door, path: str) -> None:
    answer = preflight(door, ORIGIN, path)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = {name.strip().lower() for name in answer.headers["access-control-allow-headers"].split(",")}
    assert {"authorization", "content-type", "x-retry-count", "x-mine"} <= allowed
    assert "access-control-allow-credentials" not in answer.headers
    sent = post(door, "/v1/t", {**TRACK}, origin=ORIGIN)
    assert sent.headers["access-control-allow-origin"] == ORIGIN
    assert sent.headers["access-control-expose-headers"] == "retry-after"


def test_a_page_of_another_origin_is_told_what_is_missing(door: Door) -> None:
    answer = preflight(door, "https://other.example")
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert "https://other.example" in answer.json()["error"]["reason"]
    assert "server.cors_origins" in answer.json()["error"]["reason"]


def test_three_equal_clicks_are_three_events(door: Door) -> None:
    click = {"event": "Click", "userId": "u1"}
    answers = [post(door, "/v1/track", click).json() for _ in range(3)]
    assert [(a["accepted"], a["duplicate"]) for a in answers] == [(1, 0)] * 3
    assert len({row["id"] for row in door.rows}) == 3


def test_a_request_that_is_sent_again_under_its_own_key_counts_once(door: Door) -> None:
    batch = {"batch": [{"type": "track", "event": "Click", "userId": "u1"}] * 2}
    answers = [post(door, "/v1/batch", batch, idempotency_key=key).json() for key in ("a", "a", "b")]
    assert [(a["accepted"], a["duplicate"]) for a in answers] == [(2, 0), (0, 2), (2, 0)]
    elsewhere = post(door, "/v1/batch", batch, auth=("wk_blog", ""), idempotency_key="a").json()
    assert elsewhere["accepted"] == 2


def test_equal_ids_of_two_products_are_two_events_and_of_one_products_keys_one(door: Door) -> None:
    door.key("wk_shop_next", "shop")
    answers = [post(door, "/v1/t", TRACK, auth=(key, "")).json() for key in ("wk_shop", "wk_blog", "wk_shop_next")]
    assert [(a["accepted"], a["duplicate"]) for a in answers] == [(1, 0), (1, 0), (0, 1)]


def test_money_that_cannot_be_read_warns_and_the_event_is_kept(door: Door) -> None:
    answer = post(door, "/v1/t", {**TRACK, "properties": {"revenue": 5, "currency": "coins"}}).json()
    assert (answer["success"], answer["accepted"], answer["warnings_total"]) == (True, 1, 1)
    assert (answer["warnings"][0]["id"], answer["warnings"][0]["field"]) == ("m1", "properties.currency")
    assert [(row["amount"], json.loads(row["properties"])["currency"]) for row in door.rows] == [(None, "coins")]


def test_a_cloudevent_in_binary_mode_says_what_it_means_over_the_wire(door: Door) -> None:
    known = {"ce-specversion": "1.0", "ce-id": "e1", "ce-source": "/shop", "ce-type": "order.placed"}
    headers = [*known.items(), ("content-type", "text/plain"), ("authorization", "Bearer wk_shop")]
    quoted, raw_latin1 = ("ce-subject", '"Z%C3%BCrich"'), ("ce-subject", b"Z\xfcrich")
    good = patient.post(f"{door.url}/v1/events", headers=[*headers, quoted], content=b"hello")
    assert (good.status_code, door.rows[0]["subject"]) == (200, "Zürich")
    raw = patient.post(f"{door.url}/v1/events", headers=[*headers, raw_latin1], content=b"x")
    assert (raw.status_code, raw.json()["error"]["field"]) == (400, "ce-subject")
