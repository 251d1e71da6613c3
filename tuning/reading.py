"""Tables from files and from what notebooks hold, as plain arrays by column name."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import json
import warnings
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.models.schema import WrongInput

Arrays = dict[str, npt.NDArray[Any]]
_BLOCKS = (1 << 25, 1 << 30)
"""Columns are typed by the first block; where a later one does not agree, all of the file is one."""
_FEW = 64
_PLAIN = frozenset({str, int, float, bool, type(None)})


def read_columns(path: Path) -> Arrays:
    """CSV (comma, semicolon, tab or bar), NDJSON, a JSON list of rows, or Parquet, also gzipped. Raises ``WrongInput`` that
    says why not."""
    name = path.name.lower().removesuffix(".gz")
    try:
        if not path.stat().st_size:
            raise WrongInput("", f"{path} is empty")
        if name.endswith((".parquet", ".pq")):
            import pyarrow.parquet as pq

            return from_arrow(pq.read_table(path))
        if name.endswith((".xlsx", ".xls", ".ods")):
            raise WrongInput("", f"{path} is a spreadsheet: save the sheet as CSV first")
        if name.endswith((".ndjson", ".jsonl", ".json")):
            return _from_rows(_listed(path)) if _is_list(path) else from_arrow(_json(path))
        return from_arrow(_csv(path))
    except OSError as error:
        raise WrongInput("", f"cannot read {path}: {error.strerror or error}") from None
    except (pa.ArrowInvalid, EOFError) as error:
        raise WrongInput("", f"cannot read {path}: {str(error).splitlines()[0][:300]}") from None


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        yield gzip.GzipFile(fileobj=raw) if packed else raw


def _json(path: Path) -> pa.Table:
    from pyarrow import json as arrow_json

    for block in _BLOCKS:
        try:
            with _opened(path) as file:
                return arrow_json.read_json(file, read_options=arrow_json.ReadOptions(block_size=block))
        except pa.ArrowInvalid:
            if block == _BLOCKS[-1]:
                raise
    raise AssertionError


def _is_list(path: Path) -> bool:
    with _opened(path) as file:
        return file.read(1024).removeprefix(codecs.BOM_UTF8).lstrip()[:1] == b"["


def _listed(path: Path) -> list[dict[str, Any]]:
    with _opened(path) as file:
        try:
            rows = json.load(file)
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise WrongInput("", f"cannot read {path}: {error}") from None
    odd = next((i for i, row in enumerate(rows) if not isinstance(row, dict)), None)
    if odd is not None or not rows:
        said = "the list is empty" if odd is None else f"entry {odd + 1} of the list is no object with columns by name"
        raise WrongInput("", f"cannot read {path}: {said}")
    return rows


def _csv(path: Path) -> pa.Table:
    """UTF-16 with its mark, UTF-8, else, with a warning, Latin-1, in which no byte is invalid: old exports are such."""
    with _opened(path) as file:
        start = file.readline(1 << 20)
    encoding = "utf-16" if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf8"
    header = start.decode(encoding, "replace").removeprefix("\ufeff")
    delimiter = max(",;\t|", key=header.count)
    tries = [("latin-1" if encoding == "utf8" and "\ufffd" in header else encoding, block) for block in _BLOCKS]
    error: pa.ArrowInvalid | None = None
    while tries:
        encoding, block = tries.pop(0)
        try:
            table = _parsed(path, encoding, delimiter, block)
            if not any(pa.types.is_binary(kind) for kind in table.schema.types):  # what Arrow makes of invalid UTF-8
                if encoding == "latin-1":
                    said = f"{path} is not UTF-8 and is read as Latin-1; where letters look wrong, convert it to UTF-8"
                    warnings.warn(said, stacklevel=5)
                return table
            tries = [("latin-1", size) for size in _BLOCKS]
        except pa.ArrowInvalid as found:
            error = found
            if "UTF8" in str(found) and encoding == "utf8":
                tries = [("latin-1", size) for size in _BLOCKS]
    assert error is not None
    raise error


def _parsed(path: Path, encoding: str, delimiter: str, block: int) -> pa.Table:
    from pyarrow import csv

    convert = csv.ConvertOptions(true_values=["true", "True", "TRUE"], false_values=["false", "False", "FALSE"])
    with _opened(path) as file:
        return csv.read_csv(
            file,
            read_options=csv.ReadOptions(encoding=encoding, block_size=block),
            parse_options=csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=convert,
        )


def _from_rows(rows: Sequence[Mapping[Any, Any]]) -> Arrays:
    names = dict.fromkeys(name for row in rows for name in row)
    return {str(name): _own(str(name), [row.get(name) for row in rows]) for name in names}


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
