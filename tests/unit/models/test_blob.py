"""Stored models come back bit for bit, and nothing foreign comes in."""

from __future__ import annotations

import io
import json
import os
import zipfile
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier

from analytics.models.blob import Untrusted, from_bytes, sha256, to_bytes
from analytics.models.encoding import fit_linear_encoding, fit_tree_encoding
from analytics.models.ensemble import Calibration, Ensemble, Member
from analytics.models.freeze import freeze
from analytics.models.members import Constant, Wrapped
from analytics.models.schema import Column, Feature, Schema
from analytics.models.table import TableModel


def model() -> tuple[TableModel, dict[str, Any]]:
    rng = np.random.default_rng(0)
    columns = {"a": rng.normal(size=200), "c": rng.choice(["x", "y"], 200).astype(object)}
    schema = Schema([Column("a", "number"), Column("c", "category", levels=["x", "y"])])
    x = schema.matrix(columns)
    y = (x[:, 0] + x[:, 1] > 0.5).astype(np.float64)
    features = [Feature("a", "a", "number"), Feature("c", "c", "category", 2)]
    trees, seen = fit_tree_encoding(x, y, features, np.arange(2), classes=2, seed=0)
    scaled, _ = fit_linear_encoding(x, y, features, np.arange(2), classes=2, seed=0, knots=2)
    forest = freeze(RandomForestClassifier(5, random_state=0).fit(seen, y.astype(int)), 2, seen.shape[1])
    members = [Member(0, forest, 0.7), Member(1, Constant(np.array([0.4])), 0.3)]
    ensemble = Ensemble([trees, scaled], members, Calibration("sigmoid", 1.2, -0.1))
    return TableModel("binary", "y", ["no", "yes"], schema, ensemble, x[:20]), columns


def test_a_model_comes_back_and_answers_bit_for_bit() -> None:
    kept, columns = model()
    data = to_bytes(kept)
    again = from_bytes(data, sha256(data))
    assert np.array_equal(again.predict(columns), kept.predict(columns))
    assert again.labels(again.predict(columns)) == kept.labels(kept.predict(columns))


def test_contributions_sum_to_the_prediction() -> None:
    kept, columns = model()
    few = {name: values[:3] for name, values in columns.items()}
    why = kept.explain(few)
    assert why.names == ("a", "c")
    assert np.allclose(why.base + why.values.sum(axis=1), kept.predict(few)[:, 1])


def test_other_bytes_than_the_recorded_ones_are_refused_unread() -> None:
    data = to_bytes(model()[0])
    with pytest.raises(Untrusted, match="SHA-256"):
        from_bytes(data + b" ", sha256(data))


class Foreign:
    """Somebody's class: reading it back would run its code."""

    def __init__(self) -> None:
        self.x = 1

    def predict(self, x: Any) -> Any:
        return x

    def __setstate__(self, state: Any) -> None:
        os.environ["HINDCAST_OWNED"] = "1"


def test_a_foreign_type_is_neither_written_nor_read() -> None:
    from skops.io import dumps

    with pytest.raises(Untrusted, match="Foreign"):
        to_bytes(Wrapped(Foreign(), 0))
    with pytest.raises(Untrusted, match="Foreign"):
        from_bytes(dumps(Wrapped(Foreign(), 0)))
    assert "HINDCAST_OWNED" not in os.environ


@pytest.mark.parametrize(("module", "name"), [("os", "system"), ("builtins", "eval"), ("subprocess", "Popen")])
def test_an_artifact_that_was_bent_to_call_something_is_refused(module: str, name: str) -> None:
    """The schema of a real artifact, with one type renamed."""
    good = zipfile.ZipFile(io.BytesIO(to_bytes(model()[0])))
    schema = json.loads(good.read("schema.json"))

    def bend(node: Any) -> None:
        if isinstance(node, dict):
            if node.get("__class__") == "Schema":
                node["__class__"], node["__module__"] = name, module
            for child in node.values():
                bend(child)
        elif isinstance(node, list):
            for child in node:
                bend(child)

    bend(schema)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as forged:
        for item in good.namelist():
            forged.writestr(item, json.dumps(schema) if item == "schema.json" else good.read(item))
    with pytest.raises(Untrusted):
        from_bytes(packed.getvalue())


def test_what_is_no_artifact_is_said_to_be_none() -> None:
    for data in (b"", b"PK\x05\x06" + b"\0" * 18, b"\x80\x04K\x01."):
        with pytest.raises(Untrusted):
            from_bytes(data)
