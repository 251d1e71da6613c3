"""What is expected of a key with a day, a week or another period; and of one that has none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from analytics.anomaly import AnomalyDetector, AnomalySpec, AnomalyState, Scores, score
from analytics.anomaly.guesses import BY_PERIOD, BY_STEPS, BY_WAVE, BY_WEEK, CHOSEN, PLAIN
from analytics.anomaly.period import PERIOD
from tests.unit.analytics.anomaly_oracle import Key

MINUTE, HOUR, DAY = 60_000_000, 3_600_000_000, 86_400_000_000
MONDAY = 1_780_272_000_000_000
WEEK = np.array([0.0, 1.0, 2.0, 1.0, 5.0, -10.0, -15.0])
SAW = 12.0 * np.arange(37) / 37


class Plain(Key):
    """The oracle that never chooses a season."""

    def choose(self) -> None:
        pass


def noise(rows: int, keys: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (rows, keys))


def run(values: np.ndarray, step: int, time: np.ndarray | None = None) -> tuple[AnomalyState, Scores]:
    """``values`` of (rows, keys), a ``step`` apart unless at ``time``; scores in the same shape."""
    rows, keys = values.shape
    state = AnomalyState(AnomalySpec())
    at = MONDAY + np.arange(rows) * step if time is None else time
    found = score(state, np.tile(np.arange(keys, dtype=np.int32), rows), np.repeat(at, keys), values.ravel())
    return state, found._replace(**{name: column.reshape(rows, keys) for name, column in found._asdict().items()})


def outside(values: np.ndarray, found: Scores) -> np.ndarray:
    return (values < found.lower) | (values > found.upper)


def wave(rows: int, step: int, height: float = 10.0) -> np.ndarray:
    return height * np.sin(2 * np.pi * np.arange(rows) * step / DAY)[:, None]


def market(rows: int, step: int) -> np.ndarray:
    """20 more from eight to eight, 40 on Mondays."""
    at = np.arange(rows) * step
    return np.where((at % DAY >= 8 * HOUR) & (at % DAY < 20 * HOUR), np.where(at // DAY % 7 == 0, 40.0, 20.0), 0.0)


def chosen(state: AnomalyState) -> np.ndarray:
    return state.parts["counts"][:, CHOSEN]


def period(state: AnomalyState) -> np.ndarray:
    return state.parts["counts"][:, PERIOD]


@pytest.mark.parametrize("step", [5 * MINUTE, HOUR])
def test_the_band_of_a_days_wave_is_as_narrow_as_its_noise(step: int) -> None:
    fortnight, keys = 14 * DAY // step, 40
    values = wave(2 * fortnight, step) + noise(2 * fortnight, keys)
    state, found = run(values, step)
    assert np.isin(chosen(state), (BY_STEPS, BY_WAVE)).all()
    plain = Plain()
    bands = np.array([plain.row(MONDAY + i * step, v)[2:4] for i, v in enumerate(values[:, 0].tolist())])
    late = slice(fortnight, None)
    assert np.median(found.upper[late] - found.lower[late]) < np.median(bands[late, 1] - bands[late, 0]) / 2
    # One value a week is asked for. Tails begin with Laplace's, so fewer are out for some weeks; never many more.
    assert 0.1 < outside(values, found)[late].sum() / (2 * keys) < 2
    assert np.abs(values - found.expected)[late].mean() < 1.2 * np.sqrt(2 / np.pi)


@pytest.mark.parametrize("step", [5 * MINUTE, HOUR])
def test_a_value_of_every_night_is_out_of_the_band_at_noon(step: int) -> None:
    rows = 21 * DAY // step
    values = wave(rows, step) + noise(rows)
    at = 20 * DAY // step + 6 * HOUR // step  # the wave is highest
    values[at] = -9.0
    _, found = run(values, step)
    assert values[at] < found.lower[at] and found.direction[at] == -1
    assert outside(values, found)[at - 100 : at + 10].sum() == 1


def test_working_hours_are_expected_on_working_days_alone() -> None:
    hour, day = np.arange(28 * 288) // 12 % 24, np.arange(28 * 288) // 288
    values = (100 + 80.0 * ((hour >= 8) & (hour < 20) & (day % 7 < 5)))[:, None] + 3 * noise(28 * 288)
    state, found = run(values, 5 * MINUTE)
    assert chosen(state).tolist() == [BY_STEPS]
    assert outside(values, found)[14 * 288 :].sum() <= 4
    assert np.abs(found.expected - values)[14 * 288 :].mean() < 4


@pytest.mark.parametrize("step", [5 * MINUTE, HOUR])
def test_a_monday_of_its_own_is_expected_on_mondays_alone(step: int) -> None:
    rows = 70 * DAY // step
    values = market(rows, step)[:, None] + noise(rows, 20)
    tuesday = 64 * DAY // step + 12 * HOUR // step
    values[tuesday] = 40.0
    state, found = run(values, step)
    late, out = slice(42 * DAY // step, None), outside(values, found)
    assert chosen(state).tolist() == [BY_WEEK] * 20 and out[tuesday].all()
    assert np.abs(values - found.expected)[late].mean() < 1.35 * np.sqrt(2 / np.pi)
    assert out[late].sum() / 20 < 8 + 1  # two a week, and that Tuesday


def test_a_week_like_any_other_day_by_day_needs_no_hours_of_the_week() -> None:
    rows = 70 * 24
    state, _ = run(wave(rows, HOUR) + noise(rows, 100), HOUR)
    assert (chosen(state) == BY_WEEK).mean() <= 0.02


def test_an_odd_monday_is_no_rule() -> None:
    rows = 42 * 24
    values = wave(rows, HOUR) + noise(rows, 20)
    values[21 * 24 : 22 * 24] += 8.0
    state, found = run(values, HOUR)
    assert np.abs(values - found.expected)[28 * 24 : 29 * 24].mean() < 2 and not (chosen(state) == BY_WEEK).any()


@pytest.mark.parametrize(("shape", "step"), [(WEEK, DAY), (SAW, HOUR), (SAW, 10_000_000)])
def test_a_period_is_learned(shape: np.ndarray, step: int) -> None:
    values = np.resize(shape, 1_000)[:, None] + noise(1_000, 50)
    state, found = run(values, step)
    assert (period(state) == len(shape)).mean() > 0.95 and (chosen(state) == BY_PERIOD).mean() > 0.95
    assert np.abs(values - found.expected)[600:].mean() < 1.25 * np.sqrt(2 / np.pi)


@pytest.mark.parametrize("kind", ["normal", "student", "poisson", "autoregressive", "walk"])
@pytest.mark.parametrize("step", [10_000_000, 5 * MINUTE, HOUR, DAY])
def test_noise_and_what_wanders_have_no_season(kind: str, step: int) -> None:
    rng, shape = np.random.default_rng(7), (2_000, 200)
    values = rng.normal(0, 1, shape)
    match kind:
        case "student":
            values = rng.standard_t(2, shape)
        case "poisson":
            values = rng.poisson(0.3, shape).astype(float)
        case "walk":
            values = np.cumsum(values, 0)
        case "autoregressive":
            for i in range(1, len(values)):
                values[i] += 0.9 * values[i - 1]
        case _:
            pass
    state, _ = run(values, step)
    wanders = kind in ("walk", "autoregressive")
    assert (chosen(state) != PLAIN).mean() <= (0.04 if wanders else 0)
    assert (period(state) > 0).mean() <= (0.12 if wanders else 0.02)


@pytest.mark.parametrize("size", [15.0, 60.0])
@pytest.mark.parametrize("step", [5 * MINUTE, HOUR])
def test_a_new_level_of_a_wave_is_expected_after_twelve_rows(step: int, size: float) -> None:
    rows, at = 28 * DAY // step, 21 * DAY // step + 100
    values = wave(rows, step) + noise(rows)
    values[at:] += size
    _, found = run(values, step)
    out = outside(values, found)
    assert out[at : at + 12].all() and not out[at + 12 : at + 20].any()
    assert np.abs(values - found.expected)[at + 12 : at + 24].mean() < 2
    assert out[at + 12 :].sum() <= 16  # as the hours learn the new level, one day more may be taken for a shift


def test_a_new_level_of_a_period_is_expected_after_twelve_rows() -> None:
    values = np.resize(WEEK, 1_200)[:, None] + noise(1_200)
    values[900:] += 40
    state, found = run(values, DAY)
    assert outside(values, found)[900:].sum() <= 15 and chosen(state).tolist() == [BY_PERIOD]
    assert np.abs(values - found.expected)[912:].mean() < 1.2


def test_a_jump_of_phase_is_learned_anew() -> None:
    values = np.resize(SAW, 1_500)[:, None] + noise(1_500)
    values[900:] = np.roll(values[900:], 18, 0)
    state, found = run(values, HOUR)
    assert outside(values, found)[1_100:].sum() <= 10
    assert period(state).tolist() == [37] and np.abs(values - found.expected)[1_300:].mean() < 1.2


def test_missing_rows_and_a_missing_year_shift_no_phase() -> None:
    rng, place = np.random.default_rng(3), np.arange(1_200)
    place = place[rng.random(1_200) > 0.1]
    place = np.where(place > 900, place + 365, place)
    values = WEEK[place % 7][:, None] + noise(len(place))
    values[rng.random(len(place)) < 0.05] = np.nan
    state, found = run(values, DAY, MONDAY + place * DAY)
    assert period(state).tolist() == [7] and chosen(state).tolist() == [BY_PERIOD]
    assert np.nanmean(np.abs(values - found.expected)[500:]) < 1.2
    assert outside(values, found)[500:].sum() <= 4


@pytest.mark.parametrize("absurd", [1e9, -1e308, 1e308])
def test_an_absurd_value_does_not_spoil_the_wave(absurd: float) -> None:
    values = wave(28 * 288, 5 * MINUTE) + noise(28 * 288)
    values[20 * 288 + 5] = absurd
    state, found = run(values, 5 * MINUTE)
    late = slice(21 * 288 + 24, None)
    assert chosen(state).tolist() == [BY_WAVE] and np.isfinite(found.upper[30:]).all()
    assert np.abs(values - found.expected)[late].mean() < 1 and outside(values, found)[late].sum() <= 3


@pytest.mark.parametrize("step", [5 * MINUTE, HOUR])
def test_the_day_after_a_spike_is_expected_to_be_like_any_other(step: int) -> None:
    rows, at = 28 * DAY // step, 21 * DAY // step + 5
    values = wave(rows, step) + noise(rows)
    values[at] = 500
    _, found = run(values, step)
    assert outside(values, found)[at + 1 :].sum() <= 3
    assert abs(found.expected[at + DAY // step] - values[at - DAY // step]) < 4


def test_a_flat_line_has_no_season() -> None:
    state, found = run(np.full((2_000, 1), 7.0), HOUR)
    assert chosen(state).tolist() == [PLAIN] and period(state).tolist() == [0] and (found.expected[1:] == 7).all()


def seasons() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of a wave, an office, a period that jumps and shifts, a walk and a market; some late, some missing."""
    rows, rng = 1_600, np.random.default_rng(11)
    i = np.arange(rows)
    office = 20.0 * ((i % 24 >= 8) & (i % 24 < 20) & (i // 24 % 7 < 5))
    saw = np.concatenate([np.resize(SAW, 900), np.resize(np.roll(SAW, 9), 300), np.resize(SAW, 400) + 30])
    walk = np.cumsum(rng.normal(0, 1, rows))
    values = np.stack([wave(rows, HOUR)[:, 0], office, saw, np.resize(WEEK, rows), walk, market(rows, HOUR)], 1)
    values += noise(rows, 6)
    values[rng.random(values.shape) < 0.01] = np.nan
    values[60:][rng.random(values[60:].shape) < 0.002] = 1e6  # later: what is absurd among the first rows blinds a key
    time = MONDAY + np.repeat(i, 6) * HOUR - np.where(rng.random(rows * 6) < 0.02, 10 * HOUR, 0)
    return np.tile(np.arange(6), rows), time, values.ravel()


def test_with_seasons_every_row_is_what_the_plain_oracle_says() -> None:
    key, time, value = seasons()
    state = AnomalyState(AnomalySpec())
    found = score(state, key.astype(np.int32), time, value)
    keys = [Key() for _ in range(6)]
    want, used = [], set[tuple[int, int]]()
    for k, t, v in zip(key.tolist(), time.tolist(), value.tolist(), strict=True):
        want.append(keys[k].row(t, v))
        used.add((k, keys[k].chosen))
    numbers = np.column_stack((found.score, found.expected, found.lower, found.upper))
    np.testing.assert_allclose(numbers, np.array([row[:4] for row in want]), rtol=1e-9, atol=1e-9)
    assert found.is_anomaly.tolist() == [row[4] for row in want]
    assert chosen(state)[:6].tolist() == [one.chosen for one in keys]
    assert chosen(state)[2:4].tolist() == [BY_PERIOD, BY_PERIOD] and period(state)[2:4].tolist() == [37, 7]
    assert {(0, BY_STEPS), (5, BY_WEEK)} <= used


def test_seasons_are_the_same_however_rows_are_cut_and_restored() -> None:
    key, time, value = seasons()
    names = np.array(["wave", "office", "saw", "week", "walk", "market"])[key].tolist()
    whole, parts = AnomalyDetector(), AnomalyDetector()
    want, got = whole.update(time, value, names), []
    cuts = np.sort(np.random.default_rng(5).integers(0, len(key), 40)).tolist()
    for a, b in itertools.pairwise([0, *cuts, len(key)]):
        parts = AnomalyDetector.from_bytes(parts.to_bytes())
        got.append(parts.update(time[a:b], value[a:b], names[a:b]))
    for i, column in enumerate(want):
        assert np.concatenate([g[i] for g in got]).tobytes() == column.tobytes()
    assert whole.to_bytes() == parts.to_bytes()


def test_a_late_row_of_a_season_is_held_against_its_own_phase_and_teaches_nothing() -> None:
    values = np.resize(WEEK, 700)[:, None] + noise(700)
    state, _ = run(values, DAY)
    before = state.dump()
    late = score(state, np.zeros(7, np.int32), MONDAY + np.arange(693, 700) * DAY, WEEK)
    assert np.abs(late.expected - WEEK).max() < 2
    assert all(
        np.array_equal(part, state.dump()[name], equal_nan=True) for name, part in before.items() if name != "version"
    )
