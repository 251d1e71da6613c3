"""Notification channels: the edges that tell people. Each promises at least once; the key makes repeats harmless."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from actors.retry_after import seconds_of

PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
"""How long the specification lets a secret be."""


class Undelivered(RuntimeError):
    """The channel did not take the message.

    ``final``: trying again cannot help. ``hold_s``: the receiver asked for no request, of whatever message, for so long.
    """

    def __init__(self, reason: str, *, final: bool = False, hold_s: float | None = None) -> None:
        super().__init__(reason)
        self.final = final
        self.hold_s = hold_s


class Channel(Protocol):
    def send(self, key: str, body: str) -> None:
        """Deliver ``body`` (JSON). Raises ``Undelivered``."""
        ...


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


def sign(secret: str, key: str, timestamp: str, body: str) -> str:
    """``v1,<base64>``: HMAC-SHA256 over ``id.timestamp.body`` with the secret's bytes (Standard Webhooks 1.0)."""
    digest = hmac.new(secret_bytes(secret), f"{key}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def new_secret() -> str:
    """A secret of 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def secret_bytes(secret: str) -> bytes:
    """The key that ``whsec_<base64 of 24 to 64 bytes>`` stands for. Raises ``ValueError``, which shows nothing of it.

    A plain text is refused, not taken as it is: the receiver's library would read it as base64, and find other bytes.
    """
    try:
        found = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not secret.startswith(PREFIX) or len(found) not in SECRET_BYTES:
        least, most = SECRET_BYTES[0], SECRET_BYTES[-1]
        raise ValueError(
            f"is no secret of Standard Webhooks: it must be {PREFIX} and the base64 of {least} to {most} random bytes; "
            "`hindcast notifications secret` makes one, to be set here and at the receiver"
        )
    return found
