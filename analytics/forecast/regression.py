"""Ridge autoregressions on chosen lags: what a seasonal ARIMA would say, in a millisecond.

A seasonal ARIMA at season 24 or 52 takes minutes; a linear regression on the few lags that matter (the last steps, about one
season ago, whole seasons ago) takes one solve, and iterated ahead it beat each of statsforecast's single models on long
seasonal histories when tried within the training part of M4. Ridge: Hoerl and Kennard (1970).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.kernels import F64, I64

_DENSE = 26
"""The longest season whose every lag is a regressor."""


def lags(seasons: Sequence[int], rows: int) -> I64:
    """The lags that matter, sorted; none so long that it leaves fewer than half of ``rows`` to learn from."""
    chosen = {1, 2, 3, 4}
    if seasons:
        first, last = seasons[0], seasons[-1]
        if first <= _DENSE:
            chosen |= set(range(1, first + 2)) | {2 * first, 2 * first + 1}
        else:
            chosen |= {first // 6, first // 4, first // 2, *range(first - 2, first + 3), 2 * first}
        if last > first:
            chosen |= set(range(first, last + 1, first)) | {last - 1, last, last + 1, last + 2}
        else:
            chosen |= {3 * first} if first <= _DENSE else set()
    return np.array(sorted(lag for lag in chosen if 1 <= lag <= rows // 2), np.int64)


def cycle_lags(seasons: Sequence[int], rows: int) -> I64:
    """Whole seasons ago: the same place of each cycle of the longer season, at least of seven; and two longer ones ago."""
    first, last = seasons[0], max(seasons[-1], 7 * seasons[0])
    return np.array([lag for lag in (*range(first, last + 1, first), 2 * last) if lag <= rows // 2], np.int64)


def autoregress(y: F64, horizon: int, chosen: I64, difference: int, ridge: float) -> F64:
    """float64[horizon] of ``y``, differenced at ``difference`` (0: not), regressed on ``chosen`` lags, iterated ahead.

    On the logarithm if all values are well above zero. A step never goes beyond what the history has shown by more than a
    quarter of its range. ValueError where the history is too short.
    """
    logs = bool(y.min() > 0.01 * np.median(y) and y.min() > 0)
    x = np.log(y) if logs else y
    z = x[difference:] - x[:-difference] if difference else x
    deepest = int(chosen[-1]) if chosen.shape[0] else 0
    if not deepest or z.shape[0] < deepest + chosen.shape[0] + 4:
        raise ValueError(f"{z.shape[0]} values do not carry a regression on {chosen.shape[0]} lags up to {deepest}")
    mean, deviation = z.mean(), z.std() or 1.0
    z = (z - mean) / deviation
    rows = z.shape[0]
    X = np.stack([z[deepest - lag : rows - lag] for lag in chosen], axis=1)
    weights = np.linalg.solve(X.T @ X + ridge * np.eye(chosen.shape[0]), X.T @ z[deepest:])
    slack = 0.25 * np.ptp(z)
    low, high = z.min() - slack, z.max() + slack
    path = np.concatenate([z, np.zeros(horizon)])
    for k in range(rows, rows + horizon):
        path[k] = min(max(float(path[k - chosen] @ weights), low), high)
    ahead = path[rows:] * deviation + mean
    if difference:
        whole = np.concatenate([x[-difference:], np.zeros(horizon)])
        for k in range(horizon):
            whole[difference + k] = whole[k] + ahead[k]
        ahead = whole[difference:]
    return np.exp(ahead) if logs else ahead
