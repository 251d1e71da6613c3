"""The contract of what senders may send, as pydantic types: what it refuses, it explains.

The fast path (the msgspec structs of each dialect) accepts nothing that this refuses; a differential test holds the two
together. Rules across fields (times, money, size, depth) are in ``columns``, the same for every dialect.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal, Required

from pydantic import BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from serve.ingest.verdicts import Fault

ID_LENGTH = 256
NAME_LENGTH = 200
TIME_LENGTH = 64
URI_LENGTH = 1024

Id = Annotated[str, Field(min_length=1, max_length=ID_LENGTH)]
MaybeId = Annotated[str, Field(max_length=ID_LENGTH)] | None
Name = Annotated[str, Field(min_length=1, max_length=NAME_LENGTH)]
MaybeName = Annotated[str, Field(max_length=NAME_LENGTH)] | None
MaybeTime = Annotated[str, Field(max_length=TIME_LENGTH)] | None
MaybeUri = Annotated[str, Field(max_length=URI_LENGTH)] | None


def _object(value: Any) -> Any:
    """PHP cannot tell an empty object from an empty list, and writes both as ``[]``."""
    return {} if value == [] else value


Object = Annotated[dict[str, Any] | None, BeforeValidator(_object)]

_extensible = with_config(ConfigDict(extra="allow", strict=True))


@_extensible
class CloudEvent(TypedDict, total=False):
    """CloudEvents 1.0 in JSON format; any other attribute is an extension and is kept in ``context``."""

    id: Required[Id]
    source: Required[Id]
    type: Required[Name]
    specversion: Required[Literal["1.0"]]
    subject: MaybeId
    time: MaybeTime
    datacontenttype: MaybeName
    dataschema: MaybeUri
    data: Any
    data_base64: str | None


@with_config(ConfigDict(extra="forbid", strict=True))
class PlainEvent(TypedDict, total=False):
    """An event in its plainest form: what happened, to whom, and what else is known. It is completed to a CloudEvent.

    Without an ``id`` it gets one of its own, so that sending it again counts it again; without a ``source`` it is from
    the API key, by the key's name.
    """

    type: Required[Name]
    subject: MaybeId
    data: Any
    time: MaybeTime
    id: MaybeId
    source: MaybeId


class Message(TypedDict, total=False):
    """What every Segment message may say; any other field is kept in ``context``."""

    messageId: MaybeId
    userId: MaybeId
    anonymousId: MaybeId
    timestamp: MaybeTime
    originalTimestamp: MaybeTime
    sentAt: MaybeTime
    context: Object


@_extensible
class Track(Message, total=False):
    """Somebody did something: ``event`` names it."""

    type: Required[Literal["track"]]
    event: Required[Name]
    properties: Object


@_extensible
class Page(Message, total=False):
    """Somebody saw a page."""

    type: Required[Literal["page"]]
    name: MaybeName
    category: MaybeName
    properties: Object


@_extensible
class Screen(Message, total=False):
    """Somebody saw a screen of an app."""

    type: Required[Literal["screen"]]
    name: MaybeName
    category: MaybeName
    properties: Object


@_extensible
class Identify(Message, total=False):
    """What is known of somebody."""

    type: Required[Literal["identify"]]
    traits: Object


@_extensible
class Group(Message, total=False):
    """Somebody belongs to a group, and what is known of the group."""

    type: Required[Literal["group"]]
    groupId: Required[Id]
    traits: Object


@_extensible
class Alias(Message, total=False):
    """Two identities are one person."""

    type: Required[Literal["alias"]]
    userId: Required[Id]  # type: ignore[misc]
    previousId: Required[Id]


CLOUD_EVENT: TypeAdapter[Any] = TypeAdapter(CloudEvent)
PLAIN_EVENT: TypeAdapter[Any] = TypeAdapter(PlainEvent)
MESSAGES: dict[str, TypeAdapter[Any]] = {
    "track": TypeAdapter(Track),
    "page": TypeAdapter(Page),
    "screen": TypeAdapter(Screen),
    "identify": TypeAdapter(Identify),
    "group": TypeAdapter(Group),
    "alias": TypeAdapter(Alias),
}


def explain(contract: TypeAdapter[Any], row: bytes) -> list[Fault]:
    """All that the contract has against a row of JSON text, at most one fault a field."""
    try:
        contract.validate_json(row)
    except ValidationError as error:
        faults: dict[str, Fault] = {}
        for one in error.errors(include_url=False):
            field = str(one["loc"][0]) if one["loc"] else "row"
            faults.setdefault(field, Fault(field, _reason(one["type"], one.get("ctx", {}), one["input"], one["msg"])))
        return list(faults.values())
    return []


def _reason(kind: str, context: dict[str, Any], given: object, message: str) -> str:
    match kind:
        case "missing":
            return "is required"
        case "string_type":
            return f"must be a string, got {shown(given)}"
        case "string_too_short":
            return "must not be empty"
        case "string_too_long":
            length = len(given) if isinstance(given, str) else 0
            return f"must have at most {context['max_length']} characters, got {length:,}"
        case "literal_error":
            return f"must be {context['expected']}, got {shown(given)}"
        case "dict_type":
            return f"must be a JSON object, got {shown(given)}"
        case _:
            return f"{message}, got {shown(given)}"


def shown(value: object) -> str:
    """A value as short JSON text, for a message."""
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."
