"""What reads the source ``websocket``: messages as they come, and after a break from the cursor on that is committed."""

from __future__ import annotations

import base64
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jmespath
import msgspec
import orjson
import xxhash
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from actors.edges.guard import Guard
from actors.edges.secrets import secret_at
from actors.parts import Within
from actors.source import Read
from events.errors import Transient
from serve.sources import messages
from serve.sources.websocket_settings import CURSOR, WebSocketSection

WAIT_S = 0.5
ANSWER_S = 10.0
_PORTS = {"ws": 80, "wss": 443}
_AGENT = "hindcast (a source of an analytics system)"


class Place(msgspec.Struct, omit_defaults=True):
    """A position."""

    cursor: str
    last: bytes = b""
    """A digest of the message that had it: a peer may send that one again."""


class WebSocketProcessor:
    """A source of the stream that its settings choose. ``now`` gives microseconds UTC."""

    def __init__(self, said: WebSocketSection, within: Within, source: str, now: Callable[[], int]) -> None:
        self.said, self.within, self.source, self.now = said, within, source, now

    def open(self, position: bytes | None) -> SocketMessages:
        return SocketMessages(self, msgspec.msgpack.decode(position, type=Place) if position else None)


class SocketMessages:
    """A connection, open. When it breaks, ``read`` raises, and another one is opened at the committed position."""

    def __init__(self, source: WebSocketProcessor, place: Place | None) -> None:
        self._source, self._said, self._place = source, source.said, place
        self._messages = messages.Messages(source.said, source.within, source.source)
        self._find = jmespath.compile(self._said.resume.find) if self._said.resume else None
        self._held = ExitStack()
        self._socket = self._connected()
        self._begun = f"{source.now()}"
        self._number = 0
        self._ended: Exception | None = None

    def read(self) -> Read:
        """What came since the last read, ``batch`` messages at most. Raises ``Transient`` once the connection is gone."""
        if self._ended is not None:
            raise Transient(f"{self._said.url}: {self._ended}")
        found = self._heard()
        now = self._source.now()
        rows, refused, note = self._messages.rows(found, now)
        position = msgspec.msgpack.encode(self._place) if self._find is not None and self._place is not None else None
        return Read(rows, position, None if found else now, refused, None, note)

    def close(self) -> None:
        self._held.close()

    # -- messages --------------------------------------------------------------------------------------------------

    def _heard(self) -> list[messages.Message]:
        found: list[messages.Message] = []
        wait_s = WAIT_S
        try:
            while len(found) < self._said.batch:
                heard = self._socket.recv(timeout=wait_s)
                wait_s = 0.0
                message = self._as_said(heard.encode() if isinstance(heard, str) else heard)
                if message is not None:
                    found.append(message)
        except TimeoutError:
            pass
        except (WebSocketException, OSError) as error:
            self._ended = error  # what came before the end is recorded first
            if not found:
                raise Transient(f"{self._said.url}: {error}") from None
        return found

    def _as_said(self, value: bytes) -> messages.Message | None:
        """A message; None for the one that was recorded last, sent again."""
        digest = xxhash.xxh3_64_digest(value)
        cursor = self._cursor_in(value)
        if cursor is None:
            self._number += 1
            return messages.Message(f"{self._begun}-{self._number}", value)
        if self._place is not None and (cursor, digest) == (self._place.cursor, self._place.last):
            return None
        self._place = Place(cursor, digest)
        return messages.Message(f"{cursor}/{digest.hex()}", value)

    def _cursor_in(self, value: bytes) -> str | None:
        if self._find is None:
            return None
        try:
            found: Any = self._find.search(orjson.loads(value))
        except orjson.JSONDecodeError:
            return None
        return None if found is None or isinstance(found, dict | list | bool) else str(found)

    # -- the connection --------------------------------------------------------------------------------------------

    def _connected(self) -> ClientConnection:
        said = self._said
        url = urlsplit(said.url)
        host, port = str(url.hostname), url.port or _PORTS[url.scheme]
        addresses = Guard(self._source.within.allow_private).addresses(host, port)
        try:
            opened = connect(
                self._address(),
                sock=_reached(addresses, port),
                ssl=ssl.create_default_context() if url.scheme == "wss" else None,
                server_hostname=host if url.scheme == "wss" else None,
                additional_headers=self._headers(),
                user_agent_header=_AGENT,
                subprotocols=said.protocols or None,  # pyright: ignore[reportArgumentType]
                open_timeout=ANSWER_S,
                close_timeout=1.0,
                ping_interval=min(20.0, said.silence_s),
                ping_timeout=said.silence_s,
                max_size=int(said.max_mb * (1 << 20)),
                proxy=None,
            )
            made = self._held.enter_context(opened)
            for text in said.send:
                made.send(text.replace(CURSOR, self._cursor()))
        except (WebSocketException, OSError) as error:
            raise Transient(f"{said.url}: {error}") from None
        return made

    def _cursor(self) -> str:
        return self._place.cursor if self._place else self._said.resume.first if self._said.resume else ""

    def _address(self) -> str:
        said, added = self._said, dict[str, str]()
        if said.resume and said.resume.param and self._cursor():
            added[said.resume.param] = self._cursor()
        if said.auth and said.auth.param:
            added[said.auth.param] = secret_at(said.auth.secret, self._source.within.secrets, "auth.secret")
        url = urlsplit(said.url)
        query = urlencode({**dict(parse_qsl(url.query, keep_blank_values=True)), **added})
        return url._replace(query=query).geturl()

    def _headers(self) -> dict[str, str]:
        auth, headers = self._said.auth, dict(self._said.headers)
        if auth is None or auth.param:
            return headers
        secret = secret_at(auth.secret, self._source.within.secrets, "auth.secret")
        if auth.user is not None:
            basic = base64.b64encode(f"{auth.user}:{secret}".encode()).decode()
            return {**headers, "Authorization": f"Basic {basic}"}
        return {**headers, auth.header: f"{auth.scheme} {secret}".strip()}


def _reached(addresses: list[str], port: int) -> socket.socket:
    """A connection to the first address that answers."""
    deadline = time.monotonic() + ANSWER_S
    for i, address in enumerate(addresses):
        try:
            return socket.create_connection((address, port), timeout=max(0.1, deadline - time.monotonic()))
        except OSError:
            if i == len(addresses) - 1:
                raise
    raise OSError("the name has no address")
