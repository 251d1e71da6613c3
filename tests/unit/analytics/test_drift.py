"""Two samples of rows as stories: who alarms, who does not, and how often by chance."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, ks_2samp

from analytics.drift import ColumnDrift, DriftDetector, DriftReport, compare


def objects(*values: object) -> np.ndarray:
    return np.array(values, object)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def table(n: int, seed: int) -> dict[str, np.ndarray]:
    """Columns of every kind, some tied to one another."""
    r = rng(seed)
    amount = r.lognormal(3, 1, n)
    return {
        "amount": amount,
        "tax": amount * 0.2 + r.normal(0, 1e-3, n),
        "visits": r.poisson(1.5, n).astype(float),
        "score": np.where(r.random(n) < 0.2, np.nan, r.normal(size=n)),
        "plan": r.choice(objects("free", "pro", "team", "rare"), n, p=[0.6, 0.3, 0.095, 0.005]),
        "country": np.where(r.random(n) < 0.1, None, r.choice(objects(*"abcdefghij"), n)),
    }


def column(report: DriftReport, name: str) -> ColumnDrift:
    return next(c for c in report.columns if c.name == name)


def value(report: DriftReport, name: str, measure: str) -> float:
    return next(m.value for m in column(report, name).measures if m.name == measure)


def shifted(now: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    now["amount"] = now["amount"] * 1.3
    return now


def upgraded(now: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    now["plan"] = np.where(rng(9).random(len(now["plan"])) < 0.1, "team", now["plan"])
    return now


def emptied(now: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    now["score"] = np.where(rng(9).random(len(now["score"])) < 0.1, np.nan, now["score"])
    return now


@pytest.mark.parametrize(("change", "name"), [(shifted, "amount"), (upgraded, "plan"), (emptied, "score")])
def test_the_changed_column_is_named_and_no_other(
    change: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]], name: str
) -> None:
    report = compare(table(3000, 1), change(table(2000, 2)))
    assert report.drifted and report.drifted_columns == (name,)
    found = column(report, name)
    assert any(m.threshold is not None and m.value > m.threshold for m in found.measures)
    assert report.p_value == found.p_value is not None and found.p_value <= report.alarm_rate


def test_a_fixed_psi_alarms_on_most_identical_samples_of_100_and_ours_does_not() -> None:
    fixed = ours = 0
    runs = 100
    for seed in range(runs):
        before, now = rng(seed).normal(size=100), rng(10_000 + seed).normal(size=100)
        edges = np.quantile(before, np.linspace(0, 1, 11)[1:-1])
        p, q = (np.maximum(np.bincount(np.searchsorted(edges, x), minlength=10) / 100, 1e-4) for x in (before, now))
        fixed += float(((p - q) * np.log(p / q)).sum()) > 0.1
        ours += compare({"x": before}, {"x": now}, alarm_rate=0.05, seed=seed).drifted
    assert fixed / runs == pytest.approx(0.85, abs=0.1)
    assert binom.cdf(ours, runs, 0.05) > 0.001 and binom.sf(ours - 1, runs, 0.05) > 0.001


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(60, 40), pytest.param(1500, 1200, marks=pytest.mark.long), (5000, 40)])
def test_the_alarm_rate_is_the_stated_one_whatever_the_sizes(n: int, m: int) -> None:
    runs, rate = 250, 0.05
    alarms = sum(compare(table(n, 2 * s), table(m, 2 * s + 1), alarm_rate=rate, seed=s).drifted for s in range(runs))
    assert binom.ppf(0.001, runs, rate) <= alarms <= binom.ppf(0.999, runs, rate)


@pytest.mark.slow
def test_real_drift_is_named_and_shuffling_takes_it_away(data_sets: Path) -> None:
    with gzip.open(data_sets / "bank_marketing/bank-additional-full.csv.gz", "rt") as file:
        header, *lines = csv.reader(file)
    numbers = {"age", "euribor3m", "emp.var.rate", "duration", "pdays"}
    columns = {
        name: np.array(values, float if name in numbers else object)
        for name, values in zip(header, zip(*lines, strict=True), strict=True)
    }
    cut = len(lines) * 4 // 5
    report = compare({c: v[:cut] for c, v in columns.items()}, {c: v[cut:] for c, v in columns.items()})
    assert {"y", "euribor3m", "month", "contact"} <= set(
        report.drifted_columns
    ) and "loan" not in report.drifted_columns
    alarms = 0
    for seed in range(20):
        one, other = np.array_split(rng(seed).permutation(len(lines)), 2)
        halves = ({c: v[half] for c, v in columns.items()} for half in (one, other))
        alarms += compare(*halves, alarm_rate=0.05, seed=seed).drifted
    assert alarms <= binom.ppf(0.999, 20, 0.05)


@pytest.mark.slow
def test_columns_that_did_not_drift_alarm_no_more_often_where_others_did() -> None:
    runs, rate, false = 200, 0.05, 0
    for s in range(runs):
        report = compare(table(300, 2 * s), shifted(table(300, 2 * s + 1)), alarm_rate=rate, seed=s)
        false += bool(set(report.drifted_columns) - {"amount"})
    assert false <= binom.ppf(0.999, runs, rate)


def test_measures_are_those_of_the_textbook() -> None:
    before, now = rng(1).normal(size=200), rng(2).normal(0.5, 1, 300)
    report = compare({"x": before}, {"x": now})
    assert value(report, "x", "ks") == pytest.approx(ks_2samp(before, now).statistic)
    both = np.concatenate([before, now])
    grid = np.sort(both)
    apart = np.searchsorted(np.sort(before), grid, "right") / 200 - np.searchsorted(np.sort(now), grid, "right") / 300
    area = float((np.abs(apart[:-1]) * np.diff(grid)).sum()) / both.std()
    assert value(report, "x", "wasserstein") == pytest.approx(area)
    plan = compare({"p": objects(*"aaab" * 50)}, {"p": objects(*"abbb" * 50)})
    assert value(plan, "p", "chi2") == pytest.approx(100.0)  # (150, 50), (50, 150): 4 cells of 50^2 / 100
    assert value(plan, "p", "jensen_shannon") == pytest.approx(np.sqrt(1 - 0.8112781), abs=1e-6)


def test_new_categories_are_named_and_compared() -> None:
    report = compare({"c": objects(*"ab" * 100)}, {"c": objects(*"abbc" * 40)})
    found = column(report, "c")
    assert found.drifted and found.unseen == ("c",) and found.unseen_share == pytest.approx(0.25)


def test_names_that_are_all_different_cannot_be_compared_and_say_so() -> None:
    report = compare({"id": objects(*map(str, range(50)))}, {"id": objects(*map(str, range(50, 100)))})
    found = column(report, "id")
    assert found.status == "too rare" and found.p_value is None and found.unseen_share == 1.0 and not report.drifted


def test_what_has_one_value_or_none_is_not_judged() -> None:
    report = compare(
        {"one": np.ones(40), "none": np.full(40, np.nan), "nothing": objects(*[None] * 40)},
        {"one": np.ones(30), "none": np.full(30, np.nan), "nothing": objects(*[None] * 30)},
    )
    assert [c.status for c in report.columns] == ["constant", "no values", "no values"]
    assert not report.drifted and report.p_value is None and not report.can_alarm


def test_two_constants_that_differ_have_drifted() -> None:
    assert compare({"x": np.zeros(40)}, {"x": np.ones(40)}).drifted


def test_a_column_that_lost_all_its_values_has_drifted() -> None:
    report = compare({"x": rng().normal(size=100)}, {"x": np.full(80, np.nan)})
    assert [m.name for m in column(report, "x").measures] == ["missing"] and report.drifted


def test_one_row_can_prove_nothing_and_says_so() -> None:
    report = compare({"x": np.arange(50.0)}, {"x": np.array([1e6])})
    assert not report.can_alarm and not report.drifted
    assert all(m.threshold is None for m in column(report, "x").measures)


def test_extreme_numbers_give_finite_figures() -> None:
    before, now = np.array([1e308, -1e308, np.inf, 5e-324] * 30), np.array([1e308, 1.0, np.nan, -np.inf] * 30)
    report = compare({"x": before}, {"x": now})
    assert all(np.isfinite(m.value) for m in column(report, "x").measures)
    assert column(report, "x").missing_current == 0.5


@pytest.mark.parametrize(
    ("before", "now", "says"),
    [
        ({}, {"x": np.ones(3)}, "the reference has no columns"),
        ({"x": np.ones(0)}, {"x": np.ones(3)}, "the reference has no rows"),
        ({"x": np.ones(3), "y": np.ones(2)}, {"x": np.ones(3)}, "column 'y' of the reference has 2 rows, 'x' has 3"),
        ({"x": np.ones(3)}, {"y": np.ones(3)}, "the current sample lacks 'x'"),
        ({"x": np.ones(3)}, {"x": np.ones(3), "y": np.ones(3)}, "the reference lacks 'y'"),
        ({"x": np.ones((3, 2))}, {"x": np.ones(3)}, "column 'x' of the reference has 2 dimensions"),
        ({"x": objects({"a": 1}, {"b": 2})}, {"x": objects("a")}, "column 'x' holds lists or tables"),
        ({"x": np.array(["2026-01-01"], "M8[D]")}, {"x": np.ones(3)}, "pass numbers or strings"),
    ],
)
def test_what_cannot_be_compared_is_told(before: dict[str, np.ndarray], now: dict[str, np.ndarray], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        compare(before, now)


def test_an_impossible_alarm_rate_is_told() -> None:
    with pytest.raises(ValueError, match="choose 0"):
        compare({"x": np.ones(3)}, {"x": np.ones(3)}, alarm_rate=0.0)


def test_each_model_is_compared_with_its_own_reference() -> None:
    detector = DriftDetector(alarm_rate=0.01)
    detector.expect("churn", {"x": rng(1).normal(size=500)})
    detector.expect("revenue", {"x": rng(2).normal(5, 1, 500)})
    new = {"x": rng(3).normal(size=300), "prediction": np.ones(300)}
    assert not detector.detect_drift("churn", new).drifted
    assert detector.detect_drift("revenue", new).drifted_columns == ("x",)
    with pytest.raises(ValueError, match="'fraud' has no reference"):
        detector.detect_drift("fraud", new)


SIZES = st.tuples(st.integers(1, 1300), st.integers(1, 40)).map(lambda s: (s[0], s[0] * 2 if s[1] > 30 else s[1]))


@settings(max_examples=8, deadline=None)
@given(SIZES, st.integers(0, 1000))
def test_the_order_of_rows_and_of_samples_does_not_matter(sizes: tuple[int, int], seed: int) -> None:
    before, now = table(sizes[0], 2 * seed), table(sizes[1], 2 * seed + 1)
    report = compare(before, now, seed=seed)
    order = rng(seed).permutation(sizes[0])
    again = compare({name: values[order] for name, values in before.items()}, now, seed=seed)
    back = compare(now, before, seed=seed)
    for one, two, three in zip(report.columns, again.columns, back.columns, strict=True):
        assert one.p_value == two.p_value == three.p_value
        for a, b, c in zip(one.measures, two.measures, three.measures, strict=True):
            assert a.p_value == b.p_value == c.p_value
            assert [b.value, c.value] == pytest.approx([a.value] * 2, abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 400), st.integers(0, 1000))
def test_what_looks_at_ranks_only_does_not_see_the_unit(n: int, seed: int) -> None:
    before, now = rng(seed).normal(size=n), rng(seed + 1).normal(0.3, 1, n)
    plain = compare({"x": before}, {"x": now}, seed=seed)
    bent = compare({"x": np.exp(before)}, {"x": np.exp(now)}, seed=seed)
    for name in ("ks", "psi", "jensen_shannon"):
        assert value(plain, "x", name) == value(bent, "x", name)
    moved = compare({"x": before * 8 - 16}, {"x": now * 8 - 16}, seed=seed)
    assert value(plain, "x", "wasserstein") == pytest.approx(value(moved, "x", "wasserstein"), rel=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 200), st.integers(0, 1000))
def test_a_sample_has_not_drifted_from_itself(n: int, seed: int) -> None:
    rows = table(n, seed)
    report = compare(rows, rows, seed=seed)
    assert not report.drifted
    assert all(m.value == pytest.approx(0, abs=1e-12) for c in report.columns for m in c.measures)
