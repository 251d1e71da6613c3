"""Rules over several series: what is remembered of each, and the figures of all of them at one moment of event time.

A rule is judged on a grid: at each end of its finest step, once the windows of all its metrics are closed up to there. The
figure of a series is that of its newest whole step: of one window, or, over a range, of a twelfth of it, so that a range of
an hour moves every five minutes. A range (or the past of a series) that was not seen whole since the rule is there is
unknown. Revisions of windows that were judged change nothing; those of ranges to come count.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from analytics.expressions import Joint, Series

PARTS = 12
"""In so many steps a range moves on by its length."""
MOST_STEPS = 10_000
"""So many are judged at once at most, after a pause; those before are skipped."""
MOST_KEYS = 10_000
"""Of one series that are remembered; further ones are not judged."""


class Bucket(msgspec.Struct, array_like=True):
    """What a step of one series and key had."""

    end: int
    count: float = 0.0
    total: float = math.nan
    low: float = math.nan
    high: float = math.nan
    plain: float = math.nan
    """Of a series without a range: its figure."""


class Joined(msgspec.Struct):
    """What is remembered for one rule. Times in us UTC."""

    until: int = 0
    """So far it is judged."""
    begun: dict[str, int] = {}
    """By metric: since when it is seen."""
    series: list[dict[str, list[Bucket]]] = []
    """By place of the series and key: its steps that had rows, in order."""


class Grid(NamedTuple):
    """How one series moves."""

    width: int
    step: int
    buckets: int
    back: int


def grid_of(series: Series, width: int) -> Grid:
    """Steps are whole windows; a range is rounded up to whole steps, as is how long ago it was."""
    if not series.over_us:
        return Grid(width, width, 1, -(-series.back_us // width) * width)
    step = max(-(-series.over_us // PARTS // width) * width, width)
    return Grid(width, step, -(-series.over_us // step), -(-series.back_us // step) * step)


def take(
    joined: Joined, about: Joint, metric: str, key: str, end: int, width: int, figures: Mapping[str, float]
) -> None:
    """Remember a sample of one of the rule's metrics."""
    if len(joined.series) != len(about.series):
        joined.series = [{} for _ in about.series]
    begin = end - width
    joined.begun[metric] = min(joined.begun.get(metric, begin), begin)
    for place, series in enumerate(about.series):
        if series.metric != metric or series.key not in (None, key):
            continue
        held = joined.series[place]
        if key not in held and len(held) >= MOST_KEYS:
            continue
        step = grid_of(series, width).step
        bucket = _bucket(held.setdefault(key, []), -(-end // step) * step)
        bucket.plain = figures.get(series.aggregate, math.nan)
        bucket.count += figures.get("count", 0.0)
        bucket.total = _added(bucket.total, figures.get("sum", math.nan))
        bucket.low = _least(bucket.low, figures.get("min", math.nan))
        bucket.high = -_least(-bucket.high, -figures.get("max", math.nan))


def moments(joined: Joined, about: Joint, widths: Mapping[str, int], closed: int) -> Iterator[tuple[int, int]]:
    """(after, to) of each step to be judged now that everything up to ``closed`` is there."""
    step = min(grid_of(series, widths[series.metric]).step for series in about.series)
    last = closed // step * step
    first = joined.until or last - step
    first = max(first, last - MOST_STEPS * step)
    for end in range(first + step, last + 1, step):
        yield end - step, end
    joined.until = max(joined.until, last)


def keys_at(joined: Joined, about: Joint, keyed: Mapping[str, bool]) -> set[str]:
    """The keys that the rule is judged for: those of its series that name none."""
    open_ = [place for place, one in enumerate(about.series) if one.key is None and keyed[one.metric]]
    if not open_:
        return {""}
    return {key for place in open_ for key in (joined.series[place] if joined.series else ())}


def figures_at(
    joined: Joined,
    about: Joint,
    key: str,
    at: int,
    widths: Mapping[str, int],
    keyed: Mapping[str, bool],
    silence: Mapping[str, Mapping[str, float]],
) -> list[float]:
    """The figure of each series at ``at``; NaN where there is none. ``silence``: by metric, of a window without rows."""
    found: list[float] = []
    for place, series in enumerate(about.series):
        grid = grid_of(series, widths[series.metric])
        end = (at - grid.back) // grid.step * grid.step
        begin = end - grid.buckets * grid.step
        if begin < joined.begun.get(series.metric, at):
            found.append(math.nan)
            continue
        mine = series.key if series.key is not None else key if keyed[series.metric] else ""
        held = joined.series[place].get(mine, []) if joined.series else []
        first, last = (bisect_right(held, edge, key=_end) for edge in (begin, end))
        found.append(_figure(series, held[first:last], grid, silence[series.metric]))
    return found


def forget(joined: Joined, about: Joint, widths: Mapping[str, int]) -> None:
    """Let go what no moment after ``until`` looks at."""
    for place, series in enumerate(about.series):
        if place >= len(joined.series):
            return
        grid = grid_of(series, widths[series.metric])
        before = joined.until - grid.back - (grid.buckets + 1) * grid.step
        held = joined.series[place]
        for key in [key for key, buckets in held.items() if buckets[0].end <= before]:
            del held[key][: bisect_right(held[key], before, key=_end)]
            if not held[key]:
                del held[key]


def _end(bucket: Bucket) -> int:
    return bucket.end


def _bucket(held: list[Bucket], end: int) -> Bucket:
    """The step that ends at ``end``, made where there is none."""
    place = bisect_left(held, end, key=_end)
    if place == len(held) or held[place].end != end:
        held.insert(place, Bucket(end))
    return held[place]


def _figure(series: Series, buckets: list[Bucket], grid: Grid, silence: Mapping[str, float]) -> float:
    if not series.over_us:
        return buckets[0].plain if buckets else silence.get(series.aggregate, math.nan)
    counted = "count" in silence  # a window without rows has a count of zero; of a gauge nothing is known
    if not buckets and not counted:
        return math.nan
    count = sum(bucket.count for bucket in buckets)
    match series.aggregate:
        case "count":
            return count
        case "rate":
            return count / (grid.buckets * grid.step / 1e6)
        case "sum" | "mean":
            total = math.nan
            for bucket in buckets:
                total = _added(total, bucket.total)
            if series.aggregate == "mean":
                return total / count if count else math.nan
            return 0.0 if math.isnan(total) and "sum" in silence else total
        case "min":
            return _all(min, [bucket.low for bucket in buckets])
        case _:
            return _all(max, [bucket.high for bucket in buckets])


def _all(of: Callable[[list[float]], float], values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return of(known) if known else math.nan


def _added(a: float, b: float) -> float:
    return b if math.isnan(a) else a if math.isnan(b) else a + b


def _least(a: float, b: float) -> float:
    return b if math.isnan(a) else a if math.isnan(b) else min(a, b)
