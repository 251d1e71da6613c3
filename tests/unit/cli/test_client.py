"""The client against a server that is at times busy, slow or of another opinion."""

from __future__ import annotations

import asyncio
import inspect
import json
import time
import uuid
from typing import Any

import httpx
import pytest

from events.errors import Rejected
from hindcast.client import ApiError, AsyncClient, Client, Unreachable
from hindcast.client.call import Call, Operation, operation
from hindcast.client.exchange import exchange
from hindcast.client.operations import PARTS, Operations
from hindcast.client.sending import uuid7


def event(n: int, **more: Any) -> dict[str, Any]:
    return {"type": "order.placed", "subject": f"u{n}", "data": {"n": n}, **more}


def test_a_local_client_finds_its_system(served: Any) -> None:
    with Client.local(served.data_dir) as client:
        assert client.send([event(1)])["accepted"] == 1
        assert client.query("SELECT subject, type FROM user_interactions") == [
            {"subject": "u1", "type": "order.placed"}
        ]
        assert client.ready()
        assert client.status()["cells"][0]["state"] == "running"


def test_without_a_system_the_remedy_is_named(tmp_path: Any) -> None:
    with pytest.raises(Rejected, match=r"hindcast up"):
        Client.local(tmp_path)


def test_large_sends_go_in_batches_and_verdicts_keep_their_places(served: Any) -> None:
    events = [event(i, type="bad") if i == 1500 else event(i) for i in range(2500)]
    receipt = Client.local(served.data_dir).send(iter(events))
    assert (receipt["accepted"], receipt["rejected_total"], receipt["success"]) == (2499, 1, False)
    assert [verdict["index"] for verdict in receipt["rejected"]] == [1500]
    sizes = [len(json.loads(body)) for _, path, body in served.requests if path == "/v1/events"]
    assert sizes == [1000, 1000, 500]


def test_a_busy_server_gets_the_same_ids_again_when_it_asked(served: Any) -> None:
    served.busy(503, 0.2)
    served.busy(429, 0.3)
    started = time.monotonic()
    assert Client.local(served.data_dir).send([event(1), event(2)])["accepted"] == 2
    assert 0.5 <= time.monotonic() - started < 60
    bodies = [body for _, path, body in served.requests if path == "/v1/events"]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    ids = {e["id"] for e in json.loads(bodies[0])}
    assert len(ids) == 2
    assert all(uuid.UUID(id).version == 7 for id in ids)


def test_a_lost_answer_is_repeated_only_where_that_is_harmless() -> None:
    def steps(repeatable: bool) -> Any:
        call = Call("POST", "/x", lambda answer: answer.status_code, repeatable=repeatable)
        generator = exchange(call, 3)
        assert next(generator) == 0.0
        return generator

    assert steps(True).send(httpx.ReadTimeout("lost")) > 0
    with pytest.raises(Unreachable):
        steps(False).send(httpx.ReadTimeout("lost"))
    assert steps(False).send(httpx.ConnectError("never arrived")) > 0


def test_giving_up_says_what_was_heard(served: Any) -> None:
    for _ in range(3):
        served.busy(503, 0)
    with pytest.raises(Unreachable, match=r"3 tries.*consumers lag"):
        Client.local(served.data_dir, tries=3).streams()
    with pytest.raises(Unreachable, match="ConnectError"):
        Client("127.0.0.1:1", "k", tries=2).streams()


def test_a_refusal_names_field_reason_and_reference(served: Any) -> None:
    with pytest.raises(ApiError) as refused:
        Client(served.url, "wrong").streams()
    assert (refused.value.status, refused.value.field, refused.value.ref) == (401, "key", "r1")
    with pytest.raises(ApiError, match=r"Candidate bindings|Columns of"):
        Client.local(served.data_dir).query("SELECT nope FROM user_interactions")
    assert len([1 for _, path, _ in served.requests if path == "/v1/query"]) == 1


def test_when_all_rows_are_rejected_there_is_still_a_receipt(served: Any) -> None:
    receipt = Client.local(served.data_dir).send([event(1, type="bad")])
    assert (receipt["accepted"], receipt["rejected"][0]["reason"]) == (0, "is bad")


def test_segment_messages_and_cloudevents_go_where_they_belong(served: Any) -> None:
    client = Client.local(served.data_dir)
    mixed = [event(1), {"type": "track", "event": "Signed up", "userId": "u"}, {"specversion": "1.0", **event(2)}]
    assert client.send(mixed)["accepted"] == 3
    assert [path for _, path, _ in served.requests] == ["/v1/events", "/v1/batch", "/v1/events"]
    assert client.track("Signed up", "u1", {"plan": "pro"})["accepted"] == 1


