"""The steps of a calendar go on as they were: months, working days, days on which somebody is open."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.forecast import forecast
from analytics.forecast.calendar import Frequency, infer

DAY = 86_400_000_000


def us(days: np.ndarray) -> np.ndarray:
    return days.astype("datetime64[D]").astype("datetime64[us]").astype(np.int64)


def months(count: int = 36, start: str = "2019-03") -> np.ndarray:
    return np.datetime64(start, "M") + np.arange(count)


def working(begin: np.ndarray, offset: int, roll: str) -> np.ndarray:
    return np.busday_offset(begin.astype("datetime64[D]"), offset, roll=roll)  # type: ignore[call-overload]


def fridays(count: int, nth: int) -> np.ndarray:
    first = months(count).astype("datetime64[D]").astype(np.int64)
    return (first + (4 - first - 3) % 7 + 7 * (nth - 1)).astype("datetime64[D]")


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (months().astype("datetime64[D]"), "every month"),
        (months().astype("datetime64[D]") + 14, "every month"),
        ((months() + 1).astype("datetime64[D]") - 1, "every month"),
        (working(months() + 1, -1, "forward"), "every month, on the last working day"),
        (working(months(), 0, "forward"), "every month, on the first working day"),
        (
            working(months().astype("datetime64[D]") + 14, 0, "forward"),
            "every month, on day 15 or the working day after",
        ),
        (
            working(months().astype("datetime64[D]") + 14, 0, "backward"),
            "every month, on day 15 or the working day before",
        ),
        (fridays(36, 3), "every month, on the third Friday"),
        (working(months(40)[::3] + 1, -1, "forward"), "every quarter, on the last working day"),
        (working(months(180)[::12] + 1, -1, "forward"), "every year, on the last working day"),
    ],
)
def test_a_rule_for_the_day_of_the_month_goes_on(days: np.ndarray, said: str) -> None:
    grid = us(days)
    found = infer(grid[:-6], True)
    assert found is not None and str(found) == said
    assert (found.after(grid[:-6], 6) == grid[-6:]).all()
    assert (np.diff(found.positions(grid)) == 1).all()


def test_a_holiday_moves_a_last_working_day_and_no_step() -> None:
    days = working(months() + 1, -1, "forward")
    moved = days.copy()
    moved[[2, 9]] -= 1
    found = infer(us(moved), True)
    assert found is not None and str(found) == "every month, on the last working day"
    assert (np.diff(found.positions(us(moved))) == 1).all()


def test_four_weeks_are_no_month() -> None:
    found = infer(us(np.datetime64("2024-01-05") + 28 * np.arange(10)), True)
    assert found == Frequency("us", 28 * DAY)


@pytest.mark.parametrize(
    ("closed", "said"),
    [((0,), "every day but Monday"), ((5, 6), "every business day"), ((6,), "every day but Sunday"),
     ((0, 2, 4, 5), "every Tuesday, Thursday and Sunday")],
)  # fmt: skip
def test_closed_days_stay_closed(closed: tuple[int, ...], said: str) -> None:
    days = np.datetime64("2024-01-01") + np.arange(90)
    weekday = (days.astype(np.int64) + 3) % 7
    grid = us(days[~np.isin(weekday, closed)])
    holidays = np.delete(grid[:-8], [17, 25])
    found = infer(holidays, True)
    assert found is not None and str(found) == said
    assert (found.after(holidays, 8) == grid[-8:]).all()


def test_a_sparse_week_is_not_taken_for_closed_days() -> None:
    rng = np.random.default_rng(1)
    closed = 0
    for _ in range(200):
        days = np.flatnonzero(rng.random(28) < 0.6)
        found = infer(us(np.datetime64("2024-01-01") + days), True)
        closed += found is not None and found.unit == "open day"
    assert closed <= 8


def test_rows_that_say_zero_on_closed_days_go_on_to() -> None:
    days = np.datetime64("2024-01-01") + np.arange(70)
    open_ = (days.astype(np.int64) + 3) % 7 != 6
    sales = np.where(open_, 50 + np.random.default_rng(0).normal(0, 5, 70), 0.0)
    made = forecast(np.full(70, "shop"), us(days), sales, horizon=14)
    ahead = made.time.view("datetime64[us]").astype("datetime64[D]")
    assert (np.diff(ahead.astype(np.int64)) == 1).all()
    sunday = (ahead.astype(np.int64) + 3) % 7 == 6
    assert sunday.sum() == 2 and (made.forecast[sunday] == 0).all() and (made.hi[95][sunday] == 0).all()
    assert (made.forecast[~sunday] > 30).all() and "zero on closed days" in made.series[0].notes[0]


def test_rows_without_a_value_on_closed_days_make_no_days_of_them() -> None:
    days = np.datetime64("2024-01-01") + np.arange(70)
    open_ = (days.astype(np.int64) + 3) % 7 != 6
    made = forecast(np.full(70, "shop"), us(days), np.where(open_, 50.0 + np.arange(70), np.nan), horizon=14)
    assert made.series[0].frequency == "every day but Sunday" and made.series[0].filled == 0
