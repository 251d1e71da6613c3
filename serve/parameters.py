"""Parameters of a request's address: which there are, and moments as people write them."""

from __future__ import annotations

from fastapi import Request

from events.errors import Rejected
from events.nearest import did_you_mean
from query.moments import seconds_of


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
    return seconds_of(text, now, field)
