"""Where an axis has its ticks: round numbers, powers of ten, or the calendar (UTC)."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

SECOND, DAY = 1_000_000, 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIXED = tuple(
    step * SECOND for step in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
)
_DAYS = (1, 2, 4, 7, 14)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200)


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """At most ``most`` multiples of 1, 2, 2.5 or 5 times a power of ten, from within [low, high]."""
    if not high > low:
        return [low]
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10, 20) if (high - low) / (power * m) <= most - 1 + 1e-9)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Powers of ten in [low, high], with 2 and 5 times them where there is room."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for factors in ((1, 2, 5), (1, 3), (1,)):
        ticks = [m * 10.0**e for e in range(first, last + 1) for m in factors]
        ticks = [tick for tick in ticks if low * (1 - 1e-9) <= tick <= high * (1 + 1e-9)]
        if len(ticks) <= most:
            return ticks
    every = math.ceil(len(ticks) / most)
    return ticks[::every]


def time_ticks(low: float, high: float, most: int) -> list[tuple[float, str, str]]:
    """(µs UTC, label, second line): round times; the second line says which day or year where that is new."""
    span = high - low
    if span <= 0:
        return [(low, *_names(_at(low), 1))]
    for step in _FIXED:
        if span / step <= most - 1:
            return _named([i * step for i in range(math.ceil(low / step), math.floor(high / step) + 1)], step)
    for days in _DAYS:
        if span / (days * DAY) <= most - 1:
            return _named(_days(low, high, days), days * DAY)
    months = next((m for m in _MONTHS if span / (m * 30.4 * DAY) <= most - 1), _MONTHS[-1])
    return _named(_months(low, high, months), months * 30 * DAY)


def _at(time: float) -> datetime:
    return _EPOCH + timedelta(microseconds=round(time))


def _us(moment: datetime) -> float:
    return float((moment - _EPOCH) // timedelta(microseconds=1))


def _days(low: float, high: float, step: int) -> list[float]:
    """Midnights; by the week, Mondays (day 4 after the epoch was one)."""
    shift = 4 if step % 7 == 0 else 0
    first, last = math.ceil((low / DAY - shift) / step), math.floor((high / DAY - shift) / step)
    return [float((i * step + shift) * DAY) for i in range(first, last + 1)]


def _months(low: float, high: float, step: int) -> list[float]:
    start = _at(low)
    month = (start.year * 12 + start.month - 1) // step * step
    found: list[float] = []
    while month < 9999 * 12 and (at := _us(datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC))) <= high:
        if at >= low:
            found.append(at)
        month += step
    return found


def _named(times: list[float], step: float) -> list[tuple[float, str, str]]:
    named: list[tuple[float, str, str]] = []
    before = ""
    for time in times:
        label, context = _names(_at(time), step)
        named.append((time, label, "" if context == before else context))
        before = context
    return named


def _names(moment: datetime, step: float) -> tuple[str, str]:
    day = f"{moment.day} {moment:%b}"
    if step < 60 * SECOND:
        return f"{moment:%H:%M:%S}", f"{day} {moment.year}"
    if step < DAY:
        return f"{moment:%H:%M}", f"{day} {moment.year}"
    if step < 28 * DAY:
        return day, str(moment.year)
    return (f"{moment:%b}", str(moment.year)) if step < 360 * DAY else (str(moment.year), "")
