"""Frozen members answer as the library's estimator did; schema and views never break a row."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier

from analytics.models.encoding import fit_linear_encoding, fit_tree_encoding
from analytics.models.freeze import freeze
from analytics.models.members import Neighbours, Wrapped
from analytics.models.schema import Column, Feature, Schema, WrongInput, date_parts
from analytics.models.trees import TreeEnsemble
from tests.examples import up_to

CLASSIFIERS: list[Any] = [
    LGBMClassifier(n_estimators=12, verbose=-1, num_threads=1, min_child_samples=3),
    RandomForestClassifier(8, random_state=0),
    ExtraTreesClassifier(8, random_state=0, max_leaf_nodes=20),
    HistGradientBoostingClassifier(max_iter=8),
]
REGRESSORS: list[Any] = [
    LGBMRegressor(n_estimators=12, verbose=-1, num_threads=1),
    RandomForestRegressor(8, random_state=0),
    ExtraTreesRegressor(8, random_state=0),
    HistGradientBoostingRegressor(max_iter=8),
]


def table(seed: int, missing: float = 0.1) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(400, 5)).astype(np.float32)
    x[:, 2] = rng.integers(0, 4, 400)
    x[rng.random(x.shape) < missing] = np.nan
    return x, np.nan_to_num(x[:, 0]) + np.nan_to_num(x[:, 1]) * np.nan_to_num(x[:, 2])


def answers(estimator: Any, classes: int, x: Any) -> Any:
    if not classes:
        return estimator.predict(x).reshape(-1, 1)
    found = estimator.predict_proba(x)
    return found[:, 1:] if classes == 2 else found


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=lambda e: type(e).__name__)
def test_a_frozen_classifier_answers_as_it_did_also_where_values_are_missing(estimator: Any, classes: int) -> None:
    x, z = table(classes)
    y = np.digitize(z, np.quantile(z, np.linspace(0, 1, classes + 1)[1:-1]))
    fitted = estimator.fit(x, y)
    frozen = freeze(fitted, classes, 5)
    assert isinstance(frozen, TreeEnsemble)
    new, _ = table(99, missing=0.3)
    assert np.allclose(frozen.predict(new), answers(fitted, classes, new), atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_booster_that_splits_sets_of_levels_answers_as_it_did_also_for_levels_it_never_saw(classes: int) -> None:
    rng = np.random.default_rng(classes)
    x = rng.normal(size=(3000, 3)).astype(np.float32)
    x[:, 2] = rng.integers(0, 24, 3000)
    z = x[:, 0] + 2.0 * np.isin(x[:, 2], [0, 3, 5, 11, 17, 23]) * np.sign(x[:, 1])
    y = np.digitize(z, np.quantile(z, np.linspace(0, 1, classes + 1)[1:-1]))
    model = LGBMClassifier(n_estimators=20, verbose=-1, num_threads=1, min_data_per_group=5)
    frozen = freeze(model.fit(x, y, categorical_feature=[2]), classes, 3)
    assert isinstance(frozen, TreeEnsemble)
    assert frozen.levels.any()
    new = rng.normal(size=(2000, 3)).astype(np.float32)
    new[:, 2] = rng.integers(0, 40, 2000)
    assert np.allclose(frozen.predict(new), answers(model, classes, new), atol=1e-6)


def test_a_booster_that_splits_more_levels_than_a_node_can_hold_is_refused() -> None:
    rng = np.random.default_rng(0)
    x = rng.integers(0, 60, (3000, 1)).astype(np.float32)
    model = LGBMClassifier(n_estimators=3, verbose=-1, min_data_per_group=1)
    with pytest.raises(ValueError, match="more than 32"):
        freeze(model.fit(x, (x[:, 0] % 7 < 3).astype(int), categorical_feature=[0]), 2, 1)


@pytest.mark.parametrize("estimator", REGRESSORS, ids=lambda e: type(e).__name__)
def test_a_frozen_regressor_answers_as_it_did(estimator: Any) -> None:
    x, z = table(1)
    fitted = estimator.fit(x, 100.0 + 10.0 * z)
    new, _ = table(98, missing=0.3)
    assert np.allclose(freeze(fitted, 0, 5).predict(new), answers(fitted, 0, new), rtol=1e-5)


def test_a_booster_that_never_saw_a_missing_value_takes_it_for_zero_as_lightgbm_does() -> None:
    x, z = table(3, missing=0.0)
    fitted = LGBMRegressor(n_estimators=10, verbose=-1, num_threads=1).fit(x, z)
    new, _ = table(97, missing=0.5)
    assert np.allclose(freeze(fitted, 0, 5).predict(new), fitted.predict(new).reshape(-1, 1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("estimator", [LogisticRegression(), MLPClassifier((8,), max_iter=30, random_state=0, tol=1.0)])
def test_frozen_linear_models_and_networks_answer_as_they_did(estimator: Any, classes: int) -> None:
    x, z = table(4, missing=0.0)
    y = np.digitize(z, np.quantile(z, np.linspace(0, 1, classes + 1)[1:-1]))
    fitted = estimator.fit(x, y)
    assert np.allclose(freeze(fitted, classes, 5).predict(x), answers(fitted, classes, x), atol=1e-6)


def test_ridge_is_frozen_and_anything_else_is_kept_as_it_is() -> None:
    from sklearn.naive_bayes import GaussianNB

    x, z = table(5, missing=0.0)
    ridge = Ridge().fit(x, z)
    assert np.allclose(freeze(ridge, 0, 5).predict(x)[:, 0], ridge.predict(x), atol=1e-5)
    bayes = GaussianNB().fit(x, z > 0)
    kept = freeze(bayes, 2, 5)
    assert isinstance(kept, Wrapped)
    assert np.allclose(kept.predict(x)[:, 0], bayes.predict_proba(x)[:, 1])


def test_a_row_is_its_own_nearest_neighbour() -> None:
    x, z = table(6, missing=0.0)
    member = Neighbours(x, z[:, None], 1)
    assert np.allclose(member.predict(x)[:, 0], z, atol=1e-3)


@settings(max_examples=up_to(40), deadline=None)
@given(st.data())
def test_a_forged_forest_is_refused_before_the_kernel_walks_it(data: st.DataObject) -> None:
    x, z = table(7)
    good = freeze(RandomForestRegressor(2, max_depth=3, random_state=0).fit(x, z), 0, 5)
    assert isinstance(good, TreeEnsemble)
    state = {name: np.copy(v) if isinstance(v, np.ndarray) else v for name, v in good.__dict__.items()}
    inner = np.flatnonzero(state["feature"] >= 0)
    at = data.draw(st.sampled_from(inner.tolist()))
    name, wrong = data.draw(
        st.sampled_from([("right", 10**6), ("right", -1), ("right", 0), ("feature", 5), ("feature", 10**6)])
    )
    state[name][at] = wrong
    with pytest.raises(ValueError, match="not a forest"):
        TreeEnsemble.__new__(TreeEnsemble).__setstate__(state)


SCHEMA = Schema(
    [
        Column("n", "number"),
        Column("c", "category", levels=["a", "b"]),
        Column("b", "boolean", levels=["true", "false"]),
        Column("d", "date"),
        Column("t", "text"),
        Column("id", "number", dropped="identifier"),
    ]
)


def columns(**more: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "n": np.array([1.5, np.nan]),
        "c": np.array(["a", None], object),
        "b": np.array([True, False]),
        "d": np.array(["2024-02-29T13:00", "NaT"], "datetime64[us]"),
        "t": np.array(["good good day", None], object),
    }
    return base | more


def test_values_become_a_matrix_and_dropped_and_extra_columns_do_not_matter() -> None:
    x = SCHEMA.matrix(columns(extra=np.array([1, 2])))
    names = [f.name for f in SCHEMA.features()]
    assert x.shape == (2, len(names))
    row = dict(zip(names, x[0].tolist(), strict=True))
    assert (row["n"], row["c"], row["b"]) == (1.5, 0.0, 0.0)
    assert (row["d (year)"], row["d (month)"], row["d (weekday)"], row["d (hour)"]) == (2024, 2, 3, 13)
    assert row["t (words)"] == 3.0
    missing = dict(zip(names, x[1].tolist(), strict=True))
    assert np.isnan(missing["n"])
    assert missing["c"] == 3.0
    assert np.isnan(missing["d (year)"])


def test_a_level_never_seen_is_not_a_missing_one_and_not_an_error() -> None:
    x = SCHEMA.matrix(columns(c=np.array(["z", "b"], object)))
    assert x[:, 1].tolist() == [2.0, 1.0]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("n", np.array(["3", "three"], object), "row 2: 'three' is not a number"),
        ("n", np.array(["2024-01-01"] * 2, "datetime64[us]"), "holds times"),
        ("b", np.array(["yes", "maybe"], object), "row 2: 'maybe' is not true or false"),
        ("d", np.array(["2024-01-01", "soon"], object), "row 2: 'soon' is not an ISO date"),
        ("d", np.array([1.0, 2.0]), "holds numbers"),
        ("n", np.array([1.0]), "not equally long"),
    ],
)
def test_what_does_not_fit_is_named_with_its_column_and_row(name: str, values: Any, said: str) -> None:
    with pytest.raises(WrongInput, match=said) as caught:
        SCHEMA.matrix(columns(**{name: values}))
    assert caught.value.column in (name, "")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(WrongInput, match="column 'c': is missing"):
        SCHEMA.matrix({name: values for name, values in columns().items() if name != "c"})


def test_numbers_as_text_and_blanks_and_infinity_are_read() -> None:
    x = SCHEMA.matrix(columns(n=np.array([" 2.5", ""], object)))
    assert x[0, 0] == 2.5
    assert np.isnan(x[1, 0])
    assert np.isnan(SCHEMA.matrix(columns(n=np.array([np.inf, 1.0])))[0, 0])


@given(st.datetimes(dt.datetime(1950, 1, 1), dt.datetime(2150, 1, 1)))
def test_date_parts_are_the_calendars(moment: Any) -> None:
    day, year, month, weekday, hour = date_parts(np.array([moment], "datetime64[us]"))[0].tolist()
    assert (year, month, weekday, hour) == (moment.year, moment.month, moment.weekday(), moment.hour)
    assert abs(day - (moment - dt.datetime(1970, 1, 1)).total_seconds() / 86400) < 0.01


FEATURES = (
    Feature("n", "n", "number"),
    Feature("low", "low", "category", 3),
    Feature("high", "high", "category", 60),
)


def mixed(seed: int, rows: int = 300) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=rows), rng.integers(0, 5, rows), rng.integers(0, 62, rows)])
    x[rng.random(rows) < 0.1, 0] = np.nan
    return x.astype(np.float32), rng.integers(0, 2, rows).astype(np.float64)


@pytest.mark.parametrize("fit_view", [fit_tree_encoding, fit_linear_encoding])
def test_training_rows_never_see_their_own_target_in_a_high_category(fit_view: Any) -> None:
    """Noise: mean targets that each row had a part in would predict it."""
    x, y = mixed(0)
    keep = np.array([2])
    view, seen = fit_view(x, y, FEATURES, keep, classes=2, seed=0)
    own = view.transform(x)
    assert abs(np.corrcoef(own[:, -1], y)[0, 1]) > 0.3
    assert abs(np.corrcoef(seen[:, -1], y)[0, 1]) < 0.2


@pytest.mark.parametrize("fit_view", [fit_tree_encoding, fit_linear_encoding])
@given(seed=st.integers(0, 20))
@settings(max_examples=10, deadline=None)
def test_a_row_is_shown_alike_alone_and_among_others_and_always_finite_or_missing(fit_view: Any, seed: int) -> None:
    x, y = mixed(seed)
    view, _ = fit_view(x, y, FEATURES, np.arange(3), classes=2, seed=0)
    new, _ = mixed(seed + 100)
    whole = view.transform(new)
    assert np.array_equal(view.transform(new[7:8]), whole[7:8], equal_nan=True)
    assert not np.isinf(whole).any()
    if fit_view is fit_linear_encoding:
        assert np.isfinite(whole).all()
        assert np.abs(whole[:, 0]).max() <= 8.0
