"""Webhooks, signed as Standard Webhooks 1.0 asks."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from actors.edges.channels.posting import post
from actors.edges.guard import Guard
from actors.webhook_signing import sign


@dataclass(frozen=True, slots=True)
class WebhookNotifier:
    """POSTs the body to ``url``; ``secret`` as ``secret_bytes`` takes it."""

    url: str
    secret: str = field(repr=False)
    timeout_s: float = 5.0
    guard: Guard | None = field(default=None, compare=False)

    def send(self, key: str, body: str) -> None:
        timestamp = str(int(time.time()))
        headers = {
            "content-type": "application/json",
            "webhook-id": key,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(self.secret, key, timestamp, body),
        }
        post(self.url, guard=self.guard, content=body.encode(), headers=headers, timeout_s=self.timeout_s)
