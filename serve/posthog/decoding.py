"""PostHog's events as rows of ``user_interactions``.

Names that PostHog reserves become business names, the same ones that Segment's messages get, so that a metric or a question
means both: ``$pageview`` is ``page.viewed``, ``$screen`` ``screen.viewed``, ``$pageleave`` ``page.left``, ``$identify`` and
``$set`` ``user.identified``, ``$create_alias`` and ``$merge_dangerously`` ``user.aliased``; ``$groupidentify`` is
``group.identified``, which is about nobody: its ``distinct_id`` is made up. ``$autocapture`` is ``element.clicked``,
``element.changed`` or ``element.submitted``. Other names stay.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Required

import msgspec
import numpy as np
import pyarrow as pa
from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from serve.ingest.columns import Draft, Spelling, assemble, json_column, optional_json_column, texts_of
from serve.ingest.contract import ID_LENGTH, NAME_LENGTH, TIME_LENGTH, MaybeId, MaybeTime, Name, shown
from serve.ingest.reading import Extra, Rows, Shape, read_each
from serve.ingest.times import AHEAD_US, iso, parse_time
from serve.ingest.verdicts import Decoded, Fault, Refusals
from serve.posthog.bodies import Posted
from serve.posthog.words import type_of

_SPELLING = Spelling(id="uuid", subject="distinct_id", time="timestamp", properties="properties", context="properties")
_CAMPAIGN = {
    "source": "utm_source",
    "medium": "utm_medium",
    "name": "utm_campaign",
    "term": "utm_term",
    "content": "utm_content",
}
_PAGE = {"url": "$current_url", "path": "$pathname", "referrer": "$referrer", "title": "title"}
_LIBRARY = {"name": "$lib", "version": "$lib_version"}
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:[.,]\d{1,12})?", re.ASCII)
_NOTHING = (b"", b"null", b"[]")


class Event(msgspec.Struct, gc=False):
    """An event as SDKs send it; fields that are not here are of PostHog's own delivery, and are not kept."""

    event: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH)]
    uuid: Annotated[str, msgspec.Meta(max_length=ID_LENGTH)] | None = None
    timestamp: Annotated[str, msgspec.Meta(max_length=TIME_LENGTH)] | None = None
    distinct_id: msgspec.Raw = msgspec.Raw()
    properties: msgspec.Raw = msgspec.Raw()
    offset: msgspec.Raw = msgspec.Raw()
    sent_at: msgspec.Raw = msgspec.Raw()
    set: msgspec.Raw = msgspec.field(name="$set", default=msgspec.Raw())
    set_once: msgspec.Raw = msgspec.field(name="$set_once", default=msgspec.Raw())


@with_config(ConfigDict(extra="allow", strict=True))
class Contract(TypedDict, total=False):
    """The same in words that explain what is wrong."""

    event: Required[Name]
    uuid: MaybeId
    timestamp: MaybeTime
    distinct_id: Any
    properties: Any


CONTRACT: TypeAdapter[Any] = TypeAdapter(Contract)
_decoder = msgspec.json.Decoder(Event)
_all = msgspec.json.Decoder(list[Event])
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _contract_of(_: Extra) -> TypeAdapter[Any]:
    return CONTRACT


_SHAPE = Shape(
    strict=_decoder,
    strict_all=_all,
    lenient=_decoder,
    lenient_all=_all,
    known=frozenset(Event.__struct_encode_fields__),
    contract=_contract_of,
    id="uuid",
    placeholders={"event": b'"?"'},
)


def decode(
    request: Posted,
    received_us: int,
    source: str,
    ahead_us: int = AHEAD_US,
    name: str | None = None,
    sent_ms: str = "",
) -> Decoded:
    """The rows of one request, received at ``received_us`` (microseconds UTC) from ``source``.

    An event's identity is its ``uuid``. Where the request says when it was sent (``sent_at``; ``sent_ms`` is that of its
    query), the sender's clock is corrected, unless the event says ``$ignore_sent_at``. A time without a zone is UTC, as
    PostHog has it.
    """
    refusals = Refusals(request.texts.__getitem__)
    rows: Rows[Event] = read_each(_SHAPE, request.texts, refusals)
    sent_at = _sent(request.sent_at) or _sent(msgspec.Raw(sent_ms.encode()))
    read = [_Read(event, received_us, sent_at) for event in rows.row]
    draft = Draft(
        spelling=_SPELLING,
        index=np.array(rows.index, np.int64),
        id=texts_of([event.uuid for event in rows.row]),
        source=pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(read), np.int32)), pa.array([source])),
        type=pa.array([one.type for one in read], pa.string()),
        subject=texts_of([one.subject for one in read]),
        anonymous_id=texts_of([one.anonymous for one in read]),
        time=texts_of([one.time for one in read]),
        sent=pa.array([one.sent for one in read], pa.string()),
        properties=json_column([msgspec.json.encode(one.properties) for one in read]),
        context=optional_json_column([one.context for one in read]),
        may_hold_nul=any(b"\\u0000" in bytes(text) for text in request.texts),
    )
    faults = {row: one.fault for row, one in enumerate(read) if one.fault is not None}
    return assemble(draft, received_us, refusals, len(request.texts), faults, ahead_us, name)


