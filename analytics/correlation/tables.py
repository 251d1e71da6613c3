"""Dependence of any shape, from the joint table of two series cut into cells of equal mass.

- *Distance correlation* (Szekely, Rizzo, Bakirov 2007): zero only for independent series. Here between the means of up to
  32 cells a series, less its mean under independence (after Szekely and Rizzo 2013). The statistic n dCov^2 is under
  independence a weighted sum of chi-squares whose first three cumulants the marginal distributions give; its tail is
  that of the shifted gamma distribution with the same three (Hall 1983; Buckley and Eagleson 1988).
- *Mutual information* in nats of the table of 3 to 8 cells a series, less Miller's (1955) bias; 2 n times it is the G
  statistic, chi-squared with (a - 1)(b - 1) degrees of freedom under independence (Wilks 1938).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import float64, int32, int64, void

from analytics.binning import equal_mass
from analytics.kernels import F64, I32, I64, kernel, reads, writes

DISTANCE_CELLS = 32


class Coded(NamedTuple):
    """Series cut into cells."""

    code: I32
    """int32[p, n], -1 where missing."""
    means: F64
    """float64[p, cells], of each cell; zero beyond a series' own cells."""
    cells: I64
    """int64[p]: cells of each series."""
    cumulants: F64
    """float64[p, 3]: power sums of the eigenvalues of the centred distances."""


def information_cells(n: int) -> int:
    """Cells a series so that about twenty rows are expected in a cell of the table."""
    return max(3, min(8, int((n / 20) ** 0.5)))


def coded(values: F64, most: int) -> Coded:
    """Cut each of float64[p, n] into at most ``most`` cells."""
    cut = [equal_mass(row, most) for row in values]
    means, cumulants = np.zeros((len(values), most)), np.zeros((len(values), 3))
    for s, (_, rows, mean) in enumerate(cut):
        means[s, : len(mean)] = mean
        if len(rows) > 1:
            weight = rows / rows.sum()
            apart = np.abs(mean[:, None] - mean)
            centre = apart @ weight
            centred = centre[:, None] + centre - apart - weight @ centre
            power = centred * weight
            cumulants[s] = np.trace(power), np.sum(power * power.T), np.sum(power @ power * power.T)
    cells = np.array([len(rows) for _, rows, _ in cut], np.int64)
    return Coded(np.stack([code for code, _, _ in cut]), means, cells, cumulants)


@kernel(int64(reads(int32), reads(int32), int64, writes(int64, 2)))
def _table(x: I32, y: I32, lag: int, table: I64) -> int:
    n, rows = 0, x.shape[0]
    table[:] = 0
    for t in range(max(0, -lag), min(rows, rows - lag)):
        a, b = x[t], y[t + lag]
        if a >= 0 and b >= 0:
            table[a, b] += 1
            n += 1
    return n


@kernel(float64(reads(int64, 2), int64, int64, int64))
def _information(table: I64, n: int, cells_x: int, cells_y: int) -> float:
    """G / 2n: plug-in mutual information in nats."""
    columns = np.zeros(cells_y)
    for a in range(cells_x):
        for b in range(cells_y):
            columns[b] += table[a, b]
    found = 0.0
    for a in range(cells_x):
        row = 0.0
        for b in range(cells_y):
            row += table[a, b]
        for b in range(cells_y):
            if table[a, b] > 0:
                found += table[a, b] / n * np.log(table[a, b] * n / (row * columns[b]))
    return found


