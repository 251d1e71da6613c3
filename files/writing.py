"""Tables of columns into files: CSV, NDJSON and Parquet, by the file's suffix."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pyarrow as pa

from events.errors import Rejected

SUFFIXES = (".csv", ".csv.gz", ".ndjson", ".jsonl", ".parquet", ".pq")
Heard = Callable[[int, int], None]
"""Told (done, of how many) rows as a file is written."""
_BATCH = 1 << 20
"""Rows written at a time: a row group of Parquet."""


def _unheard(done: int, total: int) -> None:
    pass


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
