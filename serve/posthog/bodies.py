"""What PostHog's SDKs post: JSON, as it is, as gzip (declared or not), or in base64 as the field ``data`` of a form."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from events.errors import Rejected
from serve.ingest.bodies import compacted, few_enough, is_utf8, raw_texts, read_body, split_array, within
from serve.ingest.reading import JsonText

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


class _Properties(msgspec.Struct):
    token: msgspec.Raw = msgspec.Raw()


class _Envelope(msgspec.Struct):
    """What surrounds the events of a batch, or stands in a single event."""

    batch: msgspec.Raw = msgspec.Raw()
    event: msgspec.Raw = msgspec.Raw()
    api_key: msgspec.Raw = msgspec.Raw()
    token: msgspec.Raw = msgspec.Raw()
    sent_at: msgspec.Raw = msgspec.Raw()
    properties: msgspec.Raw = msgspec.Raw()


_envelope = msgspec.json.Decoder(_Envelope)
_properties = msgspec.json.Decoder(_Properties)


class Posted(NamedTuple):
    """One request: the texts of its events (compact JSON, where they are JSON at all), and what it says beside them."""

    texts: list[JsonText]
    key: str | None
    """The project's key, wherever it stands in the body."""
    sent_at: msgspec.Raw


def unpacked(body: bytes, content_type: str, content_encoding: str, limit: int) -> bytes:
    """The JSON text that ``body`` carries, at most ``limit`` bytes.

    SDKs of browsers send gzip without saying so in a header (``compression=gzip-js`` is in the query), and forms when a page
    is left; so what a body is, its first bytes say. Raises ``TooLarge``, ``UnsupportedMedia`` and ``Rejected``.
    """
    text = _inflated(read_body(body, content_encoding, limit), limit)
    form = content_type.partition(";")[0].strip().lower() == "application/x-www-form-urlencoded"
    if form or text.startswith(b"data="):
        said = next((pair for pair in text.split(b"&") if pair.startswith(b"data=")), None)
        if said is None:
            raise Rejected("data", "is required in a form: the events as JSON, or that in base64")
        text = unquote_to_bytes(said.removeprefix(b"data="))
    text = text.removeprefix(_BOM).strip()
    if text[:1] in (b"{", b"["):
        return text
    try:
        # A form may hold `+` as it is, which reads as a blank; some senders leave the padding out.
        plain = text.replace(b" ", b"+").rstrip(b"=")
        text = base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        raise Rejected("body", "must be JSON, also as gzip, or in base64 as the field `data` of a form") from None
    return _inflated(text, limit).removeprefix(_BOM).strip()


def _inflated(text: bytes, limit: int) -> bytes:
    return read_body(text, "gzip", limit) if text.startswith(_GZIP) else within(text, limit)


def posted(text: bytes) -> Posted:
    """The events in JSON ``text``: ``{"batch": […]}``, an array, or one event. One that is no JSON spoils no other.

    Raises ``Rejected`` where it is none of these, and ``TooLarge`` for more than 10,000 events.
    """
    if text[:1] not in (b"{", b"["):
        raise Rejected("body", "must be a JSON object or an array, as PostHog's SDKs send it")
    compact = compacted(text)
    if text[:1] == b"[":
        return _of_array(text if compact is None else compact, compact is not None)
    envelope = None if compact is None else _read(compact)
    if envelope is None or compact is None:  # something in it is no JSON; with a batch, that may be one event
        head, split = split_array(text, b"batch")
        envelope = _read(head)
        if envelope is None:
            raise Rejected("body", "is not valid JSON around its events; send it as PostHog's SDKs do")
        texts: list[JsonText] = [compacted(row) or row for row in split]
    elif len(envelope.batch):
        found = raw_texts(envelope.batch)
        if found is None:
            raise Rejected("batch", "must be an array of events")
        texts = list(found)
    else:
        texts = [compact]
    few_enough(len(texts))
    return Posted(texts, _key(envelope) or _key_of(texts), envelope.sent_at)


def _of_array(array: bytes, whole: bool) -> Posted:
    found = raw_texts(array) if whole else None
    texts: list[JsonText] = [compacted(row) or row for row in split_array(array)[1]] if found is None else list(found)
    few_enough(len(texts))
    return Posted(texts, _key_of(texts), msgspec.Raw())


def _read(text: JsonText) -> _Envelope | None:
    try:
        return _envelope.decode(text) if is_utf8(bytes(text)) else None
    except (msgspec.MsgspecError, RecursionError):
        return None


def _key_of(texts: list[JsonText]) -> str | None:
    """The key of the first event that says one: all of a request are of one project."""
    return next((key for text in texts if (envelope := _read(text)) and (key := _key(envelope))), None)


def _key(envelope: _Envelope) -> str | None:
    own = _text(envelope.api_key) or _text(envelope.token)
    if own or bytes(envelope.properties)[:1] != b"{":
        return own
    try:
        return _text(_properties.decode(envelope.properties).token)
    except (msgspec.MsgspecError, RecursionError):
        return None


def _text(value: msgspec.Raw) -> str | None:
    return (msgspec.json.decode(value, type=str) or None) if bytes(value)[:1] == b'"' else None


def key_in(query: Mapping[str, str]) -> str | None:
    """The project's key in a query."""
    return query.get("api_key") or query.get("token")
