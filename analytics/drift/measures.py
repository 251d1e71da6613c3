"""Measures of how far two samples of a column are apart, for many divisions into two samples at once.

- ``ks``: the largest difference of the distribution functions (Kolmogorov 1933, Smirnov 1939).
- ``wasserstein``: the area between them, in pooled standard deviations (Vallender 1974).
- ``psi``: population stability index, sum (p - q) ln(p / q) over bins, half a row added to each bin so that it is finite.
- ``jensen_shannon``: distance in [0, 1], the square root of the divergence in bits (Lin 1991; Endres, Schindelin 2003).
- ``chi2``: Pearson's statistic of the 2 x k table.
- ``missing``: the difference of the shares of missing values.

All are symmetric in the two samples. Each comes with its *strength*: its square (or itself, where it is already one) times
n m / (n + m), which under equal distributions has a limit that does not depend on the sizes n and m.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analytics.drift.contingency import CodedColumn
from analytics.kernels import F64, I64

NUMERIC = ("ks", "wasserstein", "psi", "jensen_shannon", "missing")
CATEGORICAL = ("chi2", "psi", "jensen_shannon", "missing")
SQUARED = frozenset({"ks", "wasserstein", "jensen_shannon", "missing"})
AT_MOST_ONE = frozenset({"ks", "jensen_shannon", "missing"})


def names(column: CodedColumn) -> tuple[str, ...]:
    """The measures of this column, in the order of ``measure``'s columns."""
    return NUMERIC if column.kind == "numeric" else CATEGORICAL


def measure(column: CodedColumn, one: npt.NDArray[np.integer], total: I64) -> tuple[F64, F64]:
    """Measures and their strengths, float64[draws, measures] each.

    ``one``: int[draws, width] counts of one sample; ``total``: int64[width] counts of both. Zero where one has no value.
    """
    first, second = one.astype(np.float64), (total - one).astype(np.float64)
    rows_1, rows_2 = first.sum(1), second.sum(1)
    gap = first[:, -1] / rows_1 - second[:, -1] / rows_2
    missing = (np.abs(gap), gap * gap * _size(rows_1, rows_2))
    first, second = first[:, :-1], second[:, :-1]
    n, m = (
        np.maximum(rows_1 - one[:, -1], 1e-300)[:, None],
        np.maximum(rows_2 - (total[-1] - one[:, -1]), 1e-300)[:, None],
    )
    size = _size(n[:, 0], m[:, 0]) * ((n >= 1) & (m >= 1))[:, 0]
    found: list[tuple[F64, F64]] = []
    if column.kind == "numeric":
        apart = np.abs(np.cumsum(first / n, 1) - np.cumsum(second / m, 1))
        ks, area = apart.max(1, initial=0.0), apart[:, :-1] @ column.gaps
        found += [(ks, ks * ks * size), (area, area * area * size)]
        first, second = np.add.reduceat(first, column.bins, 1), np.add.reduceat(second, column.bins, 1)
    else:
        expected = (first + second) / (n + m)
        chi2 = np.where(expected > 0, (first / n - second / m) ** 2 / np.maximum(expected, 1e-300), 0.0).sum(1) * size
        found.append((chi2, chi2))
    k = first.shape[1]
    p, q = (first + 0.5) / (n + 0.5 * k), (second + 0.5) / (m + 0.5 * k)
    psi = ((p - q) * np.log(p / q)).sum(1)
    p, q = first / n, second / m
    middle = np.maximum((p + q) / 2, 1e-300)
    divergence = (_xlog2(p, middle) + _xlog2(q, middle)).sum(1) / 2
    divergence = np.clip(divergence, 0.0, 1.0)
    found += [(psi, psi * size), (np.sqrt(divergence), divergence * size), missing]
    values, strengths = (np.stack(side, 1) for side in zip(*found, strict=True))
    none = size == 0
    values[none, :-1], strengths[none, :-1] = 0.0, 0.0
    return values, strengths


def from_strength(name: str, strength: float, size: float) -> float:
    """The measure that has this strength in samples of size n m / (n + m) = ``size``."""
    if name == "chi2":
        return strength
    return float(np.sqrt(strength / size)) if name in SQUARED else strength / size


def _size(n: F64, m: F64) -> F64:
    return n * m / (n + m)


def _xlog2(p: F64, q: F64) -> F64:
    return np.where(p > 0, p * np.log2(np.maximum(p, 1e-300) / q), 0.0)
