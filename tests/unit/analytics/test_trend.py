"""Where series go, told of series whose course is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from analytics.kpis import Period
from analytics.trend import History, TrendAnalyzer, analyze, change_points, seasonality, serial
from analytics.trend.changepoints import residuals, squares
from analytics.trend.segments import LEVELS, LINES, cuts
from tests.examples import up_to

DAY = 86_400_000_000


def days(n: int) -> np.ndarray:
    return np.arange(n, dtype=np.int64) * DAY


def noise(n: int, phi: float = 0.0, seed: int = 1) -> np.ndarray:
    from scipy.signal import lfilter

    return lfilter([1.0], [1.0, -phi], np.random.default_rng(seed).standard_normal(n + 100))[100:]


def test_a_rise_is_up_with_its_slope_inside_the_interval() -> None:
    trend = analyze(days(120), 0.05 * np.arange(120) + noise(120))
    assert trend.direction == "up" and trend.slope is not None and trend.slope.unit_us == DAY
    assert trend.slope.lower < 0.05 < trend.slope.upper


def test_serially_correlated_noise_is_rarely_a_trend() -> None:
    flat = [analyze(days(200), noise(200, 0.6, seed)).direction == "flat" for seed in range(60)]
    assert np.mean(flat) > 0.8


def test_a_week_is_found_in_days_and_does_not_hide_the_trend() -> None:
    week = 3 * np.sin(2 * np.pi * np.arange(140) / 7)
    trend = analyze(days(140), 10 + 0.02 * np.arange(140) + week + noise(140) / 2)
    assert trend.season is not None and trend.season.period == 7 and trend.season.name == "week"
    assert trend.season.strength > 0.8 and trend.direction == "up"


def test_noise_has_no_season() -> None:
    assert (
        sum(analyze(days(200), noise(200, phi, seed)).season is not None for phi in (0.0, 0.7) for seed in range(40))
        <= 3
    )


def test_a_new_level_is_one_change_of_that_size() -> None:
    values = noise(300)
    values[150:] += 4
    trend = analyze(days(300), values)
    assert [change.time_us for change in trend.changes] == [150 * DAY]
    change = trend.changes[0]
    assert change.size is not None and abs(change.size - 4) < 0.5 and change.confidence > 0.999


def test_a_bend_is_a_change_of_lines_and_a_slope_none() -> None:
    straight = np.arange(200) + noise(200)
    assert change_points(straight).indices == []
    bent = np.concatenate([np.arange(100.0), 100 - 2 * np.arange(100.0)]) + noise(200)
    found = change_points(bent)
    assert found.shape == "lines" and len(found.points) == 1 and abs(found.indices[0] - 100) <= 3


def test_growth_is_none_on_nothing_and_a_fraction_otherwise() -> None:
    nothing = analyze(days(20), np.repeat([0.0, 5.0], 10)).growth
    assert nothing is not None and nothing.rate is None and nothing.current == 5
    doubled = analyze(days(20), np.repeat([2.0, 4.0], 10)).growth
    assert doubled is not None and doubled.rate == 1.0


@pytest.mark.parametrize("values", [[], [1.0], [np.nan] * 50, [1.0, 2.0, np.inf]])
def test_too_little_is_said_plainly(values: list[float]) -> None:
    trend = analyze(days(len(values)), np.array(values))
    assert not trend.enough and trend.p_value is None and any("not enough data" in note for note in trend.notes)


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        analyze(days(3), np.zeros(2))
    with pytest.raises(ValueError, match="alpha"):
        analyze(days(9), np.zeros(9), alpha=0)
    with pytest.raises(ValueError, match="half the record"):
        analyze(days(20), noise(20), period=15)
    with pytest.raises(ValueError, match="row 1"):
        change_points(np.array([0.0, np.nan, 1.0]))


def test_several_dimensions_share_their_changes() -> None:
    table = np.stack([noise(200), noise(200, seed=2)], 1)
    table[80:, 1] += 5
    assert change_points(table).indices == [80]


def test_a_long_series_is_cut_at_the_very_place() -> None:
    values = noise(50_000)
    values[20_017:] += 3
    found = change_points(values)
    assert len(found.points) == 1 and abs(found.indices[0] - 20_017) <= 3 and found.notes


def test_executives_get_growth_and_a_tested_trend() -> None:
    visits = np.full(60, 100)
    converted = np.r_[np.full(30, 10), np.full(30, 15)]
    kpis = {
        "revenue": History(days(60), np.r_[np.full(30, 200), np.full(30, 300)]),
        "conversion": History(days(60), converted, visits),
    }
    trends = TrendAnalyzer().analyze_trends(kpis, Period(30 * DAY, 60 * DAY))
    assert trends["revenue"].growth_rate == 0.5
    assert trends["conversion"].current == 0.15 and trends["conversion"].growth_rate == pytest.approx(0.5)
    assert TrendAnalyzer().analyze_trends(kpis, Period(0, 30 * DAY))["revenue"].growth_rate is None


rough = arrays(np.float64, st.integers(8, 40), elements=st.integers(-1000, 1000).map(float))


@settings(max_examples=up_to(40), deadline=None)
@given(rough)
def test_backwards_is_the_opposite_direction(values: np.ndarray) -> None:
    forth, back = analyze(days(len(values)), values), analyze(days(len(values)), values[::-1])
    if forth.season is None and back.season is None and forth.test and back.test and forth.slope and back.slope:
        assert forth.test.tau == pytest.approx(-back.test.tau)
        assert forth.slope.value == pytest.approx(-back.slope.value)


@settings(max_examples=up_to(40), deadline=None)
@given(rough, st.integers(-8, 8), st.integers(0, 2**32))
def test_order_of_rows_and_unit_of_values_change_nothing(values: np.ndarray, power: int, seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(values))
    one = analyze(days(len(values)), values)
    other = analyze(days(len(values))[order], (values * 2.0**power)[order])
    assert one.direction == other.direction and one.p_value == other.p_value
    assert [c.index for c in one.changes] == [c.index for c in other.changes]


@settings(max_examples=up_to(60), deadline=None)
@given(
    arrays(np.float64, st.integers(0, 30), elements=st.floats(allow_nan=True, allow_infinity=True)), st.integers(1, 5)
)
def test_no_number_given_is_ever_nan_or_infinite(values: np.ndarray, repeat: int) -> None:
    trend = analyze(days(len(values)) // repeat // DAY * DAY, values)
    numbers: list[float | None] = [trend.p_value]
    if trend.slope:
        numbers += [trend.slope.value, trend.slope.lower, trend.slope.upper]
        assert trend.slope.lower <= trend.slope.value <= trend.slope.upper
    if trend.growth:
        numbers += [trend.growth.rate, trend.growth.current, trend.growth.previous]
    for change in trend.changes:
        numbers += [change.before, change.after, change.size, change.p_value, change.slope_before, change.slope_after]
    assert all(number is None or np.isfinite(number) for number in numbers)


def steps(seed: int, n: int) -> np.ndarray:
    """Noise on up to three levels."""
    r = np.random.default_rng(seed)
    edges = np.sort(r.integers(0, n, 2))
    return r.standard_normal(n) + np.repeat(r.normal(0, 4, 3), np.diff([0, *edges, n]))


@settings(max_examples=up_to(40), deadline=None)
@given(st.integers(0, 2**32), st.integers(20, 200), st.floats(-1e3, 1e3), st.floats(0.01, 100), st.booleans())
def test_changes_move_with_the_values_and_grow_with_them(
    seed: int, n: int, offset: float, factor: float, turned: bool
) -> None:
    values, factor = steps(seed, n), -factor if turned else factor
    one, other = change_points(values), change_points(offset + factor * values)
    assert one.indices == other.indices and one.shape == other.shape
    for a, b in zip(one.points, other.points, strict=True):
        assert a.size is not None and b.size is not None
        assert b.size == pytest.approx(factor * a.size, rel=1e-6, abs=1e-7 * abs(factor))
        assert b.p_value == pytest.approx(a.p_value, rel=1e-5, abs=1e-12)


@settings(max_examples=up_to(40), deadline=None)
@given(st.integers(0, 2**32), st.integers(20, 200))
def test_backwards_the_changes_are_the_same_with_opposite_sizes(seed: int, n: int) -> None:
    values = steps(seed, n)
    forth, back = change_points(values), change_points(values[::-1])
    assert [n - index for index in back.indices[::-1]] == forth.indices and back.shape == forth.shape
    if forth.shape == "levels":
        for a, b in zip(forth.points, back.points[::-1], strict=True):
            assert a.size is not None and b.size == pytest.approx(-a.size)


def test_shuffled_values_have_next_to_no_changes() -> None:
    values = np.concatenate([steps(seed, 100) for seed in range(2)]) ** 3
    shuffled = [change_points(np.random.default_rng(seed).permutation(values)).indices for seed in range(200)]
    assert sum(map(bool, shuffled)) <= 10


@settings(max_examples=up_to(60), deadline=None)
@given(st.integers(4, 90), st.integers(2, 40), st.integers(0, 2**32))
def test_a_season_is_the_median_of_what_departs_from_the_moving_mean(n: int, period: int, seed: int) -> None:
    period = min(period, n // 2)
    values = np.random.default_rng(seed).normal(size=n)
    window = np.ones(period) if period % 2 else np.concatenate([[0.5], np.ones(period - 1), [0.5]])
    middle = np.convolve(values, window / period, "valid")
    half = len(window) // 2
    smooth = seasonality.moving(values, period)
    if len(middle) > 1:
        assert smooth[half : half + len(middle)] == pytest.approx(middle, abs=1e-12)
    phase = np.arange(n) % period
    medians = np.array([np.median((values - smooth)[phase == part]) for part in range(period)])
    assert seasonality.component(values, period) == pytest.approx((medians - medians.mean())[phase], abs=1e-12)


@settings(max_examples=up_to(60), deadline=None)
@given(arrays(np.float64, st.integers(1, 60), elements=st.integers(-5, 5).map(float)))
def test_normal_scores_are_those_of_mean_ranks(values: np.ndarray) -> None:
    from scipy.stats import norm, rankdata

    scores = norm.ppf((rankdata(values) - 0.5) / len(values))
    assert serial.normal_scores(values) == pytest.approx(scores - scores.mean(), abs=1e-12)


@settings(max_examples=up_to(60), deadline=None)
@given(
    st.integers(0, 2**32), st.integers(8, 30), st.integers(2, 6), st.sampled_from([LEVELS, LINES]), st.floats(0.5, 8)
)
def test_no_cut_into_parts_of_the_shortest_length_is_better(
    seed: int, n: int, shortest: int, shape: int, price: float
) -> None:
    values = steps(seed, n)[:, None]
    least = {0: -price}
    for end in range(shortest, n + 1):
        least[end] = min(
            at + float((residuals(values[start:end], shape) ** 2).sum()) + price
            for start, at in least.items()
            if end - start >= shortest
        )
    found = cuts(values, price, shortest, shape)
    assert squares(values, found, shape) + price * len(found) == pytest.approx(least[n], abs=1e-9)


@pytest.mark.parametrize(
    ("period", "length"), [(90, 3600), (45, 600), (36, 400), (100, 1000), (210, 2100), (25, 3000), (7, 100)]
)
def test_a_short_pulse_is_a_season_of_its_whole_period(period: int, length: int) -> None:
    at = np.arange(length)
    pulse = 20.0 * (at % period < max(1, period // 30)) + np.random.default_rng(period).normal(0, 1, length)
    season = analyze(60_000_000 * at, pulse).season
    assert season is not None and season.period == period


def test_of_a_daily_season_no_multiple_is_stated() -> None:
    at = np.arange(480)
    season = analyze(3_600_000_000 * at, 10 * np.sin(at * np.pi / 12) + ((at * 7919) % 97) / 97).season
    assert season is not None and season.period == 24 and season.name == "day"


def test_noise_of_many_kinds_has_a_season_as_rarely_as_said() -> None:
    rng = np.random.default_rng(5)
    kinds = (
        lambda n: rng.normal(0, 1, n),
        lambda n: rng.standard_t(2.5, n),
        lambda n: rng.normal(0, 1, n) + 20 * (rng.random(n) < 0.02),
        lambda n: rng.poisson(0.3, n).astype(float),
        lambda n: rng.normal(0, 1, n).cumsum(),
    )
    found = [
        analyze(60_000_000 * np.arange(n), kind(n)).season is not None
        for kind in kinds for n in (100, 300) for _ in range(30)
    ]  # fmt: skip
    assert sum(found) <= 9  # of 300, at 1 %: more by a chance of 1 in 1,000


def test_a_yearly_season_of_months_is_said_in_months() -> None:
    months = (np.datetime64("2015-01", "M") + np.arange(96)).astype("datetime64[us]").astype(np.int64)
    values = 100 + 10 * np.sin(np.arange(96) * np.pi / 6) + np.random.default_rng(1).normal(0, 1, 96)
    season = analyze(months, values).season
    assert season is not None and (season.period, season.name, season.length) == (12, "year", "12 months")
    days = np.busday_offset("2024-01-01", np.arange(200)).astype("datetime64[us]").astype(np.int64)
    season = analyze(days, np.tile([1.0, 2, 5, 7, 3], 40) + np.random.default_rng(1).normal(0, 0.3, 200)).season
    assert season is not None and (season.period, season.name, season.length) == (5, "week", "5 business days")