def test_a_misspelt_attribute_is_refused_before_anything_is_sent(served: Any) -> None:
    with pytest.raises(Rejected, match="typ: is no attribute"):
        Client.local(served.data_dir).send([{"typ": "x"}])
    assert served.requests == []


def test_tail_gives_old_rows_and_then_new_ones(served: Any) -> None:
    client = Client.local(served.data_dir)
    client.send([event(i, id=f"e{i}") for i in range(5)])
    following = client.tail("user_interactions", last=2, every_s=0.02)
    assert [next(following)["id"], next(following)["id"]] == ["e3", "e4"]
    client.send([event(5, id="e5")])
    assert next(following)["id"] == "e5"
    assert [row["id"] for row in client.tail("user_interactions", last=1, follow=False)] == ["e5"]


def test_answers_come_as_arrow_with_their_types(served: Any) -> None:
    client = Client.local(served.data_dir)
    client.send([event(1)])
    table = client.query(
        "SELECT time, 1::BIGINT AS n, sum(2)::HUGEINT AS big, 1.50::DECIMAL(9,2) AS money, DATE '2026-01-31' AS day, "
        "[1] AS l FROM user_interactions GROUP BY ALL",
        form="arrow",
    )
    types = [
        "timestamp[us, tz=UTC]",
        "int64",
        "decimal128(38, 0)",
        "decimal128(9, 2)",
        "date32[day]",
        "list<item: int64>",
    ]
    assert [str(type_) for type_ in table.schema.types] == types
    assert str(table["money"][0].as_py()) == "1.50"
    assert client.query("SELECT 1::BIGINT AS n WHERE false", form="arrow").num_rows == 0
    with pytest.warns(RuntimeWarning, match="cut after 2 rows"):
        client.query("FROM range(9)", limit=2)


def test_asyncio_does_the_same(served: Any) -> None:
    async def story() -> None:
        served.busy(503, 0.1)
        async with AsyncClient.local(served.data_dir) as client:
            receipt = await client.send(event(i, id=f"e{i}") for i in range(1001))
            assert receipt["accepted"] == 1001
            assert (await client.query("SELECT count(*) AS n FROM user_interactions")) == [{"n": 1001}]
            found = [row["id"] async for row in client.tail("user_interactions", last=1, follow=False)]
            assert found == ["e1000"]
            assert await client.ready(1.0)
            with pytest.raises(ApiError):
                await client.query("SELECT")

    asyncio.run(story())


def test_both_clients_have_the_same_calls() -> None:
    assert {n for n in dir(Client) if n[0] != "_"} == {n for n in dir(AsyncClient) if n[0] != "_"}


def test_a_described_operation_says_what_it_takes_and_answers() -> None:
    """As an editor and ``help`` show it: the answer's type, not that of the request."""
    for client in (Client, AsyncClient):
        assert str(inspect.signature(client.metrics)).endswith(
            "valid_at: 'datetime | str | None' = None) -> 'list[Sample]'"
        )
        assert inspect.getdoc(client.metrics).startswith("List the samples of a metric")
    for name, one in [item for part in PARTS for item in vars(part).items()]:
        assert name[0] == "_" or isinstance(one, Operation), f"{name} describes no operation"
        assert name[0] == "_" or inspect.getdoc(one), f"{name} has no docstring: it is the help of two clients"


def test_an_operation_is_described_in_one_place(served: Any) -> None:
    """A method that is added to a class of operations is one of a client that waits and of one that is awaited."""

    class Added(Operations):
        @operation()
        def count(self, stream: str) -> Call[int]:
            """Count the rows of a stream."""
            return Call(
                "GET", "/v1/streams", lambda a: next(s["rows"] for s in a.json()["streams"] if s["name"] == stream)
            )

    class AddedClient(Client, Added):
        pass

    class AddedAsyncClient(AsyncClient, Added):
        pass

    async def awaited() -> int:
        async with AddedAsyncClient.local(served.data_dir) as client:
            return await client.count("user_interactions")

    with AddedClient.local(served.data_dir) as client:
        client.send([event(1)])
        assert client.count("user_interactions") == 1
    assert asyncio.run(awaited()) == 1


def test_uuid7_sorts_by_time() -> None:
    first = uuid7()
    time.sleep(0.002)
    assert first < uuid7()
    assert uuid.UUID(first).version == 7
