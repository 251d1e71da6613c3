"""Small stored models, made in milliseconds, that say exactly what they are told to."""

from __future__ import annotations

import numpy as np

from analytics.models.blob import to_bytes
from analytics.models.encoding import fit_linear_encoding
from analytics.models.ensemble import Ensemble, Member
from analytics.models.members import Linear
from analytics.models.schema import Column, Schema
from analytics.models.table import TableModel


def small(slope: float = 1.0) -> TableModel:
    """Whether somebody stays, from ``x`` (higher is likelier, by ``slope``) and ``plan``."""
    schema = Schema([Column("x", "number"), Column("plan", "category", levels=["free", "pro"])])
    rows = {"x": np.linspace(-2, 2, 40), "plan": np.array(["free", "pro"] * 20, object)}
    matrix = schema.matrix(rows)
    features = schema.features()
    every = np.arange(len(features), dtype=np.int64)
    view, seen = fit_linear_encoding(matrix, (rows["x"] > 0).astype(np.float64), features, every, classes=2, seed=1)
    linear = Linear(np.full((seen.shape[1], 1), slope), np.zeros(1), "sigmoid")
    ensemble = Ensemble([view], [Member(0, linear, 1.0)])
    return TableModel("binary", "stays", ["no", "yes"], schema, ensemble, matrix[:5])


def stored(slope: float = 1.0) -> bytes:
    return to_bytes(small(slope))
