"""Where a series changed: an exact penalised cut into levels or into lines, and for each change its size and how sure it is.

Among all cuts into levels, and all into lines, the one with the least squared residuals plus its price is taken
(``segments.cuts``). The series is scaled to unit variance, and a cut costs

    price = min(3 log n · (1 + r) / (1 - r),  3 log n · (1 - r) + SHARE · n),    r = 1 - mean squared step / 2.

3 log n is the modified BIC's price for a change of level in white noise (Zhang, Siegmund 2007), (1 + r) / (1 - r) what
serial correlation r makes of a sum's variance, r after von Neumann (1941). In what wanders smoothly, or jumps far, r comes
near 1 and tells changes from correlation no more: there a cut must explain a share of all variance, as it must for
an eye that looks at the whole plot. Lines pay one price more than levels, for their slopes. How ``SHARE`` was chosen:
docs/quality/trend.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from analytics.kernels import F64, I64, column
from analytics.trend.segments import LEVELS, LINES, cuts
from analytics.trend.serial import inflation

SHARE = 0.1
SHORTEST = 4
EXACT = 10_000
"""Values that are cut exactly; longer series are averaged in blocks first, and each change placed within its blocks."""

Shape = Literal["levels", "lines"]


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change between ``index - 1`` and ``index``; with several dimensions, of the one that is surest to have changed."""

    index: int
    time_us: int | None
    before: float | None
    """Level before the change; of a line, where it would be at ``index``."""
    after: float | None
    size: float | None
    """``after - before``, in the unit of the values. As all five, None where it is beyond a float."""
    slope_before: float | None
    """Each step of the series; 0 for levels."""
    slope_after: float | None
    p_value: float
    """Of no change here, by an F test whose residuals count as many as their serial correlation lets them. The place was
    chosen because it fits best, so small ones are smaller than they should be: compare them, do not take them as a rate."""
    confidence: float
    """1 - p_value."""


@dataclass(frozen=True, slots=True)
class ChangePoints:
    """Changes in order of place, what the parts are, what a cut cost, and what was approximated, in words."""

    points: tuple[ChangePoint, ...]
    shape: Shape
    price: float
    notes: tuple[str, ...] = ()

    @property
    def indices(self) -> list[int]:
        return [point.index for point in self.points]


def change_points(value: F64, *, price: float | None = None, shortest: int = SHORTEST) -> ChangePoints:
    """Changes of ``value`` (n, or n x d: dimensions share their changes), all finite, evenly spaced.

    ``price``: squared deviation, in variances of the series, that a cut must save; by default as the module says.
    ``shortest``: values in a part, at least 2. Raises ``ValueError`` for values that are not finite.
    """
    table = column(value, np.float64)
    table = table.reshape(-1, 1) if table.ndim == 1 else table
    if table.ndim != 2:
        raise ValueError(f"value must be a column or a table, got {table.ndim} dimensions")
    if shortest < 2:
        raise ValueError(f"shortest must be at least 2, got {shortest}")
    wrong = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(wrong):
        raise ValueError(f"value is not finite in row {wrong[0]}: leave such rows out, or fill them, first")
    exponent = int(np.frexp(np.abs(table).max(initial=0.0))[1])
    return search(np.ldexp(table, -exponent), exponent, price, shortest)


