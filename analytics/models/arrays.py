"""Tables from what programs hold (Arrow, pandas, polars, rows, columns), as plain arrays by column name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.models.schema import EXACT, WrongInput

Arrays = dict[str, npt.NDArray[Any]]
_FEW = 64
_PLAIN = frozenset({str, int, float, bool, type(None)})


def _from_rows(rows: Sequence[Mapping[Any, Any]]) -> Arrays:
    names = dict.fromkeys(name for row in rows for name in row)
    return {str(name): _own(str(name), [row.get(name) for row in rows]) for name in names}


def from_arrow(table: pa.Table) -> Arrays:
    """Numbers as float64 with NaN, times as datetime64, booleans and all else as objects with None.

    Whole numbers that float64 does not tell apart are text."""
    twice = [name for name, times in Counter(table.column_names).items() if times > 1]
    if twice:
        raise WrongInput(twice[0], "is there twice: give every column a name of its own")
    return {name: array_of(table.column(name)) for name in table.column_names}


def array_of(column: Any) -> npt.NDArray[Any]:
    """An Arrow column."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)
        if pa.types.is_integer(kind) and (np.abs(numbers) >= EXACT).any():
            return array_of(column.cast(pa.string()))
        return numbers
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return np.asarray(column.cast(pa.timestamp("us"), safe=False).to_numpy(), "datetime64[us]")
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(kind) and not column.null_count:
        return np.asarray(column.to_numpy(), np.bool_)
    return np.array([*column.to_pylist(), None], dtype=object)[:-1]


def arrays_of(data: Any) -> Arrays:
    """A pyarrow table, a pandas or polars frame, rows as dicts, or columns by name; else ``WrongInput``."""
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
        "", f"a table is wanted (Arrow, pandas, dict of columns, list of dicts), got {type(data).__name__}"
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
        return array_of(pa.chunked_array([pa.Array.from_pandas(values)]))
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        mixed = np.empty(len(values), object)
        mixed[:] = [
            None if v is None or v != v else v if isinstance(v, (str, int, float, bool)) else str(v) for v in values
        ]
        return mixed
    except (TypeError, ValueError) as error:
        raise WrongInput(name, f"cannot be read: {error}") from None
