"""On which day of the month a row of each month stands: a date, the last day, the last working day, the third Friday."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from analytics.kernels import I64

DAY = 86_400_000_000
_LATE = 28
"""Days of a month from here on may be its last one."""
_NEAR = 7
"""Days by which a holiday may move a row from its day."""
_MOST = 0.6
"""The share of rows that stand exactly on the day; holidays move the others."""
_ORDINALS = ("first", "second", "third", "fourth", "last")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class DayOfMonth:
    """A rule that names one day of each month."""

    rule: str
    """``date``; ``working day`` or ``weekday``, the nth; ``before`` or ``after``, a working day at or next to a date."""
    number: int
    """The date, from 1; the nth, from 1, or -1 for the last."""
    weekday: int = 0
    """Of the rule ``weekday``: 0 for Monday."""

    def of(self, months: I64) -> I64:
        """int64 days since 1970 in ``months`` since 1970; a date that a month does not have is its last day."""
        begin = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        after = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        if self.rule == "working day":
            if self.number < 0:
                return _working(after, -1, "forward")
            return _working(begin, self.number - 1, "forward")
        if self.rule == "weekday":
            if self.number < 0:
                return after - 1 - (after - 1 + 3 - self.weekday) % 7
            return begin + (self.weekday - begin - 3) % 7 + 7 * (self.number - 1)
        day = np.minimum(begin + self.number, after) - 1
        return day if self.rule == "date" else _working(day, 0, "backward" if self.rule == "before" else "forward")

    def __str__(self) -> str:
        last, nth = self.number < 0, _ORDINALS[min(self.number, 5) - 1] if self.number > 0 else "last"
        if self.rule == "date":
            return "on the last day" if self.number == 31 else f"on day {self.number}"
        if self.rule == "weekday":
            return f"on the {nth} {_WEEKDAYS[self.weekday]}"
        if self.rule == "working day":
            return f"on the {'last' if last else nth} working day"
        return f"on day {self.number} or the working day {self.rule}"


def _working(days: I64, offset: int, roll: str) -> I64:
    return np.busday_offset(days.astype("datetime64[D]"), offset, roll=roll).astype(np.int64)  # type: ignore[call-overload]


def rule_of(days: I64) -> DayOfMonth | None:
    """The rule that sorted ``days`` since 1970 follow, no two of one month; None where no rule fits.

    The simplest rule that fits all of them; else the one that fits most, where the others are at most a week away: the
    last working day before Good Friday is a Thursday.
    """
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    best, most = None, 0.0
    for rule in _rules(days, months):
        away = np.abs(rule.of(months) - days)
        share = float((away == 0).mean())
        if share == 1.0:
            return rule
        moved = rule.rule in ("working day", "before", "after") and away.max() <= _NEAR
        if moved and share > max(most, _MOST):
            best, most = rule, share
    return best


def _rules(days: I64, months: I64) -> Iterator[DayOfMonth]:
    date = days - months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + 1
    ends = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) - 1
    if (days == ends).all():
        yield DayOfMonth("date", 31)
    yield DayOfMonth("date", int(date.max()))
    weekday = (days + 3) % 7
    if (weekday < 5).all():
        yield DayOfMonth("working day", -1)
        yield DayOfMonth("working day", 1)
    if (weekday == weekday[0]).all():
        yield DayOfMonth("weekday", -1, int(weekday[0]))
        for nth in range(1, 5):
            yield DayOfMonth("weekday", nth, int(weekday[0]))
    if (weekday < 5).all():
        for nth in range(2, 11):
            yield DayOfMonth("working day", nth)
        for number in range(2, 32):
            yield DayOfMonth("before", number)
            yield DayOfMonth("after", number)
