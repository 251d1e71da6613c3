"""Events out of rows: which rows of a batch are of a kind of events, and what is taken of each.

Columns and properties mean what they mean in questions: a name that is no column is a property of the first JSON column,
``context.page.path`` one of another column; a flat name with dots comes before a path.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import xxhash

from analytics.features.plan import Condition, Events
from analytics.kernels import F64, I64, Bools

JSON_COLUMNS = ("properties", "context", "data", "body")
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
LONGEST = 200
"""Characters of a text that are taken as a feature's value."""


class Hits(NamedTuple):
    """The rows (int64[n], ascending) that are of a kind of events, and what was taken of each.

    ``values``: float64[n] numbers; int64[n] hashes; a list of texts, numbers and truths; None where nothing is taken.
    """

    rows: I64
    values: Any


class Reader:
    """The columns of one batch, each decoded once, and only where it is asked for."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch
        self._names = set(batch.schema.names)
        self._json = [name for name in JSON_COLUMNS if name in self._names]
        self._columns: dict[str, list[Any]] = {}
        self._parsed: dict[tuple[str, int], Any] = {}

    def hits(self, events: Events) -> Hits:
        """The rows that are of ``events``."""
        rows = np.flatnonzero(self._of_types(events.types))
        if events.where and len(rows):
            keep = [all(self._holds(c, row) for c in events.where) for row in rows.tolist()]
            rows = rows[np.array(keep, bool)]
        if events.taken == "nothing":
            return Hits(rows, None)
        if events.taken == "number":
            numbers = self._numbers(events.of, rows)
            there = np.isfinite(numbers) & (np.abs(numbers) < 2.0**62)
            return Hits(rows[there], numbers[there])
        value = self.number if events.number else self._scalar if events.taken == "value" else self.text
        found = [value(events.of, row) for row in rows.tolist()]
        there = np.array([one is not None for one in found], bool)
        kept = [one for one in found if one is not None]
        if events.taken == "identity":
            return Hits(rows[there], np.array([identity_of(one) for one in kept], np.int64))
        return Hits(rows[there], kept)

    def subjects(self, key: str) -> tuple[list[str], I64]:
        """Names, and for each row (int64[rows]) whose it is, as a place in them; -1: nobody's, or it has no time."""
        if key in self._names:
            column = self._batch.column(key)
            if not pa.types.is_dictionary(column.type):
                column = column.cast(pa.string()).dictionary_encode()
        else:
            found = [self.text(key, row) for row in range(self._batch.num_rows)]
            column = pa.array(found, pa.string()).dictionary_encode()
        names = ["" if name is None else str(name) for name in column.dictionary.to_pylist()]
        codes = column.indices
        codes = (codes.fill_null(len(names)) if codes.null_count else codes).to_numpy(zero_copy_only=False)
        numbers = np.array([n if name else -1 for n, name in enumerate(names)] + [-1], np.int64)[codes]
        times = self._batch.column("time")
        if times.null_count:
            numbers[times.is_null().to_numpy(zero_copy_only=False)] = -1
        return names, numbers

    def times(self, column: str) -> I64:
        """int64[rows]: a column of times, us UTC; 0 for null."""
        found = self._batch.column(column).cast(pa.int64())
        return (found.fill_null(0) if found.null_count else found).to_numpy(zero_copy_only=False)

    def _of_types(self, types: Sequence[str]) -> Bools:
        if not types:
            return np.ones(self._batch.num_rows, bool)
        column = self._batch.column("type")
        if not pa.types.is_dictionary(column.type):
            wanted = set(types)
            return np.array([one in wanted for one in column.to_pylist()], bool)
        codes = column.indices
        codes = (codes.fill_null(-1) if codes.null_count else codes).to_numpy(zero_copy_only=False)
        ours = np.array([name in types for name in column.dictionary.to_pylist()] + [False], bool)
        return ours[codes]

    def _column(self, name: str) -> list[Any]:
        found = self._columns.get(name)
        if found is None:
            column = self._batch.column(name)
            if pa.types.is_temporal(column.type):
                column = column.cast(pa.string())
            found = self._columns[name] = column.to_pylist()
        return found

    def _property(self, name: str, row: int) -> Any:
        column, dot, rest = name.partition(".")
        if not (dot and rest and column in self._json):
            if not self._json:
                return None
            column, rest = self._json[0], name
        place = (column, row)
        if place in self._parsed:
            said = self._parsed[place]
        else:
            said = self._parsed[place] = _object(self._column(column)[row])
        found = said.get(rest)
        if found is None and "." in rest:
            found = said
            for part in rest.split("."):
                found = found.get(part) if isinstance(found, dict) else None
        return found

    def _scalar(self, name: str, row: int) -> Any:
        """A text, number or truth; what is none of these as JSON."""
        found = self._column(name)[row] if name in self._names else self._property(name, row)
        if isinstance(found, float) and not math.isfinite(found):
            return None
        if isinstance(found, str):
            return found[:LONGEST]
        return found if found is None or isinstance(found, (bool, int, float)) else _text(found)

    def text(self, name: str, row: int) -> str | None:
        """The value as a text; None where there is none."""
        found = self._column(name)[row] if name in self._names else self._property(name, row)
        return found if found is None or isinstance(found, str) else _text(found)

    def number(self, name: str, row: int) -> float | None:
        """The value as a finite number; None where it is none."""
        return _number(self._column(name)[row] if name in self._names else self._property(name, row))

    def _numbers(self, name: str, rows: I64) -> F64:
        if name in self._names:
            column = self._batch.column(name)
            if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
                return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)[rows]
        found = [self.number(name, row) for row in rows.tolist()]
        return np.array([math.nan if one is None else one for one in found], np.float64)

    def _holds(self, condition: Condition, row: int) -> bool:
        name, op, values = condition
        if op in ("exists", "missing"):
            return (self.text(name, row) is not None) == (op == "exists")
        if op in _COMPARE:
            number = self.number(name, row)
            return number is not None and _COMPARE[op](number, float(values[0]))
        if op == "contains":
            text = self.text(name, row)
            return text is not None and str(values[0]) in text
        same = any(self._same(name, value, row) for value in values)
        return not same if op in ("!=", "not in") else same

    def _same(self, name: str, value: Any, row: int) -> bool:
        if isinstance(value, bool):
            return self.text(name, row) == ("true" if value else "false")
        if isinstance(value, (int, float)):
            return self.number(name, row) == value
        return self.text(name, row) == value


def identity_of(text: str) -> int:
    """64 bits that stand for a text (xxh3), as a signed number."""
    return xxhash.xxh3_64_intdigest(text.encode()) - (1 << 63)


def _object(said: Any) -> dict[str, Any]:
    try:
        found = orjson.loads(said) if said else None
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return orjson.dumps(value).decode()


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
