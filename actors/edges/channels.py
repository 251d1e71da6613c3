"""Notification channels: the edges that tell people. Each promises at least once; the key makes repeats harmless."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from pydantic import SecretStr, ValidationError

from actors.definitions.channel import IN_CONFIGURATION, ChannelSection
from actors.definitions.channel import DashboardChannel as DashboardSection
from actors.definitions.channel import WebhookChannel as WebhookSection
from actors.edges.retry_after import seconds_of
from actors.edges.secrets import secret_at
from actors.parts import CHANNEL_KINDS, Channel, ChannelKind, Part
from actors.webhook_signing import sign
from events.errors import Rejected


class Undelivered(RuntimeError):
    """The channel did not take the message.

    ``final``: trying again cannot help. ``hold_s``: the receiver asked for no request, of whatever message, for so long.
    """

    def __init__(self, reason: str, *, final: bool = False, hold_s: float | None = None) -> None:
        super().__init__(reason)
        self.final = final
        self.hold_s = hold_s


@dataclass(frozen=True, slots=True)
class DashboardChannel:
    """The dashboard shows every alert from the log itself, so delivery is the commit that asked for it."""

    def send(self, key: str, body: str) -> None:
        return


@dataclass(frozen=True, slots=True)
class WebhookChannel:
    """POSTs to ``url``, signed as Standard Webhooks 1.0 asks; ``secret`` as ``secret_bytes`` takes it."""

    url: str
    secret: str = field(repr=False)
    timeout_s: float = 5.0

    def send(self, key: str, body: str) -> None:
        timestamp = str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "webhook-id": key,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(self.secret, key, timestamp, body),
        }
        try:
            answer = httpx.post(self.url, content=body.encode(), headers=headers, timeout=self.timeout_s)
        except httpx.HTTPError as error:
            raise Undelivered(f"{type(error).__name__}: {error}") from error
        if answer.status_code == 410:
            raise Undelivered("410 Gone: the receiver wants no more of these", final=True)
        if not answer.is_success:
            hold_s = seconds_of(answer.headers.get("retry-after", ""), time.time())
            raise Undelivered(f"HTTP {answer.status_code}", hold_s=hold_s)


PART = Part(
    "channels",
    channels=(
        ChannelKind("dashboard", DashboardSection, lambda _: DashboardChannel()),
        ChannelKind(
            "webhook", WebhookSection, lambda said: WebhookChannel(str(said.url), said.secret.get_secret_value())
        ),
    ),
)


def channel_of(section: ChannelSection, secrets: Path) -> Channel:
    """The channel that a definition asks for, with its secrets; ``secrets``: the folder of those that are in files.

    Raises ``Rejected`` where a secret is not there, or is none, or nobody here knows the kind.
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
    return known[section.kind].make(whole)


def _secret(section: ChannelSection, field: str, folder: Path) -> str:
    said = getattr(section, field).get_secret_value()
    if said == IN_CONFIGURATION:
        raise Rejected(field, "stands for a secret that is kept elsewhere; write the secret, `env:NAME` or `file:NAME`")
    return said if section.references[field] == IN_CONFIGURATION else secret_at(said, folder, field)
