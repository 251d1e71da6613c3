"""Segment's HTTP API, as its SDKs send it: ``/v1/{track,identify,page,screen,group,alias,batch}`` and their other names.

Names become business names: a track is its ``event``, a page ``page.viewed``, a screen ``screen.viewed``, an identify
``user.identified``, a group ``user.grouped``, an alias ``user.aliased``. ``integrations``, ``_metadata`` and write keys
address Segment's own delivery and are not kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import msgspec
import numpy as np
import pyarrow as pa

from events.errors import Rejected
from serve.ingest.bodies import (
    NUL,
    SEGMENT_BYTES,
    compacted,
    few_enough,
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
from serve.ingest.contract import shown
from serve.ingest.reading import Extra, JsonText, Rows, read_all, read_each
from serve.ingest.segment_messages import SHAPE, TRACKS, Alias, Group, Identify, Message, Page, Screen, Track
from serve.ingest.times import AHEAD_US
from serve.ingest.verdicts import Decoded, Fault, Refusals

KINDS = ("track", "identify", "page", "screen", "group", "alias", "batch")
PATHS = {
    **{kind: kind for kind in KINDS},
    "t": "track",
    "i": "identify",
    "p": "page",
    "s": "screen",
    "g": "group",
    "a": "alias",
    "b": "batch",
    "import": "batch",
}
"""The kind of message by path below ``/v1``: SDKs of browsers and phones use the letters, older ones ``import``."""

_SPELLING = Spelling(id="messageId", subject="userId", time="timestamp", properties="properties", context="context")
_BOM = b"\xef\xbb\xbf"


class _Around(msgspec.Struct, kw_only=True):
    """What surrounds the messages of a batch, or stands in a single message for its delivery."""

    sentAt: msgspec.Raw = msgspec.Raw()
    context: msgspec.Raw = msgspec.Raw()
    writeKey: msgspec.Raw = msgspec.Raw()


class _Envelope(_Around, kw_only=True):
    """A body whose messages are yet to be read."""

    batch: msgspec.Raw = msgspec.Raw()


class _Whole(_Around, kw_only=True):
    """A body all of whose messages hold."""

    batch: list[Track | Page | Screen | Identify | Group | Alias]


_envelope = msgspec.json.Decoder(_Envelope)
_whole = msgspec.json.Decoder(_Whole)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def write_key(body: bytes) -> str | None:
    """The write key that stands in a Segment body; None where there is none, or the body cannot be read."""
    text = body.removeprefix(_BOM)
    envelope = _envelope_of(text)
    if envelope is None:  # some message is no JSON; the key may yet be read
        try:
            envelope = _envelope_of(split_array(text, b"batch")[0])
        except Rejected:
            return None
    return _text(envelope.writeKey) if envelope else None


def decode_segment(
    kind: str,
    body: bytes,
    received_us: int,
    source: str = "segment",
    ahead_us: int = AHEAD_US,
    request: str | None = None,
) -> Decoded:
    """Decode one request to ``/v1/{kind}`` (body already decompressed), received at ``received_us`` (µs UTC).

    A message's identity is its ``messageId`` among those of its ``source``, whichever batch it comes in. Without one, it
    is the message's place in ``request``, a name that only a retry of this request bears (None: it is no retry): equal
    words are two events. Where ``sentAt`` is given and not before ``timestamp``, the sender's clock is corrected as
    Segment does: received - (sentAt - timestamp). An empty list for ``properties``, ``traits`` or ``context`` is PHP's
    empty object. Raises ``Rejected`` where the body as a whole cannot be read, ``TooLarge`` over 500 kB or 10,000 rows.
    """
    if kind not in KINDS:
        raise Rejected("kind", f"must be one of {', '.join(KINDS)}, got {kind!r}")
    text = within(body, SEGMENT_BYTES).removeprefix(_BOM).strip()
    if text[:1] != b"{":
        raise Rejected("body", "must be a JSON object, as Segment's SDKs send it")
    if kind != "batch":
        return _decode_single(kind, text, received_us, source, ahead_us, request)
    compact = compacted(text)
    whole = None if compact is None else _whole_of(compact)
    if compact is not None and whole is not None:  # nearly all batches
        messages = cast("list[Message]", whole.batch)
        total = few_enough(len(messages))
        refusals = Refusals.of_array(lambda: _envelope.decode(compact).batch)
        rows = Rows(list(range(total)), messages)
        return _assemble(rows, compact, whole, refusals, total, received_us, source, ahead_us, request)
    envelope = None if compact is None else _envelope_of(compact)
    rows: Rows[Message] | None = None
    if envelope is not None:
        found = raw_texts(envelope.batch) if len(envelope.batch) else None
        if found is None:
            raise Rejected("batch", "is required: an array of messages")
        texts: list[JsonText] = list(found)
        few_enough(len(texts))
        rows = read_all(SHAPE, envelope.batch)
    else:  # some message is no JSON: look at each
        head, split = split_array(text, b"batch")
        envelope = _envelope_of(head)
        if envelope is None:
            raise Rejected("body", "is not valid JSON around its messages; send it as Segment's SDKs do")
        few_enough(len(split))
        texts = [compacted(row) or row for row in split]
    refusals = Refusals(texts.__getitem__)
    if rows is None:
        rows = read_each(SHAPE, texts, refusals)
    return _assemble(rows, b"".join(texts), envelope, refusals, len(texts), received_us, source, ahead_us, request)


def _decode_single(
    kind: str, text: bytes, received_us: int, source: str, ahead_us: int, request: str | None
) -> Decoded:
    """One message; its ``type`` need not be said, and must not be another."""
    row = compacted(text) or text
    try:
        fields = _object.decode(row) if is_utf8(row) else {}
    except (msgspec.MsgspecError, RecursionError):
        split_array(b"[" + text + b"]")  # raises where it is not even one object
        fields = {}
    if fields:
        said = _text(fields.get("type", msgspec.Raw()))
        if said is None:
            row = msgspec.json.encode({**fields, "type": kind})
        elif said != kind:
            refusals = Refusals(lambda index: row)
            refusals.add(0, None, Fault("type", f"must be {kind} on /v1/{kind}, got {shown(said)}"))
            return _assemble(Rows(), b"", _Around(), refusals, 1, received_us, source, ahead_us, request)
    refusals = Refusals(lambda index: row)
    return _assemble(
        read_each(SHAPE, [row], refusals), row, _Around(), refusals, 1, received_us, source, ahead_us, request
    )


def _envelope_of(text: bytes) -> _Envelope | None:
    try:
        return _envelope.decode(text) if is_utf8(text) else None
    except (msgspec.MsgspecError, RecursionError):
        return None


def _whole_of(text: bytes) -> _Whole | None:
    """A body whose messages hold, in one go; None where some message needs a look of its own."""
    try:
        return _whole.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _text(value: msgspec.Raw) -> str | None:
    """A string; of anything else its JSON text, so that a verdict can name it; None for null and nothing."""
    text = bytes(value)
    if text in (b"", b"null"):
        return None
    return msgspec.json.decode(text, type=str) if text[:1] == b'"' else text.decode("utf-8", "replace")


def _assemble(
    rows: Rows[Message],
    text: bytes,
    envelope: _Around,
    refusals: Refusals,
    total: int,
    received_us: int,
    source: str,
    ahead_us: int,
    request: str | None,
) -> Decoded:
    messages = rows.row
    types, said = _named(messages)
    faults: dict[int, Fault] = {}
    properties = object_column(said)
    if properties is None:
        properties = json_column(_properties_of(messages, said, faults))
    own = [message.context for message in messages]
    shared = _object_text(envelope.context)
    context = object_column(own) if not (shared or rows.extra) else None
    if context is None:
        context = optional_json_column(_contexts(own, shared, rows.extra, faults))
    subjects = texts_of([message.userId or message.anonymousId for message in messages])
    if subjects.null_count:
        for i in np.flatnonzero(subjects.is_null().to_numpy(zero_copy_only=False)).tolist():
            faults.setdefault(i, Fault("userId", "is required, or an anonymousId: whose event is it?"))
    sent_at = _text(envelope.sentAt)
    draft = Draft(
        spelling=_SPELLING,
        index=np.array(rows.index, np.int64),
        id=texts_of([message.messageId for message in messages]),
        source=pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(messages), np.int32)), pa.array([source])),
        type=pa.array(types, pa.string()),
        subject=subjects,
        anonymous_id=texts_of([message.anonymousId for message in messages]),
        time=texts_of([message.timestamp or message.originalTimestamp for message in messages]),
        sent=pa.array([message.sentAt or sent_at for message in messages], pa.string()),
        properties=properties,
        context=context,
        properties_field=lambda row: _properties_field(messages[row]),
        may_hold_nul=may_hold(NUL, text),
    )
    return assemble(draft, received_us, refusals, total, faults, ahead_us, request)


def _properties_of(messages: list[Message], said: Sequence[JsonText], faults: dict[int, Fault]) -> list[bytes]:
    """The texts of the properties; ``faults`` learns of those that are no object."""
    texts = [_object_text(text) or b"{}" for text in said]
    for i, text in enumerate(texts):
        if text[:1] != b"{":
            shown_text = text[:40].decode("utf-8", "replace")
            faults[i] = Fault(_properties_field(messages[i]), f"must be a JSON object, got {shown_text}")
            texts[i] = b"{}"
    return texts


def _contexts(
    own: Sequence[msgspec.Raw], shared: bytes | None, extras: list[Extra | None] | None, faults: dict[int, Fault]
) -> list[bytes | None]:
    """The texts of the contexts, with what of the batch's and of fields that the contract does not know belongs to them.

    ``faults`` learns of those that are no object.
    """
    texts = [_object_text(text) for text in own]
    if shared or extras:
        texts = [
            _context(text, shared, extra) if shared or extra else text
            for text, extra in zip(texts, extras or [None] * len(texts), strict=True)
        ]
    for i, text in enumerate(texts):
        if text is not None and text[:1] != b"{":
            faults[i] = Fault("context", f"must be a JSON object, got {text[:40].decode('utf-8', 'replace')}")
            texts[i] = None
    return texts


def _named(messages: list[Message]) -> tuple[list[str], Sequence[JsonText]]:
    """Business names, and the texts of the properties with what belongs to them but stands beside them."""
    if {*map(type, messages)} <= TRACKS:  # nearly all batches: nothing stands beside
        tracks = cast("list[Track]", messages)
        return [track.event for track in tracks], [track.properties for track in tracks]
    types: list[str] = []
    properties: list[bytes] = []
    for message in messages:
        name, said, more = _said(message)
        types.append(name)
        own = _object_text(said) or b"{}"
        properties.append(_joined(own, more) if more and own[:1] == b"{" else own)
    return types, properties


def _said(message: Message) -> tuple[str, msgspec.Raw, dict[str, str]]:
    """A message's business name, its properties, and what belongs with them but stands beside them."""
    match message:
        case Track():
            return message.event, message.properties, {}
        case Page() | Screen():
            more = {key: value for key in ("name", "category") if (value := getattr(message, key))}
            return "page.viewed" if isinstance(message, Page) else "screen.viewed", message.properties, more
        case Identify():
            return "user.identified", message.traits, {}
        case Group():
            return "user.grouped", message.traits, {"groupId": message.groupId}
        case Alias():
            return "user.aliased", msgspec.Raw(), {"previousId": message.previousId}
        case _:
            raise AssertionError(f"no such message: {type(message)}")


def _properties_field(message: Message) -> str:
    return "traits" if isinstance(message, (Identify, Group)) else "properties"


def _object_text(value: JsonText) -> bytes | None:
    """JSON text of what is to be an object, or None for none; PHP writes an empty one as ``[]``."""
    text = bytes(value)
    return None if text in (b"", b"null", b"[]") else text


def _joined(properties: bytes, more: dict[str, str]) -> bytes:
    """Properties and what stood beside them, which wins."""
    if properties == b"{}":
        return msgspec.json.encode(more)
    return msgspec.json.encode({**_object.decode(properties), **more})


def _context(own: bytes | None, shared: bytes | None, extra: Extra | None) -> bytes | None:
    """A message's own context over that of its batch, over fields that the contract does not know."""
    merged: dict[str, msgspec.Raw] = dict(extra or {})
    for text in (shared, own):
        if text is None:
            continue
        if text[:1] != b"{":
            return text  # refused by the caller, who names what it is
        merged |= _object.decode(text)
    return msgspec.json.encode(merged) if merged else None
