"""Sketches: their error, and that merging is as if all had been added in one place."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.sketches import BUCKETS, MIDDLES, DDSketch, HyperLogLog, bucket_of
from tests.examples import up_to

FINITE = st.floats(1e-12, 1e18) | st.floats(-1e18, -1e-12)


@settings(max_examples=up_to(500), deadline=None)
@given(FINITE)
def test_a_bucket_stands_for_its_values_within_one_percent(value: float) -> None:
    assert abs(MIDDLES[bucket_of(value) + BUCKETS] / value - 1) <= 0.01


@given(FINITE, FINITE)
def test_buckets_keep_the_order_of_values(a: float, b: float) -> None:
    assert (bucket_of(a) <= bucket_of(b)) == (a <= b) or bucket_of(a) == bucket_of(b)


@pytest.mark.parametrize("value", [0.0, -0.0, 5e-324, 1e-13, -1e-13])
def test_tiny_values_count_as_zero(value: float) -> None:
    assert bucket_of(value) == 0


@settings(max_examples=up_to(60), deadline=None)
@given(st.lists(FINITE, min_size=1, max_size=200), st.integers(0, 200), st.floats(0, 1))
def test_merged_quantiles_are_within_one_percent_of_the_values(values, cut, q) -> None:
    whole, left, right = DDSketch(), DDSketch(), DDSketch()
    data = np.array(values)
    whole.add(np.append(data, [np.nan, np.inf, -np.inf]))
    left.add(data[:cut])
    right.add(data[cut:])
    right.merge(DDSketch.load(left.dump()))
    assert right.dump() == whole.dump()
    assert len(whole) == len(values)
    assert right.quantile(q) == pytest.approx(np.sort(data)[int(q * (len(data) - 1))], rel=0.01)


@settings(max_examples=up_to(40), deadline=None)
@given(st.integers(0, 1000), st.integers(0, 3000), st.integers(0, 3000))
def test_distinct_counts_merge_exactly(seed: int, n: int, cut: int) -> None:
    hashes = np.random.default_rng(seed).integers(0, 2**64, max(n, 1), dtype=np.uint64)[:n]
    whole, left, right = HyperLogLog(), HyperLogLog(), HyperLogLog()
    whole.add(hashes)
    left.add(hashes[: cut + 100])
    right.add(hashes[cut:][::-1])
    left, other = HyperLogLog.load(left.dump()), HyperLogLog.load(left.dump())
    left.merge(right)
    right.merge(other)
    assert left.dump() == right.dump() == whole.dump()


@pytest.mark.parametrize("n", [0, 1, 10, 500, 768])
def test_few_are_counted_exactly(n: int) -> None:
    sketch = HyperLogLog()
    hashes = np.random.default_rng(n).integers(1, 2**64, n, dtype=np.uint64)
    sketch.add(np.concatenate([hashes, hashes, np.zeros(3, np.uint64)]))
    assert sketch.count() == n


@pytest.mark.parametrize("n", [769, 5_000, 50_000, pytest.param(300_000, marks=pytest.mark.slow)])
def test_many_are_counted_within_five_percent(n: int) -> None:
    errors = []
    for seed in range(6):
        sketch = HyperLogLog()
        sketch.add(np.random.default_rng(seed).integers(1, 2**64, n, dtype=np.uint64))
        errors.append(sketch.count() / n - 1)
    assert max(map(abs, errors)) < 0.05
    assert abs(float(np.mean(errors))) < 0.025
