"""First-order boosting is what it says: held against one tree worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tuning.evaluation.scoring import gain_of
from tuning.fitting.boosting import boosted

STUMP = {
    "learning_rate": 0.1,
    "num_leaves": 2,
    "min_child_samples": 1,
    "feature_fraction": 1.0,
    "bagging_fraction": 1.0,
    "lambda_l2": 0.0,
    "lambda_l1": 0.0,
}


def noisy(classes: int, rows: int, seed: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4)).astype(np.float32)
    z = x[:, 0] * x[:, 1] + 0.5 * rng.normal(size=rows)
    return x, np.digitize(z, np.quantile(z, np.linspace(0, 1, classes + 1)[1:-1])).astype(float)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_first_tree_moves_each_leaf_by_its_mean_residual_over_the_curvature_of_the_shares(classes: int) -> None:
    rng = np.random.default_rng(0)
    x = np.repeat([0.0, 1.0], 500).astype(np.float32)[:, None]
    y = np.concatenate([rng.integers(0, classes, 500), np.full(500, classes - 1)]).astype(float)
    model = boosted(x, y, x, y, {**STUMP, "newton": False, "num_iterations": 1}, classes=classes)
    shares = np.bincount(y.astype(int)) / len(y)
    raw = np.log(shares) if classes > 2 else np.log(shares[1:] / shares[:1])
    hit = (y[:, None] == np.arange(classes)) if classes > 2 else y[:, None]
    residual = hit - (shares if classes > 2 else shares[1])
    curve = shares * (1 - shares) if classes > 2 else shares[1:] * shares[:1]
    for side in (0.0, 1.0):
        moved = raw + 0.1 * residual[x[:, 0] == side].mean(axis=0) / curve
        wanted = np.exp(moved) / np.exp(moved).sum() if classes > 2 else 1 / (1 + np.exp(-moved))
        assert model.predict(np.array([[side]], np.float32))[0] == pytest.approx(wanted, abs=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
def test_first_order_steps_learn_an_interaction_as_newton_steps_do(classes: int) -> None:
    (x, y), (x_out, y_out), (new, truth) = (noisy(classes, n, s) for s, n in enumerate((1500, 400, 2000)))
    gain = gain_of("log_loss", "binary" if classes == 2 else "multiclass")
    params = {**STUMP, "learning_rate": 0.05, "num_leaves": 15, "min_child_samples": 5, "lambda_l2": 1.0}
    found = {
        newton: gain(truth, boosted(x, y, x_out, y_out, {**params, "newton": newton}, classes=classes).predict(new))
        for newton in (True, False)
    }
    assert found[False] > -0.9 * np.log(classes)
    assert found[False] > found[True] - 0.05
