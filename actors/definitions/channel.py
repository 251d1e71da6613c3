"""A channel: a way by which people are told of alerts. Parts bring further kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import PlainValidator, SerializeAsAny, ValidationError
from pydantic_core import PydanticCustomError

from actors.definitions.channel_kinds import OURS
from actors.definitions.channel_section import ChannelSection
from events.errors import Rejected
from events.nearest import did_you_mean

SECTIONS: dict[str, type[ChannelSection]] = dict(OURS)
"""Of each kind: ours, and those that parts brought to this process."""


def _of_its_kind(value: Any) -> ChannelSection:
    if isinstance(value, ChannelSection):
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError("channel", "a channel is a mapping with name, kind and what its kind asks for")
    said = str(cast(Mapping[str, Any], value).get("kind", ""))
    kind = SECTIONS.get(said)
    if kind is None:
        known = ", ".join(SECTIONS)
        raise PydanticCustomError(
            "channel", "kind: there is no kind {said} of channels{hint}; kinds are {known}",
            {"said": repr(said), "hint": did_you_mean(said, SECTIONS), "known": known},
        )  # fmt: skip
    return kind.model_validate(value)


def section_of(said: Mapping[str, Any]) -> ChannelSection:
    """The settings of a channel as ``control`` has them. Raises ``Rejected`` where they are none here any more."""
    kind = SECTIONS.get(str(said.get("kind", "")))
    if kind is None:
        raise Rejected("kind", f"{said.get('kind')!r} is unknown here: install the plug-in that brings it")
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise Rejected(".".join(map(str, first["loc"])) or "kind", first["msg"]) from None


Channel = Annotated[
    SerializeAsAny[ChannelSection],
    PlainValidator(_of_its_kind, json_schema_input_type=ChannelSection),
]
