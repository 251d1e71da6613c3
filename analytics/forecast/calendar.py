"""The grid a series lies on: what one step is, where rows stand on it, and which times come next.

A time is int64 microseconds since 1970 where any is at least ``ORDINALS_BELOW`` from zero, else a plain ordinal
(a row number, a year). Months, quarters, years and open days are steps of the calendar, not of a fixed length; who has
times with a zone gives the time on its clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

from analytics.forecast.months import DayOfMonth, rule_of
from analytics.kernels import F64, I64, Bools

ORDINALS_BELOW = 10**12
"""Eleven days after 1970, in microseconds: no table of real times lies wholly within it."""
SECOND, DAY = 1_000_000, 86_400_000_000
YEAR_DAYS = 365.2425
_HOUR = 3600 * SECOND
_NATURAL = {SECOND: (60, 3600), 60 * SECOND: (60, 1440, 10080), _HOUR: (24, 168), DAY: (7, 365), 7 * DAY: (52,)}
"""Candidate seasons of a step, in steps; what divides an hour or a day gets day and week."""
_MULTIPLES = {24: 168, 48: 336, 96: 672, 144: 1008, 288: 2016, 1440: 10080, 7: 365}
"""The longer season that usually comes with one."""
_SPANS = ((7 * DAY, "week"), (DAY, "day"), (_HOUR, "hour"), (60 * SECOND, "minute"), (SECOND, "second"))
_WORKING = "1111100"
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CHANCE = 0.02
"""Of weekdays that are never seen, by chance, among open ones: below this they are closed."""
_KEPT = 0.6
"""The share of its open days that a series with closed weekdays must have."""
_MONTH = 27 * DAY
"""The shortest step from a day of one month to that of the next, a holiday allowed for."""


@dataclass(frozen=True, slots=True)
class Frequency:
    """One step of a grid: ``size`` units of ``unit``: ``ordinal``, ``us``, ``month``, ``business day`` or ``open day``."""

    unit: str
    size: int
    day: DayOfMonth | None = None
    """Of steps of months: their day."""
    week: str = _WORKING
    """Of business and open days: a 1 for each open weekday, Monday first (numpy's weekmask)."""

    @property
    def by_week(self) -> bool:
        """Whether steps are the open days of the week."""
        return self.unit in ("business day", "open day")

    def positions(self, times: I64) -> I64:
        """int64[n] steps from the first of ``times`` (sorted), to the nearest; a clock change moves no row."""
        if self.unit == "month":
            steps = _months(times) - _months(times[:1])
        elif self.by_week:
            days = times // DAY
            return np.busday_count(_date(days[:1]), _date(days), self.week).astype(np.int64)
        else:
            steps = times - times[0]
        return (steps + self.size // 2) // self.size

    def after(self, times: I64, count: int) -> I64:
        """int64[count] times of the steps that follow the last of ``times``."""
        last, ahead = times[-1], np.arange(1, count + 1, dtype=np.int64)
        if self.unit == "month":
            day = self.day or rule_of(times // DAY) or DayOfMonth("date", int(_date(last // DAY).item().day))
            return day.of(_months(times[-1:]) + ahead * self.size) * DAY + last % DAY
        if self.by_week:
            days = np.busday_offset(_date(last // DAY), ahead, roll="backward", weekmask=self.week)
            return days.astype(np.int64) * DAY + last % DAY
        return last + ahead * self.size

    def opens(self, times: I64) -> Bools:
        """Whether each of ``times`` is on a weekday that is open."""
        return np.array([flag == "1" for flag in self.week])[_weekday(times)]

    def seasons(self, period: int | None = None) -> tuple[int, ...]:
        """Season lengths worth a test, shortest first; ``period``, the caller's own, and what usually comes with it."""
        if period is not None:
            return (period, _MULTIPLES[period]) if period in _MULTIPLES else (period,) if period > 1 else ()
        if self.unit == "month":
            return (12 // self.size,) if self.size < 12 and 12 % self.size == 0 else ()
        if self.by_week:
            days = self.week.count("1")
            return (days, round(YEAR_DAYS * days / 7))
        if self.unit == "ordinal":
            return ()
        if self.size in _NATURAL:
            return _NATURAL[self.size]
        return tuple(span // self.size for span in (DAY, 7 * DAY) if span % self.size == 0 and span > self.size)

    def span(self, steps: int) -> str | None:
        """So many steps in units of the calendar, such as ``12 months``; None where a step has a fixed length."""
        if self.unit == "month":
            return f"{steps * self.size} month{'' if steps * self.size == 1 else 's'}"
        if self.by_week:
            return f"{steps} {self.unit}{'' if steps == 1 else 's'}"
        return None

    def __str__(self) -> str:
        if self.unit == "ordinal":
            return f"every {self.size}" if self.size > 1 else "by one"
        if self.unit == "month":
            named = {1: "every month", 3: "every quarter", 12: "every year"}
            text = named.get(self.size, f"every {self.size} months")
            return text if self.day is None or self.day.rule == "date" else f"{text}, {self.day}"
        if self.unit == "business day":
            return "every business day"
        if self.by_week:
            closed = [name for name, flag in zip(_WEEKDAYS, self.week, strict=True) if flag == "0"]
            opened = [name for name in _WEEKDAYS if name not in closed]
            return f"every day but {_listed(closed)}" if len(closed) <= 3 else f"every {_listed(opened)}"
        for span, name in _SPANS:
            if self.size % span == 0:
                return f"every {self.size // span} {name}s" if self.size > span else f"every {name}"
        return f"every {self.size} us"


def infer(times: I64, microseconds: bool) -> Frequency | None:
    """The frequency of sorted, distinct times; None for fewer than two.

    It is the commonest difference; months if the times are of different months, follow a rule for the day of the month and
    share the time of day; open days if days, with weekdays that are left out throughout (weekends: business days).
    """
    if times.shape[0] < 2:
        return None
    gaps = np.diff(times)
    found, counts = np.unique(gaps, return_counts=True)
    size = int(found[counts.argmax()])
    if not microseconds:
        return Frequency("ordinal", size)
    if float(np.median(gaps)) >= _MONTH:
        return _by_months(times, gaps) or Frequency("us", size)
    return _by_week(times, size) or Frequency("us", size)


def _by_months(times: I64, gaps: I64) -> Frequency | None:
    months = _months(times)
    if np.unique(times % DAY).shape[0] > 1 or np.unique(months).shape[0] < months.shape[0]:
        return None
    day = rule_of(times // DAY)
    even = gaps.shape[0] < 2 or int(np.ptp(gaps)) == 0
    if day is None or (even and day.rule != "date"):
        return None
    steps, counts = np.unique(np.diff(months), return_counts=True)
    return Frequency("month", int(steps[counts.argmax()]), day)


def _by_week(times: I64, size: int) -> Frequency | None:
    if size % DAY or size >= 7 * DAY or times.shape[0] < 6:
        return None
    days = times // DAY
    seen, possible = np.bincount(_weekday(times), minlength=7), np.bincount(_weekday(_all(days) * DAY), minlength=7)
    closed = seen == 0
    week = "".join("0" if shut else "1" for shut in closed)
    if size == DAY and week == _WORKING and (np.diff(_weekday(times)) < 0).any():
        return Frequency("business day", 1, None, week)
    shut = int(closed.sum())
    if not 1 <= shut <= 5 or possible[closed].min() < 2 or np.unique(times % DAY).shape[0] > 1:
        return None
    kept = (float(seen.sum()) + 0.5) / (float(possible[~closed].sum()) + 1)
    if kept < _KEPT or comb(7, shut) * (1 - kept) ** float(possible[closed].sum()) > _CHANCE:
        return None
    return Frequency("business day" if week == _WORKING else "open day", 1, None, week)


def idle(times: I64, value: F64) -> Bools:
    """Of daily rows: those of weekdays on which every value is zero, while the other days have too few zeros for chance."""
    weekday = _weekday(times)
    rows = np.bincount(weekday, minlength=7)
    zero = np.bincount(weekday, value == 0, 7) == rows
    zero &= rows >= 2
    others = ~zero[weekday]
    if not zero.any() or not others.any():
        return np.zeros(times.shape[0], np.bool_)
    share = (float((value[others] == 0).sum()) + 0.5) / (float(others.sum()) + 1)
    chance = comb(7, int(zero.sum())) * share ** float((~others).sum())
    return ~others if chance <= _CHANCE else np.zeros(times.shape[0], np.bool_)


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _all(days: I64) -> I64:
    return np.arange(int(days[0]), int(days[-1]) + 1, dtype=np.int64)


def _weekday(times: I64) -> I64:
    return (times // DAY + 3) % 7  # 1970-01-01 was a Thursday


def _date(days: I64 | np.int64) -> np.ndarray:
    return np.asarray(days).astype("datetime64[D]")


def _months(times: I64) -> I64:
    return times.view("datetime64[us]").astype("datetime64[M]").astype(np.int64)
