"""What a forecast promises, and what it does with tables that are not what they should be."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.forecast import Forecasts, Skipped, backtest, forecast, reconcile
from analytics.forecast.calendar import Frequency, infer
from analytics.forecast.season import confirmed, detect
from analytics.forecast.series import Series, fill, series_of
from analytics.forecast.trading import effect, regressor
from tests.examples import up_to

DAY = 86_400_000_000
RNG = np.random.default_rng(7)
SEASONAL = 100 + 0.5 * np.arange(60) + 12 * np.sin(np.arange(60) * np.pi / 6) + RNG.normal(0, 2, 60)
WALK = 50 + RNG.normal(0, 1, 40).cumsum()


def times(start: str, count: int, unit: str) -> np.ndarray:
    return (np.datetime64(start, unit) + np.arange(count)).astype("datetime64[us]").astype(np.int64)


def alone(value: np.ndarray, time: np.ndarray | None = None, horizon: int = 4, **options: object) -> Forecasts:
    time = np.arange(len(value)) if time is None else time
    return forecast(np.full(len(value), "a"), time, value, horizon=horizon, **options)  # type: ignore[arg-type]


class TestWhatItSays:
    def test_a_season_and_a_trend_go_on(self) -> None:
        made = alone(SEASONAL, times("2020-01", 60, "M"), horizon=12)
        truth = 100 + 0.5 * np.arange(60, 72) + 12 * np.sin(np.arange(60, 72) * np.pi / 6)
        assert made.series[0].seasons == (12,)
        assert np.abs(made.forecast - truth).mean() < 3
        assert made.time.view("datetime64[us]")[0] == np.datetime64("2025-01-01")

    def test_it_is_never_worse_in_the_backtest_than_the_naive_beside_it(self) -> None:
        for seed in range(8):
            evidence = alone(np.random.default_rng(seed).normal(0, 1, 30).cumsum()).series[0]
            assert evidence.error is not None and evidence.naive_error is not None
            assert evidence.error <= evidence.naive_error * (1 + 1e-9)
            assert sum(evidence.weights.values()) == pytest.approx(1)

    def test_sparse_demand_is_met_by_its_rate_and_never_negative(self) -> None:
        demand = (np.random.default_rng(1).random(80) < 0.2) * 5.0
        made = alone(demand)
        assert {"Croston", "TSB", "ADIDA"} & set(made.series[0].weights)
        assert (made.forecast >= 0).all() and all((lo >= 0).all() for lo in made.lo.values())
        assert made.forecast.mean() == pytest.approx(1, abs=0.6)

    def test_a_constant_stays_and_says_so(self) -> None:
        made = alone(np.full(20, 7.0))
        assert (made.forecast == 7).all() and (made.lo[95] == 7).all() and (made.hi[95] == 7).all()
        assert "constant" in made.series[0].notes[0]

    def test_series_are_forecast_from_their_own_rows_alone_in_any_order(self) -> None:
        key = np.repeat(np.array(["b", "a"]), [60, 40])
        time, value = np.r_[np.arange(60), np.arange(40)], np.r_[SEASONAL, WALK]
        shuffled = np.random.default_rng(0).permutation(100)
        shuffled = np.r_[0, shuffled[shuffled != 0]]
        both = forecast(key[shuffled], time[shuffled], value[shuffled], horizon=4)
        assert both.key.tolist() == ["b"] * 4 + ["a"] * 4
        assert (both.forecast[:4] == alone(SEASONAL).forecast).all() and (
            both.forecast[4:] == alone(WALK).forecast
        ).all()

    def test_progress_is_told(self) -> None:
        heard: list[tuple[int, int]] = []
        forecast(np.repeat(["a", "b"], 20), np.tile(np.arange(20), 2), np.r_[WALK[:20], WALK[20:]], horizon=2,
                 progress=lambda done, total: heard.append((done, total)))  # fmt: skip
        assert heard == [(1, 2), (2, 2)]

    def test_importing_it_loads_no_library_of_seconds(self) -> None:
        code = (
            "import sys, analytics.forecast; sys.exit(bool({'statsforecast', 'pandas', 'sklearn'} & set(sys.modules)))"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

    def test_trading_days_are_learnt_where_they_are_plain(self) -> None:
        months = times("2010-01", 120, "M")
        days = regressor(Frequency("month", 1), months, 120, 0)
        assert days is not None
        base = np.exp(5 + 0.1 * np.sin(np.arange(120) * np.pi / 6) + RNG.normal(0, 0.01, 120))
        moved = base * np.exp(0.01 * days)
        made = alone(moved[:108], months[:108], horizon=12)
        assert "trading days" in made.series[0].notes[-1]
        blind = alone(moved[:108], horizon=12, period=12)
        assert np.abs(made.forecast - moved[108:]).mean() < 0.8 * np.abs(blind.forecast - moved[108:]).mean()
        assert effect(base[:108], days) is None


class TestInvariants:
    @settings(max_examples=8, deadline=None)
    @given(st.integers(-60, 60))
    def test_a_power_of_two_scales_every_number_exactly(self, power: int) -> None:
        plain, scaled = alone(SEASONAL[:40]), alone(SEASONAL[:40] * 2.0**power)
        assert (scaled.forecast == plain.forecast * 2.0**power).all()
        assert (scaled.hi[95] == plain.hi[95] * 2.0**power).all()

    @settings(max_examples=8, deadline=None)
    @given(st.lists(st.floats(1, 99.5), min_size=2, max_size=5, unique=True), st.integers(0, 1000))
    def test_intervals_hold_the_forecast_and_nest_by_level(self, levels: list[float], seed: int) -> None:
        made = alone(np.random.default_rng(seed).normal(0, 1, 24).cumsum(), levels=levels)
        for narrow, wide in zip(sorted(levels), sorted(levels)[1:], strict=False):
            assert (made.lo[wide] <= made.lo[narrow]).all() and (made.hi[narrow] <= made.hi[wide]).all()
        assert all((made.lo[x] <= made.forecast).all() and (made.forecast <= made.hi[x]).all() for x in levels)

    @settings(max_examples=15, deadline=None)
    @given(st.lists(st.floats(-1e300, 1e300), min_size=3, max_size=14), st.integers(1, 9))
    def test_whatever_finite_values_no_nan_comes_out(self, values: list[float], horizon: int) -> None:
        made = alone(np.array(values), horizon=horizon)
        assert made.forecast.shape == (horizon,)
        assert all(np.isfinite(x).all() for x in (made.forecast, *made.lo.values(), *made.hi.values()))

    @settings(max_examples=up_to(30), deadline=None)
    @given(st.integers(1, 40), st.sampled_from(["h", "D", "W", "M"]), st.integers(3, 60))
    def test_the_next_times_carry_the_grid_on(self, ahead: int, unit: str, count: int) -> None:
        whole = times("2023-01", 1, "M")[0] + 0
        grid = times(str(np.datetime64(int(whole), "us").astype(f"datetime64[{unit}]")), count + ahead, unit)
        frequency = infer(grid[:count], True)
        assert frequency is not None and (frequency.after(grid[:count], ahead) == grid[count:]).all()


class TestTimes:
    def test_month_ends_and_business_days(self) -> None:
        ends = ((np.datetime64("2023-01", "M") + np.arange(1, 9)).astype("datetime64[D]") - 1).astype("datetime64[us]")
        frequency = infer(ends.astype(np.int64), True)
        assert frequency is not None and str(frequency) == "every month"
        following = frequency.after(ends.astype(np.int64), 6).view("datetime64[us]").astype("datetime64[D]")
        assert following.astype(str).tolist()[-2:] == ["2024-01-31", "2024-02-29"]
        days = np.busday_offset("2024-01-01", np.arange(10)).astype("datetime64[us]").astype(np.int64)
        business = infer(days, True)
        assert business is not None and business.unit == "business day"
        assert str(business.after(days, 1).view("datetime64[us]").astype("datetime64[D]")[0]) == "2024-01-15"

    def test_clock_changes_move_no_day(self) -> None:
        days = times("2024-03-01", 40, "D")
        days[30:] -= DAY // 24
        made = next(iter(series_of(np.full(40, "a"), days, np.arange(40.0))))
        assert isinstance(made, Series) and made.value.shape == (40,) and not made.filled.any()

    def test_a_hole_is_filled_with_its_place_in_the_season(self) -> None:
        y = np.tile([0.0, 10.0, 0.0, 0.0], 10)
        y[17] = np.nan
        assert fill(y, (4,))[17] == pytest.approx(10, abs=1)

    def test_after_a_gap_of_a_year_only_what_follows_counts(self) -> None:
        days = np.r_[times("2020-01-01", 10, "D"), times("2021-06-01", 60, "D")]
        made = alone(np.r_[np.full(10, 1e6), 100 + RNG.normal(0, 1, 60)], days)
        assert made.forecast.max() < 200 and "gap" in made.series[0].notes[0]


class TestBadTables:
    def test_what_cannot_be_is_refused_with_series_and_row(self) -> None:
        time = np.arange(12)
        for value, at, message in (
            (np.r_[WALK[:11], np.inf], time, r"series 'a', row 12: the value is infinite"),
            (WALK[:12], np.r_[time[:11], 4], r"series 'a': rows 5 and 12 have the same time"),
            (WALK[:12], 10 * time - 9 * (time == 5), r"series 'a', row 6: its time is within a step"),
            (np.full(12, np.nan), time, r"series 'a': history too short: 0 values"),
        ):
            with pytest.raises(ValueError, match=message):
                alone(value, at)
        with pytest.raises(ValueError, match="no rows"):
            alone(np.empty(0))
        with pytest.raises(ValueError, match="levels"):
            alone(WALK, levels=(80, 100))
        with pytest.raises(ValueError, match="microseconds or ordinals"):
            alone(WALK[:3], np.array([0.5, 1.5, 2.5]))

    def test_three_values_are_carried_on_and_it_says_why(self) -> None:
        made = alone(np.array([1.0, 2.0, 3.0]))
        assert (made.forecast == 3).all() and (made.hi[95] > made.hi[80]).all()
        assert made.series[0].error is None and "too short for a backtest" in made.series[0].notes[0]

    def test_a_series_too_short_is_named_beside_the_others(self) -> None:
        made = forecast(
            np.r_[["short"], np.full(20, "long")], np.r_[0, np.arange(20)], np.r_[1.0, WALK[:20]], horizon=2
        )
        assert made.skipped == (Skipped("short", "history too short: 1 values, at least 3 are needed"),)
        assert set(made.key) == {"long"}

    def test_the_largest_floats_are_forecast_or_refused(self) -> None:
        assert np.isfinite(alone(np.full(9, 1e308)).forecast).all()
        with pytest.raises(ValueError, match="largest float64"):
            alone(np.array([-1.7e308, 1.7e308] * 6))


class TestBacktestAndTotals:
    def test_the_backtest_shows_all_models_beside_the_naive(self) -> None:
        result = backtest(np.full(60, "a"), times("2020-01", 60, "M"), SEASONAL, horizon=6, origins=2)
        scores = {score.model: score for score in result.scores}
        assert [s.model for s in result.scores[:2]] == ["ensemble", "seasonal naive"]
        assert scores["ensemble"].mase < scores["seasonal naive"].mase
        assert set(scores["ensemble"].coverage) == {80, 95} and {"ETS", "Theta"} <= set(scores)

    @pytest.mark.parametrize("method", ["mint", "wls", "bottom-up"])
    def test_totals_add_up(self, method: str) -> None:
        rng = np.random.default_rng(3)
        parts = [30 + rng.normal(0, 1, 40).cumsum() for _ in range(3)]
        values = [*parts, parts[0] + parts[1], sum(parts)]
        made = forecast(
            np.repeat(["x", "y", "z", "xy", "all"], 40), np.tile(np.arange(40), 5), np.concatenate(values), horizon=3
        )
        agreed = reconcile(made, {"xy": ["x", "y"], "all": ["xy", "z"]}, method)  # type: ignore[arg-type]
        by_key = agreed.forecast.reshape(5, 3)
        assert np.allclose(by_key[4], by_key[:3].sum(0)) and np.allclose(by_key[3], by_key[:2].sum(0))
        assert all(
            (agreed.lo[x] <= agreed.forecast).all() and (agreed.forecast <= agreed.hi[x]).all() for x in (80, 95)
        )

    def test_a_hierarchy_that_cannot_be_is_refused(self) -> None:
        made = alone(WALK)
        with pytest.raises(ValueError, match="'b' is in the hierarchy"):
            reconcile(made, {"a": ["b"]})
        with pytest.raises(ValueError, match="part of itself"):
            reconcile(made, {"a": ["a"]})


class TestSeasons:
    def test_noise_has_none_and_hours_have_days(self) -> None:
        rng = np.random.default_rng(0)
        hours = np.sin(np.arange(600) * np.pi / 12) + rng.normal(0, 0.3, 600)
        assert detect(hours, (24, 168))[0] == 24
        assert sum(bool(detect(rng.normal(0, 1, 120), (12,))) for _ in range(40)) <= 8
        assert detect(np.tile([1.0, 2, 5, 2, 1, 0, 0], 12) + rng.normal(0, 0.1, 84), (), True) == (7,)

    def test_a_wandering_level_is_not_called_a_season(self) -> None:
        walks = [1000 + np.random.default_rng(seed).normal(0, 1, 400).cumsum() for seed in range(40)]
        assert sum(bool(confirmed(walk, detect(walk, (7,)))) for walk in walks) <= 5
        assert confirmed(SEASONAL, (12,)) == (12,)
        walk = alone(walks[0], times("2022-01-01", 400, "D"))
        assert walk.series[0].seasons == () and walk.series[0].naive_error is not None
