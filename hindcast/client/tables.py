"""Query results as lists of objects, Arrow tables and pandas frames."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from events.errors import Rejected
from hindcast.client.answers import Result

if TYPE_CHECKING:
    import pyarrow as pa

Form = Literal["rows", "arrow", "pandas"]


def as_objects(result: Result, *, warn: bool = False) -> list[dict[str, Any]]:
    """An object a row."""
    _warn(result, warn)
    names = [column["name"] for column in result["columns"]]
    return [dict(zip(names, row, strict=True)) for row in result["rows"]]


def as_arrow(result: Result, *, warn: bool = False) -> pa.Table:
    """An Arrow table with the column types that the server named; nested ones are inferred from the values."""
    import pyarrow as pa

    _warn(result, warn)
    columns = list(zip(*result["rows"], strict=True)) or [()] * len(result["columns"])
    arrays = [_array(list(values), c["type"]) for c, values in zip(result["columns"], columns, strict=True)]
    return pa.Table.from_arrays(arrays, names=[column["name"] for column in result["columns"]])


def _array(values: list[Any], type_: str) -> pa.Array:
    import pyarrow as pa

    known = {
        "BOOLEAN": pa.bool_(),
        "TINYINT": pa.int8(),
        "SMALLINT": pa.int16(),
        "INTEGER": pa.int32(),
        "BIGINT": pa.int64(),
        "FLOAT": pa.float32(),
        "DOUBLE": pa.float64(),
        "VARCHAR": pa.string(),
        "DATE": pa.date32(),
        "TIMESTAMP": pa.timestamp("us"),
        "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
        "HUGEINT": pa.decimal128(38, 0),
    }.get(type_)
    if type_.startswith("DECIMAL"):
        precision, scale = type_[len("DECIMAL(") : -1].split(",")
        known = pa.decimal128(int(precision), int(scale))
    if known is None:
        return pa.array(values)
    if pa.types.is_temporal(known) or pa.types.is_decimal(known):
        return pa.array([None if v is None else str(v) for v in values], pa.string()).cast(known)
    return pa.array(values, known)


def as_pandas(result: Result, *, warn: bool = False) -> Any:
    """A pandas frame. Raises ``Rejected`` where pandas is not installed."""
    try:
        import pandas  # noqa: F401 # pyright: ignore
    except ImportError:
        raise Rejected("form", "pandas is not installed; `pip install pandas`, or ask for rows or arrow") from None
    return as_arrow(result, warn=warn).to_pandas()


def _warn(result: Result, warn: bool) -> None:
    if warn and result["truncated"]:
        n = len(result["rows"])
        warnings.warn(
            f"the answer was cut after {n} rows; aggregate in SQL, or page by time", RuntimeWarning, stacklevel=4
        )


SHAPES: dict[Form, Callable[..., Any]] = {"rows": as_objects, "arrow": as_arrow, "pandas": as_pandas}
