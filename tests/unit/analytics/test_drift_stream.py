"""ADWIN as stories, cut at random places, and beside a plain oracle."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.drift import Changes, DriftSpec, DriftState, update
from tests.examples import up_to


def one_key(values: np.ndarray, spec: DriftSpec | None = None) -> Changes:
    return update(DriftState(spec or DriftSpec()), np.zeros(len(values), np.int32), values)


def noise(seed: int, n: int, level: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(level, 1.0, n)


def test_a_new_level_is_found_soon_and_the_old_one_forgotten() -> None:
    changes = one_key(np.concatenate([noise(1, 1000, 10), noise(2, 1000, 11)]))
    at = np.flatnonzero(changes.changed)
    assert 1000 < at[0] < 1100
    assert changes.before[at[0]] == pytest.approx(10, abs=0.2)
    assert changes.mean[-1] == pytest.approx(11, abs=0.15) and changes.rows[-1] <= 1050


def test_steady_noise_is_left_alone() -> None:
    changes = one_key(noise(3, 50_000))
    assert not changes.changed.any() and changes.rows[-1] == 50_000


def test_a_constant_never_changes_until_it_does() -> None:
    changes = one_key(np.concatenate([np.full(320, 7.0), np.full(320, 7.5)]))
    assert not changes.changed[:320].any() and changes.changed[320:].any()
    assert changes.mean[-1] == 7.5


def test_keys_do_not_see_one_another() -> None:
    quiet, loud = noise(1, 2000), np.concatenate([noise(2, 1000), noise(3, 1000, 3)])
    key = np.tile(np.array([0, 1], np.int32), 2000)
    both = update(DriftState(DriftSpec()), key, np.stack([quiet, loud], 1).ravel())
    assert both.changed[1::2].any() and not both.changed[0::2].any()
    for k, alone in enumerate((one_key(quiet), one_key(loud))):
        assert all(a[k::2].tobytes() == b.tobytes() for a, b in zip(both, alone, strict=True))


def test_missing_values_are_not_rows() -> None:
    values = noise(4, 100)
    gaps = np.insert(values, [10, 50, 50], [np.nan, np.inf, 1e200])
    assert one_key(gaps).mean[-1] == one_key(values).mean[-1] and one_key(gaps).rows[-1] == 100
    assert np.isnan(one_key(np.array([np.nan])).mean[0])


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_the_unit_does_not_matter(factor: float) -> None:
    values = np.concatenate([noise(1, 500), noise(2, 500, 1)])
    assert (one_key(values).changed == one_key(values * factor).changed).all()


def test_the_oldest_rows_of_an_endless_window_are_forgotten() -> None:
    rows = 1_400_000
    changes = one_key(np.tile([0.0, 1.0], rows // 2))
    assert not changes.changed.any() and 6 * 2**17 < changes.rows[-1] < rows
    assert changes.mean[-1] == pytest.approx(0.5, abs=1e-6)


def test_bad_input_is_refused_before_any_row_is_taken() -> None:
    state = DriftState(DriftSpec(max_keys=4))
    with pytest.raises(ValueError, match="keys are 0 to 3"):
        update(state, np.array([0, 4], np.int32), np.ones(2))
    with pytest.raises(ValueError, match="differ in length"):
        update(state, np.array([0], np.int32), np.ones(2))
    assert len(state.dump()["keys"]) == 0
    with pytest.raises(ValueError, match="choose a probability"):
        DriftSpec(delta=0.0)


def oracle(values: np.ndarray, spec: DriftSpec) -> np.ndarray:
    """The same rule over lists: the window's buckets are lists of their values."""
    logs, levels, flags = spec.logarithms(), [[] for _ in range(20)], []
    for row, value in enumerate(values, 1):
        levels[0].append([value])
        for level, buckets in enumerate(levels):
            if len(buckets) > 5:
                levels[level + 1].append(buckets.pop(0) + buckets.pop(0))
        flags.append(False)
        while row % spec.every == 0:
            buckets = [b for level in reversed(levels) for b in level]
            window = np.concatenate(buckets) if buckets else np.zeros(0)
            n, found = len(window), False
            if n < 2 * spec.least:
                break
            bound, deviation = logs[n.bit_length() - 1], window.std()
            for a in np.cumsum([len(b) for b in buckets]):
                if spec.least <= a <= n - spec.least:
                    scale = 1 / a + 1 / (n - a)
                    limit = deviation * (np.sqrt(2 * bound * scale) + 2 / 3 * spec.reach * bound * scale)
                    found = found or abs(window[:a].mean() - window[a:].mean()) > limit
            if not found:
                break
            next(level for level in reversed(levels) if level).pop(0)
            flags[-1] = True
    return np.array(flags)


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_rule_of_the_paper(seed: int) -> None:
    values = np.concatenate([noise(seed, 300), noise(seed + 10, 200, 1.5), noise(seed + 20, 200)])
    spec = DriftSpec(every=8)
    flags = one_key(values, spec).changed
    assert flags.any() and (flags == oracle(values, spec)).all()


@settings(max_examples=up_to(50), deadline=None)
@given(st.integers(0, 10_000), st.lists(st.integers(0, 1500), max_size=8))
def test_cuts_and_restarts_change_no_bit(seed: int, cuts: list[int]) -> None:
    rng, spec = np.random.default_rng(seed), DriftSpec(every=4, delta=0.2)
    key = rng.integers(0, 3, 1500).astype(np.int32)
    value = rng.standard_t(3, 1500) + np.arange(1500) // 300 * rng.normal(0, 2)
    value[rng.random(1500) < 0.1] = np.nan
    whole, parts, got = DriftState(spec), DriftState(spec), []
    want = update(whole, key, value)
    for a, b in itertools.pairwise([0, *sorted(cuts), 1500]):
        parts = DriftState.load(spec, parts.dump())
        got.append(update(parts, key[a:b], value[a:b]))
    for i, column in enumerate(want):
        assert np.concatenate([g[i] for g in got]).tobytes() == column.tobytes()
    one, other = whole.dump(), parts.dump()
    assert all(np.asarray(one[k]).tobytes() == np.asarray(other[k]).tobytes() for k in one)
