"""The kernel: features of many subjects at many moments, by sorting and running sums; one pass whatever the subjects.

An event counts at the moments of its subject from ``max(time, known)`` on, and where a window is asked for until ``time +
window``. Over the moments in order of (subject, moment) that is a range of places, so counts and sums are running sums of
what begins and ends at each place. Sums are of whole numbers (``analytics.features.exact``): the order in which events came
changes no bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from analytics.features import exact
from analytics.features.expression import evaluate
from analytics.features.plan import FOLDS, Events, Plan, Spec
from analytics.kernels import F64, I64, Bools

DAY_US = 86_400_000_000
MOST_DISTINCT = 1_000
MOST_PLACES = 8_000_000
"""Subjects times moments up to which places are looked up in a table."""
Column = Any
"""float64[n] with NaN for null, or a list of values."""


class Happened(NamedTuple):
    """Events of one kind, in any order. All int64[n]; times in us UTC."""

    subject: I64
    """Numbers of the subjects, as the points say them."""
    time: I64
    known: I64
    place: I64
    """Which of several at one time stands later in the log."""
    values: Any = None
    """float64[n], int64[n] or a list, as the kind of events says."""


_NONE = np.zeros(0, np.int64)
NOTHING = Happened(_NONE, _NONE, _NONE, _NONE)


class Points:
    """Subjects (int64[n]) at moments (int64[n], us UTC), in any order and as often as you like."""

    def __init__(self, subject: I64, at: I64) -> None:
        self.order = np.lexsort((at, subject))
        self.subject, self.at = subject[self.order], at[self.order]
        self.n = len(at)
        self._moments = np.unique(at)
        self._of_one = len(self._moments) + 1
        self._keys = self.subject * self._of_one + np.searchsorted(self._moments, self.at)
        self._size = (int(self.subject[-1]) + 1) * self._of_one if self.n else 0
        self._before: I64 | None = None
        if 0 < self._size <= MOST_PLACES:
            self._before = np.concatenate(([0], np.cumsum(np.bincount(self._keys, minlength=self._size))))

    def first(self, subject: I64, us: I64) -> I64:
        """int64[m]: the place of the first point of the subject that is not before ``us``, or where its points end."""
        return self._place(subject * self._of_one + np.searchsorted(self._moments, us))

    def end(self, subject: I64) -> I64:
        """int64[m]: where the points of the subject end."""
        return self._place((subject + 1) * self._of_one)

    def _place(self, keys: I64) -> I64:
        """How many points have a lesser key: looked up where there is room for a table of all keys, else searched for."""
        if self._before is None:
            return np.searchsorted(self._keys, keys)
        return self._before[np.minimum(keys, self._size)]

    def back(self, column: Any) -> Any:
        """A column in the order in which the points were given."""
        found = np.empty(self.n, column.dtype)
        found[self.order] = column
        return found


class _Placed:
    """Events of one kind among the points."""

    def __init__(self, points: Points, events: Happened) -> None:
        self.points = points
        since = points.first(events.subject, np.maximum(events.time, events.known))
        end = points.end(events.subject)
        there = np.flatnonzero(since < end)
        self.since, self.end = since[there], end[there]
        self.subject, self.time, self.place = events.subject[there], events.time[there], events.place[there]
        self.values = [events.values[i] for i in there.tolist()] if isinstance(events.values, list) else None
        self.array = events.values[there] if isinstance(events.values, np.ndarray) else None
        self._until: dict[int | None, I64] = {None: self.end}
        self._latest: tuple[I64, Bools] | None = None

    def until(self, window_us: int | None) -> I64:
        found = self._until.get(window_us)
        if found is None:
            assert window_us is not None
            found = self._until[window_us] = np.maximum(
                self.since, self.points.first(self.subject, self.time + window_us)
            )
        return found

    def added(self, amounts: I64, window_us: int | None) -> I64:
        """int64[points]: the amounts of the events that count at each."""
        change = np.zeros(self.points.n + 1, np.int64)
        np.add.at(change, self.since, amounts)
        np.subtract.at(change, self.until(window_us), amounts)
        return np.cumsum(change)[:-1]

    def counted(self, window_us: int | None) -> I64:
        size = self.points.n + 1
        change = np.bincount(self.since, minlength=size) - np.bincount(self.until(window_us), minlength=size)
        return np.cumsum(change)[:-1]

    def summed(self, window_us: int | None) -> F64:
        high, low = (self.added(lane, window_us) for lane in exact.lanes(self.array))
        return exact.number(high, low)

    def distinct(self, values: I64, window_us: int | None) -> I64:
        """int64[points]: how many different values; spans in which one is there several times count once."""
        size = self.points.n + 1
        codes = np.unique(values, return_inverse=True)[1]
        group = self.subject * (int(codes.max(initial=0)) + 1) + codes
        since, until = self.since, self.until(window_us)
        order = np.lexsort((since, group))
        group, since, until = group[order], since[order], until[order]
        begins = np.ones(len(group), bool)
        begins[1:] = group[1:] != group[:-1]
        lift = np.cumsum(begins) * (size + 1)
        covered = np.maximum.accumulate(until + lift) - lift
        before = np.zeros(len(group), np.int64)
        before[1:] = covered[:-1]
        before[begins] = 0
        since = np.maximum(since, before)
        more = until > since
        change = np.bincount(since[more], minlength=size) - np.bincount(until[more], minlength=size)
        return np.minimum(np.cumsum(change)[:-1], MOST_DISTINCT)

    def latest(self) -> tuple[I64, Bools]:
        """The place in this object's events of each point's latest one, and whether there is one."""
        if self._latest is None:
            self._latest = self._best(np.lexsort((self.place, self.time, self.subject)))
        return self._latest

    def earliest(self) -> tuple[I64, Bools]:
        return self._best(np.lexsort((-self.place, -self.time, self.subject)))

    def _best(self, order: I64) -> tuple[I64, Bools]:
        """Of the events that count at each point, the one that comes last in ``order``, which is by subject first."""
        if not len(order):
            return np.zeros(self.points.n, np.int64), np.zeros(self.points.n, bool)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        best = np.full(self.points.n, -1, np.int64)
        np.maximum.at(best, self.since, rank)
        best = np.maximum.accumulate(best)
        found = order[np.maximum(best, 0)]
        return found, (best >= 0) & (self.subject[found] == self.points.subject)

    def at_latest(self, window_us: int | None) -> tuple[I64, Bools]:
        found, there = self.latest()
        if window_us is not None and len(self.time):
            there = there & (self.time[found] > self.points.at - window_us)
        return found, there


def features(plan: Plan, happened: Mapping[Events, Happened], points: Points) -> dict[str, Column]:
    """The columns of ``plan``, by name, in the order of the points as they were given.

    ``happened``: the events by their kind; a kind that is not there has none. Numbers are float64 with NaN for null; the
    values of ``last`` without ``number`` are a list.
    """
    placed = {events: _Placed(points, happened.get(events) or NOTHING) for events in plan.events}
    found: dict[str, Column] = {}
    for spec in plan.order:
        if spec.expression:
            found[spec.name] = evaluate(spec.expression, found, points.n)
        elif spec.calendar:
            found[spec.name] = points.back(calendar(spec.calendar, points.at))
        else:
            assert spec.events is not None
            found[spec.name] = _aggregate(spec, placed[spec.events])
    return {spec.name: found[spec.name] for spec in plan.specs}


def _aggregate(spec: Spec, events: _Placed) -> Column:
    points, window = events.points, spec.window_us
    match spec.aggregate:
        case "count":
            return points.back(events.counted(window).astype(np.float64))
        case "sum":
            return points.back(events.summed(window))
        case "mean":
            n = events.counted(window)
            return points.back(np.where(n > 0, events.summed(window) / np.maximum(n, 1), np.nan))
        case "distinct":
            values = events.array if events.array is not None else np.zeros(0, np.int64)
            return points.back(events.distinct(values, window).astype(np.float64))
        case "days_active":
            return points.back(events.distinct(events.time // DAY_US, window).astype(np.float64))
        case "days_since" | "days_since_first":
            found, there = events.at_latest(window) if spec.aggregate == "days_since" else events.earliest()
            if not len(events.time):
                return np.full(points.n, np.nan)
            return points.back(np.where(there, (points.at - events.time[found]) / DAY_US, np.nan))
        case "last":
            return _last(spec, events)
        case _:
            return _folded(spec, events)


def _last(spec: Spec, events: _Placed) -> Column:
    found, there = events.at_latest(spec.window_us)
    assert spec.events is not None
    values = events.values or []
    taken = [values[i] if ok else None for i, ok in zip(found.tolist(), there.tolist(), strict=True)]
    back: list[Any] = [None] * events.points.n
    for place, value in zip(events.points.order.tolist(), taken, strict=True):
        back[place] = value
    if not spec.events.number:
        return back
    return np.array([np.nan if value is None else value for value in back], np.float64)


def _folded(spec: Spec, events: _Placed) -> F64:
    """A plug-in's fold, for each point over the events of its window in the order of time."""
    points, fold = events.points, FOLDS[spec.fold]()
    order = np.lexsort((events.place, events.time, events.subject))
    subject, time = events.subject[order], events.time[order]
    since, until = events.since[order], events.until(spec.window_us)[order]
    values = [None] * len(order) if events.values is None else [events.values[i] for i in order.tolist()]
    lows, highs = np.searchsorted(subject, points.subject), np.searchsorted(subject, points.subject, "right")
    found = np.full(points.n, np.nan)
    for n, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True)):
        state = fold.initial()
        for i in range(low, high):
            if since[i] <= n < until[i]:
                state = fold.step(state, int(time[i]), values[i])
        result = fold.result(state, int(points.at[n]))
        found[n] = np.nan if result is None else float(result)
    return points.back(found)


