"""Secrets and signatures of webhooks, as Standard Webhooks 1.0 specifies them."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

PREFIX = "whsec_"
SECRET_BYTES = range(24, 65)
"""How long the specification lets a secret be."""


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
