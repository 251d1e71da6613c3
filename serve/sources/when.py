"""Times as other people write them: each is read as what it says, and one that leaves a doubt is refused, not guessed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_tz
from zoneinfo import ZoneInfo

from serve.ingest.times import AHEAD_US, parse_time, range_fault

LOCAL = "local"
"""Stands for where this machine is, as a zone."""
_LEAST_S, _MOST_S = 946_684_800, 4_102_444_800
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,12})?", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_OFFSET = re.compile(r"[+-]\d\d:?\d\d\s*(\(.*\))?$", re.ASCII)
_WORD = re.compile(r"[A-Za-z]{1,5}$", re.ASCII)
HOURS = {
    **dict.fromkeys(("UT", "UTC", "GMT", "Z", "WET"), 0),
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,  # RFC 822
    "AKST": -9,
    "AKDT": -8,
    "HST": -10,
    "NST": -3.5,
    "NDT": -2.5,
    "BRT": -3,
    "ART": -3,
    "WEST": 1,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "MSK": 3,
    "SAST": 2,
    "JST": 9,
    "KST": 9,
    "HKT": 8,
    "SGT": 8,
    "PHT": 8,
    "WIB": 7,
    "AWST": 8,
    "ACST": 9.5,
    "ACDT": 10.5,
    "AEST": 10,
    "AEDT": 11,
    "NZST": 12,
    "NZDT": 13,
}
"""Names of zones that mean one offset, hours east of UTC. Those that mean several (IST, BST, AST) are not here."""


def read_time(value: object, received_us: int, zone: str | None = None, form: str | None = None) -> int:
    """Microseconds UTC of ``value``: ISO 8601, RFC 2822 (mail and RSS), a number of seconds to nanoseconds since 1970, a
    day (its midnight); with ``form``, text as ``datetime.strptime`` reads it.

    ``zone`` (``Europe/Berlin``) is where local times are from, days too; a day without it is of UTC. Raises ``ValueError``,
    which is read after the field's name, for what cannot be read or cannot be true at ``received_us``.
    """
    us = _us(value, zone, form)
    fault = range_fault(us, received_us, repr(value)[:80], AHEAD_US)
    if fault:
        raise ValueError(fault)
    return us


def _us(value: object, zone: str | None, form: str | None) -> int:
    if isinstance(value, bool) or value is None:
        raise ValueError(f"is no time, got {value!r}")
    if isinstance(value, (int, float)):
        return _since_1970(str(value) if isinstance(value, int) else f"{value:f}")
    if isinstance(value, datetime):
        return _placed(value, zone)
    text = str(value).strip()
    if form:
        return _placed(_formed(text, form), zone)
    if _NUMBER.fullmatch(text):
        return _since_1970(text)
    if _DAY.fullmatch(text):
        return _placed(_iso(text), zone or "UTC")
    us = parse_time(text)
    if us is not None:
        return us
    if text[:4].isdigit():
        return _placed(_iso(text), zone)
    return _mail(text, zone)


def _since_1970(text: str) -> int:
    whole, _, fraction = text.partition(".")
    number = int(whole)
    for scale in (1_000_000_000, 1_000_000, 1000, 1):  # of one second, in nanoseconds, …, seconds
        if _LEAST_S * scale <= number < _MOST_S * scale:
            ns = int(f"{whole}{(fraction + '0' * 9)[:9]}") // scale
            return ns // 1000
    raise ValueError(f"is no number of seconds, ms, us or ns since 1970 of this century, got {text[:40]}")


def _formed(text: str, form: str) -> datetime:
    try:
        return datetime.strptime(text, form)
    except ValueError:
        raise ValueError(f"is not of the form {form!r}, got {text[:80]!r}") from None


def _iso(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"is not a time, got {text[:80]!r}; say its form in `time_format`, as strptime has it"
        ) from None


def _placed(at: datetime, zone: str | None) -> int:
    if at.tzinfo is None and zone == LOCAL:
        at = at.astimezone(UTC)
    if at.tzinfo is None:
        if zone is None:
            raise ValueError(f"{at.isoformat(' ')} has no time zone; say which is meant in `zone`, as in Europe/Berlin")
        at = at.replace(tzinfo=_zone(zone))
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)


def _mail(text: str, zone: str | None) -> int:
    """RFC 2822 and its elders. Python's reader takes a zone that it does not know, and none at all, for UTC."""
    found = parsedate_tz(text)
    if found is None:
        raise ValueError(f"is not a time, got {text[:80]!r}; say its form in `time_format`, as strptime has it")
    try:
        at = datetime(*found[:6])
    except ValueError as error:
        raise ValueError(f"is not a time, got {text[:80]!r}: {error}") from None
    named = _WORD.search(text.rpartition("(")[0].strip() if text.endswith(")") else text)
    word = named.group().upper() if named else ""
    if word in HOURS:
        return _placed(at.replace(tzinfo=timezone(timedelta(hours=HOURS[word]))), None)
    if word and word not in ("AM", "PM"):
        raise ValueError(
            f"is in the zone {word!r}, which means no offset or several, got {text[:80]!r}; ask for an offset, as in +0100"
        )
    offset = found[9] if _OFFSET.search(text) else None
    return _placed(at.replace(tzinfo=timezone(timedelta(seconds=offset))) if offset is not None else at, zone)
