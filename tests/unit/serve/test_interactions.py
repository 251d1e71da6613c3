"""Requests of one event that are decoded together get the answers, and commit the rows, that each alone would."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.edges.intake import Ack
from events.errors import Rejected
from serve.hosts import Hosts
from serve.ingest import decode_cloudevents, one_event
from serve.interactions import Answer, Interactions

GOOD: dict[str, Any] = {"specversion": "1.0", "id": "e", "source": "/shop", "type": "order.placed", "subject": "u1"}
JSON = "application/json"


class Collector:
    """Stands in for the hosts: accepts an id once, and refuses it with another subject."""

    def __init__(self) -> None:
        self.seen: dict[str, str | None] = {}
        self.rows: list[dict[str, Any]] = []
        self.dead: list[dict[str, Any]] = []
        self.pushes = 0

    async def push(self, cell: str, arrivals: pa.RecordBatch, refused: pa.RecordBatch | None) -> Ack:
        await asyncio.sleep(0.001)
        offset, verdict = len(self.rows), list[int]()
        for row in arrivals.drop_columns(["received", "time"]).to_pylist():
            known = row["id"] in self.seen
            verdict.append((1 if self.seen[row["id"]] == row["subject"] else 2) if known else 0)
            if not known:
                self.seen[row["id"]] = row["subject"]
                self.rows.append(row)
        self.dead += [] if refused is None else refused.drop_columns(["received", "time"]).to_pylist()
        self.pushes += 1
        return Ack(np.array(verdict, np.uint8).tobytes(), offset)


def sent(bodies: list[bytes], *, together: bool) -> tuple[list[Any], Collector]:
    """Answers (or errors) to requests: sent at once, or one after the other on the way of larger requests."""
    collector = Collector()

    async def story() -> list[Any]:
        interactions = Interactions(cast("Hosts", collector), ("cell",))

        async def alone(body: bytes) -> Answer:
            return await interactions.take(decode_cloudevents(body, JSON, {}, 1_795_495_200_000_000))

        async def either(body: bytes) -> Answer:
            text = one_event(body, JSON, {})
            return await (interactions.take_event(text) if text is not None else alone(body))

        if together:
            return await asyncio.gather(*map(either, bodies), return_exceptions=True)
        return [(await asyncio.gather(alone(body), return_exceptions=True))[0] for body in bodies]

    answers = asyncio.run(story())
    return [(a.field, a.reason) if isinstance(a, Rejected) else a for a in answers], collector


def the_same(bodies: list[bytes]) -> Collector:
    """A larger request may overtake events that wait, so offsets are compared by the rows that they name."""
    ours, collector = sent(bodies, together=True)
    alone, plain = sent(bodies, together=False)
    assert [named(answer, collector) for answer in ours] == [named(answer, plain) for answer in alone]
    assert sorted(map(str, collector.rows)) == sorted(map(str, plain.rows))
    assert sorted(map(str, collector.dead)) == sorted(map(str, plain.dead))
    return collector


def named(answer: Any, collector: Collector) -> Any:
    offset = answer["offset"] if isinstance(answer, dict) else None
    return answer if offset is None else {**answer, "offset": collector.rows[offset]}


def body(**changes: Any) -> bytes:
    return json.dumps({**GOOD, **changes}).encode()


def test_a_hundred_events_at_once_take_a_few_pushes() -> None:
    collector = the_same([body(id=f"e{n}", data={"n": n}) for n in range(100)])
    assert len(collector.rows) == 100
    assert collector.pushes <= 4


@pytest.mark.parametrize(
    "odd",
    [
        body(id="x", tenant="extension"),
        body(id="x", data_base64="AAEC"),
        body(id="x", data_base64="?"),
        body(id="x", data=[1, 2]),
        body(id="x", time="never"),
        body(id="x", data={"revenue": "free", "value": 10**400}),
        body(id="e3", data={"revenue": "free"}),
        body(id="x", type=7),
        body(id="x", data={"a": "b\0c"}),
        body(id="x", data={"deep": json.loads("[" * 40 + "]" * 40)}),
        body(id="e3"),
        body(id="e3", subject="someone else"),
        b'{"specversion": "1.0"}',
        body(id="x") + b"," + body(id="smuggled"),
        body(id="x")[:-1],
        b"{" * 100_000,
        b'{"id": "\xff"}',
        b"[]",
        b"[" + body(id="x") + b"]",
        b"",
        b" \n" + body(id="x") + b"\n",
        b"\xef\xbb\xbf" + body(id="x"),
    ],
)
def test_an_odd_one_gets_its_own_verdict_and_spoils_no_other(odd: bytes) -> None:
    plain = [body(id=f"e{n}") for n in range(8)]
    the_same([*plain[:5], odd, *plain[5:]])


def test_a_warning_is_said_and_counted_where_the_row_is_accepted() -> None:
    async def story() -> tuple[list[Answer], dict[str, int]]:
        interactions = Interactions(cast("Hosts", Collector()), ("cell",))
        odd = body(id="x", data={"revenue": 5, "currency": "coins"})
        return [await interactions.take_event(text) for text in (body(), odd, odd)], interactions.counts

    (plain, warned, again), counts = asyncio.run(story())
    assert (plain["warnings"], plain["warnings_total"]) == ([], 0)
    assert (warned["success"], warned["accepted"], warned["warnings_total"]) == (True, 1, 1)
    assert (warned["warnings"][0]["id"], warned["warnings"][0]["field"]) == ("x", "data.currency")
    assert (again["duplicate"], again["warnings_total"]) == (1, 0)
    assert counts == {"accepted": 2, "duplicate": 1, "rejected": 0, "warned": 1}


FIELD = st.sampled_from(
    ["id", "source", "type", "subject", "time", "data", "data_base64", "partitionkey", "specversion"]
)
VALUE = st.one_of(
    st.none(), st.text(max_size=6), st.integers(), st.dictionaries(st.text(max_size=3), st.text(max_size=3))
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), FIELD, VALUE), min_size=3, max_size=12))
def test_any_events_get_together_what_they_get_alone(changes: list[tuple[str, str, Any]]) -> None:
    ours, _ = sent([body(**{"id": id, field: value}) for id, field, value in changes], together=True)
    alone, _ = sent([body(**{"id": id, field: value}) for id, field, value in changes], together=False)
    # Events wait for each other, so which of two with one id comes first may differ: the fields that refuse do not.
    refusals = [[row for row in answer["rejected"] if row["field"] != "id"] for answer in ours]
    assert refusals == [[row for row in answer["rejected"] if row["field"] != "id"] for answer in alone]


@pytest.mark.parametrize(
    ("content_type", "headers"),
    [
        ("application/x-ndjson", {}),
        ("application/cloudevents-batch+json", {}),
        ("application/json; charset=latin-1", {}),
        ("application/json", {"CE-ID": "1"}),
        ("text/plain", {}),
    ],
)
def test_other_requests_are_no_single_event(content_type: str, headers: dict[str, str]) -> None:
    assert one_event(body(), content_type, headers) is None
    assert one_event(body(), "application/cloudevents+json; charset=UTF-8", {"ce-id": "1"}) == body()
