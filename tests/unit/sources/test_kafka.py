"""Kafka topics: each message once, over restarts, transactions, new partitions and gaps."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fastavro
import msgspec
import pytest
from confluent_kafka import Producer, TopicPartition
from pydantic import ValidationError

from actors.parts import Within
from actors.source import Reader, Source
from events.catalog import USER_INTERACTIONS
from events.collected import BUSINESS_EVENTS
from events.errors import Rejected, Transient
from hindcast.testing import keeps_the_source_rules
from serve.sources import topics
from serve.sources.kafka import KIND
from serve.sources.kafka_settings import KafkaSection
from tests.kafka import broker, make_topic

NOW = 1_895_495_200_000_000
names = (f"t{n}" for n in range(10_000))


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    with broker() as where:
        yield where


class Topic:
    """A new topic, what is written into it, and a source that reads it."""

    def __init__(self, where: str, folder: Path, partitions: int = 1) -> None:
        self.where, self.folder, self.name = where, folder, next(names)
        make_topic(where, self.name, partitions)

    def put(self, *values: object, key: str | None = None, **more: Any) -> None:
        producer = Producer({"bootstrap.servers": self.where, "log_level": 0})
        for value in values:
            body = value if isinstance(value, bytes) or value is None else json.dumps(value).encode()
            producer.produce(self.name, body, key=key, **more)
        assert producer.flush(60) == 0

    def source(self, **said: Any) -> Callable[[], Source]:
        section = KafkaSection.model_validate({"brokers": [self.where], "topics": [self.name], **said})
        within = Within("t", self.folder, 0, self.folder, ("localhost",))
        return lambda: KIND.source(section, "shop", within)(lambda: NOW)

    def all(self, reader: Reader, n: int) -> list[dict[str, Any]]:
        """So many rows, and not more."""
        found: list[dict[str, Any]] = []
        for _ in range(100):
            found += reader.read().rows.to_pylist()
            if len(found) >= n:
                break
        found += reader.read().rows.to_pylist()
        assert len(found) == n, found
        return found


@pytest.fixture
def topic(kafka: str, tmp_path: Path) -> Topic:
    return Topic(kafka, tmp_path)


def test_each_message_is_a_row_wherever_the_reader_is_thrown_away(topic: Topic) -> None:
    topic.put(*({"n": n} for n in range(30)))
    found = keeps_the_source_rules(topic.source(batch=7), BUSINESS_EVENTS)
    assert found == [(f"{topic.name}/0/{n}",) for n in range(30)]


def test_several_partitions_come_in_any_order_and_each_message_once(kafka: str, tmp_path: Path) -> None:
    topic = Topic(kafka, tmp_path, partitions=3)
    topic.put(*({"n": n} for n in range(30)), key=None)
    for n in range(30, 60):
        topic.put({"n": n}, partition=n % 3)
    make, position = topic.source(batch=7, value="n"), None
    found: list[float] = []
    for _ in range(100):
        reader = make().open(position)  # a new one for each read, as after a kill
        read = reader.read()
        reader.close()
        found += read.rows.column("value").to_pylist()
        position = read.position
        if len(found) >= 60:
            break
    assert sorted(found) == list(range(60))


def test_a_message_says_what_it_is_by_the_mapping(topic: Topic) -> None:
    order = {"order": "o1", "who": "ada", "revenue": 12.5, "currency": "ZAR"}
    topic.put(order, key="k", timestamp=1_795_495_200_000)
    reader = topic.source(id="order", type="order.paid", subject="who")().open(None)
    (row,) = topic.all(reader, 1)
    assert (row["id"], row["type"], row["subject"], row["amount"], row["currency"]) == (
        "o1",
        "order.paid",
        "ada",
        1250,
        "ZAR",
    )
    assert row["time"].timestamp() == 1_795_495_200
    assert json.loads(row["properties"]) == order
    assert row["source"] == "shop"


def test_what_is_no_json_is_refused_with_its_reason_and_the_rest_goes_on(topic: Topic) -> None:
    topic.put(b"<html>", {"n": 1})
    reader = topic.source()().open(None)
    refused: list[dict[str, Any]] = []
    rows = 0
    while rows < 1 or not refused:
        read = reader.read()
        rows += read.rows.num_rows
        refused += read.refused.to_pylist() if read.refused else []
    assert [(r["field"], r["payload"]) for r in refused] == [("value", b"<html>")]
    assert "is no JSON" in refused[0]["reason"]


def test_a_message_without_a_value_says_that_its_key_is_gone(topic: Topic) -> None:
    topic.put({"n": 1}, None, key="k")
    first, gone = topic.all(topic.source(removed="order.removed")().open(None), 2)
    assert (first["type"], gone["type"], gone["subject"]) == ("item.read", "order.removed", "k")


def test_the_envelope_has_key_and_headers(topic: Topic) -> None:
    topic.put({"n": 7}, key="k", headers={"kind": "order.sent"})
    said = {"envelope": True, "type_from": "headers.kind", "value": "value.n", "properties": "value"}
    (row,) = topic.all(topic.source(**said)().open(None), 1)
    assert (row["type"], row["value"], row["properties"]) == ("order.sent", 7.0, '{"n":7}')


def test_events_go_where_those_of_http_go(topic: Topic) -> None:
    pretty = json.dumps({"type": "lesson.done", "subject": "ada", "data": {"n": 1}, "id": "e1"}, indent=2).encode()
    topic.put(pretty, {"type": 5})
    source = topic.source(format="events")
    assert (
        KIND.into(KafkaSection.model_validate({"brokers": ["a:1"], "topics": ["t"], "format": "events"}))
        is USER_INTERACTIONS
    )
    reader = source().open(None)
    reads = [reader.read() for _ in range(6)]
    rows = [row for read in reads for row in read.rows.to_pylist()]
    refused = [row for read in reads if read.refused for row in read.refused.to_pylist()]
    assert [(row["id"], row["type"], row["subject"]) for row in rows] == [("e1", "lesson.done", "ada")]
    assert [row["field"] for row in refused] == ["type"]


def test_what_a_transaction_took_back_is_not_read(topic: Topic) -> None:
    producer = Producer({"bootstrap.servers": topic.where, "transactional.id": topic.name, "log_level": 0})
    producer.init_transactions(60)
    for n, kept in ((1, True), (2, True)):
        producer.begin_transaction()
        producer.produce(topic.name, json.dumps({"n": n}).encode())
        producer.commit_transaction(60) if kept else producer.abort_transaction(60)
    rows = topic.all(topic.source(value="n")().open(None), 2)
    assert [row["value"] for row in rows] == [1, 2]


def test_a_partition_that_the_position_does_not_know_is_read_from_its_first_message(kafka: str, tmp_path: Path) -> None:
    topic = Topic(kafka, tmp_path, partitions=2)
    topic.put({"n": 1}, partition=0)
    topic.put({"n": 2}, partition=1)
    before = msgspec.msgpack.encode(topics.Place({topic.name: {0: 1}}))  # from when it had only one
    assert [row["value"] for row in topic.all(topic.source(value="n")().open(before), 1)] == [2]


def test_a_start_at_the_latest_misses_nothing_from_then_on(topic: Topic) -> None:
    topic.put({"n": 1})
    make = topic.source(start="latest", value="n")
    reader = make().open(None)
    position = reader.read().position
    reader.close()
    topic.put({"n": 2})
    assert [row["value"] for row in topic.all(make().open(position), 1)] == [2]


@pytest.fixture(scope="module")
def mock() -> Iterator[tuple[Producer, str]]:
    """librdkafka's mock cluster: it answers as Kafka does where an offset is out of range."""
    producer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    (described,) = producer.list_topics(timeout=30).brokers.values()
    yield producer, f"{described.host}:{described.port}"


