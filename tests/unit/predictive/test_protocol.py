"""What a registry and a server may ask of any predictive model: one case, many cases, intervals, reasons, bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.ensemble import RandomForestClassifier

from analytics.models.blob import from_bytes, sha256, to_bytes
from analytics.models.conformal import PredictionSets
from analytics.models.encoding import fit_tree_encoding
from analytics.models.ensemble import Ensemble, Member
from analytics.models.freeze import freeze
from analytics.models.schema import Column, Feature, Schema, WrongInput
from analytics.models.table import TableModel
from analytics.predictive import Evidence, Label, TablePredictor

ROWS: list[dict[str, Any]] = [
    {"user.age": 30.0, "user.plan": "pro"},
    {"user.age": None, "user.plan": "never seen"},
    {"user.age": float("inf"), "user.plan": None, "user.extra": "not looked at"},
]


def predictor() -> TablePredictor:
    rng = np.random.default_rng(0)
    columns = {"user.age": rng.normal(40, 9, 300), "user.plan": rng.choice(["free", "pro"], 300).astype(object)}
    schema = Schema([Column("user.age", "number"), Column("user.plan", "category", levels=["free", "pro"])])
    x = schema.matrix(columns)
    y = (x[:, 0] + 20 * x[:, 1] + rng.normal(0, 5, 300) > 50).astype(np.float64)
    features = [Feature("user.age", "user.age", "number"), Feature("user.plan", "user.plan", "category", 2)]
    trees, seen = fit_tree_encoding(x, y, features, np.arange(2), classes=2, seed=0)
    forest = freeze(RandomForestClassifier(9, min_samples_leaf=9, random_state=0).fit(seen, y.astype(int)), 2, 2)
    model = TableModel("binary", "stays", ["no", "yes"], schema, Ensemble([trees], [Member(0, forest, 1.0)]), x[:20])
    p = model.on_matrix(x)
    model.sets = PredictionSets().fit(p, y.astype(np.int64))
    return TablePredictor(
        "stays", Label("stays", "whether a user stays", "auc", 30.0), model, Evidence(importance={"user.age": 0.2}),
        {"user.age": [10.0, 70.0]},
    )  # fmt: skip


def test_one_case_is_answered_by_a_mapping_and_many_by_a_table_with_the_same_values() -> None:
    model = predictor()
    one = model.predict(ROWS[0])
    many = model.predict(ROWS)
    assert one["prediction"] in ("yes", "no")
    assert one["probability_yes"] + one["probability_no"] == pytest.approx(1.0)
    assert isinstance(many, pa.Table)
    assert many.num_rows == 3
    assert many.slice(0, 1).to_pylist()[0]["probability_yes"] == one["probability_yes"]
    as_table = model.predict(pa.Table.from_pylist([{"user.age": 30.0, "user.plan": "pro"}]))
    assert as_table.to_pylist()[0]["probability_yes"] == one["probability_yes"]


def test_reasons_add_up_to_the_prediction_and_without_a_case_are_the_global_ones() -> None:
    model = predictor()
    assert model.get_feature_importance() == {"user.age": 0.2}
    why = model.get_feature_importance(ROWS[0])
    assert set(why) == {"user.age", "user.plan"}
    base = float(model.model.on_matrix(model.model.background)[:, 1].mean())
    assert base + sum(why.values()) == pytest.approx(model.predict(ROWS[0])["probability_yes"])


def test_what_does_not_fit_names_its_column() -> None:
    model = predictor()
    with pytest.raises(WrongInput, match=r"column 'user\.plan': is missing"):
        model.predict({"user.age": 30.0})
    with pytest.raises(WrongInput, match=r"column 'user\.age': row 1: 'old' is not a number"):
        model.predict({"user.age": "old", "user.plan": "pro"})
    with pytest.raises(WrongInput, match=r"column 'user\.age': is a dict"):
        model.predict({"user.age": {}, "user.plan": "pro"})
    with pytest.raises(WrongInput, match="no row"):
        model.predict([])
    with pytest.raises(WrongInput, match="level must be between 0 and 1"):
        model.predict(ROWS[0], level=90)


def test_inputs_say_what_was_observed() -> None:
    age, plan = predictor().inputs
    assert (age.name, age.kind, age.low, age.high) == ("user.age", "number", 10.0, 70.0)
    assert (plan.kind, plan.levels) == ("category", ["free", "pro"])


def test_it_comes_back_from_bytes_and_answers_the_same() -> None:
    model = predictor()
    data = to_bytes(model)
    again = from_bytes(data, sha256(data))
    assert again.predict(ROWS).equals(model.predict(ROWS))
    assert again.label == model.label
