"""The exact best cut of a series into segments of one level, or one line, at a price for each cut.

Optimal partitioning (Jackson et al. 2005), pruned as by PELT (Killick, Fearnhead, Eckley 2012): over all partitions
the least sum of squared residuals plus ``price`` for each cut. PELT drops a start once a cut here and now beats it;
where segments have a shortest length that cut is no choice before as many rows have passed, so the start lives as
long. Several dimensions share their cuts. Sums are of values less their series' mean, kept cumulatively, so a
segment's cost takes constant time.
"""

from __future__ import annotations

import numpy as np
from numba import float64, int64

from analytics.kernels import F64, I64, kernel, reads

LEVELS, LINES = 0, 1


@kernel(int64[::1](reads(float64, 2), float64, int64, int64))
def cuts(value: F64, price: float, shortest: int, shape: int) -> I64:
    """First indices of all segments but the first, ascending. ``value`` is n x d; ``shape``: LEVELS or LINES.

    No segment is shorter than ``shortest``, at least 1 for levels and 2 for lines.
    """
    n, dims = value.shape
    sums, moments, squares = np.zeros((n + 1, dims)), np.zeros((n + 1, dims)), np.zeros(n + 1)
    for dim in range(dims):
        mean = 0.0
        for row in range(n):
            mean += value[row, dim] / n
        for row in range(n):
            centred = value[row, dim] - mean
            sums[row + 1, dim] = sums[row, dim] + centred
            moments[row + 1, dim] = moments[row, dim] + centred * row
            squares[row + 1] += centred * centred
    for row in range(n):
        squares[row + 1] += squares[row]
    best = np.full(n + 1, np.inf)
    best[0] = -price
    before = np.zeros(n + 1, np.int64)
    alive, reached, beaten = np.zeros(n + 1, np.int64), np.zeros(n + 1), np.zeros(n + 1, np.int64)
    living = 0
    for end in range(shortest, n + 1):
        start = end - shortest
        if best[start] < np.inf:
            alive[living], beaten[living] = start, n + 1
            living += 1
        for which in range(living):
            start = alive[which]
            length = end - start
            cost = squares[end] - squares[start]
            for dim in range(dims):
                total = sums[end, dim] - sums[start, dim]
                cost -= total * total / length
                if shape == 1:
                    middle = start + (length - 1) / 2
                    spread = length * (length * length - 1.0) / 12
                    lean = moments[end, dim] - moments[start, dim] - middle * total
                    cost -= lean * lean / spread
            reached[which] = best[start] + max(cost, 0.0)
            if reached[which] + price < best[end]:
                best[end] = reached[which] + price
                before[end] = start
        kept = 0
        for which in range(living):
            since = beaten[which] if reached[which] <= best[end] else min(beaten[which], end)
            if end - since < shortest - 1:
                alive[kept], beaten[kept] = alive[which], since
                kept += 1
        living = kept
    count, end = 0, n
    while before[end] > 0:
        end = before[end]
        count += 1
    found = np.zeros(count, np.int64)
    end = n
    for place in range(count - 1, -1, -1):
        end = before[end]
        found[place] = end
    return found
