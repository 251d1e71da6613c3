"""A table's columns as a model knows them: what each one is, and the one way from values to a float32 matrix.

Only names are learnt here (which levels a category has), no statistics: those are fitted to training rows (``encoding``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analytics.column_values import times_of
from analytics.models.number_formats import MISSING, is_missing, numbers_of

Columns = Mapping[str, npt.NDArray[Any]]
"""Equally long arrays by column name: float64 (missing is NaN), bool, datetime64, or objects (str, number or None)."""
Kind = Literal["number", "boolean", "date", "category", "text"]
F32 = npt.NDArray[np.float32]
DATE_PARTS = ("day", "year", "month", "weekday", "hour")
_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_OFFSET = re.compile(r"^\d.*:.*[+-]\d\d:?\d\d$")
_LARGEST = 3.0e38
EXACT = 1 << 53
"""Whole numbers from it on are not told apart by float64."""
_FEW = 64
"""Rows up to which numbers are converted all columns at once: there the calls cost more than the values."""
_TRUE = frozenset({"true", "t", "yes", "y", "1", "1.0"})
_FALSE = frozenset({"false", "f", "no", "n", "0", "0.0"})


class WrongInput(ValueError):
    """The caller's table: names the column and says what is wrong with it and what was expected."""

    def __init__(self, column: str, reason: str) -> None:
        super().__init__(f"column {column!r}: {reason}" if column else reason)
        self.column = column
        self.reason = reason


