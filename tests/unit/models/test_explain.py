"""Explanations add up, repeat, and find what matters."""

from __future__ import annotations

import lightgbm
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.models.explain import lightgbm_contributions, permutation_importance, shapley
from tests.examples import up_to


def curved(x: np.ndarray) -> np.ndarray:
    return x[:, 0] * x[:, 1] + np.sin(x[:, 2]) + 2 * x[:, 3]


@settings(max_examples=up_to(25), deadline=None)
@given(rows=st.integers(1, 4), background=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_values_sum_to_prediction_less_base(rows: int, background: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, z = generator.standard_normal((rows, 5)), generator.standard_normal((background, 5))
    found = shapley(curved, x, z, seed=seed)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), curved(x), atol=1e-9)
    np.testing.assert_allclose(found.base, curved(z).mean(), atol=1e-9)
    assert (found.values[:, 4] == 0).all(), "a column that the model does not use contributes nothing"


def test_a_linear_model_has_the_values_that_theory_gives() -> None:
    generator = np.random.default_rng(0)
    weights = np.array([1.0, -2.0, 0.5])
    x, z = generator.standard_normal((6, 3)), generator.standard_normal((30, 3))
    found = shapley(lambda table: table @ weights, x, z)
    np.testing.assert_allclose(found.values, (x - z.mean(axis=0)) * weights, atol=1e-9)


def test_an_interaction_is_shared_equally() -> None:
    found = shapley(lambda table: table[:, 0] * table[:, 1], np.ones((1, 2)), np.zeros((4, 2)))
    np.testing.assert_allclose(found.values, [[0.5, 0.5]])


def test_a_row_has_the_same_values_in_any_batch_and_another_seed_differs_by_its_error() -> None:
    generator = np.random.default_rng(1)
    x, z = generator.standard_normal((5, 5)), generator.standard_normal((40, 5))
    together = shapley(curved, x, z, seed=3)
    np.testing.assert_array_equal(shapley(curved, x[2:3], z, seed=3).values, together.values[2:3])
    other = shapley(curved, x, z, seed=4)
    assert (np.abs(other.values - together.values) <= 6 * (other.error + together.error) + 1e-9).all()


def test_groups_of_columns_move_together_and_frames_keep_their_kinds() -> None:
    frame = pd.DataFrame({"plan": pd.Categorical(["a", "b", "a"]), "age": [20, 30, 40], "pay": [1.0, 2.0, 3.0]})
    seen: list[pd.DataFrame] = []

    def predict(table: pd.DataFrame) -> np.ndarray:
        seen.append(table)
        return np.where(table["plan"] == "a", 1.0, 0.0) + table["age"].to_numpy() * table["pay"].to_numpy()

    found = shapley(predict, frame.iloc[:1], frame, players={"plan": ["plan"], "rest": ["age", "pay"]})
    assert found.names == ("plan", "rest")
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), found.prediction)
    assert isinstance(seen[0]["plan"].dtype, pd.CategoricalDtype)
    assert seen[0]["age"].dtype == np.int64


def test_several_outputs_are_explained_at_once() -> None:
    generator = np.random.default_rng(2)
    x, z = generator.standard_normal((3, 4)), generator.standard_normal((10, 4))
    found = shapley(lambda table: np.column_stack([curved(table), -curved(table)]), x, z)
    assert found.values.shape == (3, 4, 2)
    np.testing.assert_allclose(found.values[:, :, 0], -found.values[:, :, 1])


def test_trees_are_explained_exactly_and_features_go_to_their_columns() -> None:
    generator = np.random.default_rng(3)
    x = generator.standard_normal((400, 4))
    booster = lightgbm.train(
        {"objective": "regression", "verbose": -1, "num_threads": 1}, lightgbm.Dataset(x, curved(x)), 20
    )
    found = lightgbm_contributions(booster, x[:5], np.array([0, 0, 1, 1]), ["left", "right"])
    assert found.values.shape == (5, 2)
    np.testing.assert_allclose(found.base + found.values.sum(axis=1), booster.predict(x[:5]), rtol=1e-9)


def test_importance_finds_the_signal_and_not_the_noise() -> None:
    generator = np.random.default_rng(4)
    frame = pd.DataFrame(generator.standard_normal((500, 3)), columns=["strong", "weak", "noise"])
    truth = 3 * frame["strong"] + frame["weak"]

    def gain(table: pd.DataFrame) -> float:
        return -float(np.mean((3 * table["strong"] + table["weak"] - truth) ** 2))

    found = permutation_importance(gain, frame, repeats=5, seed=1)
    assert [one.feature for one in found] == ["strong", "weak", "noise"]
    assert found[2].mean == 0
    assert found[0].mean == pytest.approx(18, rel=0.15), "twice the variance of the column's part"
    assert found == permutation_importance(gain, frame, repeats=5, seed=1)


def test_a_deadline_costs_repeats_and_no_column() -> None:
    found = permutation_importance(lambda t: float(t[:, 0].sum()), np.eye(4), repeats=9, go_on=lambda: False)
    assert len(found) == 4
    assert {one.repeats for one in found} == {1}
