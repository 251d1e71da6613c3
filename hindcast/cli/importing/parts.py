"""A file as parts of up to 20,000 rows: tables as the door takes them, and single rows that are no plain events."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, cast

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from events.errors import Rejected
from files.rows import LONGEST_ROW, Row, open_rows
from hindcast.cli.importing.mapping import Mapping
from hindcast.client.columnar import ROWS

_PARQUET, _GZIP, _BOM = b"PAR1", b"\x1f\x8b", b"\xef\xbb\xbf"
_OTHERS = {".csv", ".tsv", ".json"}
_LISTS = ("results", "data", "events")
"""Where an answer of an API that was saved has its rows."""
BUFFER = 1 << 20
"""Bytes read ahead of each column: without a bound, a whole group of rows would be read at once."""
_ATTRIBUTES = ("id", "source", "type", "subject", "time", "data")


@dataclass
class Part:
    """The next rows of a file. ``numbers[i]`` is the number of the table's row i, from 1."""

    rows: int
    """All rows of the part."""
    table: pa.Table | None
    numbers: list[int]
    others: list[Row] = field(default_factory=list[Row])
    """Rows that a table does not hold: CloudEvents with attributes of their own, Segment messages, what is no JSON."""


class _Event(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A CloudEvent that is a plain one: nothing of it would be lost in a table."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str | None = None
    time: str | None = None
    datacontenttype: Literal["application/json"] | None = None
    data: msgspec.Raw = msgspec.Raw()


_event = msgspec.json.Decoder(_Event).decode
_any = msgspec.json.Decoder(dict[str, Any]).decode


Format = Literal["parquet", "ndjson", "csv", "json"]


def format_of(path: str) -> Format:
    """What a file is: by its first bytes, or its name."""
    with Path(path).open("rb") as file:
        first = file.read(4)
    if first == _PARQUET:
        return "parquet"
    kind = Path(path.removesuffix(".gz")).suffix.lower()
    if kind in _OTHERS:
        return "json" if kind == ".json" else "csv"
    return "ndjson"


def parts_of(
    path: str, mapping: Mapping, after: int, product: str | None = None, kind: Format | None = None
) -> Iterator[Part]:
    """The rows after the first ``after``. ``kind``: what the file is said to be; ``product``: whose export it is.

    Raises ``Rejected``, naming the file, where it cannot be read any further.
    """
    kind = kind or format_of(path)
    try:
        if kind == "parquet" and product is None:
            yield from _parquet(path, mapping, after)
        elif kind == "ndjson" and product is None:
            yield from _ndjson(path, after)
        else:
            yield from _singles(path, kind, after, product)
    except (pa.ArrowException, OSError, EOFError) as error:
        raise Rejected(path, f"cannot be read: {error}; what was before that is imported") from None


def _singles(path: str, kind: Format, after: int, product: str | None) -> Iterator[Part]:
    """Row by row, as ``hindcast send`` reads them."""
    with open_rows(path, kind) as opened:
        rows = islice(_listed(opened.rows) if product else opened.rows, after, None)
        while chunk := list(islice(rows, ROWS)):
            yield Part(len(chunk), None, [], chunk)


def _listed(rows: Iterator[Row]) -> Iterator[Row]:
    """The rows, or those within one object that holds a list of them: the answer of an API that was saved."""
    number = 0
    for row in rows:
        within = next((row.fields[name] for name in _LISTS if isinstance(row.fields.get(name), list)), None)
        if row.fault or within is None:
            number += 1
            yield Row(number, row.fields, row.fault)
            continue
        for fields in within:
            number += 1
            fault = "" if isinstance(fields, dict) else f"must be an object, is {type(fields).__name__}"
            yield Row(number, {} if fault else fields, fault)


def rows_in(path: str) -> int | None:
    """How many rows there are, where the file says so."""
    if format_of(path) != "parquet":
        return None
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError) as error:
        raise Rejected(path, f"is no Parquet file: {error}") from None


def _parquet(path: str, mapping: Mapping, after: int) -> Iterator[Part]:
    done = 0
    with pq.ParquetFile(path, pre_buffer=False, buffer_size=BUFFER) as file:
        mapping.settle(file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=ROWS, use_threads=False):
            begin, end = done, done + batch.num_rows
            done = end
            if end <= after:
                continue
            new = batch.slice(max(0, after - begin))
            first = end - new.num_rows + 1
            yield Part(new.num_rows, mapping.table(new, first), list(range(first, end + 1)))


def _ndjson(path: str, after: int) -> Iterator[Part]:
    with Path(path).open("rb") as raw:
        packed = raw.peek(2)[:2] == _GZIP
        file = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw
        lines = _lines(file, path)
        number = sum(1 for _ in islice(lines, after))
        while chunk := list(islice(lines, ROWS)):
            yield _part(chunk, number + 1)
            number += len(chunk)


def _lines(file: IO[bytes], path: str) -> Iterator[bytes]:
    """The lines that say something. Raises ``Rejected`` for one that is too long to be a row."""
    number = 0
    while line := file.readline(LONGEST_ROW):
        number += 1
        if len(line) == LONGEST_ROW and not line.endswith(b"\n"):
            raise Rejected(path, f"line {number} has over {LONGEST_ROW:,} bytes; is it NDJSON, a row on each line?")
        line = line.removeprefix(_BOM).strip() if number == 1 else line.strip()
        if line:
            yield line


def _part(lines: list[bytes], first: int) -> Part:
    columns: dict[str, list[Any]] = {name: [] for name in _ATTRIBUTES}
    numbers: list[int] = []
    others: list[Row] = []
    for number, line in enumerate(lines, first):
        try:
            event = _event(line)
        except (msgspec.MsgspecError, RecursionError):
            others.append(_other(number, line))
            continue
        numbers.append(number)
        for name in _ATTRIBUTES[:-1]:
            columns[name].append(getattr(event, name))
        columns["data"].append(str(event.data, "utf-8") if event.data else None)
    table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}) if numbers else None
    return Part(len(lines), table, numbers, others)


def _other(number: int, line: bytes) -> Row:
    try:
        return Row(number, _any(line))
    except (msgspec.MsgspecError, RecursionError) as error:
        return Row(number, {}, f"is no JSON object ({error}); write one event on each line")
