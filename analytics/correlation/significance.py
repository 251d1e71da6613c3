"""From what was found for each pair to what may be said of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analytics.correlation.report import Pair, Status
from analytics.kernels import F64, I64, Bools

_NORMAL_975 = 1.959963984540054


class Found(NamedTuple):
    """A row for each pair, in the order of ``all_pairs``."""

    lag: I64
    coefficient: F64
    n: I64
    innovations: F64 | None
    tested: I64
    """Rows of innovations."""
    p_value: F64


def all_pairs(series: int) -> tuple[I64, I64]:
    """First and second of each pair."""
    first, second = np.triu_indices(series, 1)
    return first.astype(np.int64), second.astype(np.int64)


def conclude(
    names: Sequence[str],
    found: Found,
    judged: Bools,
    still: Bools,
    effective: F64,
    *,
    given: int | None,
    fdr: float,
    any_dependence: bool,
) -> tuple[Pair, ...]:
    """The pairs, those that are not ``judged`` without figures; ``still``: one of the two is constant.

    ``given``: how many other series a linear coefficient is given; none for other coefficients, which get no interval.
    """
    q = _adjusted(found.p_value, judged, any_dependence)
    lower, upper = _interval(found.coefficient, effective, given)
    pairs: list[Pair] = []
    first, second = all_pairs(len(names))
    for k in range(len(first)):
        ok = bool(judged[k])
        status: Status = "judged" if ok else "constant" if still[k] else "not enough data"
        bounded = ok and lower[k] < upper[k]
        pairs.append(
            Pair(
                first=names[int(first[k])],
                second=names[int(second[k])],
                status=status,
                lag=int(found.lag[k]) if ok else None,
                coefficient=float(found.coefficient[k]) if ok else None,
                lower=float(lower[k]) if bounded else None,
                upper=float(upper[k]) if bounded else None,
                innovations=float(found.innovations[k]) if ok and found.innovations is not None else None,
                p_value=float(found.p_value[k]) if ok else None,
                q_value=float(q[k]) if ok else None,
                significant=ok and bool(q[k] <= fdr),
                n=int(found.n[k]),
                effective=float(effective[k]),
            )
        )
    return tuple(pairs)


def student(t2: F64, freedom: F64 | I64) -> F64:
    """Two-sided tail of Student's t; 1 without degrees of freedom."""
    from scipy.special import stdtr

    known = (freedom > 0) & (t2 >= 0)
    return np.where(known, 2 * stdtr(np.maximum(freedom, 1e-9), -np.sqrt(np.maximum(t2, 0.0))), 1.0)


def of_best(p: F64, lags: int) -> F64:
    """The chance that the best of so many independent lags is this good (Sidak 1967)."""
    return -np.expm1(lags * np.log1p(-np.minimum(p, 1 - 1e-16)))


def _adjusted(p: F64, judged: Bools, any_dependence: bool) -> F64:
    """q-values of the judged pairs, 1 for the others."""
    q = np.ones(len(p))
    m = int(judged.sum())
    if m:
        chosen = np.flatnonzero(judged)
        order = chosen[np.argsort(p[chosen], kind="stable")]
        rank = np.arange(1, m + 1)
        factor = float((1 / rank).sum()) if any_dependence else 1.0
        q[order] = np.minimum(np.minimum.accumulate((p[order] * factor * m / rank)[::-1])[::-1], 1.0)
    return q


def _interval(coefficient: F64, effective: F64, given: int | None) -> tuple[F64, F64]:
    """Fisher's (1921) 95 % interval; empty where there is none."""
    freedom = effective - 3 - given if given is not None else np.zeros(len(effective))
    half = _NORMAL_975 / np.sqrt(np.maximum(freedom, 1e-9))
    middle = np.arctanh(np.clip(coefficient, -1 + 1e-15, 1 - 1e-15))
    return np.tanh(middle - half), np.where(freedom > 0, np.tanh(middle + half), -2.0)
