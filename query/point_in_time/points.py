"""The rows of a point-in-time table as they are given: keys, moments, labels, and columns that somebody else made.

A column that was made elsewhere may know the future. So each has to say since when its values were known, and is refused
where that is after the moment of its row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyarrow import compute

from events.errors import Rejected
from events.nearest import did_you_mean
from query.as_of import iso
from query.moments import seconds_of
from query.point_in_time.schema import MOST_ROWS, RESERVED, Given

pc: Any = compute  # its functions are made at import, where no type checker sees them
TIME = pa.timestamp("us", tz="UTC")


def points_of_rows(rows: Sequence[Mapping[str, Any]], given: Mapping[str, Given], now_us: int) -> pa.Table:
    """The rows as a table, see ``checked``. Raises ``Rejected`` with row and field."""
    names = list(dict.fromkeys(name for row in rows for name in row)) or ["key", "at"]
    moments = {"at", *(name for said in given.values() for name in (said.known, said.time) if name)}
    columns: dict[str, Any] = {}
    for name in names:
        values = [row.get(name) for row in rows]
        if name in moments:
            columns[name] = pa.array([_time(value, name, n, now_us) for n, value in enumerate(values)], TIME)
        else:
            columns[name] = _values(values, name)
    return checked(pa.table(columns), given, now_us)


def _values(values: list[Any], name: str) -> pa.Array:
    if name == "key":
        values = [str(value) if isinstance(value, (int, float)) else value for value in values]
    try:
        found = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise Rejected(f"rows.{name}", f"must be of one type in all rows ({error})") from None
    if pa.types.is_nested(found.type):
        raise Rejected(f"rows.{name}", "must be a text, a number, true or false, or null; got a list or an object")
    return found


def _time(value: Any, name: str, row: int, now_us: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise Rejected(f"rows.{row}.{name}", f"must be a moment (ISO 8601, or seconds since 1970), got {value!r}")
    return round(seconds_of(str(value), now_us / 1e6, f"rows.{row}.{name}") * 1e6)


def checked(table: pa.Table, given: Mapping[str, Given], now_us: int) -> pa.Table:
    """``key`` (text), ``at`` (us UTC), ``label`` if there is one, and the given columns, without those that say when.

    Raises ``Rejected`` for rows without key or moment, a moment to come, a column of which nobody says since when it was
    known, and for one that knows of its row's future.
    """
    names = table.column_names
    if len(set(names)) < len(names):
        raise Rejected("rows", "have two columns of one name; give each a name of its own (`AS`)")
    if table.num_rows > MOST_ROWS:
        raise Rejected("rows", f"are more than {MOST_ROWS:,}; make several tables")
    for name in ("key", "at"):
        if name not in names:
            raise Rejected("rows", f"have no column {name!r}{did_you_mean(name, names)}; they have {', '.join(names)}")
    key, at = _text(table["key"]), _moments(table["at"], "at")
    for name, column in (("key", key), ("at", at)):
        if column.null_count:
            row = pc.index(pc.is_null(column), True).as_py()
            raise Rejected(f"rows.{row}.{name}", "is missing: each row has a key and a moment")
    late = pc.greater(at, pa.scalar(now_us, TIME))
    if pc.any(late).as_py():
        raise Rejected(
            f"rows.{pc.index(late, True).as_py()}.at", f"is after {iso(now_us)}, the moment that the table is made of"
        )
    columns = {"key": key, "at": at} | ({"label": table["label"]} if "label" in names else {})
    for name, said in given.items():
        columns[name] = _admitted(table, name, said, at)
    evidence = {name for said in given.values() for name in (said.known, said.time) if name}
    for name in names:
        if name not in columns and name not in evidence and name not in RESERVED:
            raise Rejected(
                f"rows.{name}",
                "may know what came after its row's moment: name under `given` the column that says since when its values "
                f"were known ({{{name}: {{known: …}}}}), or leave it out",
            )
    return pa.table(columns)


def _admitted(table: pa.Table, name: str, said: Given, at: pa.ChunkedArray) -> pa.ChunkedArray:
    """The given column ``name``. Raises ``Rejected`` where a row's value is of its future, or was known only then."""
    for needed in (name, said.known, said.time):
        if needed is not None and needed not in table.column_names:
            hint = did_you_mean(needed, table.column_names)
            raise Rejected(f"given.{name}", f"needs the column {needed!r} of the rows, which is not there{hint}")
    there = pc.is_valid(table[name])
    for column, reason in ((said.time, "is about"), (said.known, "was known only at")):
        if column is None:
            continue
        when = _moments(table[column], column)
        unsaid = pc.and_(there, pc.is_null(when))
        if pc.any(unsaid).as_py():
            row = pc.index(unsaid, True).as_py()
            raise Rejected(
                f"rows.{row}.{name}", f"has a value, and {column!r} does not say when; fill it, or empty both"
            )
        leak = pc.and_(there, pc.fill_null(pc.greater(when, at), False))
        if pc.any(leak).as_py():
            row = pc.index(leak, True).as_py()
            raise Rejected(
                f"rows.{row}.{name}",
                f"knows the future: its value {reason} {_iso(when, row)}, after the row's moment {_iso(at, row)} "
                f"({pc.sum(leak).as_py()} rows are like that); take the value that held then",
            )
    return table[name]


def _iso(column: pa.ChunkedArray, row: int) -> str:
    return iso(column.cast(pa.int64())[row].as_py())


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string())


def _moments(column: pa.ChunkedArray, name: str) -> pa.ChunkedArray:
    """As microseconds UTC; times without a zone are UTC, and dates begin at midnight."""
    if not (pa.types.is_timestamp(column.type) or pa.types.is_date(column.type) or pa.types.is_null(column.type)):
        raise Rejected(f"rows.{name}", f"must be times, got {column.type}; cast them, as in `{name}::TIMESTAMPTZ`")
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return column.cast(TIME, safe=False)
    return column.cast(pa.timestamp("us"), safe=False).cast(TIME)
