"""Relations among series as stories: what is planted is found at its lag, what is not there is not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.stats import binom, spearmanr

from analytics.correlation import Correlations, Pair, correlate
from analytics.correlation.report import Method
from tests.examples import up_to

METHODS: tuple[Method, ...] = ("pearson", "spearman", "distance", "mutual_information")


def ar1(n: int, p: int, phi: float, seed: int = 0) -> np.ndarray:
    """float64[n, p]: independent autoregressions, 1.0 for random walks."""
    noise = np.random.default_rng(seed).normal(size=(n + 300, p))
    return lfilter([1.0], [1.0, -phi], noise, axis=0)[300:]


def led(n: int = 600, lag: int = 3, phi: float = 0.8, seed: int = 0, weight: float = 1.0) -> np.ndarray:
    """Column 1 follows column 0 by ``lag`` rows, column 2 is on its own."""
    x = ar1(n + lag, 3, phi, seed)
    values = x[lag:].copy()
    values[:, 1] += weight * x[: len(x) - lag, 0]
    return values


def names(values: np.ndarray) -> list[str]:
    return [f"s{i}" for i in range(values.shape[1])]


def run(values: np.ndarray, method: Method = "pearson", max_lag: int = 0, **options: object) -> Correlations:
    return correlate(values, names=names(values), method=method, max_lag=max_lag, **options)  # type: ignore[arg-type]


def pair(found: Correlations, first: str, second: str) -> Pair:
    return next(p for p in found.pairs if (p.first, p.second) == (first, second))


@pytest.mark.parametrize("method", METHODS)
def test_the_planted_relation_is_found_at_its_lag_and_no_other(method: Method) -> None:
    found = run(led(), method, 12)
    assert [(p.first, p.second, p.lag) for p in found.significant] == [("s0", "s1", 3)]
    back = run(led()[:, ::-1], method, 12)
    assert [(p.first, p.second, p.lag) for p in back.significant] == [("s1", "s2", -3)]


@pytest.mark.parametrize("method", ["distance", "mutual_information"])
def test_a_relation_without_a_slope_is_found_by_the_methods_that_see_shapes(method: Method) -> None:
    x = np.random.default_rng(1).normal(size=600)
    values = np.stack([x, x * x + np.random.default_rng(2).normal(0, 0.5, 600)], 1)
    assert run(values, method).significant and not run(values, "pearson").significant


@pytest.mark.parametrize("method", METHODS)
def test_random_walks_are_not_taken_for_relations(method: Method) -> None:
    values = ar1(500, 8, 1.0, 3)
    assert np.abs(np.corrcoef(values.T)[np.triu_indices(8, 1)]).max() > 0.6  # what would be seen without care
    assert not run(values, method, 6).significant


@pytest.mark.slow
@pytest.mark.parametrize("phi", [0.0, pytest.param(0.5, marks=pytest.mark.long), 0.9])
@pytest.mark.parametrize(("method", "max_lag"), [("pearson", 0), ("pearson", 12), ("spearman", 0), ("distance", 4)])
def test_independent_series_pass_for_related_as_often_as_stated(phi: float, method: Method, max_lag: int) -> None:
    p = [
        pair.p_value
        for seed in range(15)
        for pair in run(ar1(300, 16, phi, seed), method, max_lag, min_effective=4).pairs
        if pair.p_value is not None
    ]
    for level in (0.05, 0.01):
        hits = sum(x <= level for x in p)
        assert binom.ppf(0.0005, len(p), level * 0.8) <= hits <= binom.ppf(0.9995, len(p), level * 1.1)


def test_the_effective_sample_size_is_bartletts() -> None:
    found = run(ar1(20_000, 2, 0.8, 5))
    assert found.pairs[0].effective == pytest.approx(20_000 * (1 - 0.64) / (1 + 0.64), rel=0.1)
    assert run(ar1(2000, 2, 0.0, 6)).pairs[0].effective == pytest.approx(2000, rel=0.05)


def test_coefficients_are_those_of_the_textbook() -> None:
    values = led(300)
    assert run(values).pairs[0].coefficient == pytest.approx(np.corrcoef(values[:, 0], values[:, 1])[0, 1])
    assert run(values, "spearman").pairs[0].coefficient == pytest.approx(spearmanr(values[:, :2]).statistic)
    lagged = run(values, max_lag=5).pairs[0]
    assert lagged.coefficient == pytest.approx(np.corrcoef(values[:-3, 0], values[3:, 1])[0, 1]) and lagged.n == 297
    assert lagged.lower is not None and lagged.upper is not None
    assert lagged.lower < lagged.coefficient < lagged.upper


def test_what_a_third_series_explains_is_gone_given_it() -> None:
    r = np.random.default_rng(4)
    cause = r.normal(size=500)
    values = np.stack([cause, cause + r.normal(size=500), cause + r.normal(size=500)], 1)
    assert len(run(values).significant) == 3
    found = run(values, partial=True)
    assert {(p.first, p.second) for p in found.significant} == {("s0", "s1"), ("s0", "s2")}
    residual = [values[:, k] - np.poly1d(np.polyfit(cause, values[:, k], 1))(cause) for k in (1, 2)]
    assert pair(found, "s1", "s2").coefficient == pytest.approx(np.corrcoef(*residual)[0, 1])


def test_columns_that_determine_one_another_are_named() -> None:
    values = ar1(100, 3, 0.0)
    values[:, 2] = values[:, 0] + values[:, 1]
    with pytest.raises(ValueError, match="'s0', 's1', 's2' determine one another"):
        run(values, partial=True)


@pytest.mark.parametrize("method", METHODS)
def test_missing_values_are_left_out_pair_by_pair(method: Method) -> None:
    values = led(900)
    holes = np.where(np.random.default_rng(7).random(values.shape) < 0.15, np.nan, values)
    found = run(holes, method, 6).pairs[0]
    assert found.significant and found.lag == 3 and found.n < 700
    if method == "pearson":
        both = np.isfinite(holes[:-3, 0]) & np.isfinite(holes[3:, 1])
        assert found.n == both.sum()
        assert found.coefficient == pytest.approx(np.corrcoef(holes[:-3, 0][both], holes[3:, 1][both])[0, 1])


@pytest.mark.parametrize("method", METHODS)
def test_what_cannot_be_judged_says_why(method: Method) -> None:
    values = np.column_stack([ar1(60, 2, 0.0), np.full(60, 5.0), np.full(60, np.nan), ar1(60, 1, 0.0, 9)])
    values[8:, 4] = np.nan
    found = run(values, method, 2)
    assert {(p.first, p.second): p.status for p in found.pairs} == {
        ("s0", "s1"): "judged",
        ("s0", "s2"): "constant",
        ("s0", "s3"): "not enough data",
        ("s0", "s4"): "not enough data",
        ("s1", "s2"): "constant",
        ("s1", "s3"): "not enough data",
        ("s1", "s4"): "not enough data",
        ("s2", "s3"): "constant",
        ("s2", "s4"): "constant",
        ("s3", "s4"): "not enough data",
    }
    assert all(p.coefficient is None and p.p_value is None for p in found.pairs if p.status != "judged")


def test_slow_series_are_too_few_rows_however_many_there_are() -> None:
    assert run(ar1(120, 2, 0.98, 11)).pairs[0].status == "not enough data"


def test_extreme_numbers_give_finite_figures() -> None:
    values = led(200) * 1e307
    values[5, 0] = np.inf
    found = run(values, max_lag=4).pairs[0]
    assert found.lag == 3 and found.coefficient is not None and np.isfinite(found.coefficient)


@pytest.mark.parametrize(
    ("values", "options", "says"),
    [
        (np.ones(5), {}, "1 dimensions"),
        (np.ones((5, 1)), {}, "needs two columns"),
        (np.ones((0, 2)), {}, "needs two columns and a row"),
        (np.ones((5, 2)), {"max_lag": 5}, "max_lag 5 with 5 rows: choose 0 to 4"),
        (np.ones((5, 2)), {"partial": True, "max_lag": 1}, "set max_lag=0"),
        (np.ones((5, 2)), {"partial": True, "method": "distance"}, "partial goes with pearson or spearman"),
        (np.ones((5, 2)), {"method": "kendall"}, "method 'kendall': choose"),
        (np.ones((5, 2)), {"fdr": 1.0}, "fdr 1.0: choose"),
    ],
)
def test_what_makes_no_sense_is_told(values: np.ndarray, options: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        correlate(values, names=[f"s{i}" for i in range(values.shape[-1])], **options)  # type: ignore[arg-type]


def test_names_are_one_a_column_and_different() -> None:
    with pytest.raises(ValueError, match="1 different names for 2 columns"):
        correlate(np.ones((5, 2)), names=["a", "a"])


def test_false_discoveries_are_held_by_benjamini_and_hochberg_or_yekutieli() -> None:
    p = np.array([x.p_value for x in run(led()).pairs])
    q = np.array([x.q_value for x in run(led()).pairs])
    ranked = np.sort(p) * len(p) / np.arange(1, len(p) + 1)
    assert np.sort(q) == pytest.approx(np.minimum.accumulate(ranked[::-1])[::-1])
    cautious = np.array([x.q_value for x in run(led(), any_dependence=True).pairs])
    assert cautious == pytest.approx(np.minimum(q * (1 + 1 / 2 + 1 / 3), 1))


@settings(max_examples=up_to(30), deadline=None)
@given(st.integers(12, 150), st.integers(0, 5), st.integers(0, 1000), st.sampled_from(METHODS), st.booleans())
def test_swapping_two_series_turns_the_lag_around(n: int, lag: int, seed: int, method: Method, holes: bool) -> None:
    values = ar1(n, 2, 0.5, seed)
    if holes:
        values[np.random.default_rng(seed).random(values.shape) < 0.1] = np.nan
    one, other = (
        run(values, method, lag, min_effective=4).pairs[0],
        run(values[:, ::-1], method, lag, min_effective=4).pairs[0],
    )
    assert one.status == other.status and one.effective == pytest.approx(other.effective)
    if one.status == "judged":
        assert one.lag is not None and other.lag is not None and one.p_value == pytest.approx(other.p_value)
        assert one.lag == -other.lag or one.p_value > 0.5  # two lags may stand out equally little
        assert one.coefficient == pytest.approx(other.coefficient, abs=1e-9) or one.lag != -other.lag


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 200), st.integers(0, 1000), st.sampled_from(["spearman", "mutual_information"]))
def test_methods_of_ranks_do_not_see_the_scale(n: int, seed: int, method: Method) -> None:
    values = led(n, 1, 0.5, seed)
    assert run(values, method, 2).pairs == run(np.exp(values / 4), method, 2).pairs


@settings(max_examples=20, deadline=None)
@given(st.integers(20, 200), st.integers(0, 1000), st.sampled_from(METHODS), st.integers(-40, 40))
def test_the_unit_does_not_matter(n: int, seed: int, method: Method, power: int) -> None:
    values = led(n, 1, 0.5, seed)
    assert run(values, method, 2).pairs == run(values * 2.0**power, method, 2).pairs


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 400), st.integers(1, 4), st.integers(0, 60), st.integers(0, 1000))
def test_blocks_of_frequencies_give_the_plain_sums(n: int, p: int, lags: int, seed: int) -> None:
    from analytics.correlation.linear import lagged

    lags = min(lags, n - 1)
    x, y = np.random.default_rng(seed).normal(size=(2, p, n))
    want = np.stack([x[:, : n - k] @ y[:, k:].T for k in range(lags + 1)])
    assert lagged(x, y, lags) == pytest.approx(want, abs=1e-9)
