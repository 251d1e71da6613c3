"""Sums from which correlations at many lags follow, window by window, and that merge exactly.

*Exactly* means: every sum is an int64 of whole units, so the sums of adjacent windows are, bit for bit, those of one
window over the rows of all, however the rows were cut and in whatever order neighbours were merged. What is rounded is each
value, once, when it is taken in: to a multiple of ``unit``, about 2^-15 of its standard deviation, which changes the
correlation of n rows by about 1e-5 / sqrt(n). Products of rounded values are at most 2^44, so blocks of 512 rows are
summed without error in float64, by matrix products.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from analytics.correlation.report import Correlations
from analytics.correlation.significance import Found, all_pairs, conclude, of_best, student
from analytics.correlation.whitening import autoregressions, most_lags, redundancy
from analytics.kernels import F64, I32, I64, column

VERSION = 1
_FINE, _LARGEST = 15, 1 << 22
_MISSING = np.int32(-(1 << 31))
_BLOCK = 512
_FULL = 1 << 62

COUNT, PRODUCT, FIRST, SECOND, FIRST_2, SECOND_2 = range(6)


@dataclass(frozen=True, slots=True)
class MomentSpec:
    """What the values are counted in; the same for all windows that are ever merged."""

    centre: F64
    """float64[p], subtracted first."""
    unit: F64
    """float64[p], a power of two each. Values beyond 2^22 units (64 to 128 standard deviations) count as that far out."""
    max_lag: int

    @classmethod
    def of(cls, sample: F64, max_lag: int) -> Self:
        """From the mean and standard deviation of a sample, float64[n, p], NaN where missing."""
        if sample.ndim != 2 or not 0 <= max_lag < 1 << 16:
            raise ValueError("a sample has one row a time and one column a series; max_lag is not negative")
        here = np.isfinite(sample)
        count = np.maximum(here.sum(0), 1)
        centre = np.where(here, sample / count, 0.0).sum(0)
        with np.errstate(over="ignore"):
            spread = np.sqrt((np.where(here, sample - centre, 0.0) ** 2 / count).sum(0))
        usable = np.isfinite(spread) & (spread > 0)
        exponent = np.frexp(np.where(usable, spread, 1.0))[1] - 1 - _FINE
        return cls(centre, np.ldexp(1.0, exponent), max_lag)

    def rounded(self, values: F64) -> I32:
        """int32[n, p] whole units, with a mark for what is missing (NaN and infinities)."""
        if values.ndim != 2 or values.shape[1] != len(self.centre):
            raise ValueError(f"values of shape {values.shape}: pass {len(self.centre)} columns")
        here = np.isfinite(values)
        scaled = np.rint((np.where(here, values, self.centre) - self.centre) / self.unit)
        return np.where(here, np.clip(scaled, -_LARGEST, _LARGEST), _MISSING).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Moments:
    """Of one stretch of rows, evenly spaced in time."""

    rows: int
    sums: I64
    """int64[6, max_lag + 1, p, p]: at [:, k, i, j], over rows t where i has a value at t and j at t + k: their number, the
    sum of products, of i's values, of j's, of i's squares and of j's."""
    head: I32
    """The first max_lag rows, and the last: what adjacent windows need of it."""
    tail: I32

    @classmethod
    def of(cls, spec: MomentSpec, values: F64) -> Self:
        """Of float64[n, p], NaN where missing."""
        whole = spec.rounded(values)
        lag = spec.max_lag
        return cls(len(whole), _sums(whole, lag), whole[:lag], whole[len(whole) - min(lag, len(whole)) :])

    def then(self, later: Self) -> Self:
        """Of both stretches, where ``later`` begins with the row after this one's last.

        Raises ``ValueError`` where the windows are of different kinds, or a sum might leave 64 bits.
        """
        if self.sums.shape != later.sums.shape:
            raise ValueError(f"windows of shapes {self.sums.shape} and {later.sums.shape} do not merge")
        lag = self.sums.shape[1] - 1
        seam = np.concatenate([self.tail, later.head])
        across = _sums(seam, lag) - _sums(self.tail, lag) - _sums(later.head, lag)
        sums = self.sums + later.sums + across
        if sums[FIRST_2:].max(initial=0) >= _FULL:
            raise ValueError(f"{self.rows + later.rows} rows are too many for exact sums: begin a new window")
        head = np.concatenate([self.head, later.head])[:lag]
        tail = np.concatenate([self.tail, later.tail])
        return type(self)(self.rows + later.rows, sums, head, tail[len(tail) - min(lag, len(tail)) :])

    def dump(self) -> dict[str, Any]:
        """Plain arrays. Equal rows give equal dumps."""
        return {"version": VERSION, "rows": self.rows, "sums": self.sums, "head": self.head, "tail": self.tail}

    @classmethod
    def load(cls, dump: Mapping[str, Any]) -> Self:
        """The window that ``dump`` shows. Raises ``ValueError`` for another version."""
        if dump["version"] != VERSION:
            raise ValueError(f"moments of version {dump['version']}, this is version {VERSION}")
        head, tail = column(dump["head"], np.int32), column(dump["tail"], np.int32)
        return cls(int(dump["rows"]), column(dump["sums"], np.int64), head, tail)


def correlations(
    moments: Moments,
    *,
    names: Sequence[str],
    max_lag: int | None = None,
    fdr: float = 0.05,
    any_dependence: bool = False,
    min_effective: int = 10,
) -> Correlations:
    """Pearson correlations of all pairs at their best lag, from sums alone; options as for ``correlate``.

    The values themselves are gone, so their innovations are out of reach: a coefficient is judged by Student's t with the
    effective sample size of ``redundancy``, from autoregressions fitted to the sums at lags up to the window's own
    ``max_lag`` (24 or more for hourly data). That holds its level, too, but finds less than ``correlate`` where series are
    strongly autocorrelated. Sidak's correction for the lags is cautious here, as neighbouring lags resemble each other.
    """
    lags, p = moments.sums.shape[1] - 1, moments.sums.shape[2]
    searched = lags if max_lag is None else max_lag
    if len(names) != p or not 0 <= searched <= lags:
        raise ValueError(f"{len(names)} names and max_lag {searched} for {p} series with sums up to lag {lags}")
    count, product, first_1, second_1, first_2, second_2 = moments.sums.astype(np.float64)
    n = np.maximum(count, 1.0)
    covariance = product - first_1 * second_1 / n
    spread = np.maximum(first_2 - first_1**2 / n, 0.0) * np.maximum(second_2 - second_1**2 / n, 0.0)
    r = np.where(spread > 0, covariance / np.sqrt(np.where(spread > 0, spread, 1.0)), 0.0)
    r = np.clip(r, -1 + 1e-15, 1 - 1e-15)
    own = np.arange(p)
    values = moments.sums[COUNT, 0, own, own]
    order = min(lags, most_lags(int(values.max(initial=0))))
    shrink = 1 - np.arange(order + 1)[:, None] / max(moments.rows, 1)
    coefficients, _ = autoregressions((covariance / n)[: order + 1, own, own].T * shrink.T, values)
    first, second = all_pairs(p)
    excess = np.maximum(redundancy(coefficients)[first, second], 1.0)
    # Lags from -searched to searched, as rows.
    both = np.concatenate([r[: searched + 1, first, second], r[1 : searched + 1, second, first]])
    rows = np.concatenate([count[: searched + 1, first, second], count[1 : searched + 1, second, first]])
    place = np.concatenate([np.arange(searched + 1), -np.arange(1, searched + 1)])
    freedom = np.maximum(rows / excess - 2, 0.0)
    t2 = both**2 * freedom / (1 - both**2)
    best = t2.argmax(0)[None]
    lag, coefficient, n_best, f_best, t2_best = (
        np.take_along_axis(a, best, 0)[0] for a in (np.repeat(place[:, None], len(first), 1), both, rows, freedom, t2)
    )
    p_value = of_best(student(t2_best, f_best), 2 * searched + 1)
    varies = (first_2 - first_1**2 / n)[0, own, own] > 0
    still = ((values >= min_effective) & ~varies)[first] | ((values >= min_effective) & ~varies)[second]
    effective = n_best / excess
    judged = (effective >= max(min_effective, 3)) & varies[first] & varies[second]
    found = Found(lag, coefficient, n_best.astype(np.int64), None, n_best.astype(np.int64), p_value)
    pairs = conclude(names, found, judged, still, effective, given=0, fdr=fdr, any_dependence=any_dependence)
    return Correlations("pearson", False, searched, fdr, pairs)


def _sums(whole: I32, max_lag: int) -> I64:
    p = whole.shape[1]
    sums = np.zeros((6, max_lag + 1, p, p), np.int64)
    here = (whole != _MISSING).astype(np.float64)
    values = np.where(whole == _MISSING, 0, whole).astype(np.float64)
    squares = values * values
    for lag in range(min(max_lag, len(whole) - 1) + 1 if len(whole) else 0):
        for at in range(0, len(whole) - lag, _BLOCK):
            end = min(at + _BLOCK, len(whole) - lag)
            i, j = slice(at, end), slice(at + lag, end + lag)
            mask, mask_j, x, y = here[i].T, here[j], values[i].T, values[j]
            blocks = (mask @ mask_j, x @ y, x @ mask_j, mask @ y, squares[i].T @ mask_j, mask @ squares[j])
            for k, block in enumerate(blocks):
                sums[k, lag] += block.astype(np.int64)
    return sums
