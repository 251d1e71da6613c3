"""Tables from files and from what notebooks hold, as plain arrays by column name.

Types are decided once, where a model is trained; a model's schema then says how each column of other rows is read.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.models.arrays import Arrays, array_of, arrays_of, from_arrow
from analytics.models.schema import Column, Schema, WrongInput
from events.errors import Rejected
from files.cells import asked, timed
from files.tables import Read, read


def read_columns(path: Path, *, as_written: Collection[str] = ()) -> Arrays:
    """The columns of CSV, NDJSON, a JSON list of rows, or Parquet, to learn from.

    Text that is numbers, truth values or times in all rows is read as such, but for columns that are wanted ``as_written``.
    Raises ``WrongInput`` that says why a file cannot be read."""
    found = read_file(path)
    names = [name for name in as_written if name in found.written.column_names]
    return from_arrow(found.typed()) | from_arrow(found.written.select(names))


def read_for(schema: Schema, found: Read) -> Arrays:
    """The columns that ``schema`` uses, each read as what the schema says it is, whatever its cells look like in this file.

    What the schema does not tell from numbers or times stays text as written, so no row is read by its neighbours.
    """
    present = {c.name: c for c in schema.used if c.name in found.written.column_names}
    return {name: array_of(_as_kind(found.written.column(name), c)) for name, c in present.items()}


def _as_kind(cells: pa.ChunkedArray, column: Column) -> pa.ChunkedArray:
    """Numbers and times at once where all are plainly spelled; else text, which the column reads cell by cell alike."""
    if column.spelling or not pa.types.is_string(cells.type):
        return cells
    if column.kind == "date":
        return timed(cells)
    read = asked(cells) if column.kind == "number" else cells
    return cells if pa.types.is_string(read.type) else read.cast(pa.float64(), safe=False)


def read_file(path: Path) -> Read:
    """Raises ``WrongInput`` where it cannot be read."""
    try:
        return read(str(path), old=lambda said: warnings.warn(said, stacklevel=5))
    except Rejected as error:
        raise WrongInput("", f"{path}: {error.reason}") from None


def as_columns(data: Any, *, as_written: Collection[str] = ()) -> Arrays:
    """A file (see ``read_columns``), a pyarrow table, a pandas or polars frame, rows as dicts, or columns by name."""
    if isinstance(data, (str, Path)):
        return read_columns(Path(data), as_written=as_written)
    return arrays_of(data)


def rows_of(columns: Arrays) -> int:
    return len(next(iter(columns.values()))) if columns else 0


def take(columns: Arrays, rows: npt.NDArray[Any]) -> Arrays:
    return {name: values[rows] for name, values in columns.items()}


def digest(columns: Arrays) -> str:
    """SHA-256 of names and values."""
    found = hashlib.sha256()
    for name, values in columns.items():
        found.update(name.encode() + b"\0")
        if values.dtype == object:
            found.update("\0".join(map(repr, values.tolist())).encode("utf-8", "replace"))
        else:
            found.update(np.ascontiguousarray(values).tobytes())
    return found.hexdigest()