def section(where: str, name: str, **said: Any) -> KafkaSection:
    return KafkaSection.model_validate({"brokers": [where], "topics": [name], **said})


def open_at(where: str, name: str, folder: Path, position: bytes | None, **said: Any) -> Reader:
    within = Within("t", folder, 0, folder, ("127.0.0.1", "localhost"))
    return KIND.source(section(where, name, **said), "shop", within)(lambda: NOW).open(position)


def read_until(reader: Reader, rows: int) -> tuple[list[dict[str, Any]], list[str]]:
    found: list[dict[str, Any]] = []
    notes: list[str] = []
    for _ in range(120):
        read = reader.read()
        found += read.rows.to_pylist()
        notes += [read.note] if read.note else []
        if len(found) >= rows:
            return found, notes
    raise AssertionError(f"only {len(found)} rows came")


def test_a_topic_that_was_made_anew_is_said_and_waits_for_a_hand(mock: tuple[Producer, str], tmp_path: Path) -> None:
    producer, where = mock
    producer.produce("anew", b'{"n": 1}', partition=0)
    assert producer.flush(60) == 0
    beyond = msgspec.msgpack.encode(topics.Place({"anew": {0: 1_000}}))
    reader = open_at(where, "anew", tmp_path, beyond, partitions=[0])
    with pytest.raises(Rejected, match=r"was read up to 1000; was the topic made anew\?. Set `gap: skip`"):
        read_until(reader, 1)
    reader.close()
    reader = open_at(where, "anew", tmp_path, beyond, partitions=[0], gap="skip")
    found, notes = read_until(reader, 1)
    assert len(found) == 1
    assert "it goes on at 0" in notes[0]


