"""Which seasons a series has, and what it is without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.typed import F64

_CRITICAL = 1.645
"""The 90 % point of the normal distribution, two-sided: the test of the M4 organisers' Naive2."""
_CYCLES = 2.0
"""Full cycles without which a season is not looked for."""


def detect(y: F64, candidates: Sequence[int], unknown: bool = False) -> tuple[int, ...]:
    """The seasons of ``y``, shortest first, out of ``candidates``; with ``unknown`` also the strongest of its own.

    A season is there if the autocorrelation at its lag, of the series less its trend and less the seasons already
    found, stands out of what white noise with the correlations at shorter lags allows (Bartlett 1946, as in the M4
    competition's seasonality test), and removing its profile explains some of the variance.
    """
    rest, found = y - _trend(y), list[int]()
    for season in candidates:
        if season < 2 or y.shape[0] < _CYCLES * season + 2 or not _stands_out(rest, season):
            continue
        found.append(season)
        rest = rest - profile(rest, season)[np.arange(y.shape[0]) % season]
    if unknown and not found:
        season = _strongest(y)
        if season and _stands_out(y - _trend(y), season):
            found.append(season)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """A series without its seasons, and what to add (or multiply) to the steps ahead."""

    level: F64
    ahead: F64
    multiplicative: bool

    def restore(self, forecast: F64) -> F64:
        """``forecast`` of the level, with the seasons again."""
        return forecast * self.ahead if self.multiplicative else forecast + self.ahead


def adjust(y: F64, seasons: Sequence[int], horizon: int) -> Adjusted:
    """``y`` less its seasons, by STL for each in turn (Cleveland et al. 1990; MSTL, Bandara et al. 2021).

    The last cycle of each is carried ahead. On the logarithm where all values are positive and swings grow with the level.
    """
    from statsforecast.mstl import mstl

    logs = multiplicative(y, seasons[0])
    x = np.log(y) if logs else y
    usable = [s for s in seasons if 2 * s + 2 <= y.shape[0]]
    if not usable:
        return Adjusted(y, np.zeros(horizon), False)
    parts = mstl(x, period=usable if len(usable) > 1 else usable[0], stl_kwargs={"robust": False})
    ahead, season_sum = np.zeros(horizon), np.zeros(y.shape[0])
    for s in usable:
        part = parts["seasonal" if len(usable) == 1 else f"seasonal{s}"].to_numpy(np.float64)
        season_sum += part
        ahead += part[-s:][np.arange(horizon) % s]
    level = x - season_sum
    return Adjusted(np.exp(level), np.exp(ahead), True) if logs else Adjusted(level, ahead, False)


def multiplicative(y: F64, season: int) -> bool:
    """Whether the swings within a season grow with its level, which must be far from zero."""
    cycles = y.shape[0] // season
    if cycles < 4 or season < 2 or y.min() <= 0:
        return False
    folded = y[y.shape[0] - cycles * season :].reshape(cycles, season)
    level, swing = folded.mean(1), folded.std(1)
    if level.std() == 0 or swing.std() == 0 or y.min() < 0.05 * level.mean():
        return False
    return bool(np.corrcoef(level, swing)[0, 1] > 0.5)


def profile(rest: F64, season: int) -> F64:
    """float64[season] median of each place of the season, less their mean."""
    full = -(-rest.shape[0] // season) * season
    folded = np.concatenate([rest, np.full(full - rest.shape[0], np.nan)]).reshape(-1, season)
    shape = np.nanmedian(folded, axis=0)
    return shape - shape.mean()


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
    if np.ptp(rest) <= 1e-12 * max(1.0, float(np.abs(rest).max())):
        return False
    r = autocorrelation(rest, season)
    limit = _CRITICAL * np.sqrt((1 + 2 * (r[1:season] ** 2).sum()) / rest.shape[0])
    return bool(r[season] > limit)


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
