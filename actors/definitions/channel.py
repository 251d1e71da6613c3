"""A channel: a way by which people are told of alerts. Parts bring further kinds (``ChannelKind``)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, cast

from pydantic import HttpUrl, PlainValidator, SecretStr, SerializeAsAny, field_validator
from pydantic_core import PydanticCustomError

from actors import channels
from actors.channels import secret_bytes
from actors.definitions.schema import Section, Word
from events.errors import Rejected
from events.nearest import did_you_mean

IN_CONFIGURATION = "configuration"
"""Stands for a secret that a configuration file has in clear: it is never shown, and never on ``control``."""
REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


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
    """The secret itself (in a configuration file only), or where it is: ``env:NAME``."""

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


def webhook(channel: WebhookChannel) -> channels.WebhookChannel:
    """Raises ``Rejected`` where the environment that is named does not have the secret, or has another text."""
    return channels.WebhookChannel(str(channel.url), _secret(channel))


def _secret(channel: WebhookChannel) -> str:
    said = channel.secret.get_secret_value()
    name = said.removeprefix("env:")
    if name == said and said != IN_CONFIGURATION:
        return said
    where = f"channels.{channel.name}.secret"
    if said == IN_CONFIGURATION:
        raise Rejected(where, "stands for a secret that is kept elsewhere; write the secret, or `env:NAME`")
    if name not in os.environ:
        raise Rejected(where, f"is in the environment variable {name}, which is not set; set it, then start again")
    try:
        secret_bytes(os.environ[name])
    except ValueError as error:
        raise Rejected(where, f"is in the environment variable {name}, which {error}") from None
    return os.environ[name]


@dataclass(frozen=True, slots=True)
class ChannelKind:
    """A kind of channel: the schema of its settings, and what makes the channel of them where messages are sent."""

    name: str
    section: type[ChannelSection]
    make: Callable[[Any], channels.Channel]
    """The channel for a section. It is sent to other processes: picklable. May raise ``Rejected``."""


CHANNELS: dict[str, ChannelKind] = {
    kind.name: kind
    for kind in (
        ChannelKind("dashboard", DashboardChannel, lambda _: channels.DashboardChannel()),
        ChannelKind("webhook", WebhookChannel, webhook),
    )
}
"""By name: ours, and those that parts brought to this process."""


def _of_its_kind(value: Any) -> ChannelSection:
    if isinstance(value, ChannelSection):
        return value
    if not isinstance(value, Mapping):
        raise PydanticCustomError("channel", "a channel is a mapping with name, kind and what its kind asks for")
    said = str(cast(Mapping[str, Any], value).get("kind", ""))
    kind = CHANNELS.get(said)
    if kind is None:
        known = ", ".join(CHANNELS)
        raise PydanticCustomError(
            "channel", "kind: there is no kind {said} of channels{hint}; kinds are {known}",
            {"said": repr(said), "hint": did_you_mean(said, CHANNELS), "known": known},
        )  # fmt: skip
    return kind.section.model_validate(value)


Channel = Annotated[
    SerializeAsAny[ChannelSection],
    PlainValidator(_of_its_kind, json_schema_input_type=DashboardChannel | WebhookChannel),
]
