"""Arrow values as JSON knows them.

Times are ISO 8601 in UTC (``Z``), whole decimals (DuckDB's HUGEINT) are integers and others text, NaN and infinities
null, bytes text where they are UTF-8 and ``base64:…`` elsewhere, intervals and the like their text.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import numpy as np
import pyarrow as pa

PIECE_ROWS = 10_000


def as_rows(table: pa.Table) -> list[list[Any]]:
    """A list a row; columns may share a name."""
    if table.num_columns == 0:
        return [[] for _ in range(table.num_rows)]
    return [list(row) for row in zip(*map(_column, table.columns), strict=True)]


def as_objects(table: pa.Table) -> list[dict[str, Any]]:
    """An object a row; of columns with one name the last one wins."""
    names = table.column_names
    return [dict(zip(names, row, strict=True)) for row in zip(*map(_column, table.columns), strict=True)]


def in_pieces(table: pa.Table) -> Iterator[list[list[Any]]]:
    """Like ``as_rows``, but so many rows at a time that the values of a large table are never all there at once."""
    for first in range(0, table.num_rows, PIECE_ROWS):
        yield as_rows(table.slice(first, PIECE_ROWS))


def as_csv(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """CSV with a header, of rows as ``as_rows`` has them; lists and objects are JSON, and null is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([json.dumps(v, ensure_ascii=False) if isinstance(v, (dict, list)) else v for v in row])
    return text.getvalue()


def _column(column: pa.ChunkedArray) -> list[Any]:
    type_ = column.type
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    if pa.types.is_timestamp(type_) and type_.unit == "ns":
        column = column.cast(pa.timestamp("us", tz=type_.tz), safe=False)
    try:
        values = column.to_pylist()
    except (OverflowError, ValueError):  # a time that Python has none for: before the year 1, after 9999, infinity
        return [_far(value) for value in column]
    if pa.types.is_integer(type_) or pa.types.is_string(type_) or pa.types.is_boolean(type_):
        return values
    return [plain(value) for value in values]


def _far(value: pa.Scalar) -> Any:
    """One Arrow value; a time that is too far away for Python as text all the same."""
    if isinstance(value, pa.ListScalar) and value.is_valid:
        return [_far(item) for item in cast(Any, value.values)]
    if isinstance(value, pa.StructScalar) and value.is_valid:
        return {name: _far(item) for name, item in value.items()}
    try:
        return plain(value.as_py())
    except (OverflowError, ValueError):
        return _time_text(value)


def _time_text(value: Any) -> str:
    ticks, day = value.value, pa.types.is_date(value.type)
    if abs(ticks) == (2**31 - 1 if day else 2**63 - 1):  # as DuckDB has them
        return "infinity" if ticks > 0 else "-infinity"
    zone = "" if day or value.type.tz is None else "Z"
    return str(np.datetime64(ticks, "D" if day else value.type.unit)) + zone


def plain(value: object) -> Any:
    """One Python value as JSON has it."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    for kind, convert in _CONVERT:
        if isinstance(value, kind):
            return convert(value)
    return str(value)


def _iso(at: datetime) -> str:
    if at.tzinfo is None:
        return at.isoformat()
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _decimal(value: Decimal) -> int | str:
    return int(value) if value.as_tuple().exponent == 0 else str(value)


def _bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(value).decode()


def _object(value: dict[Any, Any]) -> dict[str, Any]:
    return {str(key): plain(item) for key, item in value.items()}


def _list(value: Iterable[Any]) -> list[Any]:
    return [plain(item) for item in value]


_CONVERT = cast(
    tuple[tuple[type, Callable[[Any], Any]], ...],
    (
        (datetime, _iso),
        (date, date.isoformat),
        (Decimal, _decimal),
        (bytes, _bytes),
        (dict, _object),
        ((list, tuple), _list),
    ),
)
