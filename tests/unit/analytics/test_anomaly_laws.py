"""The anomaly kernel against a plain row-by-row oracle, and what must hold of it whatever the data."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.anomaly import AnomalyDetector, AnomalySpec, AnomalyState, Scores, episodes, score
from tests.examples import up_to
from tests.unit.analytics.anomaly_oracle import Key

MINUTE = 60_000_000


def scored(key: np.ndarray, time: np.ndarray, value: np.ndarray) -> Scores:
    return score(AnomalyState(AnomalySpec()), key.astype(np.int32), time, value)


def five_minutes(values: np.ndarray) -> Scores:
    return scored(np.zeros(len(values)), np.arange(len(values)) * 5 * MINUTE, values)


def mixed(seed: int, rows: int, keys: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys of unequal share; noise, heavy tails, seasons, flat stretches, shifts, gaps, missing and late rows."""
    rng = np.random.default_rng(seed)
    key = (rng.zipf(1.5, rows) - 1) % keys
    time = 1_780_000_000_000_000 + np.cumsum(
        rng.choice([MINUTE, 5 * MINUTE, 3 * 3600 * 1_000_000], rows, p=[0.5, 0.49, 0.01])
    )
    time = time - np.where(rng.random(rows) < 0.02, 10**10, 0)
    value = np.where(key % 3 == 0, rng.normal(100, 5, rows), np.where(key % 3 == 1, rng.standard_t(2, rows), 7.0))
    value = value + 30 * np.sin(time * (2 * np.pi / 86_400_000_000)) * (key % 2)
    value[rows // 2 :] += rng.choice([0.0, 40.0])
    value[rng.random(rows) < 0.02] = np.nan
    value[rng.random(rows) < 0.002] = 1e9
    return key, time, value


@pytest.mark.parametrize("seed", range(6))
def test_every_row_is_what_the_plain_oracle_says(seed: int) -> None:
    key, time, value = mixed(seed, 12_000, 5)
    found = scored(key, time, value)
    keys = {k: Key() for k in range(5)}
    want = [keys[k].row(t, v) for k, t, v in zip(key.tolist(), time.tolist(), value.tolist(), strict=True)]
    numbers = np.column_stack((found.score, found.expected, found.lower, found.upper))
    np.testing.assert_allclose(numbers, np.array([row[:4] for row in want]), rtol=1e-9, atol=1e-9)
    assert found.is_anomaly.tolist() == [row[4] for row in want]
    assert 0 < found.is_anomaly.sum() < 2_000


@settings(max_examples=up_to(25), deadline=None)
@given(st.integers(0, 10_000), st.permutations(range(6)))
def test_keys_may_have_any_numbers(seed: int, names: list[int]) -> None:
    key, time, value = mixed(seed, 2_000, 6)
    for one, other in zip(scored(key, time, value), scored(np.array(names)[key], time, value), strict=True):
        assert one.tobytes() == other.tobytes()


@settings(max_examples=up_to(25), deadline=None)
@given(st.integers(0, 10_000), st.integers(-3, 20), st.booleans())
def test_the_unit_of_the_values_does_not_matter(seed: int, power: int, upside_down: bool) -> None:
    """Up to the floor of 1e-12 under every scale, which is why no unit here makes the values small."""
    key, time, value = mixed(seed, 2_000, 3)
    factor = (-1.0 if upside_down else 1.0) * 2.0**power
    one, other = scored(key, time, value), scored(key, time, factor * value)
    np.testing.assert_allclose(one.score, other.score, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(one.expected * factor, other.expected, rtol=1e-6, atol=1e-6 * abs(factor))
    assert (one.is_anomaly == other.is_anomaly).mean() > 0.999


@settings(max_examples=up_to(25), deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 1_500), max_size=4))
def test_a_detector_is_the_same_however_it_is_cut_and_restored(seed: int, cuts: list[int]) -> None:
    key, time, value = mixed(seed, 1_500, 4)
    names = np.array(["a", "ß", "", "c d"])[key].tolist()
    whole, parts = AnomalyDetector(2.0), AnomalyDetector(2.0)
    want, got = whole.update(time, value, names), []
    for a, b in itertools.pairwise([0, *sorted(cuts), 1_500]):
        parts = AnomalyDetector.from_bytes(parts.to_bytes(), 2.0)
        got.append(parts.update(time[a:b], value[a:b], names[a:b]))
    for i, column in enumerate(want):
        assert np.concatenate([g[i] for g in got]).tobytes() == column.tobytes()
    assert whole.to_bytes() == parts.to_bytes() and whole.keys == parts.keys == list(dict.fromkeys(names))


def test_a_detector_names_what_it_cannot_take() -> None:
    with pytest.raises(ValueError, match="2 times, 1 values and 2 keys"):
        AnomalyDetector().update([0, 1], [1.0])
    with pytest.raises(ValueError, match="2 times, 2 values and 1 keys"):
        AnomalyDetector().update([0, 1], [1.0, 2.0], ["a"])


DAYS = 28 * 288


def day_and_night(seed: int) -> np.ndarray:
    hours = np.arange(DAYS) / 12 % 24
    working = (hours >= 8) & (hours < 20)
    return 100 + 80.0 * working + np.random.default_rng(seed).normal(0, 3, DAYS)


def planted(kind: str, values: np.ndarray, at: int) -> np.ndarray:
    values = values.copy()
    match kind:
        case "spike":
            values[at] = 400
        case "season break":
            values[at : at + 36] -= 80
        case "stuck sensor":
            values[at : at + 144] = values[at]
        case "level shift":
            values[at:] += 120
    return values


@pytest.mark.parametrize("kind", ["spike", "season break", "stuck sensor", "level shift"])
@pytest.mark.parametrize("seed", range(5))
def test_what_is_planted_is_found(kind: str, seed: int) -> None:
    at = 20 * 288 + 12 * 12  # noon of the 21st day; what is stuck there stays so through half the night
    found = five_minutes(planted(kind, day_and_night(seed), at))
    alarms = episodes(found.is_anomaly)
    assert ((alarms >= at) & (alarms < at + 144)).any()
    assert ((alarms >= 7 * 288) & (alarms < at)).sum() <= 4


def test_detectors_of_different_keys_merge_and_go_on() -> None:
    key, time, value = mixed(3, 6_000, 6)
    names = np.array([f"key {k}" for k in key])
    whole, parts = AnomalyDetector(3.0), [AnomalyDetector(3.0), AnomalyDetector(3.0)]
    half = slice(0, 3_000), slice(3_000, None)
    whole.update(time[half[0]], value[half[0]], names[half[0]].tolist())
    for n, part in enumerate(parts):
        own = key[half[0]] % 2 == n
        part.update(time[half[0]][own], value[half[0]][own], names[half[0]][own].tolist())
    rest = time[half[1]], value[half[1]], names[half[1]].tolist()
    for one, other in zip(whole.update(*rest), AnomalyDetector.merged(parts).update(*rest), strict=True):
        assert one.tobytes() == other.tobytes()


def test_detectors_of_one_key_or_of_other_rates_do_not_merge() -> None:
    detectors = [AnomalyDetector(), AnomalyDetector(), AnomalyDetector(2.0)]
    for detector in detectors[:2]:
        detector.update([1], [1.0], ["sales"])
    for wrong, said in ((detectors[:2], "key 'sales' is in two"), (detectors[1:], "of one rate"), ([], "not of none")):
        with pytest.raises(ValueError, match=said):
            AnomalyDetector.merged(wrong)
