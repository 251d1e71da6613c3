"""Files as whole tables of columns: CSV, NDJSON, JSON and Parquet, plain or gzipped. What a file is, its content says.

For single rows in bounded memory, as ``hindcast send`` reads them, see ``files.rows``; for writing ``files.writing``.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import pyarrow as pa

from events.errors import Rejected
from files.cells import timed, typed
from files.delimited import named, text_table, utf8

Heard = Callable[[int, int], None]
"""Told (done, of how many) bytes as a file is read."""
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Read:
    """A file's rows. ``written`` has the cells as the file has them: all text (null where empty) of CSV, the file's own
    types of JSON and Parquet. Keys, ids and categories are taken from here: text has no type but the one that a reader
    gives it, and ``007`` is not ``7``."""

    written: pa.Table
    form: Literal["csv", "json", "parquet"]

    def typed(self) -> pa.Table:
        """With numbers, truth values and times where all cells of a column of text are such: what a person sees at once.

        It depends on all rows of the file, so it is good for guessing columns and for learning a schema, not for reading
        rows by one that was learnt from other rows.
        """
        if self.form == "parquet":
            return self.written
        read = typed if self.form == "csv" else timed
        names = self.written.column_names
        return pa.table([read(column) for column in self.written.columns], names=names)


class _Told(io.BytesIO):
    """Content that tells how much of it was read."""

    def __init__(self, content: bytes, heard: Heard) -> None:
        super().__init__(content)
        self._size, self._heard = len(content), heard

    def read(self, size: int | None = -1, /) -> bytes:
        part = super().read(size)
        self._heard(self.tell(), self._size)
        return part


def _unheard(done: int, total: int) -> None:
    pass


def read(path: str, heard: Heard = _unheard, *, old: Callable[[str], None] | None = None) -> Read:
    """The rows of a file, or of standard input for ``-``; row 1 is the first after a header.

    Text is UTF-8, or UTF-16 with its mark. With ``old``, text that is neither is read as Latin-1, as old exports are, and
    ``old`` is told so in words. Raises ``Rejected`` with the file as its field, naming row and column, where it cannot be
    read or has no rows.
    """
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError) as error:
        raise Rejected(path, f"is damaged: {error}") from None
    except OSError as error:
        raise Rejected(path, f"cannot be read: {error.strerror}") from None
    found = _parse(content, path, heard, old)
    if not found.written.num_rows:
        raise Rejected(path, "the table has no rows: there is nothing to compute")
    return found


def _parse(content: bytes, path: str, heard: Heard, old: Callable[[str], None] | None) -> Read:
    try:
        content = utf8(content)
        start = content[:4096].lstrip()
        if not start:
            raise Rejected(path, "is empty: it needs a header and rows")
        if start[:4] == b"PAR1":
            import pyarrow.parquet as pq

            table = cast(pa.Table, pq.read_table(pa.BufferReader(content)))
            return Read(table.rename_columns(list(named(table.column_names, path))), "parquet")
        if start[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
            raise Rejected(path, "is a workbook (a spreadsheet) or ZIP archive: save the sheet as CSV")
        if b"\0" in start:
            raise Rejected(path, "is binary, not CSV, NDJSON or Parquet")
        if start[:1] in (b"{", b"["):
            return Read(_json(content, path, start[:1] == b"["), "json")
        return Read(_text(content, path, heard, old), "csv")
    except UnicodeError:
        raise Rejected(path, "has names of columns that are not UTF-8: convert the file first") from None
    except (pa.ArrowException, OSError) as error:
        raise Rejected(path, f"cannot be read: {str(error).splitlines()[0]}") from None


def _text(content: bytes, path: str, heard: Heard, old: Callable[[str], None] | None) -> pa.Table:
    content = content.lstrip(b" \t\r\n") if content[:1] in b"\r\n" else content
    try:
        return text_table(content, path, _Told(content, heard))
    except (UnicodeError, pa.ArrowInvalid) as error:
        if isinstance(error, pa.ArrowInvalid) and "UTF8" not in str(error):
            raise
        if old is None and isinstance(error, UnicodeError):
            raise
    latin = content.decode("latin-1").encode()
    table = text_table(latin, path, io.BytesIO(latin))
    if old is None:
        raise Rejected(path, f"column {_not_utf8(content, table)!r} is not UTF-8: convert the file first")
    old(f"{path} is not UTF-8 and is read as Latin-1; where letters look wrong, convert it to UTF-8")
    return table


def _not_utf8(content: bytes, table: pa.Table) -> str:
    """The first column with a cell that is not ASCII, of a file that is not UTF-8."""
    for name, column in zip(table.column_names, table.columns, strict=True):
        if any(cell is not None and not cell.isascii() and not _is_utf8(cell) for cell in column.to_pylist()):
            return name
    return table.column_names[0]


def _is_utf8(cell: str) -> bool:
    try:
        cell.encode("latin-1").decode()
    except UnicodeError:
        return False
    return True


def _json(content: bytes, path: str, array: bool) -> pa.Table:
    from pyarrow import json as arrow_json

    if not array:
        options = arrow_json.ReadOptions(use_threads=False, block_size=max(_BLOCK, min(len(content) + 1, 1 << 30)))
        try:
            table = arrow_json.read_json(pa.BufferReader(content), read_options=options)
            times = [f.name for f in table.schema if pa.types.is_timestamp(f.type)]
            if times:  # Arrow reads texts of times as times: as text they keep how they are written
                texts = pa.schema([(name, pa.string()) for name in times])
                parse = arrow_json.ParseOptions(explicit_schema=texts)
                order = table.column_names
                table = arrow_json.read_json(pa.BufferReader(content), read_options=options, parse_options=parse)
                table = table.select(order)
            return table.rename_columns(list(named(table.column_names, path)))
        except pa.ArrowInvalid:
            pass  # it names no row that a person could find
    rows = _objects(content, path, array)
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = [_column([row.get(name) for row in rows]) for name in names]
    return pa.table(columns, names=list(named(names, path)))


def _objects(content: bytes, path: str, array: bool) -> list[dict[str, Any]]:
    import orjson

    rows: list[dict[str, Any]] = []
    try:
        lines: list[Any] = json.loads(content) if array else [line for line in content.splitlines() if line.strip()]
    except ValueError as error:
        raise Rejected(path, f"is not JSON ({error})") from None
    for number, line in enumerate(lines, 1):
        try:
            value = line if array else orjson.loads(line)
        except ValueError as error:
            raise Rejected(path, f"row {number} is not JSON ({error})") from None
        if not isinstance(value, dict):
            raise Rejected(path, f"row {number} must be an object, is {type(value).__name__}")
        rows.append(cast(dict[str, Any], value))
    return rows


def _column(cells: list[Any]) -> pa.Array:
    """Of the cells' type; text where they are mixed, for who reads the column to judge cell by cell."""
    try:
        return pa.array(cells)
    except (pa.ArrowException, OverflowError):
        return pa.array([c if isinstance(c, str) or c is None else json.dumps(c) for c in cells], pa.string())
