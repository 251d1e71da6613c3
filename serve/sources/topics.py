"""What reads the source ``kafka``: partitions of topics, from committed offsets on.

The offsets stand in our own log, committed together with the rows, so Kafka's consumer groups are not used: partitions are
assigned by hand, each at its committed offset, and nothing is ever committed to Kafka. That gives each message once, also
those of transactions (``read_committed``), over kills of either side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import confluent_kafka as ck
import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from actors.edges.guard import Guard
from actors.edges.secrets import secret_at
from actors.parts import Within
from actors.source import Read
from events.errors import Rejected, Transient
from serve.sources import messages
from serve.sources.kafka_settings import KafkaSection

Partition = tuple[str, int]
WAIT_S = 0.5
"""For messages, where there are none."""
ANSWER_S = 8.0
"""For what a broker is asked."""
LOOK_S = 30.0
"""So often it is looked whether there are new partitions, and whether those that are read still have what comes next."""


class Place(msgspec.Struct, omit_defaults=True):
    """A position."""

    next: dict[str, dict[int, int]] = {}
    """By topic and partition: the offset of the message that comes next."""


class KafkaStreamProcessor:
    """A source of the stream that its settings choose. ``now`` gives microseconds UTC."""

    def __init__(self, said: KafkaSection, within: Within, source: str, now: Callable[[], int]) -> None:
        self.said, self.within, self.source, self.now = said, within, source, now

    def open(self, position: bytes | None) -> Topics:
        place = msgspec.msgpack.decode(position, type=Place) if position else Place()
        return Topics(self, place)


class Topics:
    """The topics, open: their partitions are assigned, each where it is to go on."""

    def __init__(self, source: KafkaStreamProcessor, place: Place) -> None:
        self._source, self._said, self._place = source, source.said, place
        self._messages = messages.Messages(source.said, source.within, source.source)
        self._error: KafkaError | None = None
        self._consumer = ck.Consumer(self._options())
        self._ends: dict[Partition, int] = {}
        self._out_of_range: set[Partition] = set()
        """Where the broker said that it has not what comes next. That is asked only of it: what it says of a partition's
        end may lag behind."""
        self._looked_at = 0.0
        self._notes: list[str] = []

    def read(self) -> Read:
        """The next messages, ``batch`` at most. Raises ``Transient`` where no broker answers, ``Rejected`` at a gap."""
        if not self._looked_at or time.monotonic() - self._looked_at > LOOK_S:
            self._look()
        found = list(self._consumed())
        now = self._source.now()
        rows, refused, note = self._messages.rows(found, now)
        notes, self._notes = [*self._notes, *([note] if note else [])], []
        wake_at = None if found else now
        return Read(rows, self._position(), wake_at, refused, self._behind(), "; ".join(notes))

    def close(self) -> None:
        self._consumer.close()

    # -- messages --------------------------------------------------------------------------------------------------

    def _consumed(self) -> Iterator[messages.Message]:
        for message in self._consumer.consume(self._said.batch, WAIT_S):
            error = message.error()
            if error is None:
                yield self._as_said(message)
            elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                self._out_of_range.add((str(message.topic()), int(message.partition() or 0)))
                self._looked_at = 0.0  # the next read looks at what is there, and says what is gone
            elif error.code() not in (KafkaError._PARTITION_EOF, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
                self._error = error
        error, self._error = self._error, None
        if error is not None:
            raise Transient(f"Kafka: {error.str()}")

    def _as_said(self, message: Message) -> messages.Message:
        topic, partition, offset = str(message.topic()), int(message.partition() or 0), int(message.offset() or 0)
        self._place.next.setdefault(topic, {})[partition] = offset + 1
        kind, ms = message.timestamp()
        value = message.value()
        return messages.Message(
            f"{topic}/{partition}/{offset}",
            value.encode() if isinstance(value, str) else value,
            messages.text_of(_bytes(message.key())),
            None if kind == ck.TIMESTAMP_NOT_AVAILABLE else ms * 1000,
            _headers(message) if self._said.envelope else None,
        )

    def _position(self) -> bytes | None:
        return msgspec.msgpack.encode(self._place) if self._place.next else None

    def _behind(self) -> int | None:
        """Messages that are known to be there beyond those that were read."""
        total = 0
        for (topic, partition), end in self._ends.items():
            try:
                _, newest = self._consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
            except KafkaException:
                newest = end
            total += max(0, max(end, newest) - self._place.next[topic][partition])
        return total

    # -- partitions ------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Assign all partitions that are wanted, each where it is to go on, if there are other ones than before, or if one
        no longer has what comes next."""
        found = self._partitions()
        moved = set(found) != set(self._ends)
        for topic, partition in found:
            first, end = self._bounds(topic, partition)
            known = self._place.next.setdefault(topic, {})
            at = known.get(partition)
            if at is None:
                known[partition] = first if self._said.start == "earliest" else end
                moved = True
            elif at < first or (topic, partition) in self._out_of_range:
                known[partition] = self._over_the_gap(topic, partition, at, first, end)
                moved = True
            self._ends[topic, partition] = end
        for gone in set(self._ends) - set(found):
            del self._ends[gone]
        self._out_of_range.clear()
        if moved or not self._looked_at:
            places = [TopicPartition(t, p, self._place.next[t][p]) for t, p in found]
            self._consumer.assign(places)
            self._consumer.resume(places)  # a pause would outlive an assignment
        self._looked_at = time.monotonic()

    def _partitions(self) -> list[Partition]:
        found: list[Partition] = []
        for topic in self._said.topics:
            described = self._asked(lambda topic=topic: self._consumer.list_topics(topic, ANSWER_S))
            for broker in described.brokers.values():
                self._guard(str(broker.host), int(broker.port))
            entry = described.topics[topic]
            if entry.error is not None:
                raise Transient(f"Kafka has no topic {topic!r}: {entry.error.str()}")
            there = set(entry.partitions)
            wanted = set(self._said.partitions) if self._said.partitions is not None else there
            if wanted - there:
                raise Rejected("partitions", f"the topic {topic!r} has {len(there)}, and none is {min(wanted - there)}")
            found += [(topic, partition) for partition in sorted(wanted)]
        return found

    def _bounds(self, topic: str, partition: int) -> tuple[int, int]:
        asked = TopicPartition(topic, partition)
        bounds = self._asked(lambda: self._consumer.get_watermark_offsets(asked, timeout=ANSWER_S))
        if bounds is None:
            raise Transient(f"Kafka does not say what is in {topic}/{partition} within {ANSWER_S:.0f} s")
        return bounds

    def _over_the_gap(self, topic: str, partition: int, at: int, first: int, end: int) -> int:
        if at < first:
            what = f"{topic}/{partition}: messages {at} to {first - 1} were deleted before they were read"
        else:
            what = f"{topic}/{partition}: it ends at {end}, and was read up to {at}; was the topic made anew?"
        if self._said.gap == "stop":
            raise Rejected("gap", f"{what}. Set `gap: skip` to go on with what is there")
        self._notes.append(f"{what}; it goes on at {first}")
        return first

    def _asked(self, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except KafkaException as error:
            said: Any = error.args[0]
            brokers = ", ".join(self._said.brokers)
            raise Transient(f"Kafka at {brokers}: {said.str() if isinstance(said, KafkaError) else error}") from None

    # -- the connection --------------------------------------------------------------------------------------------

    def _options(self) -> dict[str, Any]:
        said = self._said
        for broker in said.brokers:
            host, _, port = broker.rpartition(":")
            self._guard(host, int(port))
        options: dict[str, Any] = {
            "bootstrap.servers": ",".join(said.brokers),
            "group.id": "hindcast",  # a consumer must name one; nothing is joined or committed
            "client.id": f"hindcast-{self._source.source}",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "security.protocol": said.security,
            "queued.max.messages.kbytes": 32_768,
            "log_level": 2,
            "error_cb": self._noted,
        }
        if said.username is not None and said.password is not None:
            password = secret_at(said.password, self._source.within.secrets, "password")
            options |= {"sasl.mechanism": said.mechanism, "sasl.username": said.username, "sasl.password": password}
        if said.ca is not None:
            options["ssl.ca.location"] = str(said.ca)
        return options

    def _noted(self, error: KafkaError) -> None:
        """What librdkafka says outside of a read. It tries again by itself; where no broker is left, that is an error."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN or error.fatal() or error.code() == KafkaError._AUTHENTICATION:
            self._error = error

    def _guard(self, host: str, port: int) -> None:
        Guard(self._source.within.allow_private).addresses(host, port)


def _headers(message: Message) -> dict[str, str]:
    said = message.headers() or []
    return messages.header_texts(said.items() if isinstance(said, dict) else said)


def _bytes(key: bytes | str | None) -> bytes | None:
    return key.encode() if isinstance(key, str) else key
