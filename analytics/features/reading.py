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
        self._objects: dict[str, list[dict[str, Any] | None]] = {}
        self._every = np.arange(batch.num_rows)

    def hits(self, events: Events) -> Hits:
        """The rows that are of ``events``."""
        rows = np.flatnonzero(self._of_types(events.types))
        for condition in events.where:
            if len(rows):
                rows = rows[np.array(self._hold(condition, rows), bool)]
        if events.taken == "nothing":
            return Hits(rows, None)
        if events.taken == "number":
            numbers = self._numbers(events.of, rows)
            there = np.isfinite(numbers) & (np.abs(numbers) < 2.0**62)
            return Hits(rows[there], numbers[there])
        said = self._values(events.of, rows)
        take: Callable[[Any], Any] = _number if events.number else _scalar if events.taken == "value" else _text
        found = [take(one) for one in said]
        there = np.array([one is not None for one in found], bool)
        kept: list[Any] = [one for one in found if one is not None]
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
            column = pa.array([_text(one) for one in self._values(key, self._every)], pa.string()).dictionary_encode()
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

    def _values(self, name: str, rows: I64) -> list[Any]:
        """The values of a column or property at ``rows``; None where there is none."""
        if name in self._names:
            column = self._column(name)
            return [column[row] for row in rows.tolist()]
        of, dot, rest = name.partition(".")
        if not (dot and rest and of in self._json):
            if not self._json:
                return [None] * len(rows)
            of, rest = self._json[0], name
        objects = self._parsed(of, rows)
        found = [one.get(rest) for one in objects]
        if "." in rest:
            path = rest.split(".")
            return [_along(one, path) if value is None else value for one, value in zip(objects, found, strict=True)]
        return found

    def _parsed(self, column: str, rows: I64) -> list[dict[str, Any]]:
        known = self._objects.get(column)
        if known is None:
            known = self._objects[column] = [None] * self._batch.num_rows
        said, found = self._column(column), list[dict[str, Any]]()
        for row in rows.tolist():
            one = known[row]
            if one is None:
                one = known[row] = _object(said[row])
            found.append(one)
        return found

    def _numbers(self, name: str, rows: I64) -> F64:
        if name in self._names:
            column = self._batch.column(name)
            if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
                return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)[rows]
        found = [_number(one) for one in self._values(name, rows)]
        return np.array([math.nan if one is None else one for one in found], np.float64)

    def _hold(self, condition: Condition, rows: I64) -> list[bool]:
        """Whether a condition holds, for each of the rows."""
        name, op, values = condition
        said = self._values(name, rows)
        if op in ("exists", "missing"):
            there = op == "exists"
            return [(_text(one) is not None) == there for one in said]
        if op in _COMPARE:
            compare, bound = _COMPARE[op], float(values[0])
            return [number is not None and compare(number, bound) for number in map(_number, said)]
        if op == "contains":
            part = str(values[0])
            return [text is not None and part in text for text in map(_text, said)]
        wanted = [_as_asked(value) for value in values]
        turned = op in ("!=", "not in")
        return [any(same(one) for same in wanted) != turned for one in said]


def _as_asked(value: Any) -> Callable[[Any], bool]:
    """Whether what is said is that value: a number as a number, a truth or a text as a text."""
    if isinstance(value, bool):
        text = "true" if value else "false"
        return lambda said: _text(said) == text
    if isinstance(value, (int, float)):
        return lambda said: _number(said) == value
    return lambda said: _text(said) == value


def _along(said: Any, path: Sequence[str]) -> Any:
    for part in path:
        said = said.get(part) if isinstance(said, dict) else None
    return said


def identity_of(text: str) -> int:
    """64 bits that stand for a text (xxh3), as a signed number."""
    return xxhash.xxh3_64_intdigest(text.encode()) - (1 << 63)


def _object(said: Any) -> dict[str, Any]:
    try:
        found = orjson.loads(said) if said else None
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _scalar(value: Any) -> Any:
    """A text, number or truth; what is none of these as JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, str):
        return value[:LONGEST]
    return value if value is None or isinstance(value, (bool, int, float)) else _text(value)


def _text(value: Any) -> str | None:
    """The value as a text; None where there is none."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return orjson.dumps(value).decode()


def _number(value: Any) -> float | None:
    """The value as a finite number; None where it is none."""
    if value is None or isinstance(value, bool):
        return None
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None
