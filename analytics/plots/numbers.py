"""Numbers for people: compact, a true minus, a narrow space before a unit, one number of decimals for a whole axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

NARROW = "\u202f"
MINUS = "\u2212"
_STEPS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_DIGITS = 9
"""More decimals than that and a number is shown in scientific form."""


def compact(value: float, digits: int = 3, unit: str = "") -> str:
    """``value`` with so many significant digits: 1.23 k, −0.0456, 98.7 %. Units %: give a fraction."""
    if unit == "%":
        return _signed(_significant(value * 100, digits), f"{NARROW}%")
    scale, suffix = _scale(abs(value), 1e4)
    return _signed(_significant(value / scale, digits), suffix + (NARROW + unit if unit else ""))


def labels(values: Sequence[float], unit: str = "") -> list[str]:
    """One text for each tick of an axis: the same scale and as few decimals as tell them apart."""
    if unit == "%":
        return [_signed(text, f"{NARROW}%") for text in _alike([value * 100 for value in values])]
    scale, suffix = _scale(max((abs(value) for value in values), default=0.0), 1e4)
    tail = suffix + (NARROW + unit if unit else "")
    return [_signed(text, tail if float(text) else "") for text in _alike([value / scale for value in values])]


def _scale(size: float, least: float) -> tuple[float, str]:
    if size < least:
        return 1.0, ""
    return next(((scale, suffix) for scale, suffix in _STEPS if size >= scale), (1.0, ""))


def _alike(values: Sequence[float]) -> list[str]:
    distinct = sorted(set(values))
    gap = min((b - a for a, b in pairwise(distinct)), default=abs(distinct[0]) if distinct else 1)
    for decimals in range(_DIGITS + 1):
        if all(abs(round(value, decimals) - value) <= gap * 1e-3 for value in values):
            return [f"{value:.{decimals}f}" for value in values]
    return [f"{value:.3g}" for value in values]


def _significant(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    size = math.floor(math.log10(abs(value)))
    if size < -5:
        return f"{value:.{digits - 1}e}"
    rounded = round(value, digits - 1 - size)
    return f"{rounded:.{max(digits - 1 - size, 0)}f}"


def _signed(text: str, tail: str) -> str:
    plain = text.lstrip("-")
    negative = text.startswith("-") and float(text) != 0
    return (MINUS if negative else "") + plain + tail
