"""Which seasons a series has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.kernels import F64

_CRITICAL = 1.645
"""The 90 % point of the normal distribution, two-sided: the test of the M4 organisers' Naive2."""
_CYCLES = 2.0
"""Full cycles without which a season is not looked for."""


def detect(y: F64, candidates: Sequence[int], unknown: bool = False) -> tuple[int, ...]:
    """The seasons of ``y``, shortest first, out of ``candidates``; with ``unknown`` also the strongest of its own.

    A season is there if the autocorrelation at its lag, of the series less its trend, stands out of what the correlations at
    shorter lags allow (Bartlett 1946, as in the M4 competition's seasonality test). One made of whole shorter seasons found
    before (a week of days) is there if its lag correlates more than the other whole days do. A wandering level passes for a
    season here: models that look for one lose little by it, and ``confirmed`` says what is one.
    """
    rest, found = y - _trend(y), list[int]()
    for season in candidates:
        if season < 2 or y.shape[0] < _CYCLES * season + 2 or np.ptp(rest) <= 1e-12 * np.abs(y).max():
            continue
        inner = next((s for s in reversed(found) if season % s == 0 and season >= 4 * s), 0)
        if _stands_above_inner(rest, season, inner) if inner else _stands_out(rest, season):
            found.append(season)
    if unknown and not found:
        season = _strongest(y)
        if season and _stands_out(rest, season):
            found.append(season)
    return tuple(found)


def _trend(y: F64) -> F64:
    at = np.linspace(-1.0, 1.0, y.shape[0])
    return np.polynomial.polynomial.Polynomial.fit(at, y, 1)(at) if y.shape[0] > 3 else np.full(y.shape[0], y.mean())


def autocorrelation(y: F64, lags: int) -> F64:
    """float64[lags + 1]; zeros if ``y`` is constant."""
    x = y - y.mean()
    power = np.abs(np.fft.rfft(x, 2 * x.shape[0])) ** 2
    products = np.fft.irfft(power)[: lags + 1]
    return products / products[0] if products[0] > 0 else np.zeros(lags + 1)


def _stands_out(rest: F64, season: int) -> bool:
    """In the series or in its differences, where a wandering level does not hide it."""
    for x in (rest, np.diff(rest)):
        r = autocorrelation(x, season)
        if r[season] > _CRITICAL * np.sqrt((1 + 2 * (r[1:season] ** 2).sum()) / x.shape[0]):
            return True
    return False


def confirmed(y: F64, seasons: Sequence[int]) -> tuple[int, ...]:
    """Those of ``seasons`` that are more than the memory of a wandering level, which ``detect`` lets pass.

    The autocorrelation at the season's lag must stand above those half a season before and after, where a random walk's
    lies on the line between them.
    """
    rest, found = y - _trend(y), list[int]()
    for season in seasons:
        half = season // 2
        r = autocorrelation(rest, min(season + half, rest.shape[0] - 1))
        above = r[season] - (r[season - half] + r[-1]) / 2
        differences = autocorrelation(np.diff(rest), season)
        limit = _CRITICAL * np.sqrt((1 + 2 * (differences[1:season] ** 2).sum()) / rest.shape[0])
        if above > _CRITICAL * np.sqrt(1.5 / rest.shape[0]) or differences[season] > limit:
            found.append(season)
    return tuple(found)


def _stands_above_inner(rest: F64, season: int, inner: int) -> bool:
    r = autocorrelation(rest, season) * (rest.shape[0] / np.arange(rest.shape[0], rest.shape[0] - season - 1, -1))
    others = r[2 * inner : season - inner : inner]
    return bool(r[season] > float(others.mean()) + _CRITICAL / np.sqrt(rest.shape[0]))


def _strongest(y: F64) -> int:
    """The lag with the highest local peak of the autocorrelation of the differences, at most a third of the history."""
    x = np.diff(y)
    if x.shape[0] < 12 or np.ptp(x) == 0:
        return 0
    r = autocorrelation(x, x.shape[0] // 3)
    inner = r[2:-1]
    peaks = np.flatnonzero((inner > r[1:-2]) & (inner >= r[3:])) + 2 if r.shape[0] > 4 else np.empty(0, np.int64)
    if peaks.shape[0] == 0:
        return 0
    best = int(peaks[r[peaks].argmax()])
    near = peaks[r[peaks] > 0.9 * r[best]]
    return int(near[0]) if r[best] > 0.3 else 0
