"""HTTP's ``Retry-After``, in both of its forms (RFC 9110, 10.2.3)."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime
from math import isfinite


def seconds_of(header: str, now_s: float) -> float | None:
    """Seconds from ``now_s`` (Unix time) that the header asks to wait, 0 or more; None where it says nothing readable."""
    try:
        seconds = float(header)
    except ValueError:
        try:
            at = parsedate_to_datetime(header)
        except (ValueError, OverflowError):
            return None
        seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now_s
    return max(seconds, 0.0) if isfinite(seconds) else None
