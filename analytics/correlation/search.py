"""Which series go together, and at what lag? All pairs, with an honest p-value each and control of false discoveries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.binning import within_one
from analytics.correlation.linear import at_lags, best_lags
from analytics.correlation.report import Correlations, Method
from analytics.correlation.significance import Found, all_pairs, conclude, of_best, student
from analytics.correlation.tables import DISTANCE_CELLS, Coded, coded, information_cells, search
from analytics.correlation.whitening import evened, innovations, ranks, redundancy
from analytics.kernels import F64, I64, Bools


def correlate(
    values: F64,
    *,
    names: Sequence[str],
    max_lag: int = 0,
    method: Method = "pearson",
    partial: bool = False,
    fdr: float = 0.05,
    any_dependence: bool = False,
    min_effective: int = 10,
) -> Correlations:
    """Relations among the columns of float64[n, p], rows in order of time and evenly spaced; NaN and infinities are missing.

    Every pair is searched over lags -``max_lag`` to ``max_lag`` rows. What is judged are the normal scores of the series'
    innovations (see ``whitening``), so that autocorrelation, trends, random walks and spikes do not pass for relations;
    these are independent from lag to lag, so the best is corrected by Sidak's (1967) 1 - (1 - p)^lags. ``fdr`` bounds the
    expected share of false pairs among those found: by Benjamini and Hochberg (1995), or with ``any_dependence`` by
    Benjamini and Yekutieli (2001), which holds whatever the pairs have in common.

    ``partial``: given all other columns, at lag 0, over the rows where all have a value. ``spearman`` and
    ``mutual_information`` look at ranks only. A pair whose effective sample size (rows over ``redundancy``) or rows of
    innovations are below ``min_effective`` is ``not enough data``; a column of one value makes its pairs ``constant``.

    Raises ``ValueError`` for a shape, name or option that makes no sense.
    """
    table = _checked(values, names, max_lag, method, partial, fdr, min_effective)
    p = table.shape[0]
    first, second = all_pairs(p)
    if method in ("spearman", "mutual_information"):
        table = np.stack([ranks(row) for row in table]) - 0.5
    here = np.isfinite(table)
    varies = np.where(here, table, np.inf).min(1, initial=np.inf) < np.where(here, table, -np.inf).max(
        1, initial=-np.inf
    )
    fresh, coefficients = innovations(table)
    fresh = evened(fresh)
    excess = redundancy(coefficients)[first, second]
    if partial:
        found = _partial(table, fresh, first, second, varies, names)
    elif method in ("pearson", "spearman"):
        found = _linear(table, fresh, first, second, max_lag)
    else:
        found = _by_table(table, fresh, first, second, max_lag, method == "distance")
    enough = here.sum(1) >= min_effective
    effective = found.n / np.maximum(excess, 1.0)
    judged = (found.tested >= max(min_effective, 3)) & (effective >= min_effective) & varies[first] & varies[second]
    still = (enough & ~varies)[first] | (enough & ~varies)[second]
    given = p - 2 if partial else 0 if method in ("pearson", "spearman") else None
    pairs = conclude(names, found, judged, still, effective, given=given, fdr=fdr, any_dependence=any_dependence)
    return Correlations(method, partial, max_lag, fdr, pairs)


def _checked(
    values: F64, names: Sequence[str], max_lag: int, method: str, partial: bool, fdr: float, min_effective: int
) -> F64:
    """float64[p, n], scaled and centred, NaN where missing."""
    if values.ndim != 2:
        raise ValueError(f"values of {values.ndim} dimensions: pass one row a time and one column a series")
    n, p = values.shape
    if len(names) != p or len(set(names)) != p:
        raise ValueError(f"{len(set(names))} different names for {p} columns")
    if p < 2 or not n:
        raise ValueError(f"{p} columns of {n} rows: a correlation needs two columns and a row")
    if method not in ("pearson", "spearman", "distance", "mutual_information"):
        raise ValueError(f"method {method!r}: choose pearson, spearman, distance or mutual_information")
    if max_lag < 0 or (max_lag and max_lag >= n):
        raise ValueError(f"max_lag {max_lag} with {n} rows: choose 0 to {max(n - 1, 0)}")
    if partial and (max_lag or method not in ("pearson", "spearman")):
        raise ValueError("partial goes with pearson or spearman at lag 0: set max_lag=0")
    if not 0 < fdr < 1:
        raise ValueError(f"fdr {fdr}: choose a share between 0 and 1")
    if min_effective < 4:
        raise ValueError(f"min_effective {min_effective}: a correlation needs at least 4 rows")
    columns = np.asarray(values, np.float64).T
    scaled = [within_one(np.where(np.isfinite(c), c, np.nan)) for c in columns]
    return np.stack([c - np.mean(c, where=np.isfinite(c)) if np.isfinite(c).any() else c for c in scaled])


def _linear(table: F64, fresh: F64, first: I64, second: I64, max_lag: int) -> Found:
    best = best_lags(fresh, max_lag)
    ahead = best.t2[first, second] >= best.t2[second, first]
    i, j = np.where(ahead, first, second), np.where(ahead, second, first)
    lag = np.where(ahead, best.lag[i, j], -best.lag[i, j])
    coefficient, n = np.empty(len(first)), np.empty(len(first), np.int64)
    at_lags(table, first, second, lag, coefficient, n)
    tested, t2 = best.n[i, j], best.t2[i, j]
    p = student(t2, tested - 2)
    return Found(lag, coefficient, n, best.coefficient[i, j], tested, of_best(p, 2 * max_lag + 1))


def _by_table(table: F64, fresh: F64, first: I64, second: I64, max_lag: int, by_distance: bool) -> Found:
    from scipy.special import chdtrc

    most = DISTANCE_CELLS if by_distance else information_cells(fresh.shape[1])
    new = coded(fresh, most)
    edge = np.full(len(first), max_lag, np.int64)
    statistic, innovations_, tested, lag = _search(new, by_distance, first, second, -edge, edge)
    coefficient, n = _search(coded(table, most), by_distance, first, second, lag, lag)[1:3]
    if by_distance:
        p = _gamma_tail(statistic, new.cumulants[first], new.cumulants[second])
    else:
        a, b = (np.maximum(new.cells[side], 2) for side in (first, second))
        # Williams's (1976) correction of G for few rows, for cells of equal mass.
        correction = 1 + (a + 1) * (b + 1) / (6 * np.maximum(tested, 1))
        p = chdtrc((a - 1) * (b - 1), np.maximum(statistic, 0.0) / correction)
    return Found(lag, coefficient, n, innovations_, tested, of_best(p, 2 * max_lag + 1))


def _search(new: Coded, by_distance: bool, first: I64, second: I64, low: I64, high: I64) -> tuple[F64, F64, I64, I64]:
    pairs = len(first)
    statistic, coefficient = np.empty(pairs), np.empty(pairs)
    n, lag = np.empty(pairs, np.int64), np.empty(pairs, np.int64)
    search(new.code, new.means, new.cells, by_distance, first, second, low, high, 4, statistic, coefficient, n, lag)
    return statistic, coefficient, n, lag


def _gamma_tail(statistic: F64, x: F64, y: F64) -> F64:
    """P(n dCov^2 >= statistic) for independent series with these cumulants (Hall, Buckley, Eagleson)."""
    from scipy.special import chdtrc

    first, second, third = (factor * x[:, k] * y[:, k] for k, factor in enumerate((1.0, 2.0, 8.0)))
    known = third > 0
    freedom = 8 * second**3 / np.where(known, third, 1.0) ** 2
    scaled = (statistic - first) / np.sqrt(np.where(known, second, 1.0)) * np.sqrt(2 * freedom) + freedom
    return np.where(known & (scaled > 0), chdtrc(np.where(known, freedom, 1.0), np.maximum(scaled, 0.0)), 1.0)


def _partial(table: F64, fresh: F64, first: I64, second: I64, varies: Bools, names: Sequence[str]) -> Found:
    use = np.flatnonzero(varies)
    (raw, n), (new, tested) = (_given_others(side, use, names) for side in (table, fresh))
    r = new[first, second]
    freedom = tested - len(use)
    p = student(r * r * freedom / (1 - r * r), np.full(len(r), freedom))
    pairs = np.zeros(len(r), np.int64)
    # Rows that the other columns use up tell nothing about the pair.
    spare = max(freedom + 2, 0)
    return Found(pairs, raw[first, second], pairs + n, r, pairs + spare, p)


def _given_others(table: F64, use: I64, names: Sequence[str]) -> tuple[F64, int]:
    """Partial correlations float64[p, p] by the inverse of the correlations, 0 where not known, and the complete rows."""
    found = np.zeros((len(table), len(table)))
    rows = table[use][:, np.isfinite(table[use]).all(0)]
    n = rows.shape[1]
    if n <= len(use) + 1 or len(use) < 2 or (rows.min(1) == rows.max(1)).any():
        return found, n
    values, vectors = np.linalg.eigh(np.corrcoef(rows))
    if values[0] < 1e-10:
        involved = [names[use[k]] for k in np.flatnonzero(np.abs(vectors[:, 0]) > 1e-3)]
        clique = ", ".join(map(repr, involved))
        raise ValueError(f"{clique} determine one another: leave one out for partial correlations")
    inverse = (vectors / values) @ vectors.T
    scale = np.sqrt(np.diag(inverse))
    found[np.ix_(use, use)] = np.clip(-inverse / scale / scale[:, None], -1 + 1e-15, 1 - 1e-15)
    return found, n
