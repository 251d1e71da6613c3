"""API keys: how they look, what they may do, and the hash by which they are known."""

from __future__ import annotations

import hashlib
import secrets

from events.errors import Rejected

SCOPES = ("ingest", "query", "control", "admin")
"""``admin`` implies all of them."""


def new_key() -> str:
    """``hc_`` and 240 random bits; shown once, stored as its hash."""
    return "hc_" + secrets.token_urlsafe(30)


def key_hash(key: str) -> str:
    """SHA-256 in hex. The key has full entropy, so a slow hash would add nothing."""
    return hashlib.sha256(key.encode()).hexdigest()


def valid_scopes(scopes: list[str]) -> frozenset[str]:
    """Raises ``Rejected`` for an empty list or an unknown scope."""
    unknown = [s for s in scopes if s not in SCOPES]
    if unknown or not scopes:
        raise Rejected("scopes", f"must be some of {', '.join(SCOPES)}; got {scopes}")
    return frozenset(scopes)
