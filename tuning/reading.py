"""Tables from files and from what notebooks hold, as plain arrays by column name."""

from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.models.schema import WrongInput

Arrays = dict[str, npt.NDArray[Any]]
_LATIN = "latin-1"


def read_columns(path: Path) -> Arrays:
    """CSV (comma, semicolon or tab), NDJSON or Parquet, also gzipped. Raises ``WrongInput`` that says why not."""
    return from_arrow(_read(path))


def _read(path: Path) -> pa.Table:
    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith((".parquet", ".pq")):
            import pyarrow.parquet as pq

            return pq.read_table(path)
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        if not raw.strip():
            raise WrongInput("", f"{path} is empty")
        if name.endswith((".ndjson", ".jsonl", ".json")):
            return _json(raw)
        return _csv(raw)
    except OSError as error:
        raise WrongInput("", f"cannot read {path}: {error.strerror or error}") from None
    except (pa.ArrowInvalid, EOFError) as error:
        raise WrongInput("", f"cannot read {path}: {str(error).splitlines()[0][:300]}") from None


def _json(raw: bytes) -> pa.Table:
    from pyarrow import json as arrow_json

    options = arrow_json.ReadOptions(block_size=max(1 << 20, min(len(raw) + 1, 1 << 30)))
    return arrow_json.read_json(pa.BufferReader(raw), read_options=options)


def _csv(raw: bytes) -> pa.Table:
    """UTF-8, else Latin-1: bytes that are not UTF-8 come from old exports, and no byte is invalid there."""
    from pyarrow import csv

    raw = raw.removeprefix(b"\xef\xbb\xbf")
    try:
        raw.decode()
        encoding = "utf8"
    except UnicodeDecodeError:
        encoding = _LATIN
    header = raw.split(b"\n", 1)[0]
    delimiter = max(",;\t", key=lambda mark: header.count(mark.encode()))
    convert = csv.ConvertOptions(true_values=["true", "True", "TRUE"], false_values=["false", "False", "FALSE"])
    read = csv.ReadOptions(encoding=encoding, block_size=max(1 << 20, min(len(raw) + 1, 1 << 30)))
    return csv.read_csv(
        pa.BufferReader(raw),
        read_options=read,
        parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        convert_options=convert,
    )


def from_arrow(table: pa.Table) -> Arrays:
    """Numbers as float64 with NaN, times as datetime64, booleans and all else as objects with None."""
    twice = [name for name, times in Counter(table.column_names).items() if times > 1]
    if twice:
        raise WrongInput(twice[0], "is there twice: give every column a name of its own")
    return {name: _array(table.column(name)) for name in table.column_names}


def _array(column: Any) -> npt.NDArray[Any]:
    kind = column.type
    if pa.types.is_dictionary(kind):
        column, kind = column.cast(kind.value_type), kind.value_type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return np.asarray(column.cast(pa.float64(), safe=False).to_numpy(), np.float64)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return np.asarray(column.cast(pa.timestamp("us"), safe=False).to_numpy(), "datetime64[us]")
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(kind) and not column.null_count:
        return np.asarray(column.to_numpy(), np.bool_)
    return np.array([*column.to_pylist(), None], dtype=object)[:-1]


def as_columns(data: Any) -> Arrays:
    """A pyarrow table, a pandas or polars frame, rows as dicts, or columns by name."""
    if isinstance(data, (str, Path)):
        return read_columns(Path(data))
    if isinstance(data, pa.Table):
        return from_arrow(data)
    if hasattr(data, "to_arrow"):
        return from_arrow(data.to_arrow())
    if hasattr(data, "iloc"):
        names = [str(name) for name in data.columns]
        twice = [name for name, times in Counter(names).items() if times > 1]
        if twice:
            raise WrongInput(twice[0], "is there twice: give every column a name of its own")
        return {name: _own(name, data.iloc[:, i]) for i, name in enumerate(names)}
    if isinstance(data, Mapping):
        found = {str(name): _own(str(name), values) for name, values in cast(Mapping[Any, Any], data).items()}
        if len({len(values) for values in found.values()}) > 1:
            raise WrongInput("", "columns are not equally long")
        return found
    if isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in cast(Sequence[Any], data)):
        return from_arrow(pa.Table.from_pylist(cast(list[dict[str, Any]], data)))
    raise WrongInput(
        "", f"a table is wanted (file, Arrow, pandas, dict of columns, list of dicts), got {type(data).__name__}"
    )


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
