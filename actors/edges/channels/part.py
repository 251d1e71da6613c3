"""The kinds of channels that are ours, and the channel that a definition asks for."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr, ValidationError

from actors.definitions.channel_kinds import (
    AppriseChannel,
    DashboardChannel,
    EmailChannel,
    PagerDutyChannel,
    SlackChannel,
    SmsChannel,
    TeamsChannel,
    WebhookChannel,
    plain,
    secret,
)
from actors.definitions.channel_section import IN_CONFIGURATION, ChannelSection
from actors.edges.channels.chat import SlackNotifier, TeamsNotifier
from actors.edges.channels.dashboard import DashboardNotifier
from actors.edges.channels.mail import EmailNotifier
from actors.edges.channels.paging import TWILIO, AppriseNotifier, PagerDutyNotifier, SMSNotifier
from actors.edges.channels.webhook import WebhookNotifier
from actors.edges.guard import Guard
from actors.edges.secrets import secret_at
from actors.parts import CHANNEL_KINDS, Channel, ChannelKind, Part
from events.errors import Rejected


def _email(said: EmailChannel) -> EmailNotifier:
    names = ("host", "port", "sender", "to", "security", "username", "ca_file")
    return EmailNotifier(**plain(said, *names), password=secret(said.password))


def _sms(said: SmsChannel) -> SMSNotifier:
    named = {**TWILIO, **said.fields}
    return SMSNotifier(
        **plain(said, "url", "to", "sender", "username", "extra"), password=secret(said.password), fields=named
    )


def _slack(said: SlackChannel) -> SlackNotifier:
    return SlackNotifier(secret(said.url), secret(said.token), said.channel or "", str(said.api).rstrip("/"))


PART = Part(
    "channels",
    channels=(
        ChannelKind("dashboard", DashboardChannel, lambda _: DashboardNotifier()),
        ChannelKind("webhook", WebhookChannel, lambda said: WebhookNotifier(str(said.url), secret(said.secret))),
        ChannelKind("email", EmailChannel, _email),
        ChannelKind("sms", SmsChannel, _sms),
        ChannelKind("slack", SlackChannel, _slack),
        ChannelKind("teams", TeamsChannel, lambda said: TeamsNotifier(secret(said.url))),
        ChannelKind(
            "pagerduty",
            PagerDutyChannel,
            lambda said: PagerDutyNotifier(secret(said.routing_key), str(said.url)),
        ),
        ChannelKind("apprise", AppriseChannel, lambda said: AppriseNotifier(secret(said.url))),
    ),
)


def channel_of(section: ChannelSection, secrets: Path, guard: Guard | None = None) -> Channel:
    """The channel that a definition asks for, with its secrets; ``secrets``: the folder of those that are in files.

    ``guard``: which addresses it may speak to; None: any, as what a configuration file names. Raises ``Rejected`` where a
    secret is not there, or is none, or nobody here knows the kind.
    """
    known = {kind.name: kind for kind in PART.channels} | CHANNEL_KINDS
    if section.kind not in known:
        raise Rejected(
            "kind", f"there is no kind {section.kind!r} of channels here: install the plug-in that brings it"
        )
    found = {field: SecretStr(_secret(section, field, secrets)) for field in section.references}
    try:
        whole = known[section.kind].section.model_validate(section.model_dump() | found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = str(first["loc"][0]) if first["loc"] else "kind"
        where = section.references.get(field, "here")
        raise Rejected(field, f"({where}) {first['msg'].removeprefix('Value error, ')}") from None
    return _guarded(known[section.kind].make(whole), guard)


def _guarded(channel: Any, guard: Guard | None) -> Channel:
    if guard is not None and is_dataclass(channel) and "guard" in {field.name for field in fields(channel)}:
        return replace(channel, guard=guard)  # pyright: ignore[reportArgumentType, reportReturnType]
    return channel


def _secret(section: ChannelSection, field: str, folder: Path) -> str:
    said = getattr(section, field).get_secret_value()
    if said == IN_CONFIGURATION:
        raise Rejected(field, "stands for a secret that is kept elsewhere; write the secret, `env:NAME` or `file:NAME`")
    return said if section.references[field] == IN_CONFIGURATION else secret_at(said, folder, field)
