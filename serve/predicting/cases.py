"""Rows to predict, as they come: what is asked of a model, checked row by row, so that one bad row fails alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from analytics.models.arrays import from_arrow
from analytics.models.schema import WrongInput
from analytics.predictive.model import PredictiveModel

Columns = dict[str, npt.NDArray[Any]]
MOST_WRONG = 100
"""Bad rows of one table that are named one by one; beyond, the table is refused."""
_OF_ROW = re.compile(r"^row (\d+): ")


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with a row, or with all of them (``row`` None)."""

    field: str
    reason: str
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One request: ``rows`` as objects, or ``arrow``, a table in Arrow's stream format."""

    rows: Sequence[Mapping[str, Any]] | None = None
    arrow: bytes | None = None


@dataclass(slots=True)
class Answer:
    """Columns of the answer for the good rows; ``good``: which ones these are (None: all), ``wrong``: the others.

    ``features``: what the model was shown, row by row, as far as it was asked for.
    """

    columns: dict[str, list[Any]]
    rows: int
    good: list[int] | None
    wrong: list[Wrong]
    took_us: int = 0
    shown: dict[str, list[Any]] | None = None


def columns_of(item: Item, model: PredictiveModel) -> tuple[Columns, int, list[int] | None, list[Wrong]]:
    """The columns that the model wants, of the rows that have them. Raises ``WrongInput`` where no row can be answered."""
    if item.arrow is not None:
        try:
            with pa.ipc.open_stream(item.arrow) as reader:
                table = reader.read_all()
        except (pa.ArrowInvalid, OSError) as error:
            raise WrongInput("", f"is no table in Arrow's stream format: {error}") from None
        names = [i.name for i in model.inputs if i.name in table.column_names]
        return from_arrow(table.select(names)), table.num_rows, None, []
    rows = item.rows or ()
    wanted = [i.name for i in model.inputs]
    good: list[int] = []
    wrong: list[Wrong] = []
    for number, row in enumerate(rows):
        bad = _judged(row, wanted)
        if bad is None:
            good.append(number)
        else:
            wrong.append(Wrong(*bad, number))
    if not good:
        raise WrongInput(wrong[0].field, wrong[0].reason) if wrong else WrongInput("", "there is no row to predict")
    kept = rows if not wrong else [rows[i] for i in good]
    columns = {name: _array([row[name] for row in kept]) for name in wanted}
    return columns, len(kept), good if wrong else None, wrong


def _judged(row: Mapping[str, Any], wanted: Sequence[str]) -> tuple[str, str] | None:
    for name in wanted:
        if name not in row:
            return name, "is missing; the model was trained with it. Send null where its value is not known"
        value = row[name]
        if isinstance(value, (list, dict)):
            return (
                name,
                f"is {'a list' if isinstance(value, list) else 'an object'}; a number, text, true or null is wanted",
            )
    return None


def _array(values: list[Any]) -> npt.NDArray[Any]:
    kinds = {type(value) for value in values}
    if kinds <= {int, float, type(None)} and kinds != {type(None)}:
        return np.array([np.nan if v is None else v for v in values], np.float64)
    if kinds == {bool}:
        return np.array(values, np.bool_)
    return np.array([*values, None], object)[:-1]


def answered(
    model: PredictiveModel, columns: Columns, rows: int, level: float
) -> tuple[Columns, list[int], list[Wrong]]:
    """What the model says of the rows, which of them it can answer, and what is wrong with the others.

    Raises ``WrongInput`` where it is about no single row, or about too many.
    """
    try:
        return model.answer(columns, rows, level), [*range(rows)], []
    except WrongInput as error:
        if not _OF_ROW.match(error.reason) or rows == 1:
            raise
    good: list[int] = []
    wrong: list[Wrong] = []
    _divide(model, columns, [*range(rows)], level, good, wrong)
    if not good:
        raise WrongInput(wrong[0].field, wrong[0].reason)
    return model.answer(_taken(columns, good), len(good), level), good, wrong


def _divide(
    model: PredictiveModel, columns: Columns, some: list[int], level: float, good: list[int], wrong: list[Wrong]
) -> None:
    """Find the bad rows among ``some`` by halves."""
    try:
        model.answer(_taken(columns, some), len(some), level)
        good.extend(some)
    except WrongInput as error:
        if len(some) == 1:
            wrong.append(Wrong(error.column, _OF_ROW.sub("", error.reason), some[0]))
            if len(wrong) > MOST_WRONG:
                raise WrongInput(error.column, f"more than {MOST_WRONG} rows are wrong; row {some[0] + 1}: "
                                               f"{wrong[-1].reason}") from None  # fmt: skip
            return
        half = len(some) // 2
        _divide(model, columns, some[:half], level, good, wrong)
        _divide(model, columns, some[half:], level, good, wrong)


def _taken(columns: Columns, some: list[int]) -> Columns:
    place = np.array(some, np.int64)
    return {name: values[place] for name, values in columns.items()}


def joined(parts: Sequence[Columns]) -> Columns:
    """Columns of several requests one below the other. All have the same names."""
    if len(parts) == 1:
        return parts[0]
    return {name: _below([part[name] for part in parts]) for name in parts[0]}


def _below(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    if len({a.dtype.kind for a in arrays}) == 1:
        return np.concatenate(arrays)
    values = [None if v != v else v for a in arrays for v in a.tolist()]
    return np.array([*values, None], object)[:-1]


def plain(values: npt.NDArray[Any]) -> list[Any]:
    """As JSON has them: what is not a number is null."""
    if values.dtype.kind == "f":
        return [None if v != v or v in (np.inf, -np.inf) else v for v in values.tolist()]
    if values.dtype.kind == "M":
        return [None if v is None else str(v) for v in values.astype("datetime64[us]").tolist()]
    return values.tolist()
