"""Parameters of a request's address: which there are, and moments as people write them."""

from __future__ import annotations

from fastapi import Request

from events.errors import Rejected
from events.nearest import did_you_mean
from query.moments import seconds_of

NO_HINDSIGHT = {
    "alerts": "what fired was judged by what was known then, and is never judged anew; ask `as_of`, or a backtest",
    "dashboards": "a topic is kept as it was known; ask `as_of`, or the same figures of POST /v1/query",
    "streams": "a stream is a list of what became known; ask `as_of`, or POST /v1/query with `valid_at`",
    "interactions": "events are listed as they became known; ask `as_of`, or POST /v1/query with `valid_at`",
}
"""Reads that take ``as_of`` and no ``valid_at``, by the word after ``/v1/``, and why."""


def known_parameters(request: Request) -> None:
    """Refuse parameters that the route does not have: one that is misspelt must not be passed over in silence."""
    known = sorted(field.alias for field in request.scope["route"].dependant.query_params)
    for name in request.query_params:
        if name not in known:
            if name == "valid_at" and (why := NO_HINDSIGHT.get(request.url.path.split("/")[2])):
                raise Rejected(name, f"is not answered by {request.url.path}: {why}")
            listed = f"there are {', '.join(known)}" if known else "there are none here"
            raise Rejected(name, f"is no parameter of {request.url.path}{did_you_mean(name, known)}; {listed}")


def seconds_since(text: str, now: float, field: str = "since") -> float:
    """Seconds UTC of a moment: ISO 8601 (UTC where it names no zone), seconds since 1970, or a time ago (``1h``, ``7d``).

    Raises ``Rejected(field, …)``.
    """
    return seconds_of(text, now, field)
