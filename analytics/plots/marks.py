"""What a chart can show. Arrays are float64[n] in data units, times µs UTC.

Where a value is not finite, or beyond 1e300, so that no scale could be computed, there is a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from analytics.plots.style import Tone

F64 = NDArray[np.float64]
LARGEST = 1e300


@dataclass(frozen=True, slots=True)
class Line:
    """A line; ``step`` holds each value until the next one."""

    x: ArrayLike
    y: ArrayLike
    label: str = ""
    tone: Tone = "c1"
    dashed: bool = False
    step: bool = False
    width: float = 1.8


@dataclass(frozen=True, slots=True)
class Band:
    """The area between two lines: what is expected (``band``), or a forecast's fan (``c1``, the wider the fainter)."""

    x: ArrayLike
    low: ArrayLike
    high: ArrayLike
    label: str = ""
    tone: Tone = "band"
    opacity: float = 0.22


@dataclass(frozen=True, slots=True)
class Points:
    """Dots or diamonds. ``low``/``high`` draw a whisker, ``stem`` a thin line from there, ``titles`` are tooltips."""

    x: ArrayLike
    y: ArrayLike
    label: str = ""
    tone: Tone = "c1"
    shape: Literal["dot", "diamond"] = "dot"
    size: float = 3.5
    opacity: float = 1.0
    low: ArrayLike | None = None
    high: ArrayLike | None = None
    stem: ArrayLike | None = None
    titles: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Columns:
    """Upright bars from zero, ``width`` in units of x (by default as wide as the least distance allows)."""

    x: ArrayLike
    y: ArrayLike
    label: str = ""
    tone: Tone = "c1"
    width: float | None = None
    opacity: float = 0.85


@dataclass(frozen=True, slots=True)
class Rule:
    """A straight line across the chart with its name on it: a threshold (``axis`` y) or a moment (x)."""

    at: float
    axis: Literal["x", "y"] = "y"
    label: str = ""
    tone: Tone = "muted"
    dashed: bool = True


@dataclass(frozen=True, slots=True)
class Diagonal:
    """Where y equals x."""

    label: str = ""
    tone: Tone = "muted"


Mark = Line | Band | Points | Columns | Rule | Diagonal


def floats(values: ArrayLike) -> F64:
    plain = np.asarray(values, np.float64).ravel()
    beyond = np.abs(plain) > LARGEST
    return np.where(beyond, np.nan, plain) if beyond.any() else plain


def extent(mark: Mark) -> tuple[F64, F64]:
    """Every x and every y that must have room."""
    none = np.empty(0)
    match mark:
        case Line():
            return floats(mark.x), floats(mark.y)
        case Band():
            return floats(mark.x), np.concatenate([floats(mark.low), floats(mark.high)])
        case Points():
            others = [floats(values) for values in (mark.low, mark.high, mark.stem) if values is not None]
            return floats(mark.x), np.concatenate([floats(mark.y), *others])
        case Columns():
            half = column_width(mark) / 2
            x = floats(mark.x)
            return np.concatenate([x - half, x + half]), np.append(floats(mark.y), 0.0)
        case Rule():
            at = np.array([mark.at], np.float64)
            return (at, none) if mark.axis == "x" else (none, at)
        case Diagonal():
            return none, none


def column_width(mark: Columns) -> float:
    """In units of x."""
    if mark.width is not None:
        return mark.width
    x = np.unique(floats(mark.x))
    return 0.8 * float(np.diff(x).min()) if len(x) > 1 else 1.0


def tone_of(mark: Mark) -> tuple[str, Tone]:
    return mark.label, mark.tone
