"""Whatever comes, a running system says what is wrong with it: no 500, no silence, no row that nobody counts."""

from __future__ import annotations

import gzip
import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import hypothesis
import psutil
import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.cluster.words import BATCH, event, fresh, only_packed
from tests.running import Running

pytestmark = [pytest.mark.cluster, pytest.mark.slow, only_packed]

LONG_ADDRESS = 14_000
"""Bytes: HAProxy reads the head of a request into 16 kB."""
JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}
GZIP = {**BATCH, "content-encoding": "gzip"}


def many(examples: int) -> hypothesis.settings:
    return hypothesis.settings(
        max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, database=None
    )


def deep(levels: int) -> str:
    return json.dumps(event(data="@")).replace('"@"', "[" * levels + "]" * levels)


def bomb() -> bytes:
    """A hundred megabytes of zeros in a hundred kilobytes."""
    return gzip.compress(bytes(100 << 20), 6)


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("events.json", "[]")
    return out.getvalue()


REFUSED_WHOLE: dict[str, tuple[bytes | str, dict[str, str], int]] = {
    "nothing": (b"", BATCH, 400),
    "no JSON": (b"{'id': 1}", JSON, 400),
    "cut short": (json.dumps([event()])[:-9], BATCH, 400),
    "a number": (b"7", JSON, 400),
    "binary junk": (bytes(range(256)) * 40, BATCH, 400),
    "UTF-16": (json.dumps(event()).encode("utf-16"), JSON, 400),
    "another charset": (b"{}", {"content-type": "application/json; charset=latin-1"}, 415),
    "a picture": (b"\x89PNG", {"content-type": "image/png"}, 415),
    "a zip": (archive(), {**BATCH, "content-encoding": "zip"}, 415),
    "no gzip": (b"[]", GZIP, 400),
    "half a gzip": (gzip.compress(json.dumps([event() for _ in range(50)]).encode())[:-20], GZIP, 400),
    "a bomb": (bomb(), GZIP, 413),
    "too many rows": (b"[" + b",".join([b"{}"] * 10_001) + b"]", BATCH, 413),
    "six megabytes": (b"[" + b" " * 6_000_000 + b"]", BATCH, 413),
    "ten thousand levels": (b"[" * 10_000 + b"]" * 10_000, BATCH, 400),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED_WHOLE)
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(running: Running, what: str) -> None:
    body, headers, status = REFUSED_WHOLE[what]
    answer = running.post("/v1/events", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    said = answer.json()
    problem = said["error"] if "error" in said else said["rejected"][0]
    assert problem["field"]
    assert problem["reason"]


def test_a_body_without_an_end_is_not_held(running: Running) -> None:
    """200 MB whose length is not told beforehand: refused, and never in the gateway's memory."""
    (gateway,) = running.named("ray::ServeReplica:gateway")
    before, held = gateway.memory_info().rss, 0

    def endless() -> Iterator[bytes]:
        nonlocal held
        for _ in range(200):
            held = max(held, gateway.memory_info().rss - before)
            yield b" " * 1_000_000

    with suppress(httpx.TransportError):  # the connection may be closed before we have read the answer
        assert running.post("/v1/events", content=endless(), headers=BATCH).status_code == 413
    assert held < 60_000_000
    assert running.get("/health").status_code == 200


REFUSED_ROWS: dict[str, tuple[str, str]] = {
    "before computers": (json.dumps(event(time="1970-01-01T00:00:00Z")), "time"),
    "in the far future": (json.dumps(event(time="2100-01-01T00:00:00Z")), "time"),
    "no time at all": (json.dumps(event(time="soon")), "time"),
    "seconds since 1970": (json.dumps(event()).replace(event()["time"][:4], "17"), "time"),
    "unknown version": (json.dumps(event(specversion="3.0")), "specversion"),
    "no id": (json.dumps(event(id=None)), "id"),
    "a number for an id": (json.dumps(event(id=7)), "id"),
    "a long id": (json.dumps(event(id="x" * 10_000)), "id"),
    "an empty type": (json.dumps(event(type="")), "type"),
    "a list for a source": (json.dumps(event(source=["a"])), "source"),
    "not a number": (json.dumps(event(data={"x": float("nan")})), "data"),
    "too deep": (deep(200), "data"),
    "too large": (json.dumps(event(data={"x": "y" * 100_000})), "data"),
    "a NUL": (json.dumps(event(data={"x": "a\0b"})), "data"),
    "a lone surrogate": (json.dumps(event(data={"x": "\ud800"})), "data"),
    "an array": ("[1, 2]", "row"),
    "junk": ("}{", "row"),
}


UNREAD_MONEY: dict[str, tuple[str, str]] = {
    "beyond a float": (json.dumps(event(data={"value": 0})).replace(": 0}", ": 1e999}"), "data.value"),
    "infinite money": (json.dumps(event(data={"revenue": "Infinity", "currency": "EUR"})), "data.revenue"),
    "money beyond counting": (json.dumps(event(data={"revenue": 1e30, "currency": "EUR"})), "data.revenue"),
    "money of nowhere": (json.dumps(event(data={"revenue": 1, "currency": "ZZZ"})), "data.currency"),
}


def test_money_that_cannot_be_read_costs_no_event(running: Running) -> None:
    lines = [json.dumps(event()), *(row for row, _ in UNREAD_MONEY.values())]
    before = dead_letters(running)
    receipt = counted(running.post("/v1/events", content="\n".join(lines), headers=NDJSON), len(lines))
    assert (receipt["accepted"], receipt["success"]) == (len(lines), True)
    said = [(warning["index"], warning["field"]) for warning in receipt["warnings"]]
    assert said == list(enumerate((field for _, field in UNREAD_MONEY.values()), start=1))
    assert dead_letters(running) == before


def test_a_bad_row_is_refused_alone_and_kept_with_its_reason(running: Running) -> None:
    good = event()
    lines = [json.dumps(good), *(row for row, _ in REFUSED_ROWS.values())]
    before = dead_letters(running)
    receipt = counted(running.post("/v1/events", content="\n".join(lines), headers=NDJSON), len(lines))
    assert receipt["accepted"] == 1
    found = {names[v["index"] - 1]: v["field"] for v in receipt["rejected"] if (names := list(REFUSED_ROWS))}
    wrong = {what: (found.get(what), field) for what, (_, field) in REFUSED_ROWS.items() if found.get(what) != field}
    assert not wrong, wrong
    assert all(verdict["reason"] for verdict in receipt["rejected"])
    kept = running.sql(f"SELECT field, reason FROM dead_letters ORDER BY row_offset DESC LIMIT {len(REFUSED_ROWS)}")
    assert dead_letters(running) - before == len(REFUSED_ROWS)
    assert sorted(map(tuple, kept)) == sorted((v["field"], v["reason"]) for v in receipt["rejected"])


def counted(answer: httpx.Response, rows: int) -> dict[str, Any]:
    """The receipt, once it is seen to speak of every row."""
    assert answer.status_code in (200, 207, 400), answer.text
    receipt = answer.json()
    assert receipt["accepted"] + receipt["duplicate"] + receipt["rejected_total"] == rows, receipt
    return receipt


def dead_letters(running: Running) -> int:
    return running.sql("SELECT count(*) FROM dead_letters")[0][0]


# -- hypothesis ----------------------------------------------------------------------------------------------------------

anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
attribute = st.sampled_from(
    ["id", "source", "type", "specversion", "time", "subject", "data", "data_base64", "dataschema"]
)
money = st.fixed_dictionaries(
    {}, optional={"revenue": anything, "value": anything, "currency": anything, "total": anything}
)
messages = st.sampled_from(["track", "identify", "page", "screen", "group", "alias"])
field = st.sampled_from(["userId", "anonymousId", "timestamp", "sentAt", "properties", "traits", "event", "context", "type",
                         "groupId", "previousId", "messageId"])  # fmt: skip


def written(value: Any) -> str:
    return json.dumps(value, default=str)


def test_every_mutation_of_an_event_gets_a_verdict(running: Running) -> None:
    before, refused = dead_letters(running), 0

    @many(120)
    @given(st.lists(st.tuples(st.dictionaries(attribute, anything, max_size=3), money), min_size=1, max_size=30))
    def try_one(rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        nonlocal refused
        body = written([{**event(data=data), **changes} for changes, data in rows])
        refused += counted(running.post("/v1/events", content=body, headers=BATCH), len(rows))["rejected_total"]

    try_one()
    assert refused > 100
    assert dead_letters(running) - before == refused


def test_every_mutation_of_a_segment_message_gets_a_verdict(running: Running) -> None:
    before, refused = dead_letters(running), 0

    @many(120)
    @given(st.lists(st.tuples(messages, st.dictionaries(field, anything, max_size=4)), min_size=1, max_size=30))
    def try_one(rows: list[tuple[str, dict[str, Any]]]) -> None:
        nonlocal refused
        batch = [
            {"type": kind, "userId": "u", "messageId": fresh("m"), "event": "E", **changes} for kind, changes in rows
        ]
        answer = running.post("/v1/batch", content=written({"batch": batch}), headers=JSON)
        assert answer.status_code == 200, answer.text
        refused += counted(answer, len(rows))["rejected_total"]

    try_one()
    assert refused > 100
    assert dead_letters(running) - before == refused


@pytest.mark.parametrize("path", ["/v1/events", "/v1/batch", "/v1/track"])
def test_any_bytes_get_an_answer(running: Running, path: str) -> None:
    kinds = st.sampled_from(["application/json", BATCH["content-type"], NDJSON["content-type"], "", "text/plain"])
    tokens = st.lists(
        st.sampled_from(['{"id":', "[", "]", "}", "{", ",", '"', "1e999", "NaN", "\\u0000", "\x00", "null"])
    )

    @many(80)
    @given(st.binary(max_size=200) | tokens.map(lambda t: "".join(t).encode()), kinds)
    def try_one(body: bytes, kind: str) -> None:
        answer = running.post(path, content=body, headers={"content-type": kind})
        assert answer.status_code in (200, 207, 400, 415), answer.text
        said = answer.json()
        assert "accepted" in said or (said["error"]["reason"] and "ref" in said["error"])

    try_one()


# -- the document --------------------------------------------------------------------------------------------------------


def test_no_request_that_the_document_allows_or_forbids_breaks_it(running: Running) -> None:
    """Every operation of the OpenAPI document, with made-up arguments: documented answers in their documented form."""
    schema = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
    deadline = time.monotonic() + 90
    tried = 0
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.method.lower() == "put" and operation.path == "/v1/placement":
            continue  # moves every cell of the system that other tests hold to its placement; test_moves tries it
        case = operation.as_strategy() | operation.as_strategy(generation_mode=schemathesis.GenerationMode.NEGATIVE)

        @many(20)
        @given(case)
        def try_one(case: schemathesis.Case) -> None:
            nonlocal tried
            if time.monotonic() > deadline:
                return
            tried += 1
            answer = case.call(headers={"authorization": f"Bearer {running.key}"})
            assert answer.status_code < 500, f"{case.method} {case.path} -> {answer.status_code} {answer.text}"
            if len(str(answer.request.url)) > LONG_ADDRESS:
                assert answer.status_code in (200, 400, 414), (
                    "the proxy in front may refuse it by itself, in its own words"
                )
                return
            case.validate_response(answer, checks=[response_schema_conformance, content_type_conformance])

        try_one()
    assert tried > 200


def test_a_query_that_nothing_interrupts_is_ended_and_events_come_in_meanwhile(running: Running) -> None:
    endless = "SELECT levenshtein(repeat('ab', 200_000), repeat('ba', 200_000))"  # one call of one function
    with pytest.raises(httpx.ReadTimeout):
        running.post("/v1/query", json={"sql": endless}, timeout=2.0)  # whoever asked is gone, and so is the query
    refused = running.post("/v1/query", json={"sql": "SELECT length(repeat('x', 3_000_000_000))"}, timeout=120.0)
    assert refused.status_code == 400
    assert "MiB of memory" in refused.json()["error"]["reason"]
    running.post("/v1/events", json=event()).raise_for_status()
    assert running.post("/v1/query", json={"sql": "SELECT 1 AS one"}, timeout=120.0).json()["rows"] == [[1]]

    def used() -> dict[int, float]:
        found: dict[int, float] = {}
        for one in running.processes():
            with suppress(psutil.Error):
                if "query.apart.nursery" in one.cmdline():
                    found[one.pid] = one.cpu_times().user
        return found

    def busy() -> bool:
        before = used()
        time.sleep(1.0)
        return any(seconds - before.get(pid, 0.0) > 0.3 for pid, seconds in used().items())

    running.until(busy, False)
