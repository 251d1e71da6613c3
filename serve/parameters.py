"""Parameters of a request's address: which there are, and moments as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from fastapi import Request

from events.errors import Rejected
from events.nearest import did_you_mean

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)", re.ASCII)
_LENGTHS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_ZONE_LOST = re.compile(r"(\d) (\d\d:?\d\d)$")
"""An offset whose ``+`` stands in an address as it is, and so is read as a blank."""
LATEST_S = 4e9


def known_parameters(request: Request) -> None:
    """Refuse parameters that the route does not have: one that is misspelt must not be passed over in silence."""
    known = sorted(field.alias for field in request.scope["route"].dependant.query_params)
    for name in request.query_params:
        if name not in known:
            listed = f"there are {', '.join(known)}" if known else "there are none here"
            raise Rejected(name, f"is no parameter of {request.url.path}{did_you_mean(name, known)}; {listed}")


def seconds_since(text: str, now: float, field: str = "since") -> float:
    """Seconds UTC of a moment: ISO 8601 (UTC where it names no zone), seconds since 1970, or a time ago (``1h``, ``7d``).

    Raises ``Rejected(field, …)``.
    """
    said = text.strip()
    ago = _AGO.fullmatch(said)
    if ago:
        return max(0.0, now - float(ago[1]) * _LENGTHS[ago[2]])
    try:
        at = float(said)
    except ValueError:
        at = _iso(_ZONE_LOST.sub(r"\1+\2", said), field)
    if not 0 <= at <= LATEST_S:  # also NaN
        raise Rejected(field, f"must be within 1970 and 2096, got {text[:80]!r}; a number is seconds since 1970")
    return at


def _iso(text: str, field: str) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Rejected(
            field, f"must be ISO 8601, seconds since 1970 or a time ago such as 1h, 30m, 7d; got {text[:80]!r}"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
