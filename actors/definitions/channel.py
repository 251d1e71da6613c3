"""A channel: a way by which people are told of alerts. Parts bring further kinds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, cast

from pydantic import HttpUrl, PlainValidator, SecretStr, SerializeAsAny, field_validator
from pydantic_core import PydanticCustomError

from actors.definitions.schema import Section, Word
from actors.webhook_signing import secret_bytes
from events.nearest import did_you_mean

IN_CONFIGURATION = "configuration"
"""Stands for a secret that a configuration file has in clear: it is never shown, and never on ``control``."""
REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)
"""Where a secret is: a variable of the environment of ``hindcast up``, or a file in ``secrets/`` of the data directory."""


class ChannelSection(Section):
    """What the settings of every channel have. Those of a kind are a subclass, with its own fields."""

    name: Word
    kind: str


class DashboardChannel(ChannelSection):
    """The page's own list of alerts."""


class WebhookChannel(ChannelSection):
    """POSTs to a URL of yours, signed with ``secret`` (Standard Webhooks 1.0: ``whsec_`` and base64)."""

    url: HttpUrl
    secret: SecretStr
    """The secret itself (in a configuration file only), or where it is: ``env:NAME`` or ``file:NAME``."""

    @field_validator("secret")
    @classmethod
    def _is_a_secret(cls, secret: SecretStr) -> SecretStr:
        said = secret.get_secret_value()
        if said != IN_CONFIGURATION and not REFERENCE.fullmatch(said):
            secret_bytes(said)
        return secret

    @property
    def reference(self) -> str:
        """What may be shown of the secret: where it is."""
        said = self.secret.get_secret_value()
        return said if REFERENCE.fullmatch(said) else IN_CONFIGURATION


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


Channel = Annotated[
    SerializeAsAny[ChannelSection],
    PlainValidator(_of_its_kind, json_schema_input_type=DashboardChannel | WebhookChannel),
]
