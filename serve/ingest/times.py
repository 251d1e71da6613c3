"""Times of events: ISO 8601 text with an offset to int64 microseconds UTC, and which times can be true."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

EARLIEST_US = 946_684_800_000_000  # 2000-01-01T00:00:00Z
AHEAD_US = 600 * 1_000_000
"""How far ahead of the receiver's clock an event may be, where nothing else is asked for: 10 minutes."""
REMEDY = "send ISO 8601 with an offset, such as 2026-01-31T09:30:00.125Z"

_UTC = pa.timestamp("us", tz="UTC")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:[.,](\d{1,12}))?\s?([Zz]|[+-]\d\d(?::?\d\d)?)", re.ASCII)

_FRACTION = re.compile(r":\d\d[.,](\d+)", re.ASCII)


def parse_times(column: pa.Array) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """Microseconds UTC of each time (0 where there is none), which of them are there, and why some cannot be read.

    The column is of text, or of timestamps in µs UTC. Digits beyond the microsecond are cut off. The verdict on a text
    does not depend on its neighbours.
    """
    gaps = column.null_count
    there = column.is_valid().to_numpy(zero_copy_only=False) if gaps else np.ones(len(column), np.bool_)
    try:
        found = column.cast(_UTC).view(pa.int64())
        return (found.fill_null(0) if gaps else found).to_numpy(), there, {}
    except pa.ArrowInvalid:
        pass  # at least one text is unusual or wrong: look at each
    times = np.zeros(len(column), np.int64)
    faults: dict[int, str] = {}
    for i, text in enumerate(column.to_pylist()):
        if text is not None:
            us = parse_time(text)
            if us is None:
                faults[i] = f"is not a time, got {text[:80]!r}; {REMEDY}{_numeric_hint(text)}"
            else:
                times[i] = us
    return times, there, faults


def parse_time(text: str) -> int | None:
    """Microseconds UTC of one ISO 8601 text with an offset; None where it is none."""
    try:
        return pa.array([text], pa.string()).cast(_UTC).cast(pa.int64())[0].as_py()
    except pa.ArrowInvalid:
        pass
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    day, clock, fraction, offset = match.groups()
    try:
        return (
            pa.array([f"{day}T{clock}.{(fraction or '')[:6]:0<6}{offset.upper()}"])
            .cast(_UTC)
            .cast(pa.int64())[0]
            .as_py()
        )
    except pa.ArrowInvalid:
        return None


def range_fault(us: int, received_us: int, said: str | None, ahead_us: int = AHEAD_US) -> str | None:
    """Why an event cannot have happened at ``us`` when it was received at ``received_us``; None where it can."""
    if EARLIEST_US <= us <= received_us + ahead_us:
        return None
    value = said if said is not None else iso(us)
    for factor, mistake in (
        (1000, "seconds where milliseconds belong"),
        (1_000_000, "seconds where microseconds belong"),
    ):
        if EARLIEST_US <= us * factor <= received_us + ahead_us:
            return f"{value} looks like {mistake} ({iso(us * factor)} would fit); {REMEDY}"
    for factor, mistake in (
        (1000, "milliseconds where seconds belong"),
        (1_000_000, "microseconds where seconds belong"),
    ):
        if EARLIEST_US <= us // factor <= received_us + ahead_us:
            return f"{value} looks like {mistake} ({iso(us // factor)} would fit); {REMEDY}"
    bound = "before 2000-01-01" if us < EARLIEST_US else f"more than {_span(ahead_us)} ahead of this server's clock"
    return f"{value} is {bound}; check the sender's clock and unit (seconds or milliseconds)"


def _span(us: int) -> str:
    """A length of time in words: ``10 minutes``."""
    seconds = us / 1e6
    size, unit = next(
        ((s, u) for s, u in ((3600, "hour"), (60, "minute")) if seconds >= s and seconds % s == 0), (1, "second")
    )
    return f"{seconds / size:g} {unit}{'' if seconds == size else 's'}"


def _numeric_hint(text: str) -> str:
    """A word on times sent as a count since 1970, the commonest mistake."""
    if not re.fullmatch(r"\d{9,19}(\.\d{1,9})?", text, re.ASCII):
        return ""
    whole = int(text.split(".")[0])
    for unit, scale in (("seconds", 1_000_000), ("milliseconds", 1000), ("microseconds", 1)):
        if EARLIEST_US <= whole * scale < 4_102_444_800_000_000:
            return f" (as {unit} since 1970 it would be {iso(whole * scale)})"
    return ""


def precision(text: str) -> int:
    """Microseconds within which an ISO 8601 text tells a time: 1 s for ``09:30:00Z``, 1 ms for ``09:30:00.125Z``."""
    fraction = _FRACTION.search(text)
    return 10 ** max(0, 6 - len(fraction.group(1))) if fraction else 1_000_000


def iso(us: int) -> str:
    """A time (microseconds UTC) as ISO 8601 text."""
    try:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{us} µs since 1970"
