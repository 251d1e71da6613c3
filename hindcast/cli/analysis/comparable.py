"""One column of two files as cells that can be compared: numbers where both have numbers, else names as they are written.

What a column is, both files decide together, not each for itself: 001, 002 here and W10, 001 there are the same codes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from hindcast.cli.output import note

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa

    from files.tables import Read

Kind = Literal["number", "time", "text", "none", "nested"]
_TIME = "(a time)"
_REPEATED = 10
"""Rows for each different number, from which on numbers beside text count as names one by one, not in tenths."""
_NAMES = 100
_LOOKED_AT = 50


class Sheet(NamedTuple):
    """A file's columns as they are written, and as its own cells let guess them."""

    file: str
    written: pa.Table
    typed: pa.Table

    @classmethod
    def of(cls, file: str, found: Read) -> Sheet:
        return cls(file, found.written, found.typed())

    @property
    def names(self) -> list[str]:
        return self.written.column_names

    def kind(self, name: str) -> Kind:
        import pyarrow as pa

        from analytics.column_values import numeric

        type_ = self.typed.schema.field(name).type
        if pa.types.is_null(type_):
            return "none"
        if pa.types.is_nested(type_):
            return "nested"
        if pa.types.is_temporal(type_):
            return "time"
        return "number" if numeric(type_) or pa.types.is_boolean(type_) else "text"

    def may_be_times(self, name: str) -> bool:
        """Whether there is a time among the first cells, or nothing at all; a slip among times makes no text of them."""
        import pyarrow as pa

        from files.cells import timed

        if self.kind(name) != "text":
            return self.kind(name) in ("time", "none")
        cells = [cell for cell in self.written[name].slice(0, _LOOKED_AT).to_pylist() if cell is not None]
        return any(pa.types.is_temporal(timed(pa.chunked_array([pa.array([str(cell)])])).type) for cell in cells)


def comparable(name: str, before: Sheet, now: Sheet) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """float64 of both (NaN for no value), or objects: text and, where a column has text and many numbers, floats.

    Says where a column is of one kind in one file and of another in the other.
    """
    kinds = before.kind(name), now.kind(name)
    if "number" in kinds and all(_are_numbers(sheet, name) for sheet in (before, now)):
        return _numbers(before, name), _numbers(now, name)
    for sheet, other in ((before, now), (now, before)):
        if sheet.kind(name) == "text" and other.kind(name) in ("number", "time"):
            _say_changed(name, sheet, other)
    return _names(before, now, name)


def _say_changed(name: str, sheet: Sheet, other: Sheet) -> None:
    """Where the column is no longer what it is in the other file."""
    what = other.kind(name)
    cells = _spelled(sheet, name)
    numbers = _floats(_text(cells)) if what == "number" else [float("nan")] * len(cells)
    odd = [i for i, cell in enumerate(cells) if cell is not None and numbers[i] != numbers[i]]
    if not odd:
        note(
            f"{name}: codes with a leading zero in {sheet.file}, numbers in {other.file}: compared as they are written"
        )
        return
    row = odd[0]
    note(f"{sheet.file}: column {name!r}, row {row + 1}: {cells[row]!r} is not a {what}, as all are in {other.file}")


def _are_numbers(sheet: Sheet, name: str) -> bool:
    """Whether all cells with a value are numbers, and none is a code with a leading zero."""
    import pyarrow as pa

    from files.cells import is_coded, numbers, valued

    if sheet.kind(name) in ("number", "none"):
        return True
    column = sheet.written[name]
    if not pa.types.is_string(column.type):
        return False
    cells = valued(column)
    return not is_coded(cells) and numbers(column).null_count == cells.null_count


def _numbers(sheet: Sheet, name: str) -> npt.NDArray[np.float64]:
    import numpy as np
    import pyarrow as pa

    from files.cells import numbers

    column = sheet.typed[name]
    if pa.types.is_string(column.type):
        column = numbers(column)
    plain = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
    return np.asarray(plain.cast(pa.float64(), safe=False).fill_null(float("nan")), np.float64)


def _names(before: Sheet, now: Sheet, name: str) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    import numpy as np

    from files.cells import is_coded, valued

    texts = [_spelled(sheet, name) for sheet in (before, now)]
    both = np.concatenate(texts)
    column = _text(both)
    read = _floats(column)
    known = read[~np.isnan(read)]
    distinct = len(np.unique(known))
    as_names = distinct <= _NAMES and len(known) >= _REPEATED * distinct
    if not as_names and not is_coded(valued(column)):
        both[~np.isnan(read)] = known
    return both[: len(texts[0])], both[len(texts[0]) :]


def _text(cells: npt.NDArray[Any]) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([pa.array(cells.tolist(), pa.string())])


def _floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    import numpy as np

    from files.cells import numbers

    return np.asarray(numbers(column).fill_null(float("nan")), np.float64)


def _spelled(sheet: Sheet, name: str) -> npt.NDArray[Any]:
    """Text as written, None where there is none; one word for all times, which hardly repeat."""
    import numpy as np

    from analytics.models.schema import as_texts

    cells = np.array([*sheet.written[name].to_pylist(), None], object)[:-1]
    if sheet.kind(name) == "time":
        cells[:] = [None if cell is None else _TIME for cell in cells]
    cells[:] = as_texts(cells)
    return cells
