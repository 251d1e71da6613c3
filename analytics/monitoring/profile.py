"""A sample of rows as a few counts a column: what later rows are held against, one by one.

Numbers are counted between the deciles of the sample, texts by the most frequent values; what is missing, and a value that
the sample does not have, are counted of their own. A profile is plain JSON, so that it can stand in an event.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

PARTS = 10
MOST_LEVELS = 20
MOST_COLUMNS = 200
Profile = dict[str, dict[str, Any]]
"""By column: ``edges`` of a number or ``levels`` of a text, and ``counts`` of each bin. The last bin is *missing*; of a
text the last but one is *another value*."""


def profile_of(columns: Mapping[str, npt.NDArray[Any]]) -> Profile:
    """The profile of equally long columns: numbers, truth values, times (as microseconds), texts."""
    return {name: _column(np.asarray(values)) for name, values in [*columns.items()][:MOST_COLUMNS]}


def _column(values: npt.NDArray[Any]) -> dict[str, Any]:
    if values.dtype.kind == "M":
        micros = values.astype("datetime64[us]").astype(np.float64)
        micros[np.isnat(values)] = np.nan
        values = micros
    if values.dtype.kind in "iuf":
        numbers = values.astype(np.float64)
        known = numbers[np.isfinite(numbers)]
        edges = np.unique(np.quantile(known, np.arange(1, PARTS) / PARTS)).tolist() if len(known) else []
        found: dict[str, Any] = {"edges": edges}
    else:
        texts = [text for value in values.tolist() if (text := text_of(value)) is not None]
        found = {"levels": [level for level, _ in Counter(texts).most_common(MOST_LEVELS)]}
    counts = [0] * bins(found)
    for value in values.tolist():
        counts[place(found, value)] += 1
    return {**found, "counts": counts}


def bins(column: Mapping[str, Any]) -> int:
    """How many there are of a profile's column."""
    return len(column["edges"]) + 2 if "edges" in column else len(column["levels"]) + 2


def place(column: Mapping[str, Any], value: Any) -> int:
    """The bin of one value; what is of another kind than the column counts as another value, or as missing."""
    if "edges" in column:
        edges = column["edges"]
        number = _number(value)
        if number is None:
            return len(edges) + 1
        low, high = 0, len(edges)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if edges[middle] < number else (low, middle)
        return low
    levels = column["levels"]
    text = text_of(value)
    if text is None:
        return len(levels) + 1
    return levels.index(text) if text in levels else len(levels)


def text_of(value: Any) -> str | None:
    """As values of a category are compared: a whole number without its point, a truth value in small letters."""
    if value is None or value != value or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number == number and abs(number) != float("inf") else None
