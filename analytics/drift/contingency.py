"""Two samples of a column as one contingency table: all that the measures of drift look at.

A cell of the table is one value, or a range of values; its two entries are how many rows of each sample lie in it.

Cells are cut on the pooled sample without looking at which row is whose, so a permutation of the rows between the samples
leaves the cells as they are: that is what makes the permutation null of every measure exact.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analytics.binning import dense, equal_mass, within_one
from analytics.kernels import F64, I32, I64

Kind = Literal["numeric", "categorical", "mixed"]

FINE, COARSE = 1024, 128
"""Most cells of a numeric column: where the units of the permutation are rows, and where they are blocks of rows."""
BINS = 10
"""Bins of PSI and Jensen-Shannon: tenths of the pooled sample, the usual choice for PSI."""
CATEGORIES = 127
EXPECTED = 5.0
"""A category with a smaller expected count in the smaller sample is pooled with the other rare ones (Cochran 1954)."""
RARE = "(rare)"


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """One column of both samples, reference rows first, each row as the number of the cell that it lies in."""

    name: str
    kind: Kind
    code: I32
    """int32[rows]: the cell of each row; the last cell, ``width - 1``, is of missing values."""
    width: int
    gaps: F64
    """float64[width - 2]: distances between the means of neighbouring cells, in pooled standard deviations."""
    bins: I64
    """First cell of each bin."""
    unseen: tuple[str, ...] = ()
    """Categories of the current sample that the reference does not have, the most frequent first."""
    unseen_share: float = 0.0
    """Their share of the current rows."""
    rare: int = 0
    """How many categories are pooled into one cell."""


def kind_of(name: str, sample: str, values: npt.NDArray[Any]) -> Kind | None:
    """Floats, integers and booleans are numeric; strings and objects categorical, mixed where they hold floats, too; nothing
    but ``None`` can be either."""
    if values.ndim != 1:
        raise ValueError(f"column {name!r} of the {sample} has {values.ndim} dimensions: pass one value a row")
    if values.dtype.kind in "fiub":
        return "numeric"
    if values.dtype.kind == "O":
        types = {type(v) for v in values.tolist() if v is not None and v == v}
        if float in types:
            return "numeric" if types == {float} else "mixed"
        return "categorical" if types else None
    if values.dtype.kind in "UT":
        return "categorical"
    raise ValueError(f"column {name!r} of the {sample} holds {values.dtype}: pass numbers or strings")


def numeric(name: str, reference: npt.NDArray[Any], current: npt.NDArray[Any], most: int) -> CodedColumn:
    """Cells of equal pooled mass, equal values always together; one for each distinct value where ``most`` allows it."""
    both = within_one(np.concatenate([reference.astype(np.float64), current.astype(np.float64)]))
    code, rows, means = equal_mass(both, most)
    width = len(rows) + 1
    deviation = float(np.std(both[code >= 0])) if len(rows) > 1 else 1.0
    code[code < 0] = width - 1
    bin_of_cell = dense((np.cumsum(rows) - rows / 2) * BINS // max(int(rows.sum()), 1))
    bins = np.searchsorted(bin_of_cell, np.unique(bin_of_cell)).astype(np.int64)
    return CodedColumn(name, "numeric", code, width, np.diff(means) / deviation, bins)


def categorical(name: str, reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> CodedColumn:
    """A cell for each category, the rare ones together in the last before that of missing values."""
    raw, labels = _codes(name, reference, current)
    split = len(reference)
    count = np.bincount(raw[raw >= 0], minlength=len(labels))
    known = np.bincount(raw[:split][raw[:split] >= 0], minlength=len(labels)) > 0
    order = sorted(range(len(labels)), key=lambda i: (-count[i], labels[i]))
    least = EXPECTED * len(raw) / min(split, len(raw) - split)
    kept = [i for i in order[:CATEGORIES] if count[i] >= least]
    rare = len(order) - len(kept)
    cell = np.full(len(labels) + 1, len(kept), np.int64)
    cell[kept] = np.arange(len(kept))
    width = len(kept) + (rare > 0) + 1
    cell[-1] = width - 1
    unseen = [i for i in order if not known[i]]
    share = float(count[unseen].sum()) / (len(raw) - split)
    bins = np.arange(width - 1)
    shown = tuple(labels[i] for i in unseen[:CATEGORIES])
    return CodedColumn(name, "categorical", cell[raw].astype(np.int32), width, np.zeros(0), bins, shown, share, rare)


def mixed(name: str, reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> CodedColumn:
    """Where some values are numbers and others text, as when a column changed its type.

    A category for each text and for each tenth of the pooled numbers, cut without looking at which row is whose."""
    both = np.concatenate([reference.astype(object), current.astype(object)])
    is_number = np.array([isinstance(v, (int, float, np.number)) and v == v for v in both.tolist()])
    numbers = both[is_number].astype(np.float64)
    edges = np.unique(np.quantile(numbers, np.arange(1, BINS) / BINS)) if len(numbers) else np.zeros(0)
    place = np.searchsorted(edges, numbers, side="right")
    ends = ["-inf", *(f"{edge:.6g}" for edge in edges), "inf"]
    labels = [f"(number, {low} to {high})" for low, high in itertools.pairwise(ends)]
    both[is_number] = [labels[i] for i in place.tolist()]
    cells = categorical(name, both[: len(reference)], both[len(reference) :])
    return replace(cells, kind="mixed")


def _codes(name: str, reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> tuple[I64, list[str]]:
    """Ids of the values of both samples, -1 for missing ones, and the ids' names."""
    both = reference.tolist() + current.tolist()
    try:
        met = {value: i for i, value in enumerate(dict.fromkeys(both))}
    except TypeError as error:
        raise ValueError(f"column {name!r} holds lists or tables: pass numbers or strings") from error
    raw = np.fromiter(map(met.__getitem__, both), np.int64, len(both))
    names: dict[str, int] = {}
    ids = [-1 if v is None or v != v else names.setdefault(str(v), len(names)) for v in met]
    return np.array(ids, np.int64)[raw], list(names)
