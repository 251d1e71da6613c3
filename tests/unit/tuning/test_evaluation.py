"""Scores are what the field calls them, and their intervals hold what they promise."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from tests.examples import up_to
from tuning.evaluation import (
    BY_PROBLEM,
    METRICS,
    calibration_table,
    confusion,
    evaluate,
    gain,
    group_labels,
    learning_curve,
    precision_recall,
    residuals,
    roc,
    score,
    score_with_interval,
    slices,
)
from tuning.evaluation.intervals import variance_of
from tuning.evaluation.metrics import measure

Rng = np.random.Generator


def two_classes(rng: Rng, n: int, share: float = 0.3, shift: float = 1.5) -> tuple[np.ndarray, np.ndarray]:
    truth = (rng.random(n) < share).astype(np.int64)
    return truth, 1 / (1 + np.exp(-(rng.standard_normal(n) + shift * truth - 1)))


def four_classes(rng: Rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    truth, logits = rng.integers(0, 4, n), rng.standard_normal((n, 4))
    logits[np.arange(n), truth] += 1.5
    return truth, np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def values(rng: Rng, n: int) -> tuple[np.ndarray, np.ndarray]:
    truth = rng.standard_normal(n) * 2
    return truth, truth + rng.standard_normal(n)


@given(seed=st.integers(0, 10**6), n=st.integers(20, 200))
@settings(max_examples=up_to(30), deadline=None)
def test_scores_agree_with_scikit_learn(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    truth, chance = two_classes(rng, n)
    chance = np.round(chance, 1).clip(0.05, 0.95)
    if 0 < truth.sum() < n:
        assert score("auc", truth, chance) == pytest.approx(metrics.roc_auc_score(truth, chance))
    assert score("log_loss", truth, chance) == pytest.approx(metrics.log_loss(truth, chance, labels=[0, 1]))
    assert score("brier", truth, chance) == pytest.approx(metrics.brier_score_loss(truth, chance))
    many, table = four_classes(rng, n)
    if len(np.unique(many)) == 4:
        assert score("auc", many, table) == pytest.approx(metrics.roc_auc_score(many, table, multi_class="ovr"))
        assert score("balanced_accuracy", many, table) == pytest.approx(
            metrics.balanced_accuracy_score(many, table.argmax(1))
        )
    y, p = values(rng, n)
    assert score("rmse", y, p) == pytest.approx(metrics.root_mean_squared_error(y, p))
    assert score("mae", y, p) == pytest.approx(metrics.mean_absolute_error(y, p))
    assert score("r2", y, p) == pytest.approx(metrics.r2_score(y, p))


@pytest.mark.parametrize("draw", [two_classes, four_classes, values])
def test_influences_give_the_bootstraps_variance(draw: object) -> None:
    rng = np.random.default_rng(7)
    truth, prediction = draw(rng, 800)  # type: ignore[operator]
    names = BY_PROBLEM["binary"] if truth.dtype == np.int64 else BY_PROBLEM["regression"]
    rows = [rng.integers(0, 800, 800) for _ in range(250)]
    for name in names:
        found = measure(name, truth, prediction)
        assert found.influence.mean() == pytest.approx(0, abs=1e-9)
        drawn = np.var([score(name, truth[r], prediction[r]) for r in rows])
        assert variance_of(found.influence)[0] == pytest.approx(drawn, rel=0.35), name


@given(
    n=st.integers(3, 300),
    share=st.floats(0.02, 0.98),
    shift=st.floats(-3, 9),
    next_rows=st.integers(1, 5000),
    seed=st.integers(0, 10**6),
)
@settings(max_examples=up_to(60), deadline=None)
def test_intervals_are_sane_whatever_the_sample(n: int, share: float, shift: float, next_rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = evaluate("binary", *two_classes(rng, n, share, shift), next_rows=next_rows, baseline=np.full(n, 0.3))
    numbers = evaluate("regression", *values(rng, n), next_rows=next_rows)
    for found in (*labels, *numbers):
        if found.value is None:
            assert found.note
            continue
        if found.low is None:
            assert found.note
            continue
        assert found.high is not None and found.next_low is not None and found.next_high is not None
        assert found.next_low <= found.low + 1e-12
        assert found.low <= found.value + 1e-9
        assert found.value <= found.high + 1e-9
        assert found.high <= found.next_high + 1e-12
        metric = METRICS[found.metric]
        if metric.low is not None:
            assert found.next_low >= metric.low
        if metric.high is not None:
            assert found.next_high <= metric.high + 1e-12


@pytest.mark.slow
@pytest.mark.parametrize(("n", "m"), [(150, 400), (1000, 300)])
@pytest.mark.parametrize(
    ("draw", "names"),
    [
        (two_classes, ("auc", "balanced_accuracy", "log_loss")),
        (lambda rng, n: two_classes(rng, n, 0.1, 2.0), ("auc", "balanced_accuracy", "log_loss")),
        (lambda rng, n: two_classes(rng, n, 0.4, 4.5), ("auc", "balanced_accuracy")),
        (four_classes, ("auc", "log_loss", "balanced_accuracy")),
        (values, ("rmse", "mae", "r2")),
    ],
)
def test_the_wider_interval_holds_the_next_score_in_nine_of_ten_samples(
    draw: object, names: tuple[str, ...], n: int, m: int
) -> None:
    """1,000 pairs of samples, so that less than nine of ten is no chance."""
    held = dict.fromkeys(names, 0)
    for seed in range(1000):
        rng = np.random.default_rng(seed)
        here, there = draw(rng, n), draw(rng, m)  # type: ignore[operator]
        for name in names:
            found = score_with_interval(name, *here, next_rows=m)
            assert found.next_low is not None and found.next_high is not None
            held[name] += found.next_low <= score(name, *there) <= found.next_high
    assert min(held.values()) >= 900, held


def test_rows_of_one_group_count_as_one() -> None:
    rng = np.random.default_rng(0)
    truth, chance = two_classes(rng, 200)
    many = np.repeat(np.arange(200), 10)
    alone = score_with_interval("auc", truth, chance)
    naive = score_with_interval("auc", truth[many], chance[many])
    grouped = score_with_interval("auc", truth[many], chance[many], groups=many)
    width = [found.high - found.low for found in (alone, naive, grouped)]  # type: ignore[operator]
    assert width[1] < 0.5 * width[0]
    assert width[2] == pytest.approx(width[0], rel=0.35)


def test_what_cannot_be_computed_is_null_with_a_reason() -> None:
    found = score_with_interval("auc", np.zeros(20, np.int64), np.full(20, 0.5))
    assert found.value is None
    assert "two classes" in found.note
    with pytest.raises(ValueError, match="unknown"):
        score("f9", np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="between 0 and 1"):
        score("auc", np.array([0, 1]), np.array([0.2, 1.7]))


def test_gain_is_more_when_better() -> None:
    assert gain("log_loss", 0.2) > gain("log_loss", 0.3)
    assert gain("auc", 0.9) > gain("auc", 0.8)


def test_a_calibrated_model_looks_like_one_and_an_overconfident_one_does_not() -> None:
    rng = np.random.default_rng(1)
    chance = rng.random(3000)
    truth = (rng.random(3000) < chance).astype(np.int64)
    fair = calibration_table(truth, chance)
    bold = calibration_table(truth, np.where(chance > 0.5, 0.98, 0.02))
    assert fair.ece_ideal_high is not None and bold.ece_ideal_high is not None
    assert fair.ece < fair.ece_ideal_high
    assert fair.ece_low == pytest.approx(0, abs=0.01)
    assert bold.ece > 5 * bold.ece_ideal_high
    assert sum(one.rows for one in fair.bins) == 3000
    assert np.mean([one.low <= one.predicted <= one.high for one in fair.bins]) >= 0.7


def test_a_planted_bad_group_is_flagged_and_no_other() -> None:
    rng = np.random.default_rng(2)
    truth, chance = two_classes(rng, 3000, shift=2)
    plan = rng.integers(0, 4, 3000)
    spoiled = np.where(plan == 2, rng.random(3000), chance)
    columns = {"plan": group_labels(plan), "age": group_labels(rng.standard_normal(3000))}
    found = slices("auc", truth, spoiled, columns)
    assert [(one.column, one.group) for one in found if one.flagged] == [("plan", "2")]
    assert found[0].flagged


@pytest.mark.slow
def test_noise_is_flagged_in_one_report_of_twenty() -> None:
    flagged = 0
    for seed in range(200):
        noise = np.random.default_rng(seed)
        labels, stated = two_classes(noise, 800)
        some = {f"c{k}": group_labels(noise.integers(0, 4, 800)) for k in range(6)}
        flagged += any(one.flagged for one in slices("auc", labels, stated, some))
    assert flagged <= 20, "10 of 200 by design; more than 20 is chance once in 1,000"


def test_groups_have_names_and_missing_ones_too() -> None:
    numbers = group_labels(np.append(np.arange(100.0), np.nan))
    assert numbers[-1] == "missing"
    assert len(set(numbers)) == 5
    assert set(group_labels(np.array(["a", None, "b"], dtype=object))) == {"a", "missing", "b"}


def test_curves_end_where_they_must() -> None:
    rng = np.random.default_rng(3)
    truth, chance = two_classes(rng, 5000)
    (one,) = roc(truth, chance, ["no", "yes"])
    assert (one.x[0], one.y[0], one.x[-1], one.y[-1]) == (0, 0, 1, 1)
    assert len(one.x) <= 200
    assert np.trapezoid(one.y, one.x) == pytest.approx(one.area, abs=0.005)
    (curve,) = precision_recall(truth, chance, ["no", "yes"])
    assert curve.area == pytest.approx(metrics.average_precision_score(truth, chance))
    many, table = four_classes(rng, 300)
    assert [curve.label for curve in roc(many, table, list("abcd"))] == list("abcd")
    assert np.sum(confusion(many, table)) == 300


def test_residuals_are_a_seeded_sample() -> None:
    truth, prediction = values(np.random.default_rng(4), 5000)
    found = residuals(truth, prediction, seed=1)
    assert len(found.observed) == 1000
    assert found == residuals(truth, prediction, seed=1)
    assert found.quantiles["0.5"] == pytest.approx(float(np.median(truth - prediction)))


def test_a_learning_curve_grows_by_nested_samples_with_every_class() -> None:
    classes = np.array([0] * 950 + [1] * 50)
    asked: list[np.ndarray] = []

    def judge(rows: np.ndarray) -> list[float]:
        asked.append(rows)
        return [len(rows) / 1000, float("nan")]

    found = learning_curve(judge, 1000, classes=classes)
    assert [one.rows for one in found][-1] == 1000
    assert all(set(small) <= set(large) for small, large in pairwise(asked))
    assert classes[asked[0]].sum() in (2, 3), "a twentieth of fifty rows each, as of the table"
    assert found[-1].score == 1
