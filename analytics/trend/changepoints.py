"""Where a series changed level: an exact penalised cut, and for each change its size and how sure it is.

The series is scaled to unit variance, so a change counts by the share of all variance that it explains, as it does for an
eye that looks at the whole plot, and not against the noise between neighbours: a wandering, serially correlated series is
not cut everywhere. A cut must save ``price`` = ``PRICE`` · log(n) of squared deviation, above the BIC's 2 log n for two
parameters a change (Yao 1988) and the modified BIC's 3 log n (Zhang, Siegmund 2007).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from analytics.trend.segments import LEVELS, cuts
from analytics.trend.serial import inflation
from analytics.typed import F64, I64, column

PRICE = 5.0
SHORTEST = 4
EXACT = 20_000
"""Values that are cut exactly; longer series are averaged in blocks first, and each change placed within its blocks."""


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of level between ``index - 1`` and ``index``; with several dimensions, where it is largest."""

    index: int
    time_us: int | None
    before: float
    after: float
    size: float
    """``after - before``, in the unit of the values."""
    p_value: float
    """Of no change of level here, by Welch's test of the two segments with effective sample sizes; in hindsight of the
    search, so a bound on doubt rather than an error rate."""
    confidence: float
    """1 - p_value."""


@dataclass(frozen=True, slots=True)
class ChangePoints:
    """Changes in order of place, and what was left out or approximated, in words."""

    points: tuple[ChangePoint, ...]
    price: float
    notes: tuple[str, ...] = ()

    @property
    def indices(self) -> list[int]:
        return [point.index for point in self.points]


def change_points(value: F64, *, price: float | None = None, shortest: int = SHORTEST) -> ChangePoints:
    """Changes of level of ``value`` (n, or n x d: dimensions share their changes), all finite.

    ``price``: squared deviation, in variances of the series, that a cut must save; ``PRICE`` log n by default.
    Raises ``ValueError`` for values that are not finite.
    """
    table = column(value, np.float64)
    table = table.reshape(-1, 1) if table.ndim == 1 else table
    if table.ndim != 2:
        raise ValueError(f"value must be a column or a table, got {table.ndim} dimensions")
    wrong = np.flatnonzero(~np.isfinite(table).all(axis=1))
    if len(wrong):
        raise ValueError(f"value is not finite in row {wrong[0]}: leave such rows out, or fill them, first")
    n = len(table)
    asked = float(PRICE * np.log(max(n, 2))) if price is None else price
    exponent = int(np.frexp(np.abs(table).max(initial=0.0))[1])
    table = np.ldexp(table, -exponent)
    scaled = standard(table)
    if n < 2 * shortest or scaled.shape[1] == 0:
        return ChangePoints((), asked)
    notes: tuple[str, ...] = ()
    width = -(-n // EXACT)
    if width == 1:
        places = cuts(scaled, asked, shortest, LEVELS)
    else:
        whole = n // width * width
        coarse = np.ascontiguousarray(scaled[:whole].reshape(-1, width, scaled.shape[1]).mean(axis=1))
        rough = cuts(coarse, asked / width, max(1, -(-shortest // width)), LEVELS) * width
        places = settle(scaled, rough, width)
        notes = (f"{n} values were cut as means of {width}, then each change was placed among its neighbours",)
    return ChangePoints(tuple(describe(table, places, exponent)), asked, notes)


def standard(table: F64) -> F64:
    """Columns of mean 0 and variance 1; constant ones are dropped."""
    table = table - table.mean(axis=0)
    spread = table.std(axis=0)
    return np.ascontiguousarray(table[:, spread > 1e-12] / spread[spread > 1e-12])


def settle(scaled: F64, rough: I64, width: int) -> I64:
    """Each rough cut moved to the best place within one block on either side."""
    edges = np.concatenate([[0], rough, [len(scaled)]])
    settled = rough.copy()
    for which, place in enumerate(rough):
        left, right = max(edges[which], place - width), min(edges[which + 2], place + width)
        before, after = scaled[edges[which] : place].mean(axis=0), scaled[place : edges[which + 2]].mean(axis=0)
        here = scaled[left:right]
        gain = ((here - after) ** 2 - (here - before) ** 2).sum(axis=1)
        settled[which] = left + int(np.argmax(np.concatenate([[0.0], np.cumsum(gain)])))
    return np.unique(settled[(settled > 0) & (settled < len(scaled))])


def describe(table: F64, places: I64, exponent: int) -> list[ChangePoint]:
    """What each cut changed; ``table`` times two to the ``exponent`` are the values."""
    from scipy.special import stdtr

    edges = [0, *(int(place) for place in places), len(table)]
    levels = np.concatenate([np.full(b - a, i) for i, (a, b) in enumerate(pairwise(edges))])
    described: list[ChangePoint] = []
    segment_means = np.array([table[a:b].mean(axis=0) for a, b in pairwise(edges)])
    residual = table - segment_means[levels]
    times = [inflation(residual[:, dim], np.ones(len(table))) for dim in range(table.shape[1])]
    for left, place, right in zip(edges, edges[1:], edges[2:], strict=False):
        best = (2.0, 0, 0.0, 0.0)
        for dim in range(table.shape[1]):
            one, other = table[left:place, dim], table[place:right, dim]
            parts = [
                float(part.var()) * len(part) / max(len(part) - 1, 1) * times[dim] / len(part) for part in (one, other)
            ]
            error, difference = float(np.sqrt(sum(parts))), float(other.mean() - one.mean())
            p = 1.0 if difference == 0 else 0.0
            if error > 0:
                freedom = max((len(one) + len(other)) / times[dim] - 2, 1.0)
                p = float(2 * stdtr(freedom, -abs(difference) / error))
            best = min(best, (p, dim, float(one.mean()), float(other.mean())))
        p, _, before, after = best
        with np.errstate(over="ignore"):
            sizes = [float(np.ldexp(x, exponent)) for x in (before, after, after - before)]
        if not np.isfinite(sizes[2]):
            sizes[2] = float(np.copysign(np.finfo(np.float64).max, after - before))
        described.append(ChangePoint(place, None, sizes[0], sizes[1], sizes[2], p, 1 - p))
    return described
