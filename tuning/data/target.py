"""The target: which problem it poses, its classes, and the rows that have it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analytics.models.number_formats import number_spelling
from analytics.models.schema import WrongInput, as_numbers, as_texts
from analytics.models.table import Problem
from tuning.report import Note

FEWEST = 30
"""Rows with a target below which no model is fitted."""
RAREST = 6
"""Rows of a class below which it can be neither learnt nor judged."""
MOST_CLASSES = 100
SKEWED = 1.0


@dataclass(frozen=True)
class Target:
    """``y``: float64 values, or class numbers, of the ``rows`` (positions in the table) that are used."""

    problem: Problem
    y: npt.NDArray[np.float64]
    rows: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    notes: tuple[Note, ...]


def target_of(name: str, values: npt.NDArray[Any], problem: Literal["auto"] | Problem = "auto") -> Target:
    """Rows without a target are left out, and said. Raises ``WrongInput`` where there is nothing to learn."""
    notes: list[Note] = []
    texts = as_texts(values)
    known = np.array(
        [i for i, t in enumerate(texts) if t is not None and t.lower() not in ("nan", "inf", "-inf")], np.int64
    )
    numbers, spelling = _numbers(name, values[known])
    if numbers is not None:
        known, numbers = known[np.isfinite(numbers)], numbers[np.isfinite(numbers)]
    if len(known) < len(values):
        text = f"{len(values) - len(known):,} rows without a value of {name!r} are left out."
        notes.append(Note(code="target-missing", text=text, column=name, severity="warning"))
    if len(known) < FEWEST:
        raise WrongInput(name, f"{len(known)} rows have a value; at least {FEWEST} are needed to fit and judge a model")
    distinct = len({texts[i] for i in known})
    if distinct < 2:
        raise WrongInput(
            name, f"has only one value ({texts[int(known[0])]!r}) in all rows: there is nothing to predict"
        )
    if problem == "auto":
        problem = guess(numbers, distinct, len(known))
        text = f"{name!r} has {distinct:,} distinct values: taken as {problem}."
        notes.append(Note(code="problem", text=text, column=name))
    if problem == "regression":
        if numbers is None:
            raise WrongInput(name, "a regression needs numbers; it holds text")
        if spelling:
            text = f"{name!r} is read as numbers written like {spelling}, such as {texts[int(known[0])]!r}."
            notes.append(Note(code="spelling", text=text, column=name))
        return Target(problem, numbers, known, (), tuple(notes))
    return _classes(name, problem, [str(texts[i]) for i in known], numbers, known, notes)


def is_skewed(y: npt.NDArray[np.float64]) -> bool:
    """Whether values are never negative and their skewness (third standardised moment) is above 1, as of spend or counts."""
    spread = float(y.std())
    return bool(y.min() >= 0.0) and spread > 0.0 and float(np.mean(((y - y.mean()) / spread) ** 3)) > SKEWED


def guess(numbers: npt.NDArray[np.float64] | None, distinct: int, rows: int) -> Problem:
    """Two values are binary; text, and up to 15 whole numbers that repeat, are classes; else regression."""
    if distinct == 2:
        return "binary"
    few = (
        numbers is not None and distinct <= 15 and distinct <= rows / 10 and bool((numbers == np.round(numbers)).all())
    )
    return "multiclass" if numbers is None or few else "regression"


def _numbers(name: str, values: npt.NDArray[Any]) -> tuple[npt.NDArray[np.float64] | None, str]:
    """The values as numbers, where all are, and how they are spelled."""
    if values.dtype.kind == "b":
        return None, ""
    if values.dtype.kind == "M":
        raise WrongInput(name, "holds times; predict a number or a class instead, such as the days until then")
    try:
        return as_numbers(name, values), ""
    except WrongInput:
        found = number_spelling([t for t in as_texts(values) if t is not None])
    if found is None or found.strays:
        return None, ""
    return as_numbers(name, values, found.spelling), found.spelling


def _classes(
    name: str,
    problem: Problem,
    labels: list[str],
    numbers: npt.NDArray[np.float64] | None,
    rows: npt.NDArray[np.int64],
    notes: list[Note],
) -> Target:
    counts = Counter(labels)
    if len(counts) > MOST_CLASSES:
        raise WrongInput(
            name, f"has {len(counts):,} classes, at most {MOST_CLASSES} can be told apart; is it an identifier?"
        )
    rare = sorted(label for label, n in counts.items() if n < RAREST)
    kept = [label for label in counts if label not in rare]
    if len(kept) < 2:
        smallest = min(counts, key=lambda label: counts[label])
        raise WrongInput(
            name,
            f"class {smallest!r} has {counts[smallest]} rows; at least {RAREST} rows of each of two classes are needed",
        )
    if rare:
        text = (
            f"Classes of {name!r} with fewer than {RAREST} rows are left out, with their rows: {', '.join(rare[:10])}."
        )
        notes.append(Note(code="rare-class", text=text, column=name, severity="warning"))
    if problem == "binary" and len(kept) > 2:
        raise WrongInput(name, f"has {len(kept)} classes ({', '.join(sorted(kept)[:5])}, …), a binary problem has two")
    size = dict(zip(labels, numbers.tolist(), strict=True)) if numbers is not None else {}
    classes = sorted(kept, key=lambda label: (size.get(label, 0.0), label))
    code = {label: i for i, label in enumerate(classes)}
    use = np.array([label in code for label in labels])
    y = np.array([code[label] for label, u in zip(labels, use, strict=True) if u], np.float64)
    return Target("binary" if len(classes) == 2 else "multiclass", y, rows[use], tuple(classes), tuple(notes))
