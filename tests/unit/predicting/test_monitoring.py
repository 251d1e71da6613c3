"""Drift with false-discovery control, scores with outcomes and without: against what scipy and scikit-learn say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2
from sklearn.metrics import roc_auc_score

from analytics.monitoring import AccuracyMonitor, PerformanceTracker, profile_of, shifts
from analytics.monitoring.accuracy import Answers, auc, expected_auc
from analytics.monitoring.profile import place
from analytics.monitoring.shift import chi_squared_above


def counted(profile: dict, columns: dict) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for name, column in profile.items():
        counts = found[name] = [0] * len(column["counts"])
        for value in columns[name].tolist():
            counts[place(column, value)] += 1
    return found


@pytest.mark.parametrize(("statistic", "degrees"), [(1.0, 1), (0.1, 9), (30.0, 10), (200.0, 50), (5.0, 300)])
def test_the_chi_squared_tail_is_that_of_scipy(statistic: float, degrees: int) -> None:
    assert chi_squared_above(statistic, degrees) == pytest.approx(chi2.sf(statistic, degrees), rel=1e-9)


def test_without_drift_hardly_any_window_names_a_column() -> None:
    rng = np.random.default_rng(1)
    make = lambda n: {f"x{i}": rng.normal(size=n) for i in range(12)}  # noqa: E731
    profile = profile_of(make(2_000))
    named = sum(any(s.drifted for s in shifts(profile, counted(profile, make(400)), 0.01)) for _ in range(60))
    assert named <= 4  # 60 windows at a rate of 1 %


def test_a_new_level_and_missing_values_are_drift() -> None:
    rng = np.random.default_rng(2)
    profile = profile_of({"plan": rng.choice(["a", "b"], 1_000).astype(object), "x": rng.normal(size=1_000)})
    plan = np.array(["c"] * 100 + ["a", "b"] * 150, object)
    x = np.where(rng.random(400) < 0.3, np.nan, rng.normal(size=400))
    found = {s.name: s.drifted for s in shifts(profile, counted(profile, {"plan": plan, "x": x}), 0.001)}
    assert found == {"plan": True, "x": True}
    quality = PerformanceTracker()
    quality.expect("m", profile)
    told = quality.track("m", np.zeros(400), {"plan": plan, "x": x})
    assert told["unseen"] == {"plan": 0.25}
    assert told["missing"]["x"] > 0.2


def test_accuracy_is_never_made_up() -> None:
    p = np.random.default_rng(3).random(500)
    found = AccuracyMonitor().monitor("m", Answers("binary", p), np.full(500, np.nan))
    assert (found["status"], found["score"], found["label_coverage"]) == ("labels_pending", None, 0.0)
    assert found["estimate"]["score"] == pytest.approx(expected_auc(p))
    assert found["estimate"]["supposes"]


def test_a_calibrated_models_estimate_is_near_the_score_that_comes() -> None:
    rng = np.random.default_rng(4)
    p = rng.beta(1, 2, 4_000).round(3)
    y = rng.random(4_000) < p
    found = AccuracyMonitor().monitor("m", Answers("binary", p), y.astype(float))
    assert found["score"] == pytest.approx(roc_auc_score(y, p))
    assert auc(p, y) == pytest.approx(roc_auc_score(y, p))
    assert found["low"] < found["estimate"]["score"] < found["high"]
    assert all(abs(b["predicted"] - b["observed"]) < 0.1 for b in found["calibration"])


def test_a_value_has_skill_over_what_is_usual_and_its_intervals_are_counted() -> None:
    rng = np.random.default_rng(5)
    truth = rng.normal(size=1_000)
    said = truth + 0.3 * rng.normal(size=1_000)
    answers = Answers("regression", said, (), said - 0.5, said + 0.5, 0.9, usual=0.0)
    found = AccuracyMonitor().monitor("m", answers, truth)
    assert found["metric"] == "skill"
    assert found["score"] == pytest.approx(1 - np.mean((said - truth) ** 2) / np.mean(truth**2))
    assert found["coverage"] == pytest.approx(0.904, abs=0.03)
    assert found["estimate"]["score"] == pytest.approx(found["mae"], rel=0.1)
