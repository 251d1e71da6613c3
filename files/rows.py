"""Rows of files: JSON, NDJSON, CSV and Parquet, plain or gzipped, from a path or a pipe, in bounded memory."""

from __future__ import annotations

import base64
import csv
import gzip
import io
import json
import math
import re
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any, Literal, cast

from events.errors import Rejected
from files.cells import MISSING
from files.delimited import layout_of

Format = Literal["json", "ndjson", "csv", "parquet"]
FORMATS: tuple[Format, ...] = ("json", "ndjson", "csv", "parquet")
BLOCK = 1 << 18
LONGEST_ROW = 16 << 20
"""Characters of one JSON value; a longer one is a mistake."""
TYPED_ROWS = 5_000
"""CSV columns are typed by so many first rows."""
SAMPLE_LINES = 200
"""Of CSV, by which the mark between cells is found."""
_SUFFIXES: dict[str, Format] = {
    ".json": "json",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_GZIP = b"\x1f\x8b"
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(\.\d+)?(?:[eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: its number, from 1, and its fields; or why it cannot be read."""

    number: int
    fields: dict[str, Any]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A file being read. ``progress`` is the share of it that was read, 0 to 1; None where that cannot be known."""

    format: Format
    rows: Iterator[Row]
    progress: Callable[[], float | None]


@contextmanager
def open_rows(path: str, format: Format | None = None) -> Generator[Opened, None, None]:
    """Open a path, or standard input for ``-``. Raises ``Rejected("file", …)`` where it cannot be read.

    The format is what ``format`` says, else the suffix, else what the first bytes look like.
    """
    with _raw(path) as (raw, size):
        packed = raw.peek(2)[:2] == _GZIP
        plain = cast(io.BufferedReader, io.BufferedReader(gzip.GzipFile(fileobj=raw))) if packed else raw
        kind = format or _by_suffix(path) or _by_content(plain)

        def progress() -> float | None:
            return min(1.0, raw.tell() / size) if size else None

        try:
            if kind == "parquet":
                with _seekable(plain, size is not None and not packed) as file:
                    rows, progress = _parquet(file)
                    yield Opened(kind, rows, progress)
            else:
                yield Opened(kind, _TEXT[kind](plain), progress)
        except (gzip.BadGzipFile, EOFError) as error:
            raise Rejected("file", f"{path} is damaged: {error}") from None
        except UnicodeDecodeError as error:
            raise Rejected("file", f"{path} is not UTF-8 (byte {error.start}); convert it first") from None


@contextmanager
def _raw(path: str) -> Generator[tuple[io.BufferedReader, int | None], None, None]:
    if path == "-":
        import sys

        stdin: Any = sys.stdin.buffer
        yield stdin if hasattr(stdin, "peek") else cast(io.BufferedReader, io.BufferedReader(stdin)), None
        return
    try:
        size = Path(path).stat().st_size
        file = cast(io.BufferedReader, io.BufferedReader(io.FileIO(path)))
    except OSError as error:
        raise Rejected("file", f"cannot read {path}: {error.strerror}") from None
    with file:
        yield file, size or None


def _by_suffix(path: str) -> Format | None:
    suffixes = [s.lower() for s in Path(path).suffixes]
    last = suffixes[-2:-1] if suffixes[-1:] == [".gz"] else suffixes[-1:]
    return _SUFFIXES.get(last[0]) if last else None


def _by_content(file: io.BufferedReader) -> Format:
    start = file.peek(64)[:64]
    if start[:4] == b"PAR1":
        return "parquet"
    return "json" if start.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"[", b"{") else "csv"


def _text(file: io.BufferedReader) -> io.TextIOWrapper:
    return io.TextIOWrapper(file, encoding="utf-8-sig", newline="")


def _json(file: io.BufferedReader) -> Iterator[Row]:
    """The objects of one array, or one after the other; also in lines."""
    text = _text(file)
    decode = json.JSONDecoder(parse_constant=_no_number).raw_decode
    buffer, at, number, array = "", 0, 0, False
    more = True
    while True:
        while at < len(buffer) and buffer[at] in " \t\r\n,":
            at += 1
        if at == len(buffer):
            buffer, at = text.read(BLOCK), 0
            if not buffer:
                break
            continue
        if buffer[at] == "[" and number == 0 and not array:
            array, at = True, at + 1
            continue
        if buffer[at] == "]" and array:
            break
        try:
            value, at = decode(buffer, at)
        except (json.JSONDecodeError, _NoNumber) as error:
            block = text.read(max(BLOCK, len(buffer) - at)) if more and not isinstance(error, _NoNumber) else ""
            more = bool(block)
            if not more or len(buffer) - at > LONGEST_ROW:
                yield Row(number + 1, {}, f"is not JSON ({error}); what follows it was not read")
                return
            buffer, at = buffer[at:] + block, 0
            continue
        number += 1
        yield _row(number, value)


def _ndjson(file: io.BufferedReader) -> Iterator[Row]:
    import orjson

    number = 0
    for line in file:
        if line.strip() in (b"", b"\xef\xbb\xbf"):
            continue
        number += 1
        try:
            yield _row(number, orjson.loads(line.removeprefix(b"\xef\xbb\xbf")))
        except orjson.JSONDecodeError as error:
            yield Row(number, {}, f"is not JSON ({error})")


class _NoNumber(ValueError):
    pass


def _no_number(name: str) -> None:
    raise _NoNumber(f"{name} is no number in JSON")


def _row(number: int, value: Any) -> Row:
    if isinstance(value, dict):
        return Row(number, cast(dict[str, Any], value))
    return Row(number, {}, f"must be an object, is {type(value).__name__}")


def _csv(file: io.BufferedReader) -> Iterator[Row]:
    """A header and rows. A column whose first rows are numbers (see ``_numeric``) gives numbers; empty is null."""
    text = _text(file)
    sample = list(islice(text, SAMPLE_LINES))
    layout = layout_of("".join(sample), "file", whole=len(sample) < SAMPLE_LINES)
    lines = csv.reader(chain(sample, text), delimiter=layout.mark)
    header = layout.names
    next(lines, None)
    first = list(islice(lines, TYPED_ROWS))
    numeric = [_numeric([line[i] for line in first if i < len(line)]) for i in range(len(header))]
    for number, line in enumerate(filter(None, chain(first, lines)), 1):
        if len(line) == len(header) + 1 and not line[-1]:
            line.pop()  # a mark at the end of the line, as some exports have it
        if len(line) != len(header):
            yield Row(number, {}, f"has {len(line)} cells, the header {len(header)}")
            continue
        cells = zip(header, line, numeric, strict=True)
        yield Row(number, {name: _cell(cell, is_number) for name, cell, is_number in cells})


def _numeric(cells: list[str]) -> bool:
    """Whether a column is one of numbers: all its cells, or nearly all. What is none then stays the text that it is.

    Cells that stand for no value (``n/a``) do not count. Codes with leading zeros (``007``) make it a column of text.
    """
    filled = [cell for cell in cells if cell not in MISSING]
    odd = [cell for cell in filled if not _NUMBER.fullmatch(cell)]
    few = len(odd) <= max(1, len(filled) // 10) and len(odd) < len(filled) / 2
    return bool(filled) and few and not any(cell.isdecimal() for cell in odd)


def _cell(cell: str, numeric: bool) -> Any:
    if not cell:
        return None
    if numeric and cell in MISSING:
        return None
    match = _NUMBER.fullmatch(cell) if numeric else None
    if match is None:
        return {"true": True, "false": False}.get(cell.lower(), cell)
    return int(cell) if cell.lstrip("-").isdigit() else float(cell)


@contextmanager
def _seekable(file: io.BufferedReader, already: bool) -> Generator[IO[bytes], None, None]:
    if already:
        yield file
        return
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file, copy)
        copy.seek(0)
        yield copy


def _parquet(file: IO[bytes]) -> tuple[Iterator[Row], Callable[[], float]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        parquet = pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise Rejected("file", f"is no Parquet file: {error}") from None
    total, done = parquet.metadata.num_rows, 0

    def rows() -> Iterator[Row]:
        nonlocal done
        try:
            for batch in parquet.iter_batches(batch_size=2000):
                for fields in batch.to_pylist():
                    done += 1
                    yield Row(done, {name: plain_value(value) for name, value in fields.items()})
        except (pa.ArrowException, OSError) as error:
            yield Row(done + 1, {}, f"cannot be read: {error}; what follows it was not read")

    return rows(), lambda: done / total if total else 1.0


def plain_value(value: Any) -> Any:
    """A Parquet value as JSON has it; times without a zone are UTC."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat() + ("" if value.tzinfo else "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(name): plain_value(item) for name, item in cast(dict[Any, Any], value).items()}
    if isinstance(value, list):
        return [plain_value(item) for item in cast(list[Any], value)]
    return value if isinstance(value, (str, int)) or value is None else str(value)


_TEXT: dict[str, Callable[[io.BufferedReader], Iterator[Row]]] = {"json": _json, "ndjson": _ndjson, "csv": _csv}
