"""Files as whole tables of columns: CSV, NDJSON, JSON and Parquet, plain or gzipped. What a file is, its content says.

For single rows in bounded memory, as ``hindcast send`` reads them, see ``hindcast.files``.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from events.errors import Rejected

SUFFIXES = (".csv", ".csv.gz", ".ndjson", ".jsonl", ".parquet", ".pq")
"""Of files that ``write`` can make."""
Heard = Callable[[int, int], None]
"""Told (done, of how many) as a file is read, in bytes, or written, in rows."""
_BLOCK = 1 << 20
_BATCH = 1 << 20
"""Rows written at a time: a row group of Parquet."""
_MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "#N/A"]


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


def read(path: str, heard: Heard = _unheard) -> pa.Table:
    """The rows of a file, or of standard input for ``-``; row 1 is the first after a header.

    Raises ``Rejected`` with the file as its field, naming row and column, where it cannot be read or has no rows.
    """
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError) as error:
        raise Rejected(path, f"is damaged: {error}") from None
    except OSError as error:
        raise Rejected(path, f"cannot be read: {error.strerror}") from None
    table = _parse(content, path, heard)
    if not table.num_rows:
        raise Rejected(path, "has no rows: there is nothing to compute")
    return table


def _parse(content: bytes, path: str, heard: Heard) -> pa.Table:
    start = content[:4096].removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise Rejected(path, "is empty: it needs a header and rows")
    try:
        if start[:4] == b"PAR1":
            import pyarrow.parquet as pq

            return cast(pa.Table, pq.read_table(pa.BufferReader(content)))
        if start[:4] == b"PK\x03\x04":
            raise Rejected(path, "is a workbook or ZIP archive: save the sheet as CSV")
        if b"\0" in start:
            raise Rejected(path, "is binary, not CSV, NDJSON or Parquet")
        if start[:1] in (b"{", b"["):
            return _json(content, path, start[:1] == b"[")
        return _csv(content, path, start, heard)
    except UnicodeDecodeError:
        raise Rejected(path, "has names of columns that are not UTF-8: convert the file first") from None
    except (pa.ArrowException, OSError) as error:
        raise Rejected(path, f"cannot be read: {str(error).splitlines()[0]}") from None


def _csv(content: bytes, path: str, start: bytes, heard: Heard) -> pa.Table:
    from pyarrow import csv

    first = start.splitlines()[0]
    faults: list[Any] = []

    def fault(row: Any) -> str:
        faults.append(row)
        return "error"

    try:
        table: pa.Table = csv.read_csv(
            _Told(content, heard),
            read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK),
            parse_options=csv.ParseOptions(
                delimiter=max(",;\t|", key=lambda c: first.count(c.encode())), invalid_row_handler=fault
            ),
            convert_options=csv.ConvertOptions(null_values=_MISSING, strings_can_be_null=True),
        )
    except pa.ArrowInvalid as error:
        if faults:
            bad = faults[0]
            raise Rejected(
                path,
                f"row {bad.number - 1} does not fit the header: {bad.actual_columns} cells, not {bad.expected_columns}",
            ) from None
        return _csv_as_text(content, path, first, error)
    return _named(table, path)


def _csv_as_text(content: bytes, path: str, first: bytes, error: Exception) -> pa.Table:
    """For columns whose later blocks are of another kind than the first: all cells text, for who reads them to judge."""
    from pyarrow import csv

    if not hasattr(error, "args") or "conversion error" not in str(error):
        raise error
    delimiter = max(",;\t|", key=lambda c: first.count(c.encode()))
    header = [name.strip().strip('"') for name in first.decode("utf-8", "replace").split(delimiter)]
    table: pa.Table = csv.read_csv(
        pa.BufferReader(content),
        read_options=csv.ReadOptions(use_threads=False, block_size=_BLOCK),
        parse_options=csv.ParseOptions(delimiter=delimiter),
        convert_options=csv.ConvertOptions(
            column_types={name: pa.string() for name in header}, null_values=_MISSING, strings_can_be_null=True
        ),
    )
    return _named(table, path)


def _named(table: pa.Table, path: str) -> pa.Table:
    """Trimmed names, each once; columns that are not UTF-8 are refused."""
    names = [name.strip() or f"column {i}" for i, name in enumerate(table.column_names, 1)]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Rejected(path, f"two columns are named {twice!r}: the first line must name each once")
    for name, column in zip(names, table.columns, strict=True):
        if pa.types.is_binary(column.type):
            raise Rejected(path, f"column {name!r} is not UTF-8: convert the file first")
    return table.rename_columns(names)


def _json(content: bytes, path: str, array: bool) -> pa.Table:
    from pyarrow import json as arrow_json

    if not array:
        try:
            options = arrow_json.ReadOptions(use_threads=False, block_size=max(_BLOCK, min(len(content) + 1, 1 << 30)))
            return _named(arrow_json.read_json(pa.BufferReader(content), read_options=options), path)
        except pa.ArrowInvalid:
            pass  # it names no row that a person could find
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
    names = list(dict.fromkeys(name for row in rows for name in row))
    return _named(pa.table({name: _column([row.get(name) for row in rows]) for name in names}), path)


def _column(cells: list[Any]) -> pa.Array:
    """Of the cells' type; text where they are mixed, for who reads the column to judge cell by cell."""
    try:
        return pa.array(cells)
    except (pa.ArrowException, OverflowError):
        return pa.array([c if isinstance(c, str) or c is None else json.dumps(c) for c in cells], pa.string())