@kernel(void(reads(int64, 2), int64, reads(float64), reads(float64), int64, int64, writes(float64)))
def _distance(table: I64, n: int, x: F64, y: F64, cells_x: int, cells_y: int, found: F64) -> None:
    """dCov^2, dVar^2 of x and of y, mean distances of x and of y."""
    p, q = np.zeros(cells_x), np.zeros(cells_y)
    for a in range(cells_x):
        for b in range(cells_y):
            share = table[a, b] / n
            p[a] += share
            q[b] += share
    mean_x, own_x, square_x = 0.0, np.zeros(cells_x), 0.0
    for a in range(cells_x):
        for c in range(cells_x):
            apart = abs(x[a] - x[c])
            own_x[a] += p[c] * apart
            square_x += p[a] * p[c] * apart * apart
        mean_x += p[a] * own_x[a]
    mean_y, own_y, square_y = 0.0, np.zeros(cells_y), 0.0
    for b in range(cells_y):
        for d in range(cells_y):
            apart = abs(y[b] - y[d])
            own_y[b] += q[d] * apart
            square_y += q[b] * q[d] * apart * apart
        mean_y += q[b] * own_y[b]
    joint, cross = 0.0, 0.0
    near = np.empty(cells_y)
    for a in range(cells_x):
        near[:] = 0.0
        for c in range(cells_x):
            apart = abs(x[a] - x[c]) / n
            for d in range(cells_y):
                near[d] += apart * table[c, d]
        for b in range(cells_y):
            if table[a, b] > 0:
                share, total = table[a, b] / n, 0.0
                for d in range(cells_y):
                    total += near[d] * abs(y[b] - y[d])
                joint += share * total
                cross += share * own_x[a] * own_y[b]
    spread_x, spread_y = square_x + mean_x * mean_x, square_y + mean_y * mean_y
    for a in range(cells_x):
        spread_x -= 2 * p[a] * own_x[a] * own_x[a]
    for b in range(cells_y):
        spread_y -= 2 * q[b] * own_y[b] * own_y[b]
    found[0] = joint + mean_x * mean_y - 2 * cross
    found[1], found[2], found[3], found[4] = spread_x, spread_y, mean_x, mean_y


@kernel(
    void(
        reads(int32, 2),
        reads(float64, 2),
        reads(int64),
        int64,
        reads(int64),
        reads(int64),
        reads(int64),
        reads(int64),
        int64,
        writes(float64),
        writes(float64),
        writes(int64),
        writes(int64),
    )
)
def search(
    code: I32,
    means: F64,
    cells: I64,
    by_distance: int,
    first: I64,
    second: I64,
    lowest: I64,
    highest: I64,
    least: int,
    statistic: F64,
    coefficient: F64,
    n: I64,
    lag: I64,
) -> None:
    """For each pair the lag in [lowest, highest] with the largest statistic (n dCov^2, or G), its coefficient and rows.

    Lags with fewer than ``least`` rows are passed over; the statistic is -1 where that leaves none.
    """
    table = np.zeros((means.shape[1], means.shape[1]), np.int64)
    found = np.zeros(5)
    for pair in range(first.shape[0]):
        i, j = first[pair], second[pair]
        statistic[pair], coefficient[pair], n[pair], lag[pair] = -1.0, 0.0, 0, 0
        for k in range(lowest[pair], highest[pair] + 1):
            rows = _table(code[i], code[j], k, table)
            if rows < max(least, 1) or cells[i] < 2 or cells[j] < 2:
                continue
            if by_distance:
                _distance(table, rows, means[i], means[j], int(cells[i]), int(cells[j]), found)
                now = rows * found[0]
                spread = np.sqrt(max(found[1] * found[2], 0.0))
                less = found[0] - found[3] * found[4] / rows
                value = np.sqrt(min(max(less / spread, 0.0), 1.0)) if spread > 0 else 0.0
            else:
                plain = _information(table, rows, int(cells[i]), int(cells[j]))
                now = 2 * rows * plain
                value = max(plain - (cells[i] - 1) * (cells[j] - 1) / (2.0 * rows), 0.0)
            if now > statistic[pair] or (now == statistic[pair] and abs(k) < abs(lag[pair])):
                statistic[pair], coefficient[pair] = now, value
                n[pair], lag[pair] = rows, k
