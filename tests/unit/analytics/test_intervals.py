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


@pytest.mark.parametrize("scale", [1.0, 1e-3])
def test_on_white_noise_each_step_holds_as_often_as_said(scale: float) -> None:
    noise = scale * (100 + np.random.default_rng(3).normal(0, 1, (160, 72)))
    inside = coverage(noise, 12, 80)
    assert 0.76 <= inside.mean() <= 0.86
    assert (np.abs(inside - 0.8) <= 0.1).all()  # three standard errors of 160 series
    assert abs(inside[:4].mean() - inside[-4:].mean()) < 0.08


def test_on_a_random_walk_the_interval_grows_as_the_errors_do() -> None:
    walks = 100 + np.random.default_rng(4).normal(0, 1, (120, 72)).cumsum(1)
    inside = coverage(walks, 12, 80)
    assert 0.7 <= inside.mean() <= 0.88
    assert abs(inside[:4].mean() - inside[-4:].mean()) < 0.12


@pytest.mark.skipif(not (DATA / "m3").is_dir(), reason="set HINDCAST_DATA to the folder that has m3/m3.csv.gz")
@pytest.mark.parametrize(("group", "period"), [("YEARLY", 1), ("QUARTERLY", 4)])
def test_on_short_series_of_a_competition_intervals_hold_within_three_points(group: str, period: int) -> None:
    with gzip.open(DATA / "m3" / "m3.csv.gz", "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["period"] == group]
    inside: dict[float, list[float]] = {80.0: [], 95.0: []}
    for row in rows[::2]:
        train, test = (np.array(row[part].split(), np.float64) for part in ("train", "test"))
        made = one(train, Frequency("ordinal", 1), test.shape[0], (80.0, 95.0), period)
        assert made is not None
        for level, held in inside.items():
            held.append(float(((test >= made.lo[level]) & (test <= made.hi[level])).mean()))
    for level, held in inside.items():
        assert abs(100 * float(np.mean(held)) - level) <= 4  # of a half of them; all of them: docs/quality/forecast.md
