"""CloudEvents 1.0 over HTTP: structured, batched and binary mode, and the same events as NDJSON or plain JSON.

Every mode becomes JSON text of one object or an array of them, and is read in one place. Where the content type does not
say that it is CloudEvents, a row without ``specversion`` is a plain event (``contract.PlainEvent``) and is completed.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

import msgspec
import numpy as np
import pyarrow as pa

from events.errors import Rejected
from serve.ingest.arrow import TABLES
from serve.ingest.binary import header_attributes
from serve.ingest.bodies import (
    EVENTS_BYTES,
    NUL,
    compacted,
    few_enough,
    is_compact,
    is_utf8,
    may_hold,
    raw_texts,
    split_array,
    within,
)
from serve.ingest.columns import (
    Draft,
    Spelling,
    assemble,
    json_column,
    object_column,
    optional_json_column,
    texts_of,
)
from serve.ingest.contract import CLOUD_EVENT, ID_LENGTH, NAME_LENGTH, PLAIN_EVENT, TIME_LENGTH, URI_LENGTH, explain
from serve.ingest.reading import JsonText, Rows, Shape, read_all, read_each, readable_id
from serve.ingest.times import AHEAD_US
from serve.ingest.verdicts import Decoded, Fault, Refusals, UnsupportedMedia

_JSON_ARRAY = "application/cloudevents-batch+json"
_STRUCTURED = "application/cloudevents+json"
_NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
_PLAIN_JSON = ("application/json", "text/json", "")
_JSON_KINDS = {None, "application/json"}
_UTF8 = ("utf-8", "utf8", "us-ascii", "")
_BOM = b"\xef\xbb\xbf"
_SMALL = 64_000
_one_value = msgspec.json.Decoder(msgspec.Raw)
_one_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
PLAIN = ("type", "subject", "data", "time", "id", "source")

PLAIN_SPELLING = Spelling(id="id", subject="subject", time="time", properties="data", context="extensions")

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_LENGTH)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH)]


class Event(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """The fast path of ``contract.CloudEvent``; ``data`` stays text."""

    id: _Id
    source: _Id
    type: _Name
    specversion: Literal["1.0"]
    subject: Annotated[str, msgspec.Meta(max_length=ID_LENGTH)] | None = None
    time: Annotated[str, msgspec.Meta(max_length=TIME_LENGTH)] | None = None
    datacontenttype: Annotated[str, msgspec.Meta(max_length=NAME_LENGTH)] | None = None
    dataschema: Annotated[str, msgspec.Meta(max_length=URI_LENGTH)] | None = None
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = None


class ExtendedEvent(Event, forbid_unknown_fields=False, gc=False):
    """An event with extension attributes."""


class Terms(NamedTuple):
    """What holds for all rows of a request: when it was received, whose it is, how far ahead its times may be."""

    received_us: int
    plain: str | None
    """The source of plain events that name none; None: the sender says that it sends CloudEvents, so none is plain."""
    ahead_us: int
    request: str | None = None
    """A name that only a retry of the same request bears: the ids of plain events without one are made of it."""


_SHAPE = Shape(
    strict=msgspec.json.Decoder(Event),
    strict_all=msgspec.json.Decoder(list[Event]),
    lenient=msgspec.json.Decoder(ExtendedEvent),
    lenient_all=msgspec.json.Decoder(list[ExtendedEvent]),
    known=frozenset(Event.__struct_fields__),
    contract=lambda fields: CLOUD_EVENT,
    id="id",
    placeholders=dict.fromkeys(("id", "source", "type"), b'"?"') | {"specversion": b'"1.0"'},
)


def decode_cloudevents(
    body: bytes,
    content_type: str,
    headers: Mapping[str, str],
    received_us: int,
    source: str = "plain",
    ahead_us: int = AHEAD_US,
    request: str | None = None,
) -> Decoded:
    """Decode one request to ``/v1/events`` (body already decompressed), received at ``received_us`` (µs UTC).

    ``source`` is that of plain events that name none; no time may be more than ``ahead_us`` ahead; ``request`` is a name
    that only a retry of the same request bears.

    An event's identity is its source and id together. ``data`` that is no object is kept as ``{"data": ...}``, binary
    data as ``{"data_base64": "..."}``; extension attributes are kept in ``context``. Raises ``Rejected`` where the
    body as a whole cannot be read, ``TooLarge`` over 5 MB or 10,000 rows, ``UnsupportedMedia`` for other content types.
    """
    within(body, EVENTS_BYTES)
    media, charset = _media(content_type)
    terms = Terms(received_us, plain_source(content_type, source), ahead_us, request)
    if _is_binary(media, headers):
        return _decode_array(b"[" + _from_binary(body, content_type, headers) + b"]", terms._replace(plain=None))
    if charset not in _UTF8:
        raise UnsupportedMedia("content-type", f"charset must be utf-8, got {charset[:40]!r}")
    if media in _NDJSON:
        lines = [line.strip() for line in body.removeprefix(_BOM).split(b"\n")]
        return _decode_lines([line for line in lines if line], terms)
    if media not in (*_PLAIN_JSON, _STRUCTURED, _JSON_ARRAY):
        known = ", ".join((_STRUCTURED, _JSON_ARRAY, "application/json", _NDJSON[0], *TABLES))
        raise UnsupportedMedia("content-type", f"must be one of {known}, or send ce- headers; got {media[:80]!r}")
    text = body.removeprefix(_BOM).strip()
    if not text:
        raise Rejected("body", "is empty; send a CloudEvent or an array of them")
    if text[:1] == b"{":
        return _decode_array(b"[" + text + b"]", terms)
    if text[:1] != b"[":
        raise Rejected("body", "must be a JSON object or an array of objects")
    return _decode_array(text, terms)


def plain_source(content_type: str, source: str) -> str | None:
    """``source``, where a body of this type may hold plain events; None where it says that it holds CloudEvents."""
    return source if _media(content_type)[0] not in (_STRUCTURED, _JSON_ARRAY) else None


def one_event(body: bytes, content_type: str, headers: Mapping[str, str]) -> bytes | None:
    """The text of the one JSON object that a small request holds; None for all other requests: ``decode_cloudevents``."""
    media, charset = _media(content_type)
    if len(body) > _SMALL or media not in (_STRUCTURED, *_PLAIN_JSON) or charset not in _UTF8:
        return None
    text = body.removeprefix(_BOM).strip()
    if text[:1] != b"{" or not is_utf8(text) or _is_binary(media, headers):
        return None
    try:
        _one_value.decode(text)  # so that no text can end the object early and smuggle a second one in
    except (msgspec.MsgspecError, RecursionError):
        return None
    return text


def decode_event(text: bytes, received_us: int, plain: str | None = None, ahead_us: int = AHEAD_US) -> Decoded:
    """Decode the text of one JSON object; ``plain`` as ``plain_source`` answers. Raises as ``decode_cloudevents`` does."""
    return _decode_array(b"[" + text + b"]", Terms(received_us, plain, ahead_us))


def decode_together(texts: Sequence[bytes], received_us: int, ahead_us: int = AHEAD_US) -> Decoded | None:
    """Decode texts that ``one_event`` found, as one; None where some row needs a look of its own: ``decode_event``."""
    array = compacted(b"[" + b",".join(texts) + b"]")
    raw = None if array is None else raw_texts(array)
    if array is None or raw is None or len(raw) != len(texts):
        return None
    rows = read_all(_SHAPE, array)
    terms = Terms(received_us, None, ahead_us)
    return rows and _assemble(rows, array, Refusals(raw.__getitem__), len(raw), terms)


def _decode_array(array: bytes, terms: Terms) -> Decoded:
    """Decode the text of a JSON array of events."""
    compact = compacted(array)
    rows = None if compact is None else read_all(_SHAPE, compact)
    if compact is None or rows is None:
        texts = None if compact is None else raw_texts(compact)
        if texts is None:  # some row is no JSON: look at each
            texts = [compacted(text) or text for text in split_array(array)[1]]
        return _decode_each(texts, terms)
    return _assemble(rows, compact, Refusals.of_array(lambda: compact), few_enough(len(rows.row)), terms)


def _decode_lines(lines: list[bytes], terms: Terms) -> Decoded:
    """Decode rows that stand one on each line."""
    few_enough(len(lines))
    array = b"[" + b",".join(lines) + b"]"
    # The commas could join halves of two lines, and one line could hold two rows: only where each line is seen to be
    # one value may they be read as an array.
    texts = raw_texts(array) if is_compact(array) and is_utf8(array) else None
    if texts is not None and list(map(len, texts)) == list(map(len, lines)):
        rows = read_all(_SHAPE, array)
        if rows is not None:
            return _assemble(rows, array, Refusals(lines.__getitem__), len(lines), terms)
    return _decode_each([compacted(line) or line for line in lines], terms)


def _decode_each(texts: Sequence[JsonText], terms: Terms) -> Decoded:
    few_enough(len(texts))
    refusals = Refusals(texts.__getitem__)
    if terms.plain is not None:
        texts = [_completed(i, bytes(text), terms, refusals) for i, text in enumerate(texts)]
    rows = read_each(_SHAPE, texts, refusals)
    return _assemble(rows, b"".join(texts), refusals, len(texts), terms)


def _completed(index: int, text: bytes, terms: Terms, refusals: Refusals) -> bytes:
    """A plain event as a CloudEvent, less the fields for which it is refused; any other row as it is."""
    try:
        fields = _one_object.decode(text) if is_utf8(text) else {"specversion": msgspec.Raw()}
    except (msgspec.MsgspecError, RecursionError):
        return text
    if "specversion" in fields:
        return text
    for field, reason in explain(PLAIN_EVENT, text):
        hint = f"is no field of an event ({', '.join(PLAIN)}): put it into data" if field not in PLAIN else reason
        refusals.add(index, readable_id(fields.get("id")), Fault(field, hint))
        fields.pop(field, None)
    id = f"request-{terms.request}-{index}" if terms.request else uuid.uuid4().hex
    missing = {"specversion": "1.0", "source": terms.plain, "id": id} | ({} if "type" in fields else {"type": "?"})
    said = {name: value for name, value in fields.items() if bytes(value) not in (b"null", b'""')}
    return msgspec.json.encode({**missing, **said})


def _assemble(rows: Rows[Event], text: bytes, refusals: Refusals, total: int, terms: Terms) -> Decoded:
    events = rows.row
    data = [event.data for event in events]
    properties = None if any(event.data_base64 is not None for event in events) else object_column(data)
    faults: dict[int, Fault] = {}
    if properties is None:
        texts = [text if text[:1] == b"{" else wrapped(text) for text in map(bytes, data)]
        faults = _take_base64(events, texts)
        properties = json_column(texts)
    draft = Draft(
        spelling=PLAIN_SPELLING,
        index=np.array(rows.index, np.int64),
        id=pa.array([event.id for event in events], pa.string()),
        source=pa.array([event.source for event in events], pa.string()),
        type=pa.array([event.type for event in events], pa.string()),
        subject=texts_of([event.subject for event in events]),
        time=pa.array([event.time for event in events], pa.string()),
        properties=properties,
        context=optional_json_column(_contexts(rows) or ()),
        may_hold_nul=may_hold(NUL, text),
    )
    return assemble(draft, terms.received_us, refusals, total, faults, terms.ahead_us)


def wrapped(data: bytes) -> bytes:
    """Properties (an object) that hold ``data`` which is no object itself."""
    return b'{"data":' + data + b"}" if data not in (b"", b"null") else b"{}"


def _take_base64(events: list[Event], properties: list[bytes]) -> dict[int, Fault]:
    """Put binary data in place of the properties; returns what is wrong with some rows' binary data."""
    faults: dict[int, Fault] = {}
    for row, event in enumerate(events):
        if event.data_base64 is None:
            continue
        if properties[row] != b"{}":
            faults[row] = Fault("data_base64", "must not stand beside data; send one of them")
            continue
        try:
            base64.b64decode(event.data_base64, validate=True)
        except (binascii.Error, ValueError) as error:
            faults[row] = Fault("data_base64", f"is not base64 ({error})")
        properties[row] = msgspec.json.encode({"data_base64": event.data_base64})
    return faults