def writable(path: str | None, suffixes: tuple[str, ...] = SUFFIXES) -> None:
    """Raises ``Rejected`` for a suffix that says no format or a folder that is not there: before anything is computed."""
    if path is None:
        return
    if not path.lower().endswith(suffixes):
        raise Rejected(path, f"ends in none of {', '.join(suffixes)}: the suffix says the format")
    if not Path(path).parent.is_dir():
        raise Rejected(path, f"cannot be written: there is no folder {Path(path).parent}")


def write(table: pa.Table, path: str | None, heard: Heard = _unheard) -> None:
    """To a file, in the format of its suffix; CSV to standard output without one."""
    if path is None:
        _write_csv(table, sys.stdout.buffer, heard)
        sys.stdout.buffer.flush()
        return
    name = path.lower()
    try:
        if name.endswith((".parquet", ".pq")):
            _write_parquet(table, path, heard)
        elif name.endswith((".ndjson", ".jsonl")):
            _write_ndjson(table, path, heard)
        else:
            with pa.output_stream(path, compression="gzip" if name.endswith(".gz") else None) as out:
                _write_csv(table, out, heard)
    except OSError as error:
        raise Rejected(path, f"cannot be written: {error.strerror or error}") from None


def _batches(table: pa.Table, heard: Heard) -> Generator[pa.Table, None, None]:
    for start in range(0, table.num_rows, _BATCH):
        part = table.slice(start, _BATCH)
        yield part
        heard(start + part.num_rows, table.num_rows)


def _write_csv(table: pa.Table, out: Any, heard: Heard) -> None:
    from pyarrow import csv

    with csv.CSVWriter(out, table.schema, write_options=csv.WriteOptions(quoting_style="needed")) as writer:
        for part in _batches(table, heard):
            writer.write_table(part)


def _write_parquet(table: pa.Table, path: str, heard: Heard) -> None:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, table.schema) as writer:
        for part in _batches(table, heard):
            writer.write_table(part)


def _write_ndjson(table: pa.Table, path: str, heard: Heard) -> None:
    import orjson

    with Path(path).open("wb") as out:
        for part in _batches(table, heard):
            for batch in part.to_batches(max_chunksize=10_000):
                out.writelines(orjson.dumps(row, default=str) + b"\n" for row in batch.to_pylist())
