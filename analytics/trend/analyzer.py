"""All that is asked of one series: where it is going, how sure that is, what repeats, what changed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analytics.forecast.calendar import DAY, YEAR_DAYS, Frequency, infer
from analytics.kernels import F64, I64
from analytics.trend import growth, seasonality
from analytics.trend.changepoints import ChangePoint, Shape, search
from analytics.trend.direction import PAIRED, Direction, Slope, Test, blocks, direction
from analytics.trend.growth import Growth
from analytics.trend.seasonality import Season
from analytics.trend.series import ANSWERABLE, Series, places, prepare

UNITS = {"day": 86_400_000_000, "hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000}


@dataclass(frozen=True, slots=True)
class Trend:
    """What a series does. What could not be computed is None, and ``notes`` say why."""

    rows: int
    used: int
    """Distinct times with a finite value."""
    direction: Direction | None
    test: Test | None
    slope: Slope | None
    season: Season | None
    shape: Shape
    """Whether ``changes`` part levels or lines."""
    changes: tuple[ChangePoint, ...]
    growth: Growth | None
    alpha: float
    notes: tuple[str, ...]

    @property
    def enough(self) -> bool:
        return self.direction is not None

    @property
    def p_value(self) -> float | None:
        return None if self.test is None else self.test.p_value


def analyze(time_us: I64, value: F64, *, alpha: float = 0.05, period: int | None = None) -> Trend:
    """Direction, slope, season, changes of level and growth of ``value`` at ``time_us`` (microseconds), in any order.

    Months and open days are steps of the calendar: times are UTC, or those of the clock by which the steps are even.

    ``alpha``: the chance to call a flat series up or down; intervals are at 1 - alpha. ``period``: the season in steps
    of the series, when it is known; it is looked for otherwise. Rows that are NaN or infinite are left out and counted.
    Raises ``ValueError`` for columns of unequal length, an alpha not between 0 and 1, or a period beyond half the record.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha must be between 0 and 1, got {alpha}")
    series = prepare(time_us, value)
    notes = remarks(series)
    if len(series) < ANSWERABLE:
        notes.append(f"not enough data: {len(series)} distinct times with a value, at least {ANSWERABLE} are needed")
        return Trend(series.rows, len(series), None, None, None, None, "levels", (), None, alpha, tuple(notes))
    calendar = _calendar(series)
    place = places(series.time_us) if calendar is None else calendar.positions(series.time_us)
    season = seek_season(series, place, period, calendar, notes)
    level = series.value if season is None or place is None else without(series.value, place, season.period)
    found, test, slope = judge(series, level, place, season, alpha, notes)
    changed = search(level[:, None], series.exponent)
    notes.extend(changed.notes)
    changes = tuple(replace(point, time_us=int(series.time_us[point.index])) for point in changed.points)
    return Trend(
        series.rows,
        len(series),
        found,
        test,
        slope,
        season,
        changed.shape,
        changes,
        grown(series, season, notes),
        alpha,
        tuple(notes),
    )


def remarks(series: Series) -> list[str]:
    """What was done to the rows."""
    said: list[str] = []
    if series.missing:
        said.append(f"{series.missing} of {series.rows} rows left out: their value is missing or infinite")
    if series.duplicates:
        said.append(f"{series.duplicates} rows share their time with another: averaged")
    if series.unordered:
        said.append("rows were put in order of time")
    return said


def _calendar(series: Series) -> Frequency | None:
    """The steps of the series where they are the calendar's, one value a step; None for steps of a fixed length."""
    found = infer(series.time_us, True)
    if found is None or found.unit == "us" or (np.diff(found.positions(series.time_us)) < 1).any():
        return None
    return found


def _step_us(series: Series, calendar: Frequency | None) -> int:
    """The mean length of a step."""
    if calendar is None:
        return series.step_us
    days = YEAR_DAYS / 12 * calendar.size if calendar.unit == "month" else 7 / calendar.week.count("1")
    return round(days * DAY)


def seek_season(
    series: Series, place: I64 | None, period: int | None, calendar: Frequency | None, notes: list[str]
) -> Season | None:
    if place is None:
        if period is not None:
            raise ValueError("period counts steps, and the times of this series have no regular step: leave it out")
        notes.append("no season was looked for: the times have no regular step")
        return None
    if place[-1] >= 4 * len(place) and period is None:
        notes.append("no season was looked for: more than three quarters of the steps are missing")
        return None
    found = seasonality.find(series.value, place, _step_us(series, calendar), period)
    return found if found is None or calendar is None else replace(found, length=calendar.span(found.period))


def without(value: F64, place: I64, period: int) -> F64:
    """The values less their season."""
    filled, _ = seasonality.evenly(value, place)
    return value - seasonality.component(filled, period)[place]


def judge(
    series: Series, level: F64, place: I64 | None, season: Season | None, alpha: float, notes: list[str]
) -> tuple[Direction, Test, Slope | None]:
    """Direction and slope: of the values where few, of means of blocks of the values less their season where many."""
    unit = next((size for size in UNITS.values() if series.time_us[-1] - series.time_us[0] >= 2 * size), 1)
    time = (series.time_us - series.time_us[0]) / unit
    if len(series) > PAIRED:
        width = -(-len(series) // PAIRED)
        found, test, slope = direction(*blocks(time, level, width), None, alpha)
        notes.append(f"direction and slope are those of means of {width} consecutive values")
    else:
        phase = None if season is None or place is None else place % season.period
        found, test, slope = direction(time, series.value, phase, alpha)
    value, lower, upper = (series.original(x) for x in slope)
    if value is None or lower is None or upper is None:
        notes.append("the slope is beyond what a float can hold")
        return found, test, None
    return found, test, Slope(value, lower, upper, 1 - alpha, unit)


def grown(series: Series, season: Season | None, notes: list[str]) -> Growth | None:
    between = growth.between(
        series.time_us, series.value, series.step_us, season.period_us if season is not None else None
    )
    if between is None:
        notes.append("no growth: one of the two periods has no value")
        return None
    if between.rate is None:
        notes.append("no growth rate: the period before is not above zero")
    current, previous = series.original(between.current), series.original(between.previous)
    return None if current is None or previous is None else replace(between, current=current, previous=previous)
