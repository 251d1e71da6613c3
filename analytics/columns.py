"""Which columns of a table hold the time, the value and the key."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from analytics.column_values import numeric
from analytics.times import reads_as_times

TIMES = ("time", "timestamp", "datetime", "date", "ds", "ts")
YEARS = ("year",)
"""Names of a time that is a plain number, where nothing else is a time."""
VALUES = ("value", "y")
KEYS = ("key", "unique_id", "series", "series_id", "metric")


class Columns(NamedTuple):
    """The columns of a table that hold a series, or one for each key."""

    time: str
    value: str
    key: str | None


def columns(
    table: pa.Table,
    time: str | None = None,
    value: str | None = None,
    key: str | None = None,
    rows_alone: bool = False,
) -> Columns:
    """Those that are named, and a guess at the others.

    Time: as ``guess_time`` says. Value: a usual name, else the first numeric
    column that is left, or the only one of any kind; where ``rows_alone`` matter, not their values, the time's. Key: a usual
    name, else none. Raises ``ValueError`` for a name that is
    not there, or with nothing to guess.
    """
    for what, name in (("time", time), ("value", value), ("key", key)):
        if name is not None and name not in table.column_names:
            raise ValueError(f"there is no column {name!r} for the {what}; there are {listed(table.column_names)}")
    free = [n for n in table.column_names if n not in (time, value, key)]
    if key is None:
        key = _usual(free, KEYS)
        free = [n for n in free if n != key]
    if time is None:
        time = guess_time(table, free)
        if time is None:
            raise ValueError(f"which column is the time? There are {listed(table.column_names)}: name it (--time)")
        free = [n for n in free if n != time]
    if value is None and rows_alone:
        value = time
    if value is None:
        value = _usual(free, VALUES) or next((n for n in free if numeric(table.schema.field(n).type)), None)
        value = free[0] if value is None and len(free) == 1 else value
        if value is None:
            raise ValueError(
                f"which column is the value? There are {listed(table.column_names)}: name a numeric one (--value)"
            )
    return Columns(time, value, key)


def guess_time(table: pa.Table, free: list[str]) -> str | None:
    """A usual name (``TIMES``), else the first of a time type, else the first that reads as times; None without one."""
    found = _usual(free, TIMES) or next((n for n in free if pa.types.is_temporal(table.schema.field(n).type)), None)
    return found or next((n for n in free if reads_as_times(table[n])), None) or _usual(free, YEARS)


def _usual(names: list[str], usual: tuple[str, ...]) -> str | None:
    lower = {n.lower(): n for n in reversed(names)}
    return next((lower[u] for u in usual if u in lower), None)


def listed(names: list[str]) -> str:
    return ", ".join(map(repr, names)) or "none"
