"""Axes: what the sides of a chart stand for, and their ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from analytics.plots.draw import number, words
from analytics.plots.marks import F64, Band, Columns, Line, Mark, Points, extent
from analytics.plots.numbers import labels
from analytics.plots.ticks import log_ticks, round_ticks, time_ticks

DIGIT = 6.9
"""Width of a character of an axis at 12 px, a little wide so that nothing is cut."""
TOP, EDGE, BOTTOM, LINE = 12, 14, 24, 18


@dataclass(frozen=True, slots=True)
class Axis:
    """``low`` and ``high`` fix an end; else it is where the data end. ``unit`` % takes fractions."""

    label: str = ""
    kind: Literal["linear", "log", "time"] = "linear"
    low: float | None = None
    high: float | None = None
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Frame:
    """The plot's rectangle in pixels and what its sides stand for."""

    left: float
    right: float
    top: float
    bottom: float
    x: Axis
    y: Axis
    span_x: tuple[float, float]
    span_y: tuple[float, float]

    def to_x(self, values: F64) -> F64:
        return self.left + _share(values, self.span_x, self.x) * (self.right - self.left)

    def to_y(self, values: F64) -> F64:
        return self.bottom - _share(values, self.span_y, self.y) * (self.bottom - self.top)


def _share(values: F64, span: tuple[float, float], axis: Axis) -> F64:
    low, high = span
    if axis.kind == "log":
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(values > 0, np.log10(values), np.nan)
        low, high = math.log10(low), math.log10(high)
    return (values - low) / (high - low)


def x_axis(frame: Frame, axis: Axis, span: tuple[float, float]) -> str:
    room = frame.right - frame.left
    low = frame.bottom
    parts = [f'<path class="a" d="M{number(frame.left)} {number(low)}H{number(frame.right)}"/>']
    if axis.kind == "time":
        places = time_ticks(*span, most=max(int(room / 78), 2))
    else:
        places = [(at, text, "") for at, text in ticks(span, axis, max(int(room / 62), 2))]
    for at, text, below in places:
        px = float(frame.to_x(np.array([at]))[0])
        wide = max(len(text), len(below)) * DIGIT / 2
        anchor = "end" if px + wide > frame.right + EDGE + 4 else "middle"
        parts.append(f'<path class="a" d="M{number(px)} {number(low)}v4"/>')
        where = f'x="{number(px)}" text-anchor="{anchor}"'
        parts.append(f'<text {where} y="{number(low + 17)}">{words(text)}</text>')
        if below:
            parts.append(f'<text class="q" {where} y="{number(low + 31)}">{words(below)}</text>')
    return "".join(parts)


def ticks(span: tuple[float, float], axis: Axis, most: int) -> list[tuple[float, str]]:
    at = log_ticks(*span, most=most) if axis.kind == "log" else round_ticks(*span, most=most)
    if axis.kind == "log":
        return [(value, labels([value], axis.unit)[0]) for value in at]
    return list(zip(at, labels(at, axis.unit), strict=True))


def spans(marks: Sequence[Mark], x: Axis, y: Axis) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """What the sides stand for; None where nothing finite is to be shown."""
    if not any(isinstance(mark, (Line, Band, Points, Columns)) for mark in marks):
        return None
    extents = [extent(mark) for mark in marks]
    xs = _finite(np.concatenate([one for one, _ in extents]), x)
    ys = _finite(np.concatenate([one for _, one in extents]), y)
    if not len(xs) or not len(ys):
        return None
    across = _span(xs, x, 0.0)
    up = _span(ys, y, 0.0 if any(isinstance(mark, Columns) for mark in marks) else 0.06)
    return across, up


def _finite(values: F64, axis: Axis) -> F64:
    kept = values[np.isfinite(values)]
    return kept[kept > 0] if axis.kind == "log" else kept


def _span(values: F64, axis: Axis, margin: float) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    pad = margin * (high - low)
    if axis.kind == "log":
        low, high = (low / 1.5, high * 1.5) if low == high else (low, high)
        pad = 0.0
    elif high - low <= abs(high) * 1e-12:
        pad = abs(high) * 0.1 or 1.0
    # A line that stays above zero does not need room below it.
    floor = 0.0 if 0 <= low < pad else low - pad
    low, high = (floor if axis.low is None else axis.low), (high + pad if axis.high is None else axis.high)
    return (low, high) if high > low else (low, low + 1.0)
