"""The grid a series lies on: what one step is, where rows stand on it, and which times come next.

A time is int64 microseconds since 1970 where any is at least ``ORDINALS_BELOW`` from zero, else a plain ordinal
(a row number, a year). Months, quarters, years and business days are steps of the calendar, not of a fixed length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.typed import I64

ORDINALS_BELOW = 10**12
"""Eleven days after 1970, in microseconds: no table of real times lies wholly within it."""
SECOND, DAY = 1_000_000, 86_400_000_000
_HOUR = 3600 * SECOND
_NATURAL = {SECOND: (60, 3600), 60 * SECOND: (60, 1440, 10080), _HOUR: (24, 168), DAY: (7, 365), 7 * DAY: (52,)}
"""Candidate seasons of a step, in steps; what divides an hour or a day gets day and week."""
_MULTIPLES = {24: 168, 48: 336, 96: 672, 144: 1008, 288: 2016, 1440: 10080, 7: 365}
"""The longer season that usually comes with one."""


@dataclass(frozen=True, slots=True)
class Frequency:
    """One step of a grid: ``size`` units of ``unit``: ``ordinal``, ``us``, ``month`` or ``business day``."""

    unit: str
    size: int

    def positions(self, times: I64) -> I64:
        """int64[n] steps from the first of ``times`` (sorted), to the nearest; a clock change moves no row."""
        if self.unit == "month":
            steps = _months(times) - _months(times[:1])
        elif self.unit == "business day":
            days = times // DAY
            return np.busday_count(_date(days[:1]), _date(days)).astype(np.int64)
        else:
            steps = times - times[0]
        return (steps + self.size // 2) // self.size

    def after(self, times: I64, count: int) -> I64:
        """int64[count] times of the steps that follow the last of ``times``."""
        last, ahead = times[-1], np.arange(1, count + 1, dtype=np.int64)
        if self.unit == "month":
            return _add_months(times, ahead * self.size)
        if self.unit == "business day":
            days = np.busday_offset(_date(last // DAY), ahead, roll="backward")
            return days.astype(np.int64) * DAY + last % DAY
        return last + ahead * self.size

    def seasons(self, period: int | None = None) -> tuple[int, ...]:
        """Season lengths worth a test, shortest first; ``period``, the caller's own, and what usually comes with it."""
        if period is not None:
            return (period, _MULTIPLES[period]) if period in _MULTIPLES else (period,) if period > 1 else ()
        if self.unit == "month":
            return (12 // self.size,) if self.size < 12 and 12 % self.size == 0 else ()
        if self.unit == "business day":
            return (5, 261)
        if self.unit == "ordinal":
            return ()
        if self.size in _NATURAL:
            return _NATURAL[self.size]
        return tuple(span // self.size for span in (DAY, 7 * DAY) if span % self.size == 0 and span > self.size)

    def __str__(self) -> str:
        if self.unit == "ordinal":
            return f"every {self.size}" if self.size > 1 else "by one"
        if self.unit == "month" and self.size in (3, 12):
            return "every quarter" if self.size == 3 else "every year"
        if self.unit != "us":
            return f"every {self.size} {self.unit}s" if self.size > 1 else f"every {self.unit}"
        for span, name in (
            (7 * DAY, "week"),
            (DAY, "day"),
            (_HOUR, "hour"),
            (60 * SECOND, "minute"),
            (SECOND, "second"),
        ):
            if self.size % span == 0:
                return f"every {self.size // span} {name}s" if self.size > span else f"every {name}"
        return f"every {self.size} us"


def infer(times: I64, microseconds: bool) -> Frequency | None:
    """The frequency of sorted, distinct times; None for fewer than two.

    It is the commonest difference; months if all times share the day of the month (or are all its last day) and the
    time of day; business days if days, with weekends left out and nothing on one.
    """
    if times.shape[0] < 2:
        return None
    gaps = np.diff(times)
    found, counts = np.unique(gaps, return_counts=True)
    size = int(found[counts.argmax()])
    if not microseconds:
        return Frequency("ordinal", size)
    if size >= 28 * DAY and _monthly(times):
        months = np.diff(_months(times))
        steps, counts = np.unique(months, return_counts=True)
        return Frequency("month", int(steps[counts.argmax()]))
    if size == DAY and times.shape[0] >= 6:
        weekday = (times // DAY + 3) % 7  # 1970-01-01 was a Thursday
        if (weekday < 5).all() and (np.diff(weekday) < 0).any():
            return Frequency("business day", 1)
    return Frequency("us", size)


def _date(days: I64 | np.int64) -> np.ndarray:
    return np.asarray(days).astype("datetime64[D]")


def _months(times: I64) -> I64:
    return times.view("datetime64[us]").astype("datetime64[M]").astype(np.int64)


def _day_of_month(times: I64) -> I64:
    stamps = times.view("datetime64[us]")
    return ((stamps - stamps.astype("datetime64[M]").astype("datetime64[us]")).astype(np.int64)) // DAY


def _monthly(times: I64) -> bool:
    day = _day_of_month(times)
    if np.unique(times % DAY).shape[0] > 1:
        return False
    return bool((day == day[0]).all() or (_day_of_month(times + DAY) == 0).all() or _clipped(day, times))


def _clipped(day: I64, times: I64) -> bool:
    """The 29th to 31st of each month, or its last day where it has none."""
    latest = day.max()
    return bool(latest >= 28 and ((day == latest) | (_day_of_month(times + DAY) == 0)).all())


def _add_months(times: I64, months: I64) -> I64:
    last, day = times[-1:], int(_day_of_month(times).max())
    target = (_months(last) + months).astype("datetime64[M]")
    length = ((target + 1).astype("datetime64[D]") - target.astype("datetime64[D]")).astype(np.int64)
    at_end = bool((_day_of_month(times + DAY) == 0).all())
    day_in = length - 1 if at_end else np.minimum(day, length - 1)
    return target.astype("datetime64[us]").astype(np.int64) + day_in * DAY + int(last[0] % DAY)
