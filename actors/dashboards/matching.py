"""Which rows of a batch are the events that a business names, by the same conditions as questions have in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from actors.columns import labels
from analytics.kernels import Bools
from query.questions.schema import Filter, Match

_JSON = "properties"
_NOTHING: Mapping[str, Any] = {}


class Matching:
    """The rows of one batch: what is read of one is kept for the next question."""

    def __init__(self, table: pa.RecordBatch) -> None:
        self.table = table
        self._codes, self._types = labels(table, "type")
        self._columns: dict[str, list[Any]] = {}
        self._properties: dict[int, Mapping[str, Any]] = {}

    def where(self, match: Match, ours: tuple[Filter, ...] = ()) -> Bools:
        """bool[rows]: the type is one of the match's, and all conditions hold, those of ``ours`` included."""
        if match.types:
            wanted = np.array([name in match.types for name in self._types])
            found: Bools = wanted[self._codes]
        else:
            found = np.ones(self.table.num_rows, np.bool_)
        for condition in (*ours, *match.where):
            for row in np.flatnonzero(found).tolist():
                found[row] = holds(condition, self.value(row, condition.name))
        return found

    def column(self, name: str) -> list[Any]:
        """The values of a column, as Python has them."""
        if name not in self._columns:
            self._columns[name] = self.table.column(name).to_pylist()
        return self._columns[name]

    def value(self, row: int, name: str) -> Any:
        """A column's value, or that of a property: ``cart.total`` is one of that name, else ``total`` in ``cart``."""
        if name in self.table.schema.names:
            return self.column(name)[row]
        said = self._said(row)
        if name in said:
            return said[name]
        here: Any = said
        for part in name.removeprefix(f"{_JSON}.").split("."):
            here = here.get(part) if isinstance(here, Mapping) else None
        return here

    def _said(self, row: int) -> Mapping[str, Any]:
        if row not in self._properties:
            text = self.column(_JSON)[row]
            try:
                said = msgspec.json.decode(text) if text else None
            except (msgspec.MsgspecError, RecursionError):  # no JSON says nothing, as in SQL
                said = None
            self._properties[row] = said if isinstance(said, dict) else _NOTHING
        return self._properties[row]


def holds(condition: Filter, value: Any) -> bool:
    """Whether a condition holds of a value; ``!=`` and ``not in`` also of none."""
    match condition.op:
        case "exists":
            return value is not None
        case "missing":
            return value is None
        case "=" | "in":
            return any(_same(value, wanted) for wanted in condition.values)
        case "!=" | "not in":
            return not any(_same(value, wanted) for wanted in condition.values)
        case "contains":
            return value is not None and str(condition.value) in written(value)
        case _:
            return _compared(condition, value)


def _compared(condition: Filter, value: Any) -> bool:
    number = number_of(value)
    (bound,) = condition.values
    if number is None or not isinstance(bound, (int, float)):
        return False
    return {"<": number < bound, "<=": number <= bound, ">": number > bound, ">=": number >= bound}[condition.op]


def _same(value: Any, wanted: Any) -> bool:
    if value is None:
        return False
    if isinstance(wanted, bool):
        return written(value) == ("true" if wanted else "false")
    if isinstance(wanted, (int, float)):
        return number_of(value) == wanted
    return written(value) == wanted


def number_of(value: Any) -> float | None:
    """A value as a number; None where it is none."""
    if value is None or isinstance(value, (bool, dict, list)):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def written(value: Any) -> str:
    """A value as the text that SQL makes of it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
