"""Descriptive statistics that can be put together: whoever divides the rows, in whatever order, gets the same answer.

Sums are exact before they are rounded once (Shewchuk 1997, as ``math.fsum`` has it), and quantiles are those of all values,
so an answer does not depend on how rows were cut, nor on which piece came first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.kernels import F64, I64

QUANTILES = (0.5, 0.95, 0.99)


@dataclass(slots=True)
class Numbers:
    """The finite values of one kind of row."""

    pieces: list[F64] = field(default_factory=list[npt.NDArray[np.float64]])

    def add(self, values: F64) -> None:
        """Take in float64[n]; what is not finite is left out."""
        kept = values[np.isfinite(values)]
        if len(kept):
            self.pieces.append(kept)

    def insights(self) -> dict[str, Any] | None:
        """Count, sum, mean, least, largest and quantiles; None: there are no values."""
        if not self.pieces:
            return None
        values = np.sort(np.concatenate(self.pieces))
        total = _sum(values)
        return {
            "count": len(values),
            "sum": total,
            "mean": float(Fraction(total) / len(values)) if math.isfinite(total) else total,
            "min": float(values[0]),
            "max": float(values[-1]),
            **{f"p{round(q * 100)}": float(np.quantile(values, q)) for q in QUANTILES},
        }


def _sum(values: F64) -> float:
    try:
        return math.fsum(values)
    except OverflowError:
        return math.inf if values[-1] > -values[0] else -math.inf


@dataclass(slots=True)
class Kind:
    """The rows of one type."""

    rows: int = 0
    first_us: int | None = None
    last_us: int | None = None
    subjects: set[str] = field(default_factory=set[str])
    numbers: Numbers = field(default_factory=Numbers)


class Description:
    """What happened: of each type how many rows, when, by how many, and what their values say."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}

    def add(self, type: str, time_us: I64, subjects: Iterable[str | None], values: F64) -> None:
        """Take in n rows of one type: int64[n] us UTC, n subjects, float64[n] with NaN where there is no value."""
        if not len(time_us):
            return
        kind = self.kinds.setdefault(type, Kind())
        kind.rows += len(time_us)
        first, last = int(time_us.min()), int(time_us.max())
        kind.first_us = first if kind.first_us is None else min(first, kind.first_us)
        kind.last_us = last if kind.last_us is None else max(last, kind.last_us)
        kind.subjects.update(subject for subject in subjects if subject is not None)
        kind.numbers.add(values)

    def merge(self, other: Description) -> Description:
        """Take in what another one saw; the rows of both must be different ones. Answers this one."""
        for type, theirs in other.kinds.items():
            mine = self.kinds.setdefault(type, Kind())
            mine.rows += theirs.rows
            for name, choose in (("first_us", min), ("last_us", max)):
                said = [at for at in (getattr(mine, name), getattr(theirs, name)) if at is not None]
                setattr(mine, name, choose(said) if said else None)
            mine.subjects |= theirs.subjects
            mine.numbers.pieces += theirs.numbers.pieces
        return self

    def insights(self) -> dict[str, Any]:
        """``{rows, subjects, types: {type: {rows, first_us, last_us, subjects, value}}}``, types with most rows first."""
        ordered = sorted(self.kinds.items(), key=lambda item: (-item[1].rows, item[0]))
        return {
            "rows": sum(kind.rows for kind in self.kinds.values()),
            "subjects": len(set[str]().union(*(kind.subjects for kind in self.kinds.values()))),
            "types": {
                type: {
                    "rows": kind.rows,
                    "first_us": kind.first_us,
                    "last_us": kind.last_us,
                    "subjects": len(kind.subjects),
                    "value": kind.numbers.insights(),
                }
                for type, kind in ordered
            },
        }
