"""Notification channels: the edges that tell people. Each promises at least once; the key makes repeats harmless."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from actors.definitions.channel import IN_CONFIGURATION
from actors.definitions.channel import DashboardChannel as DashboardSection
from actors.definitions.channel import WebhookChannel as WebhookSection
from actors.edges.retry_after import seconds_of
from actors.edges.secrets import secret_at
from actors.parts import ChannelKind, Part
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


def webhook(channel: WebhookSection, secrets: Path) -> WebhookChannel:
    """Raises ``Rejected`` where the place that is named does not have the secret, or has another text."""
    return WebhookChannel(str(channel.url), _secret(channel, secrets))


def _secret(channel: WebhookSection, folder: Path) -> str:
    said = channel.secret.get_secret_value()
    where = f"channels.{channel.name}.secret"
    if said == IN_CONFIGURATION:
        raise Rejected(where, "stands for a secret that is kept elsewhere; write the secret, `env:NAME` or `file:NAME`")
    if channel.reference == IN_CONFIGURATION:
        return said
    try:
        return secret_at(said, folder)
    except Rejected as error:
        raise Rejected(where, error.reason) from None


PART = Part(
    "channels",
    channels=(
        ChannelKind("dashboard", DashboardSection, lambda _, __: DashboardChannel()),
        ChannelKind("webhook", WebhookSection, webhook),
    ),
)
