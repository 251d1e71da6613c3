"""The anomaly score as stories, and cut at random places."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.anomaly import READY, WARMING, AnomalySpec, AnomalyState, quantile, score, tail


def one_key(values: np.ndarray, spec: AnomalySpec | None = None):
    state = AnomalyState(spec or AnomalySpec())
    return score(state, np.zeros(len(values), np.int32), np.arange(len(values)), values)


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
    score(state, np.zeros(100, np.int32), np.arange(100), noise(100))
    before = state.dump()
    again = score(state, np.zeros(3, np.int32), np.array([100, 101, 99]), np.array([np.nan, np.inf, 51.0]))
    assert again.score[0] == 0 and again.score[2] > 0
    assert all(np.array_equal(before[k], state.dump()[k]) for k in before)


@pytest.mark.parametrize("per_week", [100.0, 6048.0])
def test_normal_noise_alarms_no_more_often_than_asked(per_week: float) -> None:
    spec = AnomalySpec(false_alarms_per_week=per_week, interval_us=1_000_000)
    rng, keys, rows = np.random.default_rng(2), 200, 1000
    key = np.tile(np.arange(keys, dtype=np.int32), rows)
    scores = score(AnomalyState(spec), key, np.arange(len(key)), rng.normal(0, 1, len(key)))
    assert scores.is_anomaly.mean() <= spec.tail


def test_the_tail_is_that_of_student() -> None:
    # Tables of Student's t, 8 degrees of freedom, two-sided.
    for probability, z in ((0.5, 0.706), (0.05, 2.306), (0.01, 3.355), (0.001, 5.041)):
        assert quantile(probability) == pytest.approx(z, abs=0.001)
    far = [tail(z) for z in np.linspace(8.0, 9.0, 200)]  # where the two forms meet
    assert all(a > b for a, b in itertools.pairwise(far))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 500), max_size=8))
def test_cuts_and_restarts_change_no_bit(seed: int, cuts: list[int]) -> None:
    rng, spec = np.random.default_rng(seed), AnomalySpec(shift_rows=3)
    key, time = rng.integers(0, 4, 500).astype(np.int32), np.arange(500)
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
