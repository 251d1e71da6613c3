"""Two small stored models that hold every type a stored model can hold, and what they must answer."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from lightgbm import LGBMRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier

from analytics.models.blob import from_bytes, to_bytes
from analytics.models.conformal import Intervals, PredictionSets
from analytics.models.encoding import fit_linear_encoding, fit_tree_encoding
from analytics.models.ensemble import Calibration, Ensemble, Member
from analytics.models.freeze import freeze, from_hist
from analytics.models.members import Constant, Neighbours, Wrapped
from analytics.models.schema import Column, Schema
from analytics.models.table import Scale, TableModel
from tests.golden import predictive

ROWS = 240
CITIES = [f"city {i}" for i in range(40)]
PLANS = ["free", "pro", "team"]
LEVEL = 0.8


def schema() -> Schema:
    columns = [
        Column("amount", "number"),
        Column("plan", "category", levels=PLANS),
        Column("city", "category", levels=CITIES),
        Column("note", "text", levels=["late", "refund"]),
    ]
    return Schema(columns)


def table(seed: int, rows: int) -> dict[str, list[Any]]:
    """Columns as JSON values, with missing ones and a level that no training row has."""
    rng = np.random.default_rng(seed)
    amount = [None if rng.random() < 0.1 else round(float(v), 3) for v in rng.lognormal(3.0, 1.0, rows)]
    plan = rng.choice([*PLANS, None], rows).tolist()
    city = rng.choice([*CITIES, "elsewhere"], rows).tolist()
    note = rng.choice(["late again", "a refund, late", "", "thanks"], rows).tolist()
    return {"amount": amount, "plan": plan, "city": city, "note": note}


def arrays(columns: dict[str, list[Any]]) -> dict[str, Any]:
    """``table`` as a model takes it."""
    amounts = np.array([np.nan if v is None else v for v in columns["amount"]], np.float64)
    return {"amount": amounts, **{n: np.array(v, object) for n, v in columns.items() if n != "amount"}}


def regression() -> TableModel:
    """Boosted trees, neighbours, a wrapped estimator and a constant; intervals with a local scale."""
    known, x, z, features = _training()
    every = np.arange(len(features))
    y = np.exp(z / 2.0)
    trees, seen = fit_tree_encoding(x, y, features, every, classes=0, seed=1)
    scaled, shown = fit_linear_encoding(x, y, features, every, classes=0, seed=1, knots=3)
    boosted = LGBMRegressor(n_estimators=8, num_threads=1, verbose=-1, min_child_samples=5).fit(seen, y)
    members = [
        Member(0, freeze(boosted, 0, seen.shape[1]), 0.5),
        Member(1, Neighbours(shown, y[:, None], 5), 0.2),
        Member(1, Wrapped(LinearRegression().fit(shown, y), 0), 0.2),
        Member(0, Constant(np.array([float(y.mean())])), 0.1),
    ]
    model = TableModel("regression", "spend", [], known, Ensemble([trees, scaled], members), x[:10], least=0.0)
    intervals = Intervals().fit(x.astype(np.float64), model.on_matrix(x), y, seed=1)
    assert isinstance(intervals.scale, HistGradientBoostingRegressor)
    intervals.scale = Scale(from_hist(intervals.scale, 0, int(intervals.scale.n_features_in_)))
    model.intervals = intervals
    return model


def classification() -> TableModel:
    """Three classes: a forest, a linear model, a network, and one stacked on the first two; calibrated, with sets."""
    known, x, z, features = _training()
    every = np.arange(len(features))
    y = np.digitize(z, np.quantile(z, [0.4, 0.7]))
    trees, seen = fit_tree_encoding(x, y.astype(np.float64), features, every, classes=3, seed=2, native=True)
    scaled, shown = fit_linear_encoding(x, y.astype(np.float64), features, every, classes=3, seed=2)
    forest = freeze(
        RandomForestClassifier(6, random_state=2, max_depth=5).fit(np.nan_to_num(seen), y), 3, seen.shape[1]
    )
    linear = freeze(LogisticRegression().fit(shown, y), 3, shown.shape[1])
    network = freeze(MLPClassifier((6,), max_iter=20, tol=1.0, random_state=2).fit(shown, y), 3, shown.shape[1])
    below = [np.mean([forest.predict(seen), linear.predict(shown)], axis=0, dtype=np.float64)]
    upper = np.concatenate([shown, *below], axis=1, dtype=np.float32)
    stacked = freeze(LogisticRegression().fit(upper, y), 3, upper.shape[1])
    members = [Member(0, forest, 0.4), Member(1, linear, 0.2), Member(1, network, 0.1), Member(1, stacked, 0.3, 0)]
    ensemble = Ensemble([trees, scaled], members, Calibration("temperature", 1.3), below=(((0, 1),),))
    model = TableModel("multiclass", "tier", ["low", "middle", "high"], known, ensemble, x[:10], about={"rows": ROWS})
    model.sets = PredictionSets().fit(model.on_matrix(x), y)
    return model


def _training() -> tuple[Schema, Any, Any, Any]:
    """(schema, matrix, what both targets are made of, features)."""
    known, columns = schema(), table(0, ROWS)
    x = known.matrix(arrays(columns))
    rng = np.random.default_rng(3)
    plan = np.array([PLANS.index(p) if p else 1 for p in columns["plan"]], np.float64)
    return known, x, np.log1p(np.nan_to_num(x[:, 0])) + plan + rng.normal(0.0, 0.3, ROWS), known.features()


def answers(model: Any, columns: dict[str, list[Any]]) -> dict[str, Any]:
    """What the model says of the rows, as JSON values. Predictive models are stored together, and bring their rows."""
    if isinstance(model, dict):
        return predictive.answers(model)
    asked = arrays(columns)
    said: dict[str, Any] = {"predictions": model.predict(asked).tolist()}
    if model.problem == "regression":
        said["intervals"] = [ends.tolist() for ends in model.interval(asked, LEVEL)]
    else:
        said["labels"] = model.labels(model.predict(asked))
        said["sets"] = model.class_sets(asked, LEVEL).tolist()
    return said


def types_in(stored: bytes) -> set[str]:
    """The types that a stored model names, by module and class."""
    found = set[str]()
    waiting: list[Any] = [json.loads(zipfile.ZipFile(io.BytesIO(stored)).read("schema.json"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            found.add(f"{node.get('__module__')}.{node.get('__class__')}")
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return found


def files() -> Iterator[tuple[str, bytes]]:
    """Each stored model, and beside it the rows that it is asked about and what it must say of them."""
    for name, model in (("regression", regression()), ("classification", classification())):
        columns = table(9, 12)
        yield f"models/{name}.v1.skops", to_bytes(model)
        told = {"columns": columns, "answers": answers(model, columns)}
        yield f"models/{name}.v1.json", json.dumps(told, indent=1, ensure_ascii=False).encode() + b"\n"
    made = predictive.stored()
    yield "models/predictive.v1.skops", made
    told = {"columns": {}, "answers": predictive.answers(from_bytes(made))}
    yield "models/predictive.v1.json", json.dumps(told, indent=1, ensure_ascii=False).encode() + b"\n"
