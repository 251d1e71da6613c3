"""What is promised to be inside is inside, as often as it is promised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import betabinom

from analytics.models.conformal import Intervals, PredictionSets, cv_plus, rows_needed, threshold
from tests.examples import up_to


@settings(max_examples=up_to(40), deadline=None)
@given(
    n=st.integers(60, 400),
    level=st.sampled_from([0.5, 0.8, 0.9, 0.95]),
    power=st.floats(0.3, 3.0),
    seed=st.integers(0, 10**6),
)
def test_exchangeable_rows_are_covered_as_often_as_theory_says(n: int, level: float, power: float, seed: int) -> None:
    """Hits among m new rows follow a beta-binomial law whatever the errors' distribution is."""
    generator = np.random.default_rng(seed)
    errors = np.abs(generator.standard_normal(n + 2000)) ** power
    hits = int((errors[n:] <= threshold(errors[:n], level)).sum())
    rank = int(np.ceil((n + 1) * level - 1e-9))
    law = betabinom(2000, rank, n + 1 - rank)
    assert law.ppf(1e-7) <= hits <= law.ppf(1 - 1e-7)


def test_a_level_that_the_rows_cannot_carry_is_refused_and_never_infinite() -> None:
    assert rows_needed(0.9) == 9
    assert np.isfinite(threshold(np.arange(9.0), 0.9))
    with pytest.raises(ValueError, match="90% coverage needs 9 calibration rows, there are 8"):
        threshold(np.arange(8.0), 0.9)


def skewed(generator: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows whose errors grow with the first feature."""
    x = generator.random((n, 3))
    prediction = 5 * x[:, 1]
    return x, prediction, prediction + generator.standard_normal(n) * (0.1 + 3 * x[:, 0])


@pytest.mark.slow
def test_intervals_cover_and_are_wide_where_errors_are() -> None:
    generator = np.random.default_rng(1)
    model = Intervals().fit(*skewed(generator, 1500))
    x, prediction, truth = skewed(generator, 6000)
    low, high = model.interval(x, prediction, 0.9)
    inside = (low <= truth) & (truth <= high)
    assert 0.87 <= inside.mean() <= 0.93
    quiet, loud = x[:, 0] < 0.2, x[:, 0] > 0.8
    assert (high - low)[loud].mean() > 3 * (high - low)[quiet].mean()
    assert min(inside[quiet].mean(), inside[loud].mean()) > 0.84, "locally too, not on the average alone"


@pytest.mark.slow
def test_intervals_grow_with_the_level_and_hold_the_prediction() -> None:
    generator = np.random.default_rng(2)
    model = Intervals().fit(*skewed(generator, 500))
    x, prediction, _ = skewed(generator, 50)
    narrow, wide = model.interval(x, prediction, 0.5), model.interval(x, prediction, 0.95)
    assert (wide[0] < narrow[0]).all()
    assert (narrow[0] < prediction).all()
    assert (prediction < narrow[1]).all()
    assert (narrow[1] < wide[1]).all()


def test_a_perfect_calibration_gives_finite_intervals() -> None:
    model = Intervals().fit(None, np.ones(300), np.ones(300))
    low, high = model.interval(None, np.array([1.0]), 0.9)
    assert np.isfinite([low, high]).all()


def test_cv_plus_covers_with_models_of_folds() -> None:
    generator = np.random.default_rng(3)
    covered = []
    for _ in range(60):
        x = generator.standard_normal((100, 2))
        y = x @ [1.0, -1.0] + generator.standard_normal(100)
        new_x = generator.standard_normal((50, 2))
        new_y = new_x @ [1.0, -1.0] + generator.standard_normal(50)
        part = np.arange(100) % 5
        weights = [np.linalg.lstsq(x[part != k], y[part != k], rcond=None)[0] for k in range(5)]
        errors = np.array([abs(y[i] - x[i] @ weights[part[i]]) for i in range(100)])
        low, high = cv_plus(errors, part, np.array([new_x @ w for w in weights]), 0.9)
        covered.append(((low <= new_y) & (new_y <= high)).mean())
    assert 0.88 <= np.mean(covered) <= 0.95


@settings(max_examples=up_to(25), deadline=None)
@given(
    classes=st.integers(2, 6), level=st.sampled_from([0.7, 0.9]), sharp=st.floats(0.3, 4), seed=st.integers(0, 10**6)
)
def test_sets_cover_also_when_probabilities_are_wrong(classes: int, level: float, sharp: float, seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits = generator.standard_normal((3000, classes)) * 1.5
    truth = np.array([generator.choice(classes, p=p) for p in np.exp(logits) / np.exp(logits).sum(1, keepdims=True)])
    stated = np.exp(logits * sharp)
    stated /= stated.sum(1, keepdims=True)
    inside = PredictionSets().fit(stated[:1000], truth[:1000]).sets(stated[1000:], level)
    hits = int(inside[np.arange(2000), truth[1000:]].sum())
    rank = int(np.ceil(1001 * level - 1e-9))
    assert hits >= betabinom(2000, rank, 1001 - rank).ppf(1e-7)
    assert inside[np.arange(2000), stated[1000:].argmax(1)].all(), "the most probable class is always in"


def test_a_row_has_the_same_set_in_any_company() -> None:
    generator = np.random.default_rng(5)
    table = generator.dirichlet(np.ones(4), 200)
    model = PredictionSets().fit(table, table.argmax(1))
    together = model.sets(table, 0.8)
    alone = np.concatenate([model.sets(table[i : i + 1], 0.8) for i in range(200)])
    assert (together == alone).all()
