"""What reads the source ``redis``: entries of streams from our own cursors on, or what channels publish.

No consumer group is used: how far a stream was read is committed in our own log, together with the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec
import redis

from actors.edges.guard import Guard
from actors.edges.secrets import secret_at
from actors.parts import Within
from actors.source import Read
from events.errors import Rejected, Transient
from serve.sources import messages
from serve.sources.redis_settings import RedisSection

WAIT_MS = 500
ANSWER_S = 10.0
START = "0-0"


class Cursor(msgspec.Struct, omit_defaults=True):
    """Where one stream is read on."""

    after: str = START
    """The id of the last entry that was read."""
    added: int | None = None
    """How many entries had ever been added to the stream with it: by this it is known whether some are gone."""


class Place(msgspec.Struct, omit_defaults=True):
    """A position."""

    streams: dict[str, Cursor] = {}


class RedisStreamProcessor:
    """A source of the stream that its settings choose. ``now`` gives microseconds UTC."""

    def __init__(self, said: RedisSection, within: Within, source: str, now: Callable[[], int]) -> None:
        self.said, self.within, self.source, self.now = said, within, source, now

    def open(self, position: bytes | None) -> Entries | Published:
        if self.said.channels:
            return Published(self)
        return Entries(self, msgspec.msgpack.decode(position, type=Place) if position else Place())

    def client(self) -> redis.Redis:
        """A connection to an address that the guard has looked at."""
        said = self.said
        url = urlsplit(said.url)
        host, port = str(url.hostname), url.port or 6379
        addresses = Guard(self.within.allow_private).addresses(host, port)
        options: dict[str, Any] = {
            "db": int(url.path.strip("/") or 0),
            "socket_timeout": ANSWER_S,
            "socket_connect_timeout": ANSWER_S,
            "health_check_interval": 10,
            "username": said.username,
            "password": secret_at(said.password, self.within.secrets, "password") if said.password else None,
        }
        if url.scheme == "rediss":
            return redis.Redis(host, port, ssl=True, ssl_ca_certs=str(said.ca) if said.ca else None, **options)
        return redis.Redis(addresses[0], port, **options)

    def failed(self, error: redis.RedisError) -> Transient:
        """What went wrong with the server, in plain words."""
        return Transient(f"{self.said.url}: {error or type(error).__name__}")


class Entries:
    """Streams, open."""

    def __init__(self, source: RedisStreamProcessor, place: Place) -> None:
        self._source, self._said, self._place = source, source.said, place
        self._messages = messages.Messages(source.said, source.within, source.source)
        self._client = source.client()
        self._added: dict[str, int] = {}

    def read(self) -> Read:
        """The next entries. Raises ``Transient`` where the server does not answer, ``Rejected`` at a gap."""
        try:
            notes = [note for name in self._said.streams or () if (note := self._look(name))]
            found = self._found()
        except redis.RedisError as error:
            raise self._source.failed(error) from None
        now = self._source.now()
        rows, refused, note = self._messages.rows(found, now)
        notes += [note] if note else []
        behind = sum(max(0, self._added[name] - (at.added or 0)) for name, at in self._place.streams.items())
        position = msgspec.msgpack.encode(self._place)
        return Read(rows, position, None if found else now, refused, behind, "; ".join(notes))

    def close(self) -> None:
        self._client.close()

    def _found(self) -> list[messages.Message]:
        after = {name: at.after for name, at in self._place.streams.items()}
        answer: Any = self._client.xread(after, count=self._said.batch, block=WAIT_MS)  # pyright: ignore[reportArgumentType]
        several = answer.items() if isinstance(answer, dict) else answer or ()
        found: list[messages.Message] = []
        left = self._said.batch
        for name, entries in several:
            cursor = self._place.streams[name.decode()]
            entries = entries[0] if entries and isinstance(entries[0], list) else entries
            for id, fields in entries[:left]:
                found.append(self._as_said(name.decode(), id.decode(), fields))
                cursor.after, cursor.added = id.decode(), (cursor.added or 0) + 1
            left -= min(left, len(entries))
        return found

    def _as_said(self, name: str, id: str, fields: dict[bytes, bytes]) -> messages.Message:
        at = int(id.partition("-")[0]) * 1000
        if self._said.field is None:
            texts = {messages.text_of(key): messages.text_of(value) for key, value in fields.items()}
            value: bytes | None = messages.as_value({str(key): text for key, text in texts.items()})
        else:
            value = fields.get(self._said.field.encode(), b"")
        # An id is a time only where the server gave it.
        return messages.Message(f"{name}/{id}", value, None, at if at > messages.EARLIEST_US else None)

    def _look(self, name: str) -> str:
        """Whether entries beyond the cursor are gone; answers what to say of it."""
        try:
            told: Any = self._client.xinfo_stream(name)
        except redis.ResponseError as error:
            if "no such key" not in str(error):
                raise
            told = {"entries-added": 0, "length": 0, "first-entry": None, "last-generated-id": b"0-0"}
        added, length = int(told.get("entries-added", told["length"])), int(told["length"])
        last = _text(told["last-generated-id"])
        self._added[name] = added
        cursor = self._place.streams.get(name)
        if cursor is None:
            earliest = self._said.start == "earliest"
            self._place.streams[name] = Cursor(START, added - length) if earliest else Cursor(last, added)
            return ""
        if _order(last) < _order(cursor.after):
            return self._over(name, cursor, Cursor(START, added - length), "it was made anew since it was read")
        first = told["first-entry"]
        beyond = length if first and _order(_text(first[0])) > _order(cursor.after) else None
        if beyond is None and length == 0:
            beyond = 0
        lost = added - (cursor.added or 0) - beyond if beyond is not None else 0
        if lost > 0:
            what = f"{lost:,} entries after {cursor.after} were deleted before they were read"
            return self._over(name, cursor, Cursor(cursor.after, added - (beyond or 0)), what)
        return ""

    def _over(self, name: str, cursor: Cursor, on: Cursor, what: str) -> str:
        if self._said.gap == "stop":
            raise Rejected("gap", f"the stream {name}: {what}. Set `gap: skip` to go on with what is there")
        cursor.after, cursor.added = on.after, on.added
        return f"the stream {name}: {what}; it goes on with what is there"


class Published:
    """Channels, open: what is published from now on."""

    def __init__(self, source: RedisStreamProcessor) -> None:
        self._source, self._said = source, source.said
        self._messages = messages.Messages(source.said, source.within, source.source)
        self._client = source.client()
        self._listening = self._client.pubsub(ignore_subscribe_messages=True)
        self._begun = False
        self._number = 0

    def read(self) -> Read:
        """What was published since the last read; it has no position, for the server keeps nothing."""
        try:
            if not self._begun:
                self._listening.subscribe(*(self._said.channels or ()))
                self._begun = True
            found = list(self._heard())
        except redis.RedisError as error:
            raise self._source.failed(error) from None
        now = self._source.now()
        rows, refused, note = self._messages.rows(found, now)
        return Read(rows, None, None if found else now, refused, None, note)

    def _heard(self) -> list[messages.Message]:
        found: list[messages.Message] = []
        wait_s = WAIT_MS / 1000
        while len(found) < self._said.batch:
            heard: Any = self._listening.get_message(timeout=wait_s)
            if heard is None:
                if not wait_s or not found:
                    break
                wait_s = 0.0
                continue
            if heard["type"] == "message":
                self._number += 1
                name = f"{heard['channel'].decode()}/{self._source.now()}-{self._number}"
                found.append(messages.Message(name, heard["data"], heard["channel"].decode()))
            wait_s = 0.0
        return found

    def close(self) -> None:
        self._listening.close()
        self._client.close()


def _text(found: Any) -> str:
    return found.decode() if isinstance(found, bytes) else str(found)


def _order(id: str) -> tuple[int, int]:
    ms, _, number = id.partition("-")
    return int(ms), int(number or 0)
