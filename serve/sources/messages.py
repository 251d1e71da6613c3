"""Messages of a broker, a queue or a socket as rows: what their settings share, and how one becomes a row.

A message is a value (bytes) with what its carrier says of it: a key, a time, headers, and a name that tells it apart. It is
either an event, as ``POST /v1/events`` takes one, or a value in a format of the sender's that the settings map.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, Self

import orjson
import pyarrow as pa
from pydantic import Field, model_validator

from actors.definitions.schema import Word
from actors.parts import SourceSection, Within
from events import catalog
from events.catalog import USER_INTERACTIONS
from events.collected import BUSINESS_EVENTS, EXTERNAL_APIS
from serve.sources.gathered import Gathered
from serve.sources.mapping import Mapped, Mapper
from serve.sources.message_formats import AvroSchemas, Format, ProtobufType, format_of

EARLIEST_US = 946_684_800_000_000
"""The year 2000: a number below it is no time."""
STREAMS = {stream.name: stream for stream in (USER_INTERACTIONS, BUSINESS_EVENTS, EXTERNAL_APIS)}


class MessageSection(SourceSection, Mapped):
    """What is said of messages. Expressions read the value, or all of the message where ``envelope`` is set."""

    into: Literal["user_interactions", "business_events", "external_apis"] = "business_events"
    """The stream that the rows go into."""
    format: Literal["json", "events", "text", "avro", "protobuf"] = "json"
    """``events``: each message is an event as ``POST /v1/events`` takes it, and goes into ``user_interactions``."""
    avro: AvroSchemas | None = None
    protobuf: ProtobufType | None = None
    envelope: bool = False
    """Expressions find ``value``, ``key``, ``headers``, ``time`` (us) and ``name`` of a message."""
    removed: str = Field(default="item.removed", min_length=1, max_length=200)
    """The type of a row for a message without a value, which says that its key is gone."""
    batch: int = Field(default=5_000, ge=1, le=10_000)
    """Messages that are recorded together at most."""
    source: Word | None = None
    """The source that the rows name; None: the name of this entry."""

    @model_validator(mode="after")
    def _fits_its_format(self) -> Self:
        if self.format == "events":
            if "into" in self.model_fields_set and self.into != "user_interactions":
                raise ValueError("`format: events` is of the stream user_interactions; leave `into` out")
            mapped = set(Mapped.model_fields) & self.model_fields_set
            if mapped:
                raise ValueError(f"`{min(mapped)}` maps values; events say for themselves what is what")
        for name in ("avro", "protobuf"):
            if (getattr(self, name) is not None) != (self.format == name):
                raise ValueError(
                    f"`format: {name}` and `{name}` go together: the one says that values are so, the other how"
                )
        return self

    @property
    def stream(self) -> catalog.Stream:
        """Where the rows go."""
        return USER_INTERACTIONS if self.format == "events" else STREAMS[self.into]


def stream_of(section: MessageSection) -> catalog.Stream:
    """Where the rows of a source with these settings go."""
    return section.stream


class Message(NamedTuple):
    """One message, as its carrier brings it."""

    name: str
    """Tells it apart from every other message of its source."""
    value: bytes | None
    """None: its key is gone."""
    key: str | None = None
    time_us: int | None = None
    """Us UTC, as the carrier says; None: it says none."""
    headers: Mapping[str, str] | None = None


class Messages:
    """Makes rows of messages. ``source``: what the rows name as their source.

    Raises ``Rejected`` where a schema that the settings name cannot be read.
    """

    def __init__(self, said: MessageSection, within: Within, source: str) -> None:
        self._said, self._source = said, source
        self._mapper = Mapper(said)
        self._format: Format = format_of(said.format, said.avro, said.protobuf)

    def rows(self, messages: Iterable[Message], now: int) -> tuple[pa.RecordBatch, pa.RecordBatch | None, str]:
        """The rows of ``messages`` received at ``now`` (us UTC), those that are none, and what to say of them."""
        if self._said.format == "events":
            return self._events(list(messages), now)
        gathered = Gathered(self._said.stream, self._source, now)
        for message in messages:
            self._take(message, gathered)
        note = gathered.read_money() if self._said.into != EXTERNAL_APIS.name else ""
        return gathered.batch(), gathered.refused(), note

    def _take(self, message: Message, gathered: Gathered) -> None:
        at = gathered.received_us if message.time_us is None else message.time_us
        if message.value is None:
            more = {"subject": message.key, "value": None, "properties": "{}"}
            gathered.add(id=message.name, time=at, type=self._said.removed, **more)
            return
        try:
            value = self._format(message.value)
        except ValueError as error:
            gathered.refuse("value", str(error), message.value, message.name)
            return
        item: Any = value
        if self._said.envelope:
            item = {
                "value": value, "key": message.key, "headers": dict(message.headers or {}), "time": message.time_us,
                "name": message.name,
            }  # fmt: skip
        elif not isinstance(value, dict):
            item = {"value": value}
        try:
            id = self._mapper.id_of(item) or message.name
        except ValueError as error:
            gathered.refuse("id", str(error), item, message.name)
            return
        self._mapper.take(item, gathered, id, at=message.time_us, of=message.key)

    def _events(self, messages: list[Message], now: int) -> tuple[pa.RecordBatch, pa.RecordBatch | None, str]:
        from serve.ingest import decode_cloudevents  # here: the decoder is heavy, and only this format needs it
        from serve.interactions import dead_letters

        lines: list[bytes] = []
        gone = 0
        for message in messages:
            if message.value is None:
                gone += 1
            else:
                # In JSON a line break stands only between words, never in a text.
                lines.append(message.value.replace(b"\r", b" ").replace(b"\n", b" ") or b"null")
        note = f"{gone:,} messages without a value say nothing in the format `events`" if gone else ""
        if not lines:
            return catalog.rows(USER_INTERACTIONS, {}, 0), None, note
        decoded = decode_cloudevents(b"\n".join(lines), "application/x-ndjson", {}, now, self._source)
        return decoded.batch, dead_letters(decoded.refused, now) if decoded.refused else None, note


def header_texts(headers: Iterable[tuple[str, bytes | str | None]]) -> dict[str, str]:
    """Headers as texts; of several with one name the last one counts."""
    return {
        name: value.decode("utf-8", "replace") if isinstance(value, bytes) else value or "" for name, value in headers
    }


def text_of(found: bytes | None) -> str | None:
    """A key as text; bytes that are no text are written in hexadecimal digits."""
    if found is None:
        return None
    try:
        return found.decode()
    except UnicodeDecodeError:
        return found.hex()


def as_value(fields: Mapping[str, Any]) -> bytes:
    """A message's value of named fields."""
    return orjson.dumps(fields)
