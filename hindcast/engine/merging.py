"""Rows of several sources as one table: an ordered union, or each row with what was known at its time."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

ORDER = ("time", "source", "producer", "offset")
"""By these rows are ordered; where tables have none of the later ones, the tables' names and their own order decide."""


class DataMerger:
    """Merges tables by their column ``time`` (a timestamp)."""

    def merge_by_timestamp(self, tables: Mapping[str, pa.Table]) -> pa.Table:
        """All rows of all ``tables`` in the order of their times; none is joined to another, and none is lost.

        Rows of one time are in the order of the columns ``source``, ``producer`` and ``offset``, as far as they have them,
        then of the tables' names, then of the rows of each table: so the answer is the same in whatever order the tables
        are given. The column ``merged_from`` names the table of each row; a column that a table has not is null there.
        Raises ``ValueError`` for a table without ``time``, or where two tables have one column in types that do not fit.
        """
        parts: list[pa.Table] = []
        for name in sorted(tables):
            table = tables[name]
            if "time" not in table.column_names:
                raise ValueError(f"{name}: has no column `time`; its columns are {', '.join(table.column_names)}")
            plain = _plain(table)
            parts.append(
                plain.append_column("merged_from", pa.array([name] * len(plain), pa.string())).append_column(
                    "_row", pa.array(range(len(plain)), pa.int64())
                )
            )
        if not parts:
            return pa.table({"time": pa.array([], pa.timestamp("us", "UTC")), "merged_from": pa.array([], pa.string())})
        try:
            union = pa.concat_tables(parts, promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise ValueError(f"the tables do not fit together: {error}; name one of the columns otherwise") from None
        keys = [name for name in ORDER if name in union.column_names]
        order = [(name, "ascending") for name in (*keys, "merged_from", "_row")]
        return union.take(pc.sort_indices(union, sort_keys=order)).drop_columns(["_row"])  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]

    def as_of_join(self, left: pa.Table, right: pa.Table, *, by: str, prefix: str = "right_") -> pa.Table:
        """Each row of ``left`` with the newest row of ``right`` that has the same ``by`` and is not newer; nulls where
        there is none.

        Of rows of ``right`` with one time and one ``by`` the last one counts. Columns of ``right`` bear ``prefix``.
        Raises ``ValueError`` where a table lacks ``time`` or ``by``.
        """
        for said, table in (("left", left), ("right", right)):
            for name in ("time", by):
                if name not in table.column_names:
                    raise ValueError(f"{said}: has no column {name!r}; its columns are {', '.join(table.column_names)}")
        newest: dict[object, list[tuple[object, int]]] = {}
        times, keys = right.column("time").to_pylist(), right.column(by).to_pylist()
        for row in sorted(range(len(right)), key=lambda i: (times[i] is None, times[i], i)):
            if times[row] is not None and keys[row] is not None:
                newest.setdefault(keys[row], []).append((times[row], row))
        places = [
            _last(newest.get(key), time)
            for time, key in zip(left.column("time").to_pylist(), left.column(by).to_pylist(), strict=True)
        ]
        found = right.take(pa.array(places, pa.int64()))
        joined = left
        for name in right.column_names:
            joined = joined.append_column(f"{prefix}{name}", found.column(name))
        return joined


def _last(rows: list[tuple[object, int]] | None, time: object) -> int | None:
    from bisect import bisect_right

    if rows is None or time is None:
        return None
    at = bisect_right(rows, time, key=lambda row: row[0])  # pyright: ignore[reportArgumentType, reportCallIssue]
    return rows[at - 1][1] if at else None


def _plain(table: pa.Table) -> pa.Table:
    """Without dictionaries: those of two tables differ."""
    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in table.columns
    ]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))
