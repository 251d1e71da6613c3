"""Events in: what the real SDKs send is in the log, and every row gets its verdict."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from segment.analytics.client import Client as Segment

from hindcast.client import ApiError, Client
from tests.cluster.words import BATCH, event, fresh, only_packed, order
from tests.running import Running

pytestmark = pytest.mark.cluster


def stored(running: Running, *ids: str) -> list[list[Any]]:
    """(id, type, subject, amount, currency, properties) of rows of ``user_interactions``, in the order of the ids."""
    wanted = ", ".join(f"'{id}'" for id in ids)
    found = running.sql(
        f"SELECT id, type, subject, amount, currency, properties FROM user_interactions WHERE id IN ({wanted})"
    )
    return sorted(found, key=lambda row: ids.index(row[0]))


def dead(running: Running, id: str) -> list[list[Any]]:
    """(field, reason) of the dead letters of one id."""
    return running.sql(f"SELECT field, reason FROM dead_letters WHERE id = '{id}'")


# -- Segment -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [False, True])
def test_the_segment_sdk_speaks_to_it(running: Running, zipped: bool) -> None:
    refused: list[Any] = []
    sdk = Segment(running.key, host=running.url, gzip=zipped, on_error=lambda error, _: refused.append(error))
    user, ids = fresh("user"), [fresh("m") for _ in range(6)]
    paid = {"revenue": "39.95", "currency": "EUR", "order": 7}
    sdk.track(user, "Order Completed", paid, message_id=ids[0])
    sdk.page(user, "Docs", "Pricing", {"path": "/pricing"}, message_id=ids[1])
    sdk.screen(user, name="Home", message_id=ids[2])
    sdk.identify(user, {"plan": "pro"}, message_id=ids[3])
    sdk.group(user, "g1", {"seats": 4}, message_id=ids[4])
    sdk.alias("someone", user, message_id=ids[5])
    sdk.flush()
    sdk.shutdown()
    assert refused == []
    rows = stored(running, *ids)
    assert [row[1] for row in rows] == [
        "Order Completed", "page.viewed", "screen.viewed", "user.identified", "user.grouped", "user.aliased",
    ]  # fmt: skip
    assert {row[2] for row in rows} == {user}
    assert rows[0][3:5] == [3995, "EUR"]
    assert json.loads(rows[3][5]) == {"plan": "pro"}


def test_the_segment_sdk_is_told_of_bad_rows_without_losing_the_good(running: Running) -> None:
    """A 4xx would make it drop its whole batch: the answer is 200, the verdicts say the rest."""
    good, bad = fresh("m"), fresh("m")
    batch = [
        {"type": "track", "event": "Seen", "userId": "u", "messageId": good},
        {"type": "track", "event": "Seen", "messageId": bad},
    ]
    answer = running.http.post(
        "/v1/batch", json={"batch": batch}, auth=(running.key, ""), headers={"authorization": ""}
    )
    assert answer.status_code == 200, answer.text
    receipt = answer.json()
    assert (receipt["success"], receipt["accepted"], receipt["rejected_total"]) == (False, 1, 1)
    assert receipt["rejected"][0]["id"] == bad
    assert receipt["rejected"][0]["field"] == "userId"
    assert stored(running, good, bad)[0][0] == good
    assert dead(running, bad)[0][0] == "userId"


@only_packed
def test_segments_events_come_from_the_site_whose_key_they_bear(running: Running) -> None:
    site, id = fresh("site"), fresh("m")
    key = running.post("/v1/keys", json={"name": site, "scopes": ["ingest"]}).json()["key"]
    sdk = Segment(key, host=running.url)
    sdk.track(fresh("user"), "Lesson Started", message_id=id)
    sdk.flush()
    sdk.shutdown()
    assert running.sql(f"SELECT source FROM user_interactions WHERE id = '{id}'") == [[site]]


@only_packed
@pytest.mark.parametrize("kind", ["track", "identify", "page", "screen", "group", "alias"])
def test_each_segment_route_takes_its_message(running: Running, kind: str) -> None:
    more = {"track": {"event": "Did"}, "group": {"groupId": "g"}, "alias": {"previousId": "p"}}.get(kind, {})
    id = fresh("m")
    body = {"userId": "u", "messageId": id, "writeKey": running.key, **more}
    with_key_in_body = {"authorization": ""}
    answer = running.post(f"/v1/{kind}", json=body, headers=with_key_in_body)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text
    assert len(stored(running, id)) == 1


@only_packed
@pytest.mark.parametrize("path", ["/v1/b", "/v1/import", "/v1/import/"])
def test_phones_and_older_sdks_post_their_batches_elsewhere(running: Running, path: str) -> None:
    id = fresh("m")
    message = {"type": "track", "event": "Did", "userId": "u", "messageId": id}
    answer = running.post(path, json={"batch": [message], "writeKey": running.key}, headers={"authorization": ""})
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text
    assert len(stored(running, id)) == 1


@only_packed
def test_an_sdk_of_a_browser_or_phone_is_told_where_to_send(running: Running) -> None:
    settings = running.get(f"/v1/projects/{running.key}/settings", headers={"authorization": ""}).json()
    here = settings["integrations"]["Segment.io"]
    assert f"{here['protocol']}://{here['apiHost']}" == f"{running.url}/v1"
    assert running.get("/v1/projects/wk_nobody/settings").status_code == 404


# -- CloudEvents ---------------------------------------------------------------------------------------------------------


def cloud_event() -> CloudEvent:
    attributes = {"id": fresh("e"), "source": "/shop", "type": "order.placed", "specversion": "1.0", "subject": "ada",
                  "time": datetime.now(UTC), "datacontenttype": "application/json"}  # fmt: skip
    return CloudEvent(attributes, {"revenue": 12.5, "currency": "EUR"})


@pytest.mark.parametrize("mode", [to_structured_event, to_binary_event])
def test_the_cloudevents_sdk_speaks_to_it(running: Running, mode: Callable[[CloudEvent], Any]) -> None:
    sent = cloud_event()
    message = mode(sent)
    answer = running.post("/v1/events", content=message.body, headers=dict(message.headers))
    assert (answer.status_code, answer.json()["accepted"]) == (200, 1), answer.text
    assert [row[1:5] for row in stored(running, sent.get_id())] == [["order.placed", "ada", 1250, "EUR"]]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("form", ["batch", "ndjson"])
def test_many_events_in_one_request(running: Running, form: str, zipped: bool) -> None:
    events = [order(n / 100) for n in range(300)]
    if form == "batch":
        body, kind = json.dumps(events).encode(), BATCH["content-type"]
    else:
        body, kind = b"\n".join(json.dumps(e).encode() for e in events), "application/x-ndjson"
    headers = {"content-type": kind}
    if zipped:
        body, headers["content-encoding"] = gzip.compress(body), "gzip"
    answer = running.post("/v1/events", content=body, headers=headers)
    assert (answer.status_code, answer.json()["accepted"]) == (200, 300), answer.text
    rows = stored(running, *(e["id"] for e in events))
    assert [row[3] for row in rows] == list(range(300))


# -- verdicts ------------------------------------------------------------------------------------------------------------


def test_each_row_gets_a_verdict_of_its_own(running: Running) -> None:
    reused = fresh("e")
    events = [
        event(id=reused, type="first.seen"),
        event(type=None),
        event(id=reused, type="other.content"),
        event(time="yesterday"),
        event(),
    ]
    events.append(dict(events[0]))
    answer = running.post("/v1/events", json=events, headers=BATCH)
    receipt = answer.json()
    assert answer.status_code == 207
    assert (receipt["accepted"], receipt["duplicate"], receipt["rejected_total"]) == (2, 1, 3)
    assert [(v["index"], v["field"]) for v in receipt["rejected"]] == [(1, "type"), (2, "id"), (3, "time")]
    assert all(v["reason"] for v in receipt["rejected"])
    assert [field for field, _ in dead(running, events[1]["id"])] == ["type"]
    assert [field for field, _ in dead(running, events[3]["id"])] == ["time"]
    assert [field for field, _ in dead(running, reused)] == ["id"]
    assert [row[1] for row in stored(running, reused)] == ["first.seen"]


def test_a_request_without_a_good_row_is_wrong_as_a_whole(running: Running) -> None:
    answer = running.post("/v1/events", json=[event(source=None)], headers=BATCH)
    assert answer.status_code == 400
    assert answer.json()["rejected"][0]["field"] == "source"


def test_a_retry_counts_once(running: Running) -> None:
    events = [order(1.0) for _ in range(50)]
    first = running.post("/v1/events", json=events, headers=BATCH).json()
    again = running.post("/v1/events", json=events, headers=BATCH).json()
    assert (first["accepted"], again["accepted"], again["duplicate"]) == (50, 0, 50)
    assert len(stored(running, *(e["id"] for e in events))) == 50


def test_the_answer_says_where_the_rows_are(running: Running) -> None:
    first, second = event(), event()
    receipt = running.post("/v1/events", json=[first, second], headers=BATCH).json()
    page = running.get(
        "/v1/streams/user_interactions",
        params={"producer": "main/user_interactions/0", "after": receipt["offset"], "limit": 2},
    ).json()
    assert [row["id"] for row in page["rows"]] == [first["id"], second["id"]]
    assert [row["offset"] for row in page["rows"]] == [receipt["offset"], receipt["offset"] + 1]


def test_late_and_early_times_are_kept_as_they_are(running: Running) -> None:
    late = event(time="2026-01-02T03:04:05.678901+02:00")
    running.post("/v1/events", json=late).raise_for_status()
    assert running.sql(f"SELECT time FROM user_interactions WHERE id = '{late['id']}'")[0][0].startswith(
        "2026-01-02T01:04:05.678901"
    )


# -- Tables --------------------------------------------------------------------------------------------------------------


def test_a_table_is_in_the_log_once_and_its_bad_rows_are_dead_letters(running: Running) -> None:
    user = fresh("user")
    ids = [fresh("t") for _ in range(3)]
    table = pa.table({
        "type": ["order.placed", "order.placed", None], "subject": [user] * 3, "id": ids, "amount": [29.5, 0.1, 1.0],
        "currency": ["EUR"] * 3,
    })  # fmt: skip
    with Client(running.url, running.key) as client:
        first, again = client.send_table(table, source="warehouse"), client.send_table(table, source="warehouse")
    assert (first["accepted"], first["rejected_total"], first["rejected"][0]["field"]) == (2, 1, "type")
    assert (again["accepted"], again["duplicate"]) == (0, 2)
    rows = stored(running, *ids)
    assert [(row[1], row[2], row[3], row[4]) for row in rows] == [
        ("order.placed", user, 2950, "EUR"),
        ("order.placed", user, 10, "EUR"),
    ]
    assert dead(running, ids[2])[0] == ["type", "is required"]


def test_a_large_table_goes_in_parts(running: Running) -> None:
    source, n = fresh("large"), 45_000
    table = pa.table({"type": ["row.sent"] * n, "id": [f"{n}" for n in range(n)], "value": np.arange(n, dtype=float)})
    with Client(running.url, running.key) as client:
        assert client.send_table(table, source=source)["accepted"] == n
    assert running.sql(f"SELECT count(*), sum(value) FROM user_interactions WHERE source = '{source}'") == [
        [n, n * (n - 1) / 2]
    ]


def test_a_table_that_cannot_be_read_is_told_field_and_remedy(running: Running) -> None:
    with Client(running.url, running.key) as client, pytest.raises(ApiError) as caught:
        client.send_table(pa.table({"kind": ["a"]}))
    assert (caught.value.status, caught.value.field) == (400, "type")
    assert "name the column" in caught.value.reason
