"""Tables from files and from what notebooks hold, as plain arrays by column name.

Types are decided once, where a model is trained; a model's schema then says how each column of other rows is read.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.models.schema import EXACT, Column, Schema, WrongInput
from events.errors import Rejected
from files.cells import asked, timed
from files.tables import Read, read

Arrays = dict[str, npt.NDArray[Any]]
_FEW = 64
_PLAIN = frozenset({str, int, float, bool, type(None)})


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
    return {name: _array(_as_kind(found.written.column(name), c)) for name, c in present.items()}


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


def _from_rows(rows: Sequence[Mapping[Any, Any]]) -> Arrays:
    names = dict.fromkeys(name for row in rows for name in row)
    return {str(name): _own(str(name), [row.get(name) for row in rows]) for name in names}


def from_arrow(table: pa.Table) -> Arrays:
    """Numbers as float64 with NaN, times as datetime64, booleans and all else as objects with None.

    Whole numbers that float64 does not tell apart are text."""
    twice = [name for name, times in Counter(table.column_names).items() if times > 1]
    if twice:
        raise WrongInput(twice[0], "is there twice: give every column a name of its own")
    return {name: _array(table.column(name)) for name in table.column_names}


def _array(column: Any) -> npt.NDArray[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)
        if pa.types.is_integer(kind) and (np.abs(numbers) >= EXACT).any():
            return _array(column.cast(pa.string()))
        return numbers
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return np.asarray(column.cast(pa.timestamp("us"), safe=False).to_numpy(), "datetime64[us]")
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(kind) and not column.null_count:
        return np.asarray(column.to_numpy(), np.bool_)
    return np.array([*column.to_pylist(), None], dtype=object)[:-1]


def as_columns(data: Any, *, as_written: Collection[str] = ()) -> Arrays:
    """A file (see ``read_columns``), a pyarrow table, a pandas or polars frame, rows as dicts, or columns by name."""
    if isinstance(data, (str, Path)):
        return read_columns(Path(data), as_written=as_written)
    if isinstance(data, pa.Table):
        return from_arrow(data)
    if hasattr(data, "to_arrow"):
        return from_arrow(data.to_arrow())
    if hasattr(data, "iloc"):
        names = [str(name) for name in data.columns]
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise WrongInput(twice[0], "is there twice: give every column a name of its own")
        few = _few_rows(data, names) if len(data) <= _FEW else None
        return few or {name: _own(name, data.iloc[:, i]) for i, name in enumerate(names)}
    if isinstance(data, Mapping):
        found = {str(name): _own(str(name), values) for name, values in cast(Mapping[Any, Any], data).items()}
        if len({len(values) for values in found.values()}) > 1:
            raise WrongInput("", "columns are not equally long")
        return found
    if isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in cast(Sequence[Any], data)):
        return _from_rows(cast(Sequence[Mapping[Any, Any]], data))
    raise WrongInput(
        "", f"a table is wanted (file, Arrow, pandas, dict of columns, list of dicts), got {type(data).__name__}"
    )


def _few_rows(frame: Any, names: Sequence[str]) -> Arrays | None:
    """A short frame's columns by one conversion, since a row's latency is that of the calls; None for unusual types."""
    kinds = [dtype.kind if isinstance(dtype, np.dtype) else "" for dtype in frame.dtypes]
    if not set(kinds) <= set("iufbO"):
        return None
    cells = frame.to_numpy(object)
    found: Arrays = {}
    for j, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        values = cells[:, j]
        if kind == "O":
            plain = [None if v is None or v != v else v for v in values.tolist() if type(v) in _PLAIN]
            if len(plain) < len(values):
                return None
            values = np.array([*plain, None], dtype=object)[:-1]
        elif kind in "iu" and any(abs(value) >= EXACT for value in values.tolist()):
            return None
        found[name] = values if kind == "O" else values.astype(np.bool_ if kind == "b" else np.float64)
    return found


def _own(name: str, values: Any) -> npt.NDArray[Any]:
    try:
        return _array(pa.chunked_array([pa.Array.from_pandas(values)]))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        mixed = np.empty(len(values), object)
        mixed[:] = [
            None if v is None or v != v else v if isinstance(v, (str, int, float, bool)) else str(v) for v in values
        ]
        return mixed
    except (TypeError, ValueError) as error:
        raise WrongInput(name, f"cannot be read: {error}") from None


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
