"""API keys: how they look, what they may do, and the hash by which they are known."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from events.errors import Rejected

SCOPES = ("ingest", "query", "control", "admin")
"""``admin`` implies all of them."""


LINK = "hcl_"
LINK_S = 86_400.0
OLD_NAME = "key"
"""The name that a key has where nobody named it."""


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


def source_of(key: Mapping[str, Any]) -> str:
    """The product whose events a key brings: their ids are its own, over all its keys.

    Keys made before a source was a thing of its own go by their name, as their events in the log do; but many bear the
    name that was the default, and they need not be of one product.
    """
    named = key.get("source")
    if named:
        return str(named)
    return str(key["id"] if key["name"] == OLD_NAME else key["name"])


def free_source(name: str, id: str, keys: Iterable[Mapping[str, Any]]) -> str:
    """The source of a new key that names none: its name, unless another product has it, else the key's own id."""
    taken = {source_of(key) for key in keys}
    return name if name != OLD_NAME and name not in taken else id
