"""What is new in each row of a series, given its own past: the innovations of an autoregression.

Two independent series that each resemble their own past correlate by chance far more often than independent rows do (Yule
1926; Granger and Newbold 1974). Their innovations do not: correlations of innovations have variance 1/n and are independent
from lag to lag (Haugh 1976; Box, Jenkins, Reinsel 2008, 12.2), whatever the autocorrelation. So relations are judged on
innovations.
"""

from __future__ import annotations

from math import log10

import numpy as np
from numba import float64, void

from analytics.binning import equal_mass
from analytics.kernels import F64, I64, kernel, reads, writes

GRID = 1024
"""Frequencies at which spectra are compared."""
_LARGEST_REFLECTION = 0.9999


def autocovariance(values: F64, lags: int) -> F64:
    """float64[p, lags + 1] of float64[p, n] deviations from the mean; NaN is missing and takes part in no product."""
    n = values.shape[1]
    here = np.isfinite(values)
    padded = 2 << int(n - 1).bit_length()
    products = _correlate(np.where(here, values, 0.0), padded, lags)
    if here.all():
        return products / n
    pairs = np.maximum(_correlate(here.astype(np.float64), padded, lags), 0.5)
    return products / pairs * ((n - np.arange(lags + 1)) / n)


def _correlate(values: F64, padded: int, lags: int) -> F64:
    spectrum = np.fft.rfft(values, padded, axis=1)
    return np.fft.irfft(spectrum.real**2 + spectrum.imag**2, padded, axis=1)[:, : lags + 1]


def autoregressions(covariance: F64, n: I64) -> tuple[F64, I64]:
    """Coefficients float64[p, order + 1] (1, a1, a2 ...: x + a1 x[-1] + ... is the innovation) and the orders chosen.

    Yule-Walker equations by the Levinson-Durbin recursion; the order, up to the number of lags given, by Akaike's (1974)
    criterion. ``n``: int64[p] values of each series.
    """
    series, lags = covariance.shape
    now, chosen = np.zeros((series, lags)), np.zeros((series, lags))
    now[:, 0] = chosen[:, 0] = 1.0
    rest = np.maximum(covariance[:, 0], np.finfo(float).tiny)
    best, order = n * np.log(rest), np.zeros(series, np.int64)
    for k in range(1, lags):
        reflection = -(now[:, :k] * covariance[:, k:0:-1]).sum(1) / rest
        reflection = np.clip(reflection, -_LARGEST_REFLECTION, _LARGEST_REFLECTION)
        now[:, 1 : k + 1] += reflection[:, None] * now[:, k - 1 :: -1][:, :k] if k > 1 else reflection[:, None]
        rest = rest * (1 - reflection**2)
        score = n * np.log(rest) + 2 * k
        better = score < best
        best[better], order[better], chosen[better] = score[better], k, now[better]
    return chosen[:, : int(order.max(initial=0)) + 1], order


def most_lags(n: int) -> int:
    """The highest order tried: 10 log10(n), the usual choice, but a tenth of the rows at most."""
    return max(0, min(int(10 * log10(max(n, 1))), n // 10))


def innovations(values: F64) -> tuple[F64, F64]:
    """Innovations float64[p, n - order] of float64[p, n], and the autoregressions' coefficients.

    NaN is missing: its innovation is missing too, and the later ones see its prediction in its place. As many rows are lost
    at the beginning as the highest order chosen.
    """
    n = values.shape[1]
    here = np.isfinite(values)
    count = here.sum(1)
    centred = values - (np.where(here, values, 0.0).sum(1) / np.maximum(count, 1))[:, None]
    coefficients, _ = autoregressions(autocovariance(centred, most_lags(n)), count)
    found = np.empty_like(centred)
    _innovate(np.ascontiguousarray(centred), np.ascontiguousarray(coefficients), found)
    return found[:, coefficients.shape[1] - 1 :], coefficients


def evened(fresh: F64) -> F64:
    """Innovations as draws from one normal distribution, float64[p, up to n] of float64[p, n]; NaN stays.

    By their normal scores (van der Waerden 1952), so that a spike in each of two series is no relation at some lag; and each
    over the size that the sizes before it predict (an autoregression of absolute values, after Engle 1982), so that calm
    and wild spells that two series happen to share are none either.
    """
    scores = normal_scores(fresh)
    size = np.abs(scores)
    news, _ = innovations(size)
    lost = size.shape[1] - news.shape[1]
    usual = np.nanmean(np.where(np.isfinite(size).any(1, keepdims=True), size, 1.0), 1, keepdims=True)
    expected = np.maximum(size[:, lost:] - news, 0.1 * usual)
    return normal_scores(scores[:, lost:] / np.where(usual > 0, expected, 1.0))


def ranks(row: F64) -> F64:
    """Mean ranks of float64[n] as shares of the values, above 0 and below 1; NaN stays."""
    code, rows, _ = equal_mass(row, len(row))
    middle = (np.cumsum(rows) - rows / 2) / max(int(rows.sum()), 1)
    return np.where(code >= 0, np.append(middle, np.nan)[code], np.nan)


def normal_scores(values: F64) -> F64:
    """Each of float64[p, n] as quantiles of the standard normal distribution at its ranks."""
    from scipy.special import ndtri

    return ndtri(np.stack([ranks(row) for row in values]))


def redundancy(coefficients: F64) -> F64:
    """float64[p, p]: by how much the variance of a pair's correlation exceeds that of independent rows.

    Bartlett's (1935) sum over all lags of the product of both autocorrelations (in tests: Pyper and Peterman 1998), as the
    mean product of the autoregressions' normalised spectra. n divided by it is the effective sample size.
    """
    power = np.abs(np.fft.rfft(coefficients, GRID, axis=1)) ** -2.0
    weight = np.full(power.shape[1], 2.0 / GRID)
    weight[0] = weight[-1] = 1.0 / GRID
    power /= (power * weight).sum(1, keepdims=True)
    return (power * weight) @ power.T


@kernel(void(reads(float64, 2), reads(float64, 2), writes(float64, 2)))
def _innovate(values: F64, coefficients: F64, found: F64) -> None:
    series, n = values.shape
    order = coefficients.shape[1] - 1
    filled = np.empty(n)
    for s in range(series):
        for t in range(n):
            predicted = 0.0
            for k in range(1, min(order, t) + 1):
                predicted -= coefficients[s, k] * filled[t - k]
            value = values[s, t]
            if np.isfinite(value):
                filled[t] = value
                found[s, t] = value - predicted
            else:
                filled[t] = predicted
                found[s, t] = np.nan
