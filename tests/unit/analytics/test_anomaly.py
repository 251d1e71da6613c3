"""The anomaly score as stories, and cut at random places."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.anomaly import READY, WARMING, AnomalySpec, AnomalyState, episodes, score
from analytics.anomaly.band import logarithm
from tests.examples import up_to

STEP_US = 10_000_000


def one_key(values: np.ndarray, spec: AnomalySpec | None = None):
    state = AnomalyState(spec or AnomalySpec())
    return score(state, np.zeros(len(values), np.int32), np.arange(len(values)) * STEP_US, values)


def noise(n: int = 200, level: float = 50.0) -> np.ndarray:
    return np.random.default_rng(1).normal(level, 2.0, n)


def test_a_spike_stands_out_and_teaches_nothing() -> None:
    values = noise()
    values[150] = 500.0
    scores = one_key(values)
    assert np.flatnonzero(scores.is_anomaly).tolist() == [150]
    assert scores.direction[150] == 1 and scores.score.argmax() == 150 and scores.score[150] > 0.9
    assert abs(scores.expected[151] - 50) < 2


def test_a_new_level_alarms_for_a_while_and_becomes_the_expected_one() -> None:
    values = noise()
    values[150:] -= 40
    scores = one_key(values)
    assert scores.is_anomaly[150:162].all() and not scores.is_anomaly[162:].any()
    assert (scores.direction[150:162] == -1).all() and abs(scores.expected[-1] - 10) < 3


def test_nothing_is_said_while_warming_up() -> None:
    scores = one_key(np.array([1.0, 1e9] * 30))
    assert scores.status.tolist() == [WARMING] * 30 + [READY] * 30
    assert not scores.is_anomaly[:30].any() and np.isnan(scores.lower[:30]).all()


def test_missing_values_and_revisions_are_not_learned_from() -> None:
    state = AnomalyState(AnomalySpec())
    score(state, np.zeros(100, np.int32), np.arange(100) * STEP_US, noise(100))
    before = state.dump()
    again = score(state, np.zeros(3, np.int32), np.array([100, 101, 99]) * STEP_US, np.array([np.nan, np.inf, 51.0]))
    assert again.score[0] == 0 and again.score[2] > 0
    assert all(np.array_equal(before[k], state.dump()[k]) for k in before)


NOISE = {
    "normal": lambda rng, shape: rng.normal(0, 1, shape),
    "laplace": lambda rng, shape: rng.laplace(0, 1, shape),
    "lognormal": lambda rng, shape: rng.lognormal(0, 1, shape),
    "poisson": lambda rng, shape: rng.poisson(3, shape).astype(float),
}


@pytest.mark.parametrize("kind", NOISE)
@pytest.mark.parametrize("per_week", [2.0, 10.0])
def test_noise_of_many_shapes_alarms_about_as_often_as_asked(kind: str, per_week: float) -> None:
    rng, keys, rows = np.random.default_rng(2), 200, 3000
    values = NOISE[kind](rng, (rows, keys)).ravel()
    time = np.repeat(np.arange(rows) * 300_000_000, keys)
    state = AnomalyState(AnomalySpec(per_week))
    scores = score(state, np.tile(np.arange(keys, dtype=np.int32), rows), time, values)
    begun = [len(episodes(flags)) for flags in scores.is_anomaly.reshape(rows, keys).T]
    assert per_week / 2 < np.mean(begun) / (rows / 2016) < per_week * 2


def test_an_episode_is_one_high_score_and_the_rest_of_it_lower() -> None:
    values = noise(400)
    values[300:320] += 60
    scores = one_key(values)
    assert scores.score.argmax() == 300
    assert scores.is_anomaly[300:305].all() and (scores.score[301:320] < 0.5).all() and scores.score[300] > 0.9


def test_a_usual_day_surprises_nobody_and_a_missing_morning_does() -> None:
    hours = np.arange(24 * 60)
    rng = np.random.default_rng(5)
    values = 100 + 80.0 * ((hours % 24 >= 8) & (hours % 24 < 20)) + rng.normal(0, 2, len(hours))
    values[24 * 50 + 8 : 24 * 50 + 14] -= 80  # a value that every night has
    scores = score(AnomalyState(AnomalySpec()), np.zeros(len(hours), np.int32), hours * 3_600_000_000, values)
    late = scores.score[24 * 20 :]
    assert 24 * 50 + 8 <= 24 * 20 + int(late.argmax()) < 24 * 50 + 14


def test_a_constant_series_is_quiet_until_it_is_none() -> None:
    values = np.full(500, 7.0)
    values[400:] = 8.0
    scores = one_key(values)
    assert not scores.score[:400].any() and not scores.is_anomaly[:400].any()
    assert scores.score.argmax() == 400 and scores.is_anomaly[400]


def test_the_first_row_after_the_warm_up_is_judged_like_any_other() -> None:
    firsts = [one_key(np.random.default_rng(s).normal(50, 2, 40)).score[30] for s in range(200)]
    assert np.mean(np.array(firsts) > 0.9) < 0.02


def test_scores_do_not_saturate() -> None:
    values = np.tile(noise(200), (4, 1))
    values[:, 150] = [100.0, 1e3, 1e5, 1e7]
    tops = [one_key(v).score[150] for v in values]
    assert all(a < b < 1 for a, b in itertools.pairwise(tops))


@pytest.mark.parametrize("absurd", [1e4, 1e9, -1e300])
def test_after_an_absurd_value_the_next_anomaly_is_still_found(absurd: float) -> None:
    values = np.random.default_rng(4).normal(1.0, 0.2, 3000)
    values[500], values[2501] = absurd, 10.0
    scores = one_key(values)
    assert episodes(scores.is_anomaly).tolist() == [500, 2501]
    assert 500 + int(scores.score[501:].argmax()) + 1 == 2501 and scores.score[2501] > 0.9


def test_the_logarithm_is_the_usual_one() -> None:
    for x in (1e-9, 0.3, 1.0, 4.0, 1234.5):
        assert logarithm(x) == pytest.approx(np.log(x), rel=1e-14, abs=1e-15)


@settings(max_examples=up_to(50), deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 500), max_size=8))
def test_cuts_and_restarts_change_no_bit(seed: int, cuts: list[int]) -> None:
    rng, spec = np.random.default_rng(seed), AnomalySpec(shift_rows=3)
    key, time = rng.integers(0, 4, 500).astype(np.int32), np.arange(500) * 1_700_000_000
    value = rng.standard_cauchy(500)
    value[rng.random(500) < 0.1] = np.nan
    whole, parts, got = AnomalyState(spec), AnomalyState(spec), []
    want = score(whole, key, time, value)
    edges = [0, *sorted(cuts), 500]
    for a, b in itertools.pairwise(edges):
        parts = AnomalyState.load(spec, parts.dump())
        got.append(score(parts, key[a:b], time[a:b], value[a:b]))
    for i, column in enumerate(want):
        assert np.concatenate([g[i] for g in got]).tobytes() == column.tobytes()
    assert all(np.asarray(whole.dump()[k]).tobytes() == np.asarray(parts.dump()[k]).tobytes() for k in whole.dump())
