"""Two samples of a column as counts in shared cells: all that the measures of drift look at.

Cells are cut on the pooled sample without looking at which row is whose, so a permutation of the rows between the samples
leaves the cells as they are: that is what makes the permutation null of every measure exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analytics.typed import F64, I32, I64

Kind = Literal["numeric", "categorical"]

FINE, COARSE = 1024, 128
"""Most cells of a numeric column: where the units of the permutation are rows, and where they are blocks of rows."""
BINS = 10
"""Bins of PSI and Jensen-Shannon: tenths of the pooled sample, the usual choice for PSI."""
CATEGORIES = 127
EXPECTED = 5.0
"""A category with a smaller expected count in the smaller sample is pooled with the other rare ones (Cochran 1954)."""
RARE = "(rare)"


@dataclass(frozen=True, slots=True)
class Cells:
    """One column of both samples, reference rows first."""

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
    """Floats, integers and booleans are numeric; strings and objects categorical; nothing but ``None`` can be either."""
    if values.ndim != 1:
        raise ValueError(f"column {name!r} of the {sample} has {values.ndim} dimensions: pass one value a row")
    if values.dtype.kind in "fiub":
        return "numeric"
    if values.dtype.kind == "O":
        return "categorical" if any(v is not None and v == v for v in values.tolist()) else None
    if values.dtype.kind in "UT":
        return "categorical"
    raise ValueError(f"column {name!r} of the {sample} holds {values.dtype}: pass numbers or strings")


def numeric(name: str, reference: npt.NDArray[Any], current: npt.NDArray[Any], most: int) -> Cells:
    """Cells of equal pooled mass, equal values always together; one for each distinct value where ``most`` allows it."""
    both = np.concatenate([reference.astype(np.float64), current.astype(np.float64)])
    absent = ~np.isfinite(both)
    values, inverse, count = np.unique(both[~absent], return_inverse=True, return_counts=True)
    place = (np.cumsum(count) - count / 2) / max(count.sum(), 1)  # in (0, 1): the middle of the value's rows
    cell = np.arange(len(values)) if len(values) <= most else _dense((place * most).astype(np.int64))
    width = int(cell[-1]) + 2 if len(values) else 1
    code = np.full(len(both), width - 1, np.int32)
    code[~absent] = cell[inverse]
    weight = np.bincount(cell, count, width - 1)
    # Scaled first, so that 1e308 does not overflow: all that follows is relative.
    scaled = values / max(float(np.abs(values).max(initial=0.0)), np.finfo(float).tiny)
    means = np.bincount(cell, scaled * count, width - 1) / weight
    deviation = (
        np.sqrt(np.average((scaled - np.average(scaled, weights=count)) ** 2, weights=count)) if width > 2 else 1.0
    )
    bin_of_cell = _dense((np.cumsum(weight) - weight / 2) * BINS // max(weight.sum(), 1))
    bins = np.searchsorted(bin_of_cell, np.arange(int(bin_of_cell[-1]) + 1 if width > 1 else 0))
    return Cells(name, "numeric", code, width, np.diff(means) / deviation, bins.astype(np.int64))


def categorical(name: str, reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> Cells:
    """A cell for each category, the rare ones together in the last before that of missing values."""
    raw, labels = _codes(reference, current)
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
    return Cells(name, "categorical", cell[raw].astype(np.int32), width, np.zeros(0), bins, shown, share, rare)


def _codes(reference: npt.NDArray[Any], current: npt.NDArray[Any]) -> tuple[I64, list[str]]:
    """Ids of the values of both samples, -1 for missing ones, and the ids' names."""
    met: dict[Any, int] = {}
    raw = np.array([met.setdefault(v, len(met)) for part in (reference, current) for v in part.tolist()], np.int64)
    names: dict[str, int] = {}
    ids = [-1 if v is None or v != v else names.setdefault(str(v), len(names)) for v in met]
    return np.array(ids, np.int64)[raw], list(names)


def _dense(ascending: npt.NDArray[Any]) -> I64:
    """0, 1, 2 ... for the distinct numbers of an ascending array."""
    return np.cumsum(np.diff(ascending, prepend=ascending[:1]) != 0)