def _contexts(rows: Rows[Event]) -> list[JsonText | None] | None:
    """Extension attributes, and the type and schema of data where they say more than "JSON"."""
    if rows.extra is None:
        kinds, schemas = {event.datacontenttype for event in rows.row}, {event.dataschema for event in rows.row}
        if kinds <= _JSON_KINDS and schemas <= {None}:
            return None
    extras = rows.extra or [None] * len(rows.row)
    contexts: list[JsonText | None] = []
    for event, extra in zip(rows.row, extras, strict=True):
        kind = event.datacontenttype
        if extra is None and event.dataschema is None and kind in _JSON_KINDS:
            contexts.append(None)
            continue
        context: dict[str, object] = {}
        if kind and kind not in _JSON_KINDS:
            context["datacontenttype"] = kind
        if event.dataschema:
            context["dataschema"] = event.dataschema
        context.update((name, value) for name, value in (extra or {}).items() if bytes(value) != b"null")
        contexts.append(msgspec.json.encode(context) if context else None)
    return contexts


def _is_binary(media: str, headers: Mapping[str, str]) -> bool:
    return not media.startswith("application/cloudevents") and any(name.lower().startswith("ce-") for name in headers)


@lru_cache(maxsize=64)
def _media(content_type: str) -> tuple[str, str]:
    """Media type and charset, in lower case, of a Content-Type header."""
    media, *parameters = (part.strip().lower() for part in content_type.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset":
            return media, value.strip().strip('"')
    return media, ""


def _from_binary(body: bytes, content_type: str, headers: Mapping[str, str]) -> bytes:
    """One event in binary mode (``ce-`` headers, the body is its data) as the JSON text of the same event.

    Raises ``Rejected`` where the body is said to be JSON and is not, and for a header that says no text.
    """
    event: dict[str, object] = {**header_attributes(headers)}
    if content_type:
        event["datacontenttype"] = content_type
    media, charset = _media(content_type)
    if media in _PLAIN_JSON or media.endswith("+json"):
        data = body.removeprefix(_BOM).strip()
        if data:
            event["data"] = _valid_json(data)
    elif charset not in _UTF8 or not is_utf8(body) or b"\0" in body:
        event["data_base64"] = base64.b64encode(body).decode()
    elif body:
        event["data"] = body.decode()
    return msgspec.json.encode(event)


def _valid_json(data: bytes) -> msgspec.Raw:
    try:
        if is_utf8(data):
            msgspec.json.decode(data, type=msgspec.Raw)
            return msgspec.Raw(data)
    except msgspec.MsgspecError as error:
        raise Rejected("body", f"is not valid JSON ({error}), which its content type says it is") from None
    except RecursionError:
        raise Rejected("body", "is nested far too deep; flatten it") from None
    raise Rejected("body", "is not valid UTF-8 text, which JSON must be")
