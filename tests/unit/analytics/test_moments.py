"""Sums of windows: any cut of the rows, merged in any order of neighbours, gives the same bits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.correlation import Moments, MomentSpec, correlate, correlations
from tests.examples import up_to


def rows(n: int, seed: int, p: int = 3) -> np.ndarray:
    r = np.random.default_rng(seed)
    values = np.cumsum(r.normal(size=(n, p)), 0) * 0.3 + r.standard_t(3, (n, p)) * 1e3 + 1e6
    values[r.random((n, p)) < 0.05] = np.nan
    return values


def same(one: Moments, other: Moments) -> bool:
    a, b = one.dump(), other.dump()
    return all(np.asarray(a[k]).tobytes() == np.asarray(b[k]).tobytes() for k in a)


@settings(max_examples=up_to(40), deadline=None)
@given(st.integers(0, 700), st.integers(0, 20), st.lists(st.integers(0, 700), max_size=6), st.randoms())
def test_cuts_and_the_order_of_merging_change_no_bit(n: int, max_lag: int, cuts: list[int], chance) -> None:
    values = rows(n, n)
    spec = MomentSpec.of(rows(100, 1), max_lag)
    edges = [0, *sorted(min(c, n) for c in cuts), n]
    parts = [Moments.of(spec, values[a:b]) for a, b in itertools.pairwise(edges)]
    while len(parts) > 1:
        at = chance.randrange(len(parts) - 1)
        parts[at : at + 2] = [Moments.load(parts[at].dump()).then(parts[at + 1])]
    assert same(parts[0], Moments.of(spec, values))


def test_the_sums_are_those_of_whole_numbers() -> None:
    values = rows(900, 2)
    spec = MomentSpec.of(values, 2)
    whole = spec.rounded(values).astype(object)
    x, y = whole[:-2, 0], whole[2:, 1]
    both = (x != -(2**31)) & (y != -(2**31))
    x, y = x[both], y[both]
    want = [len(x), sum(x * y), sum(x), sum(y), sum(x * x), sum(y * y)]
    assert Moments.of(spec, values).sums[:, 2, 0, 1].tolist() == want


def test_sums_find_what_the_series_show() -> None:
    r = np.random.default_rng(3)
    x = r.normal(size=(803, 3))
    values = x[3:].copy()
    values[:, 1] += x[:-3, 0]
    spec = MomentSpec.of(values[:200], 24)
    moments = Moments.of(spec, values[:300]).then(Moments.of(spec, values[300:]))
    found = correlations(moments, names=["a", "b", "c"], max_lag=6)
    assert [(p.first, p.second, p.lag) for p in found.significant] == [("a", "b", 3)]
    direct = correlate(values, names=["a", "b", "c"], max_lag=6).pairs[0]
    assert found.pairs[0].coefficient == pytest.approx(direct.coefficient, abs=1e-5)
    assert found.pairs[0].n == direct.n == 797


def test_independent_slow_series_are_not_taken_for_relations() -> None:
    walk = np.cumsum(np.random.default_rng(5).normal(size=(500, 6)), 0)
    found = correlations(Moments.of(MomentSpec.of(walk, 24), walk), names=list("abcdef"))
    assert not found.significant


def test_windows_without_enough_rows_say_so() -> None:
    spec = MomentSpec.of(rows(100, 1), 4)
    found = correlations(Moments.of(spec, rows(3, 2)), names=list("abc"))
    assert {p.status for p in found.pairs} == {"not enough data"}


def test_constants_are_told() -> None:
    values = np.column_stack([np.ones(50), rows(50, 1, 1)])
    found = correlations(Moments.of(MomentSpec.of(values, 4), values), names=["one", "x"])
    assert found.pairs[0].status == "constant"


def test_windows_of_other_shapes_do_not_merge() -> None:
    one, other = (Moments.of(MomentSpec.of(rows(50, 1), lag), rows(50, 1)) for lag in (2, 3))
    with pytest.raises(ValueError, match="do not merge"):
        one.then(other)


def test_too_many_rows_are_refused_before_a_sum_is_wrong() -> None:
    spec = MomentSpec(np.zeros(2), np.ones(2), 0)
    window = Moments.of(spec, np.full((1 << 16, 2), 2.0**22))
    with pytest.raises(ValueError, match="too many for exact sums"):
        for _ in range(10):
            window = window.then(window)
