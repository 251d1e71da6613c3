"""API keys: how they look, what they may do, and the hash by which they are known."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from events.errors import Rejected

SCOPES = ("ingest", "query", "control", "admin")
"""``admin`` implies all of them."""


LINK = "hcl_"
LINK_S = 86_400.0


def new_key() -> str:
    """``hc_`` and 240 random bits; shown once, stored as its hash."""
    return "hc_" + secrets.token_urlsafe(30)


def new_link(now_s: float) -> tuple[str, dict[str, Any]]:
    """(token, what ``link.created`` says of it): whoever opens it within a day may look and acknowledge, once."""
    return LINK + secrets.token_urlsafe(30), {"scopes": ["query", "control"], "expires": now_s + LINK_S}


def is_link_token(key: str) -> bool:
    return key.startswith(LINK)


def key_hash(key: str) -> str:
    """SHA-256 in hex. The key has full entropy, so a slow hash would add nothing."""
    return hashlib.sha256(key.encode()).hexdigest()


def valid_scopes(scopes: list[str]) -> frozenset[str]:
    """Raises ``Rejected`` for an empty list or an unknown scope."""
    unknown = [s for s in scopes if s not in SCOPES]
    if unknown or not scopes:
        raise Rejected("scopes", f"must be some of {', '.join(SCOPES)}; got {scopes}")
    return frozenset(scopes)
