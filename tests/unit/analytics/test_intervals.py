"""Intervals hold as often as they say: at each step, on long series and on short ones."""

from __future__ import annotations

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from analytics.forecast import forecast
from analytics.forecast.calendar import Frequency
from analytics.forecast.engine import one
from analytics.forecast.intervals import half_widths

DATA = Path(os.environ.get("HINDCAST_DATA", "../shared/data"))


def coverage(series: np.ndarray, horizon: int, level: float) -> np.ndarray:
    """float64[horizon]: the share of ``series`` [series, values] whose last values were within the bounds."""
    count, n = series.shape[0], series.shape[1] - horizon
    made = forecast(
        np.repeat(np.arange(count), n),
        np.tile(np.arange(n), count),
        series[:, :n].ravel(),
        horizon=horizon,
        levels=(level,),
    )
    low, high = (side[level].reshape(count, horizon) for side in (made.lo, made.hi))
    return ((series[:, n:] >= low) & (series[:, n:] <= high)).mean(0)


def test_on_white_noise_each_step_holds_as_often_as_said() -> None:
    """Around the mean of what came before, from the four origins that the backtest takes."""
    noise = 100 + np.random.default_rng(3).normal(0, 1, (600, 72))
    ends = np.array([12, 24, 36, 48])
    inside = np.zeros(12)
    for row in noise:
        errors = np.array([row[end : end + 12] - row[:end].mean() for end in ends])
        wide = half_widths(errors, ends, 4.0, (80,), row[:60], 1, 12)[80]
        inside += (np.abs(row[60:] - row[:60].mean()) <= wide) / len(noise)
    assert (np.abs(inside - 0.8) <= 0.075).all(), inside
    assert abs(inside[:4].mean() - inside[-4:].mean()) < 0.06


def test_on_a_random_walk_the_interval_grows_as_the_errors_do() -> None:
    walks = 100 + np.random.default_rng(4).normal(0, 1, (30, 72)).cumsum(1)
    inside = coverage(walks, 12, 80)
    assert 0.65 <= inside.mean() <= 0.92
    assert abs(inside[:4].mean() - inside[-4:].mean()) < 0.2


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "m3").is_dir(), reason="set HINDCAST_DATA to the folder that has m3/m3.csv.gz")
@pytest.mark.parametrize(("group", "period"), [("YEARLY", 1), ("QUARTERLY", 4)])
def test_on_short_series_of_a_competition_intervals_hold_as_often_as_said(group: str, period: int) -> None:
    with gzip.open(DATA / "m3" / "m3.csv.gz", "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["period"] == group]
    inside: dict[float, list[float]] = {80.0: [], 95.0: []}
    for row in rows[::12]:  # as many as take seconds; all of them are in docs/quality/forecast.md
        train, test = (np.array(row[part].split(), np.float64) for part in ("train", "test"))
        made = one(train, Frequency("ordinal", 1), test.shape[0], (80.0, 95.0), period)
        assert made is not None
        for level, held in inside.items():
            held.append(float(((test >= made.lo[level]) & (test <= made.hi[level])).mean()))
    for level, held in inside.items():
        assert abs(100 * float(np.mean(held)) - level) <= 6
