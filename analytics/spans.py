"""Spans of time into which rows are added up: ``hour``, ``15 minutes``, ``day``, ``week`` (from Monday), ``month``."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from analytics.kernels import F64, I64, Bools

ADDED = ("sum", "count")
"""Of which a span without rows is zero."""
DAY = 86_400_000_000
_MONDAY = 4 * DAY
"""The first of all after the begin of 1970."""
_FIXED = {"second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000, "day": DAY, "week": 7 * DAY}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_SHORT = {"s": "second", "sec": "second", "min": "minute", "h": "hour", "d": "day", "w": "week"}
_TOLD = 3
"""Whole spans without which nobody can say whether the first and the last are whole."""
_SELDOM = 0.1


@dataclass(frozen=True, slots=True)
class Span:
    """``size`` microseconds, or months where ``months``."""

    name: str
    size: int
    months: bool

    @property
    def by_clock(self) -> bool:
        """Whether a change of a zone's clock makes it longer or shorter."""
        return self.months or self.size > _FIXED["hour"]

    def places(self, clock: I64) -> I64:
        """int64 like ``clock``: the number of the span in which each time lies."""
        if self.months:
            return clock.view("datetime64[us]").astype("datetime64[M]").astype(np.int64) // self.size
        return (clock - self._origin) // self.size

    def begins(self, places: I64) -> I64:
        """The first microsecond of each span."""
        if self.months:
            return (places * self.size).astype("datetime64[M]").astype("datetime64[us]").astype(np.int64)
        return places * self.size + self._origin

    @property
    def _origin(self) -> int:
        return _MONDAY if self.size % (7 * DAY) == 0 else 0


def span_of(text: str) -> Span:
    """The span that a text names: ``day``, ``2 hours``, ``15min``. Raises ``ValueError`` for what names none."""
    found = re.fullmatch(r"(\d*)\s*([a-z]+?)(s?)", text.strip().lower())
    unit = "" if found is None else _SHORT.get(found[2] + found[3], _SHORT.get(found[2], found[2]))
    count = int(found[1] or 1) if found is not None else 0
    if count < 1 or unit not in (*_FIXED, *_MONTHS):
        raise ValueError(
            f"{text!r} is no span of time: give {', '.join((*_FIXED, *_MONTHS))}, or several as in 15 minutes"
        )
    name = unit if count == 1 else f"{count} {unit}s"
    return Span(name, count * (_FIXED[unit] if unit in _FIXED else _MONTHS[unit]), unit in _MONTHS)


def aggregated(group: I64, value: F64, how: str) -> F64:
    """float64[groups]: ``how`` of the values of each group, groups numbered from 0 in order of rows; NaN counts as no value.

    Rows of a group stand together, in order of time. A group without a value is NaN, its count zero.
    """
    groups = int(group[-1]) + 1 if group.shape[0] else 0
    known = np.isfinite(value)
    group, value = group[known], value[known]
    count = np.bincount(group, minlength=groups)
    if how == "count":
        return count.astype(np.float64)
    out = np.full(groups, np.nan)
    some = np.flatnonzero(count)
    begin = np.concatenate([[0], np.cumsum(count)])[some]
    if how in ("sum", "mean"):
        out[some] = np.add.reduceat(value, begin) if some.shape[0] else 0.0
        return out / np.maximum(count, 1) if how == "mean" else out
    if some.shape[0] == 0:
        return out
    if how in ("min", "max"):
        out[some] = (np.minimum if how == "min" else np.maximum).reduceat(value, begin)
    elif how == "first":
        out[some] = value[begin]
    elif how == "last":
        out[some] = value[begin + count[some] - 1]
    else:
        order = np.lexsort((value, group))
        low, high = begin + (count[some] - 1) // 2, begin + count[some] // 2
        out[some] = (value[order][low] + value[order][high]) / 2
    return out


def whole(places: I64, within: I64) -> tuple[bool, bool]:
    """Whether the first and the last span are whole; rows tell it, ``within`` us from the begin of their spans.

    The first is if it begins no later than nine of ten others do, the last if it ends no earlier; of fewer than three others
    nothing can be told, and both are taken as whole.
    """
    numbers, group = np.unique(places, return_inverse=True)
    if numbers.shape[0] < _TOLD + 2:
        return True, True
    first, last = np.full(numbers.shape[0], np.iinfo(np.int64).max), np.full(numbers.shape[0], -1)
    np.minimum.at(first, group, within)
    np.maximum.at(last, group, within)
    usual_first = float(np.quantile(first[1:-1], 1 - _SELDOM, method="higher"))
    usual_last = float(np.quantile(last[1:-1], _SELDOM, method="lower"))
    return bool(first[0] <= usual_first), bool(last[-1] >= usual_last)


def weekdays(places: I64) -> I64:
    """Of days numbered from 1970-01-01: 0 for Monday."""
    return (places + 3) % 7  # it was a Thursday


def closed(places: I64, span: Span) -> Bools:
    """bool[7], Monday first: where spans are days, the weekdays of which there were two or more and none has a row."""
    if span.months or span.size != DAY:
        return np.zeros(7, np.bool_)
    possible = np.bincount(weekdays(np.arange(int(places.min()), int(places.max()) + 1)), minlength=7)
    return (np.bincount(weekdays(places), minlength=7) == 0) & (possible >= 2)