def test_messages_that_were_deleted_unread_are_said(
    mock: tuple[Producer, str], tmp_path: Path, monkeypatch: Any
) -> None:
    producer, where = mock
    for n in range(5):
        producer.produce("cut", json.dumps({"n": n}).encode(), partition=0)
    assert producer.flush(60) == 0
    real = topics.Topics._bounds  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(topics.Topics, "_bounds", lambda self, t, p: (3, real(self, t, p)[1]))  # as retention leaves it
    early = msgspec.msgpack.encode(topics.Place({"cut": {0: 1}}))
    with pytest.raises(Rejected, match="messages 1 to 2 were deleted before they were read"):
        open_at(where, "cut", tmp_path, early, partitions=[0]).read()
    found, notes = read_until(open_at(where, "cut", tmp_path, early, partitions=[0], gap="skip", value="n"), 2)
    assert [row["value"] for row in found] == [3, 4]
    assert "messages 1 to 2 were deleted" in notes[0]


def test_a_broker_that_is_away_is_an_error_that_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "ANSWER_S", 0.5)
    reader = open_at("127.0.0.1:9", "orders", tmp_path, None)
    with pytest.raises(Transient, match=r"Kafka at 127\.0\.0\.1:9: "):
        reader.read()
    reader.close()


def test_a_private_broker_is_asked_only_by_name(tmp_path: Path) -> None:
    within = Within("t", tmp_path, 0, tmp_path)
    with pytest.raises(Rejected, match=r"fetching\.allow_private"):
        KIND.source(section("127.0.0.1:9", "orders"), "shop", within)(lambda: NOW).open(None)


ORDER = {
    "type": "record",
    "name": "Order",
    "fields": [{"name": "n", "type": "int"}, {"name": "at", "type": ["null", "string"]}],
}


def avro(value: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(ORDER), value)
    return out.getvalue()


def test_avro_values_by_the_number_of_their_schema(topic: Topic) -> None:
    path = topic.folder / "order.avsc"
    path.write_text(json.dumps(ORDER))
    topic.put(b"\0" + (7).to_bytes(4) + avro({"n": 5, "at": "x"}), b"\0" + (8).to_bytes(4) + avro({"n": 6, "at": None}))
    reader = topic.source(format="avro", avro={"schema_files": {7: str(path)}}, value="n")().open(None)
    reads = [reader.read() for _ in range(5)]
    assert [row["value"] for read in reads for row in read.rows.to_pylist()] == [5]
    (refused,) = [row for read in reads if read.refused for row in read.refused.to_pylist()]
    assert "schema 8, which `avro.schema_files` does not have" in refused["reason"]


def test_protobuf_values_by_their_descriptor(topic: Topic) -> None:
    from google.protobuf import descriptor_pb2, timestamp_pb2

    described = descriptor_pb2.FileDescriptorSet()
    timestamp_pb2.DESCRIPTOR.CopyToProto(described.file.add())
    path = topic.folder / "time.desc"
    path.write_bytes(described.SerializeToString())
    topic.put(timestamp_pb2.Timestamp(seconds=1_795_495_200).SerializeToString())
    said = {"descriptors": str(path), "message": "google.protobuf.Timestamp"}
    (row,) = topic.all(topic.source(format="protobuf", protobuf=said)().open(None), 1)
    assert "2026-11-24T04:40:00Z" in row["properties"]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"topics": []}, "at least 1 item"),
        ({"brokers": ["kafka"]}, "pattern"),
        ({"format": "avro"}, "`format: avro` and `avro` go together"),
        ({"format": "events", "subject": "who"}, "events say for themselves"),
        ({"security": "sasl_ssl"}, "`username` and `password` go with"),
        ({"password": "hunter2"}, "pattern"),
    ],
)
def test_settings_that_cannot_be_are_refused(said: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        KafkaSection.model_validate({"brokers": ["k:1"], "topics": ["t"], **said})


def test_nothing_is_committed_to_kafka(topic: Topic) -> None:
    topic.put({"n": 1})
    reader = topic.source()().open(None)
    topic.all(reader, 1)
    asked = TopicPartition(topic.name, 0)
    assert reader._consumer.committed([asked], timeout=30)[0].offset < 0  # type: ignore[attr-defined]  # pyright: ignore
