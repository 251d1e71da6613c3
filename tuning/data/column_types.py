"""The type of each column, decided once from its name and values. Each decision is also explained in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.models.number_formats import Found, is_certain, is_missing, number_spelling, numbers_of, time_spelling
from analytics.models.schema import EXACT, Column, Kind, Schema, WrongInput, as_dates, as_numbers, as_texts, words_of
from tuning.report import Note

LEVELS = 2000
"""A category's most frequent values that are told apart."""
_EXACT = float(1 << 24)
"""Whole numbers up to here are exact in float32."""
_IDENTIFIER = re.compile(r"(^|[_\W])(id|uuid|guid|key|identifier|no|nr|index)$|[a-z]I[dD]$", re.IGNORECASE)
WORDS, _CELLS = 400, 40_000_000
"""Of a text column's words the most frequent are counted, so many that the counts of all rows stay within so many cells."""
_WHOLE, _LEADING_ZERO = re.compile(r"[+-]?[0-9]+"), re.compile(r"[+-]?0[0-9]")
_FEWEST_ROWS = 5
_FIRST = 2000
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?")


def schema_of(columns: Mapping[str, npt.NDArray[Any]], *, apart: Mapping[str, str]) -> tuple[Schema, tuple[Note, ...]]:
    """The schema of all columns but the target. ``apart`` names columns that are not features, and why."""
    found: list[Column] = []
    notes: list[Note] = []
    seen: dict[bytes, str] = {}
    for name, values in columns.items():
        if name in apart:
            found.append(Column(name, "category", dropped=apart[name]))
            continue
        column = column_of(name, values)
        twin = seen.setdefault(_print(values), name) if not column.dropped else name
        if twin != name:
            column.dropped = f"is a copy of column {twin!r}"
        found.append(column)
        if column.dropped:
            code = "identifier" if "identif" in column.dropped else "dropped-column"
            notes.append(Note(code=code, text=f"Column {name!r} is not used: it {column.dropped}.", column=name))
        elif column.kind == "text":
            text = f"Column {name!r} is taken as text: how often each of its {len(column.levels)} commonest words is there."
            notes.append(Note(code="text", text=text, column=name))
        if column.spelling and not column.dropped:
            notes += said_of_spelling(column, values)
    if not any(not c.dropped for c in found):
        reasons = "; ".join(f"{c.name!r} {c.dropped}" for c in found[:5])
        raise WrongInput("", f"no column is left to learn from ({reasons or 'the table has only the target'})")
    return Schema(found), tuple(notes)


def _print(values: npt.NDArray[Any]) -> bytes:
    import hashlib

    raw = (
        "\0".join(map(str, values.tolist())).encode("utf-8", "replace") if values.dtype == object else values.tobytes()
    )
    return hashlib.sha256(values.dtype.str.encode() + raw).digest()


def column_of(name: str, values: npt.NDArray[Any]) -> Column:
    """One column's kind, or why it is not used."""
    if values.dtype.kind == "b":
        return _levels(name, "boolean", as_texts(values))
    if values.dtype.kind == "M":
        known = values[~np.isnat(values)]
        return Column(name, "date", dropped=_single(len(known), len(np.unique(known))))
    if values.dtype.kind in "iuf":
        return _number(name, as_numbers(name, values))
    texts = as_texts(values)
    known = [t for t in texts if t is not None]
    if known and all(isinstance(v, bool) for v in values.tolist() if v is not None):
        return _levels(name, "boolean", texts)
    if any(isinstance(v, (list, dict)) for v in values[:100].tolist()):
        return Column(name, "category", dropped="holds lists or objects; make columns of them")
    return _spelled_number(name, values, known) or _spelled_time(name, values, known) or _category(name, texts, known)


def _spelled_number(name: str, values: npt.NDArray[Any], known: Sequence[str]) -> Column | None:
    """The column as numbers, where its texts are numbers as Python writes them or as people do."""
    if is_coded(known):
        return None
    found = Found("") if is_plain(known) else number_spelling(known)
    if found is None:
        return None
    column = _number(name, as_numbers(name, values, found.spelling, strays=bool(found.strays)))
    column.spelling, column.strays = found.spelling, bool(found.strays)
    return column


def is_coded(known: Sequence[str]) -> bool:
    """Whether whole numbers are codes rather than counts.

    One has a leading zero (zip codes, accounts), or they repeat and are too large for float64 to tell them apart."""
    told = [t for t in known if not is_missing(t)]
    if not told or not all(_WHOLE.fullmatch(t) for t in told):
        return False
    if any(_LEADING_ZERO.match(t) for t in told):
        return True
    return max(map(len, told)) > 15 and any(abs(int(t)) >= EXACT for t in told) and 2 * len(set(told)) <= len(told)