def calendar(field: str, at: I64) -> F64:
    """float64[n]: a field of moments, UTC: ``hour``, ``weekday`` (0 is Monday), ``day`` of the month, ``month``."""
    if field == "hour":
        return (at // 3_600_000_000 % 24).astype(np.float64)
    if field == "weekday":
        return ((at // DAY_US + 3) % 7).astype(np.float64)  # 1 January 1970 was a Thursday
    days = (at // DAY_US).astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    if field == "month":
        return (months.astype(np.int64) % 12 + 1).astype(np.float64)
    return ((days - months).astype(np.int64) + 1).astype(np.float64)


def needed(plan: Plan, names: Sequence[str]) -> Plan:
    """The features of ``names`` alone, with what they are made of first."""
    by_name = {spec.name: spec for spec in plan.specs}
    wanted: dict[str, Spec] = {}

    def add(name: str) -> None:
        for other in by_name[name].needs:
            add(other)
        wanted.setdefault(name, by_name[name])

    for name in names:
        add(name)
    return Plan(tuple(wanted.values()))


def counts(events: Happened, points: Points) -> tuple[I64, I64, I64]:
    """For each point how many events its subject has at all, how many had happened, and how many of these were known."""
    every = Happened(events.subject, np.full_like(events.time, np.iinfo(np.int64).min), *events[2:4])
    return (
        _Placed(points, every._replace(known=every.time)).counted(None),
        _Placed(points, events._replace(known=events.time)).counted(None),
        _Placed(points, events).counted(None),
    )
