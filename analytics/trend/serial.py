"""How much less serially correlated values tell than independent ones.

The correlation is that of an autoregression of order 1 to ``ORDERS``, its order by BIC, fitted to the normal scores of
the values, so that a spike or a heavy tail does not hide it. Fitted to values less their trend, an autoregression
comes out too weak by about (2 + 4 phi) / n (Shaman, Stine 1988); it is taken as strong as that says it is.
"""

from __future__ import annotations

import numpy as np

from analytics.kernels import F64

ORDERS = 6
PERSISTENT = 0.99
"""The autoregression's coefficients sum to at most this: beyond it nothing could be told at all."""


def autocovariance(value: F64, lags: int) -> F64:
    """Autocovariance of values of mean zero at lags 0 to ``lags``, each divided by n."""
    n = len(value)
    spectrum = np.fft.rfft(value, 2 * n)
    return np.fft.irfft(spectrum * spectrum.conj(), 2 * n)[: lags + 1] / n


def normal_scores(value: F64) -> F64:
    """The normal quantiles of the ranks; ties share their mean rank."""
    from scipy.special import ndtri

    _, place, ties = np.unique(value, return_inverse=True, return_counts=True)
    ranks = np.cumsum(ties) - (ties - 1) / 2
    scores = np.asarray(ndtri((ranks - 0.5) / len(value)), np.float64)[place]
    return scores - scores.mean()


def autoregression(value: F64) -> F64:
    """Coefficients of lags 1, 2, …, bias-corrected; none where nothing correlates positively."""
    n = len(value)
    covariance = autocovariance(normal_scores(value), min(ORDERS, n // 10))
    if len(covariance) < 2 or covariance[0] <= 0:
        return np.zeros(0)
    best, least = np.zeros(0), np.inf
    fitted, error = np.zeros(0), float(covariance[0])
    for order in range(1, len(covariance)):
        reflection = (covariance[order] - float(fitted @ covariance[order - 1 : 0 : -1])) / error
        fitted = np.append(fitted - reflection * fitted[::-1], reflection)
        error *= 1 - reflection * reflection
        if error <= 0:
            break
        criterion = n * np.log(error) + order * np.log(n)
        if criterion < least:
            best, least = fitted, criterion
    total = float(best.sum())
    if total <= 0:
        return np.zeros(0)
    corrected = min((total + (len(best) + 1) / n) / (1 - 4 / n), PERSISTENT)
    return best * (corrected / total)


def autocorrelation(coefficients: F64, lags: int) -> F64:
    """What autoregression ``coefficients`` mean for lags 0 to ``lags``: Yule-Walker solved, then the recursion.

    Zero once as many in a row as the order are below 1e-18: nothing that could be added up comes after.
    """
    order = len(coefficients)
    rho = np.zeros(lags + 1)
    rho[0] = 1.0
    if order == 0:
        return rho
    system, right = np.eye(order), coefficients.copy()
    for lag in range(1, order + 1):
        for other in range(1, order + 1):
            if lag != other:
                system[lag - 1, abs(lag - other) - 1] -= coefficients[other - 1]
    head = np.linalg.solve(system, right)[:lags]
    rho[1 : 1 + len(head)] = head
    for lag in range(order + 1, lags + 1):
        before = rho[lag - order : lag]
        if lag % order == 0 and np.abs(before).max() < 1e-18:
            break
        rho[lag] = float(coefficients @ before[::-1])
    return rho


def inflation(residual: F64, weights: F64) -> float:
    """Var(weights · residual) over what it would be were the residuals independent; at least 1."""
    n = len(residual)
    coefficients = autoregression(residual)
    products = autocovariance(weights, n - 1)
    if len(coefficients) == 0 or products[0] <= 0:
        return 1.0
    rho = autocorrelation(coefficients, n - 1)
    return max(1.0, float(1 + 2 * (rho[1:] @ products[1:]) / products[0]))


def effective(n: int, times: float) -> float:
    """Degrees of freedom left of ``n`` values for a trend, when correlation inflates a variance so many times."""
    return max(n / times - 2, 1.5)
