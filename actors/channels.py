"""Notification channels: the edges that tell people. Each promises at least once; the key makes repeats harmless."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import Protocol

import httpx


class Undelivered(RuntimeError):
    """The channel did not take the message; ``final`` where trying again cannot help."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.final = final


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
    """POSTs to ``url``, signed as Standard Webhooks 1.0 asks (HMAC-SHA256 over id, timestamp and body)."""

    url: str
    secret: str
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
            raise Undelivered(f"HTTP {answer.status_code}")


def sign(secret: str, key: str, timestamp: str, body: str) -> str:
    """``v1,<base64>`` over ``id.timestamp.body`` (Standard Webhooks 1.0)."""
    digest = hmac.new(secret.encode(), f"{key}.{timestamp}.{body}".encode(), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()
