"""Which column of a table is which attribute of its events; the columns themselves go in as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from events.errors import Rejected
from hindcast.cli.rows import Columns, columns_for, time_of

_compute: Any = pc
DATA = "data"
_BESIDE = {"known": "known", "anonymous": "anonymous_id"}
"""By option: the column that the door knows it by."""


class Mapping:
    """Of one file, settled by the names of its columns (see ``hindcast.cli.rows``)."""

    def __init__(self, file: str, asked: dict[str, str | None], content: str) -> None:
        self._file, self._asked, self._content = file, asked, content
        self.columns: Columns | None = None
        self.data: list[str] = []
        """The columns that are properties."""
        self.beside: dict[str, str] = {}
        """By what only the past has: its column."""

    def settle(self, names: Sequence[str]) -> None:
        """Raises ``Rejected`` where no column is the type, or two have one name."""
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise Rejected(self._file, f"has two columns named {twice[0]!r}; give each a name of its own")
        self.columns = columns_for(list(names), self._asked, self._file)
        self.beside = {name: column for name in _BESIDE if (column := self._asked.get(name)) is not None}
        for name, column in self.beside.items():
            if column not in names:
                raise Rejected(f"--{name}", f"the file has no column {column!r}; it has {', '.join(sorted(names))}")
        taken = {*self.columns.columns.values(), *self.beside.values()}
        self.data = [name for name in names if name not in taken]

    def table(self, batch: pa.RecordBatch, first: int) -> pa.Table:
        """The rows as the door takes them. Those without an id get one of the file's content and their number, of which
        ``first`` is that of the first row."""
        assert self.columns is not None, "settled by the names of the file's columns"
        columns: dict[str, Any] = {name: batch.column(column) for name, column in self.columns.columns.items()}
        if "time" in columns:
            columns["time"] = self._times(columns["time"], self.columns.columns["time"])
        for name in ("type", "source", "subject", "id"):
            if name in columns:
                columns[name] = _as_text(columns[name])
        for name, column in self.beside.items():
            values = batch.column(column)
            columns[_BESIDE[name]] = self._times(values, column) if name == "known" else _as_text(values)
        for name, text in self.columns.fixed.items():
            columns[name] = pa.DictionaryArray.from_arrays(
                pa.repeat(pa.scalar(0, pa.int32()), batch.num_rows), pa.array([text])
            )
        made = _compute.binary_join_element_wise(
            self._content, pa.array(range(first, first + batch.num_rows)).cast(pa.string()), "-"
        )
        own = columns.get("id")
        empty = None if own is None else _compute.or_kleene(own.is_null(), _compute.equal(own, ""))
        columns["id"] = made if own is None else _compute.if_else(empty, made, own)
        columns |= self._properties(batch, set(columns))
        return pa.table(columns)

    def _properties(self, batch: pa.RecordBatch, attributes: set[str]) -> dict[str, Any]:
        """The other columns. One that has the name of an attribute goes into ``data``, where it is a property."""
        hidden = [name for name in self.data if name in attributes]
        found = {name: batch.column(name) for name in self.data if name not in hidden}
        if hidden and DATA in self.data:
            raise Rejected(self._file, f"has a column data and a column {hidden[0]!r} that is no attribute; rename one")
        if hidden:
            found[DATA] = pa.StructArray.from_arrays([batch.column(name) for name in hidden], hidden)
        return found

    def _times(self, column: pa.Array, name: str) -> pa.Array:
        """Timestamps and dates as they are; numbers since 1970 and other text as the time that they mean."""
        type_ = column.type
        if pa.types.is_timestamp(type_) or pa.types.is_date(type_):
            return column
        cells = column.to_pylist()
        if self.columns is not None and self.columns.form is None and name == self.columns.columns.get("time"):
            self.columns = self.columns.timed([{name: cell} for cell in cells[:1000]])
        form = self.columns.form if self.columns else None
        said = [None if cell is None or cell == "" else str(time_of(cell, form)) for cell in cells]
        return pa.array(said, pa.string())


def _as_text(column: pa.Array) -> pa.Array:
    """Text and whole numbers as text; anything else is left to the door, which says what it is."""
    type_ = column.type
    if pa.types.is_floating(type_):
        whole = _compute.equal(_compute.floor(column), column)
        if _compute.all(whole.fill_null(True)).as_py() and not _compute.any(_compute.is_inf(column)).as_py():
            return column.cast(pa.int64(), safe=False).cast(pa.string())
    if pa.types.is_integer(type_) or pa.types.is_dictionary(type_) or pa.types.is_large_string(type_):
        return column.cast(pa.string())
    return column