@dataclass
class Column:
    """One input column. ``levels`` are a category's values, or the words of a text that are counted, in the order of their
    codes; ``offset`` is taken off numbers too large for float32; ``spelling`` is how texts of numbers or times are written
    (``analytics.models.number_formats``; empty: as Python and ISO do), ``strays`` whether texts that are none count as
    missing;
    ``dropped`` says why the column is not used."""

    name: str
    kind: Kind
    levels: list[str] = field(default_factory=list[str])
    offset: float = 0.0
    dropped: str = ""
    spelling: str = ""
    strays: bool = False

    @cached_property
    def codes(self) -> dict[str, int]:
        """A level's place in ``levels``, which are final when it is asked first."""
        return {level: i for i, level in enumerate(self.levels)}

    @property
    def width(self) -> int:
        """Of its features in the matrix."""
        return len(DATE_PARTS) if self.kind == "date" else 2 + len(self.levels) if self.kind == "text" else 1

    def read(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Numbers as float64, times as datetime64, all else as it is. Raises ``WrongInput`` for what is of another kind."""
        if self.kind == "number":
            return as_numbers(self.name, values, self.spelling, strays=self.strays)
        return as_dates(self.name, values, self.spelling) if self.kind == "date" else values

    def __getstate__(self) -> dict[str, Any]:
        """What is stored: the fields alone."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass
class Feature:
    """One column of the matrix. A category of ``levels`` L holds codes 0..L-1, L for an unseen and L+1 for no value."""

    name: str
    column: str
    kind: Literal["number", "category", "count"]
    levels: int = 0


@dataclass(frozen=True)
class _Layout:
    """Where each used column's features stand in the matrix."""

    used: list[Column]
    start: list[int]
    width: int
    numbers: list[Column]
    at: npt.NDArray[np.int64]
    offsets: npt.NDArray[np.float64]


@dataclass
class Schema:
    """The columns that a model was made for. A column that was dropped may be absent; extra columns are ignored.

    Which ones are dropped is final when a schema is first used; who drops more makes another one.
    """

    columns: list[Column]

    def __getstate__(self) -> dict[str, Any]:
        return {"columns": self.columns}

    @property
    def used(self) -> list[Column]:
        return [c for c in self.columns if not c.dropped]

    @cached_property
    def _layout(self) -> _Layout:
        used = self.used
        ends = np.cumsum([0, *(c.width for c in used)]).tolist()
        numbers = [(start, c) for start, c in zip(ends, used, strict=False) if c.kind == "number"]
        return _Layout(
            used, ends[:-1], ends[-1], [c for _, c in numbers], np.array([at for at, _ in numbers], np.int64),
            np.array([c.offset for _, c in numbers], np.float64),
        )  # fmt: skip

    def features(self) -> list[Feature]:
        """The matrix's columns, in order."""
        found: list[Feature] = []
        for c in self.used:
            if c.kind in ("category", "boolean"):
                found.append(Feature(c.name, c.name, "category", len(c.levels)))
            elif c.kind == "date":
                found += [Feature(f"{c.name} ({part})", c.name, "number") for part in DATE_PARTS]
            elif c.kind == "text":
                found += [Feature(f"{c.name} ({part})", c.name, "number") for part in ("length", "words")]
                found += [Feature(f"{c.name} ({word!r})", c.name, "count") for word in c.levels]
            else:
                found.append(Feature(c.name, c.name, "number"))
        return found

    def matrix(self, columns: Columns) -> F32:
        """Rows x features. Raises ``WrongInput`` for a missing column or a value that is not of the column's kind."""
        plan = self._layout
        absent = [c.name for c in plan.used if c.name not in columns]
        if absent:
            more = f" (and {len(absent) - 1} more: {', '.join(absent[1:6])})" if len(absent) > 1 else ""
            raise WrongInput(absent[0], f"is missing; the model was trained with it{more}")
        lengths = {len(columns[c.name]) for c in plan.used} or {len(values) for values in columns.values()}
        if len(lengths) > 1:
            raise WrongInput("", "columns are not equally long")
        out = np.empty((lengths.pop() if lengths else 0, plan.width), np.float32)
        at_once = len(out) <= _FEW and self._fill_numbers(columns, out)
        for c, at in zip(plan.used, plan.start, strict=True):
            if not (at_once and c.kind == "number"):
                block = _encode(c, np.asarray(columns[c.name]))
                out[:, at : at + block.shape[1]] = block
        return out

    def _fill_numbers(self, columns: Columns, out: F32) -> bool:
        """All number columns at once; False where one of them is not float64 yet."""
        plan = self._layout
        arrays = [columns[c.name] for c in plan.numbers]
        if not arrays or any(a.dtype != np.float64 for a in arrays):
            return False
        values = np.concatenate(arrays).reshape(len(arrays), len(out)) - plan.offsets[:, None]
        values[~np.isfinite(values)] = np.nan
        out[:, plan.at] = np.clip(values, -_LARGEST, _LARGEST).T
        return True


def _encode(column: Column, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if column.kind == "number":
        return np.clip(column.read(values) - column.offset, -_LARGEST, _LARGEST)[:, None]
    if column.kind == "date":
        return date_parts(column.read(values))
    texts = as_booleans(column.name, values) if column.kind == "boolean" else as_texts(values)
    if column.kind == "text":
        return word_counts(texts, column.codes)
    code = column.codes
    unseen, missing = len(code), len(code) + 1
    return np.array([missing if t is None else code.get(t, unseen) for t in texts], np.float32)[:, None]


def as_numbers(
    name: str, values: npt.NDArray[Any], spelling: str = "", *, strays: bool = False
) -> npt.NDArray[np.float64]:
    """Float64 with NaN for what is missing or infinite, with ``strays`` also for texts that are no numbers."""
    if values.dtype.kind in "biuf":
        numbers = values.astype(np.float64)
    elif values.dtype.kind in "mM":
        raise WrongInput(name, "holds times, but the model was trained with numbers")
    else:
        texts = [v if isinstance(v, str) else None for v in values.tolist()] if spelling else []
        numbers = numbers_of(texts, spelling) if spelling else np.full(len(values), np.nan)
        for i in np.flatnonzero(np.isnan(numbers)).tolist():
            try:
                numbers[i] = _number(values[i])
            except (TypeError, ValueError):
                if not strays:
                    raise WrongInput(name, f"row {i + 1}: {str(values[i])[:40]!r} is not a number") from None
    if not np.isfinite(numbers).all():
        numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    return numbers


def _number(value: Any) -> float:
    """Raises ``TypeError`` or ``ValueError`` for what is none."""
    return float("nan") if value is None or (isinstance(value, str) and is_missing(value)) else float(value)


def as_dates(name: str, values: npt.NDArray[Any], spelling: str = "") -> npt.NDArray[np.datetime64]:
    """Microseconds in UTC; NaT for what is missing. ISO's spelling is read whatever the column's own."""
    if values.dtype.kind == "M":
        return values.astype("datetime64[us]")
    if values.dtype.kind in "biuf":
        if values.dtype.kind == "f" and np.isnan(values).all():
            return np.full(len(values), np.datetime64("NaT"), "datetime64[us]")
        raise WrongInput(name, "holds numbers, but the model was trained with dates or times")
    texts = [None if value is None or is_missing(str(value)) else str(value).strip() for value in values]
    out = times_of(texts, spelling) if spelling else np.full(len(texts), np.datetime64("NaT"), "datetime64[us]")
    for i in np.flatnonzero(np.isnat(out)).tolist():
        if (text := texts[i]) is not None:
            out[i] = _iso(name, i, text, spelling)
    return out


def _iso(name: str, row: int, text: str, or_spelled: str) -> np.datetime64:
    try:
        if _OFFSET.search(text):
            return np.datetime64(datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None), "us")
        if text[0].isdigit():  # numpy would read ``today``
            return np.datetime64(text.removesuffix("Z"), "us")
    except ValueError:
        pass
    wanted = f"neither a time like {or_spelled} nor" if or_spelled else "not"
    raise WrongInput(name, f"row {row + 1}: {text[:40]!r} is {wanted} an ISO date or time")


def as_texts(values: npt.NDArray[Any]) -> list[str | None]:
    """One spelling a value: whole numbers without a point, true and false in small letters, outer blanks removed."""
    if values.dtype.kind in "biuf" and len(values) > 1000:
        distinct, place = np.unique(values, return_inverse=True)
        spelled = [_spell(value) for value in distinct.tolist()]
        return [spelled[i] for i in place.tolist()]
    return [_spell(value) for value in values.tolist()]


def _spell(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return None if value != value else str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def as_booleans(name: str, values: npt.NDArray[Any]) -> list[str | None]:
    """``true``, ``false`` or None."""
    out: list[str | None] = []
    for i, text in enumerate(as_texts(values)):
        low = None if text is None else text.lower()
        if low is None or low in MISSING:
            out.append(None)
        elif low in _TRUE or low in _FALSE:
            out.append("true" if low in _TRUE else "false")
        else:
            raise WrongInput(name, f"row {i + 1}: {str(text)[:40]!r} is not true or false")
    return out


def date_parts(dates: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float32]:
    """Days since 1970 with fraction, year, month, weekday (Monday 0) and hour, as ``DATE_PARTS``."""
    day = dates.astype("datetime64[D]")
    month = dates.astype("datetime64[M]")
    year = dates.astype("datetime64[Y]")
    micros = (dates - day).astype(np.int64)
    number = day.astype(np.int64)
    columns = [
        number + micros / 86_400e6,
        year.astype(np.int64) + 1970,
        (month - year).astype(np.int64) + 1,
        (number + 3) % 7,
        micros // 3_600_000_000,
    ]
    out = np.stack([np.asarray(c, np.float64) for c in columns], axis=1)
    out[np.isnat(dates)] = np.nan
    return out.astype(np.float32)


def words_of(text: str) -> list[str]:
    """In small letters, without what stands around them."""
    return _WORD.findall(text.lower())


def word_counts(texts: Sequence[str | None], place: Mapping[str, int]) -> npt.NDArray[np.float32]:
    """Length, number of words, then how often each word of ``place`` is there; a missing text is NaN, NaN, 0 …"""
    out = np.zeros((len(texts), len(place) + 2), np.float32)
    for i, text in enumerate(texts):
        if text is None:
            out[i, :2] = np.nan
            continue
        words = words_of(text)
        out[i, 0], out[i, 1] = len(text), len(words)
        for word in words:
            if (at := place.get(word)) is not None:
                out[i, 2 + at] += 1.0
    return out