class _Read:
    """One event, read: what its row says."""

    def __init__(self, event: Event, received_us: int, sent_at: str | None) -> None:
        self.fault: Fault | None = None
        self.properties = self._object("properties", event.properties)
        self.properties.pop("token", None)  # the project's key: it says where to, and is nothing of the event
        for field, raw in (("$set", event.set), ("$set_once", event.set_once)):
            beside = self._object(field, raw)
            if beside:
                self.properties[field] = _encoded({**self._said(field), **beside})
        said = self.properties
        self.subject = _text(event.distinct_id) or _text(said.get("distinct_id")) or _text(said.get("$distinct_id"))
        if not self.subject:
            self.fault = self.fault or Fault("distinct_id", "is required: whose event is it?")
        elif len(self.subject) > ID_LENGTH:
            self._fail("distinct_id", f"must have at most {ID_LENGTH} characters, got {len(self.subject):,}")
        self.anonymous = self._anonymous()
        self.type = self._type(event.event)
        if self.type == "group.identified":
            self.subject = self.anonymous = None
        self.time = _time(event, received_us)
        as_is = not event.timestamp or bytes(said.get("$ignore_sent_at", b"")) == b"true"
        self.sent = None if as_is else _sent(event.sent_at) or sent_at
        self.context = _context(said)

    def _fail(self, field: str, reason: str) -> None:
        self.fault = self.fault or Fault(field, reason)

    def _object(self, field: str, raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
        """What is to be an object; PHP writes an empty one as ``[]``."""
        text = bytes(raw)
        if text in _NOTHING:
            return {}
        if text[:1] != b"{":
            self._fail(field, f"must be a JSON object, got {shown(msgspec.json.decode(text))}")
            return {}
        return _object.decode(raw)

    def _said(self, field: str) -> dict[str, msgspec.Raw]:
        raw = self.properties.get(field, msgspec.Raw())
        return _object.decode(raw) if bytes(raw)[:1] == b"{" else {}

    def _anonymous(self) -> str | None:
        """Who it was before it was known who it is. ``$device_id`` is none: it outlives a ``reset()``, so two people at one
        machine would be one."""
        before = _text(self.properties.get("$anon_distinct_id"))
        nobody = bytes(self.properties.get("$is_identified", b"")) == b"false"
        return (before or (self.subject if nobody else None) or "")[:ID_LENGTH] or None

    def _type(self, name: str) -> str:
        """The business name; what Segment says beside the properties of such an event is put among them."""
        type = type_of(name, _text(self.properties.get("$event_type")))[:NAME_LENGTH]
        if type == "user.identified":
            self.properties = {**self._said("$set_once"), **self._said("$set"), **self.properties}
        elif type == "group.identified":
            key = self.properties.get("$group_key")
            more = {} if key is None else {"groupId": key}
            self.properties = {**self._said("$group_set"), **more, **self.properties}
        elif type == "user.aliased" and "alias" in self.properties:
            self.properties = {"previousId": self.properties["alias"], **self.properties}
        return type


def _time(event: Event, received_us: int) -> str | None:
    """When it happened, as text; None: when it was received. Old SDKs say how many milliseconds ago it was."""
    said = event.timestamp
    if said:
        return f"{said}Z" if _NAIVE.fullmatch(said) else said
    offset = _number(event.offset)
    return None if offset is None else iso(received_us - int(offset * 1000))


def _sent(raw: msgspec.Raw) -> str | None:
    """When the sender says that it sent, as text that is a time; None where it says nothing that is one."""
    number = _number(raw)
    if number is not None:
        return iso(int(number * 1000)) if 0 < number < 4e12 else None
    said = _text(raw) or ""
    said = f"{said}Z" if _NAIVE.fullmatch(said) else said
    return said if parse_time(said) is not None else None


def _number(raw: msgspec.Raw) -> float | None:
    try:
        return msgspec.json.decode(raw, type=float)
    except msgspec.MsgspecError:
        return None


def _text(raw: msgspec.Raw | None) -> str | None:
    """A text, or a number as text; None for anything else."""
    if raw is None:
        return None
    text = bytes(raw)
    if text[:1] == b'"':
        return msgspec.json.decode(text, type=str) or None
    return text.decode() if text[:1].isdigit() or text[:1] == b"-" else None


def _encoded(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def _context(said: Mapping[str, msgspec.Raw]) -> bytes | None:
    """What Segment's SDKs say as ``context``, from PostHog's properties: the library, the page, the campaign."""
    found: dict[str, dict[str, msgspec.Raw]] = {}
    for part, names in (("library", _LIBRARY), ("page", _PAGE), ("campaign", _CAMPAIGN)):
        own = {name: raw for name, key in names.items() if (raw := said.get(key)) is not None and _is_said(raw)}
        if own:
            found[part] = own
    return msgspec.json.encode(found) if found else None


def _is_said(raw: msgspec.Raw) -> bool:
    text = bytes(raw)
    return text[:1] == b'"' and text not in (b'""', b'"$direct"')