def search(table: F64, exponent: int, price: float | None = None, shortest: int = SHORTEST) -> ChangePoints:
    """``change_points`` of ``table`` (n x d, finite, about 1 at most) times two to the ``exponent``."""
    n = len(table)
    scaled = standard(table)
    if n < 2 * shortest or scaled.shape[1] == 0:
        return ChangePoints((), "levels", price or 0.0)
    asked = usual_price(scaled) if price is None else price
    width = -(-n // EXACT)
    levels, lines = (best(scaled, asked, shortest, shape, width) for shape in (LEVELS, LINES))
    cost_levels = squares(scaled, levels, LEVELS) + asked * len(levels)
    cost_lines = squares(scaled, lines, LINES) + asked * (len(lines) + 1)
    notes = (f"{n} values were cut as means of {width}, each change then placed within those",) if width > 1 else ()
    if cost_levels <= cost_lines:
        return ChangePoints(tuple(describe(table, levels, LEVELS, exponent)), "levels", asked, notes)
    return ChangePoints(tuple(describe(table, lines, LINES, exponent)), "lines", asked, notes)


def standard(table: F64) -> F64:
    """Columns of mean 0 and variance 1; constant ones are dropped."""
    table = table - table.mean(axis=0)
    spread = table.std(axis=0)
    return np.ascontiguousarray(table[:, spread > 1e-12] / spread[spread > 1e-12])


def usual_price(scaled: F64) -> float:
    """The price of a cut, as the module says; ``noise`` is 1 - r."""
    noise = float(np.clip((np.diff(scaled, axis=0) ** 2).mean() / 2, 1e-9, 1.0))
    white = 3 * float(np.log(len(scaled)))
    return min(white * (2 - noise) / noise, white * noise + SHARE * len(scaled))


def best(scaled: F64, price: float, shortest: int, shape: int, width: int) -> I64:
    """The best cuts; with a ``width`` above 1 of block means, then settled."""
    if width == 1:
        return cuts(scaled, price, shortest, shape)
    whole = len(scaled) // width * width
    coarse = np.ascontiguousarray(scaled[:whole].reshape(-1, width, scaled.shape[1]).mean(axis=1))
    rough = cuts(coarse, price / width, max(2, -(-shortest // width)), shape) * width
    return settle(scaled, rough, shape, width)


def settle(scaled: F64, rough: I64, shape: int, width: int) -> I64:
    """Each rough cut moved to where the fits on its two sides, carried on, divide its neighbourhood best."""
    edges, settled = [0, *rough.tolist(), len(scaled)], rough.copy()
    for which, place in enumerate(edges[1:-1]):
        left, right = max(edges[which], place - width), min(edges[which + 2], place + width)
        row = np.arange(left, right, dtype=np.float64)[:, None]
        (level, slope), (next_level, next_slope) = (
            line(scaled[a:b], shape) for a, b in ((edges[which], place), (place, edges[which + 2]))
        )
        before, after = level + slope * (row - edges[which]), next_level + next_slope * (row - place)
        gain = ((scaled[left:right] - after) ** 2 - (scaled[left:right] - before) ** 2).sum(axis=1)
        settled[which] = left + int(np.argmax(np.concatenate([[0.0], np.cumsum(gain)])))
    return np.unique(settled[(settled > 0) & (settled < len(scaled))])


def line(part: F64, shape: int) -> tuple[F64, F64]:
    """The fitted value at the part's first row, and the slope a row, of each dimension."""
    n = len(part)
    mean = part.mean(axis=0)
    if shape == LEVELS or n < 2:
        return mean, np.zeros(part.shape[1])
    row = np.arange(n) - (n - 1) / 2
    slope = row @ part / (row @ row)
    return mean - slope * (n - 1) / 2, slope


def residuals(part: F64, shape: int) -> F64:
    level, slope = line(part, shape)
    return part - level - slope * np.arange(len(part))[:, None]


def squares(table: F64, places: I64, shape: int) -> float:
    """Squared residuals of all parts."""
    edges = [0, *places.tolist(), len(table)]
    return float(sum((residuals(table[a:b], shape) ** 2).sum() for a, b in pairwise(edges)))


def describe(table: F64, places: I64, shape: int, exponent: int) -> list[ChangePoint]:
    """What each cut changed; ``table`` times two to the ``exponent`` are the values."""
    from scipy.special import fdtrc

    if not len(places):
        return []
    n, dims = table.shape
    edges = [0, *places.tolist(), n]
    left_over = np.concatenate([residuals(table[a:b], shape) for a, b in pairwise(edges)])
    times = np.array([inflation(left_over[:, dim], np.ones(n)) for dim in range(dims)])
    parameters = 1 if shape == LEVELS else 2
    described: list[ChangePoint] = []
    for left, place, right in zip(edges, edges[1:], edges[2:], strict=False):
        parts = table[left:place], table[place:right]
        split = sum((residuals(part, shape) ** 2).sum(axis=0) for part in parts)
        saved = (residuals(table[left:right], shape) ** 2).sum(axis=0) - split
        freedom = np.maximum((right - left) / times - 2 * parameters, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(split > 0, saved * freedom / (parameters * split), np.inf)
        chances = np.where(saved > 0, fdtrc(parameters, freedom, np.maximum(ratio, 0.0)), 1.0)
        dim = int(np.argmin(chances))
        p = min(1.0, float(chances[dim]) * dims)
        (level, slope), (after, slope_after) = (line(part, shape) for part in parts)
        before = float(level[dim] + slope[dim] * (place - left))
        inside = (before, float(after[dim]), float(after[dim]) - before, float(slope[dim]), float(slope_after[dim]))
        described.append(in_unit(place, inside, p, exponent))
    return described


def in_unit(index: int, inside: tuple[float, float, float, float, float], p: float, exponent: int) -> ChangePoint:
    """A change whose numbers are ``inside`` times two to the ``exponent``."""
    with np.errstate(over="ignore"):
        before, after, size, *slopes = (
            float(x) if np.isfinite(x) else None for x in np.ldexp(np.array(inside), exponent)
        )
    return ChangePoint(index, None, before, after, size, slopes[0], slopes[1], p, 1 - p)