def is_plain(known: Sequence[str]) -> bool:
    """Whether texts are numbers as Python writes them."""
    try:
        return bool([float(t) for t in known if not is_missing(t)])
    except ValueError:
        return False


def _spelled_time(name: str, values: npt.NDArray[Any], known: Sequence[str]) -> Column | None:
    found = Found("") if known and all(_DATE.match(t) for t in known[:50]) else time_spelling(known)
    try:
        times = None if found is None else as_dates(name, values, found.spelling)
    except WrongInput:
        return None
    if found is None or times is None:
        return None
    distinct = len(np.unique(times[~np.isnat(times)]))
    if distinct < 2 and len(known) < len(values):
        return None  # present or not is a feature
    return Column(name, "date", dropped=_single(1, distinct), spelling=found.spelling)


def said_of_spelling(column: Column, values: npt.NDArray[Any]) -> list[Note]:
    """That texts are read as numbers or times, with an example, and what among them is none."""
    known = [t for t in as_texts(values) if t is not None and not is_missing(t)]
    if column.kind == "date":
        text = f"Column {column.name!r} is read as times in the form {column.spelling}, such as {known[0]!r}."
        if not is_certain(known, column.spelling):
            text += " No row tells whether days or months come first; where days do, write the dates as YYYY-MM-DD."
            return [Note(code="spelling", text=text, column=column.name, severity="warning")]
        return [Note(code="spelling", text=text, column=column.name)]
    odd = [t for t in known if np.isnan(numbers_of([t], column.spelling)[0])] if column.strays else []
    example = next(t for t in known if t not in odd)
    text = f"Column {column.name!r} is read as numbers written like {column.spelling}, such as {example!r}."
    notes = [Note(code="spelling", text=text, column=column.name)]
    if odd:
        shown = ", ".join(repr(t[:40]) for t in list(dict.fromkeys(odd))[:3])
        text = f"{len(odd):,} rows of column {column.name!r} hold no number ({shown}); they count as missing."
        notes.append(Note(code="strays", text=text, column=column.name, severity="warning"))
    return notes


def _single(known: int, distinct: int) -> str:
    if not known or not distinct:
        return "has no values"
    return "has only one value" if distinct == 1 else ""


def _number(name: str, numbers: npt.NDArray[np.float64]) -> Column:
    known = numbers[np.isfinite(numbers)]
    varied = bool(len(known)) and float(known.min()) < float(known.max())
    if not varied and 0 < len(known) < len(numbers):
        return Column(name, "number")  # present or not is a feature
    dropped = "" if varied else _single(len(known), 1)
    whole = varied and len(known) == len(numbers) >= 20 and bool((known == np.round(known)).all())
    if whole and len(distinct := np.unique(known)) == len(numbers):
        steps = np.diff(known)
        if distinct[-1] - distinct[0] + 1 == len(distinct) and (bool((steps > 0).all()) or _IDENTIFIER.search(name)):
            dropped = "counts the rows, an identifier"
        elif _IDENTIFIER.search(name):
            dropped = "is an identifier: another whole number in each row"
    big = bool(len(known)) and float(np.abs(known).max()) > _EXACT
    return Column(name, "number", offset=float(np.median(known)) if big and not dropped else 0.0, dropped=dropped)


def _levels(name: str, kind: Kind, texts: Iterable[str | None]) -> Column:
    rows = list(texts)
    counts = Counter(t for t in rows if t is not None)
    dropped = _single(sum(counts.values()), len(counts))
    if len(counts) == 1 and None in rows:
        dropped = ""
    return Column(name, kind, levels=[level for level, _ in counts.most_common(LEVELS)], dropped=dropped)


def _category(name: str, texts: list[str | None], known: list[str]) -> Column:
    column = _levels(name, "category", texts)
    if column.dropped or len(known) < 20:
        return column
    distinct = len(set(known))
    if distinct > 0.2 * len(known) and (words := _vocabulary(known, len(texts))):
        return Column(name, "text", levels=words)
    if distinct > 0.95 * len(known) and distinct > LEVELS / 20:
        column.levels, column.dropped = [], "is an identifier: another value in nearly each row"
    return column


def _vocabulary(known: Sequence[str], rows: int) -> list[str]:
    """The words of a text column that are counted, commonest first. None where texts are single words, or where half of
    them have no word that others have: names and codes."""
    if sum(len(words_of(text)) for text in known[:_FIRST]) < 2 * min(len(known), _FIRST):
        return []
    said = [words_of(text) for text in known]
    rows_with = Counter(word for words in said for word in set(words))
    common = sorted((-n, word) for word, n in rows_with.items() if n >= _FEWEST_ROWS)
    chosen = [word for _, word in common[: max(40, min(WORDS, _CELLS // rows))]]
    told = set(chosen)
    return chosen if 2 * sum(not told.isdisjoint(words) for words in said) >= len(said) else []
