"""Moments and lengths as people write them: ISO 8601, seconds since 1970, `7d` ago; and wall time in a named zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from events.errors import Rejected
from events.nearest import did_you_mean

_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)", re.ASCII)
_SECONDS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_ZONE_LOST = re.compile(r"(\d) (\d\d:?\d\d)$")
"""An offset whose ``+`` stands in an address as it is, and so is read as a blank."""
LATEST_S = 4e9
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def length_s(text: str) -> float | None:
    """Seconds of a length such as ``90s``, ``30m``, ``1h``, ``7d``, ``2w``; None where ``text`` is none."""
    found = _LENGTH.fullmatch(text.strip())
    return float(found[1]) * _SECONDS[found[2]] if found else None


def seconds_of(text: str, now: float, field: str, zone: ZoneInfo | None = None) -> float:
    """Seconds UTC of a moment: ISO 8601 (wall time of ``zone``, else UTC, where it has no offset), seconds since 1970, or
    a time ago (``1h``, ``7d``).

    Raises ``Rejected(field, …)``.
    """
    said = text.strip()
    ago = length_s(said)
    if ago is not None:
        return max(0.0, now - ago)
    try:
        at = float(said)
    except ValueError:
        at = _iso(_ZONE_LOST.sub(r"\1+\2", said), field, zone)
    if not 0 <= at <= LATEST_S:  # also NaN
        raise Rejected(field, f"must be within 1970 and 2096, got {text[:80]!r}; a number is seconds since 1970")
    return at


def _iso(text: str, field: str, zone: ZoneInfo | None) -> float:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Rejected(
            field, f"must be ISO 8601, seconds since 1970 or a time ago such as 1h, 30m, 7d; got {text[:80]!r}"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=zone or UTC)).timestamp()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def zone_of(name: str, field: str = "zone") -> ZoneInfo:
    """The time zone of that name, as the IANA database has it (``Europe/Berlin``). Raises ``Rejected(field, …)``."""
    if name not in _zones():
        hint = did_you_mean(name, _zones())
        raise Rejected(field, f"there is no time zone {name[:80]!r}{hint}; name one as in Europe/Berlin, or UTC")
    return ZoneInfo(name)


def at_us(us: int) -> datetime:
    """The moment ``us`` microseconds after 1970, in UTC."""
    return EPOCH + timedelta(microseconds=us)


def us_of(at: datetime) -> int:
    """Microseconds UTC of a moment with a zone."""
    return (at - EPOCH) // timedelta(microseconds=1)
