"""A stored model's predictions for a table, as columns to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.models.blob import from_bytes
from analytics.models.schema import WrongInput
from analytics.models.table import TableModel
from tuning.pipeline import MODEL_FILE, RESULT_FILE
from tuning.reading import Arrays, rows_of
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
    if not rows_of(columns):
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


def write_table(table: dict[str, Any], path: Path) -> None:
    """By suffix: ``.parquet``, ``.ndjson`` or ``.jsonl``, else CSV."""
    arrow = pa.table({name: pa.array(values) for name, values in table.items()})
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        import pyarrow.parquet as pq

        pq.write_table(arrow, path)
    elif name.endswith((".ndjson", ".jsonl")):
        import orjson

        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in arrow.to_pylist()))
    else:
        from pyarrow import csv

        csv.write_csv(arrow, path, csv.WriteOptions(quoting_style="needed"))
