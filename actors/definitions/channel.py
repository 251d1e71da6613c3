"""A channel: a way by which people are told of alerts. Parts bring further kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Self, cast

from pydantic import (
    HttpUrl,
    PlainValidator,
    SecretStr,
    SerializeAsAny,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from actors.definitions.schema import Section, Word
from actors.webhook_signing import secret_bytes
from events.errors import Rejected
from events.nearest import did_you_mean

IN_CONFIGURATION = "configuration"
"""Stands for a secret that a configuration file has in clear: it is never shown, and never on ``control``."""
REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
"""Where a secret is: a variable of the environment of ``hindcast up``, or a file in ``secrets/`` of the data directory."""
Reference = Annotated[str, StringConstraints(pattern=f"^(?:{REFERENCE.pattern})$")]
"""A field that never has the secret itself."""


class ChannelSection(Section):
    """What the settings of every channel have. Those of a kind are a subclass, with its own fields.

    A secret is a field of the type ``SecretStr``: the secret itself (in a configuration file only), or where it is, as
    ``env:NAME`` or ``file:NAME``.
    """

    name: Word
    kind: str

    @property
    def references(self) -> dict[str, str]:
        """By field: what may be shown of each secret, which is where it is."""
        said = {name: getattr(self, name) for name in type(self).model_fields}
        secrets = {name: v.get_secret_value() for name, v in said.items() if isinstance(v, SecretStr)}
        return {name: text if REFERENCE.fullmatch(text) else IN_CONFIGURATION for name, text in secrets.items()}

    @model_validator(mode="after")
    def _hides_no_secret(self) -> Self:
        for place in _secrets_in(self.model_dump(exclude={*self.references})):
            raise ValueError(
                f"{place}: a secret is a field of the channel itself, where it is looked up; not within another"
            )
        return self


def _secrets_in(said: Any, at: str = "") -> Iterator[str]:
    """Where secrets are within what a section says."""
    if isinstance(said, SecretStr):
        yield at
    elif isinstance(said, Mapping):
        for name, value in cast("Mapping[str, Any]", said).items():
            yield from _secrets_in(value, f"{at}.{name}".lstrip("."))
    elif isinstance(said, list | tuple):
        for value in cast("Sequence[Any]", said):
            yield from _secrets_in(value, at)


class DashboardChannel(ChannelSection):
    """The page's own list of alerts."""


class WebhookChannel(ChannelSection):
    """POSTs to a URL of yours, signed with ``secret`` (Standard Webhooks 1.0: ``whsec_`` and base64)."""

    url: HttpUrl
    secret: SecretStr
    """``whsec_`` and base64, or where that is."""

    @field_validator("secret")
    @classmethod
    def _is_a_secret(cls, secret: SecretStr) -> SecretStr:
        said = secret.get_secret_value()
        if said != IN_CONFIGURATION and not REFERENCE.fullmatch(said):
            secret_bytes(said)
        return secret


SECTIONS: dict[str, type[ChannelSection]] = {"dashboard": DashboardChannel, "webhook": WebhookChannel}
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
    PlainValidator(_of_its_kind, json_schema_input_type=DashboardChannel | WebhookChannel),
]
