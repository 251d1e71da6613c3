"""The messages of Segment's API as msgspec reads them: the fast path of what ``contract`` says of them."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from pydantic import TypeAdapter

from serve.ingest.contract import ID_LENGTH, MESSAGES, NAME_LENGTH, TIME_LENGTH, shown
from serve.ingest.reading import Extra, Shape
from serve.ingest.verdicts import Fault

_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=ID_LENGTH)]
_MaybeId = Annotated[str, msgspec.Meta(max_length=ID_LENGTH)] | None
_MaybeName = Annotated[str, msgspec.Meta(max_length=NAME_LENGTH)] | None
_MaybeTime = Annotated[str, msgspec.Meta(max_length=TIME_LENGTH)] | None


class Message(msgspec.Struct, kw_only=True, tag_field="type", forbid_unknown_fields=True, gc=False):
    """The fast path of ``contract.Message``; ``context`` and properties stay text."""

    messageId: _MaybeId = None
    userId: _MaybeId = None
    anonymousId: _MaybeId = None
    timestamp: _MaybeTime = None
    originalTimestamp: _MaybeTime = None
    sentAt: _MaybeTime = None
    context: msgspec.Raw = msgspec.Raw()
    integrations: msgspec.Raw = msgspec.Raw()
    metadata: msgspec.Raw = msgspec.field(name="_metadata", default=msgspec.Raw())
    writeKey: msgspec.Raw = msgspec.Raw()


class Track(Message, tag="track", kw_only=True, forbid_unknown_fields=True, gc=False):
    """Somebody did something."""

    event: Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LENGTH)]
    properties: msgspec.Raw = msgspec.Raw()


class Page(Message, tag="page", kw_only=True, forbid_unknown_fields=True, gc=False):
    """Somebody saw a page."""

    name: _MaybeName = None
    category: _MaybeName = None
    properties: msgspec.Raw = msgspec.Raw()


class Screen(Message, tag="screen", kw_only=True, forbid_unknown_fields=True, gc=False):
    """Somebody saw a screen of an app."""

    name: _MaybeName = None
    category: _MaybeName = None
    properties: msgspec.Raw = msgspec.Raw()


class Identify(Message, tag="identify", kw_only=True, forbid_unknown_fields=True, gc=False):
    """What is known of somebody."""

    traits: msgspec.Raw = msgspec.Raw()


class Group(Message, tag="group", kw_only=True, forbid_unknown_fields=True, gc=False):
    """Somebody belongs to a group."""

    groupId: _Id
    traits: msgspec.Raw = msgspec.Raw()


class Alias(Message, tag="alias", kw_only=True, forbid_unknown_fields=True, gc=False):
    """Two identities are one person."""

    userId: _Id  # type: ignore[assignment]
    previousId: _Id


_STRICT: dict[str, Any] = {
    "track": Track,
    "page": Page,
    "screen": Screen,
    "identify": Identify,
    "group": Group,
    "alias": Alias,
}
_LENIENT: dict[str, Any] = {
    kind: msgspec.defstruct(
        f"Extended{cls.__name__}", [], bases=(cls,), tag=kind, forbid_unknown_fields=False, gc=False
    )
    for kind, cls in _STRICT.items()
}
TRACKS = {Track, _LENIENT["track"]}
_KNOWN = frozenset(name for cls in _STRICT.values() for name in cls.__struct_encode_fields__) | {"type"}


def _contract_of(fields: Extra) -> TypeAdapter[Any] | Fault:
    if "type" not in fields:
        return Fault("type", f"is required: one of {', '.join(MESSAGES)}")
    kind = msgspec.json.decode(fields["type"])
    if isinstance(kind, str) and kind in MESSAGES:
        return MESSAGES[kind]
    return Fault("type", f"must be one of {', '.join(MESSAGES)}, got {shown(kind)}")


def _shape(strict: Any, lenient: Any) -> Shape[Message]:
    return Shape(
        strict=msgspec.json.Decoder(strict),
        strict_all=msgspec.json.Decoder(list[strict]),
        lenient=msgspec.json.Decoder(lenient),
        lenient_all=msgspec.json.Decoder(list[lenient]),
        known=_KNOWN,
        contract=_contract_of,
        id="messageId",
        placeholders=dict.fromkeys(("event", "groupId", "userId", "previousId"), b'"?"') | {"type": b'"identify"'},
    )


def _union(classes: dict[str, Any]) -> Any:
    track, page, screen, identify, group, alias = classes.values()
    return track | page | screen | identify | group | alias


SHAPE = _shape(_union(_STRICT), _union(_LENIENT))
