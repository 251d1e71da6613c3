"""The kinds of channels that are ours: what each asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, HttpUrl, SecretStr, StringConstraints, field_validator, model_validator

from actors.definitions.channel_section import IN_CONFIGURATION, REFERENCE, ChannelSection
from actors.webhook_signing import secret_bytes

Mailbox = Annotated[
    str,
    StringConstraints(strip_whitespace=True, pattern=r"^(?:[^<>\r\n]{1,100}<)?[^@<>\s,;]{1,64}@[^@<>\s,;]{1,190}>?$"),
]
"""``ada@example.com``, or ``Ada <ada@example.com>``."""
Number = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^\+?[0-9A-Za-z ()./-]{2,40}$")]
Host = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[A-Za-z0-9_.:-]{1,253}$")]
FieldName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]


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


class EmailChannel(ChannelSection):
    """E-mail through an SMTP server."""

    host: Host
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: Annotated[str, Field(max_length=200)] = ""
    password: SecretStr | None = None
    sender: Mailbox
    to: Annotated[tuple[Mailbox, ...], Field(min_length=1, max_length=50)]
    ca_file: Annotated[str, Field(max_length=1_000)] = ""
    """Certificates to trust beyond the usual ones: a file of the machine that sends."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.username) != (self.password is not None):
            raise ValueError("username and password are given together, or neither is")
        if self.username and self.security == "none":
            raise ValueError("security: a password is not sent in clear; use `starttls` or `tls`")
        return self


class SmsChannel(ChannelSection):
    """Text messages through a gateway that takes a form over HTTP, such as Twilio's."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$", max_length=1_000)]
    """``{username}`` in it stands for the user name, as in Twilio's addresses."""
    to: Annotated[tuple[Number, ...], Field(min_length=1, max_length=20)]
    sender: Number
    username: Annotated[str, Field(max_length=200)] = ""
    password: SecretStr | None = None
    fields: Annotated[dict[Literal["to", "from", "text"], FieldName], Field(max_length=3, default_factory=dict)]
    """How the gateway calls these; not given, as Twilio does: ``To``, ``From``, ``Body``."""
    extra: Annotated[dict[FieldName, str], Field(max_length=20, default_factory=dict)]
    """Further fields of the form, sent as they are."""


class SlackChannel(ChannelSection):
    """Slack: an incoming webhook's ``url``, or a bot's ``token`` and the ``channel`` that it writes to."""

    url: SecretStr | None = None
    token: SecretStr | None = None
    channel: Annotated[str, StringConstraints(pattern=r"^[#@]?[\w-]{1,100}$")] | None = None
    api: HttpUrl = HttpUrl("https://slack.com/api")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.url is None) == (self.token is None):
            raise ValueError("url: give `url` (an incoming webhook), or `token` and `channel` (a bot, with threads)")
        if (self.token is None) != (self.channel is None):
            raise ValueError("channel: goes with `token`, and says where the bot writes")
        return self


class TeamsChannel(ChannelSection):
    """Microsoft Teams: the address of a workflow *When a Teams webhook request is received*."""

    url: SecretStr


class PagerDutyChannel(ChannelSection):
    """PagerDuty's Events API v2, or what speaks it."""

    routing_key: SecretStr
    url: HttpUrl = HttpUrl("https://events.pagerduty.com/v2/enqueue")


class AppriseChannel(ChannelSection):
    """Any service of the package ``apprise``, by an address of its form."""

    url: SecretStr


OURS: Mapping[str, type[ChannelSection]] = {
    "dashboard": DashboardChannel,
    "webhook": WebhookChannel,
    "email": EmailChannel,
    "sms": SmsChannel,
    "slack": SlackChannel,
    "teams": TeamsChannel,
    "pagerduty": PagerDutyChannel,
    "apprise": AppriseChannel,
}


def secret(said: SecretStr | None) -> str:
    """The text of a secret that may be missing."""
    return "" if said is None else said.get_secret_value()


def plain(section: ChannelSection, *names: str) -> dict[str, Any]:
    """These fields of a section, as they are."""
    return {name: getattr(section, name) for name in names}
