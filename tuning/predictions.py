"""A stored model's predictions for a table, as columns to write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.models.arrays import Arrays
from analytics.models.blob import from_bytes
from analytics.models.schema import WrongInput
from analytics.models.table import TableModel
from files.tables import Read
from tuning.data.tables import read_for, rows_of
from tuning.pipeline import MODEL_FILE, RESULT_FILE
from tuning.report import read_report


def load_model(folder: Path) -> TableModel:
    """The model of a folder that ``hindcast automl`` wrote; its hash must be the recorded one."""
    report = read_report(folder / RESULT_FILE)
    if report.artifact is None:
        raise ValueError(f"{folder / RESULT_FILE} names no model")
    try:
        data = (folder / MODEL_FILE).read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read {folder / MODEL_FILE}: {error.strerror}") from None
    model = from_bytes(data, report.artifact.sha256)
    if not isinstance(model, TableModel):
        raise ValueError(f"{folder / MODEL_FILE} holds a {type(model).__name__}, not a model of a table")
    return model


def predictions(
    model: TableModel, columns: Arrays, *, interval: float | None = None, explain: bool = False
) -> dict[str, npt.NDArray[Any] | list[Any]]:
    """Columns in the rows' order: ``prediction``, then ``probability_<class>`` or ``lo-90, hi-90``, ``set-90`` of classes.

    ``explain`` adds ``why_<column>``, its share in the prediction: of two classes in the second one's probability, of
    more in the predicted one's.
    """
    if columns and not rows_of(columns):
        raise WrongInput("", "the table has no rows")
    found = model.predict(columns)
    table: dict[str, Any] = {}
    if model.problem == "regression":
        table["prediction"] = found
        if interval is not None:
            low, high = model.interval(columns, interval / 100)
            table[f"lo-{interval:g}"], table[f"hi-{interval:g}"] = low, high
    else:
        table["prediction"] = model.labels(found)
        for k, name in enumerate(model.classes):
            table[f"probability_{name}"] = found[:, k]
        if interval is not None:
            inside = model.class_sets(columns, interval / 100)
            table[f"set-{interval:g}"] = [
                "|".join(c for c, i in zip(model.classes, row, strict=True) if i) for row in inside
            ]
    if explain:
        why = model.explain(columns)
        values = why.values if why.values.ndim == 2 else why.values[np.arange(len(found)), :, found.argmax(axis=1)]
        for c, name in enumerate(why.names):
            table[f"why_{name}"] = values[:, c]
    return table


def answered(
    model: TableModel, found: Read, *, ids: Sequence[str] = (), interval: float | None = None, explain: bool = False
) -> pa.Table:
    """``predictions`` for the rows of a file, each column read as the model's schema says.

    Before them come the columns ``ids`` as the file has them. Raises ``WrongInput`` for an id that is
    not there, or is named like a prediction."""
    for name in ids:
        if name not in found.written.column_names:
            raise WrongInput(name, f"the id is not in the file; it has {', '.join(found.written.column_names[:12])}")
    table = predictions(model, read_for(model.schema, found), interval=interval, explain=explain)
    twice = next((name for name in ids if name in table), None)
    if twice is not None:
        raise WrongInput(twice, "is the name of a column of the predictions, too: rename the id in the file")
    carried = {name: found.written.column(name) for name in dict.fromkeys(ids)}
    return pa.table(carried | {name: pa.array(values) for name, values in table.items()})
