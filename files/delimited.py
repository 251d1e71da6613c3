"""CSV in all its forms: which mark stands between the cells, what the columns are named, and all cells as text."""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa

from events.errors import Rejected

MARKS = "\t|;,"
"""What may stand between cells; of two that fit a file equally well, the first: text and decimal numbers hold commas."""
SAMPLE = 1 << 18
"""Bytes by which the mark is found, and no more than ``_LINES`` lines; the header may be longer."""
_LINES = 200
_BLOCK, _LARGEST = 1 << 20, 1 << 30
_BEYOND = "\0"
"""A column beyond those that have a name."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
csv.field_size_limit(1 << 30)


@dataclass(frozen=True)
class Layout:
    """``names`` are trimmed and each is there once, ``column 3`` where the third has none. ``unnamed`` says where."""

    mark: str
    names: tuple[str, ...]
    unnamed: frozenset[int] = frozenset()


def utf8(content: bytes) -> bytes:
    """UTF-16 with its byte order mark as UTF-8; all else without a mark, as it is. Raises ``UnicodeDecodeError``."""
    if content.startswith(_UTF16):
        return content.decode("utf-16").encode("utf-8", "replace")
    return content.removeprefix(codecs.BOM_UTF8)


def layout_of(sample: str, path: str, *, whole: bool) -> Layout:
    """By the first lines of a file. ``whole`` says that the sample does not end within a line.

    Raises ``Rejected`` for two columns of one name, ``UnicodeError`` for a name that is not UTF-8.
    """
    mark = _mark(sample, whole)
    cells = next(csv.reader(io.StringIO(sample, newline=""), delimiter=mark), [])
    "".join(cells).encode()  # half a letter, as ``surrogateescape`` keeps it, cannot be
    unnamed = frozenset(i for i, name in enumerate(cells) if not name.strip())
    return Layout(mark, named(cells, path), unnamed)


def named(names: Sequence[str], path: str) -> tuple[str, ...]:
    """Without blanks at their ends; raises ``Rejected`` where two are the same."""
    found = tuple(name.strip() or f"column {i}" for i, name in enumerate(names, 1))
    twice = [name for name, times in Counter(found).items() if times > 1]
    if twice:
        raise Rejected(path, f"two columns are named {twice[0]!r}: the first line must name each column once")
    return found


def _mark(sample: str, whole: bool) -> str:
    """The one that cuts most lines into as many cells as the header; lines are logical ones, quoted cells may hold marks and
    line ends."""
    found: list[tuple[float, int, str]] = []
    for mark in reversed(MARKS):
        widths = [len(cells) for cells in _lines(sample, mark) if cells]
        if not whole and len(widths) > 1:
            widths.pop()  # it may be cut off
        if widths and widths[0] > 1:
            rows, fitting = widths[1:], (widths[0], widths[0] + 1)  # a row may end with a mark
            share = sum(width in fitting for width in rows) / len(rows) if rows else 1.0
            found.append((round(share, 2), widths[0], mark))
    if not found:
        return ","
    best = max(share for share, _, _ in found)
    return max((one for one in found if one[0] == best), key=lambda one: (one[1], MARKS[::-1].index(one[2])))[2]


def _lines(sample: str, mark: str) -> Iterator[list[str]]:
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=mark)
    try:
        for line, _ in zip(reader, range(_LINES), strict=False):
            yield line
    except csv.Error:
        return


def text_table(content: bytes, path: str, stream: IO[bytes]) -> pa.Table:
    """All cells of ``content`` (UTF-8) as text, null where a cell is empty. ``stream`` gives the same bytes, and is read.

    A column without name and cells, as a mark at the end of each line makes one, is left out; so is the empty cell of
    rows that end with a mark where the header does not. Raises ``Rejected`` naming the row that does not fit the header,
    ``pyarrow.ArrowInvalid`` for what is not UTF-8.
    """
    layout = _layout(content, path)
    names = layout.names
    try:
        table = _read(stream, layout.mark, names, len(content))
    except _Unclosed:
        raise Rejected(
            path, "has a quotation mark that is never closed: close it, or write it twice within a cell"
        ) from None
    except _Misfit as misfit:
        refused = Rejected(path, str(misfit))
        if misfit.wider != 1:
            raise refused from None
        try:
            table = _read(io.BytesIO(content), layout.mark, (*names, _BEYOND), len(content))
        except _Misfit:
            raise refused from None
        if table.column(_BEYOND).null_count < table.num_rows:
            raise refused from None
        table = table.select(list(names))
    empty = {i for i in layout.unnamed if table.column(i).null_count == table.num_rows and len(names) > 1}
    return table.select([name for i, name in enumerate(names) if i not in empty]) if empty else table


def _layout(content: bytes, path: str) -> Layout:
    """By the first lines, however long the first one is."""
    size = SAMPLE
    while True:
        whole = size >= len(content)
        sample = content[:size].decode("utf-8", "surrogateescape")
        layout = layout_of(sample, path, whole=whole)
        if whole or sum(1 for _ in zip(_lines(sample, layout.mark), range(3), strict=False)) > 2:
            return layout
        size *= 8


class _Misfit(Exception):
    """A row of another width than the header, and by how many cells it is wider."""

    def __init__(self, row: Any) -> None:
        said = f"{row.actual_columns} cells, not {row.expected_columns}"
        super().__init__(f"row {row.number - 1} does not fit the header: {said}")
        self.wider: int = row.actual_columns - row.expected_columns


class _Unclosed(Exception):
    """A quoted cell does not end."""


def _read(stream: IO[bytes], mark: str, names: tuple[str, ...], size: int) -> pa.Table:
    """In blocks, larger ones where a cell is longer than a block."""
    from pyarrow import csv as arrow_csv

    faults: list[Any] = []

    def fault(row: Any) -> str:
        faults.append(row)
        return "error"

    parse = arrow_csv.ParseOptions(delimiter=mark, newlines_in_values=True, invalid_row_handler=fault)
    texts = dict.fromkeys(names, pa.string())
    convert = arrow_csv.ConvertOptions(column_types=texts, null_values=[""], strings_can_be_null=True)
    block = _BLOCK
    while True:
        rows = arrow_csv.ReadOptions(use_threads=False, block_size=block, column_names=names, skip_rows_after_names=1)
        try:
            return arrow_csv.read_csv(stream, read_options=rows, parse_options=parse, convert_options=convert)
        except pa.ArrowInvalid as error:
            if faults:
                raise _Misfit(faults[0]) from None
            if "straddling" not in str(error) or block >= _LARGEST:
                raise
            if block > size:
                raise _Unclosed from None
            block = min(block * 8, _LARGEST)
            stream.seek(0)
